// For tests: programs that read like assembly, and a world to run them in.
//
//     code().push(2).push(3).op(ADD).return_top()
#pragma once

#include "evm/instructions_memory.hpp"
#include "evm/machine.hpp"
#include "evm/opcodes.hpp"

#include <map>

namespace cairn::evm::testing {

class Code {
public:
    Code& op(Opcode opcode) {
        bytes_.push_back(static_cast<std::uint8_t>(opcode));
        return *this;
    }
    template <class... More>
    Code& op(Opcode first, More... more) {
        op(first);
        return op(more...);
    }
    /// The shortest PUSH; PUSH0 for zero.
    Code& push(const U256& value) {
        const auto digits = to_minimal_big_endian(value);
        bytes_.push_back(static_cast<std::uint8_t>(0x5f + digits.size()));
        append(bytes_, digits);
        return *this;
    }
    Code& push(const Address& address) {
        bytes_.push_back(static_cast<std::uint8_t>(Opcode::PUSH20));
        append(bytes_, address);
        return *this;
    }
    Code& raw(BytesView bytes) {
        append(bytes_, bytes);
        return *this;
    }
    Code& store(const U256& slot, const U256& value) { return push(value).push(slot).op(Opcode::SSTORE); }
    /// Puts bytes into memory at `offset`, 32 at a time.
    Code& memory(std::size_t offset, BytesView bytes) {
        for (std::size_t i = 0; i < bytes.size(); i += 32) {
            std::array<std::uint8_t, 32> word{};
            const auto part = bytes.subspan(i, std::min<std::size_t>(32, bytes.size() - i));
            std::copy(part.begin(), part.end(), word.begin());
            push(from_big_endian(word)).push(offset + i).op(Opcode::MSTORE);
        }
        return *this;
    }
    /// Ends with the topmost item as the 32 bytes of output.
    Code& return_top() { return push(0).op(Opcode::MSTORE).push(32).push(0).op(Opcode::RETURN); }
    Code& call(const Address& target, const U256& value = 0, const U256& gas = ~U256{}) {
        return push(0).push(0).push(0).push(0).push(value).push(target).push(gas).op(Opcode::CALL);
    }
    std::size_t size() const { return bytes_.size(); }
    operator Bytes() const { return bytes_; }
    operator BytesView() const { return bytes_; }

private:
    Bytes bytes_;
};
inline Code code() { return {}; }

inline Address address(std::uint64_t number) { return ops::address_of(number); }

/// A state held in maps.
class Base : public ledger::StateView {
public:
    std::map<Address, ledger::Account> accounts;
    std::map<Hash256, std::shared_ptr<const Bytes>> codes;
    std::map<Address, std::map<U256, U256>> slots;

    void put_code(const Address& at, const Bytes& bytes, std::uint64_t nonce = 1) {
        auto& account = accounts[at];
        account.nonce = nonce;
        account.code_hash = crypto::keccak256(bytes);
        codes[account.code_hash] = std::make_shared<const Bytes>(bytes);
    }
    std::optional<ledger::Account> account(const Address& at) const override {
        const auto found = accounts.find(at);
        return found == accounts.end() ? std::nullopt : std::optional{found->second};
    }
    std::shared_ptr<const Bytes> code(const Hash256& hash) const override {
        const auto found = codes.find(hash);
        return found == codes.end() ? std::make_shared<const Bytes>() : found->second;
    }
    U256 storage(const Address& at, const U256& slot) const override {
        const auto account = slots.find(at);
        if (account == slots.end()) return 0;
        const auto found = account->second.find(slot);
        return found == account->second.end() ? U256{} : found->second;
    }
    bool has_storage(const Address& at) const override { return slots.contains(at); }
};

inline const Address kContract = address(0xc0de);
inline const Address kSender = address(0x5e4d);

/// Runs code at kContract.
struct World {
    Base base;
    BlockEnvironment block;
    TransactionEnvironment transaction;
    Revision revision = Revision::osaka;
    MachineOptions options;
    std::unique_ptr<State> state;

    World() {
        base.accounts[kSender] = {1, U256{1'000'000}, crypto::kEmptyKeccak};
        block.number = 1000;
        block.gas_limit = 30'000'000;
        block.chain_id = 1;
        block.block_hash = [](std::uint64_t) { return Hash256{}; };
    }
    State& open() {
        if (!state) state = std::make_unique<State>(base);
        return *state;
    }
    CallResult run(const Bytes& program, std::int64_t gas = 1'000'000, BytesView input = {}) {
        if (!program.empty()) base.put_code(kContract, program);
        return run_message(message(gas, input));
    }
    static Message message(std::int64_t gas, BytesView input = {}) {
        Message out;
        out.gas = gas;
        out.sender = kSender;
        out.recipient = out.code_address = kContract;
        out.input = input;
        return out;
    }
    CallResult run_message(const Message& what) {
        Machine machine{open(), block, transaction, revision, options};
        return machine.run(what);
    }
};

inline U256 word(const CallResult& result) { return from_big_endian(result.output); }

} // namespace cairn::evm::testing
