// What a node answers over JSON-RPC 2.0, read with distrust: any node may be at the other end.
#pragma once

#include "base/result.hpp"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace cairn::cli {

/// The member "result" of the answer to one call. Errors as in RpcClient::call. `url` is for messages; `revert_data` gets "data" of an
/// execution revert and is emptied otherwise.
Result<nlohmann::json> read_answer(std::string_view body, const std::string& url, std::string& revert_data);
/// Results of the calls with ids first, first + 1, ..., in this order; the answers may come in any.
Result<std::vector<Result<nlohmann::json>>> read_answers(std::string_view body, std::uint64_t first, std::size_t count,
                                                         const std::string& url, std::string& revert_data);
/// The beginning of a text, for messages.
std::string excerpt(std::string_view text);

} // namespace cairn::cli
