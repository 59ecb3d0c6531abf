// The names of rejections in test fixtures, and which of our error codes each stands for.
#include "base/errors/codec.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/ledger.hpp"
#include "execution/fixture.hpp"

#include <algorithm>
#include <span>

namespace cairn::execution {
namespace {

struct ExceptionName {
    std::string_view name;
    ErrorCode code;
};

constexpr ExceptionName kNames[] = {
    {"NONCE_MISMATCH_TOO_LOW", error::NonceTooLow},
    {"NONCE_MISMATCH_TOO_HIGH", error::NonceTooHigh},
    {"NONCE_IS_MAX", error::NonceOverflow},
    {"NONCE_TOO_BIG", error::NonceOverflow},
    {"NONCE_OVERFLOW", error::RlpInvalid},
    {"INSUFFICIENT_ACCOUNT_FUNDS", error::InsufficientFunds},
    {"INTRINSIC_GAS_TOO_LOW", error::IntrinsicGasTooLow},
    {"INTRINSIC_GAS_BELOW_FLOOR_GAS_COST", error::IntrinsicGasTooLow},
    {"INSUFFICIENT_MAX_FEE_PER_GAS", error::FeeBelowBase},
    {"INSUFFICIENT_MAX_FEE_PER_BLOB_GAS", error::FeeBelowBase},
    {"GAS_ALLOWANCE_EXCEEDED", error::GasOverBlock},
    {"GAS_LIMIT_EXCEEDS_MAXIMUM", error::GasOverCap},
    {"SENDER_NOT_EOA", error::SenderHasCode},
    {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS", error::PriorityOverFee},
    {"PRIORITY_GREATER_THAN_MAX_FEE_PER_GAS_2", error::PriorityOverFee},
    {"INITCODE_SIZE_EXCEEDED", error::InitCodeTooLarge},
    {"GASLIMIT_PRICE_PRODUCT_OVERFLOW", error::GasPriceOverflow},
    {"INVALID_CHAINID", error::WrongChainId},
    {"TYPE_NOT_SUPPORTED", error::TypeNotSupported},
    {"TYPE_1_TX_PRE_FORK", error::TypeNotSupported},
    {"TYPE_2_TX_PRE_FORK", error::TypeNotSupported},
    {"TYPE_3_TX_PRE_FORK", error::TypeNotSupported},
    {"TYPE_4_TX_PRE_FORK", error::TypeNotSupported},
    {"TYPE_3_TX_ZERO_BLOBS", error::BlobInvalid},
    {"TYPE_3_TX_INVALID_BLOB_VERSIONED_HASH", error::BlobInvalid},
    {"TYPE_3_TX_BLOB_COUNT_EXCEEDED", error::BlobInvalid},
    {"TYPE_3_TX_MAX_BLOB_GAS_ALLOWANCE_EXCEEDED", error::BlobInvalid},
    {"TYPE_3_TX_CONTRACT_CREATION", error::BlobInvalid},
    {"TYPE_4_EMPTY_AUTHORIZATION_LIST", error::SetCodeInvalid},
    {"TYPE_4_TX_CONTRACT_CREATION", error::SetCodeInvalid},
    {"INVALID_SIGNATURE_VRS", error::SignatureInvalid},
    {"EC_RECOVERY_FAIL", error::SignatureInvalid},
};

/// Faults of the encoding have many names there and two codes here.
bool names_encoding_fault(std::string_view name) {
    constexpr std::string_view kNamesOfFields[] = {"ADDRESS_TOO_SHORT",
                                                   "ADDRESS_TOO_LONG",
                                                   "VALUE_OVERFLOW",
                                                   "GASLIMIT_OVERFLOW",
                                                   "GASPRICE_OVERFLOW",
                                                   "PRIORITY_OVERFLOW",
                                                   "INVALID_SIGNATURE_VRS",
                                                   "INVALID_CHAINID",
                                                   "NONCE_OVERFLOW",
                                                   "TYPE_4_INVALID_AUTHORIZATION_FORMAT",
                                                   "TYPE_4_INVALID_AUTHORITY_SIGNATURE"};
    return name.starts_with("RLP_") || std::ranges::find(kNamesOfFields, name) != std::end(kNamesOfFields);
}

bool is_instance(ErrorCode code, std::string_view name) {
    if (code == error::RlpInvalid || code == error::TransactionInvalid) return names_encoding_fault(name);
    return std::ranges::any_of(kNames,
                               [&](const ExceptionName& known) { return known.name == name && known.code == code; });
}

} // namespace

bool matches_exception(const Error& error, std::string_view expected) {
    while (!expected.empty()) {
        const auto end = std::min(expected.find('|'), expected.size());
        auto name = expected.substr(0, end);
        if (const auto dot = name.rfind('.'); dot != std::string_view::npos) name.remove_prefix(dot + 1);
        if (is_instance(error.code, name)) return true;
        expected.remove_prefix(std::min(end + 1, expected.size()));
    }
    return false;
}

} // namespace cairn::execution
