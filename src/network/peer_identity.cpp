#include "network/peer_identity.hpp"

#include "base/errors/network.hpp"
#include "crypto/certificate.hpp"

namespace cairn::network {

Result<ValidatorIndex> identify_peer(BytesView certificate_der, const ledger::Genesis& genesis, std::int64_t now) {
    CRN_TRY(claimed, crypto::claimed_consensus_key(certificate_der));
    const auto index = genesis.validators.index_of(claimed);
    if (!index) return fail(error::CertificateForeign, "no validator has the consensus key " + to_hex(claimed));
    const auto& validator = genesis.validators.members[index->value];
    for (const auto& organisation : genesis.organisations) {
        if (organisation.name != validator.organisation) continue;
        CRN_TRY(verified, crypto::verify_node_certificate(certificate_der, organisation.ca_certificate_pem, now));
        if (verified != claimed) return fail(error::CertificateForeign, "names another consensus key");
        return *index;
    }
    return fail(error::CertificateForeign, "validator " + validator.name + " has no organisation in genesis");
}

} // namespace cairn::network
