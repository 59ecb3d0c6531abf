// The signer: started by a node, and what people do with its keys and memory.
#include "cli/signer_verbs.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "cli/certificate_verbs.hpp"
#include "cli/certificates.hpp"
#include "cli/files.hpp"
#include "cli/sender.hpp"
#include "crypto/certificate.hpp"
#include "crypto/certificate_request.hpp"
#include "crypto/tls_key.hpp"
#include "ledger/validators.hpp"
#include "signer/audit_keys.hpp"
#include "signer/ceremony.hpp"
#include "signer/client.hpp"
#include "signer/journal.hpp"
#include "signer/reseal.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/serve.hpp"
#include "signer/token.hpp"
#include "signer/tpm.hpp"
#include "signer/trial.hpp"

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

Status signer_serve(Invocation&) { return signer::serve(); }

Status signer_show(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "FILE"));
    CRN_TRY(keys, signer::read_sealed_keys(absolute(path)));
    const bool remembers = signer::Journal::exists(signer::state_path(absolute(path)));
    const auto& terminal = invocation.terminal();
    const std::string where = keys.on_token() ? "PKCS#11 token \"" + keys.token_label + "\"" : "this file";
    if (terminal.json) {
        terminal.out << json{{"consensus_key", text_of(keys.public_keys.consensus)},
                             {"tls_key", to_hex(keys.public_keys.tls)},
                             {"audit_key", to_hex(keys.public_keys.audit)},
                             {"private_keys", where},
                             {"tpm", !keys.protection.tpm_blob.empty()},
                             {"argon2id",
                              {{"passes", keys.protection.cost.passes},
                               {"memory_kib", keys.protection.cost.memory_kib}}},
                             {"memory", remembers}}
                            .dump(2)
                     << '\n';
        return {};
    }
    print_fields(terminal, {{"consensus key", text_of(keys.public_keys.consensus)},
                            {"TLS key", to_hex(keys.public_keys.tls)},
                            {"audit key", to_hex(keys.public_keys.audit)},
                            {"private keys", where},
                            {"sealed to a TPM", keys.protection.tpm_blob.empty() ? "no" : "yes"},
                            {"Argon2id", std::to_string(keys.protection.cost.passes) + " passes over " +
                                             std::to_string(keys.protection.cost.memory_kib / 1024) + " MiB"},
                            {"memory", remembers ? signer::state_path(absolute(path)) + ".{0,1}" : "missing"}});
    return {};
}

Status signer_seal(Invocation& invocation) {
    CRN_TRY(validator_key, required(invocation, "validator-key", "FILE"));
    CRN_TRY(tls_key, required(invocation, "tls-key", "FILE"));
    CRN_TRY(out, required(invocation, "out", "FILE"));
    CRN_TRY(seed, crypto::read_ed25519_key(absolute(validator_key)));
    CRN_TRY(pem, crypto::read_secret_file(absolute(tls_key)));
    CRN_TRY(tls, crypto::TlsKey::from_pem(pem.view()));
    CRN_TRY(secrets, signer::Secrets::generate(crypto::system_random()));
    std::ranges::copy(seed, secrets.bytes().begin());
    secrets.set_tls_key(tls);
    CRN_TRY(passphrase, read_passphrase(invocation, "New passphrase: ", Ask::twice));
    if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
    const auto keys =
        signer::create_sealed_keys(absolute(out), secrets, as_bytes(passphrase), {}, crypto::system_random());
    wipe(passphrase);
    if (!keys) return std::unexpected(keys.error());
    print_fields(invocation.terminal(), {{"consensus key", text_of(keys->consensus)}, {"sealed keys", absolute(out)}});
    if (!invocation.terminal().quiet)
        invocation.terminal().err << "Next: name the file as node.keys in node.toml, then destroy " << validator_key
                                  << " and " << tls_key << ".\n";
    return {};
}

Status signer_reset(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "FILE"));
    for (const auto* flag : {"view", "position", "height"}) {
        CRN_TRY(given, required(invocation, flag, "N"));
        static_cast<void>(given);
    }
    CRN_TRY(view, invocation.number("view", 0, 0, UINT64_MAX - 1));
    CRN_TRY(position, invocation.number("position", 0, 0, UINT64_MAX - 1));
    CRN_TRY(height, invocation.number("height", 0, 0, UINT64_MAX - 1));
    CRN_TRY(epoch, invocation.number("epoch", 0, 0, UINT64_MAX - 1));
    const auto keys_file = absolute(path);
    if (signer::Journal::exists(signer::state_path(keys_file)))
        return fail(error::CliFileExists,
                    signer::state_path(keys_file) + ".0 or .1: a memory that is there is never replaced");
    CRN_TRY(keys, signer::read_sealed_keys(keys_file));
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of " + keys_file + ": ", Ask::once));
    auto secrets = signer::unseal(keys, as_bytes(passphrase), {});
    wipe(passphrase);
    if (!secrets) return std::unexpected(secrets.error());
    using signer::Entry;
    using signer::EntryKind;
    const auto floor = [&](EntryKind kind, std::uint16_t lane, std::uint64_t number) {
        Entry out{EntryKind::floor, lane, epoch, number, {}};
        out.detail[0] = static_cast<std::uint8_t>(kind);
        return out;
    };
    std::vector<Entry> entries = {floor(EntryKind::chain, 0, 0), floor(EntryKind::notarize, 0, view),
                                  floor(EntryKind::execution, 0, height), floor(EntryKind::batch, 0, position)};
    for (std::uint16_t lane = 0; lane < ledger::kValidatorsMax; ++lane)
        entries.push_back(floor(EntryKind::lane, lane, position));
    entries.push_back({EntryKind::adopt, 0, 0, 0, {}});
    CRN_CHECK(signer::Journal::create(signer::state_path(keys_file), signer::state_key(*secrets), entries));
    print_fields(invocation.terminal(), {{"new memory", signer::state_path(keys_file) + ".{0,1}"},
                                         {"nothing is signed up to view", std::to_string(view)},
                                         {"nor up to lane position", std::to_string(position)},
                                         {"nor up to height", std::to_string(height)}});
    return {};
}

Status signer_token(Invocation& invocation) {
    if (invocation.flag_or("suite", "international") == "national") return fail(error::TokenNoSm2);
    CRN_TRY(module, required(invocation, "module", "FILE"));
    CRN_TRY(label, required(invocation, "token", "LABEL"));
    CRN_TRY(out, required(invocation, "out", "FILE"));
    if (exists(absolute(out))) return fail(error::CliFileExists, absolute(out));
    CRN_TRY(algorithm, algorithm_of(invocation));
    CRN_TRY(pin, read_passphrase(invocation, "PIN of the token: ", Ask::once));
    const auto keys = signer::create_token_keys_file(absolute(out), {absolute(module), label}, as_bytes(pin),
                                                     crypto::system_random(), algorithm);
    wipe(pin);
    if (!keys) return std::unexpected(keys.error());
    print_fields(
        invocation.terminal(),
        {{"consensus key", text_of(keys->consensus)}, {"TLS key", to_hex(keys->tls)}, {"sealed keys", absolute(out)}});
    return {};
}

Status signer_tpm(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "FILE"));
    const auto keys_file = absolute(path);
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of " + keys_file + ": ", Ask::once));
    const auto bound =
        signer::bind_to_tpm(keys_file, as_bytes(passphrase), invocation.flag_or("interface", "device:/dev/tpmrm0"),
                            crypto::system_random());
    wipe(passphrase);
    if (!bound) return bound;
    print_fields(invocation.terminal(),
                 {{"bound to this machine", keys_file},
                  {"take off this machine", keys_file + ".recovery (opens with the passphrase alone)"}});
    return {};
}

Status signer_renew_tls_key(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "DIR"));
    CRN_TRY(organisation, required(invocation, "org", "DIR"));
    CRN_TRY(days, invocation.number("days", kCertificateDays, 1, 825));
    CRN_TRY(named, algorithm_of(invocation));
    const auto folder = absolute(path);
    CRN_TRY(ca, read_ca(absolute(organisation), ca_passphrase(invocation)));
    CRN_TRY(ca_info, crypto::inspect_certificate(ca.certificate_pem));
    CRN_TRY(old, read_file(folder + "/tls.pem", crypto::kPemBytesMax));
    CRN_TRY(info, crypto::inspect_certificate(old));
    if (!info.consensus_key) return fail(error::CertificateNameWrong, folder + "/tls.pem is not a node's");
    const auto algorithm = invocation.has("algorithm") ? named : info.key.value_or(named);
    const auto now = system_clock().wall().count() / 1000;
    const crypto::Validity validity{
        std::max(now - 300, ca_info.validity.not_before),
        std::min(now + static_cast<std::int64_t>(days) * kDaySeconds, ca_info.validity.not_after)};
    CRN_TRY(made, crypto::issue_node_certificate(ca, {info.organisation, info.common_name, *info.consensus_key},
                                                 validity, crypto::system_random(), algorithm));
    CRN_TRY(key, crypto::TlsKey::from_pem(made.key_pem.view()));
    CRN_CHECK(keep_replaced_certificate(folder + "/tls.pem", {}));
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of " + folder + "/keys.sealed: ", Ask::once));
    const auto replaced =
        signer::replace_tls_key(folder + "/keys.sealed", as_bytes(passphrase), key, crypto::system_random());
    wipe(passphrase);
    if (!replaced) return std::unexpected(replaced.error());
    CRN_CHECK(
        write_file(folder + "/tls.pem", made.certificate_pem + ca.certificate_pem, Access::shared, Existing::replace));
    print_fields(invocation.terminal(), {{"TLS key", to_hex(replaced->tls)}, {"certificate", folder + "/tls.pem"}});
    if (!invocation.terminal().quiet)
        invocation.terminal().err << "Next: restart the node, then: cairn identity revoke "
                                  << replaced_certificate_file(folder + "/tls.pem", info.key_id) << '\n';
    return {};
}

Status signer_change_passphrase(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "FILE"));
    const auto keys = absolute(path);
    CRN_TRY(old, read_passphrase(invocation, "Passphrase of " + keys + ": ", Ask::once));
    CRN_TRY(fresh, read_passphrase(invocation, "New passphrase: ", Ask::twice, "new-passphrase-file"));
    if (fresh.empty()) return fail(error::CliUsage, "the new passphrase is empty");
    const auto changed = signer::change_passphrase(keys, as_bytes(old), as_bytes(fresh), {}, crypto::system_random());
    wipe(old);
    wipe(fresh);
    if (!changed) return changed;
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"keys", keys}, {"changed", true}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"sealed anew", keys}});
    if (!terminal.quiet)
        terminal.err
            << "Next: put the new passphrase where the node reads it at its start. Backups of the file still open "
               "with the old one: destroy them\n";
    return {};
}

Result<std::string> request_by_file(const std::string& keys_file, const crypto::NodeIdentity& identity,
                                    const std::string& passphrase) {
    CRN_TRY(secrets, signer::open_for_ceremony(keys_file, as_bytes(passphrase)));
    CRN_TRY(tls, secrets.tls_key());
    return crypto::request_node_certificate(identity, tls);
}

Result<std::string> request_by_token(const signer::SealedKeys& keys, const crypto::NodeIdentity& identity,
                                     const std::string& pin) {
    CRN_TRY(token, signer::start_token({keys.token_module, keys.token_label}, as_bytes(pin)));
    return crypto::request_node_certificate(identity, signer::handshakes_of(std::move(token)));
}

/// Where the node's keys are: only the request travels to the CA.
Status signer_request(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "DIR"));
    CRN_TRY(out, required(invocation, "out", "FILE"));
    const auto folder = absolute(path);
    CRN_TRY(keys, signer::read_sealed_keys(folder + "/keys.sealed"));
    crypto::NodeIdentity identity{invocation.flag_or("name", ""), invocation.flag_or("node", ""),
                                  keys.public_keys.consensus};
    if (exists(folder + "/tls.pem")) {
        CRN_TRY(pem, read_file(folder + "/tls.pem", crypto::kPemBytesMax));
        CRN_TRY(info, crypto::inspect_certificate(pem));
        if (identity.organisation.empty()) identity.organisation = info.organisation;
        if (identity.node.empty()) identity.node = info.common_name;
    }
    CRN_TRY(passphrase, read_passphrase(invocation,
                                        keys.on_token() ? "PIN of the token " + keys.token_label + ": "
                                                        : "Passphrase of " + folder + "/keys.sealed: ",
                                        Ask::once));
    auto signed_request = keys.on_token() ? request_by_token(keys, identity, passphrase)
                                          : request_by_file(folder + "/keys.sealed", identity, passphrase);
    wipe(passphrase);
    CRN_TRY(request, std::move(signed_request));
    CRN_TRY(asked, crypto::inspect_request(request));
    CRN_CHECK(write_file(absolute(out), request, Access::shared, Existing::refuse));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"request", absolute(out)}, {"key_id", to_hex(asked.key_id)}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"request", absolute(out)}, {"key id", to_hex(asked.key_id)}});
    if (!terminal.quiet)
        terminal.err << "Next: where ca.key is: cairn identity sign " << out << " --org DIR, then put tls.pem into "
                     << path << "\n";
    return {};
}

Status signer_replace_audit_key(Invocation& invocation) {
    CRN_TRY(path, required(invocation, "keys", "FILE"));
    const auto keys = absolute(path);
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of " + keys + ": ", Ask::once));
    const auto made = signer::replace_audit_key(keys, as_bytes(passphrase), crypto::system_random());
    wipe(passphrase);
    if (!made) return std::unexpected(made.error());
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"audit_key", to_hex(made->after)},
                             {"before", to_hex(made->before)},
                             {"introduction", signer::successions_path(keys)}}
                            .dump(2)
                     << '\n';
    else
        print_fields(terminal, {{"audit key", to_hex(made->after)},
                                {"introduced by", to_hex(made->before)},
                                {"introduction", signer::successions_path(keys)}});
    if (!terminal.quiet)
        terminal.err << "Next: restart the node; its log goes on under the new key. Officers' shares and copies of the "
                        "file have the old one: make them again\n";
    return {};
}

Status signer_trial(Invocation& invocation) {
    signer::TrialPlan plan;
    CRN_TRY(requests, invocation.number("requests", 100'000, 0, 1'000'000'000));
    CRN_TRY(kills, invocation.number("kills", 100, 0, 1'000'000));
    CRN_TRY(seed, invocation.number("seed", 1, 0, UINT64_MAX));
    plan.requests = requests;
    plan.kills = kills;
    plan.seed = seed;
    if (invocation.flag_or("suite", "international") == "national") plan.voting = crypto::VotingAlgorithm::sm2;
    // Keys of a trial are worth nothing, but look like keys: they go with it, unless a folder was named.
    const bool is_kept = invocation.has("dir");
    if (is_kept) {
        plan.directory = absolute(invocation.flag_or("dir", ""));
        CRN_CHECK(make_directory(plan.directory, Access::secret));
    } else {
        plan.directory = (std::filesystem::temp_directory_path() / "cairn-signer-trial-XXXXXX").string();
        if (::mkdtemp(plan.directory.data()) == nullptr) return fail(error::CliFileUnwritable, plan.directory);
    }
    auto attacked = signer::run_trial(plan, system_clock());
    std::error_code ignored;
    if (!is_kept) std::filesystem::remove_all(plan.directory, ignored);
    CRN_TRY(report, std::move(attacked));
    const auto added = report.vote_p50 - report.local_p50;
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"requests", report.requests},
                             {"malformed", report.malformed},
                             {"signatures", report.signatures},
                             {"refused", report.refused},
                             {"distinct_statements", report.statements},
                             {"kills", report.kills},
                             {"contradictions", report.contradictions},
                             {"vote_p50_us", report.vote_p50},
                             {"vote_p99_us", report.vote_p99},
                             {"added_p50_us", added},
                             {"handshake_p50_us", report.handshake_p50},
                             {"seconds", report.seconds}}
                            .dump(2)
                     << '\n';
    else
        print_fields(
            terminal,
            {{"hostile requests",
              std::to_string(report.requests) + ", " + std::to_string(report.malformed) + " of them malformed"},
             {"kills", std::to_string(report.kills) + ", amid " + std::to_string(report.kill_requests) + " requests"},
             {"signatures", std::to_string(report.signatures) + " for " + std::to_string(report.statements) +
                                " statements; " + std::to_string(report.refused) + " refused or cut off"},
             {"contradictions", std::to_string(report.contradictions)},
             {"one vote, p50", std::to_string(report.vote_p50) + " us, p99 " + std::to_string(report.vote_p99) +
                                   " us; the signer adds " + std::to_string(added) + " us p50"},
             {"one handshake, p50", std::to_string(report.handshake_p50) + " us"},
             {"seconds", std::to_string(report.seconds)}});
    if (report.contradictions > 0) return fail(error::SignatureContradicts, report.first_contradiction);
    return {};
}

const FlagSpec kKeys{.name = "keys", .value = "FILE", .help = "keys.sealed (required)", .completes = Completes::file};
} // namespace

Result<std::string> required(const Invocation& invocation, std::string_view flag, const char* value) {
    const auto given = invocation.flag(flag);
    if (given) return *given;
    return fail(error::CliUsage,
                "missing --" + std::string{flag} + " " + value + "\n" + usage_of(invocation.command()));
}

FlagSpec signer_passphrase_flag() {
    return {.name = "passphrase-file",
            .value = "FILE",
            .help = "file of mode 0600 whose first line is the passphrase (default: ask)",
            .completes = Completes::file};
}

void declare_signer(CommandList& out) {
    out.push_back({.noun = "signer",
                   .verb = "serve",
                   .summary = "hold the keys of a validator; started by its node alone",
                   .details = "The node starts this and speaks to it over an inherited socket. Nobody else can.",
                   .examples = {{"cairn signer serve", "what a node starts; at a terminal it refuses"}},
                   .run = signer_serve});
    out.push_back({.noun = "signer",
                   .verb = "show",
                   .summary = "public keys of a sealed key file, and how it is protected",
                   .flags = {kKeys},
                   .examples = {{"cairn signer show --keys Alpha/validators/alpha-1/keys.sealed", ""}},
                   .run = signer_show});
    out.push_back(
        {.noun = "signer",
         .verb = "seal",
         .summary = "seal keys that lie in plain files",
         .details = "For nodes of before there was a signer. The plain files stay: destroy them once the node runs.",
         .flags =
             {{.name = "validator-key",
               .value = "FILE",
               .help = "Ed25519 key in PEM form (required)",
               .completes = Completes::file},
              {.name = "tls-key",
               .value = "FILE",
               .help = "P-256 or Ed25519 key in PEM form (required)",
               .completes = Completes::file},
              {.name = "out", .value = "FILE", .help = "the new keys.sealed (required)", .completes = Completes::file},
              signer_passphrase_flag()},
         .examples = {{"cairn signer seal --validator-key validator.key --tls-key tls.key --out keys.sealed", ""}},
         .run = signer_seal});
    declare_voting_keys(out);
    out.push_back(
        {.noun = "signer",
         .verb = "token",
         .summary = "make a validator's keys on a PKCS#11 token",
         .details = "The consensus key (Ed25519) and the TLS key are made on the token and never leave it. The "
                    "file that is written names the token and holds, sealed by it, the audit key and the root of "
                    "storage encryption. The PIN is asked for, or read as a passphrase is.",
         .flags =
             {{.name = "module",
               .value = "FILE",
               .help = "the token's PKCS#11 library (required)",
               .completes = Completes::file},
              {.name = "token", .value = "LABEL", .help = "the token's label (required)"},
              {.name = "suite",
               .value = "SUITE",
               .help = "of the chain: the voting key of an international one can be on a token, of a national one not",
               .choices = {"international", "national"}},
              algorithm_flag(),
              {.name = "out", .value = "FILE", .help = "the new keys.sealed (required)", .completes = Completes::file},
              {.name = "passphrase-file",
               .value = "FILE",
               .help = "file of mode 0600 whose first line is the PIN (default: ask)",
               .completes = Completes::file}},
         .examples = {{"cairn signer token --module /usr/lib/softhsm/libsofthsm2.so --token validator --out "
                       "keys.sealed",
                       ""}},
         .run = signer_token});
    out.push_back(
        {.noun = "signer",
         .verb = "tpm",
         .summary = "bind sealed keys to this machine's TPM",
         .details = "From then on the keys open only with the passphrase and on this machine, as long as its measured "
                    "boot (registers 0, 2, 4, 7) is as now, and the TPM counts every start, so that an old copy of the "
                    "whole disk is noticed. Stop the node first.",
         .flags = {kKeys,
                   {.name = "interface",
                    .value = "TCTI",
                    .help = "the TPM as tpm2-tss names it (default: device:/dev/tpmrm0)"},
                   signer_passphrase_flag()},
         .examples = {{"cairn signer tpm --keys keys.sealed", ""}},
         .run = signer_tpm});
    out.push_back({.noun = "signer",
                   .verb = "renew-tls-key",
                   .summary = "give a node a fresh TLS key and the certificate for it",
                   .details = "For a key that leaked, is too old or is to be of another algorithm: renewed "
                              "certificates keep the key. The "
                              "organisation's CA signs, so "
                              "this runs where ca.key is. The node takes both into use when it is started again.",
                   .flags = {{.name = "keys",
                              .value = "DIR",
                              .help = "the validator's folder, with keys.sealed and tls.pem (required)"},
                             {.name = "org",
                              .value = "DIR",
                              .help = "the organisation's folder, with ca.pem and ca.key (required)"},
                             {.name = "days", .value = "N", .help = "how long the certificate holds (default: 90)"},
                             {.name = "algorithm",
                              .value = "NAME",
                              .help = "of the fresh key (default: that of the old one)",
                              .choices = {"p256", "ed25519"}},
                             signer_passphrase_flag(),
                             ca_passphrase_flag()},
                   .examples = {{"cairn signer renew-tls-key --keys Alpha/validators/alpha-1 --org Alpha", ""}},
                   .run = signer_renew_tls_key});
    out.push_back(
        {.noun = "signer",
         .verb = "change-passphrase",
         .summary = "seal a validator's keys under another passphrase",
         .details =
             "The same keys, with a new salt and the usual cost of a guess. The file is replaced as a whole, and the "
             "old "
             "one overwritten; a copy beside it that `cairn signer tpm` left is changed too. A node that runs is "
             "not disturbed: it asks for the passphrase at its next start.",
         .flags = {kKeys,
                   signer_passphrase_flag(),
                   {.name = "new-passphrase-file",
                    .value = "FILE",
                    .help = "file of mode 0600 whose first line is the new passphrase (default: ask twice)",
                    .completes = Completes::file}},
         .examples = {{"cairn signer change-passphrase --keys Alpha/validators/alpha-1/keys.sealed", ""}},
         .run = signer_change_passphrase});
    out.push_back(
        {.noun = "signer",
         .verb = "request",
         .summary = "ask the organisation's CA for a certificate of a node's TLS key",
         .details =
             "For a node whose machine has no ca.key, and a CA whose machine has no keys.sealed: the TLS key stays "
             "in keys.sealed or on its token, whose PIN is then asked for; a request (PKCS#10) that it signs goes to "
             "`cairn identity sign`. Organisation and "
             "name come from tls.pem beside the keys, unless they are given.",
         .flags = {{.name = "keys", .value = "DIR", .help = "the validator's folder, with keys.sealed (required)"},
                   {.name = "out", .value = "FILE", .help = "the request (required)", .completes = Completes::file},
                   {.name = "name", .value = "ORGANISATION", .help = "(default: as in tls.pem)"},
                   {.name = "node", .value = "NAME", .help = "of the validator (default: as in tls.pem)"},
                   {.name = "passphrase-file",
                    .value = "FILE",
                    .help = "file of mode 0600 whose first line is the passphrase or the PIN (default: ask)",
                    .completes = Completes::file}},
         .examples = {{"cairn signer request --keys Alpha/validators/alpha-1 --out alpha-1.csr", ""}},
         .run = signer_request});
    out.push_back(
        {.noun = "signer",
         .verb = "replace-audit-key",
         .summary = "give a node a fresh key to seal its audit log with",
         .details =
             "For a key that leaked or is too old. The old key signs for the new one before it is gone; the node "
             "writes that into its log when it is started again, and has the new key vouched for on chain with "
             "its next anchor. Old seals stay valid: `cairn audit verify` follows the keys from one to the next, "
             "and refuses a key that nobody introduced. A node that runs goes on with the old key until then.",
         .flags = {kKeys, signer_passphrase_flag()},
         .examples = {{"cairn signer replace-audit-key --keys Alpha/validators/alpha-1/keys.sealed", ""}},
         .run = signer_replace_audit_key});
    out.push_back(
        {.noun = "signer",
         .verb = "trial",
         .summary = "attack a signer of its own with hostile requests and kills, and measure it",
         .details = "Makes keys in DIR, starts a signer, asks it for whatever could contradict and kills it at random "
                    "moments. An independent checker looks at every signature. Fails if two contradict.",
         .flags = {{.name = "requests", .value = "N", .help = "hostile requests (default: 100000)"},
                   {.name = "kills", .value = "N", .help = "kill -9 and restart (default: 100)"},
                   {.name = "seed", .value = "N", .help = "of the requests (default: 1)"},
                   {.name = "suite",
                    .value = "SUITE",
                    .help = "what the signer votes with: Ed25519 (international, the default) or SM2 (national)",
                    .choices = {"international", "national"}},
                   {.name = "dir",
                    .value = "DIR",
                    .help = "where its keys and memory go and stay (default: a temporary folder)",
                    .completes = Completes::directory}},
         .examples = {{"cairn signer trial --requests 1000000 --kills 1000", "the measure of docs/security"}},
         .run = signer_trial});
    out.push_back(
        {.noun = "signer",
         .verb = "reset",
         .summary = "a new memory for a signer that lost its own",
         .details = "Nothing is signed up to the given view, lane position and height. Only with values that are "
                    "certainly above whatever these keys have signed is this safe: ask the other validators for "
                    "theirs, and add a margin. New keys that the others vote in are safer. The storage keys were in "
                    "the lost memory: "
                    "empty the node's data directory, and it syncs from its peers.",
         .flags = {kKeys,
                   {.name = "view", .value = "N", .help = "(required)"},
                   {.name = "position", .value = "N", .help = "of any lane (required)"},
                   {.name = "height", .value = "N", .help = "(required)"},
                   {.name = "epoch", .value = "N", .help = "the present epoch (default: 0)"},
                   signer_passphrase_flag()},
         .examples = {{"cairn signer reset --keys keys.sealed --view 91000 --position 40000 --height 31000", ""}},
         .run = signer_reset});
}

} // namespace cairn::cli
