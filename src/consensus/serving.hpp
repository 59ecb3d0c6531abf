// Final blocks and their bodies for who lacks them. What is read is paid for before it is sent; whoever asks has a budget.
#pragma once

#include "consensus/core.hpp"
#include "consensus/messages.hpp"

#include <functional>

namespace cairn::consensus {

/// Whether the asker's budget has so many bytes left; then they are taken.
using Pay = std::function<bool(std::size_t bytes)>;

inline constexpr std::size_t kReadBytesMax = 8u << 20; // bodies read from the store for one question

std::size_t body_bytes(const FinalizedBlock& block);
/// Without the certificate of its result. Nothing if the stored proposal does not decode.
std::optional<BlocksAnswer::Item> item_of(const FinalizedBlock& block);

/// The blocks of the range that there are, as many as fit: not beyond the end of an epoch, because what follows is for who knows the
/// next set; and the last one is final by itself, because it vouches for all before it. `find` adds to `bytes_read` what it read.
BlocksAnswer answer_blocks(
    const FetchRange& range,
    const std::function<std::optional<BlocksAnswer::Item>(std::uint64_t height, std::size_t& bytes_read)>& find,
    const Pay& pay);

/// Gives each batch that is asked for, with its predecessors as far as asked, to `give`, until the budget is used up. `find` may read
/// the block that orders the batch.
void answer_batches(const FetchBatches& fetch,
                    const std::function<const ledger::Batch*(const Hash256& digest, Height height)>& find,
                    const Pay& pay, const std::function<void(const ledger::Batch&)>& give);

/// Reads a final block at a time, and pays for it whether or not it holds what is asked.
class StoredBatches {
public:
    StoredBatches(const History& history, Height last, const Pay& pay) : history_(history), last_(last), pay_(pay) {}
    /// Null if the block is above `last`, unknown, too dear, or does not order this batch. Valid until the next call.
    const ledger::Batch* find(const Hash256& digest, Height height);

private:
    const History& history_;
    const Height last_;
    const Pay& pay_;
    Height loaded_{};
    FinalizedBlockPtr block_;
};

} // namespace cairn::consensus
