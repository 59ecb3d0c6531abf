// The backups of a running node: one at a time, on a thread of their own, made or verified with the keys that only its signer has.
#pragma once

#include "audit/trail.hpp"
#include "node/backup.hpp"

#include <mutex>
#include <optional>
#include <thread>

namespace cairn::node {

/// Thread-safe. Everything given must outlive it; it gives up what it is at when it is destroyed.
class BackupJob {
public:
    struct Parts {
        std::string node;
        const ledger::Genesis& genesis;
        const OrderedStore& ordered;
        const BlockStore& blocks;
        const Epochs& epochs;
        DataAtRest& at_rest;
        audit::Trail& trail;
    };
    explicit BackupJob(Parts parts) : parts_(std::move(parts)) {}

    enum class Task : std::uint8_t { create, verify };
    /// Starts; `status` tells the rest. `who` asked for it, from where: for the audit log, which has the act before it is done. BackupBusy;
    /// BackupInTheWay; EncryptionOffRefused; AuditSinkFailed.
    Status start(Task task, const std::string& path, const std::string& who, const std::string& origin);

    struct State {
        bool running = false;
        std::string path;
        std::uint64_t done = 0, total = 0;
        std::optional<BackupReport> report; // of the last one
        std::optional<Error> failed;
    };
    State state() const;

private:
    const Parts parts_;
    mutable std::mutex mutex_;
    State state_;         // guarded by mutex_
    std::jthread thread_; // ends before what it uses
};

} // namespace cairn::node
