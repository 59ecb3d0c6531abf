#include "base/errors/storage.hpp"
#include "storage/key_value.hpp"
#include "storage/test_directory.hpp"

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <random>

namespace cairn::storage {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs scanned(const KeyValueStore& store, Column column, std::string_view prefix, std::string_view start,
              std::size_t limit = 1000) {
    Pairs out;
    const auto status = store.scan(column, as_bytes(prefix), as_bytes(start), [&](BytesView key, BytesView value) {
        out.emplace_back(as_text(key), as_text(value));
        return out.size() < limit;
    });
    EXPECT_TRUE(status) << status.error().text();
    return out;
}

void put(KeyValueStore& store, Column column, std::string_view key, std::string_view value, bool sync = false) {
    WriteBatch batch;
    batch.put(column, as_bytes(key), as_bytes(value));
    const auto status = store.write(batch, sync);
    ASSERT_TRUE(status) << status.error().text();
}

/// Runs `body` in a child process and gives its exit code.
template <class Body>
int in_child(Body body) {
    const auto child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void flip_byte(const std::filesystem::path& path, std::size_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
}

class BothStores : public testing::TestWithParam<bool> {
public:
    BothStores() { store = GetParam() ? *open_rocksdb(directory / "db") : make_memory_store(); }
    TestDirectory directory;
    std::unique_ptr<KeyValueStore> store;
};

} // namespace

INSTANTIATE_TEST_SUITE_P(KeyValue, BothStores, testing::Bool(),
                         [](const auto& tested) { return tested.param ? "rocksdb" : "memory"; });

TEST_P(BothStores, scan_a_prefix_from_a_start_in_ascending_order) {
    for (const char* key : {"b", "a2", "a1", "a", "c", "a10"}) put(*store, Column::index, key, key);
    put(*store, Column::history, "a3", "elsewhere");
    EXPECT_EQ(scanned(*store, Column::index, "a", "a"),
              (Pairs{{"a", "a"}, {"a1", "a1"}, {"a10", "a10"}, {"a2", "a2"}}));
    EXPECT_EQ(scanned(*store, Column::index, "a", "a10"), (Pairs{{"a10", "a10"}, {"a2", "a2"}}));
    EXPECT_EQ(scanned(*store, Column::index, "a", "", 2), (Pairs{{"a", "a"}, {"a1", "a1"}}));
    EXPECT_EQ(scanned(*store, Column::index, "a", "b"), Pairs{});
    EXPECT_EQ(scanned(*store, Column::index, "", "b"), (Pairs{{"b", "b"}, {"c", "c"}}));
    EXPECT_EQ(scanned(*store, Column::slots, "", ""), Pairs{});
}

TEST_P(BothStores, agree_with_a_map_over_random_batches) {
    std::mt19937_64 random{5};
    std::array<std::map<std::string, std::string>, kColumns> expected;
    for (int round = 0; round < 200; ++round) {
        WriteBatch batch;
        for (auto n = random() % 20; n > 0; --n) {
            const auto column = random() % kColumns;
            const auto key = std::to_string(random() % 50);
            const auto value = std::string(random() % 100, 'v') + std::to_string(random());
            if (random() % 3 == 0) {
                batch.erase(static_cast<Column>(column), as_bytes(key));
                expected[column].erase(key);
            } else {
                batch.put(static_cast<Column>(column), as_bytes(key), as_bytes(value));
                expected[column][key] = value;
            }
        }
        ASSERT_TRUE(store->write(batch, round % 50 == 0));
        for (std::size_t column = 0; column < kColumns; ++column) {
            const auto key = std::to_string(random() % 50);
            const auto found = *store->get(static_cast<Column>(column), as_bytes(key));
            ASSERT_EQ(found.has_value(), expected[column].contains(key));
            if (found) {
                ASSERT_EQ(as_text(*found), expected[column][key]);
            }
        }
    }
    for (std::size_t column = 0; column < kColumns; ++column)
        EXPECT_EQ(scanned(*store, static_cast<Column>(column), "", ""),
                  Pairs(expected[column].begin(), expected[column].end()));
}

TEST(RocksDb, keeps_what_was_written_over_reopening) {
    const TestDirectory directory;
    for (int i = 0; i < 3; ++i) {
        const auto store = *open_rocksdb(directory / "db");
        EXPECT_EQ(scanned(*store, Column::meta, "", "").size(), static_cast<std::size_t>(i));
        put(*store, Column::meta, std::to_string(i), "value");
    }
}

TEST(RocksDb, is_locked_for_another_process_and_for_this_one) {
    const TestDirectory directory;
    const auto store = *open_rocksdb(directory / "db");
    const auto again = open_rocksdb(directory / "db");
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, error::StorageLocked);
    EXPECT_EQ(in_child([&] {
                  const auto other = open_rocksdb(directory / "db");
                  return !other && other.error().code == error::StorageLocked ? 7 : 1;
              }),
              7);
}

TEST(RocksDb, names_the_path_that_cannot_be_opened) {
    const TestDirectory directory;
    std::ofstream(directory / "file") << "x";
    for (const auto& path : {directory / "file", directory / "absent/db"}) {
        const auto store = open_rocksdb(path);
        ASSERT_FALSE(store);
        EXPECT_EQ(store.error().code, error::StorageOpen) << store.error().text();
        EXPECT_NE(store.error().detail.find(path), std::string::npos);
    }
}

TEST(RocksDb, reports_damage_before_the_end_of_its_log) {
    const TestDirectory directory;
    {
        const auto store = *open_rocksdb(directory / "db");
        for (int i = 0; i < 100; ++i) put(*store, Column::meta, std::to_string(i), std::string(1000, 'x'), true);
    }
    for (const auto& entry : std::filesystem::directory_iterator(directory / "db"))
        if (entry.path().extension() == ".log" && entry.file_size() > 50'000) flip_byte(entry.path(), 20'000);
    const auto store = open_rocksdb(directory / "db");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, error::StorageCorrupt) << store.error().text();
}

TEST(RocksDb, reports_a_full_disk_and_keeps_what_was_acknowledged) {
    const TestDirectory directory;
    const auto path = directory / "db";
    const int acknowledged = in_child([&] {
        // Files of this process cannot grow beyond the limit: what a full disk or quota looks like from inside.
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{100'000, 100'000};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        const auto store = open_rocksdb(path);
        if (!store) return 255;
        for (int i = 0; i < 200; ++i) {
            WriteBatch batch;
            batch.put(Column::meta, as_bytes(std::to_string(i)), Bytes(1000));
            if (const auto status = (*store)->write(batch, true); !status)
                return status.error().code == error::StorageFull ? i : 254;
        }
        return 253;
    });
    ASSERT_GT(acknowledged, 10);
    ASSERT_LT(acknowledged, 200);
    const auto store = *open_rocksdb(path);
    for (int i = 0; i < acknowledged; ++i)
        EXPECT_TRUE((*store->get(Column::meta, as_bytes(std::to_string(i)))).has_value());
}

} // namespace cairn::storage
