#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "ledger/account_key.hpp"
#include "node/key_watch.hpp"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

TEST(KeyWatch, counts_an_authorisation_for_the_key_that_signed_it_whoever_carries_it) {
    crypto::AccountKey key;
    key.bytes.fill(7);
    ledger::Authorization item;
    item.chain_id = U256{1};
    item.address.bytes.fill(0x42);
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

    StoredBlock stored;
    stored.block.header.number = 5;
    ledger::SignedTransaction carried;
    carried.body.type = ledger::TransactionType::set_code;
    carried.body.authorization_list = {item, item};
    carried.sender.bytes.fill(0x66);
    stored.block.transactions = {carried};
    stored.receipts.resize(1);

    const auto signer = ledger::account_key_id(crypto::address_of(*crypto::public_key(key)));
    std::uint64_t counted = 0;
    for (const auto& event : touches_of(stored))
        if (event.key == signer && event.kind == keys::Touch::signed_with) counted += event.count;
    EXPECT_EQ(counted, 2u);
}

} // namespace
} // namespace cairn::node
