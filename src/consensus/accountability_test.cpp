#include "consensus/accountability.hpp"

#include <gtest/gtest.h>

namespace cairn::consensus {
namespace {

using ledger::VoteKind;

ledger::Certificate certificate(VoteKind kind, std::uint64_t view, std::uint8_t digest,
                                std::initializer_list<int> voters) {
    ledger::Certificate out;
    out.statement.kind = kind;
    out.statement.number = view;
    out.statement.digest[0] = digest;
    for (const auto voter : voters) out.entries.push_back({{static_cast<std::uint16_t>(voter)}, {}});
    return out;
}

std::vector<int> named(std::initializer_list<ledger::Certificate> certificates) {
    std::vector<int> out;
    const std::vector<ledger::Certificate> all{certificates};
    for (const auto& evidence : culprits(all)) out.push_back(evidence.offender.value);
    return out;
}

TEST(Culprits, are_those_who_signed_both_of_two_contradicting_certificates) {
    const auto finalized = certificate(VoteKind::finalize, 5, 1, {0, 1, 2});
    using Names = std::vector<int>;
    EXPECT_EQ(named({finalized, certificate(VoteKind::finalize, 5, 2, {1, 2, 3})}), (Names{1, 2}));
    EXPECT_EQ(named({finalized, certificate(VoteKind::notarize, 5, 2, {0, 2, 3})}), (Names{0, 2}));
    EXPECT_EQ(named({finalized, certificate(VoteKind::nullify, 5, 0, {0, 1, 3})}), (Names{0, 1}));
    EXPECT_EQ(
        named({certificate(VoteKind::execution, 5, 1, {0, 1, 2}), certificate(VoteKind::execution, 5, 2, {0, 2, 3})}),
        (Names{0, 2}));
}

TEST(Culprits, are_nobody_where_an_honest_member_may_sign_both) {
    const auto finalized = certificate(VoteKind::finalize, 5, 1, {0, 1, 2});
    EXPECT_TRUE(named({finalized, certificate(VoteKind::notarize, 5, 1, {0, 1, 2})}).empty());
    EXPECT_TRUE(named({finalized, certificate(VoteKind::finalize, 6, 2, {0, 1, 2})}).empty());
    // Who notarized a block and then gave up waiting for it is honest.
    EXPECT_TRUE(
        named({certificate(VoteKind::notarize, 5, 1, {0, 1, 2}), certificate(VoteKind::nullify, 5, 0, {0, 1, 2})})
            .empty());
}

} // namespace
} // namespace cairn::consensus
