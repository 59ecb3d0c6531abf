#include "cli/rpc_answer.hpp"

#include "base/errors/cli.hpp"
#include "cli/rpc_client.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// Node's wordings are API: where they are in our own table, the error has our cause and next step.
const ErrorInfo* known_message(std::string_view message) {
    std::size_t count = 0;
    const auto* table = error_table(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto area = table[i].id.substr(4, 3);
        if ((area == "EXE" || area == "POL" || area == "KEY") && message.starts_with(table[i].title)) return &table[i];
    }
    return nullptr;
}

Result<json> unwrap(const json& answer, const std::string& url, std::string& revert_data) {
    revert_data.clear();
    if (!answer.is_object()) return fail(error::CliRpcInvalid, url + ": answer is not an object");
    if (const auto error = answer.find("error"); error != answer.end() && error->is_object()) {
        const auto message = text_of(*error, "message");
        const auto code =
            error->contains("code") && (*error)["code"].is_number_integer() ? (*error)["code"].get<std::int64_t>() : 0;
        // Code 3 is "execution reverted" with the contract's bytes; anvil and others use the same.
        if (code == 3 || message.starts_with("execution reverted")) {
            revert_data = text_of(*error, "data");
            return fail(error::CliReverted, message);
        }
        if (const auto* info = known_message(message)) {
            const auto rest = message.substr(std::min(message.size(), info->title.size()));
            return fail(info->code, rest.starts_with(": ") ? rest.substr(2) : url + rest);
        }
        return fail(error::CliRpcRefused, message + " (" + std::to_string(code) + ", " + url + ")");
    }
    const auto result = answer.find("result");
    if (result == answer.end()) return fail(error::CliRpcInvalid, url + ": neither result nor error");
    return *result;
}

} // namespace

std::string excerpt(std::string_view text) {
    return std::string{text.substr(0, 200)} + (text.size() > 200 ? "..." : "");
}

Result<json> read_answer(std::string_view body, const std::string& url, std::string& revert_data) {
    const auto answer = json::parse(body, nullptr, false);
    if (answer.is_discarded()) return fail(error::CliRpcInvalid, url + ": " + excerpt(body));
    return unwrap(answer, url, revert_data);
}

Result<std::vector<Result<json>>> read_answers(std::string_view body, std::uint64_t first, std::size_t count,
                                               const std::string& url, std::string& revert_data) {
    const auto answers = json::parse(body, nullptr, false);
    if (answers.is_object()) {
        // The whole batch was refused.
        auto refused = unwrap(answers, url, revert_data);
        if (!refused) return std::unexpected(refused.error());
    }
    if (!answers.is_array()) return fail(error::CliRpcInvalid, url + ": " + excerpt(body));
    std::vector<Result<json>> out(count, fail(error::CliRpcInvalid, url + ": a call of the batch has no answer"));
    for (const auto& answer : answers) {
        if (!answer.is_object() || !answer.contains("id") || !answer["id"].is_number_unsigned()) continue;
        const auto id = answer["id"].get<std::uint64_t>();
        if (id >= first && id - first < count) out[id - first] = unwrap(answer, url, revert_data);
    }
    return out;
}

} // namespace cairn::cli
