// Which calls of a simulation read what has a label: seen where the chain's own rules are asked, so that no way around them is a
// way around the log.
#pragma once

#include "evm/machine.hpp"
#include "rpc/labels.hpp"

#include <set>
#include <string>
#include <utility>

namespace cairn::rpc {

/// The chain's guard with an eye on it. Labels are those of the newest state, whatever the client wants the call to see. For one
/// request; one thread.
class ReadWatch final : public evm::CallGuard {
public:
    /// `context` must outlive this.
    explicit ReadWatch(const Context& context);
    /// The chain's contracts under this guard; null as long as nothing has a label.
    const evm::NativeContracts* natives() const { return labels_.any() ? &natives_ : nullptr; }
    /// What was read since the last time and not told before. AuditSinkFailed.
    Status report(const Address& sender);
    /// For an answer that nobody in particular gets: LabelForbidsRead if something with a label was read or changed.
    RpcResult<bool> readable_by_all(const ledger::StateDiff& changes);

    std::optional<Bytes> refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                 const evm::Message& message) const override;
    bool refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                            const Address& target) const override;

private:
    const Context& context_;
    const evm::CallGuard* rules_; // null: none
    evm::NativeContracts natives_;
    mutable Labels labels_;
    mutable std::set<std::pair<std::string, bool>> seen_; // object, whether it was refused
    std::set<std::pair<std::string, bool>> told_;
};

} // namespace cairn::rpc
