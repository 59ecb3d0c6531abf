#include "state/block_pages.hpp"

#include "base/errors/storage.hpp"
#include "codec/wire.hpp"

#include <algorithm>

namespace cairn::state {
namespace {

constexpr std::size_t kPageBytes = 16 << 10;
constexpr std::size_t kPagesMax = 1u << 24;
constexpr std::uint8_t kEntries = 0;
constexpr std::uint8_t kIndex = 1;

std::unexpected<Error> bad() { return fail(error::StorageCorrupt, "a page of the state history is malformed"); }

bool less(BytesView a, BytesView b) { return std::ranges::lexicographical_compare(a, b); }

BytesView take_key(codec::WireReader& in) {
    const std::size_t length = in.u8();
    return in.raw(length);
}

Result<std::optional<Bytes>> find_in_entries(codec::WireReader in, BytesView key) {
    while (!in.rest().empty()) {
        const auto candidate = take_key(in);
        const auto record = in.string(in.rest().size());
        if (in.failed()) return bad();
        if (std::ranges::equal(candidate, key)) return std::optional{to_bytes(record)};
    }
    return std::optional<Bytes>{};
}

} // namespace

std::vector<Bytes> encode_pages(const std::vector<PageEntry>& entries) {
    std::vector<codec::WireWriter> pages(1);
    codec::WireWriter first_keys;
    for (const auto& entry : entries) {
        if (pages.back().bytes().size() >= kPageBytes) pages.emplace_back();
        auto& page = pages.back();
        if (page.bytes().empty()) {
            first_keys.u8(static_cast<std::uint8_t>(entry.key.size()));
            first_keys.raw(entry.key);
        }
        page.u8(static_cast<std::uint8_t>(entry.key.size()));
        page.raw(entry.key);
        page.string(entry.record);
    }
    std::vector<Bytes> out;
    codec::WireWriter first;
    if (pages.size() == 1) {
        first.u8(kEntries);
        first.raw(pages[0].bytes());
        out.push_back(first.take());
        return out;
    }
    first.u8(kIndex);
    first.u32(static_cast<std::uint32_t>(pages.size()));
    first.raw(first_keys.bytes());
    out.push_back(first.take());
    for (auto& page : pages) out.push_back(page.take());
    return out;
}

Result<std::optional<Bytes>> find_in_pages(const ReadPage& read, BytesView key) {
    CRN_TRY(first, read(0));
    if (!first) return std::optional<Bytes>{};
    codec::WireReader in{*first};
    const auto kind = in.u8();
    if (kind == kEntries) return find_in_entries(in, key);
    const auto count = in.count(kPagesMax, 1);
    std::uint32_t page = 0;
    for (std::uint32_t i = 0; i < count && !less(key, take_key(in)); ++i) page = i + 1;
    if (kind != kIndex || in.failed()) return bad();
    if (page == 0) return std::optional<Bytes>{};
    CRN_TRY(entries, read(page));
    if (!entries) return bad();
    return find_in_entries(codec::WireReader{*entries}, key);
}

Result<std::uint32_t> count_pages(BytesView first) {
    codec::WireReader in{first};
    const auto kind = in.u8();
    if (kind == kEntries && !in.failed()) return 1u;
    // Each page has a key in the index, so a count beyond its length is damage: nobody may go through pages that cannot be.
    const auto count = in.count(kPagesMax, 1);
    if (kind != kIndex || in.failed()) return bad();
    return count + 1;
}

} // namespace cairn::state
