// The validators of each epoch as an auditor knows them: genesis, and the handovers that lead on from it. Nothing of it is believed
// because somebody says so: every handover is checked with the set before.
#pragma once

#include "cli/invocation.hpp"
#include "cli/rpc_client.hpp"
#include "ledger/handovers.hpp"

namespace cairn::cli {

struct KnownChain {
    ledger::Genesis genesis;
    std::vector<ledger::KnownEpoch> epochs; // 0, 1, ...; not empty

    const ledger::ValidatorSet& present() const { return epochs.back().validators; }
    /// CliPrecondition, and how to get there, if no handover given leads to that epoch.
    Result<ledger::ValidatorSet> of(Epoch epoch) const;
};

/// From --genesis, which every organisation must have signed, and --handovers if it is given. HandoverInvalid.
Result<KnownChain> known_chain(const Invocation& invocation);
Result<KnownChain> known_chain(ledger::Genesis genesis, const std::optional<std::string>& handovers_file);
FlagSpec handovers_flag();

/// All that the node tells, unchecked. CliRpcInvalid.
Result<ledger::HandoverChain> fetch_handovers(RpcClient& rpc);

} // namespace cairn::cli
