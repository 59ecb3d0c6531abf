// Storage of Identities, entry by entry. Private to this folder.
#pragma once

#include "system/identities.hpp"

namespace cairn::system {

/// The variables of the contract over any storage. Places are below kTrustedCasMax.
class IdentityStorage {
public:
    explicit IdentityStorage(Slots& slots) : slots_(slots) {}

    std::optional<ledger::AccountIdentity> identity(const Address& account);
    Hash256 commitment(const Address& account);
    void bind(const Address& account, const ledger::AccountIdentity& identity, const Hash256& commitment);
    /// Keeps the commitment.
    void change(const Address& account, const ledger::AccountIdentity& identity);
    void unbind(const Address& account);

    bool founding_ca_removed(std::uint64_t organisation);
    void remove_founding_ca(std::uint64_t organisation);
    /// Zero for a free place.
    Hash256 fingerprint(std::uint64_t organisation, std::uint64_t place);
    TrustedCa ca(std::uint64_t organisation, std::uint64_t place);
    void trust(std::uint64_t organisation, std::uint64_t place, const TrustedCa& ca);
    void remove(std::uint64_t organisation, std::uint64_t place);

    std::optional<Revocation> revocation(std::uint64_t organisation, const Hash256& id);
    void revoke(std::uint64_t organisation, const Hash256& id, const Revocation& revocation);

    std::uint64_t version();
    void next_version();

private:
    Slots& slots_;
};

} // namespace cairn::system
