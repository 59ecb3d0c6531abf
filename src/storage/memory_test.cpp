#include "storage/key_value.hpp"
#include "storage/log.hpp"

#include <gtest/gtest.h>

namespace cairn::storage {

TEST(MemoryLog, reads_back_by_position_and_replays_in_order) {
    const auto log = make_memory_log();
    std::vector<RecordPosition> positions;
    for (const char* text : {"one", "", "three"}) positions.push_back(*log->append(as_bytes(text)));
    EXPECT_EQ(as_text(*log->read(positions[2])), "three");
    EXPECT_EQ(as_text(*log->read(positions[1])), "");
    std::vector<RecordPosition> seen;
    ASSERT_TRUE(log->replay({}, [&](RecordPosition position, BytesView) {
        seen.push_back(position);
        return true;
    }));
    EXPECT_EQ(seen, positions);
    ASSERT_TRUE(log->drop_before(positions[1]));
    EXPECT_FALSE(log->read(positions[0]));
    EXPECT_TRUE(log->read(positions[1]));
}

} // namespace cairn::storage
