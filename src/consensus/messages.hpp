// Messages between the cores of two validators: what they hold, and their bytes. Decoders check every limit before they copy;
// signatures are checked later, by the core.
#pragma once

#include "consensus/events.hpp"
#include "consensus/evidence.hpp"

namespace cairn::consensus {

/// First byte of a frame's meaning; part of the protocol, never renumbered.
enum class MessageType : std::uint8_t {
    batch = 1,               // BatchMessage, from the lane's owner
    vote = 2,                // ledger::Vote of any kind, from the voter
    certificate = 3,         // ledger::Certificate of any kind, from anyone
    proposal = 4,            // Proposal, from the leader
    status = 5,              // PeerStatus
    fetch_blocks = 6,        // FetchRange of heights; answered by blocks
    blocks = 7,              // BlocksAnswer
    fetch_batches = 8,       // FetchBatches; answered by batch_answer, one message per batch
    batch_answer = 9,        // BatchMessage without proof
    fetch_certificates = 10, // FetchCertificates; answered by certificate messages
    fetch_proposal = 11,     // digest; answered by proposal_answer
    proposal_answer = 12,    // Proposal
    evidence = 13,           // Evidence
};

/// No message is longer.
inline constexpr std::size_t kMessageBytesMax = 8u << 20;
/// Nullifications in one proposal. More skipped views than this cannot be justified; the back-off makes that hours.
inline constexpr std::size_t kSkippedViewsMax = 1024;
inline constexpr std::size_t kRangeMax = 64; // blocks or certificates in one answer
inline constexpr std::size_t kBlocksAnswerBytes = 1u << 20;

struct BatchMessage {
    ledger::Batch batch;
    /// Proof of availability of an earlier position of the same lane.
    std::optional<ledger::Certificate> proof;
};
Bytes encode_batch_message(const ledger::Batch& batch, const std::optional<ledger::Certificate>& proof);
/// WireInvalid; BatchInvalid if the body is not the header's.
Result<BatchMessage> decode_batch_message(BytesView bytes);

/// A leader's block with what justifies it.
struct Proposal {
    SignedBlock signed_block;
    Hash256 digest; // of the block
    /// Notarization or finalization of the parent; absent exactly when the parent is genesis.
    std::optional<ledger::Certificate> parent_certificate;
    /// Nullifications of the views between parent and block, ascending, none left out.
    std::vector<ledger::Certificate> skipped;
    /// Certifies block.executed if that is higher than the parent's.
    std::optional<ledger::Certificate> execution;
    SharedBytes encoded;

    const ledger::ConsensusBlock& block() const { return signed_block.block; }
};
using ProposalPtr = std::shared_ptr<const Proposal>;
/// Also fills `digest` and `encoded`.
ProposalPtr make_proposal(SignedBlock block, std::optional<ledger::Certificate> parent,
                          std::vector<ledger::Certificate> skipped, std::optional<ledger::Certificate> execution);
/// Checks that the certificates' statements are those that the block needs; not their signatures.
Result<ProposalPtr> decode_proposal(SharedBytes bytes);

struct PeerStatus {
    Epoch epoch;
    View view;
    Height finalized;
    Height executed;             // certified
    std::vector<Position> lanes; // highest batch it has voted for, by lane
    /// The certificate by which it entered its view; absent in view 1.
    std::optional<ledger::Certificate> entry;
    /// Counts the sender's statuses, so that an answer names the one that it answers.
    std::uint64_t number = 0;
    /// The last status received from each validator and how long ago: the sender of that one measures its round trip with it.
    /// Nothing, or one for each validator; number 0 where none came.
    struct Echo {
        std::uint64_t number = 0;
        std::uint32_t held_us = 0;
        bool operator==(const Echo&) const = default;
    };
    std::vector<Echo> echoes;
    bool operator==(const PeerStatus&) const = default;
};
Bytes encode_status(const PeerStatus& status);
Result<PeerStatus> decode_status(BytesView bytes);

struct FetchRange {
    std::uint64_t from = 0, to = 0; // inclusive
    bool operator==(const FetchRange&) const = default;
};
Bytes encode_fetch_range(const FetchRange& range);
Result<FetchRange> decode_fetch_range(BytesView bytes);

struct FetchCertificates {
    enum class Kind : std::uint8_t { views = 1, executions = 2 } kind = Kind::views;
    FetchRange range;
    bool operator==(const FetchCertificates&) const = default;
};
Bytes encode_fetch_certificates(const FetchCertificates& fetch);
Result<FetchCertificates> decode_fetch_certificates(BytesView bytes);

struct FetchBatches {
    struct Item {
        Hash256 digest;
        Height height;           // of the block that orders it, 0 if not ordered yet
        std::uint16_t depth = 0; // so many predecessors too
        bool operator==(const Item&) const = default;
    };
    std::vector<Item> items;
    bool operator==(const FetchBatches&) const = default;
};
Bytes encode_fetch_batches(const FetchBatches& fetch);
Result<FetchBatches> decode_fetch_batches(BytesView bytes);

struct BlocksAnswer {
    struct Item {
        ProposalPtr proposal;
        ledger::Certificate certificate; // as FinalizedBlock::certificate
        std::optional<ledger::Certificate> execution;
    };
    std::vector<Item> items; // heights ascending without gap
};
Bytes encode_blocks_answer(const BlocksAnswer& answer);
Result<BlocksAnswer> decode_blocks_answer(BytesView bytes);

Bytes encode_vote(const ledger::Vote& vote);
Result<ledger::Vote> decode_vote_message(BytesView bytes);
Bytes encode_certificate_message(const ledger::Certificate& certificate);
Result<ledger::Certificate> decode_certificate_message(BytesView bytes);

} // namespace cairn::consensus
