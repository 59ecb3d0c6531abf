#include "state/account_leaf.hpp"

#include "base/errors/storage.hpp"
#include "codec/rlp.hpp"
#include "codec/wire.hpp"
#include "ledger/block.hpp"

namespace cairn::state {
namespace {

constexpr std::uint8_t kHasCode = 1;
constexpr std::uint8_t kHasStorage = 2;

void put_short(codec::WireWriter& out, const U256& value) {
    const auto digits = to_minimal_big_endian(value);
    out.u8(static_cast<std::uint8_t>(digits.size()));
    out.raw(digits);
}

U256 take_short(codec::WireReader& in, std::size_t limit) {
    const std::size_t length = in.u8();
    const auto digits = in.raw(length);
    if (length > limit || (!digits.empty() && digits[0] == 0)) in.set_failed();
    return in.failed() ? U256{} : from_big_endian(digits);
}

} // namespace

TrieRoot empty_trie() { return {ledger::kEmptyTrieRoot, 0}; }

Bytes account_rlp(const AccountLeaf& leaf) {
    codec::RlpWriter fields;
    fields.put(leaf.account.nonce);
    fields.put(leaf.account.balance);
    fields.put(leaf.storage.hash);
    fields.put(leaf.account.code_hash);
    return fields.as_list();
}

Bytes slot_rlp(BytesView minimal_value) {
    codec::RlpWriter out;
    out.put(minimal_value);
    return out.take();
}

Bytes encode_account(const AccountLeaf& leaf) {
    const bool has_code = leaf.account.code_hash != crypto::kEmptyKeccak;
    codec::WireWriter out;
    out.u8(static_cast<std::uint8_t>((has_code ? kHasCode : 0) | (leaf.has_storage() ? kHasStorage : 0)));
    put_short(out, leaf.account.nonce);
    put_short(out, leaf.account.balance);
    if (has_code) out.fixed(leaf.account.code_hash);
    if (leaf.has_storage()) {
        out.fixed(leaf.storage.hash);
        out.u64(leaf.storage.version);
    }
    return out.take();
}

Result<AccountLeaf> decode_account(BytesView record) {
    codec::WireReader in{record};
    AccountLeaf leaf;
    const auto flags = in.u8();
    leaf.account.nonce = take_short(in, 8).low();
    leaf.account.balance = take_short(in, 32);
    if ((flags & kHasCode) != 0) leaf.account.code_hash = in.fixed<Hash256>();
    if ((flags & kHasStorage) != 0) {
        leaf.storage.hash = in.fixed<Hash256>();
        leaf.storage.version = in.u64();
    }
    // What most accounts lack is never written out: one account has one record.
    const bool needless = ((flags & kHasCode) != 0 && leaf.account.code_hash == crypto::kEmptyKeccak) ||
                          ((flags & kHasStorage) != 0 && !leaf.has_storage());
    if (flags > (kHasCode | kHasStorage) || needless || !in.finish())
        return fail(error::StorageCorrupt, "an account record is malformed");
    return leaf;
}

} // namespace cairn::state
