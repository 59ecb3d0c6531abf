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

// Their administrators, and somebody who is nobody.
inline const Address kAlpha = filled<Address>(0xa0);
inline const Address kBeta = filled<Address>(0xa1);
inline const Address kDelta = filled<Address>(0xa2);
inline const Address kGamma = filled<Address>(0xa3);
inline const Address kStranger = filled<Address>(0x66);

// Holders of roles in `with_roles`.
inline const Address kSystem = filled<Address>(0xd0);
inline const Address kSecurity = filled<Address>(0xd1);
inline const Address kAudit = filled<Address>(0xd2);
inline const Address kDeployer = filled<Address>(0xd4);
inline const Address kRegulator = filled<Address>(0xd6);

/// The same with a holder for every role: 0xd0.. for the role with that number.
inline ledger::Genesis with_roles() {
    auto out = four_organisations();
    for (std::uint8_t role = 0; role < ledger::kRoleNames.size(); ++role)
        out.roles[filled<Address>(static_cast<std::uint8_t>(0xd0 + role))] = mask_of(static_cast<ledger::Role>(role));
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
        block_.chain_id = genesis.parameters.chain_id;
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
            evm::TransactionEnvironment transaction;
            transaction.origin = message.sender;
            evm::Machine machine{state, block_, transaction, evm::Revision::osaka, {.natives = &native_contracts()}};
            answer.result = machine.run(message);
        }
        answer.gas_used = message.gas - answer.result.gas_left;
        refund_ = state.refund();
        answer.logs = state.finish_transaction();
        const auto diff = state.diff();
        for (const auto& [address, change] : diff)
            for (const auto& [slot, value] : change.storage) written_[address][slot] = value;
        state_.apply(diff);
        return answer;
    }

    Answer send(const Address& contract, const Address& sender, std::string_view signature,
                const codec::AbiValue::List& arguments) {
        const Bytes input = call_data(signature, arguments);
        return run(message(contract, sender, input));
    }

    /// Puts a call of a governed function before the voters.
    Answer propose(const Address& sender, const Address& contract, std::string_view signature,
                   const codec::AbiValue::List& arguments) {
        return send(kProposalsAddress, sender, "propose(address,bytes,string)",
                    {contract, call_data(signature, arguments), "as agreed"});
    }
    /// What the proposal of `answer` still waits for: approvals of the others, the delay, its execution.
    void carry_out(const Answer& proposed, const std::vector<Address>& approvers) {
        const auto id = proposed.value("(uint256)");
        for (const auto& approver : approvers) {
            const auto answer = send(kProposalsAddress, approver, "approve(uint256)", {id});
            EXPECT_TRUE(answer.result.ok()) << to_hex(answer.result.output);
        }
        const auto told = send(kProposalsAddress, {}, "proposal(uint256)", {id}).value(kProposalType).list();
        if (told[5].number() != U256{2}) return; // not approved, or carried out at once
        block_.number = told[8].number().low();
        const auto answer = send(kProposalsAddress, approvers.back(), "execute(uint256)", {id});
        EXPECT_TRUE(answer.result.ok()) << to_hex(answer.result.output);
    }
    static constexpr std::string_view kProposalType =
        "((address,address,bytes,string,uint8,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint256))";

    /// As if the account had done something before: code, and a nonce.
    void put(const Address& account, Bytes code, std::uint64_t nonce) {
        evm::State state{state_};
        state.set_code(account, std::move(code));
        state.set_nonce(account, nonce);
        state_.apply(state.diff());
    }

    /// Slots that were written since genesis, with their values of now.
    std::map<U256, U256> written(const Address& contract) const {
        const auto found = written_.find(contract);
        return found == written_.end() ? std::map<U256, U256>{} : found->second;
    }

    const state::MemoryState& state() const { return state_; }
    evm::BlockEnvironment& block() { return block_; }
    std::int64_t refund() const { return refund_; }

private:
    state::MemoryState state_;
    std::map<Address, std::map<U256, U256>> written_;
    evm::BlockEnvironment block_;
    std::int64_t refund_ = 0;
};

} // namespace cairn::system
