// Private keys of accounts, of either algorithm that a chain's suite may ask for. In files and for people a secp256k1 key is 64 hex
// digits, as everywhere in Ethereum, and an SM2 key the same after "sm2:".
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ledger/genesis.hpp"
#include "ledger/transaction.hpp"

#include <string>
#include <string_view>
#include <variant>

namespace cairn::cli {

using AccountSecret = std::variant<crypto::AccountKey, crypto::Sm2Key>;

/// A fresh one that may send on a chain of this suite: SM2 for `national`, secp256k1 otherwise.
AccountSecret new_account_secret(ledger::Suite suite, Random& random);
/// Surrounding white space is allowed. CliKeyFileInvalid.
Result<AccountSecret> parse_account_secret(std::string_view text);
std::string text_of(const AccountSecret& secret);
/// KeyInvalid.
Result<Address> address_of(const AccountSecret& secret);
/// Signs as what the secret is: with SM2 the transaction gets type 0x7d, with secp256k1 its own type stays.
Status sign_transaction(ledger::Transaction& transaction, const AccountSecret& secret);

} // namespace cairn::cli
