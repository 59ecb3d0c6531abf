#include "base/errors/storage.hpp"
#include "crypto/ed25519.hpp"
#include "signer/recovery_shares.hpp"

#include <bit>
#include <gtest/gtest.h>

namespace cairn::signer {
namespace {

constexpr crypto::PassphraseCost kCheap{.passes = 1, .memory_kib = 8};
const std::vector<std::string> kOfficers = {"Ada of Alpha", "Bo of Beta", "Cy of Gamma", "Di of Delta", "Ed of Alpha"};

LockedBytes copy(const LockedBytes& bytes) {
    LockedBytes out(bytes.view().size());
    std::ranges::copy(bytes.view(), out.bytes().begin());
    return out;
}

Secrets test_secrets() { return std::move(*Secrets::generate(crypto::system_random())); }

std::vector<Share> chosen(const std::vector<Share>& all, unsigned mask) {
    std::vector<Share> out;
    for (std::size_t i = 0; i < all.size(); ++i)
        if ((mask >> i & 1) != 0) out.push_back({all[i].label, copy(all[i].value)});
    return out;
}

std::vector<Share> split(const Secrets& root, std::uint8_t threshold) {
    return std::move(*split_secrets(root, threshold, kOfficers, crypto::system_random()));
}

bool same(const Secrets& a, const Secrets& b) { return std::ranges::equal(a.view(), b.view()); }

} // namespace

TEST(RecoveryShares, any_set_of_at_least_the_threshold_joins_and_any_smaller_is_refused) {
    for (std::uint8_t threshold = 2; threshold <= 5; ++threshold) {
        const auto root = test_secrets();
        const auto shares = split(root, threshold);
        for (unsigned mask = 0; mask < 32; ++mask) {
            const auto joined = join_shares(chosen(shares, mask));
            if (std::popcount(mask) >= threshold) {
                ASSERT_TRUE(joined) << joined.error().text();
                EXPECT_TRUE(same(*joined, root));
            } else {
                ASSERT_FALSE(joined);
                EXPECT_EQ(joined.error().code, error::ShareTooFew);
            }
        }
    }
}

TEST(RecoveryShares, of_sm2_keys_bring_back_the_algorithm_too) {
    const auto root = Secrets::generate(crypto::system_random(), crypto::VotingAlgorithm::sm2);
    const auto shares = split(*root, 3);
    const auto joined = join_shares(chosen(shares, 0b10101));
    ASSERT_TRUE(joined) << joined.error().text();
    EXPECT_EQ(*joined->public_keys(), *root->public_keys());
    // A share of other secrets that claims to be of this ceremony has another length.
    auto mixed = chosen(shares, 0b11);
    mixed.push_back({shares[2].label, copy(split(test_secrets(), 3)[2].value)});
    EXPECT_EQ(join_shares(mixed).error().code, error::ShareMixed);
}

TEST(RecoveryShares, the_same_share_twice_counts_once) {
    const auto shares = split(test_secrets(), 3);
    auto two = chosen(shares, 0b11);
    two.push_back({shares[0].label, copy(shares[0].value)});
    EXPECT_EQ(join_shares(two).error().code, error::ShareTooFew);
}

TEST(RecoveryShares, of_two_ceremonies_are_refused_even_for_one_root) {
    const auto root = test_secrets();
    auto mixed = chosen(split(root, 3), 0b11);
    auto other = split(root, 3);
    mixed.push_back({other[2].label, copy(other[2].value)});
    EXPECT_EQ(join_shares(mixed).error().code, error::ShareMixed);
}

TEST(RecoveryShares, that_are_forged_do_not_join) {
    const auto shares = split(test_secrets(), 3);
    // One byte of each of the four secrets.
    for (const std::size_t at : {0u, 63u, 64u, 127u}) {
        auto three = chosen(shares, 0b111);
        three[1].value.bytes()[at] ^= 1;
        EXPECT_EQ(join_shares(three).error().code, error::ShareDamaged) << at;
    }
}

TEST(RecoveryShares, thresholds_and_names_beyond_the_limits_are_refused) {
    auto& random = crypto::system_random();
    EXPECT_EQ(split_secrets(test_secrets(), 1, kOfficers, random).error().code, error::ShareTooFew);
    EXPECT_EQ(split_secrets(test_secrets(), 6, kOfficers, random).error().code, error::ShareTooFew);
    EXPECT_EQ(split_secrets(test_secrets(), 2, std::vector<std::string>(33, "x"), random).error().code,
              error::ShareTooFew);
    EXPECT_EQ(split_secrets(test_secrets(), 2, {"a", "b\nc"}, random).error().code, error::ShareDamaged);
    EXPECT_TRUE(split_secrets(test_secrets(), 32, std::vector<std::string>(32, "x"), random));
}

TEST(ShareFile, opens_with_its_passphrase_and_refuses_another_and_any_changed_byte) {
    const auto shares = split(test_secrets(), 2);
    const auto text = write_share(shares[3], "correct horse", kCheap);
    const auto opened = open_share(text, "correct horse");
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(opened->label, shares[3].label);
    EXPECT_TRUE(std::ranges::equal(opened->value.view(), shares[3].value.view()));
    EXPECT_EQ(open_share(text, "correct hors").error().code, error::ShareDamaged);
    // The cost stands in the first bytes; a flipped one may ask for more memory than a test should take.
    const auto cost_at = text.find("sealed: ") + 8;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (at >= cost_at && at < cost_at + 16) continue;
        auto changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 0x01);
        ASSERT_EQ(open_share(changed, "correct horse").error().code, error::ShareDamaged) << at;
    }
    EXPECT_EQ(text.find(to_hex_digits(shares[3].value.view())), std::string::npos);
}

} // namespace cairn::signer
