// A writer process is killed at random moments; whatever it had acknowledged must be there afterwards.
#include "storage/key_value.hpp"
#include "storage/log.hpp"
#include "storage/test_directory.hpp"

#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <random>

namespace cairn::storage {
namespace {

/// Runs `writer` in a child, which reports each acknowledged number through the pipe, until `numbers` have come or the
/// child is gone; kills it a moment later. The last acknowledged number.
template <class Writer>
std::optional<std::uint64_t> last_acknowledged(std::uint64_t numbers, std::uint64_t pause_us, Writer writer) {
    int ends[2];
    if (::pipe(ends) != 0) return std::nullopt;
    const auto child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        writer([&](std::uint64_t number) {
            if (::write(ends[1], &number, sizeof number) != sizeof number) ::_exit(3);
        });
        ::_exit(4);
    }
    ::close(ends[1]);
    std::optional<std::uint64_t> last;
    const auto read_one = [&] {
        std::uint64_t number = 0;
        if (::read(ends[0], &number, sizeof number) != sizeof number) return false;
        last = number;
        return true;
    };
    for (std::uint64_t i = 0; i < numbers; ++i)
        if (!read_one()) break;
    ::usleep(static_cast<useconds_t>(pause_us));
    ::kill(child, SIGKILL);
    while (read_one()) {
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(ends[0]);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself, with " << WEXITSTATUS(status);
    return last;
}

Bytes numbered(std::uint64_t number) {
    Bytes out(8 + number % 3000);
    std::memcpy(out.data(), &number, 8);
    return out;
}

constexpr LogOptions kSmall{.segment_bytes_max = 64 << 10, .record_bytes_max = 4096};
constexpr int kLogKills = 50;
constexpr int kStoreKills = 20; // opening it takes longer

} // namespace

TEST(Killed, writer_of_a_log_loses_no_acknowledged_record) {
    const TestDirectory directory;
    std::mt19937_64 random{11};
    std::uint64_t acknowledged = 0;
    for (int kill = 0; kill < kLogKills; ++kill) {
        const auto last = last_acknowledged(random() % 40, random() % 3000, [&](const auto& acknowledge) {
            const auto log = open_segment_log(directory / "log", kSmall);
            if (!log) ::_exit(2);
            for (std::uint64_t next = acknowledged;;) {
                const auto group = 1 + next % 4;
                for (std::uint64_t i = 0; i < group; ++i)
                    if (!(*log)->append(numbered(next++))) ::_exit(2);
                if (!(*log)->sync()) ::_exit(2);
                acknowledge(next);
            }
        });
        if (last) acknowledged = *last;
        const auto log = open_segment_log(directory / "log", kSmall);
        ASSERT_TRUE(log) << log.error().text();
        std::uint64_t found = 0;
        ASSERT_TRUE((*log)->replay({}, [&](RecordPosition, BytesView record) {
            EXPECT_EQ(to_bytes(record), numbered(found));
            ++found;
            return true;
        }));
        ASSERT_GE(found, acknowledged);
        acknowledged = found; // the next writer goes on behind them
    }
    EXPECT_GT(acknowledged, 100u);
}

TEST(Killed, writer_of_a_store_loses_no_acknowledged_batch_and_halves_none) {
    const TestDirectory directory;
    std::mt19937_64 random{12};
    std::uint64_t acknowledged = 0;
    const auto key = [](std::uint64_t number) { return to_bytes(as_bytes(std::to_string(number))); };
    for (int kill = 0; kill < kStoreKills; ++kill) {
        const auto last = last_acknowledged(random() % 10, random() % 3000, [&](const auto& acknowledge) {
            const auto store = open_rocksdb(directory / "db");
            if (!store) ::_exit(2);
            for (std::uint64_t next = acknowledged;; acknowledge(++next)) {
                WriteBatch batch;
                batch.put(Column::accounts, key(next), numbered(next));
                batch.put(Column::history, key(next), numbered(next));
                if (!(*store)->write(batch, next % 2 == 0)) ::_exit(2);
            }
        });
        if (last) acknowledged = *last;
        const auto store = open_rocksdb(directory / "db");
        ASSERT_TRUE(store) << store.error().text();
        std::uint64_t found = 0;
        for (;; ++found) {
            const auto first = *(*store)->get(Column::accounts, key(found));
            const auto second = *(*store)->get(Column::history, key(found));
            ASSERT_EQ(first, second);
            if (!first) break;
            ASSERT_EQ(*first, numbered(found));
        }
        ASSERT_GE(found, acknowledged);
        acknowledged = found;
    }
    EXPECT_GT(acknowledged, 10u);
}

} // namespace cairn::storage
