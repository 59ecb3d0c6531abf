// What the tests of the pool share: a state of accounts, and transactions made to measure.
#pragma once

#include "pool/pool.hpp"

#include <map>

namespace cairn::pool::testing_pool {

inline constexpr std::uint64_t kChain = 7;
inline constexpr std::uint64_t kIntrinsic = 21'000;
inline constexpr BatchLimits kAmple{64u << 20, 1'000'000, ~std::uint64_t{0}};

inline Address address_of(std::uint8_t i) {
    Address out;
    out.bytes.fill(i);
    return out;
}

/// A state of accounts; counts how often it is asked.
class State final : public ledger::StateView {
public:
    std::map<Address, ledger::Account> accounts;
    std::map<Hash256, Bytes> codes;
    mutable std::size_t looks = 0;

    std::optional<ledger::Account> account(const Address& address) const override {
        ++looks;
        const auto found = accounts.find(address);
        if (found == accounts.end()) return std::nullopt;
        return found->second;
    }
    std::shared_ptr<const Bytes> code(const Hash256& hash) const override {
        const auto found = codes.find(hash);
        return std::make_shared<const Bytes>(found == codes.end() ? Bytes{} : found->second);
    }
    std::map<U256, U256> keys; // storage of the contract Keys
    U256 storage(const Address&, const U256& slot) const override {
        const auto found = keys.find(slot);
        return found == keys.end() ? U256{} : found->second;
    }
    bool has_storage(const Address&) const override { return false; }
};

/// A transaction with a made-up hash and sender: the pool trusts both.
struct Draft {
    ledger::Transaction body;
    Address sender = address_of(1);
    std::size_t size = 110;

    Draft() {
        body.type = ledger::TransactionType::dynamic_fee;
        body.chain_id = U256{kChain};
        body.gas_limit = kIntrinsic;
        body.to = address_of(0xee);
    }
    Draft(std::uint8_t from, std::uint64_t nonce) : Draft() {
        sender = address_of(from);
        body.nonce = nonce;
    }
    Draft& fee(std::uint64_t max, std::uint64_t tip) {
        body.max_fee_per_gas = U256{max};
        body.max_priority_fee_per_gas = U256{tip};
        return *this;
    }
    Draft& gas(std::uint64_t limit) {
        body.gas_limit = limit;
        return *this;
    }
    Draft& bytes(std::size_t count) {
        size = count;
        return *this;
    }
    SharedTransaction make() const {
        static std::uint64_t number = 0;
        ledger::SignedTransaction out;
        out.body = body;
        out.raw.resize(size);
        out.sender = sender;
        ++number;
        for (unsigned i = 0; i < 8; ++i) out.hash[i] = static_cast<std::uint8_t>(number >> (8 * i));
        return std::make_shared<const ledger::SignedTransaction>(std::move(out));
    }
};

} // namespace cairn::pool::testing_pool
