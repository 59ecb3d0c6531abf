#include "base/errors/storage.hpp"
#include "cli/key_probes.hpp"
#include "cli/test_versioned_node.hpp"
#include "storage/test_directory.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

std::vector<Probe> probes_of(ledger::KeyClass key_class, std::vector<std::string> data_dirs,
                             NotedVersions versions = {}) {
    ProbePlan plan;
    plan.key.head.key_class = key_class;
    plan.data_dirs = std::move(data_dirs);
    plan.versions = std::move(versions);
    auto out = probe_key(plan, {});
    std::erase_if(out, [](const Probe& one) { return one.interface != "storage" && one.interface != "restore"; });
    return out;
}

using States = std::vector<std::string>;

} // namespace

TEST(KeyProbes, only_a_version_that_was_made_since_the_incident_may_open_anything) {
    struct Case {
        States before; // when the incident was opened; none: nobody noted it
        States now;
        ProbeOutcome outcome;
    };
    const Case cases[] = {
        {{"current"}, {"current"}, ProbeOutcome::accepted},
        {{"current"}, {"superseded", "current"}, ProbeOutcome::accepted},
        {{"current"}, {"destroyed", "current"}, ProbeOutcome::refused},
        // Rotated long before the leak: the current version is the thief's too.
        {{"destroyed", "current"}, {"destroyed", "current"}, ProbeOutcome::accepted},
        {{"destroyed", "current"}, {"destroyed", "superseded", "current"}, ProbeOutcome::accepted},
        {{"destroyed", "current"}, {"destroyed", "destroyed", "current"}, ProbeOutcome::refused},
        {{"destroyed", "current"}, {"destroyed", "destroyed", "superseded", "current"}, ProbeOutcome::refused},
        {{}, {"current"}, ProbeOutcome::accepted},
        {{}, {"destroyed", "current"}, ProbeOutcome::unclear},
        {{}, {"superseded", "current"}, ProbeOutcome::accepted},
        {{}, {}, ProbeOutcome::not_applicable},
    };
    for (const auto& [before, now, outcome] : cases) {
        const storage::TestDirectory directory;
        NotedVersions noted;
        if (!before.empty()) {
            const VersionedNode then{directory.path(), before};
            noted.add({directory.path()});
        }
        const VersionedNode node{directory.path(), now};
        const auto probes = probes_of(ledger::KeyClass::storage_root, {directory.path()}, noted);
        ASSERT_EQ(probes.size(), 2u);
        const auto what = testing::PrintToString(before) + " -> " + testing::PrintToString(now);
        for (const auto& one : probes) {
            EXPECT_EQ(one.outcome, outcome) << what << ": " << one.detail;
            EXPECT_EQ(one.code, outcome == ProbeOutcome::refused ? error_id(error::VaultKeyRetired) : "") << what;
            EXPECT_EQ(one.detail.contains("--out"), outcome == ProbeOutcome::unclear) << one.detail;
        }
        EXPECT_EQ(all_refused(probes), outcome == ProbeOutcome::refused) << what;
    }
}

TEST(KeyProbes, the_first_note_of_the_versions_stays) {
    const storage::TestDirectory directory, other;
    NotedVersions noted;
    {
        const VersionedNode node{directory.path(), {"destroyed", "current"}};
        noted.add({directory.path(), other.path()});
    }
    const VersionedNode node{directory.path(), {"destroyed", "destroyed", "current"}};
    const VersionedNode late{other.path(), {"current"}};
    noted.add({directory.path(), other.path()});
    EXPECT_EQ(noted.highest(directory.path(), "storage-key"), 2u);
    EXPECT_EQ(noted.highest(directory.path(), "backup-key"), 2u);
    EXPECT_EQ(noted.highest(other.path(), "backup-key"), 1u); // did not run before

    const Hash256 key{{5}};
    const auto text = noted.to_json(3, key).dump();
    EXPECT_EQ(NotedVersions::from_json(text, 3, key), noted);
    EXPECT_FALSE(NotedVersions::from_json(text, 4, key));
    EXPECT_FALSE(NotedVersions::from_json(text, 3, Hash256{{6}}));
    for (const std::string_view bad :
         {"", "{}", R"("nodes")", R"([1])", R"([{"data_dir":"/a","storage-key":-1}])",
          R"([{"data_dir":"/a","backup-key":4294967296}])", R"([{"storage-key":1}])", R"({"data_dir":"/a"})"}) {
        const auto whole = R"({"incident":3,"key":")" + to_hex(key) + R"(","nodes":)" + std::string{bad} + "}";
        EXPECT_FALSE(NotedVersions::from_json(whole, 3, key)) << whole;
    }
}

TEST(KeyProbes, what_was_not_tried_or_has_no_use_is_never_called_refused) {
    const storage::TestDirectory directory;
    for (const auto& one : probes_of(ledger::KeyClass::account, {directory.path()}))
        EXPECT_EQ(one.outcome, ProbeOutcome::not_applicable) << one.interface;
    for (const auto& one : probes_of(ledger::KeyClass::storage_root, {}))
        EXPECT_EQ(one.outcome, ProbeOutcome::not_probed) << one.interface;
    const auto silent = probes_of(ledger::KeyClass::storage_root, {directory.path()});
    for (const auto& one : silent) EXPECT_EQ(one.outcome, ProbeOutcome::unreachable) << one.interface;
    EXPECT_FALSE(all_refused(silent));
}

} // namespace cairn::cli
