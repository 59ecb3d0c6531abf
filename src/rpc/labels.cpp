#include "rpc/labels.hpp"

#include "base/errors/rpc.hpp"
#include "ledger/record.hpp"
#include "system/roles.hpp"

namespace cairn::rpc {

Labels::Labels(const node::Chain& chain) : next_(chain.head().value + 1) {
    auto view = chain.state(chain.head());
    if (view) {
        view_ = std::move(*view);
        any_ = system::has_labels(*view_);
    } else {
        unknown_ = view.error();
    }
}

Labels::Labels(const Context& context) : Labels(context.chain) { context_ = &context; }

RpcResult<bool> Labels::known() const {
    if (unknown_) return lift(Result<bool>{std::unexpected(*unknown_)});
    return true;
}

bool Labels::covers(const Address& contract) {
    if (!view_) return true;
    if (!any_) return false;
    const auto [entry, is_new] = known_.try_emplace(contract);
    if (is_new) entry->second = !system::subject_of(*view_, contract).at(next_).label.is_bottom();
    return entry->second;
}

RpcResult<bool> Labels::readable(const Address& contract) {
    if (!covers(contract)) return true;
    return refuse("contract " + to_hex(contract));
}

bool Labels::covers(const ledger::Log& log) {
    if (covers(log.address)) return true;
    return log.address == ledger::kRecordsContract && log.topics.size() > 1 && covers_record(log.topics[1]);
}

RpcResult<bool> Labels::readable_storage(const Address& contract) {
    if (any() && contract == ledger::kRecordsContract) return refuse("storage of the records");
    return readable(contract);
}

bool Labels::covers_record(const Hash256& digest) const {
    return !view_ || (any_ && !system::record_label_of(*view_, digest, Height{next_}).is_bottom());
}

RpcResult<bool> Labels::readable_record(const Hash256& digest) {
    if (!covers_record(digest)) return true;
    return refuse("record " + to_hex(digest));
}

std::unexpected<RpcError> Labels::refuse(std::string object) const {
    // Refused whatever the log says of it.
    if (context_ != nullptr) static_cast<void>(context_->report_read(object, std::nullopt, true));
    return std::unexpected(rejected({error::LabelForbidsRead, std::move(object)}));
}

} // namespace cairn::rpc
