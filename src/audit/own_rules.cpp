#include "audit/own_rules.hpp"

#include "base/errors/audit.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace cairn::audit {
namespace {

constexpr std::pair<std::string_view, Severity> kSeverities[] = {{"alert", Severity::alert},
                                                                 {"critical", Severity::critical},
                                                                 {"error", Severity::error},
                                                                 {"warning", Severity::warning},
                                                                 {"notice", Severity::notice}};
constexpr std::size_t kFingerprintDigits = 16;

bool fits(std::string_view text, std::string_view pattern) {
    if (!pattern.ends_with('*')) return pattern.empty() || text == pattern;
    pattern.remove_suffix(1);
    return text.starts_with(pattern);
}

bool is_rule_name(std::string_view name) {
    return !name.empty() && name.size() <= kRuleNameBytesMax && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

/// Printable, and a star at its end alone.
bool is_pattern(std::string_view pattern) {
    const auto star = pattern.find('*');
    return pattern.size() <= kFieldBytesMax && (star == std::string_view::npos || star + 1 == pattern.size()) &&
           std::ranges::all_of(pattern, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

/// Changes with everything on which depends what a rule counts.
std::string fingerprint(const OwnRule& rule) {
    const auto text = rule.action + "\n" + rule.object + "\n" +
                      std::string{rule.outcome ? name_of(*rule.outcome) : "any"} + "\n" + std::to_string(rule.count) +
                      "\n" + std::to_string(rule.seconds);
    return to_hex_digits(crypto::sha256(as_bytes(text))).substr(0, kFingerprintDigits);
}

std::unexpected<Error> invalid(const OwnRule& rule, const std::string& why) {
    return fail(error::AlarmRuleInvalid, "\"" + rule.name.substr(0, kRuleNameBytesMax) + "\": " + why);
}

} // namespace

std::optional<Severity> severity_from(std::string_view name) {
    for (const auto& [known, severity] : kSeverities)
        if (known == name) return severity;
    return std::nullopt;
}
std::string_view name_of(Severity severity) {
    for (const auto& [name, known] : kSeverities)
        if (known == severity) return name;
    return "warning";
}

Status check_own_rules(const std::vector<OwnRule>& rules) {
    if (rules.size() > kOwnRulesMax)
        return fail(error::AlarmRuleInvalid, "more than " + std::to_string(kOwnRulesMax) + " rules");
    std::set<std::string_view> names;
    for (const auto& one : alarm_rules()) names.insert(one.name);
    for (const auto& rule : rules) {
        if (!is_rule_name(rule.name)) return invalid(rule, "a name is 1 to 32 lower case letters, digits and '-'");
        if (!names.insert(rule.name).second) return invalid(rule, "there is a rule of this name already");
        if (rule.action.empty() && rule.object.empty()) return invalid(rule, "neither an action nor an object");
        for (const auto* pattern : {&rule.action, &rule.object})
            if (!is_pattern(*pattern))
                return invalid(rule, "an action or object is at most 256 printable bytes, with '*' at its end alone");
        if (rule.count < 1 || rule.count > kRuleCountMax) return invalid(rule, "count is from 1 to 1000");
        if (rule.seconds < 1 || rule.seconds > kRuleSecondsMax) return invalid(rule, "seconds is from 1 to 86400");
    }
    return {};
}

bool meets(const Event& event, const OwnRule& rule) {
    return fits(event.action, rule.action) && fits(event.object, rule.object) &&
           (!rule.outcome || event.outcome == *rule.outcome);
}

std::vector<const OwnRule*> Counts::take(const Event& event, const std::vector<OwnRule>& rules) {
    std::vector<const OwnRule*> out;
    for (const auto& rule : rules) {
        if (!meets(event, rule)) continue;
        auto& times = times_[rule.name];
        const auto now = event.time.count();
        const auto window = std::int64_t{rule.seconds} * 1'000;
        // A clock that was set back leaves times of the future behind: they are as far away as those of the past.
        std::erase_if(times, [&](std::int64_t time) { return time <= now - window || time >= now + window; });
        times.push_back(now);
        if (times.size() >= rule.count) {
            out.push_back(&rule);
            times.clear();
        }
        if (times.empty()) times_.erase(rule.name);
    }
    return out;
}

std::string Counts::text(const std::vector<OwnRule>& rules) const {
    std::string out;
    for (const auto& rule : rules) {
        const auto found = times_.find(rule.name);
        if (found == times_.end()) continue;
        out += (out.empty() ? "" : " ") + rule.name + ":" + fingerprint(rule) + "=";
        for (std::size_t i = 0; i < found->second.size(); ++i)
            out += (i == 0 ? "" : ",") + std::to_string(found->second[i]);
    }
    return out;
}

Counts Counts::from(std::string_view text, const std::vector<OwnRule>& rules) {
    Counts out;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        auto part = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto equals = part.find('=');
        if (equals == std::string_view::npos) continue;
        const auto head = part.substr(0, equals);
        part.remove_prefix(equals + 1);
        const auto rule =
            std::ranges::find_if(rules, [&](const OwnRule& one) { return head == one.name + ":" + fingerprint(one); });
        if (rule == rules.end()) continue;
        std::deque<std::int64_t> times;
        bool sound = true;
        while (sound && !part.empty()) {
            std::int64_t time = 0;
            const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), time);
            const auto used = static_cast<std::size_t>(stop - part.data());
            const bool more = used < part.size() && part[used] == ',';
            sound = error == std::errc{} && time >= 0 && time < (std::int64_t{1} << 53) &&
                    (more || used == part.size()) && times.size() + 1 < rule->count;
            if (sound) times.push_back(time);
            part.remove_prefix(std::min(used + (more ? 1 : 0), part.size()));
        }
        if (sound && !times.empty()) out.times_[rule->name] = std::move(times);
    }
    return out;
}

} // namespace cairn::audit
