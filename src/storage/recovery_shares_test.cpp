#include "base/errors/storage.hpp"
#include "crypto/ed25519.hpp"
#include "storage/recovery_shares.hpp"
#include "storage/root_file.hpp"
#include "storage/test_directory.hpp"
#include "storage/test_encryption.hpp"

#include <bit>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>

namespace cairn::storage {
namespace {

constexpr crypto::PassphraseCost kCheap{.passes = 1, .memory_kib = 8};
const std::vector<std::string> kOfficers = {"Ada of Alpha", "Bo of Beta", "Cy of Gamma", "Di of Delta", "Ed of Alpha"};

std::vector<Share> chosen(const std::vector<Share>& all, unsigned mask) {
    std::vector<Share> out;
    for (std::size_t i = 0; i < all.size(); ++i)
        if ((mask >> i & 1) != 0) out.push_back({all[i].label, all[i].value.copy()});
    return out;
}

std::vector<Share> split(const RootKey& root, std::uint8_t threshold) {
    return std::move(*split_root(root, threshold, kOfficers, crypto::system_random()));
}

bool same(const RootKey& a, const RootKey& b) { return std::ranges::equal(a.view(), b.view()); }

} // namespace

TEST(RecoveryShares, any_set_of_at_least_the_threshold_joins_and_any_smaller_is_refused) {
    for (std::uint8_t threshold = 2; threshold <= 5; ++threshold) {
        const auto root = RootKey::generate();
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

TEST(RecoveryShares, the_same_share_twice_counts_once) {
    const auto shares = split(test_root(), 3);
    auto two = chosen(shares, 0b11);
    two.push_back({shares[0].label, shares[0].value.copy()});
    EXPECT_EQ(join_shares(two).error().code, error::ShareTooFew);
}

TEST(RecoveryShares, of_two_ceremonies_are_refused_even_for_one_root) {
    const auto root = test_root();
    auto mixed = chosen(split(root, 3), 0b11);
    auto other = split(root, 3);
    mixed.push_back({other[2].label, other[2].value.copy()});
    EXPECT_EQ(join_shares(mixed).error().code, error::ShareMixed);
}

TEST(RecoveryShares, that_are_forged_do_not_join) {
    const auto shares = split(test_root(), 3);
    auto three = chosen(shares, 0b111);
    three[1].value = crypto::SecretKey::generate();
    EXPECT_EQ(join_shares(three).error().code, error::ShareDamaged);
}

TEST(RecoveryShares, thresholds_and_names_beyond_the_limits_are_refused) {
    auto& random = crypto::system_random();
    EXPECT_EQ(split_root(test_root(), 1, kOfficers, random).error().code, error::ShareTooFew);
    EXPECT_EQ(split_root(test_root(), 6, kOfficers, random).error().code, error::ShareTooFew);
    EXPECT_EQ(split_root(test_root(), 2, std::vector<std::string>(33, "x"), random).error().code, error::ShareTooFew);
    EXPECT_EQ(split_root(test_root(), 2, {"a", "b\nc"}, random).error().code, error::ShareDamaged);
    EXPECT_TRUE(split_root(test_root(), 32, std::vector<std::string>(32, "x"), random));
}

TEST(ShareFile, opens_with_its_passphrase_and_refuses_another_and_any_changed_byte) {
    const auto shares = split(test_root(), 2);
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

TEST(RootFile, is_read_back_open_or_sealed_and_refused_when_altered_or_readable_by_others) {
    const TestDirectory directory;
    const auto root = RootKey::generate();
    const auto no_passphrase = []() -> Result<std::string> { return fail(error::RootFileRefused, "none"); };
    for (const bool sealed : {false, true}) {
        const auto path = directory / (sealed ? "sealed" : "open");
        ASSERT_TRUE(write_root_file(path, root, sealed ? "words" : ""));
        EXPECT_EQ(write_root_file(path, root, "").error().code, error::RootFileRefused) << "never overwritten";
        const auto read = read_root_file(path, [] { return Result<std::string>{"words"}; });
        ASSERT_TRUE(read) << read.error().text();
        EXPECT_TRUE(same(*read, root));
        if (sealed) {
            EXPECT_EQ(read_root_file(path, no_passphrase).error().code, error::RootFileRefused);
            EXPECT_EQ(read_root_file(path, [] { return Result<std::string>{"other"}; }).error().code,
                      error::RootFileRefused);
        }
        ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
        EXPECT_EQ(read_root_file(path, no_passphrase).error().code, error::RootFileRefused);
    }
    std::ifstream in{directory / "open"};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    for (std::size_t at = 0; at < text.size(); ++at) {
        auto changed = text;
        changed[at] = static_cast<char>(changed[at] ^ 0x01);
        ASSERT_FALSE(parse_root_file(changed, no_passphrase)) << at;
    }
}

} // namespace cairn::storage
