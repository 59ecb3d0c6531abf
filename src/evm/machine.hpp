// Runs messages: calls, creations, precompiles and native contracts, on a journalled state.
#pragma once

#include "evm/environment.hpp"
#include "evm/revision.hpp"
#include "evm/state.hpp"

#include <map>
#include <memory>
#include <string_view>

namespace cairn::evm {

enum class CallKind : std::uint8_t { call, call_code, delegate_call, static_call, create, create2 };

struct Message {
    CallKind kind = CallKind::call;
    bool is_static = false;
    int depth = 0;
    std::int64_t gas = 0;
    Address sender;
    Address recipient;    // whose storage and balance; for creations filled in by the machine
    Address code_address; // whose code runs (call_code, delegate_call; otherwise == recipient)
    U256 value;
    BytesView input; // call data, or init code for creations
    U256 salt;       // create2
};

enum class Outcome : std::uint8_t {
    success,
    revert,
    out_of_gas,
    invalid_opcode,
    bad_jump,
    stack_underflow,
    stack_overflow,
    static_violation,
    call_depth,
    insufficient_balance,
    nonce_overflow,
    address_collision,
    code_too_large,
    init_code_too_large,
    invalid_code_prefix,
    return_data_out_of_bounds,
    precompile_failure
};
/// geth's wording where it has one: "out of gas", "execution reverted", "invalid opcode: ...", ...
std::string_view describe(Outcome outcome);

struct CallResult {
    Outcome outcome = Outcome::success;
    std::int64_t gas_left = 0;
    Bytes output;    // return data, or revert data
    Address created; // creations that succeed
    bool ok() const { return outcome == Outcome::success; }
};

class Machine;

/// A contract of the node itself, reached at a fixed address by any call. Stateless; deterministic; reads and writes
/// only through `State` at the message's recipient. It has no code on disk but EXTCODESIZE of its address is not zero
/// (genesis puts a one-byte marker there).
class NativeContract {
public:
    virtual ~NativeContract() = default;
    virtual CallResult call(Machine& machine, const Message& message) const = 0;
};

/// Decides before any message of a transaction runs whether the chain's own rules (roles, policies, freezes, labels) allow it.
/// Stateless; a refusal follows from the state, the block and the message alone. It has no gas rule of its own: a refused
/// message costs what a message costs that reverts at once, and warms nothing.
class CallGuard {
public:
    virtual ~CallGuard() = default;
    /// Revert data if the message must not run. In a creation `recipient` and `code_address` are not known yet. `origin` sent
    /// the transaction. SELFDESTRUCT asks with the call that would move the balance to its heir.
    virtual std::optional<Bytes> refusal(State& state, const BlockEnvironment& block, const Address& origin,
                                         const Message& message) const = 0;
    /// An EIP-7702 authorization: true if `authority` must not delegate to the code of `target`.
    virtual bool refuses_delegation(State& state, const BlockEnvironment& block, const Address& authority,
                                    const Address& target) const = 0;
};

/// What the node adds to Ethereum's rules: its contracts by address, and the guard of all calls (null: none).
struct NativeContracts : std::map<Address, const NativeContract*> {
    using map::map;
    const CallGuard* guard = nullptr;
};

/// Sees every step; null in normal running. Never changes anything.
class Tracer {
public:
    virtual ~Tracer() = default;
    struct Step {
        std::uint64_t pc;
        std::uint8_t opcode;
        std::int64_t gas;            // before the instruction
        std::int64_t gas_cost;       // of the instruction, without what is passed to a call
        int depth;                   // 1 for the outermost frame, as geth prints it
        std::span<const U256> stack; // bottom first
        BytesView memory;
        BytesView return_data;
        Outcome error; // success if the instruction can go on
        const Message& message;
    };
    /// Before each instruction runs (after its gas was computed).
    virtual void on_step(const Step&) {}
    virtual void on_enter(const Message&, BytesView /*code*/) {}
    virtual void on_exit(const Message&, const CallResult&) {}
    virtual void on_destroy(const Address& /*contract*/, const Address& /*heir*/, const U256& /*balance*/) {}
    virtual void on_log(const ledger::Log&) {}
};

struct MachineOptions {
    std::uint32_t code_bytes_max = 24'576; // EIP-170; init code: twice (EIP-3860)
    const NativeContracts* natives = nullptr;
    Tracer* tracer = nullptr;

    const CallGuard* guard() const { return natives == nullptr ? nullptr : natives->guard; }
};

/// One per transaction. Not thread-safe.
class Machine {
public:
    Machine(State& state, const BlockEnvironment& block, const TransactionEnvironment& transaction, Revision revision,
            const MachineOptions& options = {});
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Transfers the value, runs code, precompile or native contract; on failure all changes of the message are undone.
    /// Creations: computes the address, bumps the sender's nonce (but not at depth 0, where the transaction has bumped it
    /// already: there the address comes from nonce - 1), checks collision, runs init code, charges 200 gas a byte, stores.
    /// EIP-7702 delegations of code_address are followed here; the access cost of a delegation is charged by the CALL
    /// instructions, and for the outermost message by nobody (the transaction makes the target warm).
    CallResult run(const Message& message);

    State& state();
    const BlockEnvironment& block() const;
    const TransactionEnvironment& transaction() const;
    Revision revision() const;
    Tracer* tracer() const;

private:
    struct Data;
    std::unique_ptr<Data> data_;
};

/// Address of a contract made by a transaction or CREATE: keccak(rlp([sender, nonce])).
Address create_address(const Address& sender, std::uint64_t nonce);
Address create2_address(const Address& sender, const U256& salt, const Hash256& init_code_hash);

/// Addresses of the precompiled contracts of a revision (they start warm).
bool is_precompile(const Address& address, Revision revision);
/// The delegation target if `code` is an EIP-7702 designator (0xef0100 || address).
std::optional<Address> delegation_target(BytesView code);

} // namespace cairn::evm
