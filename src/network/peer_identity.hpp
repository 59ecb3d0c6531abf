// Which validator a TLS certificate stands for.
#pragma once

#include "base/result.hpp"
#include "ledger/genesis.hpp"
#include "network/peer_trust.hpp"

namespace cairn::network {

/// The validator whose consensus key the certificate names, if a trusted CA of that validator's organisation issued it, it is
/// valid at `now` (seconds), and neither it nor its key is revoked. CertificateForeign: no such validator, or another CA.
/// CertificateRevoked, and the errors of crypto::verify_node_certificate.
Result<ValidatorIndex> identify_peer(BytesView certificate_der, const ledger::Genesis& genesis, const PeerTrust& trust,
                                     std::int64_t now);

} // namespace cairn::network
