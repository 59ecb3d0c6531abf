// Who stands behind an account: identity bind, unbind, release, suspend, resume, show, verify, list.
#include "base/errors/cli.hpp"
#include "cli/certificates.hpp"
#include "cli/files.hpp"
#include "cli/governance.hpp"
#include "cli/identity_chain.hpp"
#include "cli/keystore.hpp"
#include "cli/registry.hpp"
#include "cli/transact.hpp"
#include "crypto/ed25519.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::int64_t now_seconds() { return system_clock().wall().count() / 1000; }

std::string_view word_of(ledger::Standing standing) {
    switch (standing) {
    case ledger::Standing::good: return "good";
    case ledger::Standing::unbound: return "unbound";
    case ledger::Standing::suspended: return "suspended";
    case ledger::Standing::expired: return "expired";
    case ledger::Standing::organisation_left: return "organisation-left";
    }
    return "unknown";
}

Status bind(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    CRN_TRY(directory, org_directory(invocation));
    const auto kind = ledger::identity_kind_of(invocation.flag_or("kind", "person"));
    if (!kind) return fail(error::CliUsage, "--kind is person, app or node");
    const auto name = invocation.flag("name");
    if (!name) return fail(error::CliUsage, "missing --name NAME\n" + usage_of(invocation.command()));
    CRN_TRY(days, invocation.number("days", 0, 0, 36'500));
    const auto expires =
        days == 0 ? 0 : static_cast<std::uint64_t>(now_seconds() + static_cast<std::int64_t>(days) * kDaySeconds);
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(sender, registrar_of(invocation, directory));
    CRN_TRY(before, identity_on_chain(rpc, account));
    if (before.standing == ledger::Standing::good || !before.organisation.empty())
        return fail(error::CliPrecondition, checksummed(account) + " is bound to " + before.organisation + " already");
    // The salt is safe before the commitment is public: without it nobody could open the entry again.
    CRN_TRY(registry, Registry::open(directory));
    CRN_TRY(entry, registry.add(account, *kind, *name, crypto::system_random()));
    CRN_TRY(receipt, tell_identities(
                         invocation, rpc, sender,
                         identity_call("bind(address,uint8,bytes32,uint64)",
                                       {account, static_cast<std::uint64_t>(*kind), commitment_of(entry), expires})));
    if (invocation.json()) {
        invocation.terminal().out << json{{"account", checksummed(account)},
                                          {"kind", ledger::name_of(*kind)},
                                          {"commitment", to_hex(commitment_of(entry))},
                                          {"expires", expires},
                                          {"receipt", receipt}}
                                         .dump(2)
                                  << '\n';
        return {};
    }
    print_fields(invocation.terminal(),
                 {{"account", checksummed(account)},
                  {"kind", std::string(ledger::name_of(*kind))},
                  {"commitment", to_hex(commitment_of(entry))},
                  {"expires", expires == 0 ? "never" : day_text(static_cast<std::int64_t>(expires))},
                  {"real name", "in " + directory + "/registry.json alone"}});
    return {};
}

/// An account that another organisation bound, and should not have.
Status release(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    return propose_call(invocation, ledger::kIdentitiesContract, identity_call("release(address)", {account}));
}

Status change(Invocation& invocation, const char* what, const Bytes& data, const Address& account) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(sender, registrar_of(invocation, directory));
    CRN_TRY(receipt, tell_identities(invocation, rpc, sender, data));
    if (invocation.json())
        invocation.terminal().out << json{{"account", checksummed(account)}, {"done", what}, {"receipt", receipt}}.dump(
                                         2)
                                  << '\n';
    else
        print_fields(invocation.terminal(), {{what, checksummed(account)}});
    return {};
}

Status unbind(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    return change(invocation, "unbound", identity_call("unbind(address)", {account}), account);
}

Status suspend(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    return change(invocation, "suspended", identity_call("setSuspended(address,bool)", {account, U256{1}}), account);
}

Status resume(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    return change(invocation, "resumed", identity_call("setSuspended(address,bool)", {account, U256{}}), account);
}

Status reveal(Invocation& invocation, const Address& account, const ChainIdentity& chain) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(registry, Registry::open(directory));
    const auto entry = registry.find(account);
    if (!entry) return fail(error::CliPrecondition, directory + "/registry.json has no entry for this account");
    if (commitment_of(*entry) != chain.commitment)
        return fail(error::CliPrecondition, "the registry's entry is not the one that the chain has a commitment to");
    invocation.terminal().out << proof_json(*entry);
    return {};
}

Status show(Invocation& invocation) {
    CRN_TRY(account, parse_address(invocation.argument(0)));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(chain, identity_on_chain(rpc, account));
    if (invocation.has("reveal")) return reveal(invocation, account, chain);
    const auto found = chain.identity.value_or(ledger::AccountIdentity{});
    const std::string kind = chain.identity               ? std::string(ledger::name_of(found.kind))
                             : chain.organisation.empty() ? ""
                                                          : "administrator";
    if (invocation.json()) {
        invocation.terminal().out
            << json{{"account", checksummed(account)},    {"standing", word_of(chain.standing)},
                    {"organisation", chain.organisation}, {"kind", kind},
                    {"registrar", found.is_registrar},    {"bound_at", found.bound_at},
                    {"expires", found.expires},           {"commitment", to_hex(chain.commitment)}}
                   .dump(2)
            << '\n';
        return {};
    }
    print_fields(
        invocation.terminal(),
        {{"account", checksummed(account)},
         {"standing", std::string(word_of(chain.standing)) + " (" + std::string(reason_of(chain.standing)) + ")"},
         {"organisation", chain.organisation.empty() ? "none" : chain.organisation},
         {"kind", kind.empty() ? "none" : kind},
         {"registrar", found.is_registrar ? "yes" : "no"},
         {"bound at block", std::to_string(found.bound_at)},
         {"expires", found.expires == 0 ? "never" : day_text(static_cast<std::int64_t>(found.expires))},
         {"commitment", to_hex(chain.commitment)}});
    return {};
}

Status verify(Invocation& invocation) {
    CRN_TRY(text, read_file(invocation.argument(0), 1 << 16));
    CRN_TRY(entry, proof_from_json(text));
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(chain, identity_on_chain(rpc, entry.account));
    if (chain.commitment.is_zero() || chain.commitment != commitment_of(entry))
        return fail(error::CliPrecondition, "the chain holds no commitment to this name for " +
                                                checksummed(entry.account) + ": the proof is wrong or outdated");
    if (invocation.json()) {
        invocation.terminal().out << json{{"verified", true},
                                          {"account", checksummed(entry.account)},
                                          {"kind", ledger::name_of(entry.kind)},
                                          {"name", entry.name},
                                          {"organisation", chain.organisation}}
                                         .dump(2)
                                  << '\n';
        return {};
    }
    print_fields(invocation.terminal(), {{"verified", "the chain holds the commitment to this name"},
                                         {"account", checksummed(entry.account)},
                                         {"kind", std::string(ledger::name_of(entry.kind))},
                                         {"name", entry.name},
                                         {"organisation", chain.organisation}});
    return {};
}

Status list(Invocation& invocation) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(registry, Registry::open(directory));
    CRN_TRY(rpc, open_rpc(invocation));
    json rows = json::array();
    Table table({"ACCOUNT", "KIND", "STANDING", "EXPIRES"});
    for (const auto& entry : registry.entries()) {
        if (*registry.find(entry.account) != entry) continue; // a later binding of the same account counts
        CRN_TRY(chain, identity_on_chain(rpc, entry.account));
        const auto expires = chain.identity ? chain.identity->expires : 0;
        rows.push_back({{"account", checksummed(entry.account)},
                        {"kind", ledger::name_of(entry.kind)},
                        {"standing", word_of(chain.standing)},
                        {"expires", expires}});
        table.row({checksummed(entry.account), std::string(ledger::name_of(entry.kind)),
                   std::string(word_of(chain.standing)),
                   expires == 0 ? "never" : day_text(static_cast<std::int64_t>(expires))});
    }
    CRN_TRY(folders, certificate_folders(directory));
    json certificates = json::array();
    Table held({"CERTIFICATE", ">DAYS LEFT", "KEY ID"});
    for (const auto& folder : folders) {
        const auto days = (folder.info.validity.not_after - now_seconds()) / kDaySeconds;
        certificates.push_back({{"name", folder.name}, {"days_left", days}, {"key_id", to_hex(folder.info.key_id)}});
        held.row({folder.name, std::to_string(days), to_hex(folder.info.key_id)});
    }
    if (invocation.json()) {
        invocation.terminal().out << json{{"accounts", rows}, {"certificates", certificates}}.dump(2) << '\n';
        return {};
    }
    table.print(invocation.terminal());
    held.print(invocation.terminal());
    return {};
}

std::vector<FlagSpec> sending(std::vector<FlagSpec> first) {
    for (const auto& flags : {sender_flags(), transaction_flags(), rpc_flags()})
        first.insert(first.end(), flags.begin(), flags.end());
    return first;
}
std::vector<FlagSpec> asking(std::vector<FlagSpec> first) {
    for (const auto& flag : rpc_flags()) first.push_back(flag);
    return first;
}

const ArgumentSpec kAccount{"ADDRESS", "the account"};

} // namespace

void declare_identity(CommandList& out) {
    out.push_back(
        {.noun = "identity",
         .verb = "bind",
         .summary = "bind an account to your organisation, so that it may send",
         .details = "The real name stays in DIR/registry.json; the chain gets a salted commitment to it. Sent by "
                    "the organisation's administrator unless --key-file or --from names a registrar.",
         .arguments = {kAccount},
         .flags = sending({org_flag(),
                           {.name = "name", .value = "NAME", .help = "real name, for the registry alone (required)"},
                           {.name = "kind",
                            .value = "KIND",
                            .help = "what the account is (default: person)",
                            .choices = {"person", "app", "node"}},
                           {.name = "days", .value = "N", .help = "binding ends after N days (default: never)"}}),
         .examples =
             {{"cairn identity bind 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --name 'Ada Example' --org ./Alpha",
               ""}},
         .run = bind});
    out.push_back({.noun = "identity",
                   .verb = "unbind",
                   .summary = "end the binding of an account",
                   .arguments = {kAccount},
                   .flags = sending({org_flag()}),
                   .examples = {{"cairn identity unbind 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --org ./Alpha", ""}},
                   .run = unbind});
    out.push_back(
        {.noun = "identity",
         .verb = "release",
         .summary = "propose to end a binding that another organisation made",
         .details = "Whoever binds an account first is believed. Where he was wrong the organisations decide: more than "
                    "half of them approve (cairn proposal approve), then the account can be bound by its own.",
         .arguments = {kAccount},
         .flags = proposing_flags(),
         .examples = {{"cairn identity release 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --reason \"she works for us\" "
                       "--from org:beta",
                       ""}},
         .run = release});
    out.push_back(
        {.noun = "identity",
         .verb = "suspend",
         .summary = "keep a dormant account from sending",
         .arguments = {kAccount},
         .flags = sending({org_flag()}),
         .examples = {{"cairn identity suspend 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --org ./Alpha", ""}},
         .run = suspend});
    out.push_back({.noun = "identity",
                   .verb = "resume",
                   .summary = "let a suspended account send again",
                   .arguments = {kAccount},
                   .flags = sending({org_flag()}),
                   .examples = {{"cairn identity resume 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --org ./Alpha", ""}},
                   .run = resume});
    out.push_back({.noun = "identity",
                   .verb = "show",
                   .summary = "show who answers for an account",
                   .details = "With --reveal: the proof of the real name out of the organisation's registry, for the "
                              "regulator, who checks it with `cairn identity verify`.",
                   .arguments = {kAccount},
                   .flags = asking({org_flag(), {.name = "reveal", .help = "print name and salt as a proof"}}),
                   .examples = {{"cairn identity show 0x70997970C51812dc3A010C7d01b50e0d17dc79C8", ""}},
                   .run = show});
    out.push_back(
        {.noun = "identity",
         .verb = "verify",
         .summary = "check a revealed name against the chain",
         .arguments = {{"PROOF", "file that `identity show --reveal` printed", Need::one, {}, Completes::file}},
         .flags = asking({}),
         .examples = {{"cairn identity verify proof.json", ""}},
         .run = verify});
    out.push_back({.noun = "identity",
                   .verb = "list",
                   .summary = "list the organisation's accounts and certificates",
                   .flags = asking({org_flag()}),
                   .examples = {{"cairn identity list --org ./Alpha", ""}},
                   .run = list});
    declare_certificates(out);
}

} // namespace cairn::cli
