// A contract's interface as solc and Hardhat write it, and its values between words of the command line, JSON
// and the ABI.
#pragma once

#include "base/result.hpp"
#include "codec/abi.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace cairn::cli {

struct Parameter {
    std::string name = {};
    codec::AbiType type = {};
    std::vector<Parameter> members = {}; // of a tuple, or of the tuple that the array holds
};

struct Function {
    std::string name = {};
    std::vector<Parameter> inputs = {};
    std::vector<Parameter> outputs = {};
    bool payable = false;
    bool view = false;
    std::string signature() const; // "transfer(address,uint256)"
};

struct Artefact {
    std::vector<Function> functions;
    std::vector<Function> errors; // outputs empty
    Function constructor;
    Bytes bytecode; // creation code; empty in a bare ABI
};

/// {"abi", "bytecode"} (Hardhat, solcjs), {"abi", "evm": {"bytecode": {"object"}}} (solc's standard output)
/// or a bare ABI array. CliFileInvalid; also for bytecode with libraries that are not linked.
Result<Artefact> parse_artefact(std::string_view text);
/// By name, by name and number of arguments, or by full signature. CliAbiArgument lists what there is.
Result<const Function*> find_function(const Artefact& artefact, std::string_view name, std::size_t arguments);

/// A word of the command line: numbers in decimal or hex, hex for bytes, text for strings, JSON for arrays
/// and tuples. CliAbiArgument.
Result<codec::AbiValue> value_of_word(const Parameter& parameter, std::string_view word);
Result<codec::AbiValue> value_of_json(const Parameter& parameter, const nlohmann::json& value);
/// Numbers become decimal strings, addresses and bytes hex, tuples objects if all members have names.
nlohmann::json json_of_value(const Parameter& parameter, const codec::AbiValue& value);

/// Selector and arguments.
Result<Bytes> encode_call(const Function& function, const std::vector<std::string>& words);
/// Arguments alone, as a constructor takes them.
Result<Bytes> encode_arguments(const Function& function, const std::vector<std::string>& words);
/// One element per output.
Result<nlohmann::json> decode_outputs(const Function& function, BytesView data);
/// "InsufficientBalance(available: 1, required: 5)", Solidity's Error(string) and Panic(uint256) too; hex if
/// unknown.
std::string explain_revert(const Artefact& artefact, BytesView data);

} // namespace cairn::cli
