#include "cli/rpc_trust.hpp"

#include "cli/invocation.hpp"

#include <map>
#include <mutex>

namespace cairn::cli {
namespace {

struct Trust {
    std::mutex mutex;
    std::map<std::string, std::string> files; // by origin; guarded by mutex
    std::string alone;                        // guarded by mutex
};

Trust& trust() {
    static Trust one;
    return one;
}

} // namespace

void trust_at(const std::string& origin, const std::string& ca_file) {
    const std::lock_guard lock(trust().mutex);
    trust().files[origin] = ca_file;
}

void trust_alone(const std::string& ca_file) {
    const std::lock_guard lock(trust().mutex);
    trust().alone = ca_file;
}

std::string ca_file_for(const std::string& origin) {
    const std::lock_guard lock(trust().mutex);
    // What the caller says goes before what a development network's directory says.
    if (!trust().alone.empty()) return trust().alone;
    const auto found = trust().files.find(origin);
    if (found != trust().files.end()) return found->second;
    return environment("CAIRN_RPC_CA").value_or("");
}

} // namespace cairn::cli
