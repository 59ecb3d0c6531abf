#include "base/log.hpp"

#include <memory>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace cairn {
namespace {

constexpr std::size_t kFileBytesMax = 16u << 20;
constexpr std::size_t kFilesMax = 5;

std::shared_ptr<spdlog::logger>& logger() {
    static std::shared_ptr<spdlog::logger> instance = [] {
        auto made = spdlog::stderr_logger_mt("cairn");
        made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v");
        return made;
    }();
    return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warning: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::err;
}

} // namespace

void log(LogLevel level, std::string_view area, std::string_view message, std::initializer_list<LogField> fields) {
    auto& target = *logger();
    const auto at = to_spdlog(level);
    if (!target.should_log(at)) return;
    std::string line{area};
    line.append(": ").append(message);
    for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    target.log(at, line);
}

void set_log_level(LogLevel lowest) { logger()->set_level(to_spdlog(lowest)); }

void log_to_file(const std::string& path) {
    auto made = spdlog::rotating_logger_mt("cairn-file", path, kFileBytesMax, kFilesMax);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-7l %v");
    made->flush_on(spdlog::level::info);
    made->set_level(logger()->level());
    logger() = made;
}

} // namespace cairn
