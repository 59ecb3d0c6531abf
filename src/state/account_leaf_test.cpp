#include "state/account_leaf.hpp"

#include "base/errors/storage.hpp"
#include "crypto/hash.hpp"

#include <gtest/gtest.h>

namespace cairn::state {
namespace {

// Found by trie_record_fuzz: a record that spelled out what is left out was taken.
TEST(AccountLeaf, has_one_record_only) {
    const AccountLeaf plain;
    const auto record = encode_account(plain);
    EXPECT_EQ(*decode_account(record), plain);
    auto with_code = record;
    with_code[0] = 1;
    append(with_code, BytesView{crypto::kEmptyKeccak});
    auto with_storage = record;
    with_storage[0] = 2;
    append(with_storage, BytesView{empty_trie().hash});
    append(with_storage, Bytes(8));
    for (const auto& needless : {with_code, with_storage}) {
        const auto read = decode_account(needless);
        ASSERT_FALSE(read);
        EXPECT_EQ(read.error().code, error::StorageCorrupt);
    }
}

} // namespace
} // namespace cairn::state
