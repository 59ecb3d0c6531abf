#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/trie_proof.hpp"
#include "state/account_leaf.hpp"
#include "state/random_history.hpp"
#include "state/state_store.hpp"

#include <gtest/gtest.h>

namespace cairn::state {
namespace {

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
                const auto value = ledger::verify_trie_proof(
                    proof->storage_root, crypto::keccak256(to_big_endian(slot.slot)), slot.nodes);
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
                ASSERT_EQ(view.error().code, ErrorCode::StatePruned);
                continue;
            }
            ASSERT_TRUE(view) << view.error().text();
            expect_same(**view, heights[height]);
        }
        ASSERT_EQ(state->at(Height{head + 1}).error().code, ErrorCode::StateUnknown);
    }

    std::unique_ptr<storage::KeyValueStore> store = storage::make_memory_store();
    RandomHistory history;
    std::unique_ptr<StateStore> state;
    std::vector<MemoryState> heights;

private:
    StateOptions options_;
};

} // namespace

TEST(StoredState, agrees_with_whole_copies_over_random_histories) {
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
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

} // namespace cairn::state
