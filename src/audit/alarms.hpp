// Which events somebody must hear of at once. The list stands in docs/reference/audit-log.md as well.
#pragma once

#include "audit/event.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace cairn::audit {

/// Severities of RFC 5424.
enum class Severity : std::uint8_t { alert = 1, critical = 2, error = 3, warning = 4, notice = 5 };

struct AlarmRule {
    std::string_view name;
    Severity severity = Severity::warning;
    std::string_view action;             // or its noun, with a dot behind: "admin."
    std::optional<Outcome> outcome = {}; // any if absent
    std::string_view object = {};        // what the object begins with
};
std::span<const AlarmRule> alarm_rules();
/// The first rule that an event meets; null if none.
const AlarmRule* alarm_of(const Event& event);
/// As in report.hpp, with the rule's name and severity. Whoever gets a message twice knows it by node, sequence and alarm.
std::string to_syslog_line(const Event& event, std::string_view rule, Severity severity);

} // namespace cairn::audit
