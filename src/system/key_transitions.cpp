#include "system/key_transitions.hpp"

#include <array>

namespace cairn::system {
namespace {

constexpr std::uint8_t kOwner = 1;
constexpr std::uint8_t kOrganisations = 2;
constexpr std::uint8_t kProcedure = 4;
constexpr std::uint8_t kEither = kOwner | kOrganisations;
constexpr std::uint8_t kAll = kEither | kProcedure;

/// Rows: from. Columns: to. In the order of KeyState:
/// none, pre-activation, active, suspended, deactivated, compromised, destroyed, escrowed, lost, quarantined.
constexpr std::array<std::array<std::uint8_t, ledger::kKeyStates>, ledger::kKeyStates> kTable{{
    /* none           */ {0, kOwner, kOwner, 0, 0, 0, 0, 0, 0, 0},
    /* pre-activation */ {0, 0, kOwner, 0, 0, kEither, kEither, 0, 0, 0},
    /* active         */ {0, 0, 0, kEither, kOwner | kProcedure, kEither, 0, kOwner, kAll, kEither},
    /* suspended      */ {0, 0, kEither, 0, kOwner | kProcedure, kEither, 0, 0, kAll, kEither},
    /* deactivated    */ {0, 0, 0, 0, 0, kEither, kEither, 0, 0, 0},
    /* compromised    */ {0, 0, 0, 0, 0, 0, kEither, 0, 0, 0},
    /* destroyed      */ {0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    /* escrowed       */ {0, 0, kOwner, kEither, kOwner | kProcedure, kEither, 0, 0, kAll, kEither},
    /* lost           */ {0, 0, kOrganisations | kProcedure, 0, kOwner | kProcedure, kEither, 0, 0, 0, kEither},
    /* quarantined    */ {0, 0, kOrganisations, 0, kOrganisations | kProcedure, kEither, 0, 0, 0, 0},
}};

std::uint8_t bit_of(Asker asker) {
    switch (asker) {
    case Asker::owner: return kOwner;
    case Asker::organisations: return kOrganisations;
    case Asker::procedure: return kProcedure;
    }
    return 0;
}

} // namespace

bool is_allowed(KeyState from, KeyState to, Asker asker) {
    const auto row = static_cast<std::size_t>(from);
    const auto column = static_cast<std::size_t>(to);
    if (row >= ledger::kKeyStates || column >= ledger::kKeyStates) return false;
    return (kTable[row][column] & bit_of(asker)) != 0;
}

bool is_allowed_for_account_key(KeyState from, KeyState to, Asker asker) {
    if (from == KeyState::none)
        return false; // account keys come by a rotation or a reset, with a proof that somebody holds them
    // A deactivated key means that another one has taken its place.
    if (to == KeyState::deactivated && asker != Asker::procedure) return false;
    return is_allowed(from, to, asker);
}

} // namespace cairn::system
