// A node's audit log, open for writing: where every part of the node reports its acts.
//
// Records are chained by hash, written to segment files, synced, and sealed with a signature at the latest half a second
// after they were written (record.hpp has the format). Verification needs no node: verifier.hpp.
#pragma once

#include "audit/event.hpp"
#include "audit/sealer.hpp"
#include "storage/file.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cairn::audit {

/// How sure the caller must be before it goes on.
enum class Durability : std::uint8_t {
    grouped, // returns at once; on disk and sealed within kSealInterval
    durable, // on disk when append returns: for privileged acts, before they are done
};

inline constexpr Milliseconds kSealInterval{500};
inline constexpr std::size_t kEventsPerSealMax = 4'096;
inline constexpr std::size_t kQueuedEventsMax = 8'192;

/// After so many seals at the latest comes an account of the uses of keys: `key.used`, the numbers since ever, as the node counted
/// them up to the seal before. The first of a run is `key.counted`, the numbers that the signer began with.
inline constexpr std::size_t kSealsPerAccount = 64;

/// The shortest time that records are kept: six months, at their longest (July to December).
inline constexpr std::uint32_t kRetentionDaysMin = 184;

/// Where the log stands: everything up to `sequence` is on disk and sealed, `head` is the hash of the last record.
struct Head {
    std::uint64_t sequence = 0;
    Hash256 hash;
    bool operator==(const Head&) const = default;
};

/// Thread-safe.
class Trail {
public:
    virtual ~Trail() = default;
    /// Time, sequence and node are filled in; texts are made safe. AuditSinkFailed once a write or sync has failed, and for
    /// ever after: whoever is about to do a privileged act must then refuse it. AuditBusy if grouped events come faster than
    /// the disk takes them: the event is not recorded but counted, and the next record says how many were.
    virtual Status append(Event event, Durability durability) = 0;
    /// AuditSinkFailed if privileged acts have to be refused: some write has failed. A durable append is the surer test.
    virtual Status usable() const = 0;
    /// The last seal.
    virtual Head sealed() const = 0;
    /// Sequence of the last event that is not only about the log and its anchors; so that an idle network stays silent.
    virtual std::uint64_t last_notable() const = 0;
    /// Writes, syncs and seals what is queued.
    virtual Status flush() = 0;
    /// Deletes segments all of whose events are older than so many days; the number of the first event that is left.
    /// AuditRetention if that is less than the time that records have to be kept.
    virtual Result<std::uint64_t> prune(std::uint32_t keep_days) = 0;
    /// Height up to which acts on the chain are in the log; noted in the next seal.
    virtual void covered(std::uint64_t height) = 0;
};

struct TrailConfig {
    std::string directory;
    std::string node;         // name of the validator
    std::string organisation; // it belongs to
    std::uint64_t chain_id = 0;
    Hash256 genesis; // hash of block 0
    std::uint32_t retention_days = 366;
    std::uint64_t segment_bytes_max = 16u << 20;
};

/// What the log said about the chain when it was opened.
struct ChainCover {
    std::uint64_t height = 0; // all acts up to this block are in the log
    /// Events that the log has of later blocks already: a crash came before the next seal.
    std::vector<std::pair<std::uint64_t, std::uint64_t>> events; // height, count
};

struct OpenTrail {
    std::unique_ptr<Trail> trail;
    ChainCover cover;
};

/// Opens or starts the log. The torn end that a crash left is cut off. AuditRetention for a time below the legal minimum,
/// AuditForeign if the directory holds the log of another node or chain, AuditTampered if what would be continued is not
/// sound, storage errors. `files`, `sealer` and `clock` must outlive the trail.
Result<OpenTrail> open_trail(storage::FileSystem& files, const TrailConfig& config, Sealer& sealer, const Clock& clock);

} // namespace cairn::audit
