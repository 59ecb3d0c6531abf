#include "node/door.hpp"

#include "consensus/serving.hpp"

#include <algorithm>

namespace cairn::node {

using consensus::Channel;
using consensus::MessageType;

std::vector<FormerValidator> former_validators(const Epochs& epochs) {
    std::vector<FormerValidator> out;
    const auto current = epochs.current();
    const auto is_known = [&](const ledger::Validator& one) {
        const auto same = [&](const ledger::Validator& other) {
            return other.name == one.name && other.organisation == one.organisation;
        };
        return std::ranges::any_of(current->validators.members, same) ||
               std::ranges::any_of(out, same, &FormerValidator::validator);
    };
    for (auto next = current; next->validators.epoch.value > 0;) {
        auto epoch = epochs.of(next->validators.epoch.previous());
        if (!epoch) break;
        for (const auto& member : epoch->validators.members)
            if (!is_known(member)) out.push_back({member, epoch->validators.epoch, next->start.height});
        next = std::move(epoch);
    }
    return out;
}

void Door::seat(std::size_t first, std::vector<FormerValidator> former) {
    first_ = first;
    former_ = std::move(former);
    budgets_.clear();
}

const FormerValidator* Door::find(ValidatorIndex index) const {
    return index.value < first_ || index.value - first_ >= former_.size() ? nullptr : &former_[index.value - first_];
}

Door::Budget& Door::budget_of(ValidatorIndex index, Microseconds now) {
    return budgets_.try_emplace(index, Budget{TokenBucket{kQuestions, now}, TokenBucket{kBytes, now}}).first->second;
}

void Door::greet(ValidatorIndex to, Microseconds now) {
    const auto* former = find(to);
    if (former != nullptr && budget_of(to, now).questions.take(1, now)) send_status(to, *former);
}

void Door::receive(ValidatorIndex from, std::uint8_t type, BytesView payload, Microseconds now) {
    const auto* former = find(from);
    const auto message = static_cast<MessageType>(type);
    if (former == nullptr || (message != MessageType::status && message != MessageType::fetch_blocks &&
                              message != MessageType::fetch_batches))
        return;
    auto& budget = budget_of(from, now);
    if (!budget.questions.take(1, now)) return;
    const consensus::Pay pay = [&](std::size_t bytes) { return budget.bytes.take(bytes, now); };
    if (message == MessageType::status) return send_status(from, *former);
    if (message == MessageType::fetch_blocks) {
        if (const auto range = consensus::decode_fetch_range(payload)) send_blocks(from, *former, *range, pay);
        return;
    }
    const auto fetch = consensus::decode_fetch_batches(payload);
    if (!fetch) return;
    consensus::StoredBatches stored{history_, former->end, pay};
    consensus::answer_batches(
        *fetch, [&](const Hash256& digest, Height height) { return stored.find(digest, height); }, pay,
        [&](const ledger::Batch& batch) {
            send(from, Channel::data, MessageType::batch_answer, consensus::encode_batch_message(batch, std::nullopt));
        });
}

void Door::send_blocks(ValidatorIndex to, const FormerValidator& former, const consensus::FetchRange& range,
                       const std::function<bool(std::size_t)>& pay) {
    const auto answer = consensus::answer_blocks(
        range,
        [&](std::uint64_t height, std::size_t& bytes_read) -> std::optional<consensus::BlocksAnswer::Item> {
            if (height == 0 || height > former.end.value) return std::nullopt;
            const auto block = history_.block(Height{height});
            if (!block) return std::nullopt;
            bytes_read += consensus::body_bytes(*block);
            auto item = consensus::item_of(*block);
            if (item) item->execution = history_.execution_certificate(Height{height});
            return item;
        },
        pay);
    if (!answer.items.empty()) send(to, Channel::sync, MessageType::blocks, encode_blocks_answer(answer));
}

/// Its core asks whoever is in a later epoch for the blocks in between.
void Door::send_status(ValidatorIndex to, const FormerValidator& former) {
    consensus::PeerStatus status;
    status.epoch = former.last.next();
    status.finalized = former.end;
    send(to, Channel::consensus, MessageType::status, consensus::encode_status(status));
}

void Door::send(ValidatorIndex to, Channel channel, MessageType type, Bytes payload) {
    send_({to, channel, static_cast<std::uint8_t>(type), std::make_shared<const Bytes>(std::move(payload))});
}

} // namespace cairn::node
