// Single steps of the core, with real signatures. Whole networks are tested by the simulator.
#include "base/errors/consensus.hpp"
#include "consensus/lane_level.hpp"
#include "consensus/test_core.hpp"

#include "consensus/log.hpp"

namespace cairn::consensus {
namespace {

TEST(Core, single_validator_finalizes_alone) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    auto actions = member.step(batch(1));
    for (int i = 0; i < 200 && actions.finalized.empty(); ++i) actions = member.step();
    ASSERT_EQ(actions.finalized.size(), 1u);
    const auto& block = *actions.finalized.front();
    EXPECT_EQ(block.block.height, Height{1});
    ASSERT_EQ(block.batches.size(), 1u);
    EXPECT_EQ(block.batches.front().header.transaction_count, 1u);
    EXPECT_TRUE(ledger::verify_certificate(kChain, consortium.set, block.certificate));
    Hash256 result;
    result[0] = 7;
    actions = member.step(ExecutionFinished{Height{1}, result});
    ASSERT_EQ(actions.execution_certificates.size(), 1u);
    EXPECT_EQ(actions.execution_certificates.front().statement.digest, result);
}

TEST(Core, two_empty_blocks_follow_the_last_data_and_then_silence) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    std::vector<FinalizedBlockPtr> blocks;
    live_alone(member, Microseconds{3'000'000}, blocks);
    EXPECT_TRUE(blocks.empty()) << "genesis is not data";
    step_alone(member, batch(1), blocks);
    live_alone(member, Microseconds{400'000}, blocks);
    ASSERT_EQ(blocks.size(), 1u);
    const auto begin = member.now;
    while (blocks.size() < 2 && member.now < begin + Microseconds{1'000'000})
        live_alone(member, Microseconds{1'000}, blocks);
    ASSERT_EQ(blocks.size(), 2u);
    const auto second = member.now;
    live_alone(member, Microseconds{450'000}, blocks);
    EXPECT_EQ(blocks.size(), 2u) << "too soon after its parent";
    while (blocks.size() < 3 && member.now < second + Microseconds{1'000'000})
        live_alone(member, Microseconds{1'000}, blocks);
    live_alone(member, Microseconds{10'000'000}, blocks);
    ASSERT_EQ(blocks.size(), 3u);
    for (std::size_t i = 1; i < 3; ++i) {
        EXPECT_EQ(blocks[i]->block.cut, blocks[0]->block.cut);
        EXPECT_TRUE(blocks[i]->batches.empty());
    }

    step_alone(member, batch(2), blocks);
    live_alone(member, Microseconds{10'000'000}, blocks);
    EXPECT_EQ(blocks.size(), 6u) << "one with data, two without";
}

TEST(Core, restarted_validator_goes_on_counting_empty_blocks_where_the_stored_chain_ends) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    std::vector<FinalizedBlockPtr> blocks;
    Stored history;
    for (std::size_t known = 0; known < 3; ++known) {
        if (known == 0) step_alone(member, batch(1), blocks);
        while (blocks.size() == known && member.now < Microseconds{10'000'000}) step_alone(member, Tick{}, blocks);
        ASSERT_EQ(blocks.size(), known + 1);
        history.blocks[blocks.back()->block.height] = blocks.back();
        Member again{consortium, 0, Memory::complete, member.log, history};
        EXPECT_EQ(again.core->status().finalized.value, known + 1);
        std::vector<FinalizedBlockPtr> more;
        live_alone(again, Microseconds{5'000'000}, more);
        EXPECT_EQ(more.size(), 3 - blocks.size());
    }
}

TEST(Core, another_result_for_the_same_height_halts) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    auto actions = member.step(batch(1));
    for (int i = 0; i < 200 && actions.finalized.empty(); ++i) actions = member.step();
    Hash256 result;
    member.step(ExecutionFinished{Height{1}, result});
    result[0] = 1;
    actions = member.step(ExecutionFinished{Height{1}, result});
    ASSERT_TRUE(actions.halt);
    EXPECT_EQ(actions.halt->code, error::VoteContradicts);
}

TEST(Core, result_that_differs_from_the_certified_one_halts) {
    const Consortium consortium{4};
    // Build one final block by hand: the leader's proposal, and a quorum's finalization.
    Member leader{consortium, 1};
    leader.step();
    auto actions = leader.step(batch(1));
    ProposalPtr proposal;
    for (int i = 0; i < 200 && !proposal; ++i) {
        for (const auto& message : actions.messages)
            if (static_cast<MessageType>(message.type) == MessageType::proposal)
                proposal = *decode_proposal(message.payload);
        if (!proposal) actions = leader.step();
    }
    ASSERT_TRUE(proposal);
    actions = leader.receive(
        0, MessageType::certificate,
        encode_certificate_message(consortium.certificate(ledger::VoteKind::finalize, 1, proposal->digest)));
    ASSERT_EQ(actions.finalized.size(), 1u);
    Hash256 theirs, own;
    theirs[0] = 1;
    own[0] = 2;
    leader.receive(0, MessageType::certificate,
                   encode_certificate_message(consortium.certificate(ledger::VoteKind::execution, 1, theirs)));
    actions = leader.step(ExecutionFinished{Height{1}, own});
    ASSERT_TRUE(actions.halt);
    EXPECT_EQ(actions.halt->code, error::ResultDiffers);
}

TEST(Core, survives_a_quorum_that_finalizes_nothing_new) {
    // Found by fuzzing: a finalization of the block that is final already, in another view.
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    const auto genesis = consortium.config(0).start.digest;
    member.receive(1, MessageType::certificate,
                   encode_certificate_message(consortium.certificate(ledger::VoteKind::finalize, 2, genesis)));
    EXPECT_EQ(member.core->status().finalized, Height{0});
    EXPECT_EQ(member.core->status().view, View{3});
}

TEST(Core, vote_is_logged_in_the_step_that_sends_it) {
    const Consortium consortium{4};
    Member member{consortium, 1};
    member.step();
    const auto actions = member.step(batch(1));
    EXPECT_TRUE(actions.sync);
    ASSERT_TRUE(sends(actions, MessageType::batch));
    bool logged = false;
    for (const auto& record : actions.records)
        logged = logged || std::holds_alternative<BatchRecord>(*decode_record(*record));
    EXPECT_TRUE(logged);
}

TEST(Core, proof_of_a_batch_that_it_vouches_for_itself_is_not_checked) {
    const Consortium consortium{4};
    Member owner{consortium, 0}, voter{consortium, 1};
    owner.step();
    voter.step();
    const auto sent_by = [&](std::uint8_t tag) {
        const auto actions = owner.step(batch(tag));
        for (const auto& m : actions.messages)
            if (static_cast<MessageType>(m.type) == MessageType::batch) return *decode_batch_message(*m.payload);
        ADD_FAILURE() << "no batch";
        return BatchMessage{};
    };
    const auto first = sent_by(1), second = sent_by(2), third = sent_by(3);
    auto proof = consortium.certificate(ledger::VoteKind::lane, 1, digest_of(first.batch.header));
    proof.entries[1].signature = proof.entries[0].signature;
    const auto receive = [&](const BatchMessage& message, const ledger::Certificate& with) {
        return voter.receive(0, MessageType::batch, encode_batch_message(message.batch, with));
    };
    EXPECT_FALSE(receive(first, proof).reports.empty()) << "not its own yet: the proof is read before the batch";
    const auto lane_votes = [](const Actions& actions) {
        return std::ranges::count(votes_of(actions), ledger::VoteKind::lane,
                                  [](const auto& vote) { return vote.statement.kind; });
    };
    EXPECT_EQ(lane_votes(voter.receive(0, MessageType::batch, encode_batch_message(first.batch, {}))), 1);
    const auto actions = receive(second, proof);
    EXPECT_TRUE(actions.reports.empty());
    EXPECT_EQ(lane_votes(actions), 1);
    proof.statement.digest[0] ^= 1;
    EXPECT_FALSE(receive(third, proof).reports.empty()) << "of another batch at that position";
}

TEST(Core, lane_vote_is_given_to_one_batch_per_position_only) {
    const Consortium consortium{4};
    Member first{consortium, 0}, second{consortium, 0}, voter{consortium, 2};
    first.step();
    second.step();
    voter.step();
    const auto of = [](const Actions& actions) {
        for (const auto& message : actions.messages)
            if (static_cast<MessageType>(message.type) == MessageType::batch) return *message.payload;
        return Bytes{};
    };
    const auto a = of(first.step(batch(1))), b = of(second.step(batch(2)));
    auto votes = votes_of(voter.receive(0, MessageType::batch, a));
    ASSERT_EQ(votes.size(), 1u);
    EXPECT_EQ(votes.front().statement.kind, ledger::VoteKind::lane);
    const auto actions = voter.receive(0, MessageType::batch, b);
    EXPECT_TRUE(votes_of(actions).empty());
    ASSERT_EQ(actions.evidence.size(), 1u);
    EXPECT_EQ(actions.evidence.front().offender, ValidatorIndex{0});
    EXPECT_TRUE(proves_guilt(actions.evidence.front(), kChain, consortium.set, voting_verifier()));

    // Also after a restart.
    Member restarted{consortium, 2, Memory::complete, voter.log};
    restarted.step();
    EXPECT_TRUE(votes_of(restarted.receive(0, MessageType::batch, b)).empty());
    EXPECT_EQ(votes_of(restarted.receive(0, MessageType::batch, a)).size(), 1u);
}

TEST(Core, checkpoint_replaces_the_log_and_keeps_the_votes) {
    const Consortium consortium{4};
    Member owner{consortium, 0}, voter{consortium, 2};
    owner.step();
    voter.step();
    const auto actions = owner.step(batch(1));
    Bytes message;
    for (const auto& m : actions.messages)
        if (static_cast<MessageType>(m.type) == MessageType::batch) message = *m.payload;
    voter.receive(0, MessageType::batch, message);
    const auto checkpoint = voter.core->checkpoint();
    Member restarted{consortium, 2, Memory::complete, checkpoint};
    restarted.step();
    EXPECT_EQ(votes_of(restarted.receive(0, MessageType::batch, message)).size(), 1u);

    // A checkpoint that a crash cut off counts for nothing; what was there before still does.
    auto torn = voter.log;
    torn.insert(torn.end(), checkpoint.begin(), checkpoint.end() - 1);
    Member survivor{consortium, 2, Memory::complete, torn};
    survivor.step();
    EXPECT_EQ(votes_of(survivor.receive(0, MessageType::batch, message)).size(), 1u);
}

TEST(Core, log_of_another_validator_or_damaged_log_is_refused) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    ASSERT_FALSE(member.log.empty());
    const Stored history;
    const auto refused = [&](std::uint16_t self, const std::vector<Bytes>& records) {
        Core core{consortium.config(self), consortium.signers[self], history};
        std::vector<BytesView> views{records.begin(), records.end()};
        const auto status = core.recover(views, Memory::complete);
        return !status && status.error().code == error::LogInvalid;
    };
    const auto identity = *member.log.front();
    EXPECT_FALSE(refused(0, {identity}));
    EXPECT_TRUE(refused(1, {identity}));
    EXPECT_TRUE(refused(0, {Bytes{1}}));
    EXPECT_TRUE(refused(0, {identity, Bytes{1, 99}}));
    auto version = identity;
    version[0] = 2;
    EXPECT_TRUE(refused(0, {version}));
    EXPECT_TRUE(refused(0, {*record_entered({View{3}, View{0}})}));
}

/// What the owner of lane 0 sends for a batch.
ledger::Batch sent_batch(const Actions& actions) {
    for (const auto& message : actions.messages)
        if (static_cast<MessageType>(message.type) == MessageType::batch)
            return decode_batch_message(*message.payload)->batch;
    return {};
}

TEST(Core, invalid_transaction_in_a_signed_batch_is_evidence_that_others_accept) {
    const Consortium consortium{4};
    Member owner{consortium, 0}, member{consortium, 1}, other{consortium, 2};
    for (auto* each : {&owner, &member, &other}) each->step();
    const auto bad = sent_batch(owner.step(batch(1))); // four bytes are no transaction
    auto actions = member.step(InvalidInBatch{std::make_shared<const ledger::Batch>(bad), 0});
    ASSERT_EQ(actions.evidence.size(), 1u);
    const auto evidence = actions.evidence.front();
    EXPECT_EQ(evidence.offender, ValidatorIndex{0});
    EXPECT_EQ(kind_of(evidence), "an invalid transaction in a batch");
    EXPECT_TRUE(sends(actions, MessageType::evidence));
    EXPECT_EQ(decode_evidence(encode_evidence(evidence)), evidence);
    EXPECT_TRUE(
        member.step(InvalidInBatch{std::make_shared<const ledger::Batch>(bad), 0}).evidence.empty()); // once is enough
    EXPECT_EQ(other.receive(1, MessageType::evidence, encode_evidence(evidence)).evidence.size(), 1u);

    // Neither another's batch nor a place where there is nothing convicts.
    auto forged = evidence;
    forged.offender = {3};
    std::get<InvalidTransaction>(forged.proof).header.lane = {3};
    EXPECT_FALSE(proves_guilt(forged, kChain, consortium.set, voting_verifier()));
    forged = evidence;
    std::get<InvalidTransaction>(forged.proof).index = 1;
    EXPECT_FALSE(proves_guilt(forged, kChain, consortium.set, voting_verifier()));
    forged = evidence;
    std::get<InvalidTransaction>(forged.proof).body = std::make_shared<const Bytes>(ledger::encode_batch_body({}));
    EXPECT_FALSE(proves_guilt(forged, kChain, consortium.set, voting_verifier()));
}

TEST(Core, valid_transaction_convicts_nobody) {
    // The example of EIP-155.
    const auto raw =
        *from_hex("0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a0"
                  "28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a0"
                  "67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
    const Consortium consortium{4};
    Member owner{consortium, 0}, member{consortium, 1};
    owner.step();
    member.step();
    const auto good = sent_batch(owner.step(LocalBatch{{raw}, 21'000}));
    EXPECT_TRUE(member.step(InvalidInBatch{std::make_shared<const ledger::Batch>(good), 0}).evidence.empty());
}

TEST(Core, voted_rules_bind_from_their_height) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    member.step();
    const auto heavy = [] { return LocalBatch{{Bytes{1, 2, 3, 4}}, 600'000'000}; };
    EXPECT_TRUE(member.step(heavy()).batch_refused);
    member.step(RulesChanged{Height{1}, 700'000'000, Microseconds{10'000'000}});
    const auto actions = member.step(heavy());
    EXPECT_FALSE(actions.batch_refused);
    EXPECT_EQ(actions.finalized.size(), 1u); // genesis has no time to wait from
    // The next block waits for the voted interval, not for the one of genesis.
    auto next = member.step(LocalBatch{{Bytes{5, 6, 7, 8}}, 21'000});
    EXPECT_TRUE(next.finalized.empty());
    member.now += Microseconds{5'000'000};
    EXPECT_TRUE(member.step().finalized.empty());
    member.now += Microseconds{5'000'000};
    EXPECT_FALSE(member.step().finalized.empty());
}

/// The cut that validator 2 proposes in view 2, when lanes 1, 3 and 0 hold one batch each with so much gas of the 500 million.
ledger::Cut cut_of_a_leader_who_cannot_take_all(const Input& before) {
    const Consortium consortium{4};
    Member leader{consortium, 2};
    leader.step();
    leader.step(before);
    for (const auto& [lane, gas] : {std::pair{std::uint16_t{1}, 300'000'000u}, {3, 150'000'000u}, {0, 150'000'000u}}) {
        Member owner{consortium, lane};
        owner.step();
        for (const auto& message : owner.step(LocalBatch{{Bytes{1, 2, 3, 4}}, gas}).messages)
            if (static_cast<MessageType>(message.type) == MessageType::batch)
                leader.receive(lane, MessageType::batch, *message.payload);
    }
    const auto actions =
        leader.receive(1, MessageType::certificate,
                       encode_certificate_message(consortium.certificate(ledger::VoteKind::nullify, 1, {})));
    for (const auto& message : actions.messages)
        if (static_cast<MessageType>(message.type) == MessageType::proposal)
            return (*decode_proposal(message.payload))->block().cut;
    ADD_FAILURE() << "nothing was proposed";
    return ledger::Cut(4);
}

TEST(Core, leader_empties_short_lanes_before_a_long_one) {
    const auto cut = cut_of_a_leader_who_cannot_take_all(Tick{});
    EXPECT_EQ(cut[0].position, Position{1});
    EXPECT_EQ(cut[3].position, Position{1});
    EXPECT_EQ(cut[1].position, Position{0}) << "first in turn, but it asks for most";
}

TEST(Core, leader_weighs_lanes_by_the_shares_of_their_owners) {
    const auto weights = std::make_shared<const std::vector<std::uint64_t>>(std::vector<std::uint64_t>{1, 10, 1, 1});
    const auto cut =
        cut_of_a_leader_who_cannot_take_all(RulesChanged{Height{1}, 500'000'000, Microseconds{50'000}, weights});
    EXPECT_EQ(cut[1].position, Position{1});
    EXPECT_EQ(cut[0].position.value + cut[3].position.value, 1u) << "one of the others fits beside it";
}

TEST(Core, leader_waits_a_little_for_results_when_more_than_three_blocks_lack_theirs) {
    const Consortium consortium{1};
    Member member{consortium, 0};
    const auto wait = consortium.config(0).timing.delta / 2;
    member.step();
    for (std::uint8_t height = 1; height <= 3; ++height) {
        member.now += Microseconds{50'000};
        ASSERT_EQ(member.step(batch(height)).finalized.size(), 1u);
    }
    member.now += Microseconds{50'000};
    EXPECT_TRUE(member.step(batch(4)).finalized.empty());
    EXPECT_EQ(member.step(ExecutionFinished{Height{1}, {}}).finalized.size(), 1u) << "three lack theirs";
    member.now += Microseconds{50'000};
    auto actions = member.step(batch(5));
    EXPECT_TRUE(actions.finalized.empty());
    EXPECT_LE(actions.wake_at, member.now + wait);
    member.now += wait;
    EXPECT_EQ(member.step().finalized.size(), 1u) << "but not longer";
}

/// Four validators without a way between them, of which one has batches of 10 million gas and another of `other`; results come
/// `delay` after their blocks. After four seconds: the most batches of the first that a block of the last second had, and how
/// many transactions its next batch should have.
struct TwoLanes {
    std::size_t batches = 0;
    std::uint64_t transactions = 0;
};
TwoLanes lane_beside(std::uint64_t other, Microseconds delay) {
    const Consortium consortium{4};
    std::deque<Member> members;
    for (std::uint16_t i = 0; i < 4; ++i) members.emplace_back(consortium, i);
    std::multimap<Microseconds, std::pair<std::size_t, Input>> due;
    TwoLanes out;
    std::uint8_t tag = 0;
    const auto begin = members.front().now, end = begin + Microseconds{4'000'000};
    const auto act = [&](std::uint16_t self, Input input, Microseconds now) {
        auto& member = members[self];
        member.now = std::max(member.now, now);
        const auto actions = member.step(std::move(input));
        for (const auto& message : actions.messages)
            for (std::uint16_t to = 0; to < 4; ++to)
                if (to != self && (!message.to || message.to->value == to))
                    due.emplace(now, std::pair{to, MessageReceived{{self}, message.type, message.payload}});
        for (const auto& block : actions.finalized) {
            due.emplace(now, std::pair{self, BlocksDurable{block->block.height}});
            due.emplace(now + delay, std::pair{self, ExecutionFinished{block->block.height, {}}});
            const auto ours =
                std::ranges::count(block->batches, 0, [](const auto& one) { return one.header.lane.value; });
            if (now > end - Microseconds{1'000'000})
                out.batches = std::max(out.batches, static_cast<std::size_t>(ours));
        }
    };
    for (auto now = begin; now < end; now += Microseconds{25'000}) {
        for (std::uint16_t lane = 0; lane < 2; ++lane) {
            const auto room = members[lane].core->lane_room();
            if (room.batches == 0) continue;
            if (lane == 0) out.transactions = room.transactions;
            act(lane, LocalBatch{{Bytes{++tag, 1, 2, 3}}, lane == 0 ? 10'000'000 : other}, now);
        }
        for (std::uint16_t i = 0; i < 4; ++i) act(i, Tick{}, now);
        for (; !due.empty() && due.begin()->first <= now; due.erase(due.begin())) {
            const auto [to, input] = due.begin()->second;
            act(static_cast<std::uint16_t>(to), input, now);
        }
    }
    return out;
}

TEST(Core, leader_takes_no_more_of_a_long_lane_than_is_executed_in_time) {
    constexpr Microseconds kSoon{10'000}, kLate{700'000};
    const auto soon = lane_beside(100'000, kSoon);
    EXPECT_GE(soon.batches, 2u) << "what it makes in 50 ms";
    EXPECT_GT(soon.transactions, LaneLevel::kBatchMin);
    const auto late = lane_beside(100'000, kLate);
    EXPECT_EQ(late.batches, 1u);
    EXPECT_EQ(late.transactions, LaneLevel::kBatchMin);
    const auto alike = lane_beside(10'000'000, kLate);
    EXPECT_GE(alike.batches, 2u) << "nobody waits for another more than that one waits for him";
    EXPECT_EQ(alike.transactions, 2 * LaneLevel::kBatchMax) << "two lanes give";
}

TEST(Core, delta_follows_measured_round_trips_between_its_bounds) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    const auto number_of = [](const Actions& actions) -> std::uint64_t {
        for (const auto& message : actions.messages)
            if (static_cast<MessageType>(message.type) == MessageType::status)
                return decode_status(*message.payload)->number;
        return 0;
    };
    const auto round = [&](Microseconds way) {
        member.now += Microseconds{1'000'000};
        const auto number = number_of(member.step());
        EXPECT_NE(number, 0u);
        member.now += way;
        for (std::uint16_t peer = 1; peer < 3; ++peer) {
            PeerStatus status;
            status.view = View{1};
            status.lanes.resize(4);
            status.echoes.assign(4, {number, 0});
            member.receive(peer, MessageType::status, encode_status(status));
        }
        return member.core->status().delta;
    };
    member.step();
    EXPECT_EQ(member.core->status().delta, Timing{}.delta);
    EXPECT_EQ(round(Microseconds{1'000}), Timing{}.delta_min);
    EXPECT_GE(round(Microseconds{300'000}), Microseconds{600'000});
    EXPECT_LT(member.core->status().delta, Microseconds{620'000});
    EXPECT_EQ(round(Microseconds{30'000'000}), Timing{}.delta_max);
}

TEST(Core, lost_log_means_no_vote_until_a_quorum_has_shown_certificates) {
    const Consortium consortium{4};
    Member member{consortium, 3, Memory::lost};
    auto actions = member.step();
    EXPECT_TRUE(member.core->status().abstaining);
    EXPECT_EQ(member.core->lane_room().batches, 0u);
    PeerStatus status;
    status.view = View{8};
    status.lanes.resize(4);
    status.entry = consortium.certificate(ledger::VoteKind::nullify, 7, {});
    for (std::uint16_t peer = 0; peer < 3; ++peer) {
        for (int i = 0; i < 3; ++i) actions = member.receive(peer, MessageType::status, encode_status(status));
        EXPECT_TRUE(votes_of(actions).empty());
    }
    // Certified up to view 7, so views 8 and 9 are passed without a vote, and its lane stays silent.
    EXPECT_TRUE(member.core->status().abstaining);
    const auto nullified = [&](std::uint64_t view) {
        return encode_certificate_message(consortium.certificate(ledger::VoteKind::nullify, view, {}));
    };
    member.receive(0, MessageType::certificate, nullified(8));
    EXPECT_TRUE(member.core->status().abstaining);
    member.receive(0, MessageType::certificate, nullified(9));
    EXPECT_FALSE(member.core->status().abstaining);
    EXPECT_EQ(member.core->lane_room().batches, 0u);
    for (const auto& vote : votes_of(actions)) EXPECT_NE(vote.statement.kind, ledger::VoteKind::lane);
}

TEST(Core, two_votes_in_one_view_are_evidence) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    Hash256 a, b;
    a[0] = 1;
    b[0] = 2;
    member.receive(2, MessageType::vote, encode_vote(consortium.vote(2, ledger::VoteKind::notarize, 1, a)));
    auto actions =
        member.receive(2, MessageType::vote, encode_vote(consortium.vote(2, ledger::VoteKind::finalize, 1, b)));
    ASSERT_EQ(actions.evidence.size(), 1u);
    EXPECT_TRUE(proves_guilt(actions.evidence.front(), kChain, consortium.set, voting_verifier()));
    // Another node is told, and believes only what is proved.
    Member other{consortium, 1};
    other.step();
    EXPECT_EQ(other.receive(0, MessageType::evidence, encode_evidence(actions.evidence.front())).evidence.size(), 1u);
    auto forged = actions.evidence.front();
    forged.offender = {3};
    std::get<VotePair>(forged.proof).first.voter = std::get<VotePair>(forged.proof).second.voter = {3};
    actions = other.receive(0, MessageType::evidence, encode_evidence(forged));
    EXPECT_TRUE(actions.evidence.empty());
    EXPECT_EQ(actions.reports.size(), 1u);
}

TEST(Core, sm2_votes_make_quorums_and_every_kind_of_evidence) {
    const Consortium consortium{4, crypto::VotingAlgorithm::sm2};
    Member member{consortium, 0}, other{consortium, 1};
    member.step();
    other.step();
    for (std::uint16_t voter = 1; voter < 4; ++voter)
        member.receive(voter, MessageType::vote, encode_vote(consortium.vote(voter, ledger::VoteKind::nullify, 1, {})));
    EXPECT_EQ(member.core->status().view, View{2});

    const auto& liar = consortium.signers[2];
    VotePair votes;
    BatchPair batches;
    ProposalPair proposals;
    for (const bool second : {false, true}) {
        Hash256 digest;
        digest[0] = second ? 1 : 2;
        (second ? votes.second : votes.first) = consortium.vote(2, ledger::VoteKind::finalize, 5, digest);
        auto& header = second ? batches.second : batches.first;
        header.lane = {2};
        header.position = Position{4};
        header.parent[0] = 9;
        header.body_hash = digest;
        header.transaction_count = 1;
        header.signature = liar.sign_batch(header).value();
        auto& proposal = second ? proposals.second : proposals.first;
        proposal.block.view = View{3};
        proposal.block.leader = {2};
        proposal.block.parent = digest;
        proposal.signature = liar.sign_proposal(proposal.block).value();
    }
    for (const auto& evidence : {Evidence{{2}, votes}, Evidence{{2}, batches}, Evidence{{2}, proposals}}) {
        EXPECT_TRUE(proves_guilt(evidence, kChain, consortium.set, voting_verifier())) << kind_of(evidence);
        EXPECT_EQ(decode_evidence(encode_evidence(evidence)), evidence);
        EXPECT_FALSE(proves_guilt(evidence, kChain + 1, consortium.set, voting_verifier())) << kind_of(evidence);
        auto forged = evidence;
        forged.offender = {1};
        EXPECT_FALSE(proves_guilt(forged, kChain, consortium.set, voting_verifier())) << kind_of(evidence);
        // The same keys read as Ed25519 convict nobody.
        auto renamed = consortium.set;
        for (auto& validator : renamed.members) validator.key.algorithm = crypto::VotingAlgorithm::ed25519;
        EXPECT_FALSE(proves_guilt(evidence, kChain, renamed, voting_verifier())) << kind_of(evidence);
    }
    // SM2 signs anew each time: a statement that was signed twice is still one statement.
    const auto again = consortium.vote(2, ledger::VoteKind::finalize, 5, votes.first.statement.digest);
    EXPECT_NE(again.signature, votes.first.signature);
    EXPECT_FALSE(proves_guilt(Evidence{{2}, VotePair{again, votes.first}}, kChain, consortium.set, voting_verifier()));
    EXPECT_EQ(other.receive(0, MessageType::evidence, encode_evidence({{2}, votes})).evidence.size(), 1u);
}

TEST(Core, junk_is_reported_and_then_not_even_read) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    std::size_t reports = 0;
    for (int i = 0; i < 1000; ++i)
        reports += member.receive(1, static_cast<MessageType>(i % 20), Bytes(7, 0xff)).reports.size();
    EXPECT_GT(reports, 0u);
    EXPECT_LT(reports, 100u);
    EXPECT_LT(member.log.size(), 10u);
}

TEST(Core, votes_for_distant_views_and_of_others_are_not_kept) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    // A quorum of votes for a view far ahead must not certify anything: they are dropped on receipt.
    for (std::uint16_t voter = 1; voter < 4; ++voter)
        member.receive(voter, MessageType::vote,
                       encode_vote(consortium.vote(voter, ledger::VoteKind::nullify, 1000, {})));
    EXPECT_EQ(member.core->status().view, View{1});
    const auto actions =
        member.receive(1, MessageType::vote, encode_vote(consortium.vote(2, ledger::VoteKind::nullify, 1, {})));
    EXPECT_EQ(actions.reports.size(), 1u);
}

TEST(Core, quorum_of_nullify_votes_enters_the_next_view) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    for (std::uint16_t voter = 1; voter < 4; ++voter)
        member.receive(voter, MessageType::vote, encode_vote(consortium.vote(voter, ledger::VoteKind::nullify, 1, {})));
    EXPECT_EQ(member.core->status().view, View{2});
}

TEST(Core, forged_vote_does_not_count_and_names_its_sender) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    auto forged = consortium.vote(3, ledger::VoteKind::nullify, 1, {});
    forged.signature[3] ^= 1;
    member.receive(3, MessageType::vote, encode_vote(forged));
    // Two others have given up, so this node does too; with its own vote the quorum seems complete and is checked.
    const auto actions =
        member.receive(1, MessageType::vote, encode_vote(consortium.vote(1, ledger::VoteKind::nullify, 1, {})));
    ASSERT_EQ(actions.reports.size(), 1u);
    EXPECT_EQ(actions.reports.front().peer, ValidatorIndex{3});
    EXPECT_EQ(member.core->status().view, View{1});
    member.receive(2, MessageType::vote, encode_vote(consortium.vote(2, ledger::VoteKind::nullify, 1, {})));
    EXPECT_EQ(member.core->status().view, View{2});
}

TEST(Core, nothing_that_a_stopped_validator_signs_counts_here) {
    using enum ledger::VoteKind;
    const Consortium consortium{4};
    const auto thief = consortium.set.members[3].key;
    Hash256 digest;
    digest[0] = 9;

    // The same votes, with and without the stop: two others have given up, and the third is the thief.
    for (const bool stopped : {false, true}) {
        Member member{consortium, 0};
        member.step();
        // One of its votes is in hand already, and goes.
        member.receive(3, MessageType::vote, encode_vote(consortium.vote(3, nullify, 1, {})));
        if (stopped) member.step(VotersStopped{{thief}});
        member.receive(1, MessageType::vote, encode_vote(consortium.vote(1, nullify, 1, {})));
        EXPECT_EQ(member.core->status().view, View{stopped ? 1u : 2u});
        member.receive(3, MessageType::vote, encode_vote(consortium.vote(3, nullify, 1, {})));
        EXPECT_EQ(member.core->status().view, View{stopped ? 1u : 2u});
        const auto last = member.receive(2, MessageType::vote, encode_vote(consortium.vote(2, nullify, 1, {})));
        EXPECT_EQ(member.core->status().view, View{2});
        for (const auto& message : last.messages) {
            if (static_cast<MessageType>(message.type) != MessageType::certificate) continue;
            const auto certificate = *decode_certificate_message(*message.payload);
            for (const auto& entry : certificate.entries) EXPECT_FALSE(stopped && entry.voter == ValidatorIndex{3});
        }
    }

    Member member{consortium, 0};
    member.step();
    member.step(VotersStopped{{thief}});
    // No vote for its batches, and no word about them.
    Member owner{consortium, 3};
    owner.step();
    const auto sent = owner.step(batch(1));
    for (const auto& message : sent.messages) {
        if (static_cast<MessageType>(message.type) != MessageType::batch) continue;
        EXPECT_TRUE(votes_of(member.receive(3, MessageType::batch, *message.payload)).empty());
    }
    // Certificates of a quorum stay good, whoever is in them.
    auto certificate = ledger::Certificate{{nullify, consortium.set.epoch, 1, 0, {}}, {}};
    for (std::uint16_t voter = 1; voter < 4; ++voter)
        certificate.entries.push_back({{voter}, consortium.signers[voter].sign_vote(certificate.statement).value()});
    member.receive(1, MessageType::certificate, encode_certificate_message(certificate));
    EXPECT_EQ(member.core->status().view, View{2});
    // A key that is good again counts again.
    member.step(VotersStopped{});
    for (const std::uint16_t voter : std::initializer_list<std::uint16_t>{3, 1})
        member.receive(voter, MessageType::vote, encode_vote(consortium.vote(voter, nullify, 2, {})));
    EXPECT_EQ(member.core->status().view, View{3});
}

TEST(Core, execution_votes_of_a_stopped_validator_make_no_certificate) {
    const Consortium consortium{4};
    std::vector<FinalizedBlockPtr> blocks;
    for (const bool stopped : {false, true}) {
        Member member{consortium, 0};
        member.step();
        Hash256 result;
        result[0] = 4;
        std::size_t certificates = 0;
        if (stopped) member.step(VotersStopped{{consortium.set.members[3].key}});
        for (std::uint16_t voter = 1; voter < 4; ++voter)
            certificates += member
                                .receive(voter, MessageType::vote,
                                         encode_vote(consortium.vote(voter, ledger::VoteKind::execution, 1, result)))
                                .execution_certificates.size();
        EXPECT_EQ(certificates, stopped ? 0u : 1u);
    }
}

TEST(Core, a_validator_whose_own_key_is_stopped_signs_nothing_more) {
    const Consortium consortium{4};
    Member member{consortium, 0};
    member.step();
    member.step(VotersStopped{{consortium.set.members[0].key}});
    EXPECT_EQ(member.core->lane_room().batches, 0u);
    EXPECT_TRUE(member.step(batch(1)).batch_refused);
    for (std::uint16_t voter = 1; voter < 3; ++voter) {
        const auto actions = member.receive(voter, MessageType::vote,
                                            encode_vote(consortium.vote(voter, ledger::VoteKind::nullify, 1, {})));
        EXPECT_TRUE(votes_of(actions).empty());
    }
    for (int i = 0; i < 3'000; ++i) {
        const auto actions = member.step();
        EXPECT_TRUE(votes_of(actions).empty());
        EXPECT_FALSE(sends(actions, MessageType::proposal) || sends(actions, MessageType::batch));
    }
}

TEST(Core, back_pressure_refuses_batches_beyond_the_window) {
    const Consortium consortium{4};
    auto config = consortium.config(0);
    config.limits.window_positions = 3;
    const Stored history;
    Core core{config, consortium.signers[0], history};
    ASSERT_TRUE(core.recover({}, Memory::fresh));
    Microseconds now{1};
    for (int i = 0; i < 3; ++i)
        EXPECT_FALSE(core.step({now += Microseconds{1000}, kWall, batch(static_cast<std::uint8_t>(i))}).batch_refused);
    EXPECT_EQ(core.lane_room().batches, 0u);
    EXPECT_TRUE(core.step({now += Microseconds{1000}, kWall, batch(9)}).batch_refused);
}

} // namespace
} // namespace cairn::consensus
