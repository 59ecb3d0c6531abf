#include "base/errors/storage.hpp"
#include "storage/crc32c.hpp"
#include "storage/faulty_files.hpp"
#include "storage/segment.hpp"
#include "storage/segment_log.hpp"

#include <gtest/gtest.h>

namespace cairn::storage {
namespace {

constexpr LogOptions kSmall{.segment_bytes_max = 400, .record_bytes_max = 200};

Bytes record(std::uint64_t number, std::size_t size) {
    Bytes out(size + 8);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(number >> (8 * (i % 8)));
    return out;
}

std::vector<Bytes> all_records(const RecordLog& log, RecordPosition start = {}) {
    std::vector<Bytes> out;
    const auto status = log.replay(start, [&](RecordPosition position, BytesView bytes) {
        EXPECT_EQ(*log.read(position), to_bytes(bytes));
        out.push_back(to_bytes(bytes));
        return true;
    });
    EXPECT_TRUE(status) << status.error().text();
    return out;
}

/// A closed log of `count` synced records in one file.
struct OneFile {
    explicit OneFile(std::size_t count) {
        auto log = *open_segment_log_on(files, "d", {});
        for (std::size_t i = 0; i < count; ++i) {
            records.push_back(record(i, 10 * i));
            positions.push_back(*log->append(records.back()));
        }
        EXPECT_TRUE(log->sync());
    }
    Bytes& content() { return files.content(path); }

    FaultyFileSystem files{1};
    std::string path = "d/0000000000.seg";
    std::vector<Bytes> records;
    std::vector<RecordPosition> positions;
};

} // namespace

TEST(Crc32c, of_the_usual_check_string_is_the_known_value) {
    EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
    EXPECT_EQ(crc32c_portable(as_bytes("123456789")), 0xe3069283u);
    Bytes data(1000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * i);
    for (std::size_t size = 0; size < data.size(); ++size) {
        const auto part = BytesView{data}.first(size);
        ASSERT_EQ(crc32c(part), crc32c_portable(part));
        ASSERT_EQ(crc32c(part.subspan(size / 3), crc32c(part.first(size / 3))), crc32c(part));
    }
}

TEST(SegmentLog, starts_new_files_and_keeps_all_records_over_reopening) {
    FaultyFileSystem files{1};
    std::vector<Bytes> expected;
    std::vector<RecordPosition> positions;
    for (int round = 0; round < 5; ++round) {
        auto log = *open_segment_log_on(files, "d", kSmall);
        EXPECT_EQ(all_records(*log), expected);
        for (std::size_t i = 0; i < 20; ++i) {
            expected.push_back(record(i, i * 9 % 190));
            positions.push_back(*log->append(expected.back()));
            EXPECT_EQ(*log->read(positions.back()), expected.back());
        }
        EXPECT_TRUE(std::ranges::is_sorted(positions));
        EXPECT_EQ(all_records(*log), expected);
    }
    EXPECT_GT(files.paths().size(), 20u);
    for (const auto& path : files.paths()) EXPECT_LE(files.content(path).size(), kSmall.segment_bytes_max);
    const auto log = *open_segment_log_on(files, "d", kSmall);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_EQ(*log->read(positions[i]), expected[i]);
        EXPECT_EQ(all_records(*log, positions[i]),
                  std::vector<Bytes>(expected.begin() + static_cast<std::ptrdiff_t>(i), expected.end()));
    }
}

TEST(SegmentLog, drops_whole_files_before_a_position_and_nothing_else) {
    FaultyFileSystem files{1};
    auto log = *open_segment_log_on(files, "d", kSmall);
    std::vector<RecordPosition> positions;
    for (std::size_t i = 0; i < 60; ++i) positions.push_back(*log->append(record(i, 50)));
    const auto middle = positions[30];
    ASSERT_TRUE(log->drop_before(middle));
    for (const auto position : positions)
        EXPECT_EQ(log->read(position).has_value(), position.segment >= middle.segment);
    ASSERT_TRUE(log->drop_before({1'000'000, 0}));
    EXPECT_EQ(files.paths().size(), 1u);
    EXPECT_TRUE(log->read(positions.back()));
    log.reset();
    log = *open_segment_log_on(files, "d", kSmall);
    EXPECT_TRUE(log->read(positions.back()));
    EXPECT_GT(*log->append(record(1, 1)), positions.back());
}

TEST(SegmentLog, cuts_a_torn_end_wherever_it_was_torn) {
    const OneFile whole{5};
    const auto last = whole.positions.back().offset;
    for (auto size = last; size < last + kRecordHeaderBytes + whole.records.back().size(); ++size) {
        OneFile file{5};
        file.content().resize(size);
        auto log = *open_segment_log_on(file.files, "d", {});
        EXPECT_EQ(all_records(*log).size(), 4u);
        EXPECT_EQ(*log->append(as_bytes("next")), whole.positions.back());
        EXPECT_EQ(all_records(*log).size(), 5u);
    }
}

TEST(SegmentLog, cuts_garbage_behind_the_last_record) {
    for (const std::size_t size : {1u, 11u, 12u, 100u, 5000u}) {
        OneFile file{3};
        for (std::size_t i = 0; i < size; ++i) file.content().push_back(static_cast<std::uint8_t>(i * 7 % 251));
        const auto log = *open_segment_log_on(file.files, "d", {});
        EXPECT_EQ(all_records(*log), file.records);
    }
}

TEST(SegmentLog, refuses_any_flipped_bit_before_the_last_record_naming_file_and_offset) {
    const OneFile whole{4};
    for (std::size_t bit = 0; bit < whole.positions.back().offset * 8; ++bit) {
        OneFile file{4};
        file.content()[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        const auto log = open_segment_log_on(file.files, "d", {});
        ASSERT_FALSE(log) << "bit " << bit;
        ASSERT_EQ(log.error().code, error::SegmentCorrupt);
        std::uint64_t damaged = 0;
        for (const auto position : file.positions)
            if (position.offset <= bit / 8) damaged = position.offset;
        EXPECT_NE(log.error().detail.find(file.path + " at offset " + std::to_string(damaged) + ":"), std::string::npos)
            << log.error().detail;
    }
}

TEST(SegmentLog, refuses_a_damaged_or_missing_older_file) {
    for (const bool missing : {false, true}) {
        FaultyFileSystem files{1};
        {
            auto log = *open_segment_log_on(files, "d", kSmall);
            for (std::size_t i = 0; i < 30; ++i) ASSERT_TRUE(log->append(record(i, 50)));
            ASSERT_TRUE(log->sync());
        }
        const std::string path = "d/0000000002.seg";
        if (missing) {
            ASSERT_TRUE(files.remove(path));
            const auto log = open_segment_log_on(files, "d", kSmall);
            ASSERT_FALSE(log);
            EXPECT_EQ(log.error().code, error::SegmentCorrupt);
            EXPECT_NE(log.error().detail.find(path), std::string::npos);
            continue;
        }
        files.content(path).resize(files.content(path).size() - 1);
        const auto log = *open_segment_log_on(files, "d", kSmall);
        const auto status = log->replay({}, [](RecordPosition, BytesView) { return true; });
        ASSERT_FALSE(status);
        EXPECT_EQ(status.error().code, error::SegmentCorrupt);
        EXPECT_NE(status.error().detail.find(path + " at offset"), std::string::npos);
    }
}

TEST(SegmentLog, refuses_records_above_the_limit_and_positions_where_none_stands) {
    FaultyFileSystem files{1};
    auto log = *open_segment_log_on(files, "d", kSmall);
    EXPECT_FALSE(log->append(Bytes(kSmall.record_bytes_max + 1)));
    const auto position = *log->append(Bytes(kSmall.record_bytes_max));
    EXPECT_TRUE(log->read(position));
    EXPECT_FALSE(log->read({position.segment, position.offset + 1}));
    EXPECT_FALSE(log->read({position.segment, 1u << 20}));
    EXPECT_FALSE(log->read({7, 16}));
}

TEST(SegmentLog, keeps_records_that_are_above_a_limit_set_later) {
    FaultyFileSystem files{1};
    const auto position = *(*open_segment_log_on(files, "d", {}))->append(Bytes(5000, 3));
    const auto log = *open_segment_log_on(files, "d", kSmall);
    EXPECT_EQ(*log->read(position), Bytes(5000, 3));
    EXPECT_EQ(all_records(*log).size(), 1u);
}

TEST(SegmentLog, is_locked_while_it_is_open) {
    FaultyFileSystem files{1};
    auto log = *open_segment_log_on(files, "d", {});
    EXPECT_EQ(open_segment_log_on(files, "d", {}).error().code, error::StorageLocked);
    log.reset();
    EXPECT_TRUE(open_segment_log_on(files, "d", {}));
}

TEST(SegmentLog, goes_on_after_the_disk_was_full_and_loses_nothing) {
    for (std::uint64_t room = 0; room < 900; room += 7) {
        SCOPED_TRACE("room " + std::to_string(room));
        FaultyFileSystem files{room};
        std::vector<Bytes> expected;
        auto log = *open_segment_log_on(files, "d", kSmall);
        files.bytes_until_full = room;
        for (std::size_t i = 0; i < 30; ++i) {
            const auto appended = log->append(record(i, 40));
            if (appended) {
                expected.push_back(record(i, 40));
                continue;
            }
            ASSERT_EQ(appended.error().code, error::StorageFull);
            files.bytes_until_full = std::nullopt;
        }
        ASSERT_EQ(expected.size(), 29u);
        ASSERT_EQ(all_records(*log), expected);
        log.reset();
        ASSERT_EQ(all_records(**open_segment_log_on(files, "d", kSmall)), expected);
    }
}

TEST(SegmentLog, accepts_nothing_more_after_a_failed_sync) {
    FaultyFileSystem files{1};
    auto log = *open_segment_log_on(files, "d", {});
    ASSERT_TRUE(log->append(as_bytes("one")));
    files.syncs_until_error = 0;
    EXPECT_EQ(log->sync().error().code, error::StorageIo);
    EXPECT_EQ(log->sync().error().code, error::StorageIo);
    EXPECT_EQ(log->append(as_bytes("two")).error().code, error::StorageIo);
}

TEST(SegmentLog, keeps_every_synced_record_over_losses_of_power) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        FaultyFileSystem files{seed};
        std::mt19937_64 random{seed};
        std::vector<Bytes> written; // what an intact log would hold
        std::size_t synced = 0;
        for (int round = 0; round < 6; ++round) {
            auto opened = open_segment_log_on(files, "d", kSmall);
            ASSERT_TRUE(opened) << opened.error().text();
            const auto log = std::move(*opened);
            auto found = all_records(*log);
            ASSERT_GE(found.size(), synced);
            ASSERT_LE(found.size(), written.size());
            written.resize(found.size());
            ASSERT_EQ(found, written);
            synced = written.size(); // opening makes durable what it found
            if (random() % 4 == 0) files.syncs_until_error = random() % 8;
            for (auto n = random() % 20; n > 0; --n) {
                const auto next = record(random(), random() % 150);
                if (!log->append(next)) break;
                written.push_back(next);
                if (random() % 3 != 0) continue;
                if (!log->sync()) break;
                synced = written.size();
            }
            files.syncs_until_error = std::nullopt;
            files.lose_power();
        }
    }
}

} // namespace cairn::storage
