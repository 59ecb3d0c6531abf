#include "network/peer_identity.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"

namespace cairn::network {

Result<ValidatorIndex> identify_peer(BytesView certificate_der, const ledger::ValidatorSet& set, const PeerTrust& trust,
                                     std::int64_t now, Whose whose) {
    CRN_TRY(claimed, crypto::claimed_consensus_key(certificate_der));
    CRN_TRY(info, crypto::inspect_certificate_der(certificate_der));
    auto index = set.index_of(claimed);
    for (std::uint16_t i = 0; i < set.size() && !index; ++i)
        if (set.members[i].name == info.common_name && set.members[i].organisation == info.organisation)
            index = ValidatorIndex{i};
    if (!index)
        return fail(error::CertificateForeign, "no validator has the consensus key " + crypto::text_of(claimed));
    const auto& validator = set.members[index->value];
    const auto cas =
        whose == Whose::former ? trust.former_cas_of(validator.organisation) : trust.cas_of(validator.organisation);
    CRN_TRY(verified, crypto::verify_node_certificate(certificate_der, cas, now));
    if (verified != claimed) return fail(error::CertificateForeign, "names another consensus key");
    // The seat's key, not the one that the certificate names: that may have been replaced because it leaked.
    std::vector<Hash256> judged{info.fingerprint, info.key_id};
    if (whose != Whose::own) judged.push_back(crypto::keccak256(validator.key.bytes));
    for (const auto& id : judged)
        if (trust.is_revoked(validator.organisation, id))
            return fail(error::CertificateRevoked, to_hex(id) + ", by " + validator.organisation);
    return *index;
}

} // namespace cairn::network
