#include "node/backup_job.hpp"

#include "base/clock.hpp"
#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"

#include <filesystem>

namespace cairn::node {

Status BackupJob::start(Task task, const std::string& path, const std::string& who, const std::string& origin) {
    auto* vault = parts_.at_rest.vault();
    if (vault == nullptr)
        return fail(error::EncryptionOffRefused, "this node runs without encryption; a backup has no key");
    if (!std::filesystem::path(path).is_absolute()) return fail(error::BackupInTheWay, path + " is no absolute path");
    if (task == Task::create && std::filesystem::exists(path)) return fail(error::BackupInTheWay, path);
    const std::lock_guard lock(mutex_);
    if (state_.running) return fail(error::BackupBusy, state_.path);
    CRN_CHECK(parts_.trail.append({.subject = who,
                                   .origin = origin,
                                   .object = path,
                                   .action = task == Task::create ? "backup.create" : "backup.verify",
                                   .reason = {}},
                                  audit::Durability::durable));
    state_ = {.running = true, .path = path};
    thread_ = std::jthread([this, task, path, vault](const std::stop_token& stop) {
        name_thread("backup");
        const auto progress = [&](std::uint64_t done, std::uint64_t total) {
            const std::lock_guard guard(mutex_);
            state_.done = done;
            state_.total = total;
            return !stop.stop_requested();
        };
        auto report = task == Task::create
                          ? create_backup(path, parts_.node, parts_.genesis, parts_.ordered, parts_.blocks,
                                          parts_.epochs, *vault, parts_.at_rest.suite(),
                                          static_cast<std::uint64_t>(system_clock().wall().count()), progress)
                          : verify_backup(path, parts_.genesis, *vault, progress);
        if (!report) log(LogLevel::warning, "node", "backup: " + report.error().text());
        const std::lock_guard guard(mutex_);
        state_.running = false;
        if (report)
            state_.report = std::move(*report);
        else
            state_.failed = report.error();
    });
    return {};
}

BackupJob::State BackupJob::state() const {
    const std::lock_guard lock(mutex_);
    return state_;
}

} // namespace cairn::node
