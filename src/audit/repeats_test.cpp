#include "audit/repeats.hpp"

#include "audit/test_log.hpp"
#include "storage/faulty_files.hpp"

namespace cairn::audit {
namespace {

TEST(Repeats, a_flood_is_one_event_and_a_number) {
    storage::TestDirectory directory;
    TestSealer sealer;
    TestClock clock;
    auto opened = open_trail(storage::posix_file_system(), test_config(directory / "audit"), sealer, clock);
    ASSERT_TRUE(opened);
    Repeats repeats{*opened->trail};
    for (int i = 0; i < 10'000; ++i)
        repeats.note({.subject = "unknown",
                      .origin = "client 10.0.0.1",
                      .object = "rpc",
                      .action = "rpc.refused",
                      .outcome = Outcome::refused,
                      .reason = "no token"});
    // Any number of sources: bounded all the same.
    for (int i = 0; i < 5'000; ++i)
        repeats.note({.subject = "unknown",
                      .origin = "peer 10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                      .object = "peer",
                      .action = "peer.refused",
                      .outcome = Outcome::refused});
    repeats.tick();
    repeats.tick(); // nothing new
    opened->trail.reset();
    std::uint64_t of_client = 0, of_peers = 0;
    std::string last;
    const auto report = verify_log(storage::posix_file_system(), directory / "audit", {}, [&](const Event& event) {
        if (event.action == "rpc.refused") {
            ++of_client;
            last = event.reason;
        } else
            ++of_peers;
    });
    ASSERT_TRUE(report);
    EXPECT_EQ(of_client, 2u);
    EXPECT_EQ(last, "no token (and 9999 more times)");
    EXPECT_EQ(of_peers, kRepeatKeysMax - 1 + 2); // and all others: first, and number
}

} // namespace
} // namespace cairn::audit
