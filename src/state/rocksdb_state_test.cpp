// The state store on the real key-value store: reopening, and a writer that is killed at random moments.
#include "state/random_history.hpp"
#include "state/state_store.hpp"
#include "storage/test_directory.hpp"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace cairn::state {
namespace {

constexpr std::uint64_t kSeed = 5;
constexpr StateOptions kOptions{.history_blocks = 12};

/// Block `height` of the one history that all writers follow.
ledger::StateDiff block(std::uint64_t height, const ledger::StateView& before) {
    return RandomHistory{kSeed + height}.next(before);
}

/// Commits blocks for ever.
[[noreturn]] void write_blocks(const std::string& path) {
    const auto store = storage::open_rocksdb(path);
    if (!store) ::_exit(2);
    const auto state = open_state(**store, kOptions);
    if (!state) ::_exit(3);
    if (!(*state)->is_initialised() && !(*state)->initialise(block(0, MemoryState{}))) ::_exit(4);
    for (;;)
        if (!(*state)->commit(block((*state)->height().value + 1, *(*state)->latest()))) ::_exit(5);
}

} // namespace

TEST(RocksDbState, is_that_of_a_whole_block_after_every_kill) {
    const storage::TestDirectory directory;
    std::mt19937_64 random{kSeed};
    std::vector<MemoryState> expected(1);
    expected[0].apply(block(0, MemoryState{}));
    std::uint64_t last = 0;
    for (int kill = 0; kill < 12; ++kill) {
        const auto child = ::fork();
        if (child == 0) write_blocks(directory / "db");
        ::usleep(static_cast<useconds_t>(50'000 + random() % 250'000));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself, with " << WEXITSTATUS(status);

        const auto store = storage::open_rocksdb(directory / "db");
        ASSERT_TRUE(store) << store.error().text();
        const auto state = open_state(**store, kOptions);
        ASSERT_TRUE(state) << state.error().text();
        if (!(*state)->is_initialised()) continue;
        const auto head = (*state)->height().value;
        ASSERT_GE(head, last);
        last = head;
        while (expected.size() <= head) {
            auto next = expected.back();
            next.apply(block(expected.size(), expected.back()));
            expected.push_back(std::move(next));
        }
        for (auto height = head - std::min<std::uint64_t>(head, 12); height <= head; ++height) {
            const auto view = (*state)->at(Height{height});
            ASSERT_TRUE(view) << view.error().text();
            const RandomHistory names{0};
            for (std::size_t a = 0; a < names.addresses(); ++a) {
                const auto who = names.address(a);
                ASSERT_EQ((*view)->account(who), expected[height].account(who));
                for (std::size_t s = 0; s < names.slots(); ++s)
                    ASSERT_EQ((*view)->storage(who, names.slot(s)), expected[height].storage(who, names.slot(s)));
            }
        }
        ASSERT_EQ((*state)->root(), expected[head].root());
    }
    EXPECT_GT(last, 20u);
}

} // namespace cairn::state
