#include "base/errors/crypto.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/ledger.hpp"
#include "base/test_vectors.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/block.hpp"
#include "ledger/transaction.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cairn::ledger {
namespace {

using Json = nlohmann::json;

crypto::AccountKey key_of(std::string_view name) {
    return *crypto::AccountKey::from(crypto::keccak256(as_bytes(name)));
}
Address address_of_key(const crypto::AccountKey& key) { return crypto::address_of(*crypto::public_key(key)); }

/// Uses every field that the type has.
Transaction example(TransactionType type) {
    Transaction tx;
    tx.type = type;
    tx.chain_id = U256{1337};
    tx.nonce = 7;
    tx.max_fee_per_gas = U256{2'000'000'000};
    tx.max_priority_fee_per_gas = tx.max_fee_per_gas;
    tx.gas_limit = 100'000;
    tx.to = address_of_key(key_of("to"));
    tx.value = U256{1} << 90;
    tx.data = {0, 1, 2, 3};
    if (type != TransactionType::legacy)
        tx.access_list = {{*tx.to, {Hash256{}, crypto::kEmptyKeccak}}, {Address{}, {}}};
    if (type >= TransactionType::dynamic_fee) tx.max_priority_fee_per_gas = U256{1};
    if (type == TransactionType::blob) {
        tx.max_fee_per_blob_gas = U256{3};
        tx.blob_versioned_hashes = {crypto::kEmptyKeccak};
    }
    if (type == TransactionType::set_code) {
        Authorization item{U256{1337}, Address{}, 3, {}, {}, {}};
        item.r = ~U256{};
        item.s = U256{5};
        item.y_parity = U256{255};
        tx.authorization_list = {item};
    }
    return tx;
}

constexpr TransactionType kAllTypes[] = {TransactionType::legacy, TransactionType::access_list,
                                         TransactionType::dynamic_fee, TransactionType::blob,
                                         TransactionType::set_code};

TEST(Transaction, of_every_type_survives_signing_encoding_and_decoding) {
    const auto key = key_of("sender");
    for (const auto type : kAllTypes) {
        for (const bool creation : {false, true}) {
            auto tx = example(type);
            if (creation) tx.to.reset();
            ASSERT_TRUE(sign_transaction(tx, key));
            const auto raw = encode_transaction(tx);
            const auto decoded = decode_signed_transaction(raw);
            ASSERT_TRUE(decoded) << decoded.error().text();
            EXPECT_EQ(decoded->body, tx);
            EXPECT_EQ(decoded->raw, raw);
            EXPECT_EQ(decoded->hash, crypto::keccak256(raw));
            EXPECT_EQ(decoded->sender, address_of_key(key));
        }
    }
}

TEST(Transaction, without_chain_id_signs_as_before_eip_155) {
    auto tx = example(TransactionType::legacy);
    tx.chain_id.reset();
    ASSERT_TRUE(sign_transaction(tx, key_of("sender")));
    const auto decoded = decode_signed_transaction(encode_transaction(tx));
    ASSERT_TRUE(decoded);
    EXPECT_FALSE(decoded->body.chain_id);
    EXPECT_EQ(decoded->sender, address_of_key(key_of("sender")));
}

TEST(Transaction, every_truncation_and_extension_is_refused) {
    for (const auto type : kAllTypes) {
        auto tx = example(type);
        ASSERT_TRUE(sign_transaction(tx, key_of("sender")));
        auto raw = encode_transaction(tx);
        for (std::size_t length = 0; length < raw.size(); ++length)
            EXPECT_FALSE(decode_transaction(BytesView{raw}.first(length))) << length;
        raw.push_back(0);
        EXPECT_FALSE(decode_transaction(raw));
    }
}

TEST(Transaction, high_s_is_refused_although_it_names_the_same_signer) {
    auto tx = example(TransactionType::dynamic_fee);
    ASSERT_TRUE(sign_transaction(tx, key_of("sender")));
    tx.signature.s = crypto::kSecp256k1Order - tx.signature.s;
    tx.signature.y_parity ^= 1;
    const auto decoded = decode_signed_transaction(encode_transaction(tx));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, error::SignatureInvalid);
    ASSERT_TRUE(crypto::recover_address(signing_digest(tx), tx.signature));
}

TEST(Transaction, recovery_ids_and_types_out_of_range_are_refused) {
    auto tx = example(TransactionType::access_list);
    ASSERT_TRUE(sign_transaction(tx, key_of("sender")));
    tx.signature.y_parity = 2;
    EXPECT_FALSE(decode_transaction(encode_transaction(tx)));
    tx.signature.y_parity = 0;
    auto raw = encode_transaction(tx);
    ASSERT_TRUE(decode_transaction(raw));
    for (const auto type : Bytes{0x00, 0x05, 0x7f, 0x80, 0xbf}) {
        raw[0] = type;
        const auto decoded = decode_transaction(raw);
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error().code, error::TypeNotSupported);
    }
}

TEST(Transaction, chain_id_that_does_not_fit_v_is_not_signed) {
    auto tx = example(TransactionType::legacy);
    tx.chain_id = ~U256{} >> 1;
    EXPECT_FALSE(sign_transaction(tx, key_of("sender")));
    tx.chain_id = (~U256{} >> 1) - U256{18};
    ASSERT_TRUE(sign_transaction(tx, key_of("sender")));
    const auto decoded = decode_transaction(encode_transaction(tx));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->chain_id, tx.chain_id);
}

crypto::Sm2Key sm2_key_of(std::string_view name) { return *crypto::Sm2Key::from(crypto::keccak256(as_bytes(name))); }

TEST(Sm2Transaction, survives_encoding_and_names_its_signer) {
    auto tx = example(TransactionType::sm2);
    const auto key = sm2_key_of("alice");
    ASSERT_TRUE(sign_transaction(tx, key));
    const auto raw = encode_transaction(tx);
    EXPECT_EQ(raw[0], 0x7d);
    const auto decoded = decode_signed_transaction(raw);
    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(decoded->body, tx);
    EXPECT_EQ(decoded->sender, crypto::sm2_address(crypto::sm2_public_key(key).value()));
    EXPECT_EQ(decoded->hash, crypto::keccak256(raw));
}

TEST(Sm2Transaction, with_any_byte_changed_has_no_sender) {
    auto tx = example(TransactionType::sm2);
    ASSERT_TRUE(sign_transaction(tx, sm2_key_of("alice")));
    const auto raw = encode_transaction(tx);
    for (std::size_t i = 0; i < raw.size(); ++i) {
        auto changed = raw;
        changed[i] ^= 0x01;
        EXPECT_FALSE(decode_signed_transaction(changed)) << "byte " << i;
        EXPECT_FALSE(decode_transaction(BytesView{raw}.first(i))) << "cut at " << i;
    }
}

TEST(Sm2Transaction, is_not_signed_by_another_key_in_its_name) {
    auto tx = example(TransactionType::sm2);
    ASSERT_TRUE(sign_transaction(tx, sm2_key_of("alice")));
    tx.sm2_key = crypto::sm2_public_key(sm2_key_of("mallory")).value();
    EXPECT_EQ(recover_sender(tx).error().code, error::SignatureInvalid);
    tx.sm2_key = {};
    EXPECT_EQ(recover_sender(tx).error().code, error::SignatureInvalid);
    tx.type = TransactionType::dynamic_fee;
    EXPECT_EQ(sign_transaction(tx, sm2_key_of("alice")).error().code, error::TransactionInvalid);
}

TEST(Authorization, names_its_signer_and_nobody_after_a_change) {
    const auto key = key_of("authority");
    Authorization item{U256{1}, address_of_key(key_of("code")), 9, {}, {}, {}};
    codec::RlpWriter tuple;
    tuple.put(item.chain_id);
    tuple.put(item.address);
    tuple.put(item.nonce);
    Bytes message{0x05};
    append(message, tuple.as_list());
    const auto signature = *crypto::sign(crypto::keccak256(message), key);
    item.y_parity = U256{signature.y_parity};
    item.r = signature.r;
    item.s = signature.s;
    EXPECT_EQ(recover_authority(item), address_of_key(key));
    auto other_nonce = item;
    other_nonce.nonce = 10;
    EXPECT_NE(recover_authority(other_nonce), address_of_key(key));
    auto high_s = item;
    high_s.s = crypto::kSecp256k1Order - item.s;
    high_s.y_parity = U256{1u - signature.y_parity};
    EXPECT_FALSE(recover_authority(high_s));
    auto parity = item;
    parity.y_parity = U256{27};
    EXPECT_FALSE(recover_authority(parity));
}

TEST(Transaction, legacy_signing_vectors) {
    const auto tests =
        Json::parse(test::read_text(test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / "BasicTests/txtest.json"));
    ASSERT_FALSE(tests.empty());
    for (const auto& test : tests) {
        const auto key = *fixed_from_hex<crypto::AccountKey>("0x" + test["key"].get<std::string>());
        Transaction tx;
        tx.nonce = test["nonce"].get<std::uint64_t>();
        tx.max_fee_per_gas = tx.max_priority_fee_per_gas = U256{test["gasprice"].get<std::uint64_t>()};
        tx.gas_limit = test["startgas"].get<std::uint64_t>();
        tx.to = fixed_from_hex<Address>("0x" + test["to"].get<std::string>());
        tx.value = U256{test["value"].get<std::uint64_t>()};
        tx.data = *from_hex("0x" + test["data"].get<std::string>());
        const auto signed_bytes = *from_hex("0x" + test["signed"].get<std::string>());
        // One of them has a high s, as was allowed before EIP-2: so the signer is recovered without that check.
        const auto decoded = decode_transaction(signed_bytes);
        ASSERT_TRUE(decoded) << decoded.error().text();
        tx.signature = decoded->signature;
        EXPECT_EQ(*decoded, tx);
        const auto sender = crypto::recover_address(signing_digest(tx), tx.signature);
        ASSERT_TRUE(sender);
        EXPECT_EQ(*sender, address_of_key(key));
        EXPECT_EQ(encode_transaction(tx), signed_bytes);
    }
}

TEST(AccountKey, address_vectors) {
    const auto tests =
        Json::parse(test::read_text(test::unpacked_vectors(CAIRN_SOURCE_DIR, "basic") / "BasicTests/keyaddrtest.json"));
    ASSERT_FALSE(tests.empty());
    for (const auto& test : tests) {
        const auto key = *fixed_from_hex<crypto::AccountKey>("0x" + test["key"].get<std::string>());
        EXPECT_EQ(key, key_of(test["seed"].get<std::string>()));
        const auto address = *fixed_from_hex<Address>("0x" + test["addr"].get<std::string>());
        EXPECT_EQ(address_of_key(key), address);
    }
}

TEST(Receipt, survives_encoding_and_refuses_a_bloom_that_lies) {
    Receipt receipt;
    receipt.type = TransactionType::dynamic_fee;
    receipt.success = true;
    receipt.cumulative_gas_used = 21'000;
    receipt.logs = {{address_of_key(key_of("to")), {crypto::kEmptyKeccak, Hash256{}}, {1, 2, 3}}, {Address{}, {}, {}}};
    const auto raw = encode_receipt(receipt);
    const auto decoded = decode_receipt(raw);
    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(*decoded, receipt);
    auto lying = raw;
    lying[100] ^= 1;
    EXPECT_FALSE(decode_receipt(lying));
    for (std::size_t length = 0; length < raw.size(); ++length)
        EXPECT_FALSE(decode_receipt(BytesView{raw}.first(length)));
}

TEST(Bloom, contains_what_was_added) {
    const std::vector<Log> logs{{address_of_key(key_of("a")), {crypto::keccak256(as_bytes("topic"))}, {}}};
    const auto bloom = bloom_of(logs);
    EXPECT_TRUE(may_contain(bloom, logs[0].address));
    EXPECT_TRUE(may_contain(bloom, logs[0].topics[0]));
    EXPECT_FALSE(may_contain(bloom, crypto::keccak256(as_bytes("another topic"))));
    EXPECT_FALSE(may_contain(Bloom{}, logs[0].address));
}

BlockHeader osaka_header() {
    BlockHeader header;
    header.number = 5;
    header.gas_limit = 30'000'000;
    header.timestamp = 1'700'000'000;
    header.extra_data = {1, 2, 3};
    header.base_fee_per_gas = U256{7};
    header.withdrawals_root = kEmptyTrieRoot;
    header.blob_gas_used = 0;
    header.excess_blob_gas = 0;
    header.parent_beacon_block_root = Hash256{};
    header.requests_hash = kEmptyRequestsHash;
    return header;
}

TEST(BlockHeader, survives_encoding_with_and_without_the_fields_of_later_forks) {
    auto header = osaka_header();
    EXPECT_EQ(decode_header(encode_header(header)), header);
    header.requests_hash.reset(); // Cancun
    EXPECT_EQ(decode_header(encode_header(header)), header);
    header.parent_beacon_block_root.reset();
    header.excess_blob_gas.reset();
    header.blob_gas_used.reset(); // Shanghai
    EXPECT_EQ(decode_header(encode_header(header)), header);
    header.withdrawals_root.reset();
    header.base_fee_per_gas.reset(); // Berlin
    EXPECT_EQ(decode_header(encode_header(header)), header);
    header.extra_data = Bytes(33);
    EXPECT_FALSE(decode_header(encode_header(header)));
}

TEST(Block, survives_encoding_and_refuses_ommers_and_withdrawals) {
    Block block{osaka_header(), {}};
    for (const auto type : kAllTypes) {
        auto tx = example(type);
        ASSERT_TRUE(sign_transaction(tx, key_of("sender")));
        block.transactions.push_back(*decode_signed_transaction(encode_transaction(tx)));
    }
    const auto raw = encode_block(block);
    const auto decoded = decode_block(raw);
    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(decoded->header, block.header);
    ASSERT_EQ(decoded->transactions.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(decoded->transactions[i].hash, block.transactions[i].hash);
    EXPECT_EQ(encode_block(*decoded), raw);

    const auto with = [&](const char* ommers, const char* withdrawals) {
        codec::RlpWriter out;
        out.put_raw(encode_header(block.header));
        out.put_list(codec::RlpWriter{});
        out.put_raw(*from_hex(ommers));
        out.put_raw(*from_hex(withdrawals));
        return out.as_list();
    };
    EXPECT_TRUE(decode_block(with("0xc0", "0xc0")));
    EXPECT_FALSE(decode_block(with("0xc1c0", "0xc0")));
    EXPECT_FALSE(decode_block(with("0xc0", "0xc1c0")));
    EXPECT_FALSE(decode_block(BytesView{raw}.first(raw.size() - 1)));
}

} // namespace
} // namespace cairn::ledger
