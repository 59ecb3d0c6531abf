// Records of the trie as the disk gives them back: no bytes may crash the readers, and what they accept is read the same in every way.
#include "base/assert.hpp"
#include "state/account_leaf.hpp"
#include "state/trie_record.hpp"

using namespace cairn;
using namespace cairn::state;

namespace {

void read_record(BytesView bytes, unsigned depth) {
    const auto record = RecordView::parse(bytes, TriePath::prefix_of(Hash256{}, depth));
    if (!record) return;
    CRN_ASSERT(record->branch_depth() >= depth && record->branch_depth() <= kKeyNibbles);
    unsigned children = 0;
    const auto status = record->for_each_child([&](unsigned nibble, const ChildView& child) {
        ++children;
        CRN_ASSERT(record->has_child(nibble));
        const auto alone = record->child(nibble);
        CRN_ASSERT(alone && alone->is_leaf == child.is_leaf && alone->version == child.version &&
                   alone->key == child.key);
        CRN_ASSERT(alone->value.data() == child.value.data() && alone->value.size() == child.value.size());
        if (child.is_leaf) (void)decode_account(child.value);
        return true;
    });
    CRN_ASSERT(!status || children == record->child_count());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const BytesView input{data + 1, size - 1};
    read_record(input, data[0] % (kKeyNibbles + 1));
    if (const auto leaf = decode_account(input)) CRN_ASSERT(std::ranges::equal(encode_account(*leaf), input));
    return 0;
}
