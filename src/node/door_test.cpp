#include "node/door.hpp"

#include "consensus/test_core.hpp"

namespace cairn::node {
namespace {

using namespace consensus;

constexpr ValidatorIndex kFormer{3};
constexpr Microseconds kNow{5'000'000};

/// A chain of one validator, of which a former validator may know the first half.
class DoorTest : public ::testing::Test {
protected:
    DoorTest() : door_(stored_, [this](const Outgoing& message) { sent_.push_back(message); }) {
        const Consortium consortium{1};
        Member member{consortium, 0};
        member.step();
        std::vector<FinalizedBlockPtr> blocks;
        for (std::uint8_t i = 1; i <= 6; ++i) {
            step_alone(member, batch(i), blocks);
            live_alone(member, Microseconds{700'000}, blocks);
        }
        for (const auto& block : blocks) stored_.blocks[block->block.height] = block;
        end_ = Height{stored_.tip().value / 2};
        door_.seat(kFormer.value, {{{"gone", "Org", {}, "127.0.0.1:1"}, Epoch{4}, end_}});
    }
    void ask(MessageType type, const Bytes& payload, Microseconds now = kNow, ValidatorIndex from = kFormer) {
        door_.receive(from, static_cast<std::uint8_t>(type), payload, now);
    }
    std::vector<Outgoing> take() { return std::exchange(sent_, {}); }

    Stored stored_;
    Height end_;
    std::vector<Outgoing> sent_;
    Door door_;
};

TEST_F(DoorTest, tells_that_the_epoch_is_over_and_serves_the_blocks_that_prove_it) {
    ASSERT_GE(end_.value, 2u);
    door_.greet(kFormer, kNow);
    auto out = take();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out.front().to, kFormer);
    const auto status = decode_status(*out.front().payload);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->epoch, Epoch{5});
    EXPECT_EQ(status->finalized, end_);

    ask(MessageType::fetch_blocks, encode_fetch_range({1, 64}));
    out = take();
    ASSERT_EQ(out.size(), 1u);
    const auto answer = decode_blocks_answer(*out.front().payload);
    ASSERT_TRUE(answer);
    ASSERT_FALSE(answer->items.empty());
    EXPECT_EQ(answer->items.back().proposal->block().height, end_) << "up to the end and not beyond it";

    for (const auto& [height, block] : stored_.blocks) {
        if (block->batches.empty()) continue;
        ask(MessageType::fetch_batches, encode_fetch_batches({{{digest_of(block->batches[0].header), height, 0}}}));
        EXPECT_EQ(take().size(), height <= end_ ? 1u : 0u) << height.value;
    }
}

TEST_F(DoorTest, answers_nothing_else) {
    for (std::uint8_t type = 0; type < 64; ++type) {
        const auto message = static_cast<MessageType>(type);
        if (message == MessageType::status) continue;
        ask(message, {});
        ask(message, Bytes(100, 0xff));
        if (message != MessageType::fetch_blocks) ask(message, encode_fetch_range({1, 64}));
        door_.seat(kFormer.value, {{{"gone", "Org", {}, "127.0.0.1:1"}, Epoch{4}, end_}}); // a full budget
    }
    ask(MessageType::fetch_blocks, encode_fetch_range({end_.value + 1, end_.value + 64}));
    ask(MessageType::fetch_certificates,
        encode_fetch_certificates({FetchCertificates::Kind::executions, {1, end_.value}}));
    // Nobody else is answered through the door.
    ask(MessageType::fetch_blocks, encode_fetch_range({1, 64}), kNow, {2});
    ask(MessageType::fetch_blocks, encode_fetch_range({1, 64}), kNow, {4});
    EXPECT_TRUE(take().empty());
}

TEST_F(DoorTest, answers_a_flood_at_its_own_pace) {
    constexpr int kFlood = 10'000;
    for (int i = 0; i < kFlood; ++i) ask(MessageType::fetch_blocks, encode_fetch_range({1, 64}));
    EXPECT_EQ(take().size(), Door::kQuestions.burst);
    for (int i = 0; i < kFlood; ++i)
        ask(MessageType::fetch_blocks, encode_fetch_range({1, 64}), kNow + Microseconds{1'000'000});
    EXPECT_EQ(take().size(), Door::kQuestions.per_second);
}

TEST_F(DoorTest, reads_and_sends_no_more_bytes_than_its_budget) {
    // One body larger than the whole budget: it passes once, and then nothing does until the debt has flown in.
    auto block = std::make_shared<FinalizedBlock>(*stored_.blocks.at(Height{1}));
    ASSERT_EQ(block->certificate.statement.kind, ledger::VoteKind::finalize) << "or nothing would be answered";
    ledger::Batch big;
    big.body = std::make_shared<const Bytes>(Door::kBytes.burst + Door::kBytes.per_second);
    block->batches = {big};
    stored_.blocks[Height{1}] = block;
    const auto question = encode_fetch_range({1, 1});
    ask(MessageType::fetch_blocks, question);
    EXPECT_EQ(take().size(), 1u);
    for (int second = 1; second <= 8; ++second) {
        ask(MessageType::fetch_blocks, question, kNow + Microseconds{second * 1'000'000});
        EXPECT_TRUE(take().empty()) << second;
    }
}

} // namespace
} // namespace cairn::node
