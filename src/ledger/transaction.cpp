#include "ledger/transaction.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/ledger.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace cairn::ledger {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

constexpr std::uint8_t kAuthorizationMagic = 0x05; // EIP-7702

void put_recipient(RlpWriter& out, const std::optional<Address>& to) {
    if (to)
        out.put(*to);
    else
        out.put(BytesView{});
}

void put_access_list(RlpWriter& out, const std::vector<AccessListEntry>& entries) {
    RlpWriter list;
    for (const auto& entry : entries) {
        RlpWriter keys;
        for (const auto& key : entry.storage_keys) keys.put(key);
        RlpWriter item;
        item.put(entry.address);
        item.put_list(keys);
        list.put_list(item);
    }
    out.put_list(list);
}

/// The fields that come before the signature.
RlpWriter unsigned_fields(const Transaction& tx) {
    RlpWriter out;
    const bool legacy = tx.type == TransactionType::legacy;
    const bool one_price = legacy || tx.type == TransactionType::access_list;
    if (!legacy) out.put(tx.chain_id.value_or(U256{}));
    out.put(tx.nonce);
    if (!one_price) out.put(tx.max_priority_fee_per_gas);
    out.put(tx.max_fee_per_gas);
    out.put(tx.gas_limit);
    put_recipient(out, tx.to);
    out.put(tx.value);
    out.put(tx.data);
    if (!legacy) put_access_list(out, tx.access_list);
    if (tx.type == TransactionType::blob) {
        out.put(tx.max_fee_per_blob_gas);
        RlpWriter hashes;
        for (const auto& hash : tx.blob_versioned_hashes) hashes.put(hash);
        out.put_list(hashes);
    }
    if (tx.type == TransactionType::set_code) {
        RlpWriter list;
        for (const auto& item : tx.authorization_list) {
            RlpWriter tuple;
            tuple.put(item.chain_id);
            tuple.put(item.address);
            tuple.put(item.nonce);
            tuple.put(item.y_parity);
            tuple.put(item.r);
            tuple.put(item.s);
            list.put_list(tuple);
        }
        out.put_list(list);
    }
    if (tx.type == TransactionType::sm2) out.put(tx.sm2_key);
    return out;
}

Bytes in_envelope(TransactionType type, const RlpWriter& fields) {
    RlpWriter out;
    if (type != TransactionType::legacy) {
        const std::uint8_t prefix = static_cast<std::uint8_t>(type);
        out.put_raw({&prefix, 1});
    }
    out.put_list(fields);
    return out.take();
}

/// EIP-155: 27 or 28 without a chain id, 35 + 2 * chain_id or one more with it.
Status read_legacy_v(Transaction& tx, const U256& v) {
    if (v == U256{27} || v == U256{28}) {
        tx.signature.y_parity = static_cast<std::uint8_t>(v.low() - 27);
        return {};
    }
    if (v < U256{35}) return fail(error::TransactionInvalid, "v is neither 27, 28 nor of the EIP-155 form");
    const U256 offset = v - U256{35};
    tx.chain_id = offset >> 1;
    tx.signature.y_parity = static_cast<std::uint8_t>(offset.low() & 1);
    return {};
}

Result<std::optional<Address>> read_recipient(RlpReader& in) {
    CRN_TRY(view, in.string());
    if (view.empty()) return std::optional<Address>{};
    const auto address = Address::from(view);
    if (!address) return fail(error::TransactionInvalid, "recipient is not 20 bytes long");
    return address;
}

Result<std::vector<AccessListEntry>> read_access_list(RlpReader& in) {
    std::vector<AccessListEntry> out;
    CRN_TRY(list, in.list());
    while (!list.at_end()) {
        CRN_TRY(item, list.list());
        auto& entry = out.emplace_back();
        CRN_TRY(address, item.fixed<Address>());
        entry.address = address;
        CRN_TRY(keys, item.list());
        while (!keys.at_end()) {
            CRN_TRY(key, keys.fixed<Hash256>());
            entry.storage_keys.push_back(key);
        }
        CRN_CHECK(item.finish());
    }
    return out;
}

Result<std::vector<Hash256>> read_hashes(RlpReader& in) {
    std::vector<Hash256> out;
    CRN_TRY(list, in.list());
    while (!list.at_end()) {
        CRN_TRY(hash, list.fixed<Hash256>());
        out.push_back(hash);
    }
    return out;
}

Result<std::vector<Authorization>> read_authorizations(RlpReader& in) {
    std::vector<Authorization> out;
    CRN_TRY(list, in.list());
    while (!list.at_end()) {
        CRN_TRY(item, list.list());
        auto& entry = out.emplace_back();
        CRN_TRY(chain_id, item.u256());
        CRN_TRY(address, item.fixed<Address>());
        CRN_TRY(nonce, item.u64());
        CRN_TRY(y_parity, item.u256());
        CRN_TRY(r, item.u256());
        CRN_TRY(s, item.u256());
        CRN_CHECK(item.finish());
        if (y_parity > U256{255}) return fail(error::TransactionInvalid, "authorization parity is over one byte");
        entry = {chain_id, address, nonce, y_parity, r, s};
    }
    return out;
}

Result<TransactionType> read_type(BytesView raw) {
    if (raw.empty()) return fail(error::TransactionInvalid, "no bytes");
    if (raw[0] >= 0xc0) return TransactionType::legacy;
    if ((raw[0] >= 1 && raw[0] <= 4) || raw[0] == static_cast<std::uint8_t>(TransactionType::sm2))
        return static_cast<TransactionType>(raw[0]);
    return fail(error::TypeNotSupported, "unknown transaction type " + std::to_string(raw[0]));
}

/// Which key signed, as far as the signature's own numbers do not say it: v, a parity, or the key itself.
Status read_signer(RlpReader& in, Transaction& tx) {
    if (tx.type == TransactionType::sm2) {
        CRN_TRY(key, in.fixed<crypto::Sm2PublicKey>());
        tx.sm2_key = key;
        return {};
    }
    CRN_TRY(v, in.u256());
    if (tx.type == TransactionType::legacy) return read_legacy_v(tx, v);
    if (v > U256{1}) return fail(error::TransactionInvalid, "signature parity is neither 0 nor 1");
    tx.signature.y_parity = static_cast<std::uint8_t>(v.low());
    return {};
}

Status read_signature(RlpReader& in, Transaction& tx) {
    CRN_CHECK(read_signer(in, tx));
    CRN_TRY(r, in.u256());
    CRN_TRY(s, in.u256());
    tx.signature.r = r;
    tx.signature.s = s;
    return {};
}

} // namespace

Result<Transaction> decode_transaction(BytesView raw) {
    CRN_TRY(type, read_type(raw));
    Transaction tx;
    tx.type = type;
    const bool legacy = type == TransactionType::legacy;
    RlpReader envelope{legacy ? raw : raw.subspan(1)};
    CRN_TRY(in, envelope.list());
    CRN_CHECK(envelope.finish());

    if (!legacy) {
        CRN_TRY(chain_id, in.u256());
        tx.chain_id = chain_id;
    }
    CRN_TRY(nonce, in.u64());
    CRN_TRY(first_price, in.u256());
    tx.nonce = nonce;
    tx.max_priority_fee_per_gas = tx.max_fee_per_gas = first_price;
    if (!legacy && type != TransactionType::access_list) {
        CRN_TRY(max_fee, in.u256());
        tx.max_fee_per_gas = max_fee;
    }
    CRN_TRY(gas_limit, in.u64());
    CRN_TRY(to, read_recipient(in));
    CRN_TRY(value, in.u256());
    CRN_TRY(data, in.string());
    tx.gas_limit = gas_limit;
    tx.to = to;
    tx.value = value;
    tx.data = to_bytes(data);
    if (!legacy) {
        CRN_TRY(access_list, read_access_list(in));
        tx.access_list = std::move(access_list);
    }
    if (type == TransactionType::blob) {
        CRN_TRY(blob_fee, in.u256());
        CRN_TRY(hashes, read_hashes(in));
        tx.max_fee_per_blob_gas = blob_fee;
        tx.blob_versioned_hashes = std::move(hashes);
    }
    if (type == TransactionType::set_code) {
        CRN_TRY(authorizations, read_authorizations(in));
        tx.authorization_list = std::move(authorizations);
    }
    CRN_CHECK(read_signature(in, tx));
    CRN_CHECK(in.finish());
    return tx;
}

Result<SignedTransaction> decode_signed_transaction(BytesView raw) {
    CRN_TRY(body, decode_transaction(raw));
    CRN_TRY(sender, recover_sender(body));
    return SignedTransaction{std::move(body), to_bytes(raw), crypto::keccak256(raw), sender, sender};
}

Bytes encode_transaction(const Transaction& transaction) {
    auto fields = unsigned_fields(transaction);
    const auto& signature = transaction.signature;
    if (transaction.type == TransactionType::legacy)
        fields.put(transaction.chain_id ? (*transaction.chain_id << 1) + U256{35u + signature.y_parity}
                                        : U256{27u + signature.y_parity});
    else if (transaction.type != TransactionType::sm2)
        fields.put(std::uint64_t{signature.y_parity});
    fields.put(signature.r);
    fields.put(signature.s);
    return in_envelope(transaction.type, fields);
}

Hash256 signing_digest(const Transaction& transaction) {
    auto fields = unsigned_fields(transaction);
    if (transaction.type == TransactionType::legacy && transaction.chain_id) {
        fields.put(*transaction.chain_id);
        fields.put(std::uint64_t{0});
        fields.put(std::uint64_t{0});
    }
    const auto message = in_envelope(transaction.type, fields);
    return transaction.type == TransactionType::sm2 ? crypto::sm2_digest(transaction.sm2_key, message)
                                                    : crypto::keccak256(message);
}

Result<Address> recover_sender(const Transaction& transaction) {
    if (transaction.type == TransactionType::sm2) {
        const auto& [r, s, parity] = transaction.signature;
        if (!crypto::sm2_verify_digest(transaction.sm2_key, signing_digest(transaction), {r, s}))
            return fail(error::SignatureInvalid, "SM2");
        return crypto::sm2_address(transaction.sm2_key);
    }
    if (transaction.signature.s > crypto::kSecp256k1HalfOrder)
        return fail(error::SignatureInvalid, "s is in the upper half of the group order");
    return crypto::recover_address(signing_digest(transaction), transaction.signature);
}

Status sign_transaction(Transaction& transaction, const crypto::AccountKey& key) {
    // v = 35 + 2 * chain_id + parity must fit 256 bits, or the encoding would name another chain.
    if (transaction.type == TransactionType::legacy && transaction.chain_id &&
        *transaction.chain_id > (~U256{} - U256{36}) >> 1)
        return fail(error::TransactionInvalid, "chain id is too large for a legacy transaction");
    CRN_TRY(signature, crypto::sign(signing_digest(transaction), key));
    transaction.signature = signature;
    return {};
}

Status sign_transaction(Transaction& transaction, const crypto::Sm2Key& key) {
    if (transaction.type != TransactionType::sm2)
        return fail(error::TransactionInvalid, "an SM2 key signs transactions of type 0x7d");
    CRN_TRY(public_key, crypto::sm2_public_key(key));
    transaction.sm2_key = public_key;
    CRN_TRY(signature, crypto::sm2_sign(key, in_envelope(transaction.type, unsigned_fields(transaction))));
    transaction.signature = {signature.r, signature.s, 0};
    return {};
}

std::optional<Address> recover_authority(const Authorization& authorization) {
    if (authorization.y_parity > U256{1} || authorization.s > crypto::kSecp256k1HalfOrder) return std::nullopt;
    RlpWriter tuple;
    tuple.put(authorization.chain_id);
    tuple.put(authorization.address);
    tuple.put(authorization.nonce);
    Bytes message{kAuthorizationMagic};
    append(message, tuple.as_list());
    const auto authority =
        crypto::recover_address(crypto::keccak256(message), {authorization.r, authorization.s,
                                                             static_cast<std::uint8_t>(authorization.y_parity.low())});
    if (!authority) return std::nullopt;
    return *authority;
}

} // namespace cairn::ledger
