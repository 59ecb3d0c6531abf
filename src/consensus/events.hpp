// What goes into the consensus core and what comes out of it. Values only; nothing here does anything.
//
// The driver owns clocks, sockets and disks. It calls Core::step for each event and carries out the actions in this order:
//   1. append `records` to the write-ahead log; if `sync`, make them durable (one fdatasync may serve several steps);
//   2. only then send `messages` of this and earlier steps: durable before sent;
//   3. hand on the rest (blocks, certificates, evidence, reports);
//   4. step with Tick when `wake_at` has come, unless another event came first.
#pragma once

#include "base/clock.hpp"
#include "consensus/evidence.hpp"
#include "ledger/consensus_block.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cairn::consensus {

using SharedBytes = std::shared_ptr<const Bytes>;

/// Which of the transport's priority streams a message belongs on; numbers as network::Stream.
enum class Channel : std::uint8_t { consensus = 0, data = 1, sync = 2 };

// Events ---------------------------------------------------------------------------------------------------------------

/// A frame from a peer whose identity the transport has checked. Its content is not trusted.
struct MessageReceived {
    ValidatorIndex from;
    std::uint8_t type = 0;
    SharedBytes payload;
};
/// Time passes.
struct Tick {};
/// Transactions for the own lane. Refused (Actions::batch_refused) unless it fits Core::lane_room().
struct LocalBatch {
    std::vector<Bytes> transactions; // raw, each valid as far as the pool can tell
    std::uint64_t gas_limit_sum = 0;
};
/// The block at `height`, delivered as finalized before, has been executed. Heights may repeat after a restart, and those from the
/// last block's execution reference on (ConsensusBlock::executed) must, so that the core knows what their states ask for.
struct ExecutionFinished {
    Height height;
    Hash256 header_hash; // hash of the EVM header
    /// Hash of the set that the state asks for with the next epoch's number, if that is another than this epoch's.
    std::optional<Hash256> next_validators = std::nullopt;
};
/// All finalized blocks up to here are durable in the driver's store, and History answers for them.
/// At most Limits::delivery_window blocks are delivered beyond it.
struct BlocksDurable {
    Height through;
};
/// A peer became reachable: it gets our status at once. Only a hint.
struct PeerConnected {
    ValidatorIndex peer;
};
/// Execution dropped a transaction of an ordered batch because it does not decode or its signature is bad.
struct InvalidInBatch {
    std::shared_ptr<const ledger::Batch> batch;
    std::uint32_t index = 0;
};
/// Voted parameters that bind the order of blocks from this height on. Told when the vote is executed, which may be after the height.
struct RulesChanged {
    Height from;
    std::uint64_t block_gas_max = 0;
    Microseconds min_block_interval{};
    /// Of the lanes' owners when they take turns, from 1 to 10,000, by index; null: all the same.
    std::shared_ptr<const std::vector<std::uint64_t>> lane_weights;
};
/// Keys of validators that the executed chain has stopped (quarantined, compromised, ...), all of them: nothing that they sign
/// counts here from now on. Certificates of a quorum still do, whoever is in them. docs/decisions/0030-a-stopped-voting-key.md.
struct VotersStopped {
    std::vector<crypto::VotingKey> keys;
};
using Input = std::variant<Tick, MessageReceived, LocalBatch, ExecutionFinished, BlocksDurable, PeerConnected,
                           InvalidInBatch, RulesChanged, VotersStopped>;

struct Event {
    Microseconds now{};  // monotonic
    Milliseconds wall{}; // since 1970 UTC; may jump
    Input input;
};

// Actions --------------------------------------------------------------------------------------------------------------

struct Outgoing {
    std::optional<ValidatorIndex> to; // nothing: to all others
    Channel channel = Channel::consensus;
    std::uint8_t type = 0;
    SharedBytes payload;
};

/// A block that is final, with everything that is needed to execute it and to prove it to others.
struct FinalizedBlock {
    ledger::ConsensusBlock block;
    Hash256 digest;
    /// A quorum's votes for `digest`: VoteKind::finalize, or VoteKind::notarize when a later block's finalization covers it.
    ledger::Certificate certificate;
    /// The leader's proposal as it was sent: block, signature, parent certificate, certificates of skipped views.
    SharedBytes proposal;
    /// New batches of the cut in the order of execution: lanes rotating from view mod n, positions ascending.
    std::vector<ledger::Batch> batches;
};
using FinalizedBlockPtr = std::shared_ptr<const FinalizedBlock>;

/// Notarized, not yet final: may be executed speculatively and must be undone unless it is finalized.
struct NotarizedBlock {
    ledger::ConsensusBlock block;
    Hash256 digest;
    std::vector<ledger::Batch> batches; // as in FinalizedBlock
};

/// A peer sent what no honest peer sends.
struct PeerReport {
    ValidatorIndex peer;
    Error error;
};

struct Actions {
    std::vector<SharedBytes> records;
    bool sync = false;
    std::vector<Outgoing> messages;
    std::vector<NotarizedBlock> notarized;
    std::vector<FinalizedBlockPtr> finalized; // heights ascending without gap
    /// VoteKind::execution; number is the height, digest the EVM header hash. Each height once; not always ascending.
    std::vector<ledger::Certificate> execution_certificates;
    std::vector<Evidence> evidence;
    std::vector<PeerReport> reports;
    bool batch_refused = false;
    /// The node must stop before it lies: its result differs from the certified one, or its own vote would contradict another.
    std::optional<Error> halt;
    Height differs_at;         // the block whose result differs, if that is why it halts; 0 otherwise
    Microseconds wake_at{};
};

} // namespace cairn::consensus
