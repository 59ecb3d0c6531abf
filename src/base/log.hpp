// Log lines for people: time, level, area, message, key=value pairs. Never a secret, never business data.
#pragma once

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

/// Thread-safe; writes to stderr or to the file given to `log_to_file`.
void log(LogLevel level, std::string_view area, std::string_view message, std::initializer_list<LogField> fields = {});
void set_log_level(LogLevel lowest);
/// Size-limited rotation: 5 files of 16 MiB.
void log_to_file(const std::string& path);

} // namespace cairn
