// What the node reads from the system contract Identities: which certificates are trusted, which are revoked, which accounts may
// send. Interface and storage: contracts/IIdentities.sol; the binding of an account: ledger/account_binding.hpp.
#pragma once

#include "base/types.hpp"
#include "ledger/account.hpp"
#include "ledger/account_binding.hpp"
#include "ledger/genesis.hpp"
#include "system/slots.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::system {

/// CA certificates of one organisation that are trusted at the same time, beside the one that Members keeps.
inline constexpr std::uint64_t kTrustedCasMax = 4;
inline constexpr std::size_t kCaDerBytesMax = 4096;
/// Accounts in one call of bindMany.
inline constexpr std::size_t kBindingsPerCallMax = 200;

struct Revocation {
    std::uint8_t reason = 0; // RFC 5280, 5.3.1
    Height height;
};

struct TrustedCa {
    Hash256 fingerprint; // SHA-256 of the certificate
    Bytes der;
    Height since;
};

/// Rises whenever a trusted CA or a revocation changes.
std::uint64_t trust_version_of(const ledger::StateView& view);
/// Whether the organisation's certificate in Members is still trusted.
bool trusts_founding_ca(const ledger::StateView& view, std::string_view organisation);
/// The others, in the order of their places; empty for an unknown organisation.
std::vector<TrustedCa> added_cas_of(const ledger::StateView& view, std::string_view organisation);
/// `id`: SHA-256 of a certificate, or of its public key (SubjectPublicKeyInfo).
std::optional<Revocation> revocation_of(const ledger::StateView& view, std::string_view organisation,
                                        const Hash256& id);

std::optional<ledger::AccountIdentity> identity_of(const ledger::StateView& view, const Address& account);
ledger::Standing standing_of(const ledger::StateView& view, const Address& account, std::uint64_t now);

/// Binds the accounts that genesis gives to organisations. `members` is written already.
void write_identities(Slots& slots, Slots& members, const ledger::Genesis& genesis);

} // namespace cairn::system
