// Certificates of an organisation: identity issue, renew, revoke; org renew, rotate-ca.
#include "cli/certificate_verbs.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/ca_rollover.hpp"
#include "cli/files.hpp"
#include "cli/identity_chain.hpp"
#include "cli/keystore.hpp"
#include "cli/organisation.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "signer/reseal.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

json json_of(const CertificateFolder& folder, std::int64_t now) {
    return {{"name", folder.name},
            {"file", folder.certificate_file()},
            {"fingerprint", to_hex(folder.info.fingerprint)},
            {"key_id", to_hex(folder.info.key_id)},
            {"not_after", folder.info.validity.not_after},
            {"days_left", (folder.info.validity.not_after - now) / kDaySeconds}};
}

} // namespace

std::int64_t now_seconds() { return system_clock().wall().count() / 1000; }

bool is_folder_name(const std::string& text) {
    return !text.empty() && text.size() <= 64 && text[0] != '.' && text.find('/') == std::string::npos;
}

void print_certificates(const Invocation& invocation, const std::vector<CertificateFolder>& folders) {
    const auto now = now_seconds();
    if (invocation.json()) {
        json list = json::array();
        for (const auto& folder : folders) list.push_back(json_of(folder, now));
        invocation.terminal().out << list.dump(2) << '\n';
        return;
    }
    Table table({"NAME", ">DAYS LEFT", "VALID UNTIL", "FILE"});
    for (const auto& folder : folders)
        table.row({folder.name, std::to_string((folder.info.validity.not_after - now) / kDaySeconds),
                   day_text(folder.info.validity.not_after), folder.certificate_file()});
    table.print(invocation.terminal());
}

Result<CertificateFolder> folder_named(const std::string& directory, const std::string& name) {
    CRN_TRY(folders, certificate_folders(directory));
    const auto found = std::ranges::find(folders, name, &CertificateFolder::name);
    if (found != folders.end()) return *found;
    return fail(error::CliPrecondition, directory + " has no certificate of \"" + name + "\"");
}

Result<CertificateFolder> folder_at(const std::string& directory, const std::string& certificate_file) {
    CRN_TRY(folders, certificate_folders(directory));
    const auto found = std::ranges::find(folders, certificate_file, &CertificateFolder::certificate_file);
    if (found != folders.end()) return *found;
    return fail(error::CliFileUnreadable, certificate_file);
}

Result<crypto::CertificateKey> algorithm_of(const Invocation& invocation) {
    const auto text = invocation.flag_or("algorithm", "p256");
    if (const auto kind = crypto::certificate_key_from(text)) return *kind;
    return fail(error::CliUsage, "--algorithm wants p256 or ed25519");
}

Result<crypto::Validity> validity_of(const crypto::CertifiedKey& ca, std::uint64_t days) {
    CRN_TRY(info, crypto::inspect_certificate(ca.certificate_pem));
    const auto now = now_seconds();
    return crypto::Validity{std::max(now - 300, info.validity.not_before),
                            std::min(now + static_cast<std::int64_t>(days) * kDaySeconds, info.validity.not_after)};
}

FlagSpec days_flag() { return {.name = "days", .value = "N", .help = "validity in days (default: 90)"}; }
FlagSpec algorithm_flag() {
    return {
        .name = "algorithm", .value = "NAME", .help = "of the TLS key (default: p256)", .choices = {"p256", "ed25519"}};
}

namespace {

Status issue(Invocation& invocation) {
    const auto kind = invocation.argument(0) == "person" ? crypto::ClientKind::person : crypto::ClientKind::application;
    CRN_TRY(account, parse_address(invocation.argument(1)));
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(days, invocation.number("days", kCertificateDays, 1, 825));
    CRN_TRY(ca, read_ca(directory, ca_passphrase(invocation)));
    CRN_TRY(ca_info, crypto::inspect_certificate(ca.certificate_pem));
    const auto label = invocation.flag_or("label", to_hex(account));
    if (!is_folder_name(label)) return fail(error::CliUsage, "--label wants a name without slashes");
    CRN_TRY(algorithm, algorithm_of(invocation));
    const auto folder = directory + "/identities/" + label;
    if (exists(folder + "/tls.pem")) return fail(error::CliFileExists, folder + "/tls.pem");
    CRN_TRY(validity, validity_of(ca, days));
    CRN_TRY(made, crypto::issue_client_certificate(ca, ca_info.organisation, label, {kind, account}, validity,
                                                   crypto::system_random(), algorithm));
    CRN_CHECK(make_directory(folder, Access::secret));
    CRN_CHECK(write_file(folder + "/tls.key", made.key_pem.view(), Access::secret, Existing::refuse));
    CRN_CHECK(
        write_file(folder + "/tls.pem", made.certificate_pem + ca.certificate_pem, Access::shared, Existing::refuse));
    CRN_TRY(issued, folder_named(directory, label));
    print_certificates(invocation, {issued});
    return {};
}

Result<Keys> keys_asked(const Invocation& invocation) { return invocation.has("keep-key") ? Keys::keep : Keys::renew; }

Status renew(Invocation& invocation) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(days, invocation.number("days", kCertificateDays, 1, 825));
    CRN_TRY(keys, keys_asked(invocation));
    CRN_TRY(ca, read_ca(directory, ca_passphrase(invocation)));
    CRN_TRY(folder, folder_named(directory, invocation.argument(0)));
    CRN_TRY(info, renew_certificate(folder, ca, days, keys, crypto::system_random(), now_seconds()));
    folder.info = std::move(info);
    print_certificates(invocation, {folder});
    return {};
}

Status org_renew(Invocation& invocation) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(days, invocation.number("days", kCertificateDays, 0, 825));
    CRN_TRY(within, invocation.number("within", 30, 0, 3650));
    CRN_TRY(keys, keys_asked(invocation));
    CRN_TRY(ca, read_ca(directory, ca_passphrase(invocation)));
    CRN_TRY(folders, certificate_folders(directory));
    const auto now = now_seconds();
    std::vector<CertificateFolder> renewed;
    for (auto& folder : folders) {
        if (folder.info.validity.not_after - now > static_cast<std::int64_t>(within) * kDaySeconds) continue;
        CRN_TRY(info, renew_certificate(folder, ca, days, keys, crypto::system_random(), now));
        folder.info = std::move(info);
        renewed.push_back(std::move(folder));
    }
    print_certificates(invocation, renewed);
    if (renewed.empty() && !invocation.terminal().quiet)
        invocation.terminal().err << "Nothing ends within " << within << " days.\n";
    return {};
}

constexpr std::string_view kNewPassphrase = "new-ca-passphrase-file";
constexpr std::pair<std::string_view, std::uint64_t> kReasons[] = {
    {"unspecified", 0}, {"key-compromise", 1}, {"affiliation-changed", 3}, {"superseded", 4}, {"cessation", 5}};

Status revoke(Invocation& invocation) {
    CRN_TRY(directory, org_directory(invocation));
    const auto& what = invocation.argument(0);
    Hash256 id;
    if (const auto given = fixed_from_hex<Hash256>(what)) {
        id = *given;
    } else {
        crypto::CertificateInfo info;
        if (exists(what)) {
            CRN_TRY(pem, read_file(what, crypto::kPemBytesMax));
            CRN_TRY(inspected, crypto::inspect_certificate(pem));
            info = inspected;
        } else {
            CRN_TRY(folder, folder_named(directory, what));
            info = folder.info;
        }
        // Of the key, so that no other certificate of it is accepted either.
        id = invocation.has("certificate-only") ? info.fingerprint : info.key_id;
    }
    const auto reason_name = invocation.flag_or("reason", "unspecified");
    std::uint64_t reason = 0;
    for (const auto& [name, number] : kReasons)
        if (name == reason_name) reason = number;
    CRN_TRY(rpc, open_rpc(invocation));
    CRN_TRY(sender, registrar_of(invocation, directory));
    CRN_TRY(receipt, tell_identities(invocation, rpc, sender, identity_call("revoke(bytes32,uint8)", {id, reason})));
    if (invocation.json()) {
        invocation.terminal().out << json{{"id", to_hex(id)}, {"reason", reason_name}, {"receipt", receipt}}.dump(2)
                                  << '\n';
        return {};
    }
    print_fields(invocation.terminal(), {{"revoked", to_hex(id)}, {"reason", reason_name}});
    return {};
}

Status rotate_ca(Invocation& invocation) {
    const auto stage = invocation.flag("stage");
    if (!stage) return fail(error::CliUsage, "missing --stage\n" + usage_of(invocation.command()));
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    if (*stage == "reissue") {
        CRN_TRY(days, invocation.number("days", kCertificateDays, 1, 825));
        CRN_TRY(folders, reissue_by_next_ca(invocation, directory, invocation.has("offline") ? nullptr : &rpc, days));
        print_certificates(invocation, folders);
        return {};
    }
    CRN_TRY(sender, registrar_of(invocation, directory));
    CRN_CHECK(*stage == "trust" ? trust_next_ca(invocation, directory, rpc, sender)
                                : remove_old_ca(invocation, directory, rpc, sender));
    if (invocation.json())
        invocation.terminal().out << json{{"stage", *stage}, {"done", true}}.dump(2) << '\n';
    else
        print_fields(invocation.terminal(),
                     {{"stage", *stage},
                      {"next", *stage == "trust" ? "--stage reissue, then copy the files to each machine"
                                                 : "the roll-over is complete"}});
    return {};
}

/// Also those of a roll-over that is under way, and of CAs that were removed: whoever has one of them has been the organisation.
Result<std::vector<std::string>> ca_key_files(const std::string& directory) {
    std::vector<std::string> out;
    std::error_code problem;
    for (const auto& entry : std::filesystem::directory_iterator(directory, problem)) {
        const auto name = entry.path().filename().string();
        if (name == "ca.key" || (name.starts_with("ca-") && name.ends_with(".key")))
            out.push_back(entry.path().string());
    }
    if (problem) return fail(error::CliFileUnreadable, directory + " (" + problem.message() + ")");
    std::ranges::sort(out);
    if (std::ranges::find(out, directory + "/ca.key") == out.end())
        return fail(error::CliFileUnreadable, directory + "/ca.key");
    return out;
}

/// A passphrase that is wiped when it goes.
class Wiped {
public:
    explicit Wiped(std::string text) : text_(std::move(text)) {}
    ~Wiped() { wipe(text_); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

Status seal_ca(Invocation& invocation) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(files, ca_key_files(directory));
    std::vector<crypto::SecretText> keys;
    for (const auto& file : files) {
        CRN_TRY(text, crypto::read_secret_file(file));
        keys.push_back(std::move(text));
    }
    const bool any_sealed = std::ranges::any_of(keys, [](const auto& key) { return is_sealed_ca_key(key.view()); });
    auto given = any_sealed ? ca_passphrase(invocation)() : Result<std::string>{std::string{}};
    if (!given) return std::unexpected(given.error());
    const Wiped present(*std::move(given));
    CRN_TRY(chosen, read_passphrase(invocation, "New passphrase of the CA key: ", Ask::twice, kNewPassphrase));
    const Wiped fresh(std::move(chosen));
    if (fresh.text().empty()) return fail(error::CliUsage, "the new passphrase is empty");
    // All are opened before one is changed. One may have the new passphrase already, if this was interrupted before.
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (!is_sealed_ca_key(keys[i].view())) continue;
        auto pem = open_ca_key(keys[i].view(), present.text());
        if (!pem && pem.error().code == error::CaPassphraseWrong) pem = open_ca_key(keys[i].view(), fresh.text());
        if (!pem) return fail(pem.error().code, files[i]);
        keys[i] = *std::move(pem);
    }
    for (std::size_t i = 0; i < files.size(); ++i)
        CRN_CHECK(signer::replace_file(files[i], seal_ca_key(keys[i].view(), fresh.text(), {})));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"sealed", files}}.dump(2) << '\n';
        return {};
    }
    for (const auto& file : files) print_fields(terminal, {{"sealed", file}});
    if (!terminal.quiet)
        terminal.err
            << "Next: destroy copies of the files that still open without a passphrase, or with the old one. What "
               "runs by a timer needs --ca-passphrase-file or the credential cairn-ca.\n";
    return {};
}

std::vector<FlagSpec> with(std::vector<FlagSpec> first, const std::vector<std::vector<FlagSpec>>& more) {
    for (const auto& list : more) first.insert(first.end(), list.begin(), list.end());
    return first;
}

const FlagSpec kKeepKey{
    .name = "keep-key",
    .help = "certify the same key again instead of a new one; always so for nodes, whose signer has the key"};

} // namespace

void declare_certificates(CommandList& out) {
    out.push_back(
        {.noun = "identity",
         .verb = "issue",
         .summary = "issue a certificate for a person or an application",
         .details = "Signed by the organisation's CA, for TLS clients alone; it names the account, not the "
                    "person. Key and certificate come to DIR/identities/LABEL. Validators get theirs from "
                    "`cairn org init`.",
         .arguments = {{"KIND", "person or app", Need::one, {"person", "app"}}, {"ADDRESS", "its account"}},
         .flags = {org_flag(),
                   days_flag(),
                   ca_passphrase_flag(),
                   algorithm_flag(),
                   {.name = "label", .value = "NAME", .help = "pseudonym in the certificate (default: the address)"}},
         .examples = {{"cairn identity issue person 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --org ./Alpha", ""}},
         .run = issue});
    declare_requests(out);
    out.push_back(
        {.noun = "identity",
         .verb = "renew",
         .summary = "renew one certificate of the organisation",
         .details = "A running node takes new certificates of its own and of its listeners into use by itself within "
                    "a second; connections stay.",
         .arguments = {{"NAME", "validator, label of a person or application, VALIDATOR/client, VALIDATOR/management, "
                                "VALIDATOR/regulation, administrators/NAME "
                                "or regulators/NAME"}},
         .flags = {org_flag(), days_flag(), ca_passphrase_flag(), kKeepKey},
         .examples = {{"cairn identity renew alpha-1 --org ./Alpha", ""}},
         .run = renew});
    out.push_back(
        {.noun = "identity",
         .verb = "revoke",
         .summary = "revoke a certificate on chain, for ever",
         .details = "All nodes cut live connections that stand on it, as soon as the block is final. By default "
                    "its key is revoked, and with it every certificate for that key.",
         .arguments =
             {{"CERTIFICATE", "PEM file, name as for renew, or SHA-256 in hex", Need::one, {}, Completes::file}},
         .flags =
             with({org_flag(),
                   {.name = "reason",
                    .value = "WHY",
                    .help = "reason of RFC 5280",
                    .choices = {"unspecified", "key-compromise", "affiliation-changed", "superseded", "cessation"}},
                   {.name = "certificate-only", .help = "this certificate, not its key"}},
                  {sender_flags(), transaction_flags(), rpc_flags()}),
         .examples = {{"cairn identity revoke alpha-1 --reason key-compromise --org ./Alpha", ""}},
         .run = revoke});
    out.push_back(
        {.noun = "org",
         .verb = "renew",
         .summary = "renew the organisation's certificates that end soon",
         .details = "Of validators, their listeners for clients, administrators and regulators, and all persons and "
                    "applications. "
                    "For a timer: it does nothing as long as nothing ends within the given days. With --days 0 the new "
                    "certificates end at once, to rehearse the day on which everything has expired.",
         .flags = {org_flag(),
                   days_flag(),
                   ca_passphrase_flag(),
                   kKeepKey,
                   {.name = "within", .value = "N", .help = "renew what ends within N days (default: 30)"}},
         .examples = {{"cairn org renew --org ./Alpha", ""},
                      {"cairn org renew --org ./Alpha --within 3650", "all, now"}},
         .run = org_renew});
    out.push_back(
        {.noun = "org",
         .verb = "rotate-ca",
         .summary = "replace the organisation's CA in three stages",
         .details = "trust: make a second CA and have the chain trust both. reissue: every certificate anew by "
                    "the second. remove: the chain trusts the first no more. The network runs on throughout.",
         .flags =
             with({{.name = "stage",
                    .value = "STAGE",
                    .help = "which step (required)",
                    .choices = {"trust", "reissue", "remove"}},
                   org_flag(),
                   {.name = "offline", .help = "reissue without asking the chain: only when nothing connects any more"},
                   days_flag(),
                   ca_passphrase_flag()},
                  {sender_flags(), transaction_flags(), rpc_flags()}),
         .examples = {{"cairn org rotate-ca --stage trust --org ./Alpha", ""}},
         .run = rotate_ca});
    out.push_back(
        {.noun = "org",
         .verb = "seal-ca",
         .summary = "seal the organisation's CA key under a passphrase, or under another one",
         .details =
             "For organisations whose ca.key is in the clear, and to change the passphrase. Each key of a CA in the "
             "folder "
             "is replaced as a whole and what was there is overwritten, as far as the file system writes in place: the "
             "keys "
             "of a roll-over and of removed CAs too. New organisations outside the development network have it sealed "
             "from the beginning.",
         .flags = {org_flag(),
                   ca_passphrase_flag(),
                   {.name = kNewPassphrase,
                    .value = "FILE",
                    .help = "file of mode 0600 whose first line is the new passphrase (default: ask twice)",
                    .completes = Completes::file}},
         .examples = {{"cairn org seal-ca --org ./Alpha", ""}},
         .run = seal_ca});
}

} // namespace cairn::cli
