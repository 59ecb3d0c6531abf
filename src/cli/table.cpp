// The table of commands, put together from its parts.
#include "cli/command.hpp"
#include "cli/flow_verbs.hpp"
#include "cli/validator_verbs.hpp"

namespace cairn::cli {

const std::vector<Noun>& nouns() {
    static const std::vector<Noun> list = {
        {"dev", "a whole network on this machine, for development"},
        {"node", "run a validator, ask any node for its status"},
        {"signer", "the process that holds a validator's private keys"},
        {"org", "an organisation's keys and certificates"},
        {"validator", "who votes, and proposals to change that"},
        {"network", "the genesis file that all organisations sign"},
        {"identity", "who stands behind accounts and certificates"},
        {"account", "accounts and their encrypted keys"},
        {"key", "keys: states, rotation, resets, leaks; recovery shares"},
        {"tx", "transactions"},
        {"contract", "deploy and use contracts"},
        {"evidence", "proofs that a validator broke the rules"},
        {"record", "put documents on record, prove and verify them"},
        {"role", "who may do what on the chain"},
        {"policy", "which calls are allowed"},
        {"freeze", "stop an account, a contract or a method"},
        {"unfreeze", "end a freeze before its time"},
        {"label", "security labels of accounts, contracts and records"},
        {"proposal", "decisions that several take together"},
        {"block", "blocks"},
        {"admin", "commands to a node through its management zone"},
        {"audit", "verify, query and export the audit logs of nodes"},
        {"storage", "the keys of a node's data at rest"},
        {"backup", "back up a node, verify and restore"},
        {"rpc", "call any JSON-RPC method"},
        {"bench", "measure a network"},
        {"state-test", "run Ethereum test fixtures"},
        {"compliance", "signed evidence for an auditor"},
        {"doctor", "look for what is wrong, and how to mend it"},
        {"docs", "print the reference and the page of errors"},
        {"completion", "completion script for a shell"},
        {"version", "version of this program"},
    };
    return list;
}

const std::vector<FlagSpec>& common_flags() {
    static const std::vector<FlagSpec> list = {
        {.name = "help", .letter = 'h', .help = "show examples, arguments and flags"},
        {.name = "json", .help = "print one JSON document"},
        {.name = "quiet", .letter = 'q', .help = "no progress and no hints"},
        {.name = "color", .value = "WHEN", .help = "colours", .choices = {"auto", "always", "never"}},
    };
    return list;
}

const std::vector<Command>& commands() {
    static const std::vector<Command> list = [] {
        std::vector<Command> out;
        declare_dev(out);
        declare_node(out);
        declare_signer(out);
        declare_org(out);
        declare_validator(out);
        declare_network(out);
        declare_zones(out);
        declare_identity(out);
        declare_account(out);
        declare_key(out);
        declare_tx(out);
        declare_contract(out);
        declare_evidence(out);
        declare_record(out);
        declare_role(out);
        declare_policy(out);
        declare_freeze(out);
        declare_label(out);
        declare_proposal(out);
        declare_block(out);
        declare_admin(out);
        declare_audit(out);
        declare_audit_collect(out);
        declare_storage(out);
        declare_backup(out);
        declare_shares(out);
        declare_rpc(out);
        declare_bench(out);
        declare_bench_audit(out);
        declare_state_test(out);
        declare_compliance(out);
        declare_flow(out);
        declare_doctor(out);
        declare_meta(out);
        return out;
    }();
    return list;
}

} // namespace cairn::cli
