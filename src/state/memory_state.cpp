#include "crypto/hash.hpp"
#include "ledger/trie_root.hpp"
#include "state/account_leaf.hpp"
#include "state/state_store.hpp"

namespace cairn::state {
namespace {

/// Root of a secure trie over entries that are given in any order.
Hash256 secure_root(const std::map<Hash256, Bytes>& by_hashed_key) {
    std::vector<ledger::TrieEntry> entries;
    entries.reserve(by_hashed_key.size());
    for (const auto& [key, value] : by_hashed_key) entries.push_back({key, value});
    return ledger::trie_root(entries);
}

} // namespace

void MemoryState::apply(const ledger::StateDiff& diff) {
    for (const auto& [address, change] : diff) {
        if (!change.account) {
            accounts_.erase(address);
            slots_.erase(address);
            continue;
        }
        accounts_[address] = *change.account;
        if (change.code) code_[change.account->code_hash] = change.code;
        if (change.storage_cleared) slots_.erase(address);
        if (change.storage.empty()) continue;
        auto& slots = slots_[address];
        for (const auto& [slot, value] : change.storage) {
            if (value)
                slots[slot] = value;
            else
                slots.erase(slot);
        }
        if (slots.empty()) slots_.erase(address);
    }
}

Hash256 MemoryState::root() const {
    std::map<Hash256, Bytes> hashed_accounts;
    for (const auto& [address, account] : accounts_) {
        AccountLeaf leaf{account, empty_trie()};
        if (const auto found = slots_.find(address); found != slots_.end()) {
            std::map<Hash256, Bytes> hashed_slots;
            for (const auto& [slot, value] : found->second)
                hashed_slots[crypto::keccak256(to_big_endian(slot))] = slot_rlp(to_minimal_big_endian(value));
            leaf.storage.hash = secure_root(hashed_slots);
        }
        hashed_accounts[crypto::keccak256(address)] = account_rlp(leaf);
    }
    return secure_root(hashed_accounts);
}

std::optional<ledger::Account> MemoryState::account(const Address& address) const {
    const auto found = accounts_.find(address);
    return found == accounts_.end() ? std::nullopt : std::optional{found->second};
}

std::shared_ptr<const Bytes> MemoryState::code(const Hash256& code_hash) const {
    const auto found = code_.find(code_hash);
    return found == code_.end() ? std::make_shared<const Bytes>() : found->second;
}

U256 MemoryState::storage(const Address& address, const U256& slot) const {
    const auto found = slots_.find(address);
    if (found == slots_.end()) return {};
    const auto value = found->second.find(slot);
    return value == found->second.end() ? U256{} : value->second;
}

bool MemoryState::has_storage(const Address& address) const { return slots_.contains(address); }

} // namespace cairn::state
