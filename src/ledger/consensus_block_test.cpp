#include "ledger/consensus_block.hpp"

#include "crypto/hash.hpp"

#include <gtest/gtest.h>

namespace cairn::ledger {
namespace {

Hash256 hash(std::uint8_t tag) {
    Hash256 out;
    out[0] = tag;
    return out;
}

Batch batch() {
    const Bytes first{1, 2, 3}, second{4};
    Batch out;
    out.body = std::make_shared<const Bytes>(encode_batch_body({first, second}));
    out.header = {Epoch{0},
                  ValidatorIndex{2},
                  Position{5},
                  hash(1),
                  crypto::keccak256(*out.body),
                  2,
                  static_cast<std::uint32_t>(out.body->size()),
                  42000,
                  {}};
    return out;
}

ConsensusBlock block() {
    ConsensusBlock out;
    out.epoch = Epoch{1};
    out.view = View{9};
    out.height = Height{4};
    out.parent = hash(7);
    out.parent_view = View{8};
    out.cut = {{Position{3}, hash(1)}, {}, {Position{1}, hash(2)}, {}};
    out.executed = {Height{2}, hash(9)};
    out.timestamp_ms = 1234567;
    out.leader = ValidatorIndex{1};
    return out;
}

BatchHeader decoded(const BatchHeader& header, bool& failed) {
    codec::WireWriter out;
    encode(out, header);
    codec::WireReader in{out.bytes()};
    auto back = decode_batch_header(in);
    failed = !in.finish();
    return back;
}

TEST(BatchBody, transactions_come_back_in_order) {
    const Bytes first{1, 2, 3}, second{4};
    const auto body = encode_batch_body({first, second});
    const auto views = split_batch_body(body);
    ASSERT_TRUE(views);
    ASSERT_EQ(views->size(), 2u);
    EXPECT_EQ(to_bytes((*views)[0]), first);
    EXPECT_EQ(to_bytes((*views)[1]), second);
    EXPECT_EQ((*views)[0].data(), body.data() + 8);
}

TEST(BatchBody, refuses_truncation_rest_emptiness_and_excess) {
    const Bytes one{1};
    auto body = encode_batch_body({one});
    for (std::size_t i = 0; i < body.size(); ++i) EXPECT_FALSE(split_batch_body(BytesView{body}.first(i)));
    body.push_back(0);
    EXPECT_FALSE(split_batch_body(body));
    EXPECT_FALSE(split_batch_body(encode_batch_body({})));
    EXPECT_FALSE(split_batch_body(encode_batch_body({BytesView{}})));
    EXPECT_FALSE(split_batch_body(encode_batch_body({Bytes(kBatchBytesMax, 1)})));
    EXPECT_FALSE(split_batch_body(encode_batch_body(std::vector<BytesView>(kBatchTransactionsMax + 1, one))));
}

TEST(BatchBody, must_match_its_header) {
    const auto good = batch();
    EXPECT_TRUE(verify_batch_body(good.header, *good.body));
    auto header = good.header;
    header.transaction_count = 3;
    EXPECT_FALSE(verify_batch_body(header, *good.body));
    header = good.header;
    header.body_bytes += 1;
    EXPECT_FALSE(verify_batch_body(header, *good.body));
    auto body = *good.body;
    body.back() ^= 1;
    EXPECT_FALSE(verify_batch_body(good.header, body));
}

TEST(BatchHeader, digest_covers_all_but_the_signature) {
    const auto header = batch().header;
    auto other = header;
    other.signature[0] = 1;
    EXPECT_EQ(digest_of(other), digest_of(header));
    other = header;
    other.gas_limit_sum += 1;
    EXPECT_NE(digest_of(other), digest_of(header));
    other = header;
    other.parent = hash(2);
    EXPECT_NE(digest_of(other), digest_of(header));
}

TEST(BatchHeader, decoder_enforces_limits) {
    bool failed = false;
    EXPECT_EQ(decoded(batch().header, failed), batch().header);
    EXPECT_FALSE(failed);
    const auto refused = [](auto change) {
        auto header = batch().header;
        change(header);
        bool result = false;
        decoded(header, result);
        return result;
    };
    EXPECT_TRUE(refused([](auto& h) { h.transaction_count = 0; }));
    EXPECT_TRUE(refused([](auto& h) { h.transaction_count = kBatchTransactionsMax + 1; }));
    EXPECT_TRUE(refused([](auto& h) { h.body_bytes = kBatchBytesMax + 1; }));
    EXPECT_TRUE(refused([](auto& h) { h.position = Position{0}; }));
    EXPECT_TRUE(refused([](auto& h) { h.position = Position{1}; }));
    EXPECT_TRUE(refused([](auto& h) { h.parent = {}; }));
    EXPECT_TRUE(refused([](auto& h) { h.lane = ValidatorIndex{100}; }));
}

TEST(ConsensusBlock, encoding_comes_back_and_refuses_every_truncation) {
    for (const bool last : {false, true}) {
        auto original = block();
        if (last) original.next_validators = hash(5);
        codec::WireWriter out;
        encode(out, original);
        codec::WireReader in{out.bytes()};
        EXPECT_EQ(decode_consensus_block(in), original);
        EXPECT_TRUE(in.finish());
        for (std::size_t i = 0; i < out.bytes().size(); ++i) {
            codec::WireReader cut{BytesView{out.bytes()}.first(i)};
            decode_consensus_block(cut);
            EXPECT_FALSE(cut.finish()) << i;
        }
    }
}

TEST(ConsensusBlock, digest_covers_every_field) {
    const auto base = digest_of(block());
    const auto differs = [&](auto change) {
        auto other = block();
        change(other);
        return digest_of(other) != base;
    };
    EXPECT_TRUE(differs([](auto& b) { b.epoch = Epoch{2}; }));
    EXPECT_TRUE(differs([](auto& b) { b.view = View{10}; }));
    EXPECT_TRUE(differs([](auto& b) { b.height = Height{5}; }));
    EXPECT_TRUE(differs([](auto& b) { b.parent = hash(8); }));
    EXPECT_TRUE(differs([](auto& b) { b.parent_view = View{7}; }));
    EXPECT_TRUE(differs([](auto& b) { b.cut[0].position = Position{4}; }));
    EXPECT_TRUE(differs([](auto& b) { b.cut.pop_back(); }));
    EXPECT_TRUE(differs([](auto& b) { b.executed.height = Height{3}; }));
    EXPECT_TRUE(differs([](auto& b) { b.executed.header_hash = hash(8); }));
    EXPECT_TRUE(differs([](auto& b) { b.timestamp_ms += 1; }));
    EXPECT_TRUE(differs([](auto& b) { b.leader = ValidatorIndex{2}; }));
    EXPECT_TRUE(differs([](auto& b) { b.next_validators = Hash256{}; }));
}

TEST(ConsensusBlock, decoder_refuses_a_tip_without_digest_or_a_digest_without_tip) {
    for (const LaneTip tip : {LaneTip{Position{0}, hash(1)}, LaneTip{Position{1}, {}}}) {
        auto wrong = block();
        wrong.cut[1] = tip;
        codec::WireWriter out;
        encode(out, wrong);
        codec::WireReader in{out.bytes()};
        decode_consensus_block(in);
        EXPECT_TRUE(in.failed());
    }
}

} // namespace
} // namespace cairn::ledger
