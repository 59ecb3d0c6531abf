#include "node/core_loop.hpp"

#include "base/log.hpp"
#include "base/thread_name.hpp"

namespace cairn::node {
namespace {

constexpr std::size_t kInputsPerTurnMax = 64;
constexpr Microseconds kBatchDelay{5'000}; // consensus.md L3: a batch waits so long for company,
constexpr Microseconds kBatchInterval{25'000}; // and so long for each lane that gives something, after the one before it
constexpr std::size_t kBatchBytes = 256u << 10;
constexpr std::size_t kCheckpointBytes = 64u << 20;
constexpr Microseconds kReportInterval{1'000'000};

} // namespace

/// Everything that one sync of the log covers.
struct CoreLoop::Turn {
    std::vector<consensus::Actions> actions;
};

CoreLoop::CoreLoop(consensus::Core core, storage::RecordLog& wal, OwnBatchFile own_batch, Inbox& inbox,
                   const Clock& clock, Ports ports)
    : core_(std::move(core)),
      wal_(wal),
      own_batch_(std::move(own_batch)),
      unfinished_(own_batch_.read()),
      inbox_(inbox),
      clock_(clock),
      ports_(std::move(ports)),
      status_(core_.status()),
      thread_([this] { run(); }) {}

CoreLoop::~CoreLoop() { inbox_.close(); }

consensus::CoreStatus CoreLoop::status() const {
    const std::lock_guard lock(status_mutex_);
    return status_;
}

void CoreLoop::run() {
    name_thread("consensus");
    auto status = turn(consensus::Tick{});
    while (status && !inbox_.closed()) {
        auto deadline = wake_at_;
        if (batch_due_) deadline = std::min(deadline, *batch_due_);
        const auto wait = std::max(Microseconds{0}, deadline - clock_.monotonic());
        status = turn(held_ ? std::exchange(held_, std::nullopt)
                            : inbox_.pop_until(std::chrono::steady_clock::now() + wait));
    }
    if (!status) ports_.on_failure(status.error());
}

Status CoreLoop::turn(std::optional<consensus::Input> first) {
    Turn turn;
    if (ports_.epoch() != core_.epoch()) {
        CRN_CHECK(change_epoch());
        // What a peer of the old epoch's network sent: the same index may be another peer now.
        if (first && (std::holds_alternative<consensus::MessageReceived>(*first) ||
                      std::holds_alternative<consensus::PeerConnected>(*first)))
            first.reset();
    }
    for (std::size_t n = 0; first && n <= kInputsPerTurnMax; ++n) {
        step(turn, std::move(*first));
        first = n < kInputsPerTurnMax ? inbox_.try_pop() : std::nullopt;
        // What the executor says after the end of an epoch is for the next core.
        if (first && ports_.epoch() != core_.epoch()) {
            held_ = std::exchange(first, std::nullopt);
        }
    }
    const auto now = clock_.monotonic();
    if (now >= wake_at_) step(turn, consensus::Tick{});

    if (batch_due_ && now >= *batch_due_) {
        batch_due_.reset();
        batch_next_ = now + kBatchInterval * core_.lane_room().giving;
        CRN_CHECK(pack(turn));
    }
    if (!batch_due_ && (unfinished_ || ports_.has_ready())) batch_due_ = std::max(now + kBatchDelay, batch_next_);
    CRN_CHECK(carry_out(turn));
    const std::lock_guard lock(status_mutex_);
    status_ = core_.status();
    return {};
}

/// The next batch of the own lane: first the one that a crash may have cut off after it was signed.
Status CoreLoop::pack(Turn& turn) {
    const auto room = core_.lane_room();
    if (room.batches == 0 || room.bytes <= 4) return {};
    if (const auto again = std::exchange(unfinished_, std::nullopt); again && again->position == room.next) {
        step(turn, again->batch);
        return {};
    }
    auto batch = ports_.take_batch(std::min<std::size_t>(room.bytes - 4, kBatchBytes), room.transactions);
    if (batch.transactions.empty()) return {};
    CRN_CHECK(own_batch_.write(room.next, batch));
    step(turn, std::move(batch));
    return {};
}

void CoreLoop::step(Turn& turn, consensus::Input input) {
    turn.actions.push_back(core_.step({clock_.monotonic(), clock_.wall(), std::move(input)}));
    wake_at_ = turn.actions.back().wake_at;
}

Status CoreLoop::carry_out(Turn& turn) {
    bool sync = false;
    for (const auto& actions : turn.actions) {
        for (const auto& record : actions.records) {
            CRN_TRY(position, wal_.append(*record));
            (void)position;
            logged_bytes_ += record->size();
        }
        sync |= actions.sync;
    }
    if (sync) CRN_CHECK(wal_.sync());
    for (auto& actions : turn.actions) {
        for (const auto& message : actions.messages) ports_.send(message);
        for (auto& block : actions.finalized) ports_.deliver(std::move(block));
        for (const auto& certificate : actions.execution_certificates) CRN_CHECK(ports_.certified(certificate));
        for (const auto& evidence : actions.evidence) {
            log(LogLevel::error, "consensus", "a validator broke the rules; the proof is kept",
                {{"validator", std::to_string(evidence.offender.value)}, {"kind", std::string{kind_of(evidence)}}});
            CRN_CHECK(ports_.on_evidence(evidence));
        }
        for (const auto& report : actions.reports) {
            if (ports_.on_report) ports_.on_report(report);
            if (clock_.monotonic() - last_report_ < kReportInterval) continue;
            last_report_ = clock_.monotonic();
            log(LogLevel::warning, "consensus", report.error.text(), {{"peer", std::to_string(report.peer.value)}});
        }
        if (actions.halt) {
            ports_.on_divergence(*actions.halt, actions.differs_at);
            return std::unexpected(*actions.halt);
        }
    }
    if (logged_bytes_ > kCheckpointBytes) CRN_CHECK(shorten_log());
    return {};
}

Status CoreLoop::change_epoch() {
    CRN_TRY(next, ports_.next_core());
    core_ = std::move(next);
    unfinished_.reset(); // of the old lane; its transactions are back in the pool
    batch_due_.reset();
    wake_at_ = clock_.monotonic();
    // Nothing of the old epoch is needed again.
    return shorten_log();
}

Status CoreLoop::shorten_log() {
    logged_bytes_ = 0;
    std::optional<storage::RecordPosition> first;
    for (const auto& record : core_.checkpoint()) {
        CRN_TRY(position, wal_.append(*record));
        if (!first) first = position;
    }
    CRN_CHECK(wal_.sync());
    return first ? wal_.drop_before(*first) : Status{};
}

} // namespace cairn::node
