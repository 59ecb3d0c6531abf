#include "cli/interface.hpp"

#include "base/errors/cli.hpp"
#include "cli/keystore.hpp"
#include "crypto/hash.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

using codec::AbiKind;
using codec::AbiType;
using codec::AbiValue;
using nlohmann::json;

constexpr std::size_t kParametersMax = 256;
constexpr std::size_t kNestingMax = 16;

std::unexpected<Error> invalid(const std::string& what) { return fail(error::CliFileInvalid, what); }

std::string member_text(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

Result<std::vector<Parameter>> parse_parameters(const json& list, std::size_t depth);

Result<Parameter> parse_parameter(const json& entry, std::size_t depth) {
    if (!entry.is_object() || depth > kNestingMax) return invalid("a parameter of the ABI is not an object");
    Parameter out;
    out.name = member_text(entry, "name");
    auto type = member_text(entry, "type");
    if (type.starts_with("tuple")) {
        CRN_TRY(members, parse_parameters(entry.value("components", json{}), depth + 1));
        std::string inner;
        for (const auto& member : members) inner += (inner.empty() ? "" : ",") + member.type.text();
        type = "(" + inner + ")" + type.substr(5);
        out.members = std::move(members);
    }
    auto parsed = codec::parse_abi_type(type);
    if (!parsed) return invalid("ABI type \"" + type + "\"");
    out.type = *std::move(parsed);
    return out;
}

Result<std::vector<Parameter>> parse_parameters(const json& list, std::size_t depth) {
    std::vector<Parameter> out;
    if (list.is_null()) return out;
    if (!list.is_array() || list.size() > kParametersMax) return invalid("parameters of the ABI are not a list");
    for (const auto& entry : list) {
        CRN_TRY(parameter, parse_parameter(entry, depth));
        out.push_back(std::move(parameter));
    }
    return out;
}

AbiType tuple_of(const std::vector<Parameter>& parameters) {
    AbiType tuple{.kind = AbiKind::tuple};
    for (const auto& parameter : parameters) tuple.parts.push_back(parameter.type);
    return tuple;
}

std::unexpected<Error> misfit(const Parameter& parameter, std::string_view value, std::string_view why = {}) {
    std::string text = (parameter.name.empty() ? "a value" : parameter.name) + " (" + parameter.type.text() +
                       ") cannot be \"" + std::string{value.substr(0, 100)} + "\"";
    if (!why.empty()) text += ": " + std::string{why};
    return fail(error::CliAbiArgument, text);
}

/// The same parameter seen as one element of its array.
Parameter element_of(const Parameter& array) { return {array.name, array.type.parts.front(), array.members}; }

Result<AbiValue> number_value(const Parameter& parameter, std::string_view word) {
    const bool negative = word.starts_with('-');
    const auto digits = negative ? word.substr(1) : word;
    const auto magnitude = digits.starts_with("0x") ? from_quantity(digits) : from_decimal(digits);
    if (!magnitude) return misfit(parameter, word, "not a number");
    const bool is_signed = parameter.type.kind == AbiKind::sint;
    if (negative && !is_signed) return misfit(parameter, word, "the type is unsigned");
    const unsigned bits = parameter.type.size;
    const U256 half = U256{1} << (bits - 1);
    const bool fits = !is_signed ? magnitude->bit_length() <= bits : negative ? *magnitude <= half : *magnitude < half;
    if (!fits) return misfit(parameter, word, "out of range");
    return AbiValue{negative ? -*magnitude : *magnitude};
}

} // namespace

std::string Function::signature() const {
    std::string text = name + "(";
    for (std::size_t i = 0; i < inputs.size(); ++i) text += (i ? "," : "") + inputs[i].type.text();
    return text + ")";
}

Result<Artefact> parse_artefact(std::string_view text) {
    const auto document = json::parse(text, nullptr, false);
    if (document.is_discarded()) return invalid("not JSON");
    const auto& abi = document.is_object() ? document.value("abi", json{}) : document;
    if (!abi.is_array()) return invalid("no member \"abi\"");
    Artefact out;
    for (const auto& entry : abi) {
        if (!entry.is_object()) return invalid("an entry of the ABI is not an object");
        const auto kind = member_text(entry, "type");
        if (kind != "function" && kind != "error" && kind != "constructor") continue;
        Function function;
        function.name = member_text(entry, "name");
        const auto mutability = member_text(entry, "stateMutability");
        function.payable = mutability == "payable";
        function.view = mutability == "view" || mutability == "pure";
        CRN_TRY(inputs, parse_parameters(entry.value("inputs", json{}), 0));
        CRN_TRY(outputs, parse_parameters(entry.value("outputs", json{}), 0));
        function.inputs = std::move(inputs);
        function.outputs = std::move(outputs);
        if (kind == "function")
            out.functions.push_back(std::move(function));
        else if (kind == "error")
            out.errors.push_back(std::move(function));
        else
            out.constructor = std::move(function);
    }
    if (document.is_object()) {
        auto code = member_text(document, "bytecode");
        if (code.empty() && document.contains("bytecode") && document["bytecode"].is_object())
            code = member_text(document["bytecode"], "object");
        if (code.empty()) {
            const auto evm = document.value("evm", json::object());
            if (evm.is_object() && evm.contains("bytecode") && evm["bytecode"].is_object())
                code = member_text(evm["bytecode"], "object");
        }
        if (!code.empty() && !code.starts_with("0x")) code = "0x" + code;
        if (code.find("__") != std::string::npos)
            return invalid("the bytecode refers to libraries that are not linked");
        if (!code.empty()) {
            auto bytes = from_hex(code);
            if (!bytes) return invalid("the bytecode is not hex");
            out.bytecode = *std::move(bytes);
        }
    }
    return out;
}

Result<const Function*> find_function(const Artefact& artefact, std::string_view name, std::size_t arguments) {
    std::vector<const Function*> candidates;
    std::string list;
    for (const auto& function : artefact.functions) {
        list += (list.empty() ? "" : ", ") + function.signature();
        if (function.signature() == name) return &function;
        if (function.name == name) candidates.push_back(&function);
    }
    if (candidates.empty())
        return fail(error::CliAbiArgument, "no function " + std::string{name} + "; there are: " + list);
    std::string signatures;
    std::vector<const Function*> fitting;
    for (const auto* function : candidates) {
        signatures += (signatures.empty() ? "" : ", ") + function->signature();
        if (function->inputs.size() == arguments) fitting.push_back(function);
    }
    if (fitting.size() == 1) return fitting.front();
    return fail(error::CliAbiArgument, fitting.empty()
                                           ? std::to_string(arguments) + " arguments do not fit " + signatures
                                           : "several functions fit, name one in full: " + signatures);
}

Result<AbiValue> value_of_json(const Parameter& parameter, const json& value) {
    switch (parameter.type.kind) {
    case AbiKind::array: {
        if (!value.is_array()) return misfit(parameter, value.dump(), "not a JSON array");
        if (parameter.type.length && *parameter.type.length != value.size())
            return misfit(parameter, value.dump(), "wrong number of elements");
        const auto element = element_of(parameter);
        AbiValue::List list;
        for (const auto& item : value) {
            CRN_TRY(one, value_of_json(element, item));
            list.push_back(std::move(one));
        }
        return AbiValue{std::move(list)};
    }
    case AbiKind::tuple: {
        if ((!value.is_array() && !value.is_object()) || value.size() != parameter.members.size())
            return misfit(parameter, value.dump(), "not a JSON array or object with a value for each member");
        AbiValue::List list;
        for (std::size_t i = 0; i < parameter.members.size(); ++i) {
            const auto& member = parameter.members[i];
            if (value.is_object() && !value.contains(member.name))
                return misfit(parameter, value.dump(), "no member " + member.name);
            CRN_TRY(one, value_of_json(member, value.is_object() ? value[member.name] : value[i]));
            list.push_back(std::move(one));
        }
        return AbiValue{std::move(list)};
    }
    default: break;
    }
    if (value.is_string()) return value_of_word(parameter, value.get<std::string>());
    if (value.is_boolean() && parameter.type.kind == AbiKind::boolean)
        return AbiValue{U256{value.get<bool>() ? 1u : 0u}};
    const bool number = parameter.type.kind == AbiKind::uint || parameter.type.kind == AbiKind::sint;
    if (value.is_number_integer() && number) return value_of_word(parameter, value.dump());
    return misfit(parameter, value.dump(), value.is_number_float() ? "write large numbers as strings" : "");
}

Result<AbiValue> value_of_word(const Parameter& parameter, std::string_view word) {
    switch (parameter.type.kind) {
    case AbiKind::uint:
    case AbiKind::sint: return number_value(parameter, word);
    case AbiKind::address: {
        auto address = parse_address(word);
        if (!address) return misfit(parameter, word, address.error().detail);
        return AbiValue{*address};
    }
    case AbiKind::boolean:
        if (word == "true" || word == "1") return AbiValue{U256{1}};
        if (word == "false" || word == "0") return AbiValue{U256{}};
        return misfit(parameter, word, "true or false");
    case AbiKind::string: return AbiValue{word};
    case AbiKind::bytes:
    case AbiKind::fixed_bytes: {
        auto bytes = from_hex(word);
        if (!bytes) return misfit(parameter, word, "not hex");
        if (parameter.type.kind == AbiKind::fixed_bytes && bytes->size() != parameter.type.size)
            return misfit(parameter, word, "wrong length");
        return AbiValue{*std::move(bytes)};
    }
    case AbiKind::array:
    case AbiKind::tuple: break;
    }
    const auto value = json::parse(word, nullptr, false);
    if (value.is_discarded()) return misfit(parameter, word, "not JSON");
    return value_of_json(parameter, value);
}

json json_of_value(const Parameter& parameter, const AbiValue& value) {
    switch (parameter.type.kind) {
    case AbiKind::uint: return to_decimal(value.number());
    case AbiKind::sint: {
        const bool negative = (value.number().limb[3] >> 63) != 0;
        return negative ? "-" + to_decimal(-value.number()) : to_decimal(value.number());
    }
    case AbiKind::address: return checksummed(value.as_address());
    case AbiKind::boolean: return value.as_bool();
    case AbiKind::string: return value.as_text();
    case AbiKind::bytes:
    case AbiKind::fixed_bytes: return to_hex(value.bytes());
    case AbiKind::array: {
        json list = json::array();
        const auto element = element_of(parameter);
        for (const auto& item : value.list()) list.push_back(json_of_value(element, item));
        return list;
    }
    case AbiKind::tuple: {
        const auto& members = parameter.members;
        const bool named = std::ranges::none_of(members, [](const Parameter& member) { return member.name.empty(); });
        json out = named ? json::object() : json::array();
        for (std::size_t i = 0; i < members.size(); ++i) {
            auto one = json_of_value(members[i], value.list()[i]);
            if (named)
                out[members[i].name] = std::move(one);
            else
                out.push_back(std::move(one));
        }
        return out;
    }
    }
    return nullptr;
}

Result<Bytes> encode_arguments(const Function& function, const std::vector<std::string>& words) {
    if (words.size() != function.inputs.size())
        return fail(error::CliAbiArgument, (function.name.empty() ? "the constructor" : function.signature()) +
                                               " takes " + std::to_string(function.inputs.size()) + " arguments, not " +
                                               std::to_string(words.size()));
    AbiValue::List values;
    for (std::size_t i = 0; i < words.size(); ++i) {
        CRN_TRY(value, value_of_word(function.inputs[i], words[i]));
        values.push_back(std::move(value));
    }
    return codec::abi_encode(tuple_of(function.inputs), values);
}

Result<Bytes> encode_call(const Function& function, const std::vector<std::string>& words) {
    CRN_TRY(arguments, encode_arguments(function, words));
    const auto signature = function.signature();
    const auto hash = crypto::keccak256(as_bytes(signature));
    Bytes out(hash.begin(), hash.begin() + 4);
    append(out, arguments);
    return out;
}

Result<json> decode_outputs(const Function& function, BytesView data) {
    CRN_TRY(values, codec::abi_decode(tuple_of(function.outputs), data));
    json out = json::array();
    for (std::size_t i = 0; i < values.size(); ++i) out.push_back(json_of_value(function.outputs[i], values[i]));
    return out;
}

std::string explain_revert(const Artefact& artefact, BytesView data) {
    if (data.size() < 4) return data.empty() ? "no reason given" : to_hex(data);
    static const std::vector<Function> kBuiltIn = {
        {.name = "Error", .inputs = {{"reason", {.kind = AbiKind::string}, {}}}},
        {.name = "Panic", .inputs = {{"code", {.kind = AbiKind::uint}, {}}}},
    };
    for (const auto* list : {&artefact.errors, &kBuiltIn}) {
        for (const auto& error : *list) {
            const auto signature = error.signature();
            const auto hash = crypto::keccak256(as_bytes(signature));
            if (!std::equal(hash.begin(), hash.begin() + 4, data.begin())) continue;
            const auto values = codec::abi_decode(tuple_of(error.inputs), data.subspan(4));
            if (!values) break;
            std::string text = error.name + "(";
            for (std::size_t i = 0; i < values->size(); ++i) {
                if (i) text += ", ";
                if (!error.inputs[i].name.empty()) text += error.inputs[i].name + ": ";
                const auto value = json_of_value(error.inputs[i], (*values)[i]);
                const bool is_text = error.inputs[i].type.kind == AbiKind::string;
                text += value.is_string() && !is_text ? value.get<std::string>()
                                                      : value.dump(-1, ' ', false, json::error_handler_t::replace);
            }
            return text + ")";
        }
    }
    return to_hex(data);
}

} // namespace cairn::cli
