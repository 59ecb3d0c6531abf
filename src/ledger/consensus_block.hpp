// What consensus orders: batches of raw transactions in lanes, and blocks that cut across the lanes.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "codec/wire.hpp"
#include "ledger/validators.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace cairn::ledger {

inline constexpr std::size_t kBatchBytesMax = 1u << 20;
inline constexpr std::size_t kBatchTransactionsMax = 16384;

/// Header of a batch. The digest (Keccak-256 of the encoding without the signature) names it.
struct BatchHeader {
    Epoch epoch;
    ValidatorIndex lane;
    Position position;
    Hash256 parent;    // digest of the batch before; zero for position 1
    Hash256 body_hash; // Keccak-256 of the body
    std::uint32_t transaction_count = 0;
    std::uint32_t body_bytes = 0;
    std::uint64_t gas_limit_sum = 0;
    crypto::Signature signature; // by the owner over "cairn-batch-v1", chain id, digest
    bool operator==(const BatchHeader&) const = default;
};
Hash256 digest_of(const BatchHeader& header);
Bytes batch_signed_bytes(std::uint64_t chain_id, const Hash256& digest);

/// Body: u32 count, then each raw transaction as u32 length + bytes. Shared because it is never copied or changed.
struct Batch {
    BatchHeader header;
    std::shared_ptr<const Bytes> body;
};
Bytes encode_batch_body(const std::vector<BytesView>& transactions);
/// Views into `body`; BatchInvalid if it is not of this form, is over a limit, or holds an empty transaction or none.
Result<std::vector<BytesView>> split_batch_body(BytesView body);
/// BatchInvalid if counts, length or hash of `body` are not those of its header.
Status verify_batch_body(const BatchHeader& header, BytesView body);

/// How far a cut reaches into one lane.
struct LaneTip {
    Position position; // 0: nothing of this lane yet
    Hash256 digest;
    bool operator==(const LaneTip&) const = default;
};
/// One tip per validator of the epoch, by index.
using Cut = std::vector<LaneTip>;

/// Certified execution result that a block refers to.
struct ExecutionReference {
    Height height;
    Hash256 header_hash; // hash of the EVM header at that height
    bool operator==(const ExecutionReference&) const = default;
};

/// The block that consensus votes on. Its digest is Keccak-256 of this encoding.
struct ConsensusBlock {
    Epoch epoch;
    View view;
    Height height; // grows by one per block with data or not; equals EVM height unless empty blocks are skipped
    Hash256 parent;
    View parent_view;
    Cut cut;
    ExecutionReference executed;
    std::uint64_t timestamp_ms = 0;
    ValidatorIndex leader;
    /// Only in the last block with height of an epoch: hash of the next validator set.
    std::optional<Hash256> next_validators;
    bool operator==(const ConsensusBlock&) const = default;
};
// The decoders below check limits and that each value has one encoding; failure sticks in the reader.
void encode(codec::WireWriter& out, const ConsensusBlock& block);
ConsensusBlock decode_consensus_block(codec::WireReader& in);
Hash256 digest_of(const ConsensusBlock& block);

void encode(codec::WireWriter& out, const BatchHeader& header);
BatchHeader decode_batch_header(codec::WireReader& in);
void encode(codec::WireWriter& out, const Vote& vote);
Vote decode_vote(codec::WireReader& in);
void encode(codec::WireWriter& out, const Certificate& certificate);
Certificate decode_certificate(codec::WireReader& in);

} // namespace cairn::ledger
