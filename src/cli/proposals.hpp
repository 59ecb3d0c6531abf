// Reading the system contract Proposals.
#pragma once

#include "cli/rpc_client.hpp"

#include <optional>
#include <string_view>

namespace cairn::cli {

/// What the contract Proposals answers for a proposal: proposer, target, call, reason, matter, state, created, expires, ready (first block
/// that may carry it out), approvals, approvals needed, objections, objections needed.
inline constexpr std::string_view kProposalOutputs =
    "((address,address,bytes,string,uint8,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint256))";
enum class ProposalState : std::uint8_t { unknown, open, approved, executed, rejected, withdrawn, expired };
struct ProposalView {
    std::uint64_t id = 0;
    ProposalState state = ProposalState::unknown;
    std::uint64_t ready = 0;
    std::uint64_t approvals = 0;
    std::uint64_t needed = 0;
};
/// The newest proposal of this very call that is open, approved or executed; nothing if there is none.
Result<std::optional<ProposalView>> find_proposal(RpcClient& rpc, const Address& target, BytesView call);

} // namespace cairn::cli
