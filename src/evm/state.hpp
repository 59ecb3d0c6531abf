// The journalled state of one transaction or block: reads through to a StateView, remembers every change, can roll back
// to a checkpoint, and ends as a StateDiff. Not thread-safe: one owner.
#pragma once

#include "ledger/account.hpp"
#include "ledger/receipt.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace cairn::evm {

struct Program;

class State {
public:
    explicit State(const ledger::StateView& base);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    // Accounts. A reference to an absent account reads as empty.
    bool exists(const Address& address);
    bool is_empty(const Address& address); // EIP-161
    std::uint64_t nonce(const Address& address);
    U256 balance(const Address& address);
    Hash256 code_hash(const Address& address); // zero if the account does not exist
    std::shared_ptr<const Bytes> code(const Address& address);
    /// The code ready to run (see program.hpp); never null, analysed once per code hash and thread.
    std::shared_ptr<const Program> program(const Address& address);
    /// Target of the account's EIP-7702 designator, if it has one.
    std::optional<Address> delegation(const Address& address);
    /// True if any slot may be non-zero (EIP-7610). Slots of the base view that this block zeroed still count.
    bool has_storage(const Address& address);

    void set_nonce(const Address& address, std::uint64_t nonce);
    void set_balance(const Address& address, const U256& balance);
    void add_balance(const Address& address, const U256& amount); // touches the account even for 0
    /// False, and nothing changed, if the balance is too small.
    [[nodiscard]] bool subtract_balance(const Address& address, const U256& amount);
    void set_code(const Address& address, Bytes code);
    void touch(const Address& address);
    /// A new contract account: marked as created in this transaction (EIP-6780), storage empty, balance kept.
    void create(const Address& address);
    bool was_created_in_transaction(const Address& address);
    /// Marks for deletion at the end of the transaction.
    void destroy(const Address& address);
    bool is_destroyed(const Address& address);

    // Storage; `original` is the value before the transaction (EIP-2200).
    U256 storage(const Address& address, const U256& slot);
    U256 original_storage(const Address& address, const U256& slot);
    void set_storage(const Address& address, const U256& slot, const U256& value);
    /// Makes the slot warm and tells all that SLOAD and SSTORE have to know, in one look-up.
    struct SlotAccess {
        U256 current;
        U256 original;
        bool was_cold;
    };
    SlotAccess access_storage(const Address& address, const U256& slot);
    U256 transient(const Address& address, const U256& slot); // EIP-1153
    void set_transient(const Address& address, const U256& slot, const U256& value);

    // Warm sets (EIP-2929); true if it was cold until now.
    bool warm_up(const Address& address);
    bool warm_up(const Address& address, const U256& slot);
    bool is_warm(const Address& address);

    void add_log(ledger::Log log);
    const std::vector<ledger::Log>& logs() const;
    void add_refund(std::int64_t gas);
    std::int64_t refund() const;

    /// Nested undo points.
    std::size_t checkpoint() const;
    void revert_to(std::size_t checkpoint);

    /// Ends the transaction: deletes destroyed accounts and touched empty ones, forgets warm sets, transient storage,
    /// logs and refund, makes the values of now the originals of the next transaction. Logs are handed out.
    std::vector<ledger::Log> finish_transaction();
    /// Everything that changed against the base view, over all finished transactions.
    ledger::StateDiff diff() const;

private:
    struct Data;
    std::unique_ptr<Data> data_;
};

} // namespace cairn::evm
