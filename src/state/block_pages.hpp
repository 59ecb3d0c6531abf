// The records that one block wrote, as values of a key-value store: sorted by key and cut into pages, with an index.
//
// Page 0 is u8 0 and the entries themselves if they fit; else u8 1, u32 number of pages, and per page u8 length and bytes of
// its first key; pages 1, 2, ... then hold the entries. Entry: u8 length, key, u32 length, record. Integers are little-endian.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "storage/key_value.hpp"

#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace cairn::state {

struct PageEntry {
    Bytes key;
    BytesView record;
    storage::Column column{}; // where its newest version lies; not part of the pages
};

/// `entries`: ascending by key, not empty. The pages, page 0 first.
std::vector<Bytes> encode_pages(const std::vector<PageEntry>& entries);

/// Reads one page; nothing if there is no such page.
using ReadPage = std::function<Result<std::optional<Bytes>>(std::uint32_t page)>;
/// The record under `key`; nothing if the block wrote none or there are no pages. StorageCorrupt for malformed pages.
Result<std::optional<Bytes>> find_in_pages(const ReadPage& read, BytesView key);
/// Number of pages that belong to `first`, page 0 included.
Result<std::uint32_t> count_pages(BytesView first);

} // namespace cairn::state
