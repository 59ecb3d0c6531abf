// A chain small enough for a test of one system contract: genesis of four organisations, and calls by an ABI.
#pragma once

#include "codec/abi.hpp"
#include "evm/machine.hpp"
#include "ledger/genesis.hpp"
#include "ledger/selector.hpp"
#include "state/state_store.hpp"
#include "system/system_contracts.hpp"

#include <gtest/gtest.h>

namespace cairn::system {

template <class T>
T filled(std::uint8_t byte) {
    T out;
    out.bytes.fill(byte);
    return out;
}

inline ledger::Genesis four_organisations() {
    ledger::Genesis out;
    out.parameters.chain_id = 20260;
    const std::array names{"Alpha", "Beta", "Delta", "Gamma"};
    for (std::uint8_t i = 0; i < 4; ++i) {
        const auto pem = "-----BEGIN CERTIFICATE-----\n" + std::string(500u + i, 'A') + "\n-----END CERTIFICATE-----\n";
        out.organisations.push_back({names[i], pem,
                                     filled<crypto::ValidatorPublicKey>(static_cast<std::uint8_t>(0x10 + i)),
                                     filled<Address>(static_cast<std::uint8_t>(0xa0 + i))});
        out.validators.members.push_back({std::string(names[i]) + "-1", names[i],
                                          filled<crypto::ValidatorPublicKey>(static_cast<std::uint8_t>(0x20 + i)),
                                          "127.0.0.1:" + std::to_string(30300 + i)});
    }
    return out;
}

/// Result of a call, decoded on demand.
struct Answer {
    evm::CallResult result;
    std::int64_t gas_used = 0;
    std::vector<ledger::Log> logs;

    codec::AbiValue::List values(std::string_view type) const {
        EXPECT_TRUE(result.ok()) << evm::describe(result.outcome) << " " << to_hex(result.output);
        auto decoded = codec::abi_decode(type, result.output);
        EXPECT_TRUE(decoded.has_value()) << to_hex(result.output);
        return decoded.value_or(codec::AbiValue::List{});
    }
    codec::AbiValue value(std::string_view type) const {
        auto list = values(type);
        return list.empty() ? codec::AbiValue{} : list.front();
    }
    /// The whole revert data that `error` with these arguments has.
    void expect_revert(std::string_view error, const codec::AbiValue::List& arguments) const {
        EXPECT_EQ(result.outcome, evm::Outcome::revert) << evm::describe(result.outcome);
        const auto selector = ledger::selector_of(error);
        Bytes expected{selector.begin(), selector.end()};
        append(expected, *codec::abi_encode(error.substr(error.find('(')), arguments));
        EXPECT_EQ(to_hex(result.output), to_hex(expected)) << error;
    }
};

class TestChain {
public:
    explicit TestChain(const ledger::Genesis& genesis = four_organisations()) {
        const auto accounts = genesis_accounts(genesis);
        EXPECT_TRUE(accounts.has_value()) << accounts.error().text();
        if (accounts) state_.apply(*accounts);
        block_.number = 7;
        block_.timestamp = 1'700'000'000;
        block_.gas_limit = 1'000'000'000;
    }

    static evm::Message message(const Address& contract, const Address& sender, BytesView input) {
        evm::Message out;
        out.gas = 30'000'000;
        out.sender = sender;
        out.recipient = contract;
        out.code_address = contract;
        out.input = input;
        return out;
    }

    static Bytes call_data(std::string_view signature, const codec::AbiValue::List& arguments) {
        const auto selector = ledger::selector_of(signature);
        Bytes out{selector.begin(), selector.end()};
        const auto encoded = codec::abi_encode(signature.substr(signature.find('(')), arguments);
        EXPECT_TRUE(encoded.has_value()) << signature;
        append(out, encoded.value_or(Bytes{}));
        return out;
    }

    /// Runs the message as a transaction of its own and keeps what it changed.
    Answer run(const evm::Message& message) {
        evm::State state{state_};
        Answer answer;
        {
            evm::Machine machine{state, block_, {}, evm::Revision::osaka, {.natives = &native_contracts()}};
            answer.result = machine.run(message);
        }
        answer.gas_used = message.gas - answer.result.gas_left;
        refund_ = state.refund();
        answer.logs = state.finish_transaction();
        state_.apply(state.diff());
        return answer;
    }

    Answer send(const Address& contract, const Address& sender, std::string_view signature,
                const codec::AbiValue::List& arguments) {
        const Bytes input = call_data(signature, arguments);
        return run(message(contract, sender, input));
    }

    const state::MemoryState& state() const { return state_; }
    evm::BlockEnvironment& block() { return block_; }
    std::int64_t refund() const { return refund_; }

private:
    state::MemoryState state_;
    evm::BlockEnvironment block_;
    std::int64_t refund_ = 0;
};

} // namespace cairn::system
