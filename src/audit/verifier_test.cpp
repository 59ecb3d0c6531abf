#include "audit/report.hpp"
#include "audit/test_log.hpp"
#include "base/errors/audit.hpp"
#include "base/sanitized.hpp"

#include <random>

namespace cairn::audit {
namespace {

constexpr std::uint64_t kEvents = 20'000;

/// One log for all tests; each spoils a copy of its records.
class VerifierTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        storage::TestDirectory directory;
        TestSealer sealer;
        TestClock clock;
        auto opened = open_trail(storage::posix_file_system(), test_config(directory.path() + "/audit"), sealer, clock);
        ASSERT_TRUE(opened);
        for (std::uint64_t i = 0; i < kEvents; ++i) {
            ASSERT_TRUE(opened->trail->append(test_event(i), Durability::grouped));
            if (i % 500 == 499) {
                ASSERT_TRUE(opened->trail->flush());
            }
        }
        head_ = opened->trail->sealed();
        opened->trail.reset();
        records_ = records_of(directory.path() + "/audit");
    }
    Report verify(const std::vector<Bytes>& records, const Expectation& expected = {}) {
        write_evidence(directory_.path() + "/log", records);
        auto report = verify_log(storage::posix_file_system(), directory_.path() + "/log", expected);
        EXPECT_TRUE(report) << report.error().text();
        return report ? *report : Report{};
    }
    /// Index of the record of an event.
    static std::size_t index_of(std::uint64_t sequence) {
        for (std::size_t i = 0; i < records_.size(); ++i)
            if (records_[i][0] == 2 && sequence_of(records_[i]) == sequence) return i;
        return 0;
    }
    static std::uint64_t sequence_of(const Bytes& record) {
        return std::get<Event>(decode_record(record)->body).sequence;
    }
    static bool is_event(std::size_t i) { return i < records_.size() && records_[i][0] == 2; }

    /// As an attacker does who can write the disk but not sign: all links behind `from` fit again.
    static void relink(std::vector<Bytes>& records, std::size_t from) {
        for (std::size_t i = std::max<std::size_t>(from, 1); i < records.size(); ++i) {
            const auto hash = hash_of_record(records[i - 1]);
            std::copy(hash.begin(), hash.end(), records[i].begin() + 1);
        }
    }

    static std::vector<Bytes> records_;
    static Head head_;
    storage::TestDirectory directory_;
};
std::vector<Bytes> VerifierTest::records_;
Head VerifierTest::head_;

TEST_F(VerifierTest, a_sound_log_has_no_findings) {
    const auto report = verify(records_);
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.events, kEvents);
    EXPECT_EQ(report.last_event, kEvents);
    EXPECT_EQ(report.unsealed_events, 0u);
}

TEST_F(VerifierTest, finds_and_locates_every_single_change) {
    std::mt19937_64 random{42};
    for (int round = 0; round < (kIsSanitized ? 5 : 25); ++round) {
        const auto sequence = 2 + random() % (kEvents - 4);
        const auto at = index_of(sequence);
        SCOPED_TRACE("event " + std::to_string(sequence));

        auto edited = records_;
        auto record = *decode_record(edited[at]);
        std::get<Event>(record.body).subject += "!";
        edited[at] = encode(record);
        auto report = verify(edited);
        ASSERT_EQ(report.findings_total, 1u);
        EXPECT_EQ(report.findings[0].fault, Fault::edited);
        EXPECT_EQ(report.findings[0].first_event, sequence);

        auto flipped = records_;
        flipped[at][33 + random() % (flipped[at].size() - 33)] ^= static_cast<std::uint8_t>(1u << random() % 8);
        report = verify(flipped);
        ASSERT_GE(report.findings_total, 1u);
        EXPECT_EQ(report.findings[0].first_event, sequence) << report.findings[0].text;

        auto deleted = records_;
        deleted.erase(deleted.begin() + static_cast<std::ptrdiff_t>(at));
        report = verify(deleted);
        ASSERT_EQ(report.findings_total, 1u);
        EXPECT_EQ(report.findings[0].fault, Fault::deleted);
        EXPECT_EQ(report.findings[0].first_event, sequence);
        EXPECT_EQ(report.findings[0].last_event, sequence);

        if (is_event(at + 1)) {
            auto swapped = records_;
            std::swap(swapped[at], swapped[at + 1]);
            report = verify(swapped);
            ASSERT_EQ(report.findings_total, 1u) << report.findings[0].text << report.findings[1].text;
            EXPECT_EQ(report.findings[0].fault, Fault::moved);
            EXPECT_EQ(report.findings[0].first_event, sequence);
        }

        auto doubled = records_;
        doubled.insert(doubled.begin() + static_cast<std::ptrdiff_t>(at), records_[at]);
        report = verify(doubled);
        ASSERT_GE(report.findings_total, 1u);
        EXPECT_EQ(report.findings[0].fault, Fault::doubled);
        EXPECT_EQ(report.findings[0].first_event, sequence);
    }
}

TEST_F(VerifierTest, finds_an_edit_whose_links_were_made_to_fit) {
    const auto at = index_of(7'777);
    auto records = records_;
    auto record = *decode_record(records[at]);
    std::get<Event>(record.body).subject = "somebody else";
    records[at] = encode(record);
    relink(records, at);
    const auto report = verify(records);
    ASSERT_GE(report.findings_total, 1u);
    EXPECT_LE(report.findings[0].first_event, 7'777u);
    EXPECT_GE(report.findings[0].last_event, 7'777u);
    // No more than what one seal covers.
    EXPECT_LE(report.findings[0].last_event - report.findings[0].first_event, 500u);
}

TEST_F(VerifierTest, finds_a_missing_seal) {
    auto records = records_;
    std::size_t seal = 0;
    while (records[seal][0] != 3) ++seal;
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(seal));
    EXPECT_EQ(verify(records).findings_total, 1u);
}

TEST_F(VerifierTest, finds_a_cut_end) {
    auto records = records_;
    records.pop_back(); // the last seal
    auto report = verify(records);
    ASSERT_EQ(report.findings_total, 1u);
    EXPECT_EQ(report.findings[0].fault, Fault::unsealed);
    records.pop_back();
    EXPECT_EQ(verify(records).findings[0].fault, Fault::unsealed);
    EXPECT_EQ(verify(records, {.live = true}).findings_total, 0u);
}

TEST_F(VerifierTest, an_anchor_shows_a_cut_back_to_an_earlier_seal) {
    auto records = records_;
    do records.pop_back();
    while (records.back()[0] != 3);
    const auto end = std::get<Seal>(decode_record(records.back())->body).sequence;
    EXPECT_EQ(verify(records).findings_total, 0u); // the log alone cannot know
    Expectation expected;
    expected.anchors = AnchorList{.node = "alpha-1",
                                  .chain_id = 8020,
                                  .seal_keys = {TestSealer{}.key()},
                                  .anchors = {{head_.sequence, head_.hash, 99}}};
    auto report = verify(records, expected);
    ASSERT_EQ(report.findings_total, 1u);
    EXPECT_EQ(report.findings[0].fault, Fault::truncated);
    EXPECT_EQ(report.findings[0].first_event, end + 1);
    EXPECT_EQ(report.findings[0].last_event, kEvents);
    report = verify(records_, expected);
    EXPECT_EQ(report.findings_total, 0u);
    EXPECT_EQ(report.anchors_met, 1u);
}

TEST_F(VerifierTest, an_anchor_shows_a_log_that_was_written_anew) {
    TestSealer sealer; // even by the holder of the seal key
    TestClock clock;
    auto opened = open_trail(storage::posix_file_system(), test_config(directory_.path() + "/audit"), sealer, clock);
    ASSERT_TRUE(opened);
    for (std::uint64_t i = 0; i < kEvents; ++i) {
        while (!opened->trail->append(test_event(i + 1), Durability::grouped)) (void)opened->trail->flush();
    }
    opened->trail.reset();
    Expectation expected;
    expected.anchors = AnchorList{.node = "alpha-1", .chain_id = 8020, .anchors = {{5'000, head_.hash, 9}}};
    const auto report = verify_log(storage::posix_file_system(), directory_.path() + "/audit", expected);
    ASSERT_TRUE(report);
    ASSERT_EQ(report->findings_total, 1u);
    EXPECT_EQ(report->findings[0].fault, Fault::forged);
}

TEST_F(VerifierTest, refuses_the_log_of_another_node_chain_or_key) {
    write_evidence(directory_.path() + "/log", records_);
    const auto code = [&](const Expectation& expected) {
        const auto report = verify_log(storage::posix_file_system(), directory_.path() + "/log", expected);
        return report ? error::AuditTampered : report.error().code;
    };
    EXPECT_EQ(code({.node = "beta-1"}), error::AuditForeign);
    EXPECT_EQ(code({.chain_id = 1}), error::AuditForeign);
    EXPECT_EQ(code({.genesis = Hash256{}}), error::AuditForeign);
    EXPECT_EQ(code({.seal_key = TestSealer{9}.key()}), error::AuditForeign);
    EXPECT_EQ(code({.anchors = AnchorList{.node = "beta-1", .chain_id = 8020}}), error::AuditForeign);
    EXPECT_EQ(code({.anchors = AnchorList{.node = "alpha-1", .chain_id = 8020, .seal_keys = {TestSealer{9}.key()}}}),
              error::AuditForeign);
}

TEST_F(VerifierTest, locates_damage_in_a_segment_file_and_reads_on_behind_it) {
    TestSealer sealer;
    TestClock clock;
    auto config = test_config(directory_.path() + "/audit");
    config.segment_bytes_max = 100'000;
    auto opened = open_trail(storage::posix_file_system(), config, sealer, clock);
    for (std::uint64_t i = 0; i < 3'000; ++i) ASSERT_TRUE(opened->trail->append(test_event(i), Durability::grouped));
    opened->trail.reset();
    const auto segment = config.directory + "/0000000001.seg";
    {
        std::fstream file{segment, std::ios::in | std::ios::out | std::ios::binary};
        file.seekp(50'000);
        file.put('\x55');
    }
    auto report = verify_log(storage::posix_file_system(), config.directory, {});
    ASSERT_TRUE(report);
    ASSERT_EQ(report->findings_total, 1u) << report->findings[1].text;
    EXPECT_EQ(report->findings[0].fault, Fault::damaged);
    EXPECT_EQ(report->findings[0].place.file, segment);
    EXPECT_NEAR(static_cast<double>(report->findings[0].place.offset), 50'000, 300);
    EXPECT_EQ(report->last_event, 3'000u);
    // Continuing such a log would hide what happened.
    std::filesystem::remove(segment);
    report = verify_log(storage::posix_file_system(), config.directory, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->findings[0].fault, Fault::deleted);
    EXPECT_EQ(open_trail(storage::posix_file_system(), config, sealer, clock).error().code, error::AuditTampered);
}

TEST_F(VerifierTest, what_is_no_log_has_a_code_of_its_own) {
    std::ofstream{directory_.path() + "/text"} << "hello";
    EXPECT_EQ(verify_log(storage::posix_file_system(), directory_.path() + "/text", {}).error().code,
              error::AuditNoSuchLog);
    EXPECT_EQ(verify_log(storage::posix_file_system(), directory_.path(), {}).error().code, error::AuditNoSuchLog);
}

TEST(Report, formats_and_filters) {
    auto event = made_safe(test_event(7));
    event.sequence = 8;
    event.node = "alpha-1";
    event.time = Milliseconds{1'800'000'000'123};
    event.subject = "a \"b\" ] \\";
    EXPECT_EQ(
        to_json_line(event),
        R"({"time":"2027-01-15T08:00:00.123Z","sequence":8,"node":"alpha-1","subject":"a \"b\" ] \\","identity":"Alpha",)"
        R"("origin":"management 10.0.0.9","object":"thing 7","action":"contract.call","result":"refused",)"
        R"("reason":"CRN-TST-0001 not now"})");
    EXPECT_EQ(to_syslog_line(event),
              "<108>1 2027-01-15T08:00:00.123Z alpha-1 cairn - contract.call [cairn@32473 sequence=\"8\" "
              "subject=\"a \\\"b\\\" \\] \\\\\" identity=\"Alpha\" origin=\"management 10.0.0.9\" object=\"thing 7\" "
              "action=\"contract.call\" result=\"refused\" reason=\"CRN-TST-0001 not now\"] \xef\xbb\xbf"
              "a \"b\" ] \\ contract.call thing 7: refused");
    event.subject = "=1+1";
    EXPECT_TRUE(to_csv_line(event).starts_with("2027-01-15T08:00:00.123Z,8,\"alpha-1\",\"'=1+1\","));
    EXPECT_EQ(time_from("2027-01-15T08:00:00.123Z"), event.time);
    EXPECT_EQ(time_from("2027-01-15"), Milliseconds{1'799'971'200'000});
    for (const auto* bad : {"", "2027", "2027-13-01", "2027-02-30", "2027-01-15T25:00:00Z", "2027-01-15T08:00:00Zx"})
        EXPECT_FALSE(time_from(bad)) << bad;
    EXPECT_TRUE((Filter{.action = "contract", .outcome = Outcome::refused}).matches(event));
    EXPECT_FALSE((Filter{.action = "contr"}).matches(event));
    EXPECT_FALSE((Filter{.from = event.time + Milliseconds{1}}).matches(event));
    EXPECT_FALSE((Filter{.to = event.time}).matches(event));
    EXPECT_TRUE((Filter{.from = event.time, .origin = "10.0.0.9"}).matches(event));
}

} // namespace
} // namespace cairn::audit
