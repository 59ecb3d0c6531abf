// For tests: checks answers against the JSON schemas of Ethereum's OpenRPC document. Covers the keywords it uses, and
// refuses a schema with any other, so that nothing passes unread.
#pragma once

#include "base/test_vectors.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <regex>
#include <set>
#include <string>

namespace cairn::rpc::testing {

class OpenRpc {
public:
    using Json = nlohmann::json;

    explicit OpenRpc(const std::filesystem::path& document) {
        const auto parsed = Json::parse(test::read_text(document));
        for (const auto& method : parsed["methods"]) results_[method["name"]] = method["result"]["schema"];
    }
    bool knows(const std::string& method) const { return results_.contains(method); }

    /// What is wrong with `result` as an answer of `method`; empty if nothing is.
    std::string check(const std::string& method, const Json& result) const {
        return complaint(results_.at(method), result, method);
    }

private:
    static std::string complaint(const Json& schema, const Json& value, const std::string& at) {
        static const std::set<std::string> kKnown{
            "title",   "description", "type",  "properties", "required", "items",   "additionalProperties",
            "pattern", "enum",        "const", "oneOf",      "anyOf",    "minimum", "maximum"};
        for (const auto& [keyword, content] : schema.items())
            if (!kKnown.contains(keyword)) return at + ": schema keyword " + keyword + " is not known";
        if (schema.contains("type") && !has_type(schema["type"], value))
            return at + ": want type " + schema["type"].dump() + ", have " + value.dump().substr(0, 80);
        if (schema.contains("enum") &&
            std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
            return at + ": not in the list: " + value.dump();
        if (schema.contains("const") && schema["const"] != value) return at + ": not " + schema["const"].dump();
        if (value.is_string() && schema.contains("pattern") && !fits(schema["pattern"], value))
            return at + ": " + value.dump().substr(0, 80) + " does not fit " + schema["pattern"].get<std::string>();
        if (value.is_number()) {
            if (schema.contains("minimum") && value < schema["minimum"]) return at + ": below the minimum";
            if (schema.contains("maximum") && value > schema["maximum"]) return at + ": above the maximum";
        }
        if (schema.contains("anyOf") || schema.contains("oneOf")) {
            const auto& choices = schema.contains("anyOf") ? schema["anyOf"] : schema["oneOf"];
            std::string all;
            for (const auto& choice : choices) {
                const auto one = complaint(choice, value, at);
                if (one.empty()) {
                    all.clear();
                    break;
                }
                all += "\n  " + one;
            }
            if (!all.empty()) return at + ": none of the choices:" + all;
        }
        if (value.is_object()) return object_complaint(schema, value, at);
        if (value.is_array() && schema.contains("items"))
            for (std::size_t i = 0; i < value.size(); ++i)
                if (auto wrong = complaint(schema["items"], value[i], at + "[" + std::to_string(i) + "]");
                    !wrong.empty())
                    return wrong;
        return {};
    }

    static std::string object_complaint(const Json& schema, const Json& value, const std::string& at) {
        if (schema.contains("required"))
            for (const auto& name : schema["required"])
                if (!value.contains(name.get<std::string>())) return at + ": lacks " + name.dump();
        const Json none = Json::object();
        const auto& properties = schema.contains("properties") ? schema["properties"] : none;
        for (const auto& [name, content] : value.items()) {
            std::string wrong;
            if (properties.contains(name)) {
                wrong = complaint(properties[name], content, at + "." + name);
            } else if (schema.contains("additionalProperties")) {
                const auto& more = schema["additionalProperties"];
                if (more.is_boolean())
                    wrong = more ? "" : at + ": has " + name;
                else
                    wrong = complaint(more, content, at + "." + name);
            }
            if (!wrong.empty()) return wrong;
        }
        return {};
    }

    static bool has_type(const Json& type, const Json& value) {
        if (type.is_array())
            return std::any_of(type.begin(), type.end(), [&](const Json& one) { return has_type(one, value); });
        if (type == "string") return value.is_string();
        if (type == "object") return value.is_object();
        if (type == "array") return value.is_array();
        if (type == "boolean") return value.is_boolean();
        if (type == "integer") return value.is_number_integer();
        if (type == "number") return value.is_number();
        return type == "null" && value.is_null();
    }

    static bool fits(const std::string& pattern, const std::string& text) {
        // std::regex recurses per character, so long data is matched by hand.
        if (pattern == "^0x[0-9a-f]*$" || pattern == "^0x[0-9a-f]{512}$")
            return text.starts_with("0x") && text.find_first_not_of("0123456789abcdef", 2) == text.npos &&
                   (pattern.find("512") == pattern.npos || text.size() == 514);
        static std::map<std::string, std::regex> compiled;
        auto found = compiled.find(pattern);
        if (found == compiled.end()) found = compiled.emplace(pattern, std::regex(pattern)).first;
        return std::regex_search(text, found->second);
    }

    std::map<std::string, Json> results_;
};

} // namespace cairn::rpc::testing
