// A system contract as a table of functions: decodes call data, checks what Solidity would check, encodes the answer. Private to
// this folder.
#pragma once

#include "system/call.hpp"

#include <map>
#include <string>
#include <vector>

namespace cairn::system {

enum class Access : std::uint8_t { view, write };

struct Function {
    std::string_view name;
    std::string_view inputs;  // "(bytes32,string)"
    std::string_view outputs; // "(uint256)"
    Access access;
    Reply (*run)(Call& call, const AbiValue::List& arguments);
};

class Contract final : public evm::NativeContract {
public:
    Contract(std::string_view name, const Address& address, std::vector<Function> functions, std::vector<Event> events,
             std::vector<std::string_view> errors);

    evm::CallResult call(evm::Machine& machine, const evm::Message& message) const override;

    const Address& address() const { return address_; }
    std::string_view name() const { return name_; }
    /// Of the function that call data asks for; empty if there is none.
    std::string_view function_name(BytesView input) const;
    /// One line for each function, event and error, sorted: what contracts/interfaces.txt lists.
    std::vector<std::string> interface_lines() const;

private:
    struct Entry {
        Function function;
        codec::AbiType inputs;
        codec::AbiType outputs;
    };

    Reply answer(Call& call, const evm::Message& message) const;
    const Entry* find(BytesView input) const;

    std::string_view name_;
    Address address_;
    std::map<ledger::Selector, Entry> functions_;
    std::vector<Event> events_;
    std::vector<std::string_view> errors_;
};

const Contract& members_contract();
const Contract& records_contract();
const Contract& parameters_contract();
const Contract& anchors_contract();

} // namespace cairn::system
