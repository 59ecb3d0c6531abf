#include "node/info_log.hpp"

#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "storage/segment_log.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace cairn::node {
namespace {

constexpr std::size_t kQueuedLinesMax = 4'096;
constexpr std::size_t kLineBytesMax = 8 * 1024;
constexpr std::size_t kRecordBytesMax = 256 * 1024;
constexpr std::chrono::milliseconds kGathering{50}; // so that lines share a record and a sync

class SegmentInfoLog final : public InfoLog {
public:
    explicit SegmentInfoLog(std::unique_ptr<storage::RecordLog> log) : log_(std::move(log)) {
        log_lines_to([this](std::string line) { take(std::move(line)); });
        writer_ = std::jthread([this](std::stop_token stop) {
            name_thread("node log");
            run(stop);
        });
    }
    ~SegmentInfoLog() override {
        log_lines_to({});
        writer_.request_stop();
        wake_.notify_all();
    }

    Result<InfoLogPage> read(storage::RecordPosition from) const override { return read_info_log(*log_, from); }

private:
    /// From any thread, also one that holds locks of storage: so it only queues.
    void take(std::string line) {
        if (line.size() > kLineBytesMax) line.resize(kLineBytesMax);
        const std::lock_guard lock(mutex_);
        if (queue_.size() >= kQueuedLinesMax) {
            ++lost_;
            return;
        }
        queue_.push_back(std::move(line));
        wake_.notify_all();
    }

    void run(const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, stop, [this] { return !queue_.empty() || lost_ != 0; });
            if (queue_.empty() && lost_ == 0) return;
            if (!stop.stop_requested()) {
                lock.unlock();
                std::this_thread::sleep_for(kGathering);
                lock.lock();
            }
            std::string record;
            while (!queue_.empty() && record.size() + queue_.front().size() < kRecordBytesMax) {
                record += queue_.front() + "\n";
                queue_.pop_front();
            }
            if (lost_ != 0)
                record += std::to_string(std::exchange(lost_, 0)) + " lines are missing: the disk was too slow\n";
            lock.unlock();
            const auto written = write(record);
            lock.lock();
            // A disk that fails stops the node where data is at stake; this log then ends.
            if (!written) {
                lock.unlock();
                log_lines_to({});
                log(LogLevel::error, "node", "the log cannot be written: " + written.error().text());
                return;
            }
        }
    }

    Status write(std::string_view record) {
        CRN_TRY(position, log_->append(as_bytes(record)));
        CRN_CHECK(log_->sync());
        if (position.segment >= kInfoLogSegments)
            CRN_CHECK(log_->drop_before({position.segment - kInfoLogSegments + 1, 0}));
        return {};
    }

    std::unique_ptr<storage::RecordLog> log_;
    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<std::string> queue_; // guarded by mutex_
    std::uint64_t lost_ = 0;        // guarded by mutex_
    std::jthread writer_;           // ends before what it uses
};

} // namespace

storage::LogOptions info_log_options() { return {.segment_bytes_max = 16u << 20, .record_bytes_max = 1u << 20}; }

Result<InfoLogPage> read_info_log(const storage::RecordLog& log, storage::RecordPosition from) {
    InfoLogPage page{.lines = {}, .next = from};
    std::size_t bytes = 0;
    CRN_CHECK(log.replay(from, [&](storage::RecordPosition position, BytesView record) {
        if (bytes >= kInfoLogPageBytes) {
            page.more = true;
            return false;
        }
        const auto text = as_text(record);
        for (std::size_t begin = 0; begin < text.size();) {
            const auto end = std::min(text.find('\n', begin), text.size());
            page.lines.emplace_back(text.substr(begin, end - begin));
            begin = end + 1;
        }
        bytes += record.size();
        page.next = {position.segment, position.offset + 1};
        return true;
    }));
    return page;
}

Result<std::unique_ptr<InfoLog>> InfoLog::open(storage::FileSystem& files, const std::string& directory) {
    CRN_TRY(log, storage::open_segment_log_on(files, directory, info_log_options()));
    return std::make_unique<SegmentInfoLog>(std::move(log));
}

} // namespace cairn::node
