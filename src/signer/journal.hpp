// The signer's memory on disk: two files that take turns, opened once and never renamed, so that a process without access
// to any path can keep them.
//
// A file is a sequence of slots (entry.hpp): a header with the generation, the entries that replace all earlier files, a
// `complete`, then one slot per thing signed. The file of the highest generation that is complete counts. Space is filled
// with zeros ahead, so that a write changes no metadata and one fdatasync makes it durable. The counter grows by one with
// every entry and never falls.
#pragma once

#include "base/result.hpp"
#include "signer/entry.hpp"

#include <span>
#include <string>
#include <vector>

namespace cairn::signer {

/// Entries in one append: what a crash may tear is never longer.
inline constexpr std::size_t kAppendMax = 64;
/// Entries that were written and not synced: a power loss may take them back, a kill does not.
inline constexpr std::size_t kUnsyncedMax = 16;

enum class Sync : std::uint8_t { now, later };

class Journal {
public:
    /// Makes both files, mode 0600; fails if there is one. For keys that have signed nothing yet.
    static Status create(const std::string& path, const SlotKey& key, std::span<const Entry> entries);
    static bool exists(const std::string& path);
    /// SignerAmnesia, SignerBusy, SignerStateDamaged, SignerStateIo. Waits a moment for the lock: the signer that this one
    /// follows may be about to end. `entries` gets everything that counts, in order.
    static Result<Journal> open(const std::string& path, const SlotKey& key, std::vector<Entry>& entries);

    Journal(Journal&& other) noexcept;
    Journal& operator=(Journal&& other) noexcept;
    ~Journal();

    /// At most kAppendMax; durable on success, with all that came before, or with `later` at the next sync. After a failure
    /// nothing is appended any more.
    Status append(std::span<const Entry> entries, Sync sync = Sync::now);
    /// Begins a new generation with these entries in the other file, and ends the old one; durable on success. `erase`: overwrites the
    /// whole old file, because it has what must be gone.
    Status rewrite(std::span<const Entry> entries, bool erase = false);
    /// Whether it is time to.
    bool is_long() const { return next_ > kSlotsMax; }
    /// Of what is durable.
    std::uint64_t counter() const { return counter_ - unsynced_; }
    /// Only upwards; noted by the next rewrite.
    void raise_counter(std::uint64_t to) { counter_ = std::max(counter_, to); }

private:
    static constexpr std::uint64_t kSlotsMax = 32'768;
    static constexpr std::uint64_t kFillSlots = 2'048;

    Journal(int first, int second, const SlotKey& key);
    Status write_slots(int file, std::uint64_t generation, std::uint64_t at, std::span<const Entry> entries);
    Status fill(int file, std::uint64_t slots);

    int files_[2];
    std::uint64_t filled_[2] = {0, 0}; // slots that exist on disk
    int current_ = 0;
    SlotKey key_;
    std::uint64_t generation_ = 0;
    std::uint64_t next_ = 0; // slot of the next entry
    std::uint64_t counter_ = 0;
    std::uint64_t unsynced_ = 0; // entries of the current file
    bool failed_ = false;
};

} // namespace cairn::signer
