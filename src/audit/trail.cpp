#include "audit/trail.hpp"

#include "audit/record.hpp"
#include "audit/segments.hpp"
#include "base/assert.hpp"
#include "base/errors/audit.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "storage/segment.hpp"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace cairn::audit {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// Room at the end of a segment for the seal that closes it and an account of keys before it.
constexpr std::uint64_t kSealRoom = 2048;
constexpr std::int64_t kMillisecondsPerDay = 86'400'000;

bool notable(const Event& event) {
    return !event.action.starts_with("audit.") && !event.action.starts_with("anchor.") && event.action != "key.used" &&
           event.action != "key.counted";
}

/// "block 17" gives 17.
std::optional<std::uint64_t> block_of(const Event& event) {
    constexpr std::string_view kPrefix = "block ";
    if (!event.origin.starts_with(kPrefix)) return std::nullopt;
    std::uint64_t height = 0;
    const auto* const end = event.origin.data() + event.origin.size();
    const auto [stop, error] = std::from_chars(event.origin.data() + kPrefix.size(), end, height);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return height;
}

/// What reading the last segments leaves behind.
struct Position {
    std::optional<Opening> opening; // of the last segment
    Hash256 head;                   // hash of the last record
    std::uint64_t sequence = 0;     // of the last event
    std::uint64_t notable = 0;
    std::int64_t time_ms = 0; // of the last event
    Head sealed;
    bool seal_is_last = false;
    std::uint64_t height = 0;                     // of the last seal
    std::map<std::uint64_t, std::uint64_t> later; // events per block since then
};

class SegmentTrail final : public Trail {
public:
    SegmentTrail(storage::FileSystem& files, const TrailConfig& config, Sealer& sealer, const Clock& clock)
        : files_(files), config_(config), sealer_(sealer), clock_(clock) {
        config_.segment_bytes_max = std::clamp<std::uint64_t>(config_.segment_bytes_max, 16'384, kSegmentBytesMax);
    }
    ~SegmentTrail() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_all();
        if (writer_.joinable()) writer_.join();
    }

    Status open(ChainCover& cover);

    Status append(Event event, Durability durability) override {
        event = made_safe(std::move(event));
        CRN_ASSERT(is_action(event.action));
        std::unique_lock lock(mutex_);
        if (failed_) return std::unexpected(*failed_);
        if (durability == Durability::grouped && queue_.size() >= kQueuedEventsMax) {
            ++suppressed_;
            return fail(error::AuditBusy, std::to_string(queue_.size()) + " events are waiting for the disk");
        }
        event.time = clock_.wall();
        queue_.push_back(std::move(event));
        const auto ticket = ++accepted_;
        if (durability == Durability::grouped) {
            if (queue_.size() == 1) wake_.notify_one();
            return {};
        }
        sync_wanted_ = std::max(sync_wanted_, ticket);
        wake_.notify_one();
        done_.wait(lock, [&] { return synced_ >= ticket || failed_; });
        if (synced_ >= ticket) return {};
        return std::unexpected(*failed_);
    }

    Status usable() const override {
        const std::lock_guard lock(mutex_);
        if (failed_) return std::unexpected(*failed_);
        return {};
    }
    Head sealed() const override {
        const std::lock_guard lock(mutex_);
        return sealed_;
    }
    std::uint64_t last_notable() const override {
        const std::lock_guard lock(mutex_);
        return notable_;
    }
    void covered(std::uint64_t height) override {
        const std::lock_guard lock(mutex_);
        covered_ = std::max(covered_, height);
    }
    Status flush() override {
        std::unique_lock lock(mutex_);
        const auto wanted = ++flush_wanted_;
        wake_.notify_one();
        done_.wait(lock, [&] { return flushed_ >= wanted || failed_; });
        if (failed_) return std::unexpected(*failed_);
        return {};
    }
    Result<std::uint64_t> prune(std::uint32_t keep_days) override {
        if (keep_days < config_.retention_days)
            return fail(error::AuditRetention, std::to_string(keep_days) + " days; this node keeps its records for " +
                                                   std::to_string(config_.retention_days));
        const std::lock_guard prune_lock(prune_mutex_);
        return drop_older(keep_days);
    }

private:
    Status read_end(const std::vector<SegmentName>& segments, Position& out);
    Status read_segment_end(const SegmentName& segment, bool is_last, Position& position, std::uint64_t& valid_bytes);
    Status start_segment();
    Status put(BytesView record);
    Status put_seal(std::uint64_t height);
    Status put_last_seals(std::uint64_t height);
    Status put_account(const std::string& action, const ledger::KeyUses& uses);
    Status put_account_if_due();
    Status write_out();
    Status write_events(std::deque<Event>& events);
    Result<std::uint64_t> drop_older(std::uint32_t keep_days);
    void run();
    void fail_with(const Error& error);

    storage::FileSystem& files_;
    TrailConfig config_;
    Sealer& sealer_;
    const Clock& clock_;
    std::unique_ptr<storage::DirectoryLock> lock_;

    // The writer's thread only, once it runs.
    std::shared_ptr<storage::File> file_;
    std::uint32_t number_ = 0;
    std::uint64_t end_ = 0; // of what is on the file system
    Bytes buffer_;          // behind it
    Position position_;
    std::size_t unsealed_ = 0;                 // events
    std::optional<ledger::KeyUses> accounted_; // in this run
    std::size_t unaccounted_seals_ = 0;
    std::optional<SteadyClock::time_point> since_; // the first record without a seal

    std::mutex prune_mutex_; // one at a time

    mutable std::mutex mutex_; // guards what follows
    std::condition_variable wake_, done_;
    std::deque<Event> queue_;
    std::uint64_t suppressed_ = 0;
    std::uint64_t accepted_ = 0, sync_wanted_ = 0, synced_ = 0; // tickets
    std::uint64_t flush_wanted_ = 0, flushed_ = 0;
    std::uint64_t covered_ = 0;
    std::uint64_t notable_ = 0;
    std::uint32_t last_number_ = 0; // number_, for prune
    Head sealed_;
    std::optional<Error> failed_;
    bool stopping_ = false;

    std::thread writer_;
};

Status SegmentTrail::open(ChainCover& cover) {
    if (config_.retention_days < kRetentionDaysMin)
        return fail(error::AuditRetention, "retention_days = " + std::to_string(config_.retention_days));
    CRN_CHECK(files_.make_directory(config_.directory));
    CRN_TRY(lock, files_.lock_directory(config_.directory));
    lock_ = std::move(lock);
    CRN_TRY(segments, list_segments(files_, config_.directory));
    CRN_CHECK(read_end(segments, position_));

    const auto& opening = position_.opening;
    const Opening own{.node = config_.node,
                      .organisation = config_.organisation,
                      .chain_id = config_.chain_id,
                      .genesis = config_.genesis};
    if (opening && !opening->same_log(own))
        return fail(error::AuditForeign, config_.directory + " is the log of " + opening->node + " on chain " +
                                             std::to_string(opening->chain_id));
    const auto before = opening ? opening->seal_key : sealer_.key();
    const bool new_key = before != sealer_.key();
    if (!opening || new_key) {
        if (opening) {
            CRN_CHECK(file_->sync()); // a crash may have left what was never synced
            ++number_;
        }
        CRN_CHECK(start_segment());
        CRN_CHECK(file_->sync());
    }
    cover.height = position_.height;
    cover.events.assign(position_.later.begin(), position_.later.end());
    sealed_ = position_.sealed;
    notable_ = position_.notable;
    covered_ = position_.height;
    last_number_ = number_;
    if (!position_.seal_is_last) since_ = SteadyClock::now(); // what a crash left without a seal gets one
    auto pruned = drop_older(config_.retention_days);
    if (!pruned) return std::unexpected(pruned.error());
    writer_ = std::thread([this] { run(); });
    if (new_key)
        CRN_CHECK(append({.subject = "node",
                          .origin = "local",
                          .object = "seal key " + to_hex(sealer_.key()),
                          .action = "audit.key-changed",
                          .reason = "before: " + to_hex(before) +
                                    (position_.opening->successions.empty() ? ", which did not introduce it"
                                                                            : ", which introduced it")},
                         Durability::durable));
    return {};
}

/// Reads back from the end until a seal is found, so that everything since the last one is known.
Status SegmentTrail::read_end(const std::vector<SegmentName>& segments, Position& out) {
    if (segments.empty()) return {};
    const auto count = segments.size();
    for (std::size_t i = 1; i < count; ++i)
        if (segments[i].number != segments[i - 1].number + 1)
            return fail(error::AuditTampered,
                        segment_path(config_.directory, segments[i - 1].number + 1) + " is missing");
    for (std::size_t back = std::min<std::size_t>(2, count);; back = std::min(back + 1, count)) {
        Position position;
        std::uint64_t valid = 0;
        for (std::size_t i = count - back; i < count; ++i)
            CRN_CHECK(read_segment_end(segments[i], i + 1 == count, position, valid));
        if (position.sealed.sequence == 0 && back < count) continue;
        out = std::move(position);
        number_ = segments.back().number;
        end_ = valid;
        CRN_TRY(file, files_.open(segments.back().path));
        file_ = std::move(file);
        if (!out.opening) end_ = 0; // not even the first record of the first segment got to the disk
        return {};
    }
}

Status SegmentTrail::read_segment_end(const SegmentName& segment, bool is_last, Position& position,
                                      std::uint64_t& valid_bytes) {
    CRN_TRY(content, read_segment(files_, segment.path, is_last));
    Status status;
    bool first = true;
    const auto scan =
        storage::scan_segment(segment.number, content, kRecordBytesMax, [&](std::uint64_t offset, BytesView bytes) {
            auto record = decode_record(bytes);
            const auto tampered = [&](const char* what) {
                status = fail(error::AuditTampered, segment.path + " at offset " + std::to_string(offset) + ": " +
                                                        what + "; run `cairn audit verify`");
                return false;
            };
            if (!record) return tampered("the record is malformed");
            if (first != std::holds_alternative<Opening>(record->body)) return tampered("a segment begins elsewhere");
            if (position.opening && record->previous != position.head)
                return tampered("the chain of records is broken");
            first = false;
            position.head = hash_of_record(bytes);
            position.seal_is_last = false;
            if (auto* opening = std::get_if<Opening>(&record->body)) {
                if (position.opening && opening->first_sequence != position.sequence + 1)
                    return tampered("events are missing before it");
                position.sequence = opening->first_sequence - 1;
                position.opening = std::move(*opening);
            } else if (auto* event = std::get_if<Event>(&record->body)) {
                if (event->sequence != position.sequence + 1) return tampered("events are missing before it");
                position.sequence = event->sequence;
                position.time_ms = event->time.count();
                if (notable(*event)) position.notable = event->sequence;
                if (const auto block = block_of(*event)) ++position.later[*block];
            } else {
                const auto& seal = std::get<Seal>(record->body);
                position.sealed = {seal.sequence, seal.head};
                position.seal_is_last = true;
                position.height = seal.height;
                position.later.erase(position.later.begin(), position.later.upper_bound(seal.height));
            }
            return true;
        });
    CRN_CHECK(status);
    if (scan.damaged || (scan.invalid_bytes != 0 && !is_last))
        return fail(error::AuditTampered, segment.path + " at offset " + std::to_string(scan.valid_bytes) +
                                              ": damaged; run `cairn audit verify`");
    if (is_last) {
        if (scan.invalid_bytes != 0) {
            log(LogLevel::warning, "audit", "cut the torn end off the log",
                {{"file", segment.path}, {"bytes", std::to_string(scan.invalid_bytes)}});
            CRN_TRY(file, files_.open(segment.path));
            CRN_CHECK(file->truncate(scan.valid_bytes));
            CRN_CHECK(file->sync());
        }
        valid_bytes = scan.valid_bytes;
    }
    if (first && is_last && position.opening) {
        // A crash came while the segment was being started: it gets its opening now.
        number_ = segment.number;
        position_ = position;
        CRN_TRY(file, files_.open(segment.path));
        file_ = std::move(file);
        end_ = 0;
        CRN_CHECK(start_segment());
        CRN_CHECK(file_->sync());
        position = position_;
        valid_bytes = end_;
    }
    return {};
}

/// File and opening record; the previous segment is on disk as a whole.
Status SegmentTrail::start_segment() {
    if (end_ != 0 || !file_) {
        CRN_TRY(file, files_.create(segment_path(config_.directory, number_)));
        file_ = std::move(file);
        end_ = 0;
    } else
        CRN_CHECK(file_->truncate(0)); // what a crash left of it
    buffer_ = storage::segment_header(number_);
    const auto key = sealer_.key();
    std::vector<ledger::SealSuccession> successions;
    if (position_.opening && position_.opening->seal_key != key)
        successions = ledger::between(sealer_.successions(), position_.opening->seal_key, key);
    const Record record{.previous = position_.head,
                        .body = Opening{.node = config_.node,
                                        .organisation = config_.organisation,
                                        .chain_id = config_.chain_id,
                                        .genesis = config_.genesis,
                                        .seal_key = key,
                                        .first_sequence = position_.sequence + 1,
                                        .time_ms = static_cast<std::uint64_t>(clock_.wall().count()),
                                        .successions = std::move(successions)}};
    CRN_CHECK(put(encode(record)));
    position_.opening = std::get<Opening>(record.body);
    CRN_CHECK(write_out());
    return files_.sync_directory(config_.directory);
}

/// Behind the last record, in memory.
Status SegmentTrail::put(BytesView record) {
    cairn::append(buffer_, storage::encode_record(number_, end_ + buffer_.size(), record));
    position_.head = hash_of_record(record);
    position_.seal_is_last = false;
    return {};
}

Status SegmentTrail::put_account(const std::string& action, const ledger::KeyUses& uses) {
    Event event{.subject = "node",
                .identity = config_.organisation,
                .origin = "local",
                .object = "keys of " + config_.node,
                .action = action,
                .reason = text_of(uses)};
    event.time = clock_.wall();
    event.sequence = position_.sequence + 1;
    CRN_CHECK(put(encode_event_record(position_.head, event)));
    position_.sequence = event.sequence;
    position_.time_ms = event.time.count();
    unaccounted_seals_ = 0;
    accounted_ = uses;
    return {};
}

Status SegmentTrail::put_account_if_due() {
    if (!accounted_) {
        const auto start = sealer_.uses_at_start();
        return start ? put_account("key.counted", *start) : Status{};
    }
    if (unaccounted_seals_ < kSealsPerAccount) return {};
    const auto uses = sealer_.uses();
    return uses ? put_account("key.used", *uses) : Status{};
}

/// Ends with nothing to account for but the last seal.
Status SegmentTrail::put_last_seals(std::uint64_t height) {
    CRN_CHECK(put_seal(height));
    const auto uses = sealer_.uses();
    if (!uses) return {};
    CRN_CHECK(put_account("key.used", *uses));
    return put_seal(height);
}

Status SegmentTrail::put_seal(std::uint64_t height) {
    CRN_CHECK(put_account_if_due());
    Seal seal{.sequence = position_.sequence,
              .head = position_.head,
              .time_ms = static_cast<std::uint64_t>(clock_.wall().count()),
              .height = height};
    CRN_TRY(sealed, sealer_.seal(statement_of(seal, *position_.opening)));
    seal.signature = sealed.signature;
    seal.uses = sealed.uses;
    CRN_CHECK(put(encode(Record{.previous = position_.head, .body = seal})));
    position_.sealed = {seal.sequence, seal.head};
    position_.seal_is_last = true;
    position_.height = height;
    unsealed_ = 0;
    ++unaccounted_seals_;
    since_ = std::nullopt;
    return {};
}

Status SegmentTrail::write_out() {
    if (buffer_.empty()) return {};
    CRN_CHECK(file_->write_at(end_, buffer_));
    end_ += buffer_.size();
    buffer_.clear();
    return {};
}

Status SegmentTrail::write_events(std::deque<Event>& events) {
    for (auto& event : events) {
        event.sequence = position_.sequence + 1;
        const auto record = encode_event_record(position_.head, event);
        if (end_ + buffer_.size() + record.size() + storage::kRecordHeaderBytes + kSealRoom >
            config_.segment_bytes_max) {
            CRN_CHECK(put_seal(position_.height));
            CRN_CHECK(write_out());
            CRN_CHECK(file_->sync());
            ++number_;
            CRN_CHECK(start_segment());
            // The chain goes on, so does the event: its link is the opening now, and accounts may have come before it.
            event.sequence = position_.sequence + 1;
            CRN_CHECK(put(encode_event_record(position_.head, event)));
        } else
            CRN_CHECK(put(record));
        position_.sequence = event.sequence;
        position_.time_ms = event.time.count();
        if (notable(event)) position_.notable = event.sequence;
        if (!since_) since_ = SteadyClock::now();
        if (++unsealed_ >= kEventsPerSealMax) CRN_CHECK(put_seal(position_.height));
    }
    return write_out();
}

void SegmentTrail::fail_with(const Error& error) {
    log(LogLevel::error, "audit", "the audit log cannot be written; privileged acts are refused",
        {{"cause", error.text()}});
    const std::lock_guard lock(mutex_);
    failed_ = Error{error::AuditSinkFailed, error.text()};
    queue_.clear();
    done_.notify_all();
}

void SegmentTrail::run() {
    name_thread("audit");
    std::unique_lock lock(mutex_);
    while (true) {
        const auto has_work = [&] {
            return !queue_.empty() || sync_wanted_ > synced_ || flush_wanted_ > flushed_ || stopping_;
        };
        if (since_)
            wake_.wait_until(lock, *since_ + kSealInterval, has_work);
        else
            wake_.wait(lock, has_work);
        if (failed_ && stopping_) return;
        auto events = std::exchange(queue_, {});
        if (const auto lost = std::exchange(suppressed_, 0))
            events.push_back({.time = clock_.wall(),
                              .subject = "node",
                              .origin = "local",
                              .object = std::to_string(lost) + " events",
                              .action = "audit.suppressed",
                              .outcome = Outcome::failed,
                              .reason = "the disk was too slow for them"});
        const auto ticket = accepted_;
        const auto flush_ticket = flush_wanted_;
        const bool closing = stopping_;
        const bool flushing = flush_wanted_ > flushed_ || closing;
        const bool syncing = sync_wanted_ > synced_;
        const auto height = covered_;
        lock.unlock();

        Status status = write_events(events);
        const bool due = since_ && SteadyClock::now() >= *since_ + kSealInterval;
        const bool higher = closing && position_.opening && height > position_.height;
        const bool sealing =
            (since_ && (flushing || due)) || higher || (closing && accounted_ && unaccounted_seals_ > 0);
        if (status && sealing) status = closing ? put_last_seals(height) : put_seal(height);
        if (status) status = write_out();
        if (status && (syncing || sealing || flushing)) status = file_->sync();
        if (!status) {
            fail_with(status.error());
            lock.lock();
            wake_.wait(lock, [&] { return stopping_; });
            return;
        }

        lock.lock();
        if (syncing || sealing || flushing) synced_ = ticket;
        flushed_ = std::max(flushed_, flush_ticket);
        sealed_ = position_.sealed;
        notable_ = position_.notable;
        last_number_ = number_;
        done_.notify_all();
        if (closing && queue_.empty()) return;
    }
}

Result<std::uint64_t> SegmentTrail::drop_older(std::uint32_t keep_days) {
    CRN_TRY(segments, list_segments(files_, config_.directory));
    std::uint32_t last = 0;
    std::int64_t newest = clock_.wall().count();
    {
        const std::lock_guard lock(mutex_);
        last = last_number_;
    }
    // A clock that jumped ahead must not make everything old: time is measured from the newest segment's beginning too.
    const auto opening_of = [&](const SegmentName& segment) -> Result<Opening> {
        CRN_TRY(file, files_.open(segment.path));
        Bytes start(storage::kSegmentHeaderBytes + storage::kRecordHeaderBytes + kRecordBytesMax);
        CRN_TRY(read, file->read_at(0, start));
        start.resize(read);
        std::optional<Opening> opening;
        storage::scan_segment(segment.number, start, kRecordBytesMax, [&](std::uint64_t, BytesView bytes) {
            if (auto record = decode_record(bytes))
                if (auto* found = std::get_if<Opening>(&record->body)) opening = *found;
            return false;
        });
        if (!opening) return fail(error::AuditTampered, segment.path + " has no opening record");
        return *opening;
    };
    std::size_t drop = 0;
    if (segments.size() > 1) {
        CRN_TRY(newest_opening, opening_of(segments.back()));
        newest = std::min(newest, static_cast<std::int64_t>(newest_opening.time_ms));
        const auto cutoff = newest - static_cast<std::int64_t>(keep_days) * kMillisecondsPerDay;
        for (; drop + 1 < segments.size() && segments[drop].number < last; ++drop) {
            CRN_TRY(next, opening_of(segments[drop + 1]));
            if (static_cast<std::int64_t>(next.time_ms) >= cutoff) break;
        }
    }
    for (std::size_t i = 0; i < drop; ++i) {
        // Oldest first, so that a crash cannot leave a gap.
        CRN_CHECK(files_.remove(segments[i].path));
        CRN_CHECK(files_.sync_directory(config_.directory));
    }
    CRN_TRY(first, opening_of(segments[drop]));
    if (drop > 0) {
        Event event{.subject = "node",
                    .origin = "local",
                    .object = "events before " + std::to_string(first.first_sequence),
                    .action = "audit.pruned",
                    .reason = "older than " + std::to_string(keep_days) + " days"};
        const std::lock_guard lock(mutex_);
        event.time = clock_.wall();
        queue_.push_back(std::move(event));
        ++accepted_;
        wake_.notify_one();
    }
    return first.first_sequence;
}

} // namespace

Result<OpenTrail> open_trail(storage::FileSystem& files, const TrailConfig& config, Sealer& sealer,
                             const Clock& clock) {
    auto trail = std::make_unique<SegmentTrail>(files, config, sealer, clock);
    OpenTrail out;
    CRN_CHECK(trail->open(out.cover));
    out.trail = std::move(trail);
    return out;
}

} // namespace cairn::audit
