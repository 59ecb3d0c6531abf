// Contracts that contracts make: each is named, with the transaction that made it, and nothing else is.
#include "evm/bytecode.hpp"
#include "execution/test_chain.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace cairn::execution {
namespace {

using evm::Opcode;

constexpr std::uint64_t kCreate2 = 1, kReverts = 2, kDeeper = 4;
const Address kFactory = *fixed_from_hex<Address>("0x00000000000000000000000000000000000fac70");

/// Input: word 0 says what to do (the bits above; what is above them is for the next level), word 1 is the salt. Makes a contract with
/// one byte of code, then perhaps calls itself, then perhaps reverts.
Bytes factory_code() {
    using enum Opcode;
    evm::testing::Code out;
    const auto mode = [&](std::uint64_t bit) { out.push(0).op(CALLDATALOAD).push(bit).op(AND); };
    std::vector<std::pair<std::size_t, std::string>> uses;
    std::map<std::string, std::size_t> labels;
    const auto jump = [&](const std::string& name, Opcode how) {
        uses.emplace_back(out.size() + 1, name);
        out.op(PUSH2).raw(Bytes{0, 0}).op(how);
    };
    const auto label = [&](const std::string& name) {
        labels[name] = out.size();
        out.op(JUMPDEST);
    };
    out.push(U256{0x60016000f3}).push(0).op(MSTORE); // 5 bytes of init code at 27: returns one zero byte
    mode(kCreate2);
    jump("two", JUMPI);
    out.push(5).push(27).push(0).op(CREATE);
    jump("made", JUMP);
    label("two");
    out.push(32).op(CALLDATALOAD).push(5).push(27).push(0).op(CREATE2);
    label("made");
    out.op(POP);
    mode(kDeeper);
    out.op(ISZERO);
    jump("shallow", JUMPI);
    out.push(0).op(CALLDATALOAD).push(3).op(SHR).push(64).op(MSTORE);
    out.push(32).op(CALLDATALOAD).push(1).op(ADD).push(96).op(MSTORE);
    out.push(0).push(0).push(64).push(64).push(0).op(ADDRESS, GAS, CALL, POP);
    label("shallow");
    mode(kReverts);
    jump("bad", JUMPI);
    out.op(STOP);
    label("bad");
    out.push(0).push(0).op(REVERT);
    Bytes bytes = out;
    for (const auto& [at, name] : uses) {
        bytes[at] = static_cast<std::uint8_t>(labels.at(name) >> 8);
        bytes[at + 1] = static_cast<std::uint8_t>(labels.at(name));
    }
    return bytes;
}

state::MemoryState with_factory() {
    auto world = test::world(3);
    ledger::StateDiff diff;
    auto& change = diff[kFactory];
    const auto code = factory_code();
    change.account = ledger::Account{1, {}, crypto::keccak256(code)};
    change.code = std::make_shared<const Bytes>(code);
    world.apply(diff);
    return world;
}

/// Recall and precision against the state: contracts that are there after each transaction and were not before.
TEST(Births, every_contract_that_a_contract_made_is_named_with_its_transaction_and_nothing_else) {
    std::mt19937_64 random{42};
    std::size_t named = 0, reverted = 0;
    for (int block = 0; block < 60; ++block) {
        SCOPED_TRACE("block " + std::to_string(block));
        auto world = with_factory();
        std::map<std::size_t, std::uint64_t> nonces;
        std::vector<std::shared_ptr<const ledger::SignedTransaction>> all;
        for (int i = 0; i < 6; ++i) {
            const auto sender = random() % 3;
            auto tx = test::transfer(nonces[sender]++, kFactory, {});
            tx.gas_limit = 3'000'000;
            append(tx.data, to_big_endian(U256{random() % 512}));
            append(tx.data, to_big_endian(U256{random() % 8})); // salts meet
            if (random() % 6 == 0) {                            // a deployment of its own stands in the receipt
                tx.to.reset();
                tx.data = Bytes{0x60, 0x01, 0x60, 0x00, 0xf3};
            }
            all.push_back(test::sign(std::move(tx), test::actor(sender)));
        }
        const auto whole = test::execute(world, test::input_of(all));
        ASSERT_EQ(whole.receipts.size(), all.size());
        // The same, one by one.
        std::set<std::pair<std::uint32_t, Address>> expected;
        for (std::uint32_t i = 0; i < whole.block.transactions.size(); ++i) {
            const auto one = std::make_shared<const ledger::SignedTransaction>(whole.block.transactions[i]);
            const auto executed = test::execute(world, test::input_of({one}));
            ASSERT_EQ(executed.receipts.size(), 1u);
            reverted += executed.receipts[0].success ? 0 : 1;
            for (const auto& [address, change] : executed.diff)
                if (change.code && address != executed.receipts[0].contract_address) expected.emplace(i, address);
            world.apply(executed.diff);
        }
        EXPECT_EQ(std::set(whole.made.begin(), whole.made.end()), expected);
        EXPECT_EQ(whole.made.size(), expected.size());
        named += expected.size();
    }
    EXPECT_GT(named, 150u);
    EXPECT_GT(reverted, 20u);
}

} // namespace
} // namespace cairn::execution
