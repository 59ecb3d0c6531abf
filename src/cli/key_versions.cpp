#include "cli/key_versions.hpp"

#include "base/errors/node.hpp"
#include "cli/node_data.hpp"
#include "cli/rpc_client.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::size_t kNodesMax = 1000;
constexpr const char* kNouns[] = {"storage-key", "backup-key"};

std::optional<std::uint32_t> version_in(const json& object, const char* member) {
    const auto found = object.find(member);
    if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    const auto number = found->get<std::uint64_t>();
    return number <= UINT32_MAX ? std::optional{static_cast<std::uint32_t>(number)} : std::nullopt;
}

} // namespace

Result<std::vector<KeyVersion>> versions_of(const std::string& data_dir, const std::string& noun) {
    CRN_TRY(status, ask_control(data_dir, noun + " status"));
    const auto malformed = fail(error::NodeUnreachable, data_dir + " (it tells no versions of its keys)");
    const auto versions = status.find("versions");
    if (versions == status.end() || !versions->is_array()) return malformed;
    std::vector<KeyVersion> out;
    for (const auto& version : *versions) {
        const auto number = version.is_object() ? version_in(version, "version") : std::nullopt;
        if (!number) return malformed;
        out.push_back({*number, text_of(version, "state")});
    }
    return out;
}

std::optional<std::uint32_t> NotedVersions::highest(const std::string& data_dir, const std::string& noun) const {
    const auto node = nodes_.find(data_dir);
    if (node == nodes_.end()) return std::nullopt;
    const auto version = node->second.find(noun);
    return version == node->second.end() ? std::nullopt : std::optional{version->second};
}

void NotedVersions::add(const std::vector<std::string>& data_dirs) {
    for (const auto& data_dir : data_dirs)
        for (const auto* noun : kNouns) {
            if (highest(data_dir, noun)) continue;
            const auto versions = versions_of(data_dir, noun);
            if (!versions) continue; // as the probe says; a later run asks again
            std::uint32_t top = 0;
            for (const auto& version : *versions) top = std::max(top, version.number);
            nodes_[data_dir][noun] = top;
        }
}

json NotedVersions::to_json(std::uint64_t incident, const Hash256& key) const {
    json nodes = json::array();
    for (const auto& [data_dir, nouns] : nodes_) {
        json node = {{"data_dir", data_dir}};
        for (const auto& [noun, number] : nouns) node[noun] = number;
        nodes.push_back(std::move(node));
    }
    return {{"incident", incident}, {"key", to_hex(key)}, {"nodes", std::move(nodes)}};
}

std::optional<NotedVersions> NotedVersions::from_json(std::string_view text, std::uint64_t incident,
                                                      const Hash256& key) {
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object() || document.value("incident", json{}) != json(incident) ||
        text_of(document, "key") != to_hex(key))
        return std::nullopt;
    const auto nodes = document.find("nodes");
    if (nodes == document.end() || !nodes->is_array() || nodes->size() > kNodesMax) return std::nullopt;
    NotedVersions out;
    for (const auto& node : *nodes) {
        const auto data_dir = text_of(node, "data_dir");
        if (data_dir.empty()) return std::nullopt;
        for (const auto* noun : kNouns) {
            if (!node.contains(noun)) continue;
            const auto number = version_in(node, noun);
            if (!number) return std::nullopt;
            out.nodes_[data_dir][noun] = *number;
        }
    }
    return out;
}

} // namespace cairn::cli
