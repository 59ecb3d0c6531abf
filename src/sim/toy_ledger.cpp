#include "sim/toy_ledger.hpp"

#include "codec/wire.hpp"
#include "crypto/hash.hpp"

#include <charconv>

namespace cairn::sim {

Bytes encode(const Transfer& transfer) {
    codec::WireWriter out;
    out.u16(transfer.from);
    out.u16(transfer.to);
    out.u64(transfer.nonce);
    out.u32(transfer.amount);
    return out.take();
}

std::optional<Transfer> decode_transfer(BytesView bytes) {
    codec::WireReader in{bytes};
    Transfer out;
    out.from = in.u16();
    out.to = in.u16();
    out.nonce = in.u64();
    out.amount = in.u32();
    if (!in.finish() || out.from >= kAccounts || out.to >= kAccounts) return std::nullopt;
    return out;
}

Bytes marker(std::uint64_t number) { return to_bytes(as_bytes("marker " + std::to_string(number))); }
bool is_marker(BytesView bytes) { return as_text(bytes).starts_with("marker "); }

Bytes ask_for_set(std::uint64_t plan) { return to_bytes(as_bytes("set " + std::to_string(plan))); }
std::optional<std::uint64_t> set_asked_for(BytesView bytes) {
    const auto text = as_text(bytes);
    constexpr std::string_view kPrefix = "set ";
    if (!text.starts_with(kPrefix)) return std::nullopt;
    std::uint64_t plan = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + kPrefix.size(), end, plan);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return plan;
}

Hash256 toy_genesis() { return crypto::keccak256(as_bytes("genesis")); }

ToyLedger::ToyLedger() : digest_(toy_genesis()) {
    for (std::uint16_t i = 0; i < kAccounts; ++i) accounts_[i] = {};
}

Hash256 ToyLedger::execute(const consensus::FinalizedBlock& block) {
    codec::WireWriter applied;
    applied.fixed(digest_);
    applied.fixed(block.digest);
    for (const auto& batch : block.batches) {
        const auto transactions = ledger::split_batch_body(*batch.body);
        if (!transactions) continue;
        for (const auto& raw : *transactions) {
            if (const auto plan = set_asked_for(raw)) plan_ = std::max(plan_, *plan);
            const auto transfer = decode_transfer(raw);
            if (!transfer) continue;
            auto& from = accounts_[transfer->from];
            if (transfer->nonce != from.nonce || transfer->amount > from.balance) continue;
            ++from.nonce;
            from.balance -= transfer->amount;
            accounts_[transfer->to].balance += transfer->amount;
            ++times_applied_[{transfer->from, transfer->nonce}];
            applied.raw(raw);
        }
    }
    for (const auto& [index, account] : accounts_) {
        applied.u64(account.nonce);
        applied.u64(account.balance);
    }
    applied.u64(plan_);
    height_ = block.block.height;
    digest_ = crypto::keccak256(applied.bytes());
    return digest_;
}

bool ToyLedger::sound() const {
    std::uint64_t sum = 0, nonces = 0;
    for (const auto& [index, account] : accounts_) {
        sum += account.balance;
        nonces += account.nonce;
    }
    for (const auto& [key, times] : times_applied_)
        if (times != 1) return false;
    return sum == kAccounts * kInitialBalance && nonces == times_applied_.size();
}

} // namespace cairn::sim
