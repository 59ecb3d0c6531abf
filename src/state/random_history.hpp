// Random but reproducible blocks of state changes, for tests and benchmarks.
#pragma once

#include "ledger/account.hpp"

#include <random>

namespace cairn::state {

/// Few addresses, slots and codes, so that accounts are often created, changed, emptied, destroyed and created again.
class RandomHistory {
public:
    explicit RandomHistory(std::uint64_t seed, std::size_t addresses = 40, std::size_t slots = 12)
        : random_(seed), addresses_(addresses), slots_(slots) {}

    Address address(std::size_t index) const {
        return *Address::from(BytesView{crypto::keccak256(as_bytes("address" + std::to_string(index)))}.first(20));
    }
    U256 slot(std::size_t index) const { return index % 3 == 0 ? U256{index} : U256{index, 0, index, index}; }
    std::size_t addresses() const { return addresses_; }
    std::size_t slots() const { return slots_; }

    /// The changes of one block on top of `before`, as an execution would report them.
    ledger::StateDiff next(const ledger::StateView& before) {
        ledger::StateDiff diff;
        const auto changes = pick(addresses_ / 3 + 1);
        for (std::size_t i = 0; i < changes; ++i) {
            const auto who = address(pick(addresses_));
            auto& change = diff[who];
            change = {};
            const auto old = before.account(who);
            if (pick(6) == 0) {
                change.storage_cleared = true;
                continue;
            }
            change.account = old.value_or(ledger::Account{});
            change.account->nonce += pick(3);
            change.account->balance = pick(5) == 0 ? U256{} : U256{random_(), random_(), 0, 0};
            if (pick(8) == 0) {
                change.code = std::make_shared<const Bytes>(Bytes(1 + pick(50), static_cast<std::uint8_t>(pick(9))));
                change.account->code_hash = crypto::keccak256(*change.code);
            }
            if (pick(10) == 0) change.storage_cleared = true;
            if (pick(2) == 0) continue;
            for (auto n = pick(slots_) + 1; n > 0; --n) {
                const auto value = pick(3) == 0   ? U256{}
                                   : pick(2) == 0 ? U256{1 + pick(200)}
                                                  : U256{random_(), 0, 0, 7};
                change.storage[slot(pick(slots_))] = value;
            }
        }
        return diff;
    }
    std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_() % below); }

private:
    std::mt19937_64 random_;
    std::size_t addresses_;
    std::size_t slots_;
};

} // namespace cairn::state
