// Which validator a TLS certificate stands for.
#pragma once

#include "base/result.hpp"
#include "ledger/genesis.hpp"
#include "network/peer_trust.hpp"

namespace cairn::network {

/// A node whose own voting key the chain has stopped still starts: it follows, until its new key is in the set.
enum class Whose : std::uint8_t { peer, own, former };

/// `former`: `set` is of validators that have a seat no more. The validator of `set` whose consensus key the certificate names, if a trusted CA of that validator's organisation issued it, it is
/// valid at `now` (seconds), and neither it nor its key is revoked. A peer's voting key, in that set, is not either. If no validator has the key, the one of the certificate's name
/// and organisation: its key changes with an epoch, and its certificate does not in the same instant. CertificateForeign: no such
/// validator, or another CA. CertificateRevoked, and the errors of crypto::verify_node_certificate.
Result<ValidatorIndex> identify_peer(BytesView certificate_der, const ledger::ValidatorSet& set, const PeerTrust& trust,
                                     std::int64_t now, Whose whose = Whose::peer);

} // namespace cairn::network
