#include "cli/replacement.hpp"

#include "base/errors/storage.hpp"
#include "cli/node_data.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t kReencryptMib = 32; // a second, as `cairn storage key reencrypt`

/// Keys that protect the data and backups of nodes.
class StorageKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;
    bool run();

private:
    bool new_version(const std::string& data_dir, const std::string& noun);
    bool old_files(const std::string& data_dir);
    bool old_versions(const std::string& data_dir, const std::string& noun);
};

/// What was made since the incident was opened is not the thief's: each node of this machine makes its next version once, and brings its
/// old files under it. That the old versions end takes two persons.
bool StorageKeyReplacement::run() {
    if (plan_.configs.empty())
        return leave("new storage keys", "the operator of each node", "no node of this machine is known here",
                     "the same command with --config FILE, on the node's machine");
    bool all = true;
    for (const auto& config : plan_.configs) {
        const auto settings = read_node_config(config);
        if (!settings) {
            all = give_up("new storage keys of " + config, settings.error());
            continue;
        }
        const auto& data_dir = settings->node.data_dir;
        const bool backups = new_version(data_dir, "backup-key") && old_versions(data_dir, "backup-key");
        const bool files =
            new_version(data_dir, "storage-key") && old_files(data_dir) && old_versions(data_dir, "storage-key");
        all = all && backups && files;
    }
    return all;
}

bool StorageKeyReplacement::new_version(const std::string& data_dir, const std::string& noun) {
    const auto step = "new " + noun + " of " + data_dir;
    const auto versions = versions_of(data_dir, noun);
    if (!versions && versions.error().code == error::EncryptionOffRefused)
        return done(step, "nothing of this node is encrypted");
    const auto noted = plan_.versions.highest(data_dir, noun);
    if (!versions || !noted)
        return leave(step, "the operator of the node",
                     versions ? "its versions were not noted yet" : versions.error().text(),
                     std::string{"start the node, then "} + kAgain);
    if (*noted == 0) return done(step, "there was none");
    if (std::ranges::any_of(*versions, [&](const KeyVersion& one) { return one.number > *noted; }))
        return done(step, "made since the incident was opened");
    if (const auto rotated = ask_control(data_dir, noun + " rotate"); !rotated) return give_up(step, rotated.error());
    return done(step, "made now, after version " + std::to_string(*noted));
}

bool StorageKeyReplacement::old_files(const std::string& data_dir) {
    const auto step = "old files of " + data_dir;
    auto status = ask_control(data_dir, "storage-key rewrap");
    if (status) status = ask_control(data_dir, "storage-key status");
    if (!status && status.error().code == error::EncryptionOffRefused) return true; // as said of its new version
    if (!status) return give_up(step, status.error());
    const auto run = status->value("reencryption", json::object());
    const auto left = run.value("files_left", std::uint64_t{0});
    const bool is_running = run.value("running", false);
    if (left == 0 && !is_running) return done(step, "none is under an old version");
    if (!is_running)
        if (const auto begun = ask_control(data_dir, "storage-key reencrypt " + std::to_string(kReencryptMib)); !begun)
            return give_up(step, begun.error());
    return wait(step, std::to_string(left) + " are under an old version; the node brings them under the new one");
}

bool StorageKeyReplacement::old_versions(const std::string& data_dir, const std::string& noun) {
    const auto step = "end of the old versions of the " + noun + " of " + data_dir;
    const auto versions = versions_of(data_dir, noun);
    if (!versions) return versions.error().code == error::EncryptionOffRefused || give_up(step, versions.error());
    const auto noted = plan_.versions.highest(data_dir, noun).value_or(0);
    for (const auto& one : *versions)
        if (one.number <= noted && one.state != "destroyed")
            return leave(
                step, "two security administrators",
                "version " + std::to_string(one.number) +
                    " still opens what it protects; a root that is known itself is replaced with its keys.sealed",
                "cairn admin retire-" + noun + " " + std::to_string(one.number) + ", then " + kAgain);
    return done(step, "they open nothing");
}

} // namespace

std::vector<ReplacementStep> replace_storage_keys(const ReplacementCase& of) {
    StorageKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
}

} // namespace cairn::cli
