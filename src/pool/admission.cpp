#include "pool/admission.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/pool.hpp"

#include <limits>

namespace cairn::pool {
namespace {

std::string have_want(const std::string& have, const std::string& want) { return "have " + have + " want " + want; }
std::string have_want(std::uint64_t have, std::uint64_t want) {
    return have_want(std::to_string(have), std::to_string(want));
}

/// EIP-7702: 0xef0100 and an address.
bool is_delegation(const Bytes& code) {
    return code.size() == 23 && code[0] == 0xef && code[1] == 0x01 && code[2] == 0x00;
}

/// Least value that counts as a rise by a tenth.
U256 raised(const U256& old) {
    const auto tenth = (old + U256{9}) / U256{10};
    const auto out = old + (tenth ? tenth : U256{1});
    return out < old ? ~U256{} : out;
}

} // namespace

PoolConfig config_for(const ledger::ChainParameters& parameters) {
    PoolConfig out;
    apply_rules(out, parameters);
    return out;
}

void apply_rules(PoolConfig& config, const ledger::ChainParameters& parameters) {
    config.chain_id = parameters.chain_id;
    config.block_gas_limit = parameters.block_gas_limit;
    config.transaction_gas_cap = parameters.transaction_gas_cap;
    config.code_bytes_max = parameters.code_bytes_max;
    config.suite = parameters.suite;
    config.base_fee = parameters.fee_mode == ledger::FeeMode::fixed ? parameters.fixed_gas_price : U256{};
}

AccountFacts look_up(const ledger::StateView& state, const Address& address) {
    const auto account = state.account(address);
    if (!account) return {};
    AccountFacts out{account->nonce, account->balance, true};
    if (account->code_hash != crypto::kEmptyKeccak) {
        const auto code = state.code(account->code_hash);
        out.may_send = code && (code->empty() || is_delegation(*code));
    }
    return out;
}

Result<U256> check_alone(const PoolConfig& config, const ledger::SignedTransaction& transaction,
                         std::uint64_t intrinsic_gas) {
    using ledger::TransactionType;
    const auto& body = transaction.body;
    if (transaction.raw.size() > ledger::kTransactionBytesMax)
        return fail(error::TransactionTooLarge,
                    "transaction size " + std::to_string(transaction.raw.size()) + ", limit 131072");
    switch (body.type) {
    case TransactionType::legacy:
    case TransactionType::access_list:
    case TransactionType::dynamic_fee:
    case TransactionType::set_code:
        if (!ledger::accepts_secp256k1(config.suite))
            return fail(error::TypeNotSupported, "this chain takes SM2 transactions alone");
        break;
    case TransactionType::sm2:
        if (!ledger::accepts_sm2(config.suite))
            return fail(error::TypeNotSupported, "this chain takes no SM2 transactions");
        break;
    case TransactionType::blob:
    default: return fail(error::TypeNotSupported, "type " + std::to_string(static_cast<unsigned>(body.type)));
    }
    if (!body.chain_id) return fail(error::ReplayUnprotected);
    if (*body.chain_id != U256{config.chain_id})
        return fail(error::WrongChainId, have_want(to_decimal(*body.chain_id), std::to_string(config.chain_id)));
    if (body.type == TransactionType::set_code && (!body.to || body.authorization_list.empty()))
        return fail(error::SetCodeInvalid);
    if (body.type != TransactionType::sm2 && body.signature.s > crypto::kSecp256k1HalfOrder)
        return fail(error::SignatureInvalid, "s is in the upper half");
    if (body.nonce == std::numeric_limits<std::uint64_t>::max()) return fail(error::NonceOverflow);
    if (!body.to && body.data.size() > 2 * std::size_t{config.code_bytes_max})
        return fail(error::InitCodeTooLarge, "code size " + std::to_string(body.data.size()) + ", limit " +
                                                 std::to_string(2 * config.code_bytes_max));

    if (body.max_priority_fee_per_gas > body.max_fee_per_gas)
        return fail(error::PriorityOverFee, "maxPriorityFeePerGas: " + to_decimal(body.max_priority_fee_per_gas) +
                                                ", maxFeePerGas: " + to_decimal(body.max_fee_per_gas));
    if (body.max_fee_per_gas < config.base_fee)
        return fail(error::FeeBelowBase,
                    "maxFeePerGas: " + to_decimal(body.max_fee_per_gas) + ", baseFee: " + to_decimal(config.base_fee));
    if (body.gas_limit > config.transaction_gas_cap)
        return fail(error::GasOverCap,
                    "cap: " + std::to_string(config.transaction_gas_cap) + ", tx: " + std::to_string(body.gas_limit));
    if (body.gas_limit > config.block_gas_limit) return fail(error::GasOverBlock);
    if (body.gas_limit < intrinsic_gas)
        return fail(error::IntrinsicGasTooLow, have_want(body.gas_limit, intrinsic_gas));

    const U256 gas{body.gas_limit};
    if (body.max_fee_per_gas.bit_length() + gas.bit_length() > 256) return fail(error::GasPriceOverflow);
    const auto cost = gas * body.max_fee_per_gas + body.value;
    if (cost < body.value) return fail(error::InsufficientFunds, "the cost overflows 256 bits");
    return cost;
}

Status check_sender(const PoolConfig& config, const AccountFacts& facts, std::uint64_t next_nonce,
                    const ledger::SignedTransaction& transaction) {
    const auto nonce = transaction.body.nonce;
    if (nonce < facts.nonce)
        return fail(error::NonceTooLow,
                    "next nonce " + std::to_string(facts.nonce) + ", tx nonce " + std::to_string(nonce));
    if (nonce > next_nonce && nonce - next_nonce > config.nonce_gap_max)
        return fail(error::NonceGapTooWide,
                    "next nonce " + std::to_string(next_nonce) + ", tx nonce " + std::to_string(nonce));
    if (!facts.may_send) return fail(error::SenderHasCode, "address " + to_hex(transaction.sender));
    return {};
}

Status check_replacement(const PoolConfig& config, const ledger::Transaction& old,
                         const ledger::Transaction& replacement) {
    const bool enough = config.base_fee
                            ? replacement.max_fee_per_gas >= raised(old.max_fee_per_gas) &&
                                  replacement.max_priority_fee_per_gas >= raised(old.max_priority_fee_per_gas)
                            : replacement.max_fee_per_gas > old.max_fee_per_gas &&
                                  replacement.max_priority_fee_per_gas >= old.max_priority_fee_per_gas;
    if (!enough) return fail(error::ReplacementUnderpriced);
    return {};
}

Status check_funds(const AccountFacts& facts, const U256& waiting, const U256& cost) {
    const auto sum = waiting + cost;
    if (sum >= cost && sum <= facts.balance) return {};
    return fail(error::InsufficientFunds, "address balance " + to_decimal(facts.balance) + ", waiting transactions " +
                                              to_decimal(waiting) + ", tx cost " + to_decimal(cost));
}

} // namespace cairn::pool
