// The world state: flat accounts and slots with history for the last blocks, and the secure Merkle Patricia trie over them.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "ledger/account.hpp"
#include "storage/key_value.hpp"

#include <vector>

namespace cairn::state {

struct StorageProof {
    U256 slot;
    U256 value;
    std::vector<Bytes> nodes; // root first
};
/// As eth_getProof (EIP-1186) answers.
struct AccountProof {
    Address address;
    ledger::Account account;
    Hash256 storage_root;
    std::vector<Bytes> nodes;
    std::vector<StorageProof> storage;
};

struct StateOptions {
    /// States of the head and this many blocks below it can be read.
    std::uint64_t history_blocks = 10'000;
    // Bounds of what is kept in memory; none of them changes a result.
    std::size_t node_cache_bytes = 48u << 20;
    std::size_t code_cache_bytes = 8u << 20;
    std::size_t account_cache_entries = 3u << 16;
    std::size_t slot_cache_entries = 1u << 17;
};

/// One writer thread; views may be read by any thread at any time and stay valid while they are held, as long as the
/// key-value store lives: what a held view can see is not pruned. A read error in a view stops the process.
class StateStore {
public:
    virtual ~StateStore() = default;

    /// Last committed height and its root. Height 0 after `initialise`.
    virtual Height height() const = 0;
    virtual Hash256 root() const = 0;
    virtual bool is_initialised() const = 0;
    /// Writes the genesis state as height 0.
    virtual Result<Hash256> initialise(const ledger::StateDiff& accounts) = 0;
    /// Root that the state would have after `diff`; changes nothing. Then `commit` with the same diff costs little more.
    virtual Result<Hash256> prepare(const ledger::StateDiff& diff) = 0;
    /// Makes `diff` the state of height()+1; atomic, durable with the store's next sync.
    virtual Result<Hash256> commit(const ledger::StateDiff& diff) = 0;

    virtual std::shared_ptr<const ledger::StateView> latest() const = 0;
    /// StateUnknown above height(), StatePruned before the retained history.
    virtual Result<std::shared_ptr<const ledger::StateView>> at(Height height) const = 0;
    /// EIP-1186 proof against the root of `height`, within the retained history.
    virtual Result<AccountProof> prove(Height height, const Address& address, const std::vector<U256>& slots) const = 0;
};

/// `store` must outlive the result.
Result<std::unique_ptr<StateStore>> open_state(storage::KeyValueStore& store, const StateOptions& options);

/// A state in memory for tests, tools and fixtures.
class MemoryState final : public ledger::StateView {
public:
    void apply(const ledger::StateDiff& diff);
    /// Secure-trie root, computed from scratch.
    Hash256 root() const;

    std::optional<ledger::Account> account(const Address& address) const override;
    std::shared_ptr<const Bytes> code(const Hash256& code_hash) const override;
    U256 storage(const Address& address, const U256& slot) const override;
    bool has_storage(const Address& address) const override;

private:
    std::map<Address, ledger::Account> accounts_;
    std::map<Address, std::map<U256, U256>> slots_;
    std::map<Hash256, std::shared_ptr<const Bytes>> code_;
};

} // namespace cairn::state
