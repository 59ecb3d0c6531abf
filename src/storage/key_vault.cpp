#include "storage/key_vault.hpp"

namespace cairn::storage {

std::string_view name_of(KeyPurpose purpose) {
    switch (purpose) {
    case KeyPurpose::storage: return "storage";
    case KeyPurpose::backup: return "backup";
    case KeyPurpose::snapshot: return "snapshot";
    case KeyPurpose::audit: return "audit";
    case KeyPurpose::vault: return "vault";
    }
    return "unknown";
}

std::string_view name_of(KeyState state) {
    switch (state) {
    case KeyState::current: return "current";
    case KeyState::superseded: return "superseded";
    case KeyState::retired: return "retired";
    case KeyState::destroyed: return "destroyed";
    }
    return "unknown";
}

} // namespace cairn::storage
