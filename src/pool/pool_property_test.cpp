// Random histories: after each step the pool must agree with what can be said about it from outside.
#include "base/errors/execution.hpp"
#include "pool/test_pool.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace cairn::pool {
namespace {

using namespace testing_pool;

class History {
public:
    explicit History(std::uint64_t seed) : random_(seed) {
        config_.chain_id = kChain;
        config_.transactions_max = 20 + pick(100);
        config_.bytes_max = 10'000 + pick(20'000);
        config_.sender_transactions_max = 5 + pick(30);
        config_.queued_max = 5 + pick(30);
        config_.nonce_gap_max = 1 + pick(8);
        config_.in_flight_heights = 1 + pick(6);
        config_.expiry_heights = 5 + pick(40);
        config_.turn_transactions = 1 + pick(4);
        config_.hash_salt = random_();
        config_.base_fee = U256{pick(2)};
        pool_.emplace(config_);
        for (std::uint8_t i = 1; i <= kSenders; ++i)
            state_.accounts[address_of(i)] = {pick(3), U256{21'000 * pick(200)}, crypto::kEmptyKeccak};
    }

    void run(int steps) {
        for (step_ = 0; step_ < steps && !::testing::Test::HasFailure(); ++step_) {
            switch (pick(10)) {
            case 0: block(); break;
            case 1:
            case 2: take(); break;
            case 3: drop(); break;
            case 4:
                if (pick(10) == 0) give_back();
                break;
            default: add(); break;
            }
            check();
        }
    }

private:
    static constexpr std::uint8_t kSenders = 6;
    struct Held {
        SharedTransaction transaction;
        std::uint64_t added = 0;
    };
    using Key = std::pair<Address, std::uint64_t>;

    std::uint64_t pick(std::uint64_t below) { return random_() % below; }
    Address some_sender() { return address_of(static_cast<std::uint8_t>(1 + pick(kSenders))); }
    std::uint64_t state_nonce(const Address& sender) { return state_.accounts[sender].nonce; }

    void add() {
        Draft draft;
        draft.sender = some_sender();
        draft.body.nonce =
            state_nonce(draft.sender) + pick(12) - std::min<std::uint64_t>(pick(2), state_nonce(draft.sender));
        draft.fee(pick(4), pick(2)).bytes(100 + pick(400));
        const auto transaction = draft.make();
        const auto added = pool_->add(transaction, kIntrinsic, state_);
        if (!added) {
            EXPECT_EQ(pool_->find(transaction->hash), nullptr);
            return;
        }
        const Key key{draft.sender, draft.body.nonce};
        EXPECT_EQ(added->replaced.has_value(), held_.contains(key));
        if (added->replaced) {
            EXPECT_EQ(*added->replaced, held_[key].transaction->hash);
            EXPECT_FALSE(in_flight_.contains(key));
        }
        for (const auto& hash : added->evicted) {
            const auto victim =
                std::ranges::find_if(held_, [&](const auto& item) { return item.second.transaction->hash == hash; });
            ASSERT_NE(victim, held_.end());
            EXPECT_FALSE(in_flight_.contains(victim->first));
            held_.erase(victim);
        }
        held_[key] = {transaction, height_};
    }

    void take() {
        const BatchLimits limits{pick(5000), pick(10), pick(400'000)};
        std::size_t bytes = 0;
        std::uint64_t gas = 0;
        const auto batch = pool_->take_batch(limits);
        EXPECT_LE(batch.size(), limits.transactions);
        for (const auto& transaction : batch) {
            bytes += transaction->raw.size() + 4;
            gas += transaction->body.gas_limit;
            const Key key{transaction->sender, transaction->body.nonce};
            ASSERT_TRUE(held_.contains(key)) << "offers what it does not hold";
            EXPECT_EQ(held_[key].transaction, transaction);
            EXPECT_TRUE(in_flight_.insert(key).second) << "offered twice";
            const bool follows =
                key.second == state_nonce(key.first) || in_flight_.contains({key.first, key.second - 1});
            EXPECT_TRUE(follows) << "out of nonce order";
        }
        EXPECT_LE(bytes, limits.bytes);
        EXPECT_LE(gas, limits.gas);
    }

    void block() {
        // Some of what is in flight, from each sender's lowest nonce on; some that this node never saw.
        std::vector<SharedTransaction> included;
        for (std::uint8_t i = 1; i <= kSenders; ++i) {
            auto& account = state_.accounts[address_of(i)];
            for (auto count = pick(4); count > 0; --count) {
                const Key key{address_of(i), account.nonce};
                if (in_flight_.contains(key) && held_.contains(key)) {
                    included.push_back(held_[key].transaction);
                } else if (pick(4) == 0) {
                    included.push_back(Draft(i, account.nonce).make());
                } else {
                    break;
                }
                ++account.nonce;
            }
            if (pick(4) == 0) account.balance = U256{21'000 * pick(200)};
        }
        height_ += 1 + pick(3);
        pool_->on_block(Height{height_}, included, state_);
        // Learn what left, and judge each departure.
        std::set<Address> poor;
        for (std::uint8_t i = 1; i <= kSenders; ++i)
            if (cannot_pay(address_of(i))) poor.insert(address_of(i));
        for (auto item = held_.begin(); item != held_.end();) {
            const auto& [key, held] = *item;
            if (pool_->find(held.transaction->hash)) {
                EXPECT_GE(key.second, state_nonce(key.first)) << "keeps what the chain has";
                ++item;
                continue;
            }
            const bool executed = key.second < state_nonce(key.first);
            const bool expired = held.added + config_.expiry_heights <= height_;
            EXPECT_TRUE(executed || expired || poor.contains(key.first)) << "lost a transaction";
            in_flight_.erase(key);
            item = held_.erase(item);
        }
        // Offers start over after the time limit: which ones is seen in what the pool counts as in flight.
        relearn_in_flight();
    }

    void drop() {
        if (in_flight_.empty()) return;
        const auto key = *std::next(in_flight_.begin(), static_cast<std::ptrdiff_t>(pick(in_flight_.size())));
        const bool too_high = pick(2) == 0;
        pool_->on_dropped(held_.at(key).transaction->hash, too_high ? error::NonceTooHigh : error::InsufficientFunds);
        EXPECT_EQ(pool_->find(held_.at(key).transaction->hash) != nullptr, too_high);
        if (!too_high) held_.erase(key);
        for (auto other = in_flight_.begin(); other != in_flight_.end();)
            other =
                other->first == key.first && other->second >= key.second ? in_flight_.erase(other) : std::next(other);
    }

    void give_back() {
        pool_->give_back();
        in_flight_.clear();
    }

    bool cannot_pay(const Address& sender) {
        U256 sum;
        for (const auto& [key, held] : held_)
            if (key.first == sender && key.second >= state_nonce(sender))
                sum += U256{held.transaction->body.gas_limit} * held.transaction->body.max_fee_per_gas;
        return sum > state_.accounts[sender].balance;
    }

    void relearn_in_flight() {
        // Behind one that expired they wait again.
        for (const auto& transaction : pool_->queued())
            in_flight_.erase({transaction->sender, transaction->body.nonce});
        const auto count = pool_->counts().in_flight;
        if (count == in_flight_.size()) return;
        EXPECT_LT(count, in_flight_.size());
        // Whole senders are given back: find out whom by taking all offers.
        const auto offers = pool_->take_batch(kAmple);
        for (const auto& transaction : offers) in_flight_.insert({transaction->sender, transaction->body.nonce});
        EXPECT_EQ(pool_->counts().in_flight, in_flight_.size());
    }

    void check() {
        const auto pending = pool_->pending();
        const auto queued = pool_->queued();
        const auto counts = pool_->counts();
        std::set<Address> senders;
        std::size_t bytes = 0;
        for (const auto& [key, held] : held_) {
            senders.insert(key.first);
            bytes += held.transaction->raw.size();
            ASSERT_EQ(pool_->find(held.transaction->hash), held.transaction);
        }
        EXPECT_EQ(counts.pending, pending.size());
        EXPECT_EQ(counts.queued, queued.size());
        EXPECT_EQ(counts.pending + counts.queued, held_.size());
        EXPECT_EQ(counts.senders, senders.size());
        EXPECT_EQ(counts.bytes, bytes);
        EXPECT_EQ(counts.in_flight, in_flight_.size());
        EXPECT_LE(held_.size(), config_.transactions_max);
        EXPECT_LE(bytes, config_.bytes_max);

        std::map<Address, std::uint64_t> next;
        for (const auto& transaction : pending) {
            const auto [at, is_first] = next.try_emplace(transaction->sender, transaction->body.nonce);
            EXPECT_EQ(transaction->body.nonce, at->second) << "a hole among the executable";
            at->second = transaction->body.nonce + 1;
        }
        for (const auto& transaction : queued) {
            const auto pending_nonce = pool_->pending_nonce(transaction->sender);
            ASSERT_TRUE(pending_nonce);
            EXPECT_GT(transaction->body.nonce, *pending_nonce);
        }
        for (const auto& [sender, nonce] : next) EXPECT_EQ(pool_->pending_nonce(sender), nonce);
        EXPECT_EQ(pool_->has_ready(), counts.in_flight < counts.pending);
        if (::testing::Test::HasFailure()) ADD_FAILURE() << "at step " << step_;
    }

    std::mt19937_64 random_;
    PoolConfig config_;
    State state_;
    std::optional<Pool> pool_;
    std::map<Key, Held> held_;
    std::set<Key> in_flight_;
    std::uint64_t height_ = 0;
    int step_ = 0;
};

TEST(PoolProperty, random_histories_keep_every_promise) {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        History(seed).run(400);
        if (HasFailure()) break;
    }
}

} // namespace
} // namespace cairn::pool
