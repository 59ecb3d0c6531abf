#include "state/block_pages.hpp"

#include "base/errors/storage.hpp"

#include <gtest/gtest.h>

namespace cairn::state {
namespace {

TEST(BlockPages, damaged_number_of_pages_is_refused) {
    std::vector<Bytes> keys;
    for (std::uint8_t i = 0; i < 40; ++i) keys.push_back({i, 1, 2});
    const Bytes record(1000, 7);
    std::vector<PageEntry> entries;
    for (const auto& key : keys) entries.push_back({key, record, {}});
    const auto pages = encode_pages(entries);
    ASSERT_GT(pages.size(), 2u);
    EXPECT_EQ(*count_pages(pages[0]), pages.size());
    auto damaged = pages[0];
    damaged[4] = 0x7f; // the highest byte of the number
    const auto count = count_pages(damaged);
    ASSERT_FALSE(count);
    EXPECT_EQ(count.error().code, error::StorageCorrupt);
}

} // namespace
} // namespace cairn::state
