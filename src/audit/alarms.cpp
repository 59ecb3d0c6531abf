#include "audit/alarms.hpp"

#include "audit/report.hpp"

#include <algorithm>
#include <array>

namespace cairn::audit {
namespace {

using enum Severity;
constexpr std::array kRules{
    AlarmRule{"node-halted", alert, "node.halt"},
    AlarmRule{"events-left-out", critical, "audit.suppressed"},
    AlarmRule{"seal-key-changed", critical, "audit.key-changed"},
    AlarmRule{"alarms-lost", critical, "alarm.lost"},
    AlarmRule{"log-not-anchored", error, "anchor.failed"},
    AlarmRule{"key-incident", critical, "contract.call", Outcome::accepted, "Keys.openIncident"},
    AlarmRule{"key-changed", notice, "contract.call", Outcome::accepted, "Keys."},
    AlarmRule{"decision", notice, "contract.call", Outcome::accepted, "Proposals."},
    AlarmRule{"certificate-revoked", warning, "contract.call", Outcome::accepted, "Identities.revoke"},
    AlarmRule{"command-refused", warning, "admin.", Outcome::refused},
    AlarmRule{"command-failed", error, "admin.", Outcome::failed},
    AlarmRule{"entry-refused", warning, "management.refused"},
    AlarmRule{"entry-refused", warning, "regulator.refused"},
    AlarmRule{"peer-refused", warning, "peer.refused"},
};

bool meets(const Event& event, const AlarmRule& rule) {
    if (rule.action.ends_with('.') ? !event.action.starts_with(rule.action) : event.action != rule.action) return false;
    if (rule.outcome && event.outcome != *rule.outcome) return false;
    return event.object.starts_with(rule.object);
}

} // namespace

std::span<const AlarmRule> alarm_rules() { return kRules; }

const AlarmRule* alarm_of(const Event& event) {
    const auto found = std::ranges::find_if(kRules, [&](const AlarmRule& rule) { return meets(event, rule); });
    return found == kRules.end() ? nullptr : &*found;
}

std::string to_syslog_line(const Event& event, std::string_view rule, Severity severity) {
    auto line = to_syslog_line(event);
    constexpr int kFacility = 13;
    const auto end_of_priority = line.find('>');
    line.replace(0, end_of_priority, "<" + std::to_string(kFacility * 8 + static_cast<int>(severity)));
    constexpr std::string_view kElement = "[cairn@32473";
    const auto at = line.find(kElement);
    line.insert(at + kElement.size(), " alarm=\"" + std::string{rule} + "\"");
    return line;
}

} // namespace cairn::audit
