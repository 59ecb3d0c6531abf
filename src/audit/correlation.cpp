#include "audit/correlation.hpp"

#include "base/errors/audit.hpp"

#include <charconv>

namespace cairn::audit {
namespace {

/// Of "block 17".
std::optional<std::uint64_t> height_of(const Event& event) {
    constexpr std::string_view kBlock = "block ";
    const std::string_view origin = event.origin;
    if (!origin.starts_with(kBlock)) return std::nullopt;
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(origin.data() + kBlock.size(), origin.data() + origin.size(), out);
    if (error != std::errc{} || end != origin.data() + origin.size()) return std::nullopt;
    return out;
}

} // namespace

Status Correlation::add(storage::FileSystem& files, const std::string& path) {
    Log log;
    std::uint64_t first_block = 0;
    Expectation expected;
    expected.live = true;
    CRN_TRY(report, verify_log(files, path, expected, [&](const Event& event) {
                const auto height = height_of(event);
                // An anchor is in the log of the node that it anchors.
                if (!height || !event.action.starts_with("contract.")) return;
                if (log.acts.empty()) first_block = *height;
                const auto act = event.action + " " + event.object + " by " + event.subject + ": " +
                                 std::string{name_of(event.outcome)} + ", " + event.reason;
                ++log.acts[{*height, act}];
            }));
    if (report.findings_total != 0) return fail(error::AuditTampered, path + ": " + report.findings.front().text);
    log.node = report.opening.node;
    // Where old records were dropped, the first block that is left may be there in part.
    log.from = report.first_event <= 1 ? 0 : first_block + 1;
    log.to = report.last_seal ? report.last_seal->height : 0;
    logs_.push_back(std::move(log));
    return {};
}

std::map<std::pair<std::uint64_t, std::string>, std::map<std::string, std::uint64_t>> Correlation::told() const {
    std::map<std::pair<std::uint64_t, std::string>, std::map<std::string, std::uint64_t>> out;
    for (const auto& log : logs_)
        for (const auto& [act, count] : log.acts) {
            auto& by_node = out[act];
            if (!by_node.empty()) continue;
            for (const auto& one : logs_) {
                if (act.first < one.from || act.first > one.to) continue;
                const auto found = one.acts.find(act);
                by_node[one.node] = found == one.acts.end() ? 0 : found->second;
            }
        }
    std::erase_if(out, [](const auto& entry) { return entry.second.size() < 2; });
    return out;
}

std::uint64_t Correlation::compared() const { return told().size(); }

std::vector<Difference> Correlation::differences() const {
    std::vector<Difference> out;
    for (const auto& [act, by_node] : told()) {
        bool same = true;
        for (const auto& [node, count] : by_node) same = same && count == by_node.begin()->second;
        if (!same) out.push_back({act.first, act.second, by_node});
    }
    return out;
}

} // namespace cairn::audit
