// Transactions that wait for a place in this node's lane: admission, order per sender, replacement, expiry.
//
// A pure state machine: no thread, no clock, no signature checks (the sender of a SignedTransaction is trusted), and it
// looks into the state only for senders it does not hold yet and for accounts that a block touched. One caller at a time.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "ledger/account.hpp"
#include "ledger/genesis.hpp"
#include "ledger/transaction.hpp"
#include "pool/organisations.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace cairn::pool {

using SharedTransaction = std::shared_ptr<const ledger::SignedTransaction>;

struct PoolConfig {
    std::uint64_t chain_id = 0;
    std::uint64_t block_gas_limit = 500'000'000;
    std::uint64_t transaction_gas_cap = 16'777'216; // EIP-7825
    std::uint32_t code_bytes_max = 24'576;
    ledger::Suite suite = ledger::Suite::international;
    U256 base_fee; // offered max fee must reach it; zero in free mode

    // What is full refuses. Counts and bytes are of raw transactions.
    std::size_t transactions_max = 131'072;
    std::size_t bytes_max = std::size_t{256} << 20;
    std::uint64_t gas_blocks_max = 256; // gas limits of all together, in blocks
    std::size_t sender_transactions_max = 16'384;
    std::size_t sender_bytes_max = std::size_t{16} << 20;
    std::size_t queued_max = 16'384;    // of all senders: behind a nonce gap, cannot run yet
    std::uint64_t nonce_gap_max = 1024; // a nonce may be so far above the sender's first missing one

    std::uint64_t in_flight_heights = 64;  // taken, but in none of so many blocks: offered again
    std::uint64_t expiry_heights = 20'000; // not taken after so many blocks: forgotten
    std::size_t turn_transactions = 16;    // of one sender before the next one's turn

    /// Keys the hash tables, so that nobody can prepare transactions that collide in them. Any secret number.
    std::uint64_t hash_salt = 0;
};
PoolConfig config_for(const ledger::ChainParameters& parameters);

struct Added {
    bool executable = false;         // no nonce is missing before it
    std::optional<Hash256> replaced; // transaction with the same nonce that left the pool for it
    std::vector<Hash256> evicted; // transactions that left a full pool for it: behind a nonce gap, or in borrowed room
};

/// Limits of one batch. `bytes` counts 4 per transaction and its raw bytes, as in a batch body. What does not fit into an
/// empty batch is never taken: allow at least kTransactionBytesMax + 4 bytes and the gas cap of one transaction.
struct BatchLimits {
    std::size_t bytes = 0;
    std::size_t transactions = 0;
    std::uint64_t gas = 0; // sum of gas limits
};

struct PoolCounts {
    std::size_t pending = 0; // executable, in flight ones included
    std::size_t queued = 0;  // behind a nonce gap
    std::size_t in_flight = 0;
    std::size_t senders = 0;
    std::size_t bytes = 0;
    std::uint64_t gas = 0; // sum of gas limits
};

class Pool {
public:
    explicit Pool(const PoolConfig& config);
    ~Pool();
    Pool(Pool&&) noexcept;
    Pool& operator=(Pool&&) noexcept;

    /// `intrinsic_gas`: max(standard, floor) of execution::intrinsic_gas. `state`: the last block's.
    /// TransactionTooLarge, TypeNotSupported, ReplayUnprotected, WrongChainId, SetCodeInvalid, SignatureInvalid (high s),
    /// NonceOverflow, PriorityOverFee, FeeBelowBase, GasPriceOverflow, IntrinsicGasTooLow, GasOverCap, GasOverBlock,
    /// InitCodeTooLarge, AlreadyKnown, NonceTooLow, NonceGapTooWide, SenderHasCode, ReplacementUnderpriced,
    /// InsufficientFunds (all of the sender's waiting transactions counted), PoolFull, OrganisationShareFull.
    ///
    /// Room: each organisation is guaranteed its share of count, bytes and gas; what others leave unused it may borrow. A full
    /// pool gives borrowed room back to an organisation within its guarantee, and within an organisation what cannot run
    /// gives way to what can. Nothing else is ever evicted: who stays within the guarantee cannot be pushed out by anybody,
    /// and pushing out costs the attacker as much of his own guarantee.
    Result<Added> add(SharedTransaction transaction, std::uint64_t intrinsic_gas, const ledger::StateView& state);

    /// Divides the pool anew. Without this call all accounts belong to one organisation.
    void set_organisations(std::vector<OrganisationShare> shares, OrganisationOf organisation_of);
    /// In the order of the shares.
    std::vector<OrganisationCounts> organisations() const;

    /// Executable transactions for the next batch of the own lane, each sender's in nonce order. Organisations are served in
    /// proportion to their shares, by gas and bytes; within one its senders take turns.
    /// They stay in the pool as in flight: not offered again until they come back through `on_block` or `give_back`.
    std::vector<SharedTransaction> take_batch(const BatchLimits& limits);

    /// After each executed block, with the state after it. Costs in proportion to the block, not to the pool: looks only
    /// at senders and recipients of its transactions. Heights ascend; some may be left out.
    void on_block(Height height, std::span<const SharedTransaction> included, const ledger::StateView& state);
    /// How many may wait from now on, at most `transactions_max`: what the lane takes in a while. Where more wait already they
    /// stay, and a new one needs room that another gives back. Guarantees are shares of it.
    void set_waiting_max(std::size_t transactions);
    /// The rules of the chain changed: from now on these decide on what is admitted. What waits already is left to execution.
    void set_rules(const ledger::ChainParameters& parameters);
    /// The keys of this account changed what they may sign (account_key.hpp): what they signed before and may not sign in the
    /// next block leaves the pool.
    void on_keys_changed(const Address& account, const ledger::StateView& state);
    /// A transaction was ordered but not executed. NonceTooHigh offers it again, and so does GasOverBlock if an empty block has
    /// room for it: the block was full. Any other reason removes it. The next
    /// `on_block` looks at its sender anew: call this before the `on_block` of the same block.
    void on_dropped(const Hash256& hash, ErrorCode reason);
    /// Offers everything that is in flight again (own lane restarts, epoch changes).
    void give_back();

    /// Null if unknown.
    SharedTransaction find(const Hash256& hash) const;
    /// First nonce that the sender has not used in the chain or in executable transactions; nothing if the pool holds none
    /// of the sender: then it is the state's.
    std::optional<std::uint64_t> pending_nonce(const Address& sender) const;
    /// By sender, then nonce.
    std::vector<SharedTransaction> pending() const;
    std::vector<SharedTransaction> queued() const;
    PoolCounts counts() const;
    bool has_ready() const; // take_batch with ample limits would give something
    Height height() const;

private:
    struct Inside;
    std::unique_ptr<Inside> inside_;
};

} // namespace cairn::pool
