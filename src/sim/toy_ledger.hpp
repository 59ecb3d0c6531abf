// Stands in for execution: accounts with nonces and balances, transfers, and a digest that plays the EVM header's hash.
#pragma once

#include "consensus/events.hpp"

#include <map>

namespace cairn::sim {

struct Transfer {
    std::uint16_t from = 0, to = 0;
    std::uint64_t nonce = 0;
    std::uint32_t amount = 0;
};
Bytes encode(const Transfer& transfer);
std::optional<Transfer> decode_transfer(BytesView bytes);
/// A transaction that does nothing; to see that it becomes final.
Bytes marker(std::uint64_t number);
bool is_marker(BytesView bytes);

/// A transaction that asks for another set of validators: number `plan` of the world's list. The highest asked for counts.
Bytes ask_for_set(std::uint64_t plan);
std::optional<std::uint64_t> set_asked_for(BytesView bytes);

inline constexpr std::uint16_t kAccounts = 16;
inline constexpr std::uint64_t kInitialBalance = 1'000'000;

class ToyLedger {
public:
    ToyLedger();
    /// Runs the block's transactions in order, drops those that are malformed, with a wrong nonce or too expensive.
    Hash256 execute(const consensus::FinalizedBlock& block);
    /// Sum of balances is unchanged, and nonces equal the number of transfers that were applied.
    bool sound() const;
    std::uint64_t nonce(std::uint16_t account) const { return accounts_.at(account).nonce; }
    /// Of the set that the state asks for.
    std::uint64_t plan() const { return plan_; }
    Height height() const { return height_; }
    const Hash256& digest() const { return digest_; }

private:
    struct Account {
        std::uint64_t nonce = 0;
        std::uint64_t balance = kInitialBalance;
    };
    std::map<std::uint16_t, Account> accounts_;
    std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint32_t> times_applied_;
    std::uint64_t plan_ = 0;
    Height height_;
    Hash256 digest_;
};

/// The digest before the first block.
Hash256 toy_genesis();

} // namespace cairn::sim
