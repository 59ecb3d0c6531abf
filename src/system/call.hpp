// One call of a system contract: its gas, its storage, its events. Private to this folder.
//
// Gas is that of a Solidity contract that does the same storage work, by the rules of Osaka:
//   storage  EIP-2929 and EIP-2200/3529, cold and warm, refunds included, through the same evm::State; 42 more for each
//            access, the price of hashing the slot's position
//   logs     375, 375 for each topic, 8 for each byte
//   words    3 for each word of call data and of return data
// A contract does a bounded amount of work between two charges.
#pragma once

#include "codec/abi.hpp"
#include "evm/machine.hpp"
#include "ledger/selector.hpp"
#include "system/slots.hpp"

#include <expected>

namespace cairn::system {

using codec::AbiValue;

/// What a function returns: its values, or revert data.
using Reply = std::expected<AbiValue::List, Bytes>;
/// Revert data of a custom error, or of Error(string).
std::unexpected<Bytes> revert(std::string_view error_signature, const AbiValue::List& arguments);
std::unexpected<Bytes> revert_with_text(std::string_view reason);

/// An event: its signature, and which of its leading arguments are indexed.
struct Event {
    std::string_view name;
    std::string_view indexed; // "bytes32,address"; one word each
    std::string_view data;    // "uint256,string"
    std::string signature() const;
};

class Call {
public:
    Call(evm::Machine& machine, const evm::Message& message);
    Call(const Call&) = delete;

    const Address& caller() const { return message_.sender; }
    const evm::BlockEnvironment& block() const { return machine_.block(); }

    /// True if a transaction calls this contract itself, not some contract on the way.
    bool is_direct() const { return message_.depth == 0; }

    /// True if nothing was ever sent or delegated from the account, and no contract stands there. Its balance does not count:
    /// anybody can send something anywhere. The price is that of BALANCE.
    bool is_unused(const Address& account);

    /// The account lends its name to no code any more (EIP-7702).
    void end_delegation(const Address& account);

    /// False, and exhausted from then on, if there is not enough left.
    bool charge(std::int64_t gas);
    void charge_words(std::size_t bytes);
    /// Gas ran out: loads give zero and stores do nothing since then, and the call fails whatever it answers.
    bool exhausted() const { return exhausted_; }
    std::int64_t gas_left() const { return gas_left_; }

    /// Storage of the contract itself, and, for reading, of another system contract.
    Slots& own() { return own_; }
    Slots& of(const Address& system_contract);

    /// Calls another system contract in the name of this one, with what gas it may pass on; its gas is charged here. With
    /// `Keep::nothing` whatever it changed is undone: a rehearsal.
    enum class Keep : std::uint8_t { changes, nothing };
    evm::CallResult invoke(const Address& system_contract, BytesView input, Keep keep);

    void emit(const Event& event, const AbiValue::List& indexed, const AbiValue::List& data);

private:
    class MeteredSlots final : public Slots {
    public:
        MeteredSlots(Call& call, const Address& address) : call_(call), address_(address) {}
        U256 load(const U256& slot) override;
        void store(const U256& slot, const U256& value) override;

    private:
        Call& call_;
        Address address_;
    };

    evm::Machine& machine_;
    const evm::Message& message_;
    std::int64_t gas_left_;
    bool exhausted_ = false;
    MeteredSlots own_;
    std::map<Address, MeteredSlots> others_;
};

} // namespace cairn::system
