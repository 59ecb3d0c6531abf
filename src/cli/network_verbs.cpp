// Founding a network by hand: org init, network genesis, sign, merge, show.
#include "base/errors/cli.hpp"
#include "cli/config.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/organisation.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "crypto/ed25519.hpp"

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::int64_t now_seconds() { return system_clock().wall().count() / 1000; }

/// Its own, or who gives the other one in a file and none for this uses it twice.
Result<std::string> new_ca_passphrase(const Invocation& invocation, const std::string& of_validators) {
    if (!invocation.has("ca-passphrase-file") && invocation.has("passphrase-file")) return of_validators;
    CRN_TRY(given, read_passphrase(invocation, "New passphrase for the CA key: ", Ask::twice, "ca-passphrase-file"));
    if (given.empty()) return fail(error::CliUsage, "the passphrase of the CA key is empty");
    return std::move(given);
}

Status org_init(Invocation& invocation) {
    OrganisationPlan plan;
    plan.name = invocation.argument(0);
    for (const auto& text : invocation.all("validator")) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0 || !parse_host_port(text.substr(equals + 1)))
            return fail(error::CliUsage, "--validator wants NAME=HOST:PORT, not \"" + text + "\"");
        const auto name = text.substr(0, equals);
        if (name.find('/') != std::string::npos || name.starts_with('.'))
            return fail(error::CliUsage, "\"" + name + "\" is not a name for a validator");
        plan.validators.push_back({name, text.substr(equals + 1)});
    }
    if (plan.validators.empty())
        return fail(error::CliUsage, "missing --validator NAME=HOST:PORT\n" + usage_of(invocation.command()));
    if (const auto administrator = invocation.flag("administrator")) {
        CRN_TRY(address, parse_address(*administrator));
        plan.administrator = address;
    }
    CRN_TRY(days, invocation.number("days", plan.days, 1, 3650));
    plan.days = days;
    plan.suite = *ledger::suite_from_name(invocation.flag_or("suite", "international"));
    plan.ca_key = crypto::certificate_key_from(invocation.flag_or("algorithm", "p256")).value_or(plan.ca_key);
    plan.tls_key = crypto::certificate_key_from(invocation.flag_or("tls-algorithm", "p256")).value_or(plan.tls_key);
    const auto directory = absolute(invocation.flag_or("dir", plan.name));
    if (exists(directory + "/organisation.json")) return fail(error::CliFileExists, directory + "/organisation.json");
    CRN_TRY(passphrase, read_passphrase(invocation, "New passphrase for the validators' keys: ", Ask::twice));
    if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
    auto of_ca = new_ca_passphrase(invocation, passphrase);
    if (!of_ca) {
        wipe(passphrase);
        return std::unexpected(of_ca.error());
    }
    plan.passphrase = passphrase;
    plan.ca_passphrase = *of_ca;
    auto created = create_organisation(directory, plan, crypto::system_random(), now_seconds());
    wipe(passphrase);
    wipe(plan.passphrase);
    wipe(plan.ca_passphrase);
    wipe(*of_ca);
    CRN_TRY(made, std::move(created));

    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        auto document = json::parse(to_json(made));
        document["directory"] = directory;
        terminal.out << document.dump(2) << '\n';
        return {};
    }
    std::vector<std::pair<std::string, std::string>> fields = {
        {"organisation", plan.name},
        {"directory", directory + " (keep it private)"},
        {"for the others", directory + "/organisation.json"},
        {"administrator", checksummed(made.organisation.account)}};
    for (const auto& validator : made.validators)
        fields.emplace_back("validator " + validator.name, text_of(validator.key) + " at " + validator.address);
    print_fields(terminal, fields);
    if (!terminal.quiet)
        terminal.err << "Next: send organisation.json to whoever writes the genesis file (cairn network genesis).\n";
    return {};
}

Result<ledger::Genesis> load_genesis(const std::string& path) {
    CRN_TRY(text, read_file(path));
    auto genesis = ledger::genesis_from_json(text);
    if (!genesis) return fail(genesis.error().code, path + ": " + genesis.error().detail);
    return genesis;
}

/// Names of the organisations whose valid signature is there.
bool has_valid_signature(const ledger::Genesis& genesis, const ledger::Organisation& organisation) {
    const auto signature = genesis.signatures.find(organisation.name);
    return signature != genesis.signatures.end() &&
           crypto::verify(organisation.signing_key, ledger::genesis_signed_bytes(ledger::hash_of(genesis)),
                          signature->second);
}

void print_genesis(const Invocation& invocation, const ledger::Genesis& genesis) {
    const auto& terminal = invocation.terminal();
    const auto hash = to_hex(ledger::hash_of(genesis));
    json list = json::array();
    Table table({"ORGANISATION", "SIGNED", "ADMINISTRATOR", "VALIDATORS"});
    for (const auto& organisation : genesis.organisations) {
        const bool is_signed = has_valid_signature(genesis, organisation);
        std::string validators;
        json names = json::array();
        for (const auto& validator : genesis.validators.members) {
            if (validator.organisation != organisation.name) continue;
            validators += (validators.empty() ? "" : ", ") + validator.name + " " + validator.address;
            names.push_back(
                {{"name", validator.name}, {"address", validator.address}, {"key", text_of(validator.key)}});
        }
        table.row({organisation.name, is_signed ? "yes" : "no", checksummed(organisation.account), validators});
        list.push_back({{"name", organisation.name},
                        {"signed", is_signed},
                        {"administrator", checksummed(organisation.account)},
                        {"validators", names}});
    }
    json roles = json::array();
    Table held({"ROLE", "ACCOUNT"});
    for (std::size_t i = 0; i < ledger::kRoleNames.size(); ++i)
        for (const auto& [account, mask] : genesis.roles) {
            if ((mask & mask_of(static_cast<ledger::Role>(i))) == 0) continue;
            held.row({std::string{ledger::kRoleNames[i]}, account.is_zero() ? "everybody" : checksummed(account)});
            roles.push_back({{"role", ledger::kRoleNames[i]}, {"account", checksummed(account)}});
        }
    if (terminal.json) {
        terminal.out << json{{"hash", hash},
                             {"roles", roles},
                             {"chain_id", genesis.parameters.chain_id},
                             {"timestamp", genesis.timestamp},
                             {"accounts", genesis.accounts.size()},
                             {"organisations", list}}
                            .dump(2)
                     << '\n';
        return;
    }
    print_fields(terminal, {{"hash", hash},
                            {"chain id", std::to_string(genesis.parameters.chain_id)},
                            {"validators", std::to_string(genesis.validators.size()) + ", quorum " +
                                               std::to_string(genesis.validators.quorum()) + ", tolerates " +
                                               std::to_string(genesis.validators.faults_tolerated()) + " faulty"},
                            {"gas", genesis.parameters.fee_mode == ledger::FeeMode::free
                                        ? "free"
                                        : to_decimal(genesis.parameters.fixed_gas_price) + " wei"},
                            {"funded accounts", std::to_string(genesis.accounts.size())}});
    terminal.out << '\n';
    table.print(terminal);
    terminal.out << '\n';
    held.print(terminal);
}

Status network_genesis(Invocation& invocation) {
    const auto out = invocation.flag_or("out", "genesis.json");
    if (!invocation.has("chain-id"))
        return fail(error::CliUsage, "missing --chain-id N\n" + usage_of(invocation.command()));
    ledger::ChainParameters parameters;
    CRN_TRY(chain_id, invocation.number("chain-id", 0, 1, UINT64_MAX));
    parameters.chain_id = chain_id;
    CRN_TRY(history, invocation.number("history-blocks", parameters.history_blocks, 1, UINT64_MAX));
    parameters.history_blocks = history;
    CRN_TRY(interval, invocation.number("min-block-interval-ms", parameters.min_block_interval_ms, 0, 60'000));
    parameters.min_block_interval_ms = static_cast<std::uint32_t>(interval);
    CRN_TRY(gas, invocation.number("block-gas-limit", parameters.block_gas_limit, 0, UINT64_MAX));
    parameters.block_gas_limit = gas;
    if (const auto price = invocation.flag("gas-price")) {
        CRN_TRY(amount, parse_amount(*price));
        parameters.fee_mode = amount ? ledger::FeeMode::fixed : ledger::FeeMode::free;
        parameters.fixed_gas_price = amount;
    }
    parameters.account_binding = invocation.flag_or("account-binding", "required") == "open"
                                     ? ledger::AccountBinding::open
                                     : ledger::AccountBinding::required;
    parameters.suite = *ledger::suite_from_name(invocation.flag_or("suite", "international"));
    std::map<Address, ledger::GenesisAccount> accounts;
    for (const auto& text : invocation.all("account")) {
        const auto equals = text.find('=');
        if (equals == std::string::npos)
            return fail(error::CliUsage, "--account wants ADDRESS=AMOUNT[=ORGANISATION], not \"" + text + "\"");
        CRN_TRY(address, parse_address(std::string_view{text}.substr(0, equals)));
        const auto second = text.find('=', equals + 1);
        CRN_TRY(balance, parse_amount(std::string_view{text}.substr(equals + 1, second - equals - 1)));
        accounts[address].balance = balance;
        if (second != std::string::npos) accounts[address].organisation = text.substr(second + 1);
    }
    std::map<Address, ledger::RoleMask> roles;
    for (const auto& text : invocation.all("role")) {
        const auto equals = text.find('=');
        const auto role = ledger::role_of(std::string_view{text}.substr(0, equals));
        if (equals == std::string::npos || !role)
            return fail(error::CliUsage, "--role wants ROLE=ADDRESS, not \"" + text + "\"");
        CRN_TRY(address, parse_address(std::string_view{text}.substr(equals + 1)));
        roles[address] |= mask_of(*role);
    }
    CRN_TRY(timestamp, invocation.number("timestamp", static_cast<std::uint64_t>(now_seconds()), 1, UINT64_MAX));
    std::vector<Invitation> invitations;
    for (const auto& path : invocation.arguments()) {
        CRN_TRY(text, read_file(path, 1 << 20));
        auto invitation = invitation_from_json(text, now_seconds());
        if (!invitation) return fail(invitation.error().code, path + ": " + invitation.error().detail);
        invitations.push_back(*std::move(invitation));
    }
    CRN_TRY(genesis, assemble_genesis(std::move(invitations), std::move(parameters), std::move(accounts), timestamp,
                                      std::move(roles)));
    CRN_CHECK(write_file(out, ledger::to_json(genesis), Access::shared, Existing::refuse));
    print_genesis(invocation, genesis);
    if (!invocation.terminal().quiet)
        invocation.terminal().err << "Wrote " << out
                                  << ". Next: every organisation reads it and runs cairn network sign " << out
                                  << " --org DIR\n";
    return {};
}

Status network_sign(Invocation& invocation) {
    const auto directory = invocation.flag("org");
    if (!directory) return fail(error::CliUsage, "missing --org DIR\n" + usage_of(invocation.command()));
    const auto& path = invocation.argument(0);
    CRN_TRY(genesis, load_genesis(path));
    CRN_TRY(name, sign_genesis(genesis, absolute(*directory), now_seconds()));
    CRN_CHECK(write_file(invocation.flag_or("out", path), ledger::to_json(genesis), Access::shared, Existing::replace));
    print_genesis(invocation, genesis);
    if (!invocation.terminal().quiet) {
        const auto complete = ledger::verify_signatures(genesis);
        invocation.terminal().err << "Signed by " << name << ". "
                                  << (complete
                                          ? "All organisations have signed: distribute the file and run the nodes.\n"
                                          : "Next: the other organisations sign (cairn network sign).\n");
    }
    return {};
}

Status network_merge(Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out FILE\n" + usage_of(invocation.command()));
    CRN_TRY(genesis, load_genesis(invocation.argument(0)));
    const auto hash = ledger::hash_of(genesis);
    for (std::size_t i = 1; i < invocation.arguments().size(); ++i) {
        const auto& path = invocation.argument(i);
        CRN_TRY(other, load_genesis(path));
        if (ledger::hash_of(other) != hash)
            return fail(error::CliPrecondition,
                        path + " is another genesis: " + to_hex(ledger::hash_of(other)) + ", not " + to_hex(hash));
        for (const auto& organisation : other.organisations)
            if (has_valid_signature(other, organisation))
                genesis.signatures[organisation.name] = other.signatures.at(organisation.name);
    }
    CRN_CHECK(write_file(*out, ledger::to_json(genesis), Access::shared, Existing::replace));
    print_genesis(invocation, genesis);
    return {};
}

Status network_show(Invocation& invocation) {
    CRN_TRY(genesis, load_genesis(invocation.argument(0)));
    print_genesis(invocation, genesis);
    return ledger::verify_signatures(genesis);
}

} // namespace

void declare_org(CommandList& out) {
    out.push_back({.noun = "org",
                   .verb = "init",
                   .summary = "make an organisation's keys and certificates",
                   .details = "Writes a certificate authority, the key that signs genesis files, and for each "
                              "validator its "
                              "keys, sealed under a passphrase, and a TLS certificate, all in one directory that only "
                              "you can read. The authority's key is sealed under a passphrase too: it is needed where "
                              "certificates are made, the other one where the node runs. Private keys never leave it, "
                              "except that each validator's machine gets its own folder under validators/. The file "
                              "organisation.json is public: it is what the other organisations need.",
                   .arguments = {{"NAME", "the organisation's name"}},
                   .flags = {{.name = "validator",
                              .value = "NAME=HOST:PORT",
                              .help = "a validator and where the others reach it (required, repeatable)",
                              .repeatable = true},
                             {.name = "passphrase-file",
                              .value = "FILE",
                              .help = "file of mode 0600 whose first line is the passphrase that seals the validators' "
                                      "keys (default: ask)",
                              .completes = Completes::file},
                             {.name = "ca-passphrase-file",
                              .value = "FILE",
                              .help = "the same for the CA key (default: that of --passphrase-file, or ask)",
                              .completes = Completes::file},
                             {.name = "dir",
                              .value = "DIR",
                              .help = "directory to make (default: ./NAME)",
                              .completes = Completes::directory},
                             {.name = "administrator",
                              .value = "ADDRESS",
                              .help = "account that administers the organisation on chain (default: a new key)"},
                             {.name = "suite",
                              .value = "SUITE",
                              .help = "algorithms of the keys that are made: international (Ed25519 votes, secp256k1 "
                                      "accounts) or national (SM2 for both) (default: international)",
                              .choices = {"international", "national"}},
                             {.name = "algorithm",
                              .value = "NAME",
                              .help = "of the CA's key (default: p256)",
                              .choices = {"p256", "ed25519"}},
                             {.name = "tls-algorithm",
                              .value = "NAME",
                              .help = "of the validators' TLS keys (default: p256)",
                              .choices = {"p256", "ed25519"}},
                             {.name = "days", .value = "N", .help = "validity of the TLS certificates (default: 90)"}},
                   .examples = {{"cairn org init Alpha --validator alpha-1=alpha.example:30300", ""},
                                {"cairn org init Beta --dir /srv/beta --validator beta-1=10.0.0.2:30300 --validator "
                                 "beta-2=10.0.0.3:30300",
                                 "two validators"}},
                   .run = org_init});
}

void declare_network(CommandList& out) {
    const ArgumentSpec genesis{"GENESIS", "genesis file", Need::one, {}, Completes::file};
    out.push_back(
        {.noun = "network",
         .verb = "genesis",
         .summary = "write the genesis file from the organisations' public files",
         .arguments = {{"ORGANISATION", "organisation.json of each member", Need::one_or_more, {}, Completes::file}},
         .flags =
             {{.name = "chain-id", .value = "N", .help = "the chain's number (required)"},
              {.name = "out",
               .letter = 'o',
               .value = "FILE",
               .help = "file to write (default: genesis.json)",
               .completes = Completes::file},
              {.name = "account",
               .value = "ADDRESS=AMOUNT[=ORGANISATION]",
               .help = "an account with a balance, and who answers for it (repeatable)",
               .repeatable = true},
              {.name = "role",
               .value = "ROLE=ADDRESS",
               .help = "a role from the first block on (repeatable; administrators that are not named come from the "
                       "organisations' files)",
               .repeatable = true},
              {.name = "suite",
               .value = "SUITE",
               .help =
                   "algorithms of accounts, votes and files: international (secp256k1, Ed25519, AES), national (SM2, "
                   "SM2, SM4) or mixed (either, either, AES) (default: international)",
               .choices = {"international", "national", "mixed"}},
              {.name = "account-binding",
               .value = "WHEN",
               .help = "whether accounts must be bound to an identity before they send (default: required)",
               .choices = {"required", "open"}},
              {.name = "gas-price", .value = "AMOUNT", .help = "fixed price of gas (default: free)"},
              {.name = "block-gas-limit", .value = "N", .help = "gas of one block (default: 500000000)"},
              {.name = "history-blocks", .value = "N", .help = "how many blocks' state nodes keep (default: 10000)"},
              {.name = "min-block-interval-ms", .value = "N", .help = "shortest time between blocks (default: 50)"},
              {.name = "timestamp", .value = "SECONDS", .help = "time of block 0 (default: now)"}},
         .examples = {{"cairn network genesis --chain-id 4711 alpha.json beta.json gamma.json delta.json", ""}},
         .run = network_genesis});
    out.push_back({.noun = "network",
                   .verb = "sign",
                   .summary = "sign the genesis file for your organisation",
                   .details =
                       "Checks first that the file says of your organisation what your own organisation.json says. "
                       "Read the table that is printed: it is what you agree to.",
                   .arguments = {genesis},
                   .flags = {{.name = "org",
                              .value = "DIR",
                              .help = "your organisation's directory (required)",
                              .completes = Completes::directory},
                             {.name = "out",
                              .letter = 'o',
                              .value = "FILE",
                              .help = "file to write (default: GENESIS itself)",
                              .completes = Completes::file}},
                   .examples = {{"cairn network sign genesis.json --org ./Alpha", ""}},
                   .run = network_sign});
    out.push_back({.noun = "network",
                   .verb = "merge",
                   .summary = "put the signatures of several copies of a genesis file together",
                   .arguments = {{"GENESIS", "copies signed apart", Need::one_or_more, {}, Completes::file}},
                   .flags = {{.name = "out",
                              .letter = 'o',
                              .value = "FILE",
                              .help = "file to write (required)",
                              .completes = Completes::file}},
                   .examples = {{"cairn network merge genesis-alpha.json genesis-beta.json --out genesis.json", ""}},
                   .run = network_merge});
    out.push_back({.noun = "network",
                   .verb = "show",
                   .summary = "show what a genesis file says and who has signed it",
                   .details = "Exit code 8 while a signature is missing or wrong.",
                   .arguments = {genesis},
                   .examples = {{"cairn network show genesis.json", ""}},
                   .run = network_show});
}

} // namespace cairn::cli
