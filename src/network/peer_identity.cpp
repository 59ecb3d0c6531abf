#include "network/peer_identity.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"

namespace cairn::network {

Result<ValidatorIndex> identify_peer(BytesView certificate_der, const ledger::Genesis& genesis, const PeerTrust& trust,
                                     std::int64_t now) {
    CRN_TRY(claimed, crypto::claimed_consensus_key(certificate_der));
    const auto index = genesis.validators.index_of(claimed);
    if (!index)
        return fail(error::CertificateForeign, "no validator has the consensus key " + crypto::text_of(claimed));
    const auto& validator = genesis.validators.members[index->value];
    CRN_TRY(verified, crypto::verify_node_certificate(certificate_der, trust.cas_of(validator.organisation), now));
    if (verified != claimed) return fail(error::CertificateForeign, "names another consensus key");
    CRN_TRY(info, crypto::inspect_certificate_der(certificate_der));
    for (const auto& id : {info.fingerprint, info.key_id, crypto::keccak256(claimed.bytes)})
        if (trust.is_revoked(validator.organisation, id))
            return fail(error::CertificateRevoked, to_hex(id) + ", by " + validator.organisation);
    return *index;
}

} // namespace cairn::network
