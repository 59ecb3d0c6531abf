// Quotas of contracts in a block: counted in execution order, the same at every node.
#include "execution/quotas.hpp"
#include "execution/test_chain.hpp"

#include <gtest/gtest.h>

namespace cairn::execution {
namespace {

using test::actor;
using test::execute;
using test::input_of;
using test::kToken;
using test::sign;
using test::token_transfer;

class QuotasTest : public testing::Test {
protected:
    /// Success of each of `count` token transfers in one block.
    std::vector<bool> block(std::size_t count) {
        std::vector<std::shared_ptr<const ledger::SignedTransaction>> candidates;
        for (std::size_t i = 0; i < count; ++i)
            candidates.push_back(sign(token_transfer(i, actor(100 + i).address, 1), actor(0)));
        auto input = input_of(std::move(candidates));
        input.quotas = {[this](const Address& contract) { return contract == kToken ? limit : ContractQuota{}; },
                        [this](const Address&, const std::array<std::uint8_t, 4>& selector) {
                            ++method_looks;
                            return selector == std::array<std::uint8_t, 4>{} ? method_limit : 0;
                        }};
        executed = execute(world, input);
        std::vector<bool> out;
        for (const auto& receipt : executed.receipts) out.push_back(receipt.success);
        return out;
    }
    using Outcomes = std::vector<bool>;

    const state::MemoryState world = test::world(2);
    ContractQuota limit;
    std::uint64_t method_limit = 0;
    int method_looks = 0;
    ExecutedBlock executed;
};

TEST_F(QuotasTest, without_a_limit_everything_runs) { EXPECT_EQ(block(4), Outcomes(4, true)); }

TEST_F(QuotasTest, calls_end_at_their_limit_and_the_failed_ones_are_paid_for) {
    limit.calls = 2;
    EXPECT_EQ(block(1), Outcomes(1, true));
    EXPECT_EQ(block(2), Outcomes(2, true));
    EXPECT_EQ(block(4), (Outcomes{true, true, false, false}));
    EXPECT_GT(executed.receipts[3].gas_used, 21'000u);
    EXPECT_EQ(executed.block.transactions.size(), 4u) << "in the block, so that the sender's nonce goes on";
}

TEST_F(QuotasTest, each_block_starts_anew) {
    limit.calls = 1;
    EXPECT_EQ(block(2), (Outcomes{true, false}));
    EXPECT_EQ(block(2), (Outcomes{true, false}));
}

TEST_F(QuotasTest, method_has_a_limit_of_its_own_within_the_contracts) {
    limit.calls = 3;
    method_limit = 2; // the test token's call data begins with zeros
    EXPECT_EQ(block(4), (Outcomes{true, true, false, false}));
    limit.calls = 0;
    method_looks = 0;
    EXPECT_EQ(block(4), Outcomes(4, true));
    EXPECT_EQ(method_looks, 0) << "only contracts with a quota of calls are looked up by method";
}

TEST_F(QuotasTest, empty_slots_bound_what_a_contract_grows) {
    limit.slots = 2; // each transfer touches the balance of a new account
    EXPECT_EQ(block(4), (Outcomes{true, true, false, false}));
    EXPECT_EQ(executed.diff.at(kToken).storage.size(), 3u) << "the sender's and two new ones";
}

TEST_F(QuotasTest, log_bytes_end_after_the_transaction_that_passes_the_limit) {
    limit.log_bytes = 128; // a transfer logs two topics and a word: 96
    EXPECT_EQ(block(4), (Outcomes{true, true, false, false}));
    limit.log_bytes = 96;
    EXPECT_EQ(block(3), (Outcomes{true, false, false}));
}

TEST_F(QuotasTest, same_block_gives_the_same_bytes) {
    limit = {.calls = 3, .slots = 2, .log_bytes = 1000};
    block(5);
    const auto first = executed;
    block(5);
    EXPECT_EQ(first.receipts, executed.receipts);
    EXPECT_EQ(ledger::hash_of(first.block.header), ledger::hash_of(executed.block.header));
}

TEST_F(QuotasTest, inner_guard_is_asked_first) {
    class Never final : public evm::CallGuard {
    public:
        std::optional<Bytes> refusal(evm::State&, const evm::BlockEnvironment&, const Address&,
                                     const evm::Message&) const override {
            return Bytes{0x11};
        }
        bool refuses_delegation(evm::State&, const evm::BlockEnvironment&, const Address&,
                                const Address&) const override {
            return true;
        }
    };
    const Never never;
    Quotas quotas(world, &never, {[](const Address&) { return ContractQuota{.calls = 5}; }, {}});
    evm::State state(quotas.view());
    EXPECT_EQ(quotas.refusal(state, {}, {}, {}), Bytes{0x11});
    EXPECT_TRUE(quotas.refuses_delegation(state, {}, {}, {}));
}

} // namespace
} // namespace cairn::execution
