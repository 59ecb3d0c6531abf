#include "base/errors/storage.hpp"
#include "cli/key_probes.hpp"
#include "cli/node_data.hpp"
#include "node/control.hpp"
#include "storage/test_directory.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

using nlohmann::json;

/// A node as far as its control socket tells: two versions of each key, of which the signer still opens what `opens` says.
class Answering {
public:
    Answering(const std::string& directory, bool opens) {
        socket_ =
            node::ControlSocket::listen(directory, [opens](const std::string& line) {
                if (line.ends_with(" status"))
                    return json{{"result",
                                 {{"versions",
                                   {{{"version", 1}, {"state", opens ? "superseded" : "destroyed"}},
                                    {{"version", 2}, {"state", "current"}}}}}}}
                        .dump();
                EXPECT_TRUE(line.ends_with(" try 1")) << line;
                return json{
                    {"result",
                     {{"refused", !opens}, {"code", opens ? "" : error_id(error::VaultKeyRetired)}, {"detail", ""}}}}
                    .dump();
            }).value();
    }

private:
    std::unique_ptr<node::ControlSocket> socket_;
};

std::vector<Probe> probes_of(ledger::KeyClass key_class, std::vector<std::string> data_dirs) {
    ProbePlan plan;
    plan.key.head.key_class = key_class;
    plan.data_dirs = std::move(data_dirs);
    auto out = probe_key(plan, {});
    std::erase_if(out, [](const Probe& one) { return one.interface != "storage" && one.interface != "restore"; });
    return out;
}

} // namespace

TEST(KeyProbes, an_old_version_of_a_storage_or_backup_key_that_still_opens_anything_counts_as_accepted) {
    const storage::TestDirectory directory;
    for (const bool opens : {true, false}) {
        const Answering node{directory.path(), opens};
        const auto probes = probes_of(ledger::KeyClass::storage_root, {directory.path()});
        ASSERT_EQ(probes.size(), 2u);
        for (const auto& one : probes) {
            EXPECT_EQ(one.outcome, opens ? ProbeOutcome::accepted : ProbeOutcome::refused) << one.detail;
            EXPECT_EQ(one.code, opens ? "" : error_id(error::VaultKeyRetired));
        }
        EXPECT_EQ(all_refused(probes), !opens);
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
