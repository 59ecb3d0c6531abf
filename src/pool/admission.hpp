// The rules by which a transaction may enter the pool: pure functions, each with the errors it can give.
#pragma once

#include "pool/pool.hpp"

namespace cairn::pool {

/// What the pool needs to know of an account.
struct AccountFacts {
    std::uint64_t nonce = 0;
    U256 balance;
    bool may_send = true; // no contract code (EIP-3607), or only a delegation (EIP-7702)
};
AccountFacts look_up(const ledger::StateView& state, const Address& address);

/// Takes over what the chain's parameters say; the pool's own bounds stay.
void apply_rules(PoolConfig& config, const ledger::ChainParameters& parameters);

/// Rules of the transaction alone. The most it can cost: gas limit times max fee, and its value.
Result<U256> check_alone(const PoolConfig& config, const ledger::SignedTransaction& transaction,
                         std::uint64_t intrinsic_gas);
/// NonceTooLow, NonceGapTooWide, SenderHasCode. `next_nonce`: first nonce that chain and pool do not have.
Status check_sender(const PoolConfig& config, const AccountFacts& facts, std::uint64_t next_nonce,
                    const ledger::SignedTransaction& transaction);
/// ReplacementUnderpriced. With a gas price both fees must rise by a tenth; in free mode, where fees are nominal, the max
/// fee must rise and the tip not fall.
Status check_replacement(const PoolConfig& config, const ledger::Transaction& old,
                         const ledger::Transaction& replacement);
/// InsufficientFunds. `waiting`: cost of the sender's other transactions.
Status check_funds(const AccountFacts& facts, const U256& waiting, const U256& cost);

} // namespace cairn::pool
