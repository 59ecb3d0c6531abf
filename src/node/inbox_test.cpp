// The memory before the core: no peer can use up what the others need.
#include "node/inbox.hpp"

#include <gtest/gtest.h>

namespace cairn::node {
namespace {

consensus::Input message(std::uint16_t from) { return consensus::MessageReceived{{from}, 2, {}}; }
std::uint16_t sender_of(const std::optional<consensus::Input>& input) {
    return std::get<consensus::MessageReceived>(*input).from.value;
}

TEST(Inbox, flood_of_one_peer_leaves_room_for_the_votes_of_others) {
    Inbox inbox;
    std::size_t taken = 0;
    for (std::size_t i = 0; i < 2 * Inbox::kUrgentMax; ++i) taken += inbox.push_urgent(message(3), 0, {3}) ? 1 : 0;
    EXPECT_EQ(taken, Inbox::kUrgentMax / 2);
    for (std::uint16_t peer = 0; peer < 3; ++peer)
        for (int i = 0; i < 100; ++i) EXPECT_TRUE(inbox.push_urgent(message(peer), 0, {peer}));
    EXPECT_EQ(inbox.refused().at({3}), 2 * Inbox::kUrgentMax - taken);
    EXPECT_EQ(inbox.refused().size(), 1u);
}

TEST(Inbox, peers_take_turns) {
    Inbox inbox;
    for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(inbox.push_urgent(message(3), 0, {3}));
    ASSERT_TRUE(inbox.push_urgent(message(1), 0, {1}));
    (void)inbox.try_pop();
    EXPECT_EQ(sender_of(inbox.try_pop()), 1) << "second, not behind a thousand";
}

TEST(Inbox, bytes_are_limited_like_counts) {
    Inbox inbox;
    const std::size_t large = 8u << 20;
    std::size_t taken = 0;
    for (int i = 0; i < 20; ++i) taken += inbox.push_bulk(message(3), large, {3}) ? 1 : 0;
    EXPECT_EQ(taken, Inbox::kBytesMax / large / 2);
    EXPECT_TRUE(inbox.push_bulk(message(1), large, {1}));
    EXPECT_TRUE(inbox.push_urgent(message(3), large, {3})) << "votes have memory of their own";
}

TEST(Inbox, own_results_are_never_refused_and_come_first) {
    Inbox inbox;
    for (std::size_t i = 0; i < Inbox::kUrgentMax; ++i) (void)inbox.push_urgent(message(3), 0, {3});
    inbox.push_own(consensus::BlocksDurable{Height{5}});
    EXPECT_TRUE(std::holds_alternative<consensus::BlocksDurable>(*inbox.try_pop()));
}

TEST(Inbox, room_comes_back_when_inputs_are_taken) {
    Inbox inbox;
    while (inbox.push_bulk(message(3), 1u << 20, {3})) {
    }
    while (inbox.try_pop()) {
    }
    EXPECT_TRUE(inbox.push_bulk(message(3), 1u << 20, {3}));
}

} // namespace
} // namespace cairn::node
