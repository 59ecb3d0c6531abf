#include "cli/key_replacement.hpp"

#include "cli/replacement.hpp"

#include <algorithm>

namespace cairn::cli {

using nlohmann::json;

std::vector<ReplacementStep> replace_key(const Invocation& invocation, RpcClient& rpc, const Sender& sender,
                                         const ReplacementPlan& plan) {
    const ReplacementCase of{invocation, rpc, sender, plan};
    switch (plan.key.head.key_class) {
    case ledger::KeyClass::account: return replace_account_key(of);
    case ledger::KeyClass::consensus: return replace_voting_key(of);
    case ledger::KeyClass::tls: return replace_tls_key(of);
    case ledger::KeyClass::person: return replace_person_key(of);
    case ledger::KeyClass::audit_seal: return replace_seal_key(of);
    case ledger::KeyClass::authority: return replace_authority_key(of);
    case ledger::KeyClass::storage_root: return replace_storage_keys(of);
    default: break;
    }
    return {{.step = "new key",
             .state = StepState::left,
             .detail = "no command makes keys of this class",
             .who = "its owner",
             .command = "replaceKey(bytes32,bytes32) of the contract Keys, by the owner's account, then cairn key "
                        "incident close " +
                        std::to_string(plan.incident) + " --out DIR"}};
}

std::string_view name_of(StepState state) {
    switch (state) {
    case StepState::done: return "done";
    case StepState::waiting: return "waiting";
    case StepState::left: return "left";
    case StepState::failed: return "failed";
    }
    return "";
}

bool all_done(const std::vector<ReplacementStep>& steps) {
    return std::ranges::all_of(steps, [](const ReplacementStep& one) { return one.state == StepState::done; });
}

json to_json(const std::vector<ReplacementStep>& steps) {
    json out = json::array();
    for (const auto& one : steps)
        out.push_back({{"step", one.step},
                       {"state", name_of(one.state)},
                       {"detail", one.detail},
                       {"for", one.who},
                       {"command", one.command}});
    return out;
}

std::string left_to_do(const std::vector<ReplacementStep>& steps) {
    std::string out;
    for (const auto& one : steps) {
        if (one.state == StepState::done) continue;
        out += "  " + one.step + " (" + std::string{name_of(one.state)} + (one.who.empty() ? "" : " for " + one.who) +
               "): " + printable(one.detail) + "\n    " + one.command + "\n";
    }
    return out;
}

} // namespace cairn::cli
