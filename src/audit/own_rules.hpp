// Alarm rules of the site, besides those of alarms.hpp: events of a kind, and how many of them within which time are too many.
//
// What a rule finds follows from the rule and the log alone: the times are those of the events, and events that raised an alarm do
// not count towards the next one. `Counts` is kept with the position in the log, so that a restart changes nothing.
#pragma once

#include "audit/alarms.hpp"

#include <deque>
#include <map>
#include <string>
#include <vector>

namespace cairn::audit {

inline constexpr std::size_t kOwnRulesMax = 32;
inline constexpr std::size_t kRuleNameBytesMax = 32;
inline constexpr std::uint32_t kRuleCountMax = 1'000;
inline constexpr std::uint32_t kRuleSecondsMax = 86'400;

/// What an action or an object is to be: all of it or, before a '*' at its end, its beginning. Empty: anything.
struct OwnRule {
    std::string name; // lower case letters, digits and '-'
    std::string action;
    std::string object;
    std::optional<Outcome> outcome; // any if absent
    std::uint32_t count = 1;        // so many events ...
    std::uint32_t seconds = 60;     // ... within so many seconds raise the alarm
    Severity severity = Severity::warning;

    bool operator==(const OwnRule&) const = default;
};
std::optional<Severity> severity_from(std::string_view name);
std::string_view name_of(Severity severity);

/// AlarmRuleInvalid: too many, two of one name or of a built-in one's, a field that is malformed or over its limit, or neither an
/// action nor an object.
Status check_own_rules(const std::vector<OwnRule>& rules);
bool meets(const Event& event, const OwnRule& rule);

/// Times of the events that each rule has counted and no alarm was raised for yet, oldest first.
class Counts {
public:
    /// The rules that this event raises an alarm for, in their order.
    std::vector<const OwnRule*> take(const Event& event, const std::vector<OwnRule>& rules);

    /// One line: for each rule with counted events "NAME:FINGERPRINT=TIME,TIME,..", between spaces.
    std::string text(const std::vector<OwnRule>& rules) const;
    /// What is malformed, or of a rule that is no longer among these as it was, counts for nothing.
    static Counts from(std::string_view text, const std::vector<OwnRule>& rules);

    bool operator==(const Counts&) const = default;

private:
    std::map<std::string, std::deque<std::int64_t>, std::less<>> times_; // by rule; milliseconds
};

} // namespace cairn::audit
