// Private keys of accounts on disk: Web3 Secret Storage version 3 (Ethereum's format: scrypt or PBKDF2,
// AES-128-CTR, Keccak-256 check value), one file per account, as geth and wallets read and write it.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/secp256k1.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cairn::cli {

/// Work that a guess at the passphrase costs; n is a power of two.
struct ScryptCost {
    std::uint64_t n = 1u << 17; // 128 MiB with r = 8, as ethers uses
    std::uint32_t r = 8;
    std::uint32_t p = 1;
};

/// JSON text of the key file.
Result<std::string> encrypt_key(const crypto::AccountKey& key, std::string_view passphrase, Random& random,
                                ScryptCost cost = {});
/// CliKeyFileInvalid (also for costs above 1 GiB of memory, before any work is done), CliPassphraseWrong.
Result<crypto::AccountKey> decrypt_key(std::string_view json, std::string_view passphrase);

struct StoredKey {
    Address address;
    std::string path;
};
std::string default_keystore();
/// Ordered by address; an absent directory has none. Files that are no key files are passed over.
Result<std::vector<StoredKey>> list_keys(const std::string& directory);
/// Writes <directory>/UTC--<time>--<address>; CliFileExists if the account is there already.
Result<StoredKey> store_key(const std::string& directory, const crypto::AccountKey& key, std::string_view passphrase,
                            Random& random, const Clock& clock, ScryptCost cost = {});

/// 64 hex digits with or without 0x, surrounding white space allowed.
Result<crypto::AccountKey> parse_private_key(std::string_view text);
Result<Address> address_of(const crypto::AccountKey& key);
/// A fresh key.
crypto::AccountKey new_account_key(Random& random);
/// EIP-55 mixed-case form.
std::string checksummed(const Address& address);
/// Any case; refuses a mixed-case form with a wrong check.
Result<Address> parse_address(std::string_view text);

} // namespace cairn::cli
