// Another epoch begins: who stays, who leaves, who comes as a former validator.
#include "base/errors/network.hpp"
#include "network/test_network.hpp"

namespace cairn::network {
namespace {

using namespace testing;

NetworkTuning quick() {
    NetworkTuning tuning;
    tuning.redial_min = Milliseconds(5);
    tuning.redial_max = Milliseconds(50);
    tuning.ping_interval = Milliseconds(100);
    tuning.call_after = Milliseconds(50);
    return tuning;
}

/// Without `left`, as `self` sees it.
Seating without(const Consortium& consortium, std::uint16_t left, std::uint16_t self) {
    Seating out;
    out.validators.epoch = Epoch{1};
    for (std::uint16_t i = 0; i < Consortium::kNodes; ++i) {
        const auto& member = consortium.genesis().validators.members[i];
        if (i == left) {
            out.former.push_back(member);
        } else {
            if (i == self) out.self = {static_cast<std::uint16_t>(out.validators.members.size())};
            out.validators.members.push_back(member);
        }
    }
    return out;
}

bool got(const Node& node, std::uint8_t type, std::uint16_t from) {
    return eventually([&] {
        return std::ranges::any_of(node.received(), [&](const Node::Received& one) {
            return one.frame.type == type && one.from.value == from;
        });
    });
}

TEST(Seating, connections_of_those_who_stay_survive_and_who_left_is_a_visitor) {
    const Consortium consortium;
    auto nodes = start_all(consortium, quick());
    ASSERT_TRUE(all_connected(nodes));
    std::uint64_t accepted = 0;
    for (const auto& node : nodes) accepted += node->network().counters().accepted;

    // The first one leaves, so that every index changes.
    for (std::uint16_t i = 1; i < Consortium::kNodes; ++i) {
        bool seated = false;
        ASSERT_TRUE(nodes[i]->network().seat(without(consortium, 0, i), [&] { seated = true; }));
        EXPECT_TRUE(seated);
    }
    for (std::uint16_t i = 1; i < Consortium::kNodes; ++i) {
        const auto peers = nodes[i]->network().peers();
        ASSERT_EQ(peers.size(), 2u);
        for (const auto& peer : peers) {
            EXPECT_TRUE(peer.connected) << peer.name;
            EXPECT_EQ(peer.name, consortium.genesis().validators.members[peer.index.value + 1u].name);
        }
        EXPECT_EQ(nodes[i]->disconnects(), 0);
        EXPECT_EQ(nodes[i]->network().visitors(), std::vector<ValidatorIndex>{{3}}) << "it is told before it is cut";
    }
    nodes[1]->network().send({1}, Stream::data, frame_of(41, {1}));
    EXPECT_TRUE(got(*nodes[2], 41, 0));
    nodes[3]->network().broadcast(Stream::consensus, frame_of(42, {1}));
    EXPECT_TRUE(got(*nodes[1], 42, 2));
    EXPECT_TRUE(got(*nodes[2], 42, 2));
    nodes[3]->network().send({3}, Stream::sync, frame_of(43, {1}));
    EXPECT_TRUE(got(*nodes[0], 43, 3)) << "who left still has the old indices";
    for (const auto& one : nodes[0]->received()) EXPECT_NE(one.frame.type, 42) << "what all are told is not for it";
    std::uint64_t after = 0;
    for (const auto& node : nodes) after += node->network().counters().accepted;
    EXPECT_EQ(after, accepted) << "nobody had to come again";
}

TEST(Seating, a_former_validator_that_comes_back_is_heard_as_a_visitor) {
    const Consortium consortium;
    Node first(consortium, 0, {}, quick());
    ASSERT_TRUE(first.network().seat(without(consortium, 3, 0), {}));
    // It is of the last name: in its epoch all others dial it. None does any more, so it calls.
    Node away(consortium, 3, {{ValidatorIndex{0}, first.address()}}, quick());
    ASSERT_TRUE(eventually([&] { return away.connected_to(0); }));
    EXPECT_EQ(first.network().counters().visits, 1u);
    EXPECT_EQ(first.network().visitors(), std::vector<ValidatorIndex>{{3}});
    away.network().send({0}, Stream::consensus, frame_of(7, {1}));
    EXPECT_TRUE(got(first, 7, 3));
}

TEST(Seating, a_visit_ends_and_the_next_begins_after_as_long_a_pause) {
    const Consortium consortium;
    auto tuning = quick();
    tuning.visit_max = Milliseconds(400);
    Node first(consortium, 0, {}, tuning);
    ASSERT_TRUE(first.network().seat(without(consortium, 3, 0), {}));
    const auto before = system_clock().monotonic();
    Node away(consortium, 3, {{ValidatorIndex{0}, first.address()}}, tuning);
    // It calls again all the time; on a slow machine not in every pause.
    const auto counters = [&] { return first.network().counters(); };
    ASSERT_TRUE(eventually([&] { return counters().visits >= 2; }));
    EXPECT_GE(system_clock().monotonic() - before, 2 * tuning.visit_max);
    EXPECT_GE(first.disconnects(), 1);
    EXPECT_TRUE(eventually([&] { return counters().visits_refused > 0; }));
}

TEST(Seating, no_more_former_validators_than_allowed_come_at_once_and_a_foreign_ca_makes_none) {
    const Consortium consortium;
    auto tuning = quick();
    tuning.visits_max = 1;
    Node last(consortium, 3, {}, tuning);
    Seating alone;
    alone.validators.members = {consortium.genesis().validators.members[3]};
    for (std::uint16_t i = 0; i < 3; ++i) alone.former.push_back(consortium.genesis().validators.members[i]);
    ASSERT_TRUE(last.network().seat(alone, {}));

    TlsClient foreign(last.port(), consortium.certificate(4, 0));
    EXPECT_FALSE(foreign.handshaken() && foreign.say_hello(consortium, Stream::sync));
    TlsClient one(last.port(), consortium.certificate(0, 0));
    ASSERT_TRUE(one.say_hello(consortium, Stream::sync));
    TlsClient other(last.port(), consortium.certificate(1, 1));
    EXPECT_FALSE(other.say_hello(consortium, Stream::sync));
    EXPECT_TRUE(eventually([&] { return last.network().counters().visits_refused == 1; }));
    // What it sends faster than it may is read late, not kept.
    const Bytes junk(64u << 10);
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(one.send_frame(FrameKind::message, 6, junk));
    std::this_thread::sleep_for(std::chrono::seconds(1));
    EXPECT_LT(last.received_count(), 12u);
}

TEST(Seating, own_certificate_that_is_of_no_seat_changes_nothing) {
    const Consortium consortium;
    Node node(consortium, 0, {}, quick());
    auto wrong = without(consortium, 3, 0);
    wrong.self = {1};
    const auto status = node.network().seat(wrong, [] { FAIL() << "nothing is seated"; });
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, error::CertificateForeign);
    EXPECT_EQ(node.network().peers().size(), 3u);
}

} // namespace
} // namespace cairn::network
