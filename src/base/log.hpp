// Log lines for people: time, level, area, message, key=value pairs. Never a secret, never business data.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

enum class LogLevel { debug, info, warning, error };

/// One value of a log line.
struct LogField {
    std::string_view key;
    std::string value;
};

/// Thread-safe; writes to stderr, and to whom `log_lines_to` names.
void log(LogLevel level, std::string_view area, std::string_view message, std::initializer_list<LogField> fields = {});
void set_log_level(LogLevel lowest);
/// Whole lines without their end go to `take` from now on, from any thread, one at a time; stderr then gets them without values and
/// without what stands behind the first ": " of the message, because where it leads is not protected. Null ends that; no call is under
/// way when this returns. `take` must neither log nor wait for who does.
void log_lines_to(std::function<void(std::string line)> take);

} // namespace cairn
