// The registry of an organisation: who stands behind its accounts. It never leaves the organisation; the chain holds only a
// salted commitment to each name, and the organisation opens single entries to the regulator.
//
// File DIR/registry.json, readable by its owner alone. An entry is written before its commitment goes to the chain and is never
// removed: who was behind an account must stay known after the account has ended.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "ledger/account_binding.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::cli {

inline constexpr std::size_t kRegistryBytesMax = 64u << 20;
inline constexpr std::size_t kRealNameBytesMax = 256;

struct RegistryEntry {
    Address account;
    ledger::IdentityKind kind = ledger::IdentityKind::person;
    std::string name; // real name, UTF-8
    Hash256 salt;
    bool operator==(const RegistryEntry&) const = default;
};

/// SHA-256 of "cairn-identity-v1", salt, kind (one byte), account and name. With 256 bits of salt a name cannot be guessed.
Hash256 commitment_of(const RegistryEntry& entry);

/// What the organisation hands to the regulator: the entry alone, as JSON.
std::string proof_json(const RegistryEntry& entry);
/// Strict: exactly the members that proof_json writes. CliFileInvalid.
Result<RegistryEntry> proof_from_json(std::string_view text);

/// The last entry of an account is the valid one.
class Registry {
public:
    /// Strict: CliFileInvalid with the place; an empty registry if the file does not exist. CliSecretExposed.
    static Result<Registry> open(const std::string& organisation_directory);
    static Result<Registry> parse(std::string_view text);
    std::string text() const;

    const std::vector<RegistryEntry>& entries() const { return entries_; }
    std::optional<RegistryEntry> find(const Address& account) const;
    /// Adds and saves, synced. CliUsage for a name that is empty, too long, or no text.
    Result<RegistryEntry> add(const Address& account, ledger::IdentityKind kind, const std::string& name,
                              Random& random);

private:
    std::string path_;
    std::vector<RegistryEntry> entries_;
};

} // namespace cairn::cli
