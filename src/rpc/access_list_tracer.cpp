#include "rpc/access_list_tracer.hpp"

namespace cairn::rpc {

Address address_of_word(const U256& word) {
    Address out;
    const auto bytes = to_big_endian(word);
    std::copy(bytes.begin() + 12, bytes.end(), out.bytes.begin());
    return out;
}

Touch touched_by(const evm::Tracer::Step& step) {
    const auto& stack = step.stack;
    const auto top = [&](std::size_t i) -> const U256& { return stack[stack.size() - 1 - i]; };
    switch (step.opcode) {
    case 0x54: // SLOAD
    case 0x55: // SSTORE
        if (!stack.empty()) return {std::nullopt, top(0)};
        break;
    case 0x31: // BALANCE
    case 0x3b: // EXTCODESIZE
    case 0x3c: // EXTCODECOPY
    case 0x3f: // EXTCODEHASH
    case 0xff: // SELFDESTRUCT
        if (!stack.empty()) return {address_of_word(top(0)), std::nullopt};
        break;
    case 0xf1: // CALL
    case 0xf2: // CALLCODE
    case 0xf4: // DELEGATECALL
    case 0xfa: // STATICCALL
        if (stack.size() >= 5) return {address_of_word(top(1)), std::nullopt};
        break;
    default: break;
    }
    return {};
}

void AccessListTracer::on_step(const Step& step) {
    const auto touch = touched_by(step);
    if (touch.slot) touched_[step.message.recipient].insert(*touch.slot);
    if (touch.account) touched_.try_emplace(*touch.account);
}

void AccessListTracer::on_exit(const evm::Message& message, const evm::CallResult& result) {
    const bool outermost = message.depth == 0;
    const bool creates = message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2;
    if (outermost && creates && result.ok()) free_.insert(result.created);
}

std::vector<ledger::AccessListEntry> AccessListTracer::list(evm::Revision revision) const {
    std::vector<ledger::AccessListEntry> out;
    for (const auto& [address, slots] : touched_) {
        if (slots.empty() && (free_.contains(address) || evm::is_precompile(address, revision))) continue;
        auto& entry = out.emplace_back(ledger::AccessListEntry{address, {}});
        for (const auto& slot : slots) entry.storage_keys.push_back(to_big_endian(slot));
    }
    return out;
}

} // namespace cairn::rpc
