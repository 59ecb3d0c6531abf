// What holds for every system contract: how it may be called, and what it answers to nonsense.
#include "ledger/record.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

namespace cairn::system {
namespace {

using codec::AbiValue;

const Address kAlice = filled<Address>(0xa0); // Alpha's account

TEST(SystemContracts, stand_where_the_header_says_with_a_marker_for_code) {
    EXPECT_EQ(to_hex(kMembersAddress), "0x000000000000000000000000000000000000ca01");
    EXPECT_EQ(to_hex(kRecordsAddress), "0x000000000000000000000000000000000000ca02");
    EXPECT_EQ(to_hex(kParametersAddress), "0x000000000000000000000000000000000000ca03");
    EXPECT_EQ(to_hex(kRolesAddress), "0x000000000000000000000000000000000000ca04");
    EXPECT_EQ(to_hex(kProposalsAddress), "0x000000000000000000000000000000000000ca05");
    EXPECT_EQ(to_hex(kIdentitiesAddress), "0x000000000000000000000000000000000000ca07");
    EXPECT_EQ(kRecordsAddress, ledger::kRecordsContract);
    EXPECT_EQ(to_hex(kKeysAddress), "0x000000000000000000000000000000000000ca06");
    const TestChain chain;
    for (const auto& [address, contract] : native_contracts()) {
        const auto account = chain.state().account(address);
        ASSERT_TRUE(account);
        EXPECT_EQ(account->nonce, 1u);
        EXPECT_EQ(*chain.state().code(account->code_hash), Bytes{kMarkerCode});
    }
}

TEST(SystemContracts, refuse_value) {
    TestChain chain;
    const Bytes input = TestChain::call_data("round()", {});
    for (const auto& [address, contract] : native_contracts()) {
        evm::State state{chain.state()};
        state.add_balance(kAlice, 10);
        const evm::TransactionEnvironment transaction; // the machine keeps a reference
        evm::Machine machine{state, chain.block(), transaction, evm::Revision::osaka, {.natives = &native_contracts()}};
        auto message = TestChain::message(address, kAlice, input);
        message.value = 1;
        const auto result = machine.run(message);
        EXPECT_EQ(result.outcome, evm::Outcome::revert);
        EXPECT_EQ(state.balance(kAlice), U256{10});
        EXPECT_EQ(state.balance(address), U256{});
    }
}

TEST(SystemContracts, refuse_delegatecall_and_callcode) {
    TestChain chain;
    const Bytes input = TestChain::call_data("record(bytes32,string)", {filled<Hash256>(1), ""});
    for (const auto kind : {evm::CallKind::delegate_call, evm::CallKind::call_code}) {
        auto message = TestChain::message(kRecordsAddress, kAlice, input);
        message.kind = kind;
        message.recipient = filled<Address>(0x99);
        const auto answer = chain.run(message);
        answer.expect_revert("Error(string)", {"system contracts refuse delegatecall and callcode"});
        EXPECT_FALSE(chain.state().has_storage(message.recipient));
    }
}

TEST(SystemContracts, can_be_read_but_not_written_in_a_static_call) {
    TestChain chain;
    const Bytes write = TestChain::call_data("record(bytes32,string)", {filled<Hash256>(1), ""});
    const Bytes read = TestChain::call_data("count(bytes32)", {filled<Hash256>(1)});
    auto message = TestChain::message(kRecordsAddress, kAlice, write);
    message.kind = evm::CallKind::static_call;
    message.is_static = true;
    auto answer = chain.run(message);
    EXPECT_EQ(answer.result.outcome, evm::Outcome::static_violation);
    EXPECT_EQ(answer.gas_used, message.gas);
    message.input = read;
    EXPECT_TRUE(chain.run(message).result.ok());
    message.kind = evm::CallKind::call; // a call within a static call
    message.input = write;
    EXPECT_EQ(chain.run(message).result.outcome, evm::Outcome::static_violation);
}

TEST(SystemContracts, refuse_unknown_functions_and_malformed_call_data) {
    TestChain chain;
    for (const auto& [address, contract] : native_contracts()) {
        if (address == kSm3Address || address == kSm2Address) continue; // take plain bytes
        for (const Bytes& input : {Bytes{}, Bytes{1}, Bytes{1, 2, 3}, Bytes{1, 2, 3, 4}, Bytes(100)})
            chain.run(TestChain::message(address, kAlice, input)).expect_revert("Error(string)", {"unknown function"});
    }
    Bytes cut = TestChain::call_data("record(bytes32,string)", {filled<Hash256>(1), "text"});
    cut.resize(cut.size() - 29);
    chain.run(TestChain::message(kRecordsAddress, kAlice, cut)).expect_revert("Error(string)", {"malformed call data"});
}

TEST(SystemContracts, answer_within_their_gas_whatever_they_are_sent) {
    std::mt19937_64 random{11};
    TestChain chain;
    const auto lines = interface_lines();
    for (int round = 0; round < 3000; ++round) {
        const auto& line = lines[random() % lines.size()];
        const auto selector = fixed_from_hex<FixedBytes<4, struct SelectorTag>>(line.substr(line.rfind(' ') + 1, 10));
        Bytes input = to_bytes(*selector);
        const std::size_t words = random() % 8;
        for (std::size_t i = 0; i < words; ++i) {
            const U256 small[] = {0, 1, 2, 0x20, 0x40, 0x60, 0x80, random() % 300};
            append(input, to_big_endian(random() % 4 == 0 ? U256{random(), random(), random(), random()}
                                                          : small[random() % 8]));
        }
        const Address target = system_address(static_cast<std::uint8_t>(1 + random() % 8));
        auto message = TestChain::message(target, kAlice, input);
        message.gas = static_cast<std::int64_t>(random() % 200'000);
        const auto answer = chain.run(message);
        ASSERT_GE(answer.result.gas_left, 0);
        ASSERT_LE(answer.result.gas_left, message.gas);
    }
}

// The Solidity files are compared with the same list by tests/clients.
TEST(SystemContracts, have_the_interface_that_the_list_in_contracts_says) {
    std::ifstream file{std::string{CAIRN_SOURCE_DIR} + "/contracts/interfaces.txt"};
    ASSERT_TRUE(file);
    std::vector<std::string> listed;
    for (std::string line; std::getline(file, line);)
        if (!line.empty() && line[0] != '#') listed.push_back(line);
    EXPECT_EQ(interface_lines(), listed);
}

} // namespace
} // namespace cairn::system
