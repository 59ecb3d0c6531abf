#include "consensus/messages.hpp"

#include "consensus/core.hpp"
#include "consensus/log.hpp"
#include "crypto/hash.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

using ledger::VoteKind;

Hash256 hash(std::uint8_t tag) {
    Hash256 out;
    out[0] = tag;
    return out;
}

ledger::Certificate certificate(VoteKind kind, std::uint64_t number, const Hash256& digest, std::uint16_t lane = 0) {
    ledger::Certificate out{{kind, Epoch{0}, number, lane, digest}, {}};
    for (std::uint16_t i = 0; i < 3; ++i) out.entries.push_back({{i}, {}});
    return out;
}

ledger::Batch batch() {
    const Bytes transaction{1, 2, 3};
    ledger::Batch out;
    out.body = std::make_shared<const Bytes>(ledger::encode_batch_body({transaction}));
    out.header.lane = {1};
    out.header.position = Position{4};
    out.header.parent = hash(3);
    out.header.body_hash = crypto::keccak256(*out.body);
    out.header.transaction_count = 1;
    out.header.body_bytes = static_cast<std::uint32_t>(out.body->size());
    return out;
}

ledger::ConsensusBlock block() {
    ledger::ConsensusBlock out;
    out.view = View{9};
    out.height = Height{5};
    out.parent = hash(8);
    out.parent_view = View{6};
    out.cut.resize(4);
    out.cut[1] = {Position{4}, digest_of(batch().header)};
    out.executed = {Height{3}, hash(4)};
    out.timestamp_ms = 77;
    out.leader = {1};
    return out;
}

ProposalPtr proposal() {
    return make_proposal({block(), {}}, certificate(VoteKind::notarize, 6, hash(8)),
                         {certificate(VoteKind::nullify, 7, {}), certificate(VoteKind::nullify, 8, {})},
                         certificate(VoteKind::execution, 3, hash(4)));
}

/// Comes back the same, and no shorter or longer input is taken for it.
template <class Decode>
void exact(const Bytes& bytes, Decode decode) {
    EXPECT_TRUE(decode(bytes));
    for (std::size_t length = 0; length < bytes.size(); ++length)
        EXPECT_FALSE(decode(Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length)))) << length;
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode(longer));
}

TEST(Message, every_kind_has_exactly_one_length) {
    exact(encode_batch_message(batch(), certificate(VoteKind::lane, 3, hash(1), 1)),
          [](const Bytes& b) { return decode_batch_message(b).has_value(); });
    exact(*proposal()->encoded,
          [](const Bytes& b) { return decode_proposal(std::make_shared<const Bytes>(b)).has_value(); });
    const PeerStatus status{Epoch{5},
                            View{3},
                            Height{2},
                            Height{1},
                            std::vector<Position>(4),
                            certificate(VoteKind::nullify, 2, {}),
                            7,
                            {{1, 2}, {3, 4}}};
    exact(encode_status(status), [&](const Bytes& b) {
        const auto s = decode_status(b);
        return s && *s == status;
    });
    exact(encode_fetch_range({3, 9}), [](const Bytes& b) {
        const auto r = decode_fetch_range(b);
        return r && *r == FetchRange{3, 9};
    });
    exact(encode_fetch_certificates({FetchCertificates::Kind::executions, {1, 2}}),
          [](const Bytes& b) { return decode_fetch_certificates(b).has_value(); });
    exact(encode_fetch_batches({{{hash(1), Height{2}, 3}}}),
          [](const Bytes& b) { return decode_fetch_batches(b).has_value(); });
    exact(encode_blocks_answer({{{proposal(), certificate(VoteKind::finalize, 9, proposal()->digest), std::nullopt}}}),
          [](const Bytes& b) { return decode_blocks_answer(b).has_value(); });
}

TEST(Message, proposal_comes_back_with_its_digest) {
    const auto original = proposal();
    const auto back = decode_proposal(original->encoded);
    ASSERT_TRUE(back);
    EXPECT_EQ((*back)->digest, digest_of(block()));
    EXPECT_EQ((*back)->signed_block, original->signed_block);
    EXPECT_EQ((*back)->skipped, original->skipped);
}

TEST(Message, proposal_must_carry_the_certificates_of_its_own_block) {
    const auto refused = [](std::optional<ledger::Certificate> parent, std::vector<ledger::Certificate> skipped,
                            std::optional<ledger::Certificate> execution) {
        return !decode_proposal(
            make_proposal({block(), {}}, std::move(parent), std::move(skipped), std::move(execution))->encoded);
    };
    const auto parent = certificate(VoteKind::notarize, 6, hash(8));
    const std::vector skips{certificate(VoteKind::nullify, 7, {}), certificate(VoteKind::nullify, 8, {})};
    const auto execution = certificate(VoteKind::execution, 3, hash(4));
    EXPECT_FALSE(refused(parent, skips, execution));
    EXPECT_FALSE(refused(certificate(VoteKind::finalize, 6, hash(8)), skips, std::nullopt));
    EXPECT_TRUE(refused(std::nullopt, skips, execution));
    EXPECT_TRUE(refused(certificate(VoteKind::notarize, 6, hash(7)), skips, execution));
    EXPECT_TRUE(refused(certificate(VoteKind::notarize, 5, hash(8)), skips, execution));
    EXPECT_TRUE(refused(certificate(VoteKind::lane, 6, hash(8)), skips, execution));
    EXPECT_TRUE(refused(parent, {skips[0]}, execution));
    EXPECT_TRUE(refused(parent, {skips[1], skips[0]}, execution));
    EXPECT_TRUE(refused(parent, {skips[0], certificate(VoteKind::notarize, 8, {})}, execution));
    EXPECT_TRUE(refused(parent, skips, certificate(VoteKind::execution, 3, hash(5))));
    EXPECT_TRUE(refused(parent, skips, certificate(VoteKind::execution, 2, hash(4))));
}

TEST(Message, batch_proof_must_be_of_an_earlier_batch_of_the_lane) {
    EXPECT_TRUE(decode_batch_message(encode_batch_message(batch(), certificate(VoteKind::lane, 3, hash(1), 1))));
    EXPECT_FALSE(decode_batch_message(encode_batch_message(batch(), certificate(VoteKind::lane, 4, hash(1), 1))));
    EXPECT_FALSE(decode_batch_message(encode_batch_message(batch(), certificate(VoteKind::lane, 3, hash(1), 2))));
    EXPECT_FALSE(decode_batch_message(encode_batch_message(batch(), certificate(VoteKind::notarize, 3, hash(1)))));
}

TEST(Message, ranges_are_limited) {
    EXPECT_FALSE(decode_fetch_range(encode_fetch_range({0, 5})));
    EXPECT_FALSE(decode_fetch_range(encode_fetch_range({5, 4})));
    EXPECT_TRUE(decode_fetch_range(encode_fetch_range({1, kRangeMax})));
    EXPECT_FALSE(decode_fetch_range(encode_fetch_range({1, kRangeMax + 1})));
    EXPECT_FALSE(decode_fetch_batches(encode_fetch_batches({std::vector<FetchBatches::Item>(kRangeMax + 1)})));
    EXPECT_FALSE(decode_fetch_certificates(Bytes(17, 3)));
}

TEST(Message, finalized_block_can_be_stored) {
    FinalizedBlock original;
    original.block = block();
    original.digest = digest_of(original.block);
    original.certificate = certificate(VoteKind::finalize, 9, original.digest);
    original.proposal = proposal()->encoded;
    original.batches = {batch()};
    const auto bytes = encode_finalized_block(original);
    const auto back = decode_finalized_block(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->block, original.block);
    EXPECT_EQ(back->digest, original.digest);
    EXPECT_EQ(back->certificate, original.certificate);
    ASSERT_EQ(back->batches.size(), 1u);
    EXPECT_EQ(*back->batches.front().body, *original.batches.front().body);
    auto damaged = bytes;
    damaged.back() ^= 1;
    EXPECT_FALSE(decode_finalized_block(damaged));
}

TEST(Evidence, pairs_that_contradict_are_those_of_the_table) {
    const auto vote = [](VoteKind kind, std::uint8_t digest, std::uint64_t number = 5, std::uint16_t lane = 0) {
        return ledger::VoteStatement{kind, Epoch{0}, number, lane,
                                     kind == VoteKind::nullify ? Hash256{} : hash(digest)};
    };
    using enum VoteKind;
    const struct {
        ledger::VoteStatement a, b;
        bool guilty;
    } table[] = {
        {vote(notarize, 1), vote(notarize, 2), true},
        {vote(notarize, 1), vote(notarize, 1), false},
        {vote(notarize, 1), vote(notarize, 2, 6), false},
        {vote(finalize, 1), vote(finalize, 2), true},
        {vote(finalize, 1), vote(notarize, 2), true},
        {vote(finalize, 1), vote(notarize, 1), false},
        {vote(finalize, 1), vote(nullify, 0), true},
        {vote(notarize, 1), vote(nullify, 0), false}, // a replica may give up on what it notarized
        {vote(nullify, 0), vote(nullify, 0), false},
        {vote(execution, 1), vote(execution, 2), true},
        {vote(execution, 1), vote(finalize, 2), false},
        {vote(lane, 1, 5, 1), vote(lane, 2, 5, 1), true},
        {vote(lane, 1, 5, 1), vote(lane, 2, 5, 2), false},
        {vote(lane, 1, 5, 0), vote(finalize, 2), false},
    };
    for (const auto& row : table) {
        EXPECT_EQ(contradict(row.a, row.b), row.guilty);
        EXPECT_EQ(contradict(row.b, row.a), row.guilty);
    }
}

TEST(Record, every_kind_comes_back) {
    const auto identity = Identity{1, Epoch{2}, {3}, hash(4)};
    EXPECT_EQ(std::get<Identity>(*decode_record(*record_identity(identity))), identity);
    const auto stored = std::get<BatchRecord>(*decode_record(*record_batch(batch(), true)));
    EXPECT_TRUE(stored.voted);
    EXPECT_EQ(stored.batch.header, batch().header);
    EXPECT_EQ(std::get<ProposalPtr>(*decode_record(*record_proposal(*proposal()->encoded)))->digest,
              proposal()->digest);
    EXPECT_EQ(std::get<ledger::Certificate>(*decode_record(*record_certificate(certificate(VoteKind::nullify, 7, {}))))
                  .statement.number,
              7u);
    EXPECT_EQ(std::get<Entered>(*decode_record(*record_entered({View{8}, View{6}}))).forgotten, View{6});
    EXPECT_FALSE(std::get<Amnesia>(*decode_record(*record_amnesia({}))).abstain);
    EXPECT_EQ(std::get<Amnesia>(*decode_record(*record_amnesia({View{5}}))).abstain, View{5});
    EXPECT_EQ(std::get<Part>(*decode_record(*record_part(1, 2, Bytes{9}))).index, 1u);
    EXPECT_FALSE(decode_record(*record_part(2, 2, Bytes{9})));
}

} // namespace
} // namespace cairn::consensus
