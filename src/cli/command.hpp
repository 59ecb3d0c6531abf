// The declaration of the command line. One table of these feeds parsing, help, completion and the reference
// page, so that none of them can say something else than the others.
#pragma once

#include "base/result.hpp"

#include <string_view>
#include <vector>

namespace cairn::cli {

class Invocation;

/// What the shell may offer for a value.
enum class Completes { nothing, file, directory, dev_node, account };

struct FlagSpec {
    std::string_view name = {};  // without the dashes
    char letter = 0;             // 0: no short form
    std::string_view value = {}; // name of its value in help; empty for a switch
    std::string_view help = {};
    bool repeatable = false;
    std::vector<std::string_view> choices = {};
    Completes completes = Completes::nothing;
};

enum class Need { one, optional, one_or_more, any };

struct ArgumentSpec {
    std::string_view name;
    std::string_view help = {};
    Need need = Need::one;
    std::vector<std::string_view> choices = {};
    Completes completes = Completes::nothing;
};

struct Example {
    std::string_view line;
    std::string_view what;
};

/// `cairn NOUN VERB`; a command whose noun says it all has no verb.
struct Command {
    std::string_view noun = {};
    std::string_view verb = {};
    std::string_view summary = {}; // one line, no full stop
    std::string_view details = {}; // a paragraph or two
    std::vector<ArgumentSpec> arguments = {};
    std::vector<FlagSpec> flags = {};
    std::vector<Example> examples = {};
    Status (*run)(Invocation&) = nullptr;
};

struct Noun {
    std::string_view name;
    std::string_view summary;
};

/// In the order of help.
const std::vector<Noun>& nouns();
const std::vector<Command>& commands();
/// Flags that every command takes.
const std::vector<FlagSpec>& common_flags();

/// "cairn dev up"
std::string full_name(const Command& command);
/// "cairn dev up [--nodes N] FILE..." with a place for flags in general.
std::string usage_of(const Command& command);

/// The parts of the table, each beside the code it declares.
using CommandList = std::vector<Command>;
void declare_account(CommandList& out);
void declare_admin(CommandList& out); // and `org enrol`
void declare_audit(CommandList& out);
void declare_audit_collect(CommandList& out);
void declare_bench(CommandList& out);
void declare_bench_audit(CommandList& out);
void declare_block(CommandList& out);
void declare_compliance(CommandList& out);
void declare_contract(CommandList& out);
void declare_dev(CommandList& out);
void declare_doctor(CommandList& out);
void declare_key(CommandList& out);
void declare_evidence(CommandList& out);
void declare_certificates(CommandList& out);
void declare_identity(CommandList& out);
void declare_meta(CommandList& out); // version, completion, docs
void declare_network(CommandList& out);
void declare_node(CommandList& out);
void declare_org(CommandList& out);
void declare_freeze(CommandList& out); // and unfreeze
void declare_label(CommandList& out);
void declare_policy(CommandList& out);
void declare_proposal(CommandList& out);
void declare_record(CommandList& out);
void declare_role(CommandList& out);
void declare_rpc(CommandList& out);
void declare_signer(CommandList& out);
void declare_state_test(CommandList& out);
void declare_shares(CommandList& out);
void declare_storage(CommandList& out);
void declare_tx(CommandList& out);
void declare_zones(CommandList& out);

} // namespace cairn::cli
