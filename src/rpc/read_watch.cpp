#include "rpc/read_watch.hpp"

#include "ledger/record.hpp"
#include "ledger/selector.hpp"

namespace cairn::rpc {

ReadWatch::ReadWatch(const Context& context)
    : context_(context), rules_(context.chain.natives().guard), labels_(context.chain) {
    if (!labels_.any()) return;
    natives_ = context.chain.natives();
    natives_.guard = this;
}

std::optional<Bytes> ReadWatch::refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                        const evm::Message& message) const {
    auto refused = rules_ == nullptr ? std::nullopt : rules_->refusal(state, block, origin, message);
    if (message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2) return refused;
    const auto& target = message.code_address;
    const auto note = [&](std::string object) { seen_.emplace(std::move(object), refused.has_value()); };
    if (labels_.covers(target)) note("contract " + to_hex(target));
    if (const auto delegate = state.delegation(target); delegate && labels_.covers(*delegate))
        note("contract " + to_hex(*delegate));
    constexpr auto kSelector = ledger::Selector{}.size();
    if (target == ledger::kRecordsContract && message.input.size() >= kSelector + Hash256::kSize)
        if (const auto digest = *Hash256::from(message.input.subspan(kSelector, Hash256::kSize));
            labels_.covers_record(digest))
            note("record " + to_hex(digest));
    return refused;
}

bool ReadWatch::refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                                   const Address& target) const {
    return rules_ != nullptr && rules_->refuses_delegation(state, block, authority, target);
}

Status ReadWatch::report(const Address& sender) {
    for (const auto& one : seen_)
        if (told_.insert(one).second) CRN_CHECK(context_.report_read(one.first, sender, one.second));
    seen_.clear();
    return {};
}

RpcResult<bool> ReadWatch::readable_by_all(const ledger::StateDiff& changes) {
    Labels reported{context_};
    if (!seen_.empty()) return reported.refuse(seen_.begin()->first);
    for (const auto& [address, change] : changes)
        if ((change.code || !change.storage.empty()) && labels_.covers(address))
            return reported.refuse("contract " + to_hex(address));
    return true;
}

} // namespace cairn::rpc
