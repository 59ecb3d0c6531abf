#include "node/storage_commands.hpp"

#include "base/errors/node.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

namespace cairn::node {
namespace {

using nlohmann::json;

json counts_of(const std::map<storage::KeyVersion, std::size_t>& counts, storage::KeyVersion version) {
    const auto found = counts.find(version);
    return found == counts.end() ? 0 : found->second;
}

json status_json(const KeyStatus& status) {
    json versions = json::array();
    for (const auto& info : status.versions)
        versions.push_back({{"version", info.version.value},
                            {"state", storage::name_of(info.state)},
                            {"check", to_hex_digits(info.check)},
                            {"files", counts_of(status.counts.made_under, info.version)},
                            {"wrapped", counts_of(status.counts.wrapped_by, info.version)}});
    const auto& run = status.reencryption;
    return {{"encrypted", status.encrypted},
            {"suite", storage::name_of(status.suite)},
            {"files", status.counts.files},
            {"versions", std::move(versions)},
            {"registry", to_hex(status.registry_hash)},
            {"reencryption",
             {{"running", run.running},
              {"files_done", run.files_done},
              {"files_left", run.files_left},
              {"bytes_done", run.bytes_done},
              {"failed", run.failed ? json(run.failed->text()) : json(nullptr)}}}};
}

Result<json> run(DataAtRest& at_rest, const Chain& chain, const std::string& line) {
    std::istringstream in{line};
    std::string noun, verb, word;
    in >> noun >> verb >> word;
    std::uint32_t number = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool has_number = problem == std::errc{} && end == word.data() + word.size() && number != 0;
    if (noun == "storage-key" && verb == "status") return status_json(at_rest.status());
    if (noun == "storage-key" && verb == "rotate") {
        CRN_TRY(version, at_rest.rotate());
        return json{{"version", version.value}};
    }
    if (noun == "storage-key" && verb == "rewrap") {
        CRN_CHECK(at_rest.rewrap());
        return status_json(at_rest.status());
    }
    if (noun == "storage-key" && verb == "reencrypt" && has_number) {
        CRN_CHECK(at_rest.reencrypt(std::uint64_t{number} << 20));
        return status_json(at_rest.status());
    }
    if (noun == "storage-key" && verb == "retire" && has_number) {
        CRN_TRY(proof, at_rest.retire({number}));
        return json{{"title", "storage key destroyed"},
                    {"node", chain.status().name},
                    {"chain_id", chain.genesis().parameters.chain_id},
                    {"height", chain.head().value},
                    {"purpose", "storage"},
                    {"version", proof.retired.value},
                    {"check", to_hex_digits(proof.retired_check)},
                    {"state", "destroyed"},
                    {"current_version", proof.current.value},
                    {"current_check", to_hex_digits(proof.current_check)},
                    {"files", proof.files},
                    {"files_under_version", proof.files_under_retired},
                    {"registry", to_hex(proof.registry_hash)}};
    }
    return fail(error::ControlUnknown, line);
}

} // namespace

std::string answer_storage_command(DataAtRest& at_rest, const Chain& chain, const std::string& line) {
    const auto result = run(at_rest, chain, line);
    const auto answer =
        result ? json{{"result", *result}}
               : json{{"error", {{"code", error_id(result.error().code)}, {"detail", result.error().detail}}}};
    return answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace cairn::node
