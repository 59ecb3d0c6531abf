#include "execution/candidate_order.hpp"

#include "ledger/account_key.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace cairn::execution {
namespace {

using Slots = std::vector<std::uint32_t>;

Candidates without_duplicates(const Candidates& candidates) {
    // Sorting, not a hash table: a sender chooses the hashes of its transactions.
    Slots by_hash(candidates.size());
    std::iota(by_hash.begin(), by_hash.end(), 0u);
    std::ranges::sort(by_hash, [&](std::uint32_t a, std::uint32_t b) {
        return std::tie(candidates[a]->hash, a) < std::tie(candidates[b]->hash, b);
    });
    std::vector<bool> repeated(candidates.size());
    for (std::size_t i = 1; i < by_hash.size(); ++i)
        repeated[by_hash[i]] = candidates[by_hash[i]]->hash == candidates[by_hash[i - 1]]->hash;
    Candidates out;
    out.reserve(candidates.size());
    for (std::size_t i = 0; i < candidates.size(); ++i)
        if (!repeated[i]) out.push_back(candidates[i]);
    return out;
}

} // namespace

Candidates in_block_order(const Candidates& candidates) {
    const auto unique = without_duplicates(candidates);
    // By key, not by account: the same for every node, whatever state it has looked at.
    const auto key = [&](std::uint32_t i) -> const Address& { return ledger::signing_key_of(*unique[i]); };
    Slots by_slot(unique.size());
    std::iota(by_slot.begin(), by_slot.end(), 0u);
    Slots by_nonce = by_slot;
    std::ranges::sort(by_slot,
                      [&](std::uint32_t a, std::uint32_t b) { return std::tie(key(a), a) < std::tie(key(b), b); });
    std::ranges::sort(by_nonce, [&](std::uint32_t a, std::uint32_t b) {
        return std::tie(key(a), unique[a]->body.nonce, a) < std::tie(key(b), unique[b]->body.nonce, b);
    });
    // Both lists hold the senders in the same order, and each sender as often: position by position, slot and content.
    Candidates out(unique.size());
    for (std::size_t i = 0; i < unique.size(); ++i) out[by_slot[i]] = unique[by_nonce[i]];
    return out;
}

} // namespace cairn::execution
