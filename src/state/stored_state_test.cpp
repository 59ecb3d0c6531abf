#include "base/errors/state.hpp"
#include "base/errors/storage.hpp"
#include "base/sanitized.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/trie_proof.hpp"
#include "state/account_leaf.hpp"
#include "state/random_history.hpp"
#include "state/state_store.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace cairn::state {
namespace {

/// A store that loses power: what was written since the last synced write is gone, from some batch on.
class ForgetfulStore final : public storage::KeyValueStore {
public:
    Result<std::optional<Bytes>> get(storage::Column column, BytesView key) const override {
        return now_->get(column, key);
    }
    Status scan(storage::Column column, BytesView prefix, BytesView start,
                const std::function<bool(BytesView, BytesView)>& visit) const override {
        return now_->scan(column, prefix, start, visit);
    }
    Status write(const storage::WriteBatch& batch, bool sync) override {
        if (fails) return fail(error::StorageFull, "no space left");
        unsynced_.push_back(batch);
        if (sync) {
            for (const auto& old : unsynced_) CRN_CHECK(durable_->write(old, true));
            unsynced_.clear();
        }
        return now_->write(batch, sync);
    }
    /// The number of batches that are lost.
    std::size_t lose_power(RandomHistory& random) {
        const auto kept = random.pick(unsynced_.size() + 1);
        const auto lost = unsynced_.size() - kept;
        for (std::size_t i = 0; i < kept; ++i) EXPECT_TRUE(durable_->write(unsynced_[i], true));
        unsynced_.clear();
        now_ = storage::make_memory_store();
        for (std::size_t column = 0; column < storage::kColumns; ++column) {
            storage::WriteBatch batch;
            EXPECT_TRUE(
                durable_->scan(static_cast<storage::Column>(column), {}, {}, [&](BytesView key, BytesView value) {
                    batch.put(static_cast<storage::Column>(column), key, value);
                    return true;
                }));
            EXPECT_TRUE(now_->write(batch, true));
        }
        return lost;
    }
    std::size_t keys(storage::Column column) const {
        std::size_t count = 0;
        EXPECT_TRUE(now_->scan(column, {}, {}, [&](BytesView, BytesView) { return ++count != 0; }));
        return count;
    }
    bool fails = false;

private:
    std::unique_ptr<storage::KeyValueStore> now_ = storage::make_memory_store();
    std::unique_ptr<storage::KeyValueStore> durable_ = storage::make_memory_store();
    std::vector<storage::WriteBatch> unsynced_;
};

/// A state store beside one whole copy of the state per height.
class Twin {
public:
    Twin(std::uint64_t seed, StateOptions options) : history(seed), options_(options) { reopen(); }

    void reopen() {
        state.reset();
        state = *open_state(*store, options_);
    }
    void set_history(std::uint64_t blocks) {
        options_.history_blocks = blocks;
        reopen();
    }
    void lose_power() {
        state.reset();
        const auto lost = store->lose_power(history);
        ASSERT_LT(lost, heights.size());
        heights.resize(heights.size() - lost);
        reopen();
        ASSERT_EQ(state->height(), Height{heights.size() - 1});
        ASSERT_EQ(state->root(), heights.back().root());
    }
    void step() {
        const auto diff = heights.empty() ? history.next(MemoryState{}) : history.next(heights.back());
        auto next = heights.empty() ? MemoryState{} : heights.back();
        next.apply(diff);
        const auto expected = next.root();
        if (heights.empty()) {
            ASSERT_FALSE(state->is_initialised());
            ASSERT_EQ(*state->initialise(diff), expected);
        } else {
            if (history.pick(2) == 0) {
                ASSERT_EQ(*state->prepare(diff), expected);
                ASSERT_EQ(state->root(), heights.back().root());
            }
            if (history.pick(4) == 0) {
                ASSERT_TRUE(state->prepare(history.next(next)));
            }
            ASSERT_EQ(*state->commit(diff), expected);
        }
        heights.push_back(std::move(next));
        ASSERT_EQ(state->root(), expected);
        ASSERT_EQ(state->height(), Height{heights.size() - 1});
    }
    void expect_same(const ledger::StateView& view, const MemoryState& expected) {
        for (std::size_t a = 0; a < history.addresses(); ++a) {
            const auto who = history.address(a);
            const auto account = expected.account(who);
            ASSERT_EQ(view.account(who), account);
            ASSERT_EQ(view.has_storage(who), expected.has_storage(who));
            if (account) {
                ASSERT_EQ(*view.code(account->code_hash), *expected.code(account->code_hash));
            }
            for (std::size_t s = 0; s < history.slots(); ++s)
                ASSERT_EQ(view.storage(who, history.slot(s)), expected.storage(who, history.slot(s)));
        }
    }
    void expect_proofs(std::uint64_t height) {
        const auto& expected = heights[height];
        const auto root = expected.root();
        std::vector<U256> slots;
        for (std::size_t s = 0; s < history.slots(); ++s) slots.push_back(history.slot(s));
        for (std::size_t a = 0; a < history.addresses(); a += 1 + history.pick(4)) {
            const auto who = history.address(a);
            const auto proof = state->prove(Height{height}, who, slots);
            ASSERT_TRUE(proof);
            const auto account = expected.account(who);
            const auto proved = ledger::verify_trie_proof(root, crypto::keccak256(who), proof->nodes);
            ASSERT_TRUE(proved) << proved.error().text();
            ASSERT_EQ(proved->has_value(), account.has_value());
            if (account) {
                ASSERT_EQ(proof->account, *account);
                ASSERT_EQ(**proved, account_rlp({*account, {proof->storage_root, 0}}));
            }
            ASSERT_EQ(proof->storage.size(), slots.size());
            for (const auto& slot : proof->storage) {
                ASSERT_EQ(slot.value, expected.storage(who, slot.slot));
                const auto value = ledger::verify_trie_proof(proof->storage_root,
                                                             crypto::keccak256(to_big_endian(slot.slot)), slot.nodes);
                ASSERT_TRUE(value) << value.error().text();
                ASSERT_EQ(value->has_value(), static_cast<bool>(slot.value));
                if (slot.value) {
                    ASSERT_EQ(**value, slot_rlp(to_minimal_big_endian(slot.value)));
                }
            }
        }
    }
    void expect_window(std::uint64_t blocks) {
        const auto head = heights.size() - 1;
        for (std::uint64_t height = 0; height <= head; ++height) {
            const auto view = state->at(Height{height});
            if (height + blocks < head) {
                ASSERT_FALSE(view);
                ASSERT_EQ(view.error().code, error::StatePruned);
                continue;
            }
            ASSERT_TRUE(view) << view.error().text();
            expect_same(**view, heights[height]);
        }
        ASSERT_EQ(state->at(Height{head + 1}).error().code, error::StateUnknown);
    }

    std::unique_ptr<ForgetfulStore> store = std::make_unique<ForgetfulStore>();
    RandomHistory history;
    std::unique_ptr<StateStore> state;
    std::vector<MemoryState> heights;

private:
    StateOptions options_;
};

} // namespace

TEST(StoredState, agrees_with_whole_copies_over_random_histories) {
    for (std::uint64_t seed = 1; seed <= (kIsSanitized ? 4 : 12); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const auto blocks = std::array<std::uint64_t, 4>{0, 1, 7, 1000}[seed % 4];
        Twin twin{seed, {.history_blocks = blocks}};
        for (int i = 0; i < 60; ++i) {
            ASSERT_NO_FATAL_FAILURE(twin.step());
            if (i % 20 == 19) {
                ASSERT_NO_FATAL_FAILURE(twin.expect_window(blocks));
                for (std::uint64_t back = 0; back <= std::min<std::uint64_t>(blocks, 9); back += 3)
                    ASSERT_NO_FATAL_FAILURE(twin.expect_proofs(static_cast<std::uint64_t>(i) - back));
            }
        }
    }
}

TEST(StoredState, agrees_with_whole_copies_without_any_cache) {
    Twin twin{21,
              {.history_blocks = 30,
               .node_cache_bytes = 0,
               .code_cache_bytes = 0,
               .account_cache_entries = 0,
               .slot_cache_entries = 0}};
    for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    ASSERT_NO_FATAL_FAILURE(twin.expect_window(30));
    for (std::uint64_t height = 29; height < 60; height += 5) ASSERT_NO_FATAL_FAILURE(twin.expect_proofs(height));
}

TEST(StoredState, goes_on_after_reopening_with_history_and_proofs) {
    Twin twin{31, {.history_blocks = 10}};
    for (int i = 0; i < 40; ++i) {
        ASSERT_NO_FATAL_FAILURE(twin.step());
        if (i % 7 != 0) continue;
        twin.reopen();
        ASSERT_NO_FATAL_FAILURE(twin.expect_window(10));
        ASSERT_NO_FATAL_FAILURE(twin.expect_proofs(static_cast<std::uint64_t>(std::max(0, i - 10))));
    }
}

TEST(StoredState, loses_only_whole_blocks_when_power_is_lost_before_a_sync) {
    for (std::uint64_t seed = 41; seed <= 45; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Twin twin{seed, {.history_blocks = 6}};
        ASSERT_NO_FATAL_FAILURE(twin.step());
        for (int round = 0; round < 12; ++round) {
            for (auto n = twin.history.pick(12); n > 0; --n) ASSERT_NO_FATAL_FAILURE(twin.step());
            if (round % 3 == 0) {
                ASSERT_TRUE(twin.store->write({}, true));
            }
            ASSERT_NO_FATAL_FAILURE(twin.lose_power());
            ASSERT_NO_FATAL_FAILURE(twin.expect_window(6));
        }
    }
}

TEST(StoredState, keeps_retained_heights_right_when_the_length_of_history_changes) {
    Twin twin{51, {.history_blocks = 40}};
    const auto steps = [&](int count) {
        for (int i = 0; i < count; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    };
    ASSERT_NO_FATAL_FAILURE(steps(60));
    twin.set_history(5);
    ASSERT_NO_FATAL_FAILURE(steps(30));
    ASSERT_NO_FATAL_FAILURE(twin.expect_window(5));
    twin.set_history(2000); // what was dropped does not come back
    ASSERT_NO_FATAL_FAILURE(steps(30));
    EXPECT_EQ(twin.state->at(Height{80}).error().code, error::StatePruned);
    for (std::uint64_t height = 85; height < 120; ++height) {
        const auto view = twin.state->at(Height{height});
        ASSERT_TRUE(view) << view.error().text();
        ASSERT_NO_FATAL_FAILURE(twin.expect_same(**view, twin.heights[height]));
    }
    twin.set_history(0);
    ASSERT_NO_FATAL_FAILURE(steps(10));
    ASSERT_NO_FATAL_FAILURE(twin.expect_window(0));
}

TEST(StoredState, keeps_what_a_held_view_sees) {
    Twin twin{61, {.history_blocks = 3, .node_cache_bytes = 0}};
    for (int i = 0; i < 10; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    const auto held = twin.state->latest();
    for (int i = 0; i < 200; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    ASSERT_NO_FATAL_FAILURE(twin.expect_same(*held, twin.heights[9]));
    ASSERT_NO_FATAL_FAILURE(twin.expect_window(3));
}

TEST(StoredState, does_not_grow_without_end) {
    Twin twin{71, {.history_blocks = 4}};
    for (int i = 0; i < 60; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    const auto keys = [&] {
        return twin.store->keys(storage::Column::history) + twin.store->keys(storage::Column::meta);
    };
    const auto before = keys();
    for (int i = 0; i < 150; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    EXPECT_LT(keys(), before + before / 2);
    std::size_t nodes = 0;
    for (const auto column : {storage::Column::account_trie, storage::Column::storage_trie})
        nodes += twin.store->keys(column);
    EXPECT_LT(nodes, 2 * twin.history.addresses() + twin.history.addresses() * twin.history.slots());
}

TEST(StoredState, stays_as_it_is_when_the_store_refuses_a_block) {
    Twin twin{81, {.history_blocks = 4}};
    for (int i = 0; i < 20; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    twin.store->fails = true;
    const auto refused = twin.state->commit(twin.history.next(twin.heights.back()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, error::StorageFull);
    EXPECT_EQ(twin.state->height(), Height{19});
    twin.store->fails = false;
    for (int i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    ASSERT_NO_FATAL_FAILURE(twin.expect_window(4));
}

TEST(StoredState, clears_the_storage_of_an_account_that_is_destroyed_and_made_anew) {
    const auto store = storage::make_memory_store();
    const auto state = *open_state(*store, {});
    const Address who{{1}};
    ledger::StateDiff create;
    create[who].account = ledger::Account{1, U256{5}, crypto::kEmptyKeccak};
    create[who].storage = {{U256{1}, U256{7}}, {U256{2}, U256{8}}};
    ASSERT_TRUE(state->initialise(create));
    const auto before = state->latest();
    EXPECT_EQ(before->storage(who, U256{1}), U256{7}); // now in the cache
    ledger::StateDiff destroy;
    destroy[who] = {};
    EXPECT_EQ(*state->commit(destroy), ledger::kEmptyTrieRoot);
    EXPECT_EQ(state->latest()->storage(who, U256{1}), U256{});
    EXPECT_FALSE(state->latest()->has_storage(who));
    EXPECT_FALSE(state->latest()->account(who).has_value());
    ledger::StateDiff again;
    again[who].account = ledger::Account{};
    again[who].storage = {{U256{2}, U256{9}}};
    ASSERT_TRUE(state->commit(again));
    EXPECT_EQ(state->latest()->storage(who, U256{1}), U256{});
    EXPECT_EQ(state->latest()->storage(who, U256{2}), U256{9});
    EXPECT_EQ(before->storage(who, U256{2}), U256{8});
    EXPECT_EQ((*state->at(Height{1}))->storage(who, U256{2}), U256{});
}

TEST(StoredState, can_be_read_by_many_threads_while_blocks_are_committed) {
    Twin twin{91,
              {.history_blocks = 8, .node_cache_bytes = 40'000, .account_cache_entries = 64, .slot_cache_entries = 64}};
    for (int i = 0; i < 10; ++i) ASSERT_NO_FATAL_FAILURE(twin.step());
    // All states that will be are worked out beforehand, so that readers can compare without a lock.
    std::vector<ledger::StateDiff> diffs;
    auto expected = twin.heights;
    for (int i = 0; i < 80; ++i) {
        diffs.push_back(twin.history.next(expected.back()));
        expected.push_back(expected.back());
        expected.back().apply(diffs.back());
    }
    std::atomic<bool> done = false;
    std::atomic<std::uint64_t> compared = 0;
    std::vector<std::thread> readers;
    for (unsigned reader = 0; reader < 3; ++reader)
        readers.emplace_back([&, reader] {
            std::mt19937_64 random{reader};
            while (!done) {
                const auto head = twin.state->height().value;
                const auto height = head - random() % std::min<std::uint64_t>(head, 8);
                const auto view = twin.state->at(Height{height});
                if (!view) continue; // pruned meanwhile
                for (int i = 0; i < 30; ++i) {
                    const auto who = twin.history.address(random() % twin.history.addresses());
                    const auto slot = twin.history.slot(random() % twin.history.slots());
                    EXPECT_EQ((*view)->account(who), expected[height].account(who));
                    EXPECT_EQ((*view)->storage(who, slot), expected[height].storage(who, slot));
                    ++compared;
                }
            }
        });
    for (const auto& diff : diffs) EXPECT_TRUE(twin.state->commit(diff));
    while (compared < 1000) std::this_thread::yield();
    done = true;
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(twin.state->root(), expected.back().root());
}

} // namespace cairn::state
