// Pages of the state's history as the disk gives them back, and pages as we write them: what is written is found again, and no
// bytes make a reader crash or count pages that the index cannot hold.
#include "base/assert.hpp"
#include "state/block_pages.hpp"

#include <map>

using namespace cairn;
using namespace cairn::state;

namespace {

/// Page 0 is the input's first part, every other page its second part.
void read_damaged(BytesView input) {
    const auto cut = input.empty() ? 0 : input[0] % input.size();
    const auto first = input.first(cut), second = input.subspan(cut);
    if (const auto count = count_pages(first)) CRN_ASSERT(*count <= first.size() + 1);
    const auto read = [&](std::uint32_t page) -> Result<std::optional<Bytes>> {
        return std::optional{to_bytes(page == 0 ? first : second)};
    };
    (void)find_in_pages(read, second.first(std::min<std::size_t>(second.size(), 3)));
}

/// The input as entries: u8 length of a key, u8 length of a record in units of 64 bytes, key.
void write_and_read(BytesView input) {
    std::map<Bytes, Bytes> records;
    while (input.size() > 2) {
        const auto length = std::min<std::size_t>(1 + input[0] % 40, input.size() - 2);
        records.insert_or_assign(to_bytes(input.subspan(2, length)), Bytes(input[1] * 64u, input[0]));
        input = input.subspan(2 + length);
    }
    if (records.empty()) return;
    std::vector<PageEntry> entries;
    for (const auto& [key, record] : records) entries.push_back({key, record, {}});
    const auto pages = encode_pages(entries);
    const auto read = [&](std::uint32_t page) -> Result<std::optional<Bytes>> {
        if (page >= pages.size()) return std::optional<Bytes>{};
        return std::optional{pages[page]};
    };
    CRN_ASSERT(*count_pages(pages[0]) == pages.size());
    for (const auto& [key, record] : records) {
        const auto found = find_in_pages(read, key);
        CRN_ASSERT(found && *found && **found == record);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    read_damaged({data, size});
    write_and_read({data, size});
    return 0;
}
