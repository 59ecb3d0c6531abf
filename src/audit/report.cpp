#include "audit/report.hpp"

#include <charconv>
#include <cstdio>

namespace cairn::audit {
namespace {

constexpr int kFacility = 13; // log audit
constexpr std::size_t kMessageIdMax = 32;

bool contains(const std::string& field, const std::optional<std::string>& wanted) {
    return !wanted || field.find(*wanted) != std::string::npos;
}

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c; // control characters do not occur in events
    }
    out += '"';
}

std::string csv_text(std::string_view text) {
    std::string out = "\"";
    if (!text.empty() && std::string_view{"=+-@"}.find(text[0]) != std::string_view::npos) out += '\'';
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + '"';
}

void append_parameter(std::string& out, std::string_view name, std::string_view value) {
    out += ' ';
    out += name;
    out += "=\"";
    for (const char c : value) {
        if (c == '"' || c == '\\' || c == ']') out += '\\';
        out += c;
    }
    out += '"';
}

std::string syslog_name(std::string_view text, std::size_t limit) {
    std::string out;
    for (const char c : text.substr(0, limit)) out += c > 0x20 && c < 0x7f ? c : '-';
    return out.empty() ? "-" : out;
}

std::optional<int> digits(std::string_view& text, std::size_t count) {
    int value = 0;
    if (text.size() < count) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
    if (error != std::errc{} || end != text.data() + count || text[0] == '-') return std::nullopt;
    text.remove_prefix(count);
    return value;
}

bool skip(std::string_view& text, char c) {
    if (!text.starts_with(c)) return false;
    text.remove_prefix(1);
    return true;
}

} // namespace

bool Filter::matches(const Event& event) const {
    if ((from && event.time < *from) || (to && event.time >= *to)) return false;
    if (outcome && event.outcome != *outcome) return false;
    if (action && event.action != *action && !event.action.starts_with(*action + ".")) return false;
    return contains(event.subject, subject) && contains(event.object, object) && contains(event.origin, origin) &&
           contains(event.identity, identity);
}

std::string iso_time(Milliseconds time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{std::chrono::sys_days{day}};
    const std::chrono::hh_mm_ss clock{time - day};
    char text[40];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
    return text;
}

std::optional<Milliseconds> time_from(std::string_view text) {
    const auto year = digits(text, 4);
    if (!year || !skip(text, '-')) return std::nullopt;
    const auto month = digits(text, 2);
    if (!month || !skip(text, '-')) return std::nullopt;
    const auto day = digits(text, 2);
    if (!day) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    Milliseconds out = std::chrono::sys_days{date}.time_since_epoch();
    if (text.empty()) return out;
    if (!skip(text, 'T')) return std::nullopt;
    const auto hours = digits(text, 2);
    if (!hours || *hours > 23 || !skip(text, ':')) return std::nullopt;
    const auto minutes = digits(text, 2);
    if (!minutes || *minutes > 59 || !skip(text, ':')) return std::nullopt;
    const auto seconds = digits(text, 2);
    if (!seconds || *seconds > 59) return std::nullopt;
    out += std::chrono::hours{*hours} + std::chrono::minutes{*minutes} + std::chrono::seconds{*seconds};
    if (skip(text, '.')) {
        const auto fraction = digits(text, 3);
        if (!fraction) return std::nullopt;
        out += Milliseconds{*fraction};
    }
    if (text != "Z" && !text.empty()) return std::nullopt;
    return out;
}

std::string to_json_line(const Event& event) {
    std::string out = "{\"time\":\"" + iso_time(event.time) + "\",\"sequence\":" + std::to_string(event.sequence);
    const std::pair<std::string_view, std::string_view> fields[] = {{"node", event.node},
                                                                    {"subject", event.subject},
                                                                    {"identity", event.identity},
                                                                    {"origin", event.origin},
                                                                    {"object", event.object},
                                                                    {"action", event.action},
                                                                    {"result", name_of(event.outcome)},
                                                                    {"reason", event.reason}};
    for (const auto& [name, value] : fields) {
        out += ",\"";
        out += name;
        out += "\":";
        append_json_text(out, value);
    }
    return out + "}";
}

std::string csv_header() { return "time,sequence,node,subject,identity,origin,object,action,result,reason"; }

std::string to_csv_line(const Event& event) {
    std::string out = iso_time(event.time) + "," + std::to_string(event.sequence);
    for (const std::string_view field :
         {std::string_view{event.node}, std::string_view{event.subject}, std::string_view{event.identity},
          std::string_view{event.origin}, std::string_view{event.object}, std::string_view{event.action},
          name_of(event.outcome), std::string_view{event.reason}})
        out += "," + csv_text(field);
    return out;
}

std::string to_syslog_line(const Event& event) {
    const int severity = event.outcome == Outcome::accepted ? 6 : event.outcome == Outcome::refused ? 4 : 3;
    std::string out = "<" + std::to_string(kFacility * 8 + severity) + ">1 " + iso_time(event.time) + " " +
                      syslog_name(event.node, 255) + " cairn - " + syslog_name(event.action, kMessageIdMax) +
                      // 32473 is the enterprise number that RFC 5612 reserves for those who have none.
                      " [cairn@32473";
    append_parameter(out, "sequence", std::to_string(event.sequence));
    append_parameter(out, "subject", event.subject);
    append_parameter(out, "identity", event.identity);
    append_parameter(out, "origin", event.origin);
    append_parameter(out, "object", event.object);
    append_parameter(out, "action", event.action);
    append_parameter(out, "result", name_of(event.outcome));
    append_parameter(out, "reason", event.reason);
    // The mark says that the message is UTF-8.
    return out + "] \xef\xbb\xbf" + event.subject + " " + event.action + " " + event.object + ": " +
           std::string{name_of(event.outcome)};
}

} // namespace cairn::audit
