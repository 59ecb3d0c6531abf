#include "storage/segment_log.hpp"

#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "storage/segment.hpp"

#include <charconv>
#include <map>
#include <mutex>

namespace cairn::storage {
namespace {

// More than any setting allows; checked before a file is read whole. Also the limit of what is read back, so that records
// written under a higher record_bytes_max than today's do not pass for damage.
constexpr std::uint64_t kFileBytesMax = 1u << 30;
constexpr std::size_t kOpenFilesMax = 16; // of old segments
constexpr std::string_view kSuffix = ".seg";

std::string name_of(std::uint32_t segment) {
    const auto digits = std::to_string(segment);
    return std::string(10 - digits.size(), '0') + digits + std::string(kSuffix);
}

/// The number in a segment's name; nothing for other files.
std::optional<std::uint32_t> number_of(const std::string& name) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc{} || name != name_of(number)) return std::nullopt;
    return number;
}

Result<Bytes> read_whole(const File& file, const std::string& path) {
    CRN_TRY(size, file.size());
    if (size > kFileBytesMax) return fail(error::SegmentCorrupt, path + " is longer than a segment can be");
    Bytes content(size);
    CRN_TRY(read, file.read_at(0, content));
    content.resize(read);
    return content;
}

std::unexpected<Error> corrupt(const std::string& path, std::uint64_t offset, const char* what) {
    return fail(error::SegmentCorrupt, path + " at offset " + std::to_string(offset) + ": " + what);
}

class SegmentLog final : public RecordLog {
public:
    SegmentLog(FileSystem& files, std::string directory, const LogOptions& options)
        : files_(files),
          directory_(std::move(directory)),
          options_{std::min(options.segment_bytes_max, kFileBytesMax),
                   std::min<std::size_t>(options.record_bytes_max,
                                         kFileBytesMax - kSegmentHeaderBytes - kRecordHeaderBytes)} {}

    Status open() {
        CRN_CHECK(files_.make_directory(directory_));
        CRN_TRY(lock, files_.lock_directory(directory_));
        lock_ = std::move(lock);
        CRN_TRY(names, files_.list(directory_));
        std::vector<std::uint32_t> numbers;
        for (const auto& name : names)
            if (const auto number = number_of(name)) numbers.push_back(*number);
        for (std::size_t i = 1; i < numbers.size(); ++i)
            if (numbers[i] != numbers[i - 1] + 1) return corrupt(path_of(numbers[i - 1] + 1), 0, "the file is missing");
        if (numbers.empty()) return start_segment(0);
        first_ = numbers.front();
        return open_last(numbers.back());
    }

    Result<RecordPosition> append(BytesView record) override {
        CRN_CHECK(usable());
        if (record.size() > options_.record_bytes_max)
            return fail(error::StorageIo, "a record of " + std::to_string(record.size()) +
                                              " bytes is above the limit of " +
                                              std::to_string(options_.record_bytes_max));
        if (end_ > kSegmentHeaderBytes && end_ + kRecordHeaderBytes + record.size() > options_.segment_bytes_max) {
            // An older segment is always durable as a whole, so only the last one can have a torn tail.
            CRN_CHECK(sync());
            CRN_CHECK(start_segment(last_ + 1));
        }
        const RecordPosition position{last_, end_};
        const auto encoded = encode_record(last_, end_, record);
        if (auto written = file_->write_at(end_, encoded); !written) {
            // What was written of it must go, or the next record would stand behind damage.
            if (!file_->truncate(end_)) failed_ = true;
            return std::unexpected(std::move(written).error());
        }
        unsynced_ = true;
        const std::lock_guard guard(mutex_);
        end_ += encoded.size();
        return position;
    }

    Status sync() override {
        CRN_CHECK(usable());
        if (!unsynced_) return {};
        if (auto synced = file_->sync(); !synced) {
            failed_ = true;
            return synced;
        }
        unsynced_ = false;
        return {};
    }

    Result<Bytes> read(RecordPosition position) const override {
        const auto path = path_of(position.segment);
        CRN_TRY(file, segment(position.segment));
        std::array<std::uint8_t, kRecordHeaderBytes> head{};
        CRN_TRY(read, file->read_at(position.offset, head));
        if (read < head.size()) return corrupt(path, position.offset, "no record stands there");
        CRN_TRY(size, file->size());
        const auto header = decode_record_header(head, kFileBytesMax);
        if (!header || position.offset + kRecordHeaderBytes + header->length > size)
            return corrupt(path, position.offset, "no record stands there");
        Bytes record(header->length);
        CRN_TRY(filled, file->read_at(position.offset + kRecordHeaderBytes, record));
        if (filled < record.size() || !checksum_matches(*header, position.segment, position.offset, record))
            return corrupt(path, position.offset, "the record does not have its checksum");
        return record;
    }

    Status replay(RecordPosition start, const std::function<bool(RecordPosition, BytesView)>& visit) const override {
        std::uint32_t number = 0;
        std::uint32_t last = 0;
        std::uint64_t end = 0;
        {
            const std::lock_guard guard(mutex_);
            number = std::max(first_, start.segment);
            last = last_;
            end = end_;
        }
        bool go_on = true;
        for (; go_on && number <= last; ++number) {
            const auto path = path_of(number);
            CRN_TRY(file, segment(number));
            CRN_TRY(content, read_whole(*file, path));
            if (number == last && content.size() > end) content.resize(end);
            const auto from = number == start.segment ? start.offset : 0;
            const auto scan = scan_segment(number, content, kFileBytesMax, [&](std::uint64_t offset, BytesView record) {
                if (offset >= from) go_on = visit({number, offset}, record);
                return go_on;
            });
            if (scan.invalid_bytes != 0) return corrupt(path, scan.valid_bytes, "the record is invalid");
        }
        return {};
    }

    Status drop_before(RecordPosition position) override {
        const auto keep = std::min(position.segment, last_);
        while (first_ < keep) {
            const auto path = path_of(first_);
            {
                const std::lock_guard guard(mutex_);
                old_files_.erase(first_);
                ++first_;
            }
            CRN_CHECK(files_.remove(path));
            // One after another, so that a crash cannot leave a gap.
            CRN_CHECK(files_.sync_directory(directory_));
        }
        return {};
    }

private:
    std::string path_of(std::uint32_t number) const { return directory_ + "/" + name_of(number); }

    Status usable() const {
        if (failed_)
            return fail(error::StorageIo, directory_ + ": an earlier write or sync failed; nothing more is accepted");
        return {};
    }

    /// A new, empty last segment, durable before anything refers to it.
    Status start_segment(std::uint32_t number) {
        const auto path = path_of(number);
        auto created = files_.create(path);
        if (!created) return std::unexpected(std::move(created).error());
        Status ready = (*created)->write_at(0, segment_header(number));
        if (ready) ready = (*created)->sync();
        if (ready) ready = files_.sync_directory(directory_);
        if (!ready) {
            // Without room for a header the segment must not stay: its name is needed when there is room again.
            if (ready.error().code != error::StorageFull || !files_.remove(path)) failed_ = true;
            return ready;
        }
        become_last(number, std::move(*created), kSegmentHeaderBytes);
        return {};
    }

    Status open_last(std::uint32_t number) {
        const auto path = path_of(number);
        CRN_TRY(file, files_.open_last(path));
        CRN_TRY(content, read_whole(*file, path));
        const auto scan = scan_segment(number, content, kFileBytesMax);
        if (scan.damaged) return corrupt(path, scan.valid_bytes, "the record is invalid, but valid ones follow it");
        if (scan.invalid_bytes != 0) {
            log(LogLevel::warning, "storage", "cut the torn end off a segment",
                {{"file", path},
                 {"offset", std::to_string(scan.valid_bytes)},
                 {"bytes", std::to_string(scan.invalid_bytes)}});
            CRN_CHECK(file->truncate(scan.valid_bytes));
        }
        if (scan.valid_bytes < kSegmentHeaderBytes) CRN_CHECK(file->write_at(0, segment_header(number)));
        // What was read may lie in the page cache only; whoever replays it will build on it.
        CRN_CHECK(file->sync());
        CRN_CHECK(files_.sync_directory(directory_));
        become_last(number, std::move(file), std::max<std::uint64_t>(scan.valid_bytes, kSegmentHeaderBytes));
        return {};
    }

    void become_last(std::uint32_t number, std::shared_ptr<File> file, std::uint64_t end) {
        const std::lock_guard guard(mutex_);
        file_ = std::move(file);
        last_ = number;
        end_ = end;
        unsynced_ = false;
    }

    Result<std::shared_ptr<const File>> segment(std::uint32_t number) const {
        const std::lock_guard guard(mutex_);
        if (number == last_) return file_;
        if (number < first_ || number > last_)
            return fail(error::StorageIo, path_of(number) + " is not there, or was dropped");
        if (const auto found = old_files_.find(number); found != old_files_.end()) return found->second;
        CRN_TRY(opened, files_.open(path_of(number)));
        if (old_files_.size() == kOpenFilesMax) old_files_.erase(old_files_.begin());
        return old_files_[number] = std::move(opened);
    }

    FileSystem& files_;
    const std::string directory_;
    const LogOptions options_;
    std::unique_ptr<DirectoryLock> lock_;
    bool unsynced_ = false; // writer only
    bool failed_ = false;   // writer only

    mutable std::mutex mutex_;
    // Written by the writer under the lock; so it may read them without.
    std::shared_ptr<File> file_; // the last segment
    std::uint32_t first_ = 0;
    std::uint32_t last_ = 0;
    std::uint64_t end_ = 0;                                                  // of the last segment
    mutable std::map<std::uint32_t, std::shared_ptr<const File>> old_files_; // guarded by mutex_
};

} // namespace

Result<std::unique_ptr<RecordLog>> open_segment_log_on(FileSystem& files, const std::string& directory,
                                                       const LogOptions& options) {
    auto log = std::make_unique<SegmentLog>(files, directory, options);
    CRN_CHECK(log->open());
    return log;
}

Result<std::unique_ptr<RecordLog>> open_segment_log(const std::string& directory, const LogOptions& options) {
    return open_segment_log_on(posix_file_system(), directory, options);
}

} // namespace cairn::storage
