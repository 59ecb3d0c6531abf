#include "base/log.hpp"

#include <memory>
#include <mutex>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace cairn {
namespace {

class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    void take(std::function<void(std::string)> take) {
        const std::lock_guard lock(mutex_);
        take_ = std::move(take);
    }
    bool is_taken() {
        const std::lock_guard lock(mutex_);
        return static_cast<bool>(take_);
    }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        if (!take_) return;
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        std::string text(line.data(), line.size());
        while (text.ends_with('\n')) text.pop_back();
        take_(std::move(text));
    }
    void flush_() override {}

private:
    std::function<void(std::string)> take_;
};

struct Loggers {
    std::shared_ptr<LineSink> sink = std::make_shared<LineSink>();
    std::shared_ptr<spdlog::logger> lines = std::make_shared<spdlog::logger>("cairn-lines", sink);
    std::shared_ptr<spdlog::logger> stream = spdlog::stderr_logger_mt("cairn");
    Loggers() {
        stream->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%-7l%$ %v");
        lines->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %-7l %v");
    }
};

Loggers& loggers() {
    static Loggers instance;
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
    auto& to = loggers();
    const auto at = to_spdlog(level);
    if (!to.stream->should_log(at)) return;
    std::string line{area};
    line.append(": ");
    if (!to.sink->is_taken()) {
        line.append(message);
        for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
        to.stream->log(at, line);
        return;
    }
    to.stream->log(at, line + std::string{message.substr(0, message.find(": "))});
    line.append(message);
    for (const auto& field : fields) line.append(" ").append(field.key).append("=").append(field.value);
    to.lines->log(at, line);
}

void set_log_level(LogLevel lowest) {
    loggers().stream->set_level(to_spdlog(lowest));
    loggers().lines->set_level(to_spdlog(lowest));
}

void log_lines_to(std::function<void(std::string)> take) { loggers().sink->take(std::move(take)); }

} // namespace cairn
