// The table of commands, put together from its parts.
#include "cli/command.hpp"

namespace cairn::cli {

const std::vector<Noun>& nouns() {
    static const std::vector<Noun> list = {
        {"dev", "a whole network on this machine, for development"},
        {"node", "run a validator, ask any node for its status"},
        {"org", "an organisation's keys and certificates"},
        {"network", "the genesis file that all organisations sign"},
        {"account", "accounts and their encrypted keys"},
        {"tx", "transactions"},
        {"contract", "deploy and use contracts"},
        {"evidence", "proofs that a validator broke the rules"},
        {"record", "put documents on record, prove and verify them"},
        {"block", "blocks"},
        {"rpc", "call any JSON-RPC method"},
        {"bench", "measure a network"},
        {"state-test", "run Ethereum test fixtures"},
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
        declare_org(out);
        declare_network(out);
        declare_account(out);
        declare_tx(out);
        declare_contract(out);
        declare_evidence(out);
        declare_record(out);
        declare_block(out);
        declare_rpc(out);
        declare_bench(out);
        declare_state_test(out);
        declare_doctor(out);
        declare_meta(out);
        return out;
    }();
    return list;
}

} // namespace cairn::cli
