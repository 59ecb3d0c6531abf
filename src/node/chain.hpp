// What the outside may ask a node about its ledger. RPC and CLI see the node only through this.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "evm/machine.hpp"
#include "keys/impact.hpp"
#include "ledger/block.hpp"
#include "ledger/genesis.hpp"
#include "ledger/proof_bundle.hpp"
#include "ledger/validators.hpp"
#include "node/flow_status.hpp"
#include "state/state_store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace cairn::node {

struct StoredBlock {
    ledger::Block block;
    Hash256 hash;
    std::vector<ledger::Receipt> receipts;
    /// Contracts that contracts made, by the index of the transaction, ascending. No part of the block's hash.
    std::vector<std::pair<std::uint32_t, Address>> made;
};

struct TransactionLocation {
    Height height;
    std::uint32_t index = 0;
};

struct PeerStatus {
    std::string name;
    std::string organisation;
    bool connected = false;
};
struct NodeStatus {
    std::string name;
    std::string organisation;
    std::string version;
    Height head;
    View view;
    bool syncing = false;
    std::vector<PeerStatus> peers;
    std::size_t pool_transactions = 0;
    std::int64_t certificate_not_after = 0; // of the node's TLS certificate, seconds; 0: unknown
    std::uint64_t certificates_refused = 0; // of others, since the start
    std::uint64_t certificates_cut = 0;     // live connections cut for their certificate
    std::uint64_t certificate_renewals = 0;
};

/// Calls come from the node's publisher thread; they must be quick. A block's event comes before those of its logs.
struct ChainListener {
    std::function<void(const std::shared_ptr<const StoredBlock>&)> on_block;
    std::function<void(const std::shared_ptr<const ledger::SignedTransaction>&)> on_pending;
};

/// Thread-safe. All answers are final: a block that is visible never disappears.
class Chain {
public:
    virtual ~Chain() = default;

    virtual const ledger::Genesis& genesis() const = 0;
    virtual const evm::NativeContracts& natives() const = 0;
    /// Highest block that is executed and certified.
    virtual Height head() const = 0;
    /// Null if unknown.
    virtual std::shared_ptr<const StoredBlock> block(Height height) const = 0;
    virtual std::optional<Height> height_of(const Hash256& block_hash) const = 0;
    virtual std::optional<TransactionLocation> find_transaction(const Hash256& hash) const = 0;
    virtual Result<std::shared_ptr<const ledger::StateView>> state(Height height) const = 0;
    virtual Result<state::AccountProof> prove(Height height, const Address& address,
                                              const std::vector<U256>& slots) const = 0;
    /// Certificate of the block's header hash (execution votes of a quorum) and the validator set that made it.
    virtual Result<ledger::Certificate> certificate(Height height) const = 0;
    virtual Result<ledger::ValidatorSet> validators(Epoch epoch) const = 0;
    /// The epoch that the chain is in.
    virtual Epoch epoch() const { return genesis().validators.epoch; }
    /// How the epochs before `epoch` handed over, from the first on. BlockUnknown.
    virtual Result<std::vector<ledger::EpochHandover>> handovers(Epoch epoch) const;

    /// Checks and pools a raw transaction; its hash. Errors as in pool and execution, geth's wordings.
    virtual Result<Hash256> submit(BytesView raw) = 0;
    virtual std::vector<std::shared_ptr<const ledger::SignedTransaction>> pending() const = 0;
    virtual std::shared_ptr<const ledger::SignedTransaction> pending(const Hash256& hash) const = 0;
    /// Nonce after the sender's executable pool transactions.
    virtual std::uint64_t pending_nonce(const Address& sender) const = 0;

    /// What the key touched, by this node's own index. KeyIndexAbsent where there is none; KeyUnknown.
    virtual Result<keys::Impact> key_impact(const Hash256& key, Height since) const;

    virtual std::uint64_t listen(ChainListener listener) = 0;
    virtual void unlisten(std::uint64_t id) = 0;
    virtual NodeStatus status() const = 0;
    virtual FlowStatus flow() const { return {}; }
};

} // namespace cairn::node
