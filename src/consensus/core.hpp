// The consensus core: lanes and Simplex (consensus.md) as a pure function of events. It has no clock, socket, disk,
// thread or random source; the same events give the same actions. One thread at a time.
//
// Life: construct, recover() once, then step() with Tick, then with whatever happens. See events.hpp for the driver's duties.
// Everything a peer sends is bounded, checked and, if it is junk, reported; no peer can make the core grow or stop.
#pragma once

#include "consensus/events.hpp"
#include "consensus/signing.hpp"

#include <span>

namespace cairn::consensus {

struct Timing {
    Microseconds delta{100'000};        // Δ: bound on a message's way when all is well, until round trips are measured
    Microseconds delta_min{50'000};     // measured Δ (twice a quorum's round trip) is not below
    Microseconds delta_max{10'000'000}; // back-off of ×1.5 per nullified view ends here
    Microseconds min_block_interval{50'000}; // 0: as fast as certificates form
    Microseconds status_interval{500'000};
    Microseconds empty_block_interval{500'000}; // from a block to an empty one that follows it without need
    Microseconds certify_idle{
        5'000};                // the proof of availability of the last own batch goes out after this without a next one
    Milliseconds drift{2'000}; // a block's time may be ahead of the local clock by this
};

struct Limits {
    std::uint64_t window_positions = 64;      // W: uncommitted batches per lane
    std::uint64_t window_bytes = 8u << 20;    // W: their bodies together
    std::uint64_t block_batches_max = 128;    // new batches in one block
    std::uint64_t block_bytes_max = 8u << 20; // their bodies together
    std::uint64_t block_gas_max = 500'000'000;
    std::uint64_t execution_lag_max = 8; // D_max: height of a block minus certified height it refers to
    /// Empty blocks that follow the last block with data before the network falls silent: for clients that wait for one more
    /// block, or for a few confirmations. The same at all validators, or views are lost over it.
    std::uint64_t trailing_empty_blocks = 2;
    std::uint64_t delivery_window = 32; // finalized blocks delivered but not yet durable
};

/// What the first block of an epoch follows: genesis, or the final block that ended the epoch before.
struct EpochStart {
    Height height;
    Hash256 digest;      // of the block; of the EVM header for genesis
    Hash256 header_hash; // of the EVM header at `height`: the first execution reference
    std::uint64_t timestamp_ms = 0;
    bool operator==(const EpochStart&) const = default;
};

/// One core serves one epoch: when that has ended the driver makes another, with the same log.
struct CoreConfig {
    std::uint64_t chain_id = 0;
    ledger::ValidatorSet validators;
    /// validators.size(), or more, for who is not of this set: it follows without a vote.
    ValidatorIndex self;
    EpochStart start;
    Timing timing;
    Limits limits;
};

/// What is final and durable in the driver's store. Calls come from within step(); a missing answer is never fatal.
class History {
public:
    virtual ~History() = default;
    /// 0 when there is only genesis. Not below what BlocksDurable said.
    virtual Height tip() const = 0;
    /// Null if unknown or pruned.
    virtual FinalizedBlockPtr block(Height height) const = 0;
    virtual std::optional<ledger::Certificate> execution_certificate(Height height) const = 0;
};
/// Form in which a driver may store a finalized block, bodies included.
Bytes encode_finalized_block(const FinalizedBlock& block);
/// WireInvalid, BatchInvalid. Checks form and body hashes, not signatures: the store is the node's own.
Result<FinalizedBlock> decode_finalized_block(BytesView bytes);

/// What is known of this validator's past votes when it starts.
enum class Memory {
    fresh,    // it has never run: the log is empty because nothing was ever written
    complete, // the log is whole but for a tail that was never synced
    lost,     // the log is missing or corrupt in the middle: abstain until it is safe (consensus.md section 7, amnesia)
};

/// Room in the own lane; zeros mean back-pressure, or that this validator must not extend its lane.
struct LaneRoom {
    std::uint64_t batches = 0;
    std::uint64_t bytes = 0; // of the next batch's body
    Position next;           // where it will lie; of no meaning without room
    /// Advice: of the next batch. While execution lags behind order, large batches make short lanes wait.
    std::uint64_t transactions = 0;
    /// Advice: intervals between batches to wait before the next one, as many as lanes give something.
    std::uint64_t giving = 1;
};

struct CoreStatus {
    View view;
    ValidatorIndex leader;
    Height notarized;
    Height finalized; // ordered; delivered as soon as bodies are here
    Height delivered;
    Height executed;        // certified by a quorum
    Microseconds delta{};   // Δ without back-off
    Height highest_claimed; // by any peer, unverified: for "syncing" displays only
    bool abstaining = false;
    bool ended = false; // the block that ends this epoch is final
};

class Guards;
class Machine;

class Core {
public:
    /// All references must outlive the core. `guards` is for tests of the invariants; leave it out.
    Core(const CoreConfig& config, const Signer& signer, const History& history,
         const Verifier& verifier = voting_verifier(), const Guards* guards = nullptr);
    ~Core();
    Core(Core&&) noexcept;
    Core& operator=(Core&&) noexcept;

    /// `records` of the write-ahead log, oldest first; empty for Memory::fresh and Memory::lost.
    /// LogInvalid: a record does not decode, or belongs to another chain, a later epoch or another validator. The caller may
    /// then start a new core with Memory::lost and a new log. Records of earlier epochs are passed over; a whole log with no
    /// others shows that nothing of this epoch was ever signed.
    Status recover(std::span<const BytesView> records, Memory memory);

    Actions step(const Event& event);

    LaneRoom lane_room() const;
    CoreStatus status() const;
    Epoch epoch() const;

    /// Records that replace everything logged before: append them, sync, then older segments may be dropped.
    /// A crash in between is harmless: an unfinished set is ignored. Size: at most the lanes' windows and a few blocks.
    std::vector<SharedBytes> checkpoint() const;

private:
    std::unique_ptr<Machine> machine_;
};

} // namespace cairn::consensus
