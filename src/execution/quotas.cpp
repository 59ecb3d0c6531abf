#include "execution/quotas.hpp"

#include "codec/abi.hpp"

namespace cairn::execution {
namespace {

/// Error(string), as require() of Solidity gives it.
Bytes revert_data(std::string_view reason) {
    Bytes out{0x08, 0xc3, 0x79, 0xa0};
    append(out, codec::abi_encode("(string)", {std::string{reason}}).value_or(Bytes{}));
    return out;
}

bool is_used_up(std::uint64_t used, std::uint64_t limit) { return limit != 0 && used >= limit; }

} // namespace

Quotas::Quotas(const ledger::StateView& base, const evm::CallGuard* inner, QuotaSource source)
    : inner_(inner), source_(std::move(source)), view_(base, *this) {}

Quotas::Meter* Quotas::meter_of(const Address& contract) const {
    auto [entry, added] = meters_.try_emplace(contract);
    if (added)
        if (const auto limit = source_.contract(contract); limit.any()) entry->second.emplace().limit = limit;
    return entry->second ? &*entry->second : nullptr;
}

U256 Quotas::View::storage(const Address& address, const U256& slot) const {
    const auto value = base_.storage(address, slot);
    if (value) return value;
    // More than the limit need not be remembered.
    if (auto* meter = quotas_.meter_of(address);
        meter != nullptr && meter->limit.slots != 0 && meter->slots.size() < meter->limit.slots)
        meter->slots.insert(slot);
    return value;
}

std::optional<Bytes> Quotas::refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                     const evm::Message& message) const {
    if (inner_ != nullptr)
        if (auto refused = inner_->refusal(state, block, origin, message)) return refused;
    if (message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2) return std::nullopt;
    const auto is_full = [](const Meter* meter) {
        return meter != nullptr && (is_used_up(meter->log_bytes, meter->limit.log_bytes) ||
                                    is_used_up(meter->slots.size(), meter->limit.slots));
    };
    auto* meter = meter_of(message.code_address);
    // A library's code writes to its caller's storage and logs in its name.
    if (is_full(meter) || (message.recipient != message.code_address && is_full(meter_of(message.recipient))))
        return revert_data("quota of this block used up: storage or logs of the contract");
    if (meter == nullptr || meter->limit.calls == 0) return std::nullopt;
    if (is_used_up(meter->calls, meter->limit.calls))
        return revert_data("quota of this block used up: calls of the contract");
    if (message.input.size() >= 4) {
        std::array<std::uint8_t, 4> selector{};
        std::copy_n(message.input.begin(), selector.size(), selector.begin());
        auto [method, added] = meter->methods.try_emplace(selector);
        if (added) method->second.limit = source_.method(message.code_address, selector);
        if (is_used_up(method->second.calls, method->second.limit))
            return revert_data("quota of this block used up: calls of the method");
        ++method->second.calls;
    }
    ++meter->calls;
    return std::nullopt;
}

bool Quotas::refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                                const Address& target) const {
    return inner_ != nullptr && inner_->refuses_delegation(state, block, authority, target);
}

void Quotas::add_logs(const std::vector<ledger::Log>& logs) {
    for (const auto& log : logs)
        if (auto* meter = meter_of(log.address); meter != nullptr && meter->limit.log_bytes != 0)
            meter->log_bytes += log.data.size() + 32 * log.topics.size();
}

} // namespace cairn::execution
