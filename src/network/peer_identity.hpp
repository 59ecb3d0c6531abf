// Which validator a TLS certificate stands for.
#pragma once

#include "base/result.hpp"
#include "ledger/genesis.hpp"

namespace cairn::network {

/// The validator whose consensus key the certificate names, if the CA of that validator's organisation issued it and it is
/// valid at `now` (seconds). CertificateForeign: no such validator, or another CA. CertificateInvalid: anything else.
Result<ValidatorIndex> identify_peer(BytesView certificate_der, const ledger::Genesis& genesis, std::int64_t now);

} // namespace cairn::network
