// The roll-over of an organisation's CA in three stages. `directory` is the organisation's; in it lie ca.*, from the first stage on ca-next.*,
// and between the second and the third ca-old.*. Each stage can be repeated after a crash.
#pragma once

#include "cli/certificates.hpp"
#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"

namespace cairn::cli {

/// 1: a second CA, which the chain trusts beside the first. CliPrecondition if the last roll-over is not finished.
Status trust_next_ca(const Invocation& invocation, const std::string& directory, RpcClient& rpc, const Sender& sender);
/// 2: every certificate anew by the second CA, which takes the place of the first in the directory. CliPrecondition if the chain does
/// not trust it; `rpc` null: it is not asked.
Result<std::vector<CertificateFolder>> reissue_by_next_ca(const Invocation& invocation, const std::string& directory,
                                                          RpcClient* rpc, std::uint64_t days);
/// 3: the chain trusts the first CA no more. CliPrecondition while a certificate of it is in the directory.
Status remove_old_ca(const Invocation& invocation, const std::string& directory, RpcClient& rpc, const Sender& sender);

} // namespace cairn::cli
