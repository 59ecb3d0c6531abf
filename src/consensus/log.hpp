// Records of the consensus write-ahead log: version (u8), kind (u8), content. What they hold must survive a crash, because the
// replica must never contradict it afterwards.
#pragma once

#include "consensus/messages.hpp"

namespace cairn::consensus {

enum class RecordKind : std::uint8_t {
    identity = 1,    // Identity; first in every log and checkpoint
    batch = 2,       // BatchRecord: a body, and whether we have voted for it
    vote = 3,        // own vote
    proposal = 4,    // own or another's, as it was sent
    certificate = 5, // any kind
    entered = 6,     // Entered
    amnesia = 7,     // Amnesia
    part = 8,        // Part: a record of a checkpoint, see Core::checkpoint
};

struct Identity {
    std::uint64_t chain_id = 0;
    Epoch epoch;
    ValidatorIndex self;
    Hash256 validators; // hash of the set
    bool operator==(const Identity&) const = default;
};
struct BatchRecord {
    ledger::Batch batch;
    bool voted = false;
};
struct Entered {
    View view;
    /// Votes in views up to this one are no longer remembered: cast none there.
    View forgotten;
};
struct Amnesia {
    /// No vote in views up to this one; absent while not known yet: no vote at all.
    std::optional<View> abstain;
    /// Last epoch in which something may have been signed that is forgotten; absent while not known. A replica without its disk
    /// does not know how far it had come: not beyond the epoch after the one in which a quorum answered it.
    std::optional<Epoch> last;
};
struct Part {
    std::uint32_t index = 0, total = 0;
    BytesView record; // not itself a part
};

SharedBytes record_identity(const Identity& identity);
SharedBytes record_batch(const ledger::Batch& batch, bool voted);
SharedBytes record_vote(const ledger::Vote& vote);
SharedBytes record_proposal(BytesView encoded);
SharedBytes record_certificate(const ledger::Certificate& certificate);
SharedBytes record_entered(const Entered& entered);
SharedBytes record_amnesia(const Amnesia& amnesia);
SharedBytes record_part(std::uint32_t index, std::uint32_t total, BytesView record);

using Record =
    std::variant<Identity, BatchRecord, ledger::Vote, ProposalPtr, ledger::Certificate, Entered, Amnesia, Part>;
/// LogInvalid. A Part's view points into `bytes`.
Result<Record> decode_record(BytesView bytes);

} // namespace cairn::consensus
