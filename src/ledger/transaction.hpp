// Ethereum transactions: types 0 (legacy), 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844: decoded, never pooled), 4 (EIP-7702).
//
// Cairn's own type 0x7d is signed with SM2 (decision 0012): 0x7d || rlp([chain_id, nonce, max_priority_fee_per_gas,
// max_fee_per_gas, gas_limit, to, value, data, access_list, public_key, r, s]). The signed message is the same list up to the
// 64-byte public key, with the type before it, under the default identity; the sender is the last 20 bytes of SM3 of the key.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"
#include "crypto/secp256k1.hpp"
#include "crypto/sm2.hpp"

#include <optional>
#include <vector>

namespace cairn::ledger {

enum class TransactionType : std::uint8_t {
    legacy = 0,
    access_list = 1,
    dynamic_fee = 2,
    blob = 3,
    set_code = 4,
    sm2 = 0x7d
};

struct AccessListEntry {
    Address address;
    std::vector<Hash256> storage_keys;
    bool operator==(const AccessListEntry&) const = default;
};

/// EIP-7702. Values as signed; `chain_id`, `r`, `s` may be any 256-bit number, `y_parity` any byte: judged when applied.
struct Authorization {
    U256 chain_id;
    Address address;
    std::uint64_t nonce = 0;
    U256 y_parity;
    U256 r;
    U256 s;
    bool operator==(const Authorization&) const = default;
};

struct Transaction {
    TransactionType type = TransactionType::legacy;
    /// Nothing only for a legacy transaction without replay protection.
    std::optional<U256> chain_id;
    std::uint64_t nonce = 0;
    U256 max_priority_fee_per_gas; // types 0 and 1: the gas price
    U256 max_fee_per_gas;          // types 0 and 1: the gas price
    std::uint64_t gas_limit = 0;
    std::optional<Address> to; // nothing: contract creation
    U256 value;
    Bytes data;
    std::vector<AccessListEntry> access_list;
    U256 max_fee_per_blob_gas;                     // type 3
    std::vector<Hash256> blob_versioned_hashes;    // type 3
    std::vector<Authorization> authorization_list; // type 4
    crypto::Sm2PublicKey sm2_key;                  // type 0x7d
    crypto::EcdsaSignature signature;              // type 0x7d: r and s of SM2
    bool operator==(const Transaction&) const = default;
};

/// A decoded transaction with what is derived from it once.
struct SignedTransaction {
    Transaction body;
    Bytes raw; // EIP-2718 envelope, exactly as received
    Hash256 hash;
    Address sender; // the account; until somebody asks the state (account_key.hpp), that of the same address as the key
    /// Address of the key that signed; zero where nobody signed (calls, test vectors).
    Address signer = {};
};

inline constexpr std::size_t kTransactionBytesMax = 128 * 1024;

/// EIP-2718 envelope. Errors: RlpInvalid, TransactionInvalid. Does not check the signature.
Result<Transaction> decode_transaction(BytesView raw);
/// Also recovers the sender; refuses high s (EIP-2) and v other than 27, 28 or the EIP-155 form. Type 0x7d: checks the signature.
Result<SignedTransaction> decode_signed_transaction(BytesView raw);
Bytes encode_transaction(const Transaction& transaction);
/// The digest that the sender signs; type 0x7d: e of SM2, which contains `sm2_key`.
Hash256 signing_digest(const Transaction& transaction);
Result<Address> recover_sender(const Transaction& transaction);
/// Fills `signature`.
Status sign_transaction(Transaction& transaction, const crypto::AccountKey& key);
/// Type 0x7d; fills `sm2_key` too.
Status sign_transaction(Transaction& transaction, const crypto::Sm2Key& key);
/// EIP-7702: Keccak-256(0x05 || rlp([chain_id, address, nonce])) signer; nothing if the signature is no good.
std::optional<Address> recover_authority(const Authorization& authorization);

} // namespace cairn::ledger
