#include "signer/journal.hpp"

#include "base/errors/signer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cairn::signer {
namespace {

constexpr int kLockTries = 300; // 10 ms each
constexpr std::size_t kFileBytesMax = 64u << 20;

std::array<std::string, 2> names(const std::string& path) { return {path + ".0", path + ".1"}; }

std::unexpected<Error> io_error(const std::string& what) {
    return fail(error::SignerStateIo, what + ": " + std::strerror(errno)); // NOLINT(concurrency-mt-unsafe)
}

Status write_all(int file, BytesView bytes, std::uint64_t offset) {
    while (!bytes.empty()) {
        const auto count = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return io_error("write");
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
    return {};
}

Result<Bytes> read_all(int file) {
    struct stat status{};
    if (::fstat(file, &status) != 0) return io_error("stat");
    if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > kFileBytesMax)
        return fail(error::SignerStateDamaged, "not a file of the right size");
    Bytes out(static_cast<std::size_t>(status.st_size));
    std::size_t done = 0;
    while (done < out.size()) {
        const auto count = ::pread(file, out.data() + done, out.size() - done, static_cast<off_t>(done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return io_error("read");
        done += static_cast<std::size_t>(count);
    }
    return out;
}

struct Content {
    std::uint64_t generation = 0;
    std::uint64_t base = 0; // counter at the header
    std::uint64_t slots = 0;
    std::uint64_t live = 0; // entries after `complete`
    std::vector<Entry> entries;
    bool damaged = false; // something follows that is no torn end
};

bool is_free(const Slot& slot) { return slot.is_zero(); }

/// Nothing for a file that was never finished, or is being emptied: a crash while it was begun.
std::optional<Content> parse(BytesView bytes, const SlotKey& key) {
    const auto count = bytes.size() / kSlotBytes;
    const auto slot_at = [&](std::size_t i) { return *Slot::from(bytes.subspan(i * kSlotBytes, kSlotBytes)); };
    if (count == 0 || is_free(slot_at(0))) return std::nullopt;
    Content out;
    out.generation = claimed_generation(slot_at(0));
    const auto header = decode_slot(slot_at(0), key, out.generation, 0);
    // A header that does not check may be one that was being written: the other file still counts then.
    if (!header || header->kind != EntryKind::header) return std::nullopt;
    out.base = header->epoch;
    bool complete = false;
    std::size_t i = 1;
    for (; i < count; ++i) {
        const auto slot = slot_at(i);
        if (is_free(slot)) break;
        const auto entry = decode_slot(slot, key, out.generation, i);
        if (!entry) break;
        if (entry->kind == EntryKind::complete) {
            complete = true;
            continue;
        }
        out.entries.push_back(*entry);
        if (complete) ++out.live;
    }
    if (!complete) return std::nullopt;
    out.slots = i;
    // Of a group that was not synced, and of the few entries before it that did not ask to be, nothing that matters has left;
    // whatever lies beyond them was synced.
    for (auto later = i + kUnsyncedMax + kAppendMax; later < count; ++later)
        if (!is_free(slot_at(later))) out.damaged = true;
    return out;
}

Status lock(int file) {
    for (int i = 0; i < kLockTries; ++i) {
        if (::flock(file, LOCK_EX | LOCK_NB) == 0) return {};
        if (errno != EWOULDBLOCK && errno != EINTR) return io_error("lock");
        ::poll(nullptr, 0, 10);
    }
    return fail(error::SignerBusy, "its state file is locked");
}

} // namespace

Journal::Journal(int first, int second, const SlotKey& key) : files_{first, second}, key_(key) {}

Journal::Journal(Journal&& other) noexcept : files_{-1, -1} { *this = std::move(other); }

Journal& Journal::operator=(Journal&& other) noexcept {
    if (this == &other) return *this;
    for (std::size_t i = 0; i < 2; ++i) {
        std::swap(files_[i], other.files_[i]);
        std::swap(filled_[i], other.filled_[i]);
    }
    current_ = other.current_;
    std::swap(key_, other.key_);
    generation_ = other.generation_;
    next_ = other.next_;
    counter_ = other.counter_;
    unsynced_ = other.unsynced_;
    failed_ = other.failed_;
    return *this;
}

Journal::~Journal() {
    sodium_memzero(key_.bytes.data(), key_.bytes.size());
    for (const int file : files_)
        if (file >= 0) ::close(file);
}

Status Journal::create(const std::string& path, const SlotKey& key, std::span<const Entry> entries) {
    int files[2] = {-1, -1};
    for (std::size_t i = 0; i < 2; ++i) {
        files[i] = ::open(names(path)[i].c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (files[i] < 0) {
            auto error = io_error(names(path)[i]);
            if (i == 1) {
                ::close(files[0]);
                ::unlink(names(path)[0].c_str());
            }
            return error;
        }
    }
    Journal journal(files[0], files[1], key);
    journal.current_ = 1; // so that the first rewrite goes to the first file
    CRN_CHECK(journal.rewrite(entries));
    const auto slash = path.rfind('/');
    const auto folder = slash == std::string::npos ? std::string{"."} : path.substr(0, slash + 1);
    const int directory = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && ::fsync(directory) == 0;
    if (directory >= 0) ::close(directory);
    return synced ? Status{} : io_error(folder);
}

bool Journal::exists(const std::string& path) {
    return ::access(names(path)[0].c_str(), F_OK) == 0 || ::access(names(path)[1].c_str(), F_OK) == 0;
}

Result<Journal> Journal::open(const std::string& path, const SlotKey& key, std::vector<Entry>& entries) {
    int files[2];
    for (std::size_t i = 0; i < 2; ++i) {
        files[i] = ::open(names(path)[i].c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (files[i] < 0) {
            const int reason = errno;
            if (i == 1) ::close(files[0]);
            errno = reason;
            if (reason == ENOENT) return fail(error::SignerAmnesia, names(path)[i] + " is missing");
            return io_error(names(path)[i]);
        }
    }
    Journal journal(files[0], files[1], key);
    CRN_CHECK(lock(files[0]));
    CRN_CHECK(lock(files[1]));
    std::optional<Content> best;
    for (int i = 0; i < 2; ++i) {
        CRN_TRY(bytes, read_all(files[i]));
        journal.filled_[i] = bytes.size() / kSlotBytes;
        auto content = parse(bytes, key);
        if (content && (!best || content->generation > best->generation)) {
            best = std::move(content);
            journal.current_ = i;
        }
    }
    if (!best) return fail(error::SignerStateDamaged, path + ": neither file is whole");
    if (best->damaged)
        return fail(error::SignerStateDamaged, path + ": entry " + std::to_string(best->slots) + " of generation " +
                                                   std::to_string(best->generation) + " fails its check");
    journal.generation_ = best->generation;
    journal.counter_ = best->base + best->live;
    entries = std::move(best->entries);
    // A torn end must not be taken for entries later: start a clean generation.
    journal.next_ = best->slots;
    return journal;
}

Status Journal::fill(int file, std::uint64_t slots) {
    if (filled_[file] >= slots) return {};
    const auto target = (slots + kFillSlots - 1) / kFillSlots * kFillSlots;
    const Bytes zeros((target - filled_[file]) * kSlotBytes);
    CRN_CHECK(write_all(files_[file], zeros, filled_[file] * kSlotBytes));
    filled_[file] = target;
    return {};
}

Status Journal::write_slots(int file, std::uint64_t generation, std::uint64_t at, std::span<const Entry> entries) {
    CRN_CHECK(fill(file, at + entries.size()));
    Bytes bytes;
    bytes.reserve(entries.size() * kSlotBytes);
    for (std::size_t i = 0; i < entries.size(); ++i)
        cairn::append(bytes, encode_slot(entries[i], key_, generation, at + i));
    return write_all(files_[file], bytes, at * kSlotBytes);
}

Status Journal::append(std::span<const Entry> entries, Sync sync) {
    if (entries.empty()) return {};
    if (failed_ || entries.size() > kAppendMax) return fail(error::SignerStateIo, "an earlier write failed");
    failed_ = true;
    CRN_CHECK(write_slots(current_, generation_, next_, entries));
    unsynced_ += entries.size();
    if (sync == Sync::now || unsynced_ > kUnsyncedMax) {
        if (::fdatasync(files_[current_]) != 0) return io_error("sync");
        unsynced_ = 0;
    }
    failed_ = false;
    next_ += entries.size();
    counter_ += entries.size();
    return {};
}

Status Journal::rewrite(std::span<const Entry> entries, bool erase) {
    if (failed_) return fail(error::SignerStateIo, "an earlier write failed");
    failed_ = true;
    const int other = 1 - current_;
    const auto generation = generation_ + 1;
    // Zeros first: what an older generation left behind must not look like entries of this one's tail.
    const Bytes zeros(filled_[other] * kSlotBytes);
    CRN_CHECK(write_all(files_[other], zeros, 0));
    if (::fdatasync(files_[other]) != 0) return io_error("sync");
    std::vector<Entry> all;
    all.reserve(entries.size() + 2);
    all.push_back({EntryKind::header, 0, counter_, generation, {}});
    all.insert(all.end(), entries.begin(), entries.end());
    all.push_back({EntryKind::complete, 0, 0, 0, {}});
    CRN_CHECK(fill(other, all.size() + kAppendMax));
    CRN_CHECK(write_slots(other, generation, 0, all));
    if (::fdatasync(files_[other]) != 0) return io_error("sync");
    // The old generation ends with its header: were the new file damaged, it would be taken for all there is.
    const Bytes nothing((erase ? filled_[current_] : 1) * kSlotBytes);
    CRN_CHECK(write_all(files_[current_], nothing, 0));
    if (::fdatasync(files_[current_]) != 0) return io_error("sync");
    failed_ = false;
    current_ = other;
    generation_ = generation;
    next_ = all.size();
    unsynced_ = 0;
    return {};
}

} // namespace cairn::signer
