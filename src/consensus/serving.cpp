#include "consensus/serving.hpp"

namespace cairn::consensus {

std::size_t body_bytes(const FinalizedBlock& block) {
    std::size_t out = 0;
    for (const auto& batch : block.batches) out += batch.body->size();
    return out;
}

std::optional<BlocksAnswer::Item> item_of(const FinalizedBlock& block) {
    auto proposal = decode_proposal(block.proposal);
    if (!proposal) return std::nullopt;
    return BlocksAnswer::Item{*std::move(proposal), block.certificate, std::nullopt};
}

BlocksAnswer answer_blocks(
    const FetchRange& range,
    const std::function<std::optional<BlocksAnswer::Item>(std::uint64_t height, std::size_t& bytes_read)>& find,
    const Pay& pay) {
    BlocksAnswer answer;
    std::size_t bytes = 0, bytes_read = 0;
    for (auto height = range.from; height <= range.to; ++height) {
        if (bytes >= kBlocksAnswerBytes || bytes_read >= kReadBytesMax) break;
        const auto before = bytes_read;
        auto item = find(height, bytes_read);
        if (!item || !pay(item->proposal->encoded->size() + bytes_read - before)) break;
        bytes += item->proposal->encoded->size();
        const bool ends = item->proposal->block().next_validators.has_value();
        answer.items.push_back(*std::move(item));
        if (ends) break;
    }
    while (!answer.items.empty() && answer.items.back().certificate.statement.kind != ledger::VoteKind::finalize)
        answer.items.pop_back();
    return answer;
}

void answer_batches(const FetchBatches& fetch,
                    const std::function<const ledger::Batch*(const Hash256& digest, Height height)>& find,
                    const Pay& pay, const std::function<void(const ledger::Batch&)>& give) {
    for (const auto& item : fetch.items) {
        auto digest = item.digest;
        for (std::uint32_t step = 0; step <= item.depth; ++step) {
            const auto* batch = find(digest, item.height);
            if (batch == nullptr) break;
            if (!pay(batch->body->size())) return;
            give(*batch);
            digest = batch->header.parent;
        }
        // The question itself costs too, also when there is no answer.
        if (!pay(0)) return;
    }
}

const ledger::Batch* StoredBatches::find(const Hash256& digest, Height height) {
    if (height.value == 0 || height > last_) return nullptr;
    if (height != loaded_) {
        block_ = history_.block(height);
        loaded_ = height;
        if (block_ && !pay_(body_bytes(*block_))) block_ = nullptr;
    }
    if (block_)
        for (const auto& batch : block_->batches)
            if (digest_of(batch.header) == digest) return &batch;
    return nullptr;
}

} // namespace cairn::consensus
