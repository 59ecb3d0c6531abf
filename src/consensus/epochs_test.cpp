// Single steps of the core where an epoch ends and the next one begins (consensus.md section 8).
#include "base/errors/consensus.hpp"
#include "consensus/test_core.hpp"

#include "consensus/log.hpp"

namespace cairn::consensus {
namespace {

Hash256 hash_byte(std::uint8_t byte) {
    Hash256 out;
    out[0] = byte;
    return out;
}

/// What a lone validator says of its state: from `from` on it asks for the set with this hash.
void live_alone_until_the_end(Member& member, const Hash256& next, Height from, std::vector<FinalizedBlockPtr>& out) {
    for (int i = 0; i < 5'000 && !member.core->status().ended; ++i) {
        std::deque<Input> inputs{Tick{}};
        for (; !inputs.empty(); inputs.pop_front())
            for (const auto& block : member.step(inputs.front()).finalized) {
                out.push_back(block);
                const auto height = block->block.height;
                inputs.push_back(BlocksDurable{height});
                ExecutionFinished done{height, hash_byte(static_cast<std::uint8_t>(height.value))};
                if (height >= from) done.next_validators = next;
                inputs.push_back(done);
            }
    }
}

TEST(Epoch, ends_with_a_block_without_data_once_a_certified_state_asks_for_another_set) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    member.step(batch(1));
    const auto next = hash_byte(0x77);
    std::vector<FinalizedBlockPtr> blocks;
    live_alone_until_the_end(member, next, Height{1}, blocks);
    ASSERT_GE(blocks.size(), 2u);
    const auto& last = *blocks.back();
    EXPECT_EQ(last.block.next_validators, next);
    EXPECT_EQ(last.block.cut, blocks[blocks.size() - 2]->block.cut);
    EXPECT_GE(last.block.executed.height, Height{1});
    for (std::size_t i = 0; i + 1 < blocks.size(); ++i) EXPECT_FALSE(blocks[i]->block.next_validators);

    // Then there is nothing more in this epoch, and no room for data.
    EXPECT_EQ(member.core->lane_room().batches, 0u);
    EXPECT_TRUE(member.step(batch(2)).batch_refused);
    for (int i = 0; i < 3'000; ++i) EXPECT_TRUE(member.step().finalized.empty());
}

TEST(Epoch, next_one_begins_in_the_same_log_on_top_of_the_last_block_with_empty_lanes) {
    Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    member.step(batch(1));
    Consortium second{1};
    second.set.epoch = Epoch{1};
    std::vector<FinalizedBlockPtr> blocks;
    live_alone_until_the_end(member, hash_of(second.set), Height{1}, blocks);
    ASSERT_TRUE(member.core->status().ended);
    const auto& last = *blocks.back();
    Stored history;
    for (const auto& block : blocks) history.blocks[block->block.height] = block;

    auto config = second.config(0);
    config.start = {last.block.height, last.digest, hash_byte(static_cast<std::uint8_t>(last.block.height.value)),
                    last.block.timestamp_ms};
    const auto begin = [&](std::vector<SharedBytes> log, const Stored& stored) {
        Member out{consortium, 0};
        out.history = stored;
        out.log = std::move(log);
        out.core = std::make_unique<Core>(config, second.signers[0], out.history);
        std::vector<BytesView> views;
        for (const auto& record : out.log) views.push_back(*record);
        const auto status = out.core->recover(views, Memory::complete);
        EXPECT_TRUE(status) << status.error().text();
        return out;
    };
    auto next = begin(member.log, history);
    EXPECT_EQ(next.core->status().view, View{1});
    EXPECT_FALSE(next.core->status().abstaining) << "a whole log without this epoch: nothing of it was ever signed";
    const auto first = next.step(ExecutionFinished{last.block.height, config.start.header_hash});
    ASSERT_FALSE(first.records.empty());
    EXPECT_TRUE(first.sync);
    EXPECT_EQ(std::get<Identity>(*decode_record(*first.records.front())).epoch, Epoch{1});
    EXPECT_EQ(next.core->lane_room().next, Position{1});

    std::vector<FinalizedBlockPtr> more;
    step_alone(next, batch(2), more);
    live_alone(next, Microseconds{2'000'000}, more);
    ASSERT_FALSE(more.empty());
    EXPECT_EQ(more.front()->block.parent, last.digest);
    EXPECT_EQ(more.front()->block.height, last.block.height.next());
    EXPECT_EQ(more.front()->block.epoch, Epoch{1});
    EXPECT_EQ(more.front()->block.executed.height, last.block.height);

    // After a crash the records of both epochs are there, and those of the first count for nothing.
    auto stored = history;
    for (const auto& block : more) stored.blocks[block->block.height] = block;
    const auto again = begin(next.log, stored);
    EXPECT_EQ(again.core->status().finalized, more.back()->block.height);
    EXPECT_FALSE(again.core->status().abstaining);
}

/// A proposal of validator 1 for view 1 on top of genesis, as a liar may make it.
ProposalPtr first_block(const Consortium& consortium, std::optional<Hash256> next, bool data = false) {
    const auto config = consortium.config(0);
    ledger::ConsensusBlock block;
    block.view = View{1};
    block.height = Height{1};
    block.parent = config.start.digest;
    block.cut.resize(consortium.set.size());
    if (data) block.cut[1] = {Position{1}, hash_byte(9)};
    block.executed = {Height{0}, config.start.header_hash};
    block.timestamp_ms = 1'700'000'000'000;
    block.leader = {1};
    block.next_validators = next;
    const auto signature = consortium.signers[1].sign_proposal(block).value();
    return make_proposal({block, signature}, std::nullopt, {}, std::nullopt);
}

bool notarizes(const Actions& actions) {
    return std::ranges::any_of(
        votes_of(actions), [](const ledger::Vote& vote) { return vote.statement.kind == ledger::VoteKind::notarize; });
}

TEST(Epoch, last_block_is_voted_for_only_with_the_set_that_the_own_state_asks_for) {
    const Consortium consortium{4};
    const auto wanted = hash_byte(1), other = hash_byte(2);
    const auto offered = [&](const ProposalPtr& proposal, std::optional<std::optional<Hash256>> asked) {
        Member member{consortium, 0};
        member.step();
        if (asked) member.step(ExecutionFinished{Height{0}, {}, *asked});
        return member.receive(1, MessageType::proposal, *proposal->encoded);
    };
    EXPECT_TRUE(notarizes(offered(first_block(consortium, wanted), wanted)));

    const auto refused = [](const Actions& actions) {
        return !notarizes(actions) && !actions.reports.empty() &&
               actions.reports.front().error.code == error::PeerMisbehaves;
    };
    EXPECT_TRUE(refused(offered(first_block(consortium, other), wanted)));
    EXPECT_TRUE(refused(offered(first_block(consortium, wanted, true), wanted))) << "with data";
    EXPECT_TRUE(refused(offered(first_block(consortium, wanted), std::optional<Hash256>{}))) << "nothing is asked for";

    // Who has not executed so far cannot know, and waits; so does a block that should have been the last.
    const auto early = offered(first_block(consortium, wanted), std::nullopt);
    EXPECT_FALSE(notarizes(early));
    EXPECT_TRUE(early.reports.empty());
    const auto ordinary = offered(first_block(consortium, std::nullopt), wanted);
    EXPECT_FALSE(notarizes(ordinary));
    EXPECT_TRUE(ordinary.reports.empty());
}

TEST(Epoch, last_block_is_voted_for_again_in_the_views_above_it_and_any_of_them_may_finalize_it) {
    const Consortium consortium{4};
    const auto wanted = hash_byte(1);
    Member member{consortium, 0};
    member.step();
    member.step(ExecutionFinished{Height{0}, {}, wanted});
    const auto last = first_block(consortium, wanted);
    member.receive(1, MessageType::proposal, *last->encoded);
    // Notarized: the next view is entered, and there the same block is voted for without a proposal.
    auto actions =
        member.receive(1, MessageType::certificate,
                       encode_certificate_message(consortium.certificate(ledger::VoteKind::notarize, 1, last->digest)));
    EXPECT_EQ(member.core->status().view, View{2});
    bool again = false;
    for (const auto& vote : votes_of(actions))
        again |= vote.statement.kind == ledger::VoteKind::notarize && vote.statement.number == 2 &&
                 vote.statement.digest == last->digest;
    EXPECT_TRUE(again);

    actions =
        member.receive(1, MessageType::certificate,
                       encode_certificate_message(consortium.certificate(ledger::VoteKind::finalize, 2, last->digest)));
    ASSERT_EQ(actions.finalized.size(), 1u);
    EXPECT_EQ(actions.finalized.front()->certificate.statement.number, 2u);
    EXPECT_TRUE(member.core->status().ended);

    // Who lacks it gets it with that certificate.
    Member late{consortium, 2};
    late.step();
    PeerStatus ahead;
    ahead.epoch = Epoch{1};
    ahead.finalized = Height{7};
    actions = late.receive(0, MessageType::status, encode_status(ahead));
    ASSERT_TRUE(sends(actions, MessageType::fetch_blocks));
    BlocksAnswer answer;
    answer.items.push_back({last,
                            actions.finalized.empty()
                                ? consortium.certificate(ledger::VoteKind::finalize, 2, last->digest)
                                : ledger::Certificate{},
                            std::nullopt});
    actions = late.receive(0, MessageType::blocks, encode_blocks_answer(answer));
    EXPECT_EQ(actions.finalized.size(), 1u);
    EXPECT_TRUE(late.core->status().ended);
}

TEST(Epoch, messages_of_other_epochs_are_passed_over_without_a_word) {
    const Consortium consortium{4};
    Consortium later{4};
    later.set.epoch = Epoch{3};
    Member member{consortium, 0};
    member.step();
    for (int i = 0; i < 40; ++i) {
        const auto vote = later.vote(1, ledger::VoteKind::notarize, 1, hash_byte(1));
        EXPECT_TRUE(member.receive(1, MessageType::vote, encode_vote(vote)).reports.empty());
        const auto certificate = later.certificate(ledger::VoteKind::finalize, 5, hash_byte(1));
        EXPECT_TRUE(
            member.receive(1, MessageType::certificate, encode_certificate_message(certificate)).reports.empty());
    }
    EXPECT_EQ(member.core->status().view, View{1});
    EXPECT_EQ(member.core->status().finalized, Height{0});
}

TEST(Epoch, who_is_not_of_the_set_follows_and_signs_nothing) {
    const Consortium consortium{4};
    Member follower{consortium, 3}; // its signer is never asked
    auto config = consortium.config(4);
    follower.core = std::make_unique<Core>(config, consortium.signers[3], follower.history);
    ASSERT_TRUE(follower.core->recover({}, Memory::fresh));
    follower.step();
    EXPECT_TRUE(follower.core->status().abstaining);
    EXPECT_TRUE(follower.step(batch(1)).batch_refused);
    const auto block = first_block(consortium, std::nullopt);
    auto actions = follower.receive(1, MessageType::proposal, *block->encoded);
    EXPECT_TRUE(votes_of(actions).empty());
    actions = follower.receive(
        1, MessageType::certificate,
        encode_certificate_message(consortium.certificate(ledger::VoteKind::finalize, 1, block->digest)));
    EXPECT_EQ(actions.finalized.size(), 1u);
    EXPECT_TRUE(votes_of(follower.step(ExecutionFinished{Height{1}, hash_byte(5)})).empty());
}

} // namespace
} // namespace cairn::consensus
