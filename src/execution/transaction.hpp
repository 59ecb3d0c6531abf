// One transaction against a journalled state: validity, gas purchase, EIP-7702 authorisations, run, refund, fees.
#pragma once

#include "base/result.hpp"
#include "evm/machine.hpp"
#include "ledger/account_binding.hpp"
#include "ledger/genesis.hpp"
#include "ledger/receipt.hpp"
#include "ledger/transaction.hpp"

namespace cairn::execution {

struct Rules {
    evm::Revision revision = evm::Revision::osaka;
    U256 chain_id;
    std::uint64_t transaction_gas_cap = 16'777'216; // EIP-7825, Osaka
    std::uint32_t code_bytes_max = 24'576;
    ledger::Suite suite = ledger::Suite::international;
    const evm::NativeContracts* natives = nullptr;
    /// Whether the sender, and who signs an EIP-7702 authorization, must be bound to an identity.
    ledger::AccountBinding account_binding = ledger::AccountBinding::open;
    /// Type 3 is refused by a chain and accepted by runs of Ethereum's test vectors.
    bool accept_blobs = false;
    /// eth_call and estimates: skip nonce, balance-for-gas, base fee, EIP-3607 and gas cap checks.
    bool simulate = false;
    evm::Tracer* tracer = nullptr;
};

/// EIP-4844: price of blob gas for the excess in a header; the most blobs in one transaction and block.
U256 blob_base_fee(std::uint64_t excess_blob_gas, std::uint64_t update_fraction);
std::uint64_t blob_fee_fraction(evm::Revision revision);
std::size_t blobs_max(evm::Revision revision);

struct TransactionOutcome {
    Address sender;          // the account, which is not always that of the key's own address
    ledger::Receipt receipt; // cumulative_gas_used holds this transaction's gas alone; logs included
    evm::Outcome outcome = evm::Outcome::success;
    Bytes output;
};

/// Gas that every transaction of this shape pays before it runs (EIP-2028, 2930, 3860, 7702), and its floor (EIP-7623).
struct IntrinsicGas {
    std::uint64_t standard = 0;
    std::uint64_t floor = 0;
};
IntrinsicGas intrinsic_gas(const ledger::Transaction& transaction, evm::Revision revision);

/// What can be judged without a state: type, chain id, gas limit, sizes, fees among themselves. Errors as below.
Status check_shape(const ledger::Transaction& transaction, const Rules& rules);

/// Changes `state` and ends the transaction in it. An error means the transaction is not valid here and nothing changed:
/// NonceTooLow, NonceTooHigh, InsufficientFunds, IntrinsicGasTooLow, FeeBelowBase, GasOverBlock, GasOverCap, SenderHasCode,
/// PriorityOverFee, InitCodeTooLarge, BlobInvalid, WrongChainId, TypeNotSupported, SetCodeInvalid, NonceOverflow,
/// GasPriceOverflow, AccountUnbound, BindingEnded; where there are native contracts, also what ledger::account_of_key gives for the key
/// that signed.
Result<TransactionOutcome> apply_transaction(evm::State& state, const ledger::SignedTransaction& transaction,
                                             const evm::BlockEnvironment& block, std::uint64_t block_gas_left,
                                             const Rules& rules);

/// The error for an account that may not send: AccountUnbound or BindingEnded.
std::unexpected<Error> refuse_sender(const Address& account, ledger::Standing standing);

} // namespace cairn::execution
