#include "execution/transaction.hpp"

#include "base/assert.hpp"
#include "base/errors/execution.hpp"
#include "ledger/account_key.hpp"

#include <limits>

namespace cairn::execution {
namespace {

using evm::Revision;
using ledger::Transaction;
using ledger::TransactionType;

constexpr std::uint64_t kNonceMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kBaseGas = 21'000;
constexpr std::uint64_t kCreationGas = 32'000;         // EIP-2
constexpr std::uint64_t kInitCodeWordGas = 2;          // EIP-3860
constexpr std::uint64_t kDataTokenGas = 4;             // EIP-2028: zero bytes are one token, others four
constexpr std::uint64_t kFloorTokenGas = 10;           // EIP-7623
constexpr std::uint64_t kAccessAddressGas = 2'400;     // EIP-2930
constexpr std::uint64_t kAccessSlotGas = 1'900;        // EIP-2930
constexpr std::uint64_t kAuthorizationGas = 25'000;    // EIP-7702, as if every authority were a new account
constexpr std::uint64_t kAuthorizationRefund = 12'500; // EIP-7702, for an authority that exists
constexpr std::uint64_t kRefundQuotient = 5;           // EIP-3529
constexpr std::uint64_t kGasPerBlob = 131'072;         // EIP-4844
constexpr std::uint8_t kBlobHashVersion = 0x01;        // EIP-4844

/// Sums of products that may exceed 256 bits: the overflow is remembered.
class CheckedSum {
public:
    void add(const U256& amount) {
        value_ += amount;
        overflow_ = overflow_ || value_ < amount;
    }
    void add_product(const U256& price, std::uint64_t count) {
        U256 product;
        unsigned __int128 carry = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            carry += static_cast<unsigned __int128>(price.limb[i]) * count;
            product.limb[i] = static_cast<std::uint64_t>(carry);
            carry >>= 64;
        }
        overflow_ = overflow_ || carry != 0;
        add(product);
    }
    bool overflow() const { return overflow_; }
    bool exceeds(const U256& limit) const { return overflow_ || value_ > limit; }

private:
    U256 value_;
    bool overflow_ = false;
};

Status check_blobs(const Transaction& tx, const Rules& rules) {
    if (!rules.accept_blobs) return fail(error::TypeNotSupported, "blob transactions are not accepted");
    if (!tx.to) return fail(error::BlobInvalid, "a blob transaction cannot create a contract");
    if (tx.blob_versioned_hashes.empty()) return fail(error::BlobInvalid, "no blobs");
    if (tx.blob_versioned_hashes.size() > blobs_max(rules.revision)) return fail(error::BlobInvalid, "too many blobs");
    for (const auto& hash : tx.blob_versioned_hashes)
        if (hash[0] != kBlobHashVersion) return fail(error::BlobInvalid, "unknown version of a blob hash");
    return {};
}

Status check_type(const Transaction& tx, const Rules& rules) {
    const bool is_sm2 = tx.type == TransactionType::sm2;
    if (!rules.simulate && !(is_sm2 ? ledger::accepts_sm2(rules.suite) : ledger::accepts_secp256k1(rules.suite)))
        return fail(error::TypeNotSupported, "the chain's suite is " + std::string(ledger::name_of(rules.suite)));
    if (tx.type == TransactionType::blob) return check_blobs(tx, rules);
    if (tx.type == TransactionType::set_code) {
        if (rules.revision < Revision::prague) return fail(error::TypeNotSupported, "type 4 came with Prague");
        if (!tx.to) return fail(error::SetCodeInvalid, "no recipient");
        if (tx.authorization_list.empty()) return fail(error::SetCodeInvalid, "no authorizations");
    }
    return {};
}

Status check_gas_limit(const Transaction& tx, const Rules& rules) {
    if (!rules.simulate && rules.revision >= Revision::osaka && tx.gas_limit > rules.transaction_gas_cap)
        return fail(error::GasOverCap,
                    "gas limit " + std::to_string(tx.gas_limit) + ", cap " + std::to_string(rules.transaction_gas_cap));
    const auto need = intrinsic_gas(tx, rules.revision);
    if (tx.gas_limit < need.standard)
        return fail(error::IntrinsicGasTooLow,
                    "have " + std::to_string(tx.gas_limit) + ", want " + std::to_string(need.standard));
    if (tx.gas_limit < need.floor)
        return fail(error::IntrinsicGasTooLow,
                    "have " + std::to_string(tx.gas_limit) + ", want " + std::to_string(need.floor) + " for its data");
    return {};
}

/// A delegated account may still send (EIP-7702); any other code means a contract (EIP-3607).
bool may_send(evm::State& state, const Address& sender, Revision revision) {
    const auto hash = state.code_hash(sender);
    if (hash.is_zero() || hash == crypto::kEmptyKeccak) return true;
    return revision >= Revision::prague && evm::delegation_target(*state.code(sender)).has_value();
}

class StateReader final : public ledger::IdentityReader {
public:
    explicit StateReader(evm::State& state) : state_(state) {}
    U256 identities(const U256& slot) override { return state_.storage(ledger::kIdentitiesContract, slot); }
    U256 members(const U256& slot) override { return state_.storage(ledger::kMembersContract, slot); }

private:
    evm::State& state_;
};

ledger::Standing standing_of(evm::State& state, const Address& account, const evm::BlockEnvironment& block,
                             const Rules& rules) {
    if (rules.account_binding == ledger::AccountBinding::open) return ledger::Standing::good;
    StateReader reader{state};
    return ledger::standing_of(reader, account, block.timestamp);
}

Status check_against_state(evm::State& state, const ledger::SignedTransaction& signed_tx,
                           const evm::BlockEnvironment& block, std::uint64_t block_gas_left, const Rules& rules) {
    const auto& tx = signed_tx.body;
    if (tx.gas_limit > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return fail(error::GasOverBlock, "gas limit is over 2^63-1");
    if (rules.simulate) {
        if (state.balance(signed_tx.sender) < tx.value)
            return fail(error::InsufficientFunds, "balance is below the value");
        return {};
    }
    if (tx.max_fee_per_gas < block.base_fee)
        return fail(error::FeeBelowBase,
                    "offer " + to_decimal(tx.max_fee_per_gas) + ", base fee " + to_decimal(block.base_fee));
    if (tx.type == TransactionType::blob && tx.max_fee_per_blob_gas < block.blob_base_fee)
        return fail(error::FeeBelowBase, "offer for blobs " + to_decimal(tx.max_fee_per_blob_gas) + ", blob base fee " +
                                             to_decimal(block.blob_base_fee));
    if (tx.gas_limit > block_gas_left)
        return fail(error::GasOverBlock,
                    "gas limit " + std::to_string(tx.gas_limit) + ", left " + std::to_string(block_gas_left));
    if (const auto standing = standing_of(state, signed_tx.sender, block, rules);
        standing != ledger::Standing::good && ledger::needs_binding(tx.to))
        return refuse_sender(signed_tx.sender, standing);
    const auto nonce = state.nonce(signed_tx.sender);
    if (tx.nonce != nonce)
        return fail(tx.nonce < nonce ? error::NonceTooLow : error::NonceTooHigh,
                    "transaction " + std::to_string(tx.nonce) + ", account " + std::to_string(nonce));
    if (!may_send(state, signed_tx.sender, rules.revision)) return fail(error::SenderHasCode, to_hex(signed_tx.sender));
    CheckedSum need;
    need.add(tx.value);
    need.add_product(tx.max_fee_per_gas, tx.gas_limit);
    need.add_product(tx.max_fee_per_blob_gas, kGasPerBlob * tx.blob_versioned_hashes.size());
    if (need.exceeds(state.balance(signed_tx.sender)))
        return fail(error::InsufficientFunds, "balance " + to_decimal(state.balance(signed_tx.sender)));
    return {};
}

/// EIP-1559. The fee cap is not below the base fee, except in a simulation.
U256 effective_gas_price(const Transaction& tx, const U256& base_fee) {
    if (tx.max_fee_per_gas <= base_fee) return tx.max_fee_per_gas;
    return base_fee + std::min(tx.max_priority_fee_per_gas, tx.max_fee_per_gas - base_fee);
}

const evm::CallGuard* guard_of(const Rules& rules) { return rules.natives == nullptr ? nullptr : rules.natives->guard; }

/// The account for which a key signs; its own without the contract Keys (test vectors).
Result<Address> account_of(evm::State& state, const Address& key, const Transaction* tx, std::uint64_t height,
                           const Rules& rules) {
    if (rules.natives == nullptr) return key;
    return ledger::account_of_key(key, tx, height,
                                  [&](const U256& slot) { return state.storage(ledger::kKeysContract, slot); });
}

/// EIP-7702: one authorization, taken or silently passed over.
void apply_authorization(evm::State& state, const ledger::Authorization& item, const evm::BlockEnvironment& block,
                         const Rules& rules) {
    if (item.chain_id && item.chain_id != rules.chain_id) return;
    if (item.nonce == kNonceMax) return;
    const auto signer = ledger::recover_authority(item);
    if (!signer) return;
    const auto authority = account_of(state, *signer, nullptr, block.number, rules);
    if (!authority) return;
    state.warm_up(*authority);
    // Otherwise a bound sender could act with an account that nobody answers for.
    if (standing_of(state, *authority, block, rules) != ledger::Standing::good) return;
    const auto code = state.code(*authority);
    if (!code->empty() && !evm::delegation_target(*code)) return;
    if (state.nonce(*authority) != item.nonce) return;
    if (const auto* guard = guard_of(rules);
        guard != nullptr && guard->refuses_delegation(state, block, *authority, item.address))
        return;
    if (state.exists(*authority)) state.add_refund(static_cast<std::int64_t>(kAuthorizationRefund));
    Bytes designator;
    if (!item.address.is_zero()) {
        designator = {0xef, 0x01, 0x00};
        append(designator, item.address);
    }
    state.set_code(*authority, std::move(designator));
    state.set_nonce(*authority, item.nonce + 1);
}

/// What is warm from the start (EIP-2929, 2930, 3651).
void warm_up_start(evm::State& state, const ledger::SignedTransaction& signed_tx, const Address& coinbase) {
    const auto& tx = signed_tx.body;
    state.warm_up(signed_tx.sender);
    state.warm_up(coinbase);
    if (tx.to) state.warm_up(*tx.to);
    for (const auto& entry : tx.access_list) {
        state.warm_up(entry.address);
        for (const auto& key : entry.storage_keys) state.warm_up(entry.address, from_big_endian(key));
    }
}

/// True if the message can do nothing but move value.
bool is_plain_transfer(evm::State& state, const Transaction& tx, const Rules& rules) {
    if (!tx.to || rules.tracer != nullptr || !tx.authorization_list.empty()) return false;
    if (evm::is_precompile(*tx.to, rules.revision)) return false;
    if (rules.natives != nullptr && rules.natives->contains(*tx.to)) return false;
    const auto hash = state.code_hash(*tx.to);
    return hash.is_zero() || hash == crypto::kEmptyKeccak;
}

evm::CallResult transfer(evm::State& state, const ledger::SignedTransaction& signed_tx,
                         const evm::BlockEnvironment& block, std::int64_t gas, const Rules& rules) {
    const auto& tx = signed_tx.body;
    if (const auto* guard = guard_of(rules)) {
        evm::Message message;
        message.gas = gas;
        message.sender = signed_tx.sender;
        message.recipient = message.code_address = *tx.to;
        message.value = tx.value;
        message.input = tx.data;
        if (auto refusal = guard->refusal(state, block, signed_tx.sender, message))
            return {evm::Outcome::revert, gas, std::move(*refusal), {}};
    }
    const bool enough = state.subtract_balance(signed_tx.sender, tx.value);
    CRN_ASSERT(enough); // checked together with the fee
    state.add_balance(*tx.to, tx.value);
    return {evm::Outcome::success, gas, {}, {}};
}

evm::CallResult run_message(evm::State& state, const ledger::SignedTransaction& signed_tx,
                            const evm::BlockEnvironment& block, const U256& gas_price, std::int64_t gas,
                            const Rules& rules) {
    const auto& tx = signed_tx.body;
    warm_up_start(state, signed_tx, block.coinbase);
    for (const auto& item : tx.authorization_list) apply_authorization(state, item, block, rules);

    evm::Message message;
    message.gas = gas;
    message.sender = signed_tx.sender;
    message.value = tx.value;
    message.input = tx.data;
    if (tx.to) {
        message.kind = evm::CallKind::call;
        message.recipient = message.code_address = *tx.to;
        if (rules.revision >= Revision::prague)
            if (const auto target = evm::delegation_target(*state.code(*tx.to))) state.warm_up(*target);
    } else {
        message.kind = evm::CallKind::create;
    }
    const evm::TransactionEnvironment environment{signed_tx.sender, gas_price, tx.blob_versioned_hashes};
    evm::Machine machine(state, block, environment, rules.revision,
                         {rules.code_bytes_max, rules.natives, rules.tracer});
    return machine.run(message);
}

} // namespace

std::unexpected<Error> refuse_sender(const Address& account, ledger::Standing standing) {
    return fail(standing == ledger::Standing::unbound ? error::AccountUnbound : error::BindingEnded,
                to_hex(account) + ": " + std::string(ledger::reason_of(standing)));
}

IntrinsicGas intrinsic_gas(const Transaction& tx, Revision revision) {
    std::uint64_t tokens = 0;
    for (const auto byte : tx.data) tokens += byte == 0 ? 1 : 4;
    IntrinsicGas out;
    out.standard = kBaseGas + tokens * kDataTokenGas;
    if (!tx.to) out.standard += kCreationGas + (tx.data.size() + 31) / 32 * kInitCodeWordGas;
    for (const auto& entry : tx.access_list)
        out.standard += kAccessAddressGas + kAccessSlotGas * entry.storage_keys.size();
    out.standard += kAuthorizationGas * tx.authorization_list.size();
    if (revision >= Revision::prague) out.floor = kBaseGas + tokens * kFloorTokenGas;
    return out;
}

std::size_t blobs_max(Revision revision) {
    switch (revision) {
    case Revision::cancun: return 6;
    case Revision::prague: return 9; // EIP-7691
    case Revision::osaka: return 6;  // EIP-7594: for one transaction
    }
    return 0;
}

std::uint64_t blob_fee_fraction(Revision revision) {
    return revision == Revision::cancun ? 3'338'477 : 5'007'716; // EIP-4844, EIP-7691
}

U256 blob_base_fee(std::uint64_t excess_blob_gas, std::uint64_t update_fraction) {
    // fake_exponential of EIP-4844: 1 * e ** (excess / fraction), by its Taylor series in integers.
    CRN_ASSERT(update_fraction != 0);
    const U256 fraction{update_fraction};
    const U256 excess{excess_blob_gas};
    U256 sum;
    U256 term = fraction;
    for (std::uint64_t i = 1; term; ++i) {
        sum += term;
        // A price beyond any balance: not worth wider integers.
        if (term.bit_length() + excess.bit_length() > 256) return ~U256{};
        term = term * excess / (fraction * U256{i});
    }
    return sum / fraction;
}

Status check_shape(const Transaction& tx, const Rules& rules) {
    CRN_CHECK(check_type(tx, rules));
    if (tx.chain_id && *tx.chain_id != rules.chain_id)
        return fail(error::WrongChainId,
                    "signed for " + to_decimal(*tx.chain_id) + ", this chain is " + to_decimal(rules.chain_id));
    if (tx.nonce == kNonceMax) return fail(error::NonceOverflow);
    if (!tx.to && tx.data.size() > 2 * std::size_t{rules.code_bytes_max})
        return fail(error::InitCodeTooLarge, std::to_string(tx.data.size()) + " bytes, limit " +
                                                 std::to_string(2 * std::size_t{rules.code_bytes_max}));
    if (tx.max_priority_fee_per_gas > tx.max_fee_per_gas)
        return fail(error::PriorityOverFee,
                    "tip " + to_decimal(tx.max_priority_fee_per_gas) + ", fee " + to_decimal(tx.max_fee_per_gas));
    CheckedSum price;
    price.add_product(tx.max_fee_per_gas, tx.gas_limit);
    if (price.overflow()) return fail(error::GasPriceOverflow);
    return check_gas_limit(tx, rules);
}

namespace {

/// `signed_tx.sender` is the account already.
Result<TransactionOutcome> apply_for_account(evm::State& state, const ledger::SignedTransaction& signed_tx,
                                             const evm::BlockEnvironment& block, std::uint64_t block_gas_left,
                                             const Rules& rules) {
    const auto& tx = signed_tx.body;
    CRN_CHECK(check_against_state(state, signed_tx, block, block_gas_left, rules));

    const auto price = effective_gas_price(tx, block.base_fee);
    const bool pays = !rules.simulate;
    if (pays) {
        const U256 cost =
            price * U256{tx.gas_limit} + block.blob_base_fee * U256{kGasPerBlob * tx.blob_versioned_hashes.size()};
        const bool bought = state.subtract_balance(signed_tx.sender, cost);
        CRN_ASSERT(bought); // at most what check_against_state asked for
    }
    const auto nonce = state.nonce(signed_tx.sender); // the transaction's own, unless simulated
    state.set_nonce(signed_tx.sender, nonce + 1);

    const auto intrinsic = intrinsic_gas(tx, rules.revision);
    const auto gas = static_cast<std::int64_t>(tx.gas_limit - intrinsic.standard);
    auto result = is_plain_transfer(state, tx, rules) ? transfer(state, signed_tx, block, gas, rules)
                                                      : run_message(state, signed_tx, block, price, gas, rules);

    CRN_ASSERT(result.gas_left >= 0 && state.refund() >= 0);
    const std::uint64_t before_refund = tx.gas_limit - static_cast<std::uint64_t>(result.gas_left);
    const auto refund = std::min(static_cast<std::uint64_t>(state.refund()), before_refund / kRefundQuotient);
    const auto gas_used = std::max(before_refund - refund, intrinsic.floor);
    if (pays) {
        state.add_balance(signed_tx.sender, price * U256{tx.gas_limit - gas_used});
        state.add_balance(block.coinbase, (price - block.base_fee) * U256{gas_used});
    }

    TransactionOutcome out;
    out.sender = signed_tx.sender;
    out.outcome = result.outcome;
    out.output = std::move(result.output);
    out.receipt.type = tx.type;
    out.receipt.success = result.ok();
    out.receipt.cumulative_gas_used = out.receipt.gas_used = gas_used;
    out.receipt.effective_gas_price = price;
    if (!tx.to) out.receipt.contract_address = evm::create_address(signed_tx.sender, nonce);
    out.receipt.logs = state.finish_transaction();
    return out;
}

} // namespace

Result<TransactionOutcome> apply_transaction(evm::State& state, const ledger::SignedTransaction& signed_tx,
                                             const evm::BlockEnvironment& block, std::uint64_t block_gas_left,
                                             const Rules& rules) {
    CRN_CHECK(check_shape(signed_tx.body, rules));
    if (rules.simulate) return apply_for_account(state, signed_tx, block, block_gas_left, rules);
    CRN_TRY(account, account_of(state, ledger::signing_key_of(signed_tx), &signed_tx.body, block.number, rules));
    if (account == signed_tx.sender) return apply_for_account(state, signed_tx, block, block_gas_left, rules);
    auto for_account = signed_tx;
    for_account.sender = account;
    return apply_for_account(state, for_account, block, block_gas_left, rules);
}

} // namespace cairn::execution
