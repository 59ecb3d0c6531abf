// Whose certificates count: what the chain says about CAs and revocations, as the network asks for it.
#pragma once

#include "base/bytes.hpp"
#include "ledger/genesis.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace cairn::network {

/// Thread-safe.
class PeerTrust {
public:
    virtual ~PeerTrust() = default;
    /// CA certificates (DER) that vouch for the nodes of this organisation.
    virtual std::vector<Bytes> cas_of(std::string_view organisation) const = 0;
    /// The same for its nodes as former validators: the organisation may have left.
    virtual std::vector<Bytes> former_cas_of(std::string_view organisation) const { return cas_of(organisation); }
    /// Whether nothing counts any more for which this certificate (SHA-256 of it), TLS key (SHA-256 of the SubjectPublicKeyInfo) or
    /// voting key (its Keccak-256) of the organisation speaks.
    virtual bool is_revoked(std::string_view organisation, const Hash256& id) const = 0;
};

/// What the founders agreed on: the CA of genesis for each organisation, nothing revoked. Copies what it needs.
std::shared_ptr<const PeerTrust> trust_of_genesis(const ledger::Genesis& genesis);

} // namespace cairn::network
