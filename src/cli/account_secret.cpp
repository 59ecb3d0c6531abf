#include "cli/account_secret.hpp"

#include "base/errors/cli.hpp"
#include "cli/keystore.hpp"

namespace cairn::cli {
namespace {

constexpr std::string_view kSm2Prefix = "sm2:";
constexpr std::string_view kSpace = " \t\r\n";

} // namespace

AccountSecret new_account_secret(ledger::Suite suite, Random& random) {
    if (suite != ledger::Suite::national) return new_account_key(random);
    crypto::Sm2Key key;
    do random.fill(key.bytes);
    while (!crypto::sm2_public_key(key));
    return key;
}

Result<AccountSecret> parse_account_secret(std::string_view text) {
    const auto begin = text.find_first_not_of(kSpace);
    const auto trimmed = begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
    if (!trimmed.starts_with(kSm2Prefix)) {
        CRN_TRY(key, parse_private_key(trimmed));
        return AccountSecret{key};
    }
    const auto digits = trimmed.substr(kSm2Prefix.size(), trimmed.find_last_not_of(kSpace) + 1 - kSm2Prefix.size());
    const auto key =
        fixed_from_hex<crypto::Sm2Key>(digits.starts_with("0x") ? std::string{digits} : "0x" + std::string{digits});
    if (!key || !crypto::sm2_public_key(*key))
        return fail(error::CliKeyFileInvalid, "an SM2 key is sm2: and 64 hex digits, in range");
    return AccountSecret{*key};
}

std::string text_of(const AccountSecret& secret) {
    if (const auto* key = std::get_if<crypto::Sm2Key>(&secret)) return std::string{kSm2Prefix} + to_hex(*key);
    return to_hex(std::get<crypto::AccountKey>(secret));
}

Result<Address> address_of(const AccountSecret& secret) {
    if (const auto* key = std::get_if<crypto::AccountKey>(&secret)) return address_of(*key);
    CRN_TRY(point, crypto::sm2_public_key(std::get<crypto::Sm2Key>(secret)));
    return crypto::sm2_address(point);
}

Status sign_transaction(ledger::Transaction& transaction, const AccountSecret& secret) {
    if (const auto* key = std::get_if<crypto::AccountKey>(&secret)) return ledger::sign_transaction(transaction, *key);
    transaction.type = ledger::TransactionType::sm2;
    return ledger::sign_transaction(transaction, std::get<crypto::Sm2Key>(secret));
}

} // namespace cairn::cli
