#include "system/contract.hpp"

#include "base/assert.hpp"

namespace cairn::system {

namespace {

std::string signature_of(const Function& function) { return std::string{function.name} + std::string{function.inputs}; }

std::string hex_of(const ledger::Selector& selector) { return to_hex(selector); }

codec::AbiType constant_type(std::string_view text) {
    auto type = codec::parse_abi_type(text);
    CRN_ASSERT(type.has_value());
    CRN_ASSERT(type->text() == text); // selectors need canonical types
    return *type;
}

evm::CallResult failed(evm::Outcome outcome) {
    return {.outcome = outcome, .gas_left = 0, .output = {}, .created = {}};
}

} // namespace

Contract::Contract(std::string_view name, const Address& address, std::vector<Function> functions,
                   std::vector<Event> events, std::vector<std::string_view> errors)
    : name_(name), address_(address), events_(std::move(events)), errors_(std::move(errors)) {
    for (const auto& function : functions) {
        Entry entry{function, constant_type(function.inputs), constant_type(function.outputs)};
        const bool inserted = functions_.emplace(ledger::selector_of(signature_of(function)), std::move(entry)).second;
        CRN_ASSERT(inserted);
    }
}

const Contract::Entry* Contract::find(BytesView input) const {
    ledger::Selector selector{};
    if (input.size() < selector.size()) return nullptr;
    std::copy_n(input.begin(), selector.size(), selector.begin());
    const auto found = functions_.find(selector);
    return found == functions_.end() ? nullptr : &found->second;
}

Reply Contract::answer(Call& call, const evm::Message& message) const {
    if (message.recipient != address_) return revert_with_text("system contracts refuse delegatecall and callcode");
    if (message.value) return revert_with_text("system contracts take no value");
    const Entry* entry = find(message.input);
    if (entry == nullptr) return revert_with_text("unknown function");
    const auto arguments = codec::abi_decode(entry->inputs, message.input.subspan(ledger::Selector{}.size()));
    if (!arguments) return revert_with_text("malformed call data");
    return entry->function.run(call, *arguments);
}

evm::CallResult Contract::call(evm::Machine& machine, const evm::Message& message) const {
    Call call{machine, message};
    call.charge_words(message.input.size());
    if (call.exhausted()) return failed(evm::Outcome::out_of_gas);

    const bool is_static = message.is_static || message.kind == evm::CallKind::static_call;
    const Entry* entry = find(message.input);
    if (is_static && entry != nullptr && entry->function.access == Access::write)
        return failed(evm::Outcome::static_violation);

    evm::CallResult result;
    const Reply reply = answer(call, message);
    if (reply) {
        const auto output = codec::abi_encode(entry->outputs, *reply);
        CRN_ASSERT(output.has_value());
        result.output = *output;
    } else {
        result.outcome = evm::Outcome::revert;
        result.output = reply.error();
    }
    call.charge_words(result.output.size());
    if (call.exhausted()) return failed(evm::Outcome::out_of_gas);
    result.gas_left = call.gas_left();
    return result;
}

std::string_view Contract::function_name(BytesView input) const {
    const auto* entry = find(input);
    return entry == nullptr ? std::string_view{} : entry->function.name;
}

std::vector<std::string> Contract::interface_lines() const {
    std::vector<std::string> lines;
    const std::string prefix = std::string{name_} + " ";
    for (const auto& [selector, entry] : functions_)
        lines.push_back(prefix + "function " + signature_of(entry.function) +
                        (entry.function.access == Access::view ? " view" : "") + " returns " +
                        std::string{entry.function.outputs} + " " + hex_of(selector));
    for (const auto& event : events_)
        lines.push_back(prefix + "event " + std::string{event.name} + " indexed (" + std::string{event.indexed} +
                        ") data (" + std::string{event.data} + ") " + to_hex(ledger::event_topic(event.signature())));
    for (const auto& error : errors_)
        lines.push_back(prefix + "error " + std::string{error} + " " + hex_of(ledger::selector_of(error)));
    std::sort(lines.begin(), lines.end());
    return lines;
}

} // namespace cairn::system
