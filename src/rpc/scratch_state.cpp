#include "rpc/scratch_state.hpp"

#include "crypto/hash.hpp"

namespace cairn::rpc {

void ScratchState::apply(const ledger::StateDiff& diff) {
    for (const auto& [address, change] : diff) {
        auto& layer = layers_[address];
        layer.replaces_account = true;
        layer.account = change.account;
        if (change.storage_cleared || !change.account) {
            layer.replaces_storage = true;
            layer.storage.clear();
        }
        for (const auto& [slot, value] : change.storage) layer.storage[slot] = value;
        if (change.code && change.account) code_[change.account->code_hash] = change.code;
    }
}

void ScratchState::apply(const StateOverrides& overrides) {
    for (const auto& [address, change] : overrides) {
        auto account = this->account(address).value_or(ledger::Account{});
        if (change.nonce) account.nonce = *change.nonce;
        if (change.balance) account.balance = *change.balance;
        if (change.code) {
            account.code_hash = crypto::keccak256(*change.code);
            code_[account.code_hash] = std::make_shared<const Bytes>(*change.code);
        }
        auto& layer = layers_[address];
        layer.replaces_account = true;
        layer.account = account;
        if (change.state) {
            layer.replaces_storage = true;
            layer.storage = *change.state;
        }
        for (const auto& [slot, value] : change.state_diff) layer.storage[slot] = value;
    }
}

std::optional<ledger::Account> ScratchState::account(const Address& address) const {
    const auto found = layers_.find(address);
    if (found != layers_.end() && found->second.replaces_account) return found->second.account;
    return base_->account(address);
}

std::shared_ptr<const Bytes> ScratchState::code(const Hash256& code_hash) const {
    const auto found = code_.find(code_hash);
    return found != code_.end() ? found->second : base_->code(code_hash);
}

U256 ScratchState::storage(const Address& address, const U256& slot) const {
    if (const auto found = layers_.find(address); found != layers_.end()) {
        const auto& layer = found->second;
        if (const auto value = layer.storage.find(slot); value != layer.storage.end()) return value->second;
        if (layer.replaces_storage) return {};
    }
    return base_->storage(address, slot);
}

bool ScratchState::has_storage(const Address& address) const {
    if (const auto found = layers_.find(address); found != layers_.end()) {
        const auto& layer = found->second;
        for (const auto& [slot, value] : layer.storage)
            if (value) return true;
        if (layer.replaces_storage) return false;
    }
    return base_->has_storage(address);
}

} // namespace cairn::rpc
