// What the signer counts against what the log accounts for.
#include "audit/test_log.hpp"
#include "base/errors/audit.hpp"

#include <filesystem>

namespace cairn::audit {
namespace {

using ledger::KeyUse;

/// A signer that counts, and a node's own count beside it.
class CountingSealer final : public Sealer {
public:
    void begin() { start_ = node_ = node_at_seal_ = signer_; }
    crypto::ValidatorPublicKey key() const override { return inner_.key(); }
    std::optional<ledger::KeyUses> uses_at_start() const override { return start_; }
    std::optional<ledger::KeyUses> uses() const override {
        const std::lock_guard lock(mutex_);
        return node_at_seal_;
    }
    Result<Sealed> seal(const SealStatement& statement) override {
        use(KeyUse::seal);
        auto counted = statement;
        {
            const std::lock_guard lock(mutex_);
            if (counts_) counted.uses = signer_;
            node_at_seal_ = node_;
        }
        auto sealed = inner_.seal(counted);
        sealed->uses = counted.uses;
        return sealed;
    }
    Result<crypto::Signature> anchor(const ledger::AnchorStatement& statement) override {
        return inner_.anchor(statement);
    }
    void use(KeyUse what, bool hidden = false) {
        const std::lock_guard lock(mutex_);
        ++signer_.of(what);
        if (!hidden) ++node_.of(what);
    }
    void count_no_more() { counts_ = false; }
    void forget() { signer_ = {}; }

private:
    TestSealer inner_;
    mutable std::mutex mutex_;
    ledger::KeyUses signer_, node_, node_at_seal_, start_;
    bool counts_ = true;
};

class KeyUsesTest : public testing::Test {
protected:
    std::string path() const { return directory_.path() + "/audit"; }
    std::unique_ptr<Trail> open(std::uint64_t segment_bytes_max = 16u << 20) {
        sealer_.begin();
        auto config = test_config(path());
        config.segment_bytes_max = segment_bytes_max;
        auto opened = open_trail(storage::posix_file_system(), config, sealer_, clock_);
        EXPECT_TRUE(opened) << opened.error().text();
        return std::move(opened->trail);
    }
    /// One event, and a seal behind it.
    static void note(Trail& trail) {
        ASSERT_TRUE(trail.append(test_event(1), Durability::grouped));
        ASSERT_TRUE(trail.flush());
    }
    Report verify() {
        auto report = verify_log(storage::posix_file_system(), path(), {});
        EXPECT_TRUE(report) << report.error().text();
        return report ? *report : Report{};
    }
    /// The faults found, in order.
    static std::vector<Fault> faults(const Report& report) {
        std::vector<Fault> out;
        for (const auto& finding : report.findings) out.push_back(finding.fault);
        return out;
    }
    storage::TestDirectory directory_;
    CountingSealer sealer_;
    TestClock clock_;
};

TEST_F(KeyUsesTest, of_an_honest_node_are_all_accounted_for_over_restarts_and_segments) {
    std::uint64_t votes = 0;
    for (int round = 0; round < 4; ++round) {
        auto trail = open(16'384);
        for (int i = 0; i < 150; ++i) {
            for (int j = 0; j < 3; ++j, ++votes) sealer_.use(KeyUse::vote);
            if (i % 7 == 0) sealer_.use(KeyUse::handshake);
            note(*trail);
        }
    }
    const auto report = verify();
    EXPECT_EQ(report.findings_total, 0u) << report.findings[0].text;
    ASSERT_TRUE(report.uses);
    EXPECT_EQ(report.uses->of(KeyUse::vote), votes);
    EXPECT_EQ(report.uses->of(KeyUse::seal), report.seals);
    EXPECT_EQ(report.unaccounted, ledger::KeyUses{});
}

TEST_F(KeyUsesTest, one_that_the_node_suppresses_is_found) {
    for (std::size_t i = 0; i < ledger::kKeyUses; ++i) {
        const auto what = static_cast<KeyUse>(i);
        if (what == KeyUse::seal) continue;
        std::filesystem::remove_all(path());
        auto trail = open();
        sealer_.use(what);
        note(*trail);
        sealer_.use(what, true);
        note(*trail);
        trail.reset();
        const auto report = verify();
        EXPECT_EQ(faults(report), std::vector{Fault::hidden}) << ledger::name_of(what);
        EXPECT_NE(report.findings[0].text.find(ledger::name_of(what)), std::string::npos) << report.findings[0].text;
    }
}

TEST_F(KeyUsesTest, one_suppressed_before_a_restart_shows_as_unaccounted) {
    auto trail = open();
    sealer_.use(KeyUse::handshake, true);
    note(*trail);
    const auto copy = directory_.path() + "/copy"; // killed before it accounts for anything
    std::filesystem::copy(path(), copy);
    trail.reset();
    std::filesystem::remove_all(path());
    std::filesystem::rename(copy, path());
    note(*open());
    const auto report = verify();
    EXPECT_EQ(report.unaccounted.of(KeyUse::handshake), 1u);
}

TEST_F(KeyUsesTest, a_node_that_never_accounts_is_found) {
    // It stops calling the sealer's count its own: the numbers of the start stay.
    class Silent final : public Sealer {
    public:
        explicit Silent(CountingSealer& inner) : inner_(inner) {}
        crypto::ValidatorPublicKey key() const override { return inner_.key(); }
        std::optional<ledger::KeyUses> uses_at_start() const override { return inner_.uses_at_start(); }
        Result<Sealed> seal(const SealStatement& s) override { return inner_.seal(s); }
        Result<crypto::Signature> anchor(const ledger::AnchorStatement& s) override { return inner_.anchor(s); }

    private:
        CountingSealer& inner_;
    } silent{sealer_};
    sealer_.begin();
    auto opened = open_trail(storage::posix_file_system(), test_config(path()), silent, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    sealer_.use(KeyUse::vote);
    for (std::size_t i = 0; i <= kSealsPerAccount; ++i) note(*opened->trail);
    opened->trail.reset();
    EXPECT_EQ(faults(verify()), std::vector{Fault::hidden});
}

TEST_F(KeyUsesTest, a_seal_that_went_elsewhere_is_found) {
    auto trail = open();
    note(*trail);
    ASSERT_TRUE(sealer_.seal({.chain_id = 8020, .node = "alpha-1", .sequence = 3}));
    note(*trail);
    trail.reset();
    EXPECT_EQ(faults(verify()), std::vector{Fault::hidden});
}

TEST_F(KeyUsesTest, a_seal_without_numbers_behind_others_is_found) {
    auto trail = open();
    note(*trail);
    sealer_.count_no_more();
    note(*trail);
    trail.reset();
    EXPECT_EQ(faults(verify()).front(), Fault::hidden);
}

TEST_F(KeyUsesTest, a_signer_with_a_new_memory_is_reported) {
    auto trail = open();
    sealer_.use(KeyUse::vote);
    note(*trail);
    trail.reset();
    sealer_.forget();
    note(*open());
    const auto report = verify();
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.counts_lost, 1u);
}

TEST(KeyUsesText, is_read_as_it_is_written_and_nothing_else_is) {
    ledger::KeyUses uses;
    for (std::size_t i = 0; i < ledger::kKeyUses; ++i) uses.counts[i] = i * 1'000'000'007 * 1'000'000'007;
    const auto text = text_of(uses);
    EXPECT_EQ(ledger::key_uses_from(text), uses);
    for (std::size_t cut = 0; cut < text.size(); ++cut) {
        const auto part = ledger::key_uses_from(text.substr(0, cut));
        EXPECT_FALSE(part && part->counts == uses.counts) << cut;
    }
    for (const auto* other : {"", "votes 1", "votes -1, batches 0", "key 12 uses"})
        EXPECT_FALSE(ledger::key_uses_from(other)) << other;
    EXPECT_FALSE(ledger::key_uses_from(text + " "));
}

} // namespace
} // namespace cairn::audit
