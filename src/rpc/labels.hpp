// Labels for reads without a call: storage, proofs, logs, traces. The client listener knows nobody by name (its token is one for all), so what
// has a label is not read through it; who dominates the label reads by a call, or beside the node that he runs himself.
#pragma once

#include "node/chain.hpp"
#include "rpc/method.hpp"
#include "rpc/rpc_error.hpp"

#include <map>
#include <optional>

namespace cairn::rpc {

/// Labels as the newest state has them, whatever block is asked for: what was raised since is protected for its past too. While that
/// state cannot be read everything counts as labelled. For one request; one thread.
class Labels {
public:
    explicit Labels(const node::Chain& chain);
    /// Reports refusals.
    explicit Labels(const Context& context);
    bool any() const { return any_ || !view_; }
    /// Why the labels cannot be read: before an answer that would otherwise leave out everything.
    RpcResult<bool> known() const;
    bool covers(const Address& contract);
    /// The contract that wrote it, or the record of which it tells.
    bool covers(const ledger::Log& log);
    bool covers_record(const Hash256& digest) const;
    /// LabelForbidsRead.
    RpcResult<bool> readable(const Address& contract);
    /// As storage: a slot of the records does not say whose it is, so none of them is read once there are labels at all.
    RpcResult<bool> readable_storage(const Address& contract);
    RpcResult<bool> readable_record(const Hash256& digest);
    /// LabelForbidsRead, reported if there is somebody to report to.
    std::unexpected<RpcError> refuse(std::string object) const;

private:
    const Context* context_ = nullptr;
    std::shared_ptr<const ledger::StateView> view_;
    std::uint64_t next_ = 0; // block for which they count
    bool any_ = false;
    std::optional<Error> unknown_;
    std::map<Address, bool> known_;
};

} // namespace cairn::rpc
