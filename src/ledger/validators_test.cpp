#include "base/errors/codec.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/ledger.hpp"
#include "ledger/validators.hpp"

#include "codec/wire.hpp"
#include "ledger/consensus_block.hpp"

#include <gtest/gtest.h>

namespace cairn::ledger {
namespace {

constexpr std::uint64_t kChain = 7;

struct Consortium {
    ValidatorSet set;
    std::vector<crypto::VotingSecret> keys;

    /// The first `sm2` vote with SM2, the others with Ed25519.
    explicit Consortium(std::size_t n, std::size_t sm2 = 0) {
        set.epoch = Epoch{3};
        for (std::size_t i = 0; i < n; ++i) {
            crypto::ValidatorSeed seed;
            seed[0] = static_cast<std::uint8_t>(i + 1);
            const auto algorithm = i < sm2 ? crypto::VotingAlgorithm::sm2 : crypto::VotingAlgorithm::ed25519;
            keys.push_back(*crypto::VotingSecret::from(algorithm, seed));
            set.members.push_back({"v" + std::to_string(i), "Org", keys.back().public_key(), "127.0.0.1:1"});
        }
    }
    Vote vote(std::size_t voter, const VoteStatement& statement) const {
        return {statement, ValidatorIndex{static_cast<std::uint16_t>(voter)},
                keys[voter].sign(signed_bytes(kChain, statement)).value()};
    }
    Certificate certificate(const VoteStatement& statement, std::size_t votes) const {
        Certificate out{statement, {}};
        for (std::size_t i = 0; i < votes; ++i) {
            const auto v = vote(i, statement);
            out.entries.push_back({v.voter, v.signature});
        }
        return out;
    }
};

VoteStatement statement() {
    VoteStatement out{VoteKind::notarize, Epoch{3}, 9, 0, {}};
    out.digest[0] = 0xab;
    return out;
}

TEST(ValidatorSet, quorums_are_those_of_the_table) {
    const std::pair<std::size_t, std::size_t> table[] = {{1, 1}, {2, 2}, {3, 2},  {4, 3},   {5, 4},
                                                         {6, 4}, {7, 5}, {10, 7}, {100, 67}};
    for (const auto& [n, quorum] : table) {
        ValidatorSet set;
        set.members.resize(n);
        EXPECT_EQ(set.quorum(), quorum) << n;
        // Two quorums share an honest member, and the honest alone make a quorum.
        EXPECT_GT(2 * set.quorum(), n + set.faults_tolerated()) << n;
        EXPECT_LE(set.quorum(), n - set.faults_tolerated()) << n;
    }
}

TEST(ValidatorSet, encoding_comes_back_and_refuses_every_truncation) {
    for (const std::size_t sm2 : {0u, 2u, 4u}) {
        const Consortium c{4, sm2};
        const auto bytes = encode_validator_set(c.set);
        EXPECT_EQ(decode_validator_set(bytes), c.set);
        // Without the algorithms at its end it would be a set that votes with Ed25519: other keys, another hash.
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            const auto cut = decode_validator_set(BytesView{bytes}.first(i));
            if (sm2 > 0 && i + 4 == bytes.size())
                EXPECT_TRUE(cut && *cut != c.set);
            else
                EXPECT_FALSE(cut) << i;
        }
    }
}

TEST(ValidatorSet, algorithms_of_keys_are_hashed_and_have_one_encoding) {
    const Consortium c{4, 1};
    auto changed = c.set;
    changed.members[0].key.algorithm = crypto::VotingAlgorithm::ed25519;
    EXPECT_NE(hash_of(changed), hash_of(c.set));
    EXPECT_NE(changed, c.set);
    EXPECT_EQ(c.set.index_of(changed.members[0].key), std::nullopt);
    // All Ed25519 has no list of algorithms, and a list has no other values.
    auto bytes = encode_validator_set(changed);
    bytes.resize(bytes.size() + 4);
    EXPECT_FALSE(decode_validator_set(bytes));
    auto unknown = encode_validator_set(c.set);
    unknown.back() = 2;
    EXPECT_FALSE(decode_validator_set(unknown));
}

TEST(Certificate, of_sm2_and_mixed_votes_is_verified_and_names_the_bad_one) {
    for (const std::size_t sm2 : {2u, 4u}) {
        const Consortium c{4, sm2};
        auto certificate = c.certificate(statement(), 3);
        EXPECT_TRUE(verify_certificate(kChain, c.set, certificate));
        EXPECT_FALSE(verify_certificate(kChain + 1, c.set, certificate));
        certificate.entries[1].signature[40] ^= 1;
        const auto refused = verify_certificate(kChain, c.set, certificate);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, error::SignatureInvalid);
        EXPECT_EQ(refused.error().detail, "vote of validator 1");
    }
}

TEST(ValidatorSet, one_key_cannot_have_two_seats) {
    Consortium c{4};
    c.set.members[3].key = c.set.members[0].key;
    EXPECT_FALSE(decode_validator_set(encode_validator_set(c.set)));
}

TEST(ValidatorSet, hash_covers_every_field) {
    const Consortium c{4};
    auto changed = c.set;
    changed.members[2].address += "0";
    EXPECT_NE(hash_of(changed), hash_of(c.set));
    changed = c.set;
    changed.epoch = Epoch{4};
    EXPECT_NE(hash_of(changed), hash_of(c.set));
}

void expect_covered(const Consortium& c) {
    const auto vote = c.vote(1, statement());
    EXPECT_TRUE(verify_vote(kChain, c.set, vote));
    EXPECT_FALSE(verify_vote(kChain + 1, c.set, vote));
    auto other = vote;
    other.statement.kind = VoteKind::finalize;
    EXPECT_FALSE(verify_vote(kChain, c.set, other));
    other = vote;
    other.statement.number += 1;
    EXPECT_FALSE(verify_vote(kChain, c.set, other));
    other = vote;
    other.statement.lane = 1;
    EXPECT_FALSE(verify_vote(kChain, c.set, other));
    other = vote;
    other.statement.digest[31] ^= 1;
    EXPECT_FALSE(verify_vote(kChain, c.set, other));
    other = vote;
    other.voter = ValidatorIndex{2};
    EXPECT_FALSE(verify_vote(kChain, c.set, other));
    other.voter = ValidatorIndex{4};
    EXPECT_FALSE(verify_vote(kChain, c.set, other));
    auto later = c.set;
    later.epoch = Epoch{4};
    EXPECT_FALSE(verify_vote(kChain, later, vote));
}

TEST(Vote, signature_covers_every_field_and_the_chain) { expect_covered(Consortium{4}); }
TEST(Vote, sm2_signature_covers_every_field_and_the_chain) { expect_covered(Consortium{4, 4}); }

TEST(Vote, signed_bytes_are_fixed_for_ever) {
    const auto bytes = signed_bytes(0x0102, VoteStatement{VoteKind::lane, Epoch{1}, 2, 3, {}});
    EXPECT_EQ(to_hex(bytes), "0x636169726e2d766f74652d7631"
                             "0201000000000000"
                             "01"
                             "0100000000000000"
                             "0200000000000000"
                             "0300" +
                                 std::string(64, '0'));
}

TEST(Certificate, quorum_of_valid_votes_passes) {
    const Consortium c{4};
    EXPECT_TRUE(verify_certificate(kChain, c.set, c.certificate(statement(), 3)));
    EXPECT_TRUE(verify_certificate(kChain, c.set, c.certificate(statement(), 4)));
}

TEST(Certificate, one_vote_short_is_no_quorum) {
    const Consortium c{4};
    const auto status = verify_certificate(kChain, c.set, c.certificate(statement(), 2));
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, error::CertificateNoQuorum);
}

TEST(Certificate, same_voter_twice_does_not_count_twice) {
    const Consortium c{4};
    auto certificate = c.certificate(statement(), 2);
    certificate.entries.push_back(certificate.entries.back());
    const auto status = verify_certificate(kChain, c.set, certificate);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, error::WireInvalid);
}

TEST(Certificate, forged_entry_spoils_it) {
    const Consortium c{4};
    auto certificate = c.certificate(statement(), 4);
    certificate.entries[2].signature[5] ^= 1;
    const auto status = verify_certificate(kChain, c.set, certificate);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, error::SignatureInvalid);
}

TEST(Certificate, other_epoch_or_unknown_voter_is_refused) {
    const Consortium c{4};
    auto foreign = statement();
    foreign.epoch = Epoch{2};
    EXPECT_FALSE(verify_certificate(kChain, c.set, c.certificate(foreign, 4)));
    auto certificate = c.certificate(statement(), 3);
    certificate.entries.push_back({ValidatorIndex{4}, {}});
    EXPECT_FALSE(verify_certificate(kChain, c.set, certificate));
}

TEST(Certificate, encoding_comes_back_and_refuses_truncation_and_disorder) {
    const Consortium c{4};
    const auto certificate = c.certificate(statement(), 3);
    codec::WireWriter out;
    encode(out, certificate);
    codec::WireReader in{out.bytes()};
    EXPECT_EQ(decode_certificate(in), certificate);
    EXPECT_TRUE(in.finish());
    for (std::size_t i = 0; i < out.bytes().size(); ++i) {
        codec::WireReader cut{BytesView{out.bytes()}.first(i)};
        decode_certificate(cut);
        EXPECT_FALSE(cut.finish()) << i;
    }
    auto disordered = certificate;
    std::swap(disordered.entries[0], disordered.entries[1]);
    codec::WireWriter wrong;
    encode(wrong, disordered);
    codec::WireReader reader{wrong.bytes()};
    decode_certificate(reader);
    EXPECT_TRUE(reader.failed());
}

TEST(Vote, decoder_refuses_a_second_encoding_of_the_same_meaning) {
    const Consortium c{4};
    auto refused = [](const Vote& vote) {
        codec::WireWriter out;
        encode(out, vote);
        codec::WireReader in{out.bytes()};
        const auto back = decode_vote(in);
        return in.failed() || back != vote;
    };
    EXPECT_FALSE(refused(c.vote(0, statement())));
    auto nullify = statement();
    nullify.kind = VoteKind::nullify;
    EXPECT_TRUE(refused(c.vote(0, nullify)));
    auto with_lane = statement();
    with_lane.lane = 1;
    EXPECT_TRUE(refused(c.vote(0, with_lane)));
    auto unknown = statement();
    unknown.kind = static_cast<VoteKind>(6);
    EXPECT_TRUE(refused(c.vote(0, unknown)));
}

} // namespace
} // namespace cairn::ledger
