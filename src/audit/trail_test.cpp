#include "audit/page.hpp"
#include "audit/record.hpp"
#include "audit/test_log.hpp"
#include "base/errors/audit.hpp"
#include "storage/faulty_files.hpp"

#include <random>
#include <thread>

namespace cairn::audit {
namespace {

class TrailTest : public testing::Test {
protected:
    std::unique_ptr<Trail> open(std::uint64_t segment_bytes = 1u << 20) {
        auto config = test_config(directory_.path() + "/audit");
        config.segment_bytes_max = segment_bytes;
        auto opened = open_trail(storage::posix_file_system(), config, sealer_, clock_);
        EXPECT_TRUE(opened.has_value()) << opened.error().text();
        if (!opened) return nullptr;
        cover_ = opened->cover;
        return std::move(opened->trail);
    }
    Report verify(const Expectation& expected = {}) {
        auto report = verify_log(storage::posix_file_system(), directory_.path() + "/audit", expected);
        EXPECT_TRUE(report.has_value()) << report.error().text();
        return report ? *report : Report{};
    }
    std::string path() const { return directory_.path() + "/audit"; }

    storage::TestDirectory directory_;
    TestSealer sealer_;
    TestClock clock_;
    ChainCover cover_;
};

TEST_F(TrailTest, keeps_events_in_order_over_restarts_and_segments) {
    std::uint64_t written = 0;
    for (int run = 0; run < 4; ++run) {
        auto trail = open(20'000);
        ASSERT_TRUE(trail);
        for (int i = 0; i < 100; ++i)
            ASSERT_TRUE(trail->append(test_event(written++), i % 10 == 0 ? Durability::durable : Durability::grouped));
    }
    std::uint64_t next = 0;
    const auto report = verify_log(storage::posix_file_system(), path(), {.node = "alpha-1", .chain_id = 8020},
                                   [&](const Event& event) {
                                       auto expected = test_event(next);
                                       expected.time = event.time;
                                       expected.sequence = ++next;
                                       expected.node = "alpha-1";
                                       EXPECT_EQ(event, expected);
                                   });
    ASSERT_TRUE(report.has_value());
    EXPECT_EQ(next, 400u);
    EXPECT_EQ(report->findings_total, 0u);
    EXPECT_EQ(report->unsealed_events, 0u);
    EXPECT_GT(records_of(path()).size(), 404u);
}

TEST_F(TrailTest, a_durable_event_is_on_disk_when_append_returns) {
    storage::FaultyFileSystem files{1};
    auto config = test_config("audit");
    auto opened = open_trail(files, config, sealer_, clock_);
    ASSERT_TRUE(opened);
    ASSERT_TRUE(opened->trail->append(test_event(1), Durability::grouped));
    ASSERT_TRUE(opened->trail->append(test_event(2), Durability::durable));
    opened->trail.reset();
    files.lose_power();
    opened = open_trail(files, config, sealer_, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    ASSERT_TRUE(opened->trail->append(test_event(3), Durability::durable));
    EXPECT_TRUE(opened->trail->flush());
    EXPECT_EQ(opened->trail->sealed().sequence, 3u);
}

TEST_F(TrailTest, what_a_power_loss_leaves_is_a_sound_log) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        storage::FaultyFileSystem files{seed};
        auto config = test_config("audit");
        config.segment_bytes_max = 16'384;
        std::uint64_t durable = 0;
        for (int boot = 0; boot < 4; ++boot) {
            auto opened = open_trail(files, config, sealer_, clock_);
            ASSERT_TRUE(opened) << "seed " << seed << ": " << opened.error().text();
            std::mt19937_64 random{seed * 10 + static_cast<std::uint64_t>(boot)};
            for (int i = 0; i < 60; ++i) {
                const bool sure = random() % 8 == 0;
                ASSERT_TRUE(
                    opened->trail->append(test_event(random()), sure ? Durability::durable : Durability::grouped));
                if (!sure) continue;
                ASSERT_TRUE(opened->trail->flush());
                durable = opened->trail->sealed().sequence;
            }
            opened->trail.reset();
            files.lose_power();
        }
        auto opened = open_trail(files, config, sealer_, clock_);
        ASSERT_TRUE(opened) << opened.error().text();
        ASSERT_TRUE(opened->trail->flush());
        EXPECT_GE(opened->trail->sealed().sequence, durable);
        opened->trail.reset();
        const auto report = verify_log(files, "audit", {});
        ASSERT_TRUE(report) << report.error().text();
        EXPECT_EQ(report->findings_total, 0u) << "seed " << seed << ": " << report->findings[0].text;
    }
}

TEST_F(TrailTest, a_dead_sink_refuses_from_the_next_event_on) {
    storage::FaultyFileSystem files{1};
    auto opened = open_trail(files, test_config("audit"), sealer_, clock_);
    ASSERT_TRUE(opened);
    auto& trail = *opened->trail;
    ASSERT_TRUE(trail.append(test_event(1), Durability::durable));
    files.syncs_until_error = 0;
    const auto refused = trail.append(test_event(2), Durability::durable);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, error::AuditSinkFailed);
    EXPECT_EQ(trail.usable().error().code, error::AuditSinkFailed);
    EXPECT_EQ(trail.append(test_event(3), Durability::grouped).error().code, error::AuditSinkFailed);
    EXPECT_EQ(trail.flush().error().code, error::AuditSinkFailed);
}

TEST_F(TrailTest, a_full_disk_refuses_and_the_log_goes_on_after_a_restart) {
    storage::FaultyFileSystem files{1};
    auto opened = open_trail(files, test_config("audit"), sealer_, clock_);
    ASSERT_TRUE(opened);
    ASSERT_TRUE(opened->trail->append(test_event(1), Durability::durable));
    files.bytes_until_full = 20;
    EXPECT_EQ(opened->trail->append(test_event(2), Durability::durable).error().code, error::AuditSinkFailed);
    opened->trail.reset();
    files.bytes_until_full = std::nullopt;
    opened = open_trail(files, test_config("audit"), sealer_, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_TRUE(opened->trail->append(test_event(2), Durability::durable));
}

TEST_F(TrailTest, counts_what_a_slow_disk_made_it_leave_out) {
    auto trail = open();
    std::uint64_t refused = 0, taken = 0;
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        const auto status = trail->append(test_event(i), Durability::grouped);
        if (status)
            ++taken;
        else if (status.error().code == error::AuditBusy)
            ++refused;
    }
    trail.reset();
    std::uint64_t counted = 0, seen = 0;
    const auto report = verify_log(storage::posix_file_system(), path(), {}, [&](const Event& event) {
        if (event.action == "audit.suppressed")
            counted += std::stoull(event.object);
        else
            ++seen;
    });
    ASSERT_TRUE(report);
    EXPECT_EQ(report->findings_total, 0u);
    EXPECT_EQ(seen, taken);
    EXPECT_EQ(counted, refused);
}

TEST_F(TrailTest, takes_events_of_many_threads) {
    auto trail = open();
    {
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < 4; ++t)
            threads.emplace_back([&, t] {
                for (std::uint64_t i = 0; i < 500; ++i)
                    EXPECT_TRUE(trail->append(test_event(t), i % 50 == 0 ? Durability::durable : Durability::grouped));
            });
    }
    trail.reset();
    const auto report = verify();
    EXPECT_EQ(report.events, 2'000u);
    EXPECT_EQ(report.findings_total, 0u);
}

TEST_F(TrailTest, refuses_less_than_six_months) {
    auto config = test_config(path());
    config.retention_days = kRetentionDaysMin - 1;
    EXPECT_EQ(open_trail(storage::posix_file_system(), config, sealer_, clock_).error().code, error::AuditRetention);
    auto trail = open();
    EXPECT_EQ(trail->prune(30).error().code, error::AuditRetention);
    EXPECT_EQ(trail->prune(365).error().code, error::AuditRetention);
    EXPECT_TRUE(trail->prune(366));
}

TEST_F(TrailTest, drops_whole_segments_after_their_term_and_says_so) {
    constexpr std::int64_t kDay = 86'400'000;
    for (int month = 0; month < 16; ++month) {
        auto trail = open(16'384);
        for (std::uint64_t i = 0; i < 200; ++i) ASSERT_TRUE(trail->append(test_event(i), Durability::grouped));
        trail.reset();
        clock_.now += 31 * kDay;
    }
    auto trail = open(16'384);
    ASSERT_TRUE(trail->append(test_event(1), Durability::durable));
    trail.reset();
    const auto report = verify();
    EXPECT_EQ(report.findings_total, 0u) << report.findings[0].text;
    EXPECT_GT(report.first_event, 1u);
    EXPECT_GE(report.last_event - report.first_event, 200u * 11);
    // Nothing younger than the term is gone.
    EXPECT_LT(report.first_event, 200u * 5);
}

TEST_F(TrailTest, refuses_to_continue_the_log_of_another_node) {
    open().reset();
    auto config = test_config(path());
    config.node = "beta-1";
    EXPECT_EQ(open_trail(storage::posix_file_system(), config, sealer_, clock_).error().code, error::AuditForeign);
    config = test_config(path());
    config.chain_id = 1;
    EXPECT_EQ(open_trail(storage::posix_file_system(), config, sealer_, clock_).error().code, error::AuditForeign);
}

TEST_F(TrailTest, a_new_seal_key_begins_a_new_segment_that_the_old_key_closed) {
    auto trail = open();
    ASSERT_TRUE(trail->append(test_event(1), Durability::durable));
    trail.reset();
    TestSealer other{8};
    other.follow(sealer_);
    auto opened = open_trail(storage::posix_file_system(), test_config(path()), other, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    opened->trail.reset();
    const auto report = verify();
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.seal_keys, (std::vector{sealer_.key(), other.key()}));
    EXPECT_EQ(report.last_event, 2u);
}

TEST_F(TrailTest, keys_that_replaced_each_other_while_the_node_was_down_are_all_introduced) {
    open().reset();
    TestSealer second{8}, third{9}, stranger{10};
    second.follow(sealer_);
    third.follow(second);
    const auto go_on = [&](TestSealer& sealer) {
        auto opened = open_trail(storage::posix_file_system(), test_config(path()), sealer, clock_);
        ASSERT_TRUE(opened) << opened.error().text();
        ASSERT_TRUE(opened->trail->append(test_event(1), Durability::durable));
    };
    const auto judge = [&](const Expectation& expected) {
        const auto report = verify_log(storage::posix_file_system(), path(), expected);
        if (!report) return report.error().code;
        return report->findings_total == 0 ? ErrorCode{} : error::AuditTampered;
    };
    go_on(third);
    go_on(third); // a later start introduces nothing again
    // Whoever knows any key of the chain knows the log; a key that is not in it does not.
    for (const auto& key : {sealer_.key(), second.key(), third.key()})
        EXPECT_EQ(judge({.seal_key = key}), ErrorCode{}) << to_hex(key);
    EXPECT_EQ(judge({.seal_key = stranger.key()}), error::AuditForeign);
    AnchorList anchors{.node = "alpha-1", .chain_id = 8020, .seal_keys = {sealer_.key()}, .anchors = {}};
    EXPECT_EQ(judge({.anchors = anchors}), ErrorCode{}) << "the chain knows the first, which introduces the others";

    // A key that the one before did not introduce: refused, unless the chain knows it.
    go_on(stranger);
    EXPECT_EQ(judge({}), error::AuditKeyUnannounced);
    EXPECT_EQ(judge({.seal_key = sealer_.key()}), error::AuditKeyUnannounced);
    EXPECT_EQ(judge({.own = true}), ErrorCode{});
    EXPECT_EQ(judge({.anchors = anchors}), error::AuditKeyUnannounced);
    anchors.seal_keys.push_back(stranger.key());
    EXPECT_EQ(judge({.anchors = anchors}), ErrorCode{});
}

TEST_F(TrailTest, an_introduction_that_was_not_signed_by_the_key_before_is_none) {
    open().reset();
    TestSealer forger{8}, fellow{9};
    fellow.follow(forger);
    auto claim = fellow.successions().front(); // signed by the forger, not by the key that it names
    claim.before = sealer_.key();
    fellow.claim(claim);
    auto opened = open_trail(storage::posix_file_system(), test_config(path()), fellow, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    opened->trail.reset();
    EXPECT_EQ(verify_log(storage::posix_file_system(), path(), {}).error().code, error::AuditKeyUnannounced);
}

TEST_F(TrailTest, knows_after_a_crash_which_acts_of_blocks_it_has) {
    auto trail = open();
    auto event = test_event(1);
    event.origin = "block 5";
    ASSERT_TRUE(trail->append(event, Durability::grouped));
    trail->covered(7);
    ASSERT_TRUE(trail->flush());
    event.origin = "block 9";
    ASSERT_TRUE(trail->append(event, Durability::durable));
    ASSERT_TRUE(trail->append(event, Durability::durable));
    const auto copy = directory_.path() + "/copy"; // what a crash leaves
    std::filesystem::copy(path(), copy);
    auto opened = open_trail(storage::posix_file_system(), test_config(copy), sealer_, clock_);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->cover.height, 7u);
    EXPECT_EQ(opened->cover.events, (std::vector<std::pair<std::uint64_t, std::uint64_t>>{{9, 2}}));
}

TEST_F(TrailTest, only_what_is_sealed_is_handed_out_page_by_page) {
    auto trail = open(16'384);
    for (std::uint64_t i = 0; i < 500; ++i) ASSERT_TRUE(trail->append(test_event(i), Durability::grouped));
    ASSERT_TRUE(trail->flush());
    ASSERT_TRUE(trail->append(test_event(500), Durability::durable)); // on disk, most likely not sealed yet
    std::vector<Bytes> collected;
    Cursor cursor;
    for (bool more = true; more;) {
        const auto page = read_page(storage::posix_file_system(), path(), cursor, 64);
        ASSERT_TRUE(page) << page.error().text();
        collected.insert(collected.end(), page->records.begin(), page->records.end());
        cursor = page->next;
        more = page->more;
    }
    trail.reset();
    auto all = records_of(path());
    ASSERT_LE(collected.size(), all.size());
    EXPECT_GE(collected.size(), 500u);
    EXPECT_EQ(collected.back()[0], 3); // a seal
    all.resize(collected.size());
    EXPECT_EQ(collected, all);
}

TEST_F(TrailTest, what_a_crash_left_without_a_seal_is_handed_out_after_the_key_was_replaced) {
    auto trail = open();
    for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(trail->append(test_event(i), Durability::durable));
    ASSERT_TRUE(trail->flush());
    for (std::uint64_t i = 5; i < 8; ++i) ASSERT_TRUE(trail->append(test_event(i), Durability::durable));
    const auto copy = directory_.path() + "/copy"; // what a crash leaves
    std::filesystem::copy(path(), copy);
    trail.reset();
    TestSealer next{8};
    next.follow(sealer_);
    auto opened = open_trail(storage::posix_file_system(), test_config(copy), next, clock_);
    ASSERT_TRUE(opened) << opened.error().text();
    ASSERT_TRUE(opened->trail->append(test_event(8), Durability::durable));
    ASSERT_TRUE(opened->trail->flush());
    for (const std::size_t limit : {1u, 3u, 64u}) {
        std::vector<Bytes> collected;
        Cursor cursor;
        for (bool more = true; more;) {
            const auto page = read_page(storage::posix_file_system(), copy, cursor, limit);
            ASSERT_TRUE(page) << page.error().text();
            collected.insert(collected.end(), page->records.begin(), page->records.end());
            cursor = page->next;
            more = page->more;
        }
        EXPECT_EQ(collected, records_of(copy)) << limit;
    }
}

TEST(Event, texts_cannot_forge_a_line_of_a_report) {
    const auto event =
        made_safe({.subject = "a\nb\x1b[2Jc\xff\xc2\x85", .reason = std::string(5000, 'x') + "\xe2\x82"});
    EXPECT_EQ(event.subject, "a?b?[2Jc??");
    EXPECT_EQ(event.reason.size(), kReasonBytesMax);
    EXPECT_TRUE(event.reason.ends_with("x..."));
    std::string euros;
    for (int i = 0; i < 200; ++i) euros += "\xe2\x82\xac";
    const auto cut = made_safe({.object = euros}).object;
    EXPECT_LE(cut.size(), kFieldBytesMax);
    EXPECT_EQ(made_safe({.object = cut}).object, cut);
}

TEST(Record, decodes_exactly_what_it_encodes) {
    const auto config = test_config("");
    for (const Record& record :
         {Record{.previous = {}, .body = Opening{.node = "alpha-1", .organisation = "Alpha", .chain_id = 1}},
          Record{.previous = config.genesis,
                 .body =
                     [] {
                         auto event = test_event(14);
                         event.sequence = 3;
                         return event;
                     }()},
          Record{.previous = {},
                 .body = Opening{.node = "alpha-1",
                                 .organisation = "Alpha",
                                 .successions = std::vector<ledger::SealSuccession>(ledger::kSealSuccessionsMax)}},
          Record{.previous = {}, .body = Seal{.sequence = 3, .height = 2, .uses = ledger::KeyUses{.counts = {1, 2}}}},
          Record{.previous = {}, .body = Seal{.sequence = 3, .height = 2}}}) {
        const auto bytes = encode(record);
        const auto decoded = decode_record(bytes);
        ASSERT_TRUE(decoded) << decoded.error().text();
        EXPECT_EQ(encode(*decoded), bytes);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(decode_record(BytesView{bytes}.first(cut)));
    }
}

} // namespace
} // namespace cairn::audit
