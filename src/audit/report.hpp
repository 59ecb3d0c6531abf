// Events for people and for other systems: which ones, and as what text.
#pragma once

#include "audit/event.hpp"

#include <optional>
#include <string>

namespace cairn::audit {

/// What is absent matches all. Texts match if the field contains them; an action also by its noun ("admin").
struct Filter {
    std::optional<Milliseconds> from, to; // inclusive, exclusive
    std::optional<std::string> subject, action, object, origin, identity;
    std::optional<Outcome> outcome;
    bool matches(const Event& event) const;
};

/// "2026-11-21T12:00:00.000Z"
std::string iso_time(Milliseconds time);
/// Such a time, with or without the part behind the seconds; or only a date: its first instant.
std::optional<Milliseconds> time_from(std::string_view text);

/// One line each, without its end. JSON: all fields, always in this order. CSV: RFC 4180; a value that a spreadsheet would
/// take for a formula gets an apostrophe. Syslog: RFC 5424 with structured data, facility 13 (log audit).
std::string to_json_line(const Event& event);
std::string csv_header();
std::string to_csv_line(const Event& event);
std::string to_syslog_line(const Event& event);

} // namespace cairn::audit
