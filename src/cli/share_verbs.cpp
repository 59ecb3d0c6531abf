// `cairn key shares`: a validator's sealed keys, the root of its storage among them, in shares of several officers.
#include "base/errors/cli.hpp"
#include "base/errors/storage.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/sender.hpp"
#include "crypto/ed25519.hpp"
#include "signer/ceremony.hpp"
#include "signer/journal.hpp"
#include "signer/recovery_shares.hpp"
#include "signer/token.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kKeysPassphrase = "keys-passphrase-file";

/// The passphrase of the `index`th share: from the `index`th --passphrase-file, or asked for.
Result<std::string> passphrase_of(const Invocation& invocation, std::size_t index, const std::string& officer,
                                  Ask ask) {
    const auto files = invocation.all("passphrase-file");
    if (files.empty()) return read_passphrase(invocation, "Passphrase of " + printable(officer) + ": ", ask);
    if (index >= files.size())
        return fail(error::CliPassphraseMissing, "there are fewer --passphrase-file than shares; next: " + officer);
    CRN_TRY(text, read_secret_file(files[index]));
    auto line = text.substr(0, text.find_first_of("\r\n"));
    wipe(text);
    return line;
}

Result<std::string> keys_path(const Invocation& invocation) {
    if (const auto file = invocation.flag("keys")) return absolute(*file);
    return fail(error::CliUsage, "missing --keys FILE\n" + usage_of(invocation.command()));
}

Result<signer::Secrets> open_keys(const Invocation& invocation) {
    CRN_TRY(path, keys_path(invocation));
    CRN_TRY(passphrase,
            read_passphrase(invocation, "Passphrase (or token PIN) of " + path + ": ", Ask::once, kKeysPassphrase));
    auto secrets = signer::open_for_ceremony(path, as_bytes(passphrase));
    wipe(passphrase);
    return secrets;
}

Status split(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out DIR\n" + usage_of(invocation.command()));
    auto officers = invocation.all("officer");
    CRN_TRY(number, invocation.number("officers", officers.size(), 2, signer::kSharesMax));
    if (!officers.empty() && number != officers.size())
        return fail(error::CliUsage, "--officers and the number of --officer differ");
    while (officers.size() < number) officers.push_back("officer-" + std::to_string(officers.size() + 1));
    CRN_TRY(threshold, invocation.number("threshold", 0, 2, signer::kSharesMax));
    if (threshold == 0) return fail(error::CliUsage, "missing --threshold K\n" + usage_of(invocation.command()));
    CRN_TRY(secrets, open_keys(invocation));
    CRN_TRY(shares,
            signer::split_secrets(secrets, static_cast<std::uint8_t>(threshold), officers, crypto::system_random()));
    CRN_CHECK(make_directory(*out, Access::secret));
    json files = json::array();
    for (std::size_t i = 0; i < shares.size(); ++i) {
        CRN_TRY(passphrase, passphrase_of(invocation, i, officers[i], Ask::twice));
        if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
        auto text = signer::write_share(shares[i], passphrase, {});
        wipe(passphrase);
        const auto path = *out + "/share-" + std::to_string(i + 1) + ".txt";
        CRN_CHECK(write_file(path, text, Access::secret, Existing::refuse));
        files.push_back(path);
    }
    const auto ceremony = to_hex_digits(shares.front().label.ceremony);
    if (terminal.json)
        terminal.out << json{{"ceremony", ceremony}, {"threshold", threshold}, {"shares", files}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"ceremony", ceremony},
                                {"shares", std::to_string(shares.size()) + " in " + *out},
                                {"threshold", std::to_string(threshold)}});
    if (!terminal.quiet)
        terminal.err << "Give each officer one file, keep none, and rehearse: cairn key shares rehearse FILE...\n";
    return {};
}

Result<signer::Secrets> join(Invocation& invocation, signer::ShareLabel& label) {
    std::vector<signer::Share> shares;
    for (std::size_t i = 1; i < invocation.arguments().size(); ++i) {
        const auto& path = invocation.argument(i);
        CRN_TRY(text, read_file(path, signer::kShareFileBytesMax));
        const auto found = signer::read_share_label(text);
        if (!found) return fail(found.error().code, path + ": " + found.error().detail);
        label = *found;
        // What cannot fit is refused before anyone is asked for a passphrase.
        for (const auto& other : shares)
            if (other.label.ceremony != found->ceremony)
                return fail(error::ShareMixed, invocation.argument(1) + " and " + path);
        CRN_TRY(passphrase, passphrase_of(invocation, i - 1, found->officer, Ask::once));
        auto share = signer::open_share(text, passphrase);
        wipe(passphrase);
        if (!share) return fail(share.error().code, path + ": " + share.error().detail);
        shares.push_back(std::move(*share));
    }
    return signer::join_shares(shares);
}

void print_result(const Terminal& terminal, const signer::ShareLabel& label, const char* result) {
    const auto ceremony = to_hex_digits(label.ceremony);
    const auto check = to_hex_digits(label.check);
    if (terminal.json)
        terminal.out << json{{"ceremony", ceremony}, {"check", check}, {"result", result}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"ceremony", ceremony}, {"check", check}, {"result", result}});
}

Status rehearse(Invocation& invocation) {
    signer::ShareLabel label;
    CRN_TRY(joined, join(invocation, label));
    if (invocation.has("keys")) {
        CRN_TRY(secrets, open_keys(invocation));
        if (!std::ranges::equal(secrets.view(), joined.view()))
            return fail(error::ShareMixed, "the shares are of other keys than " + *invocation.flag("keys"));
    }
    print_result(invocation.terminal(), label, "the shares open the keys; they were written nowhere");
    return {};
}

/// Where the private keys are that the shares do not have.
struct Token {
    signer::TokenSetup setup;
    std::unique_ptr<signer::TokenBackend> backend;
};

Result<std::optional<Token>> start_token(const Invocation& invocation) {
    const auto module = invocation.flag("module");
    const auto label = invocation.flag("token");
    if (!module && !label) return std::nullopt;
    if (!module || !label) return fail(error::CliUsage, "--module and --token go together");
    Token out{{absolute(*module), *label}, nullptr};
    CRN_TRY(pin, read_passphrase(invocation, "PIN of the token: ", Ask::once, kKeysPassphrase));
    auto started = signer::start_token(out.setup, as_bytes(pin));
    wipe(pin);
    if (!started) return std::unexpected(started.error());
    out.backend = std::move(*started);
    return out;
}

Status recover(Invocation& invocation) {
    CRN_TRY(path, keys_path(invocation));
    // Before the officers have to type.
    if (exists(path)) return fail(error::CliFileExists, path);
    CRN_TRY(token, start_token(invocation));
    signer::ShareLabel label;
    CRN_TRY(secrets, join(invocation, label));
    const bool token_has_keys = std::ranges::all_of(secrets.voting_secret(), [](auto byte) { return byte == 0; });
    if (token_has_keys != token.has_value())
        return fail(error::CliPrecondition, token_has_keys
                                                ? "these keys are on a token: give --module and --token as well"
                                                : "these keys are not on a token: leave out --module and --token");
    auto& random = crypto::system_random();
    if (token) {
        CRN_CHECK(signer::restore_token_keys_file(path, token->setup, *token->backend, secrets, random));
    } else {
        CRN_TRY(passphrase,
                read_passphrase(invocation, "New passphrase of " + path + ": ", Ask::twice, kKeysPassphrase));
        if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
        const auto written = signer::restore_sealed_keys(path, secrets, as_bytes(passphrase), {}, random);
        wipe(passphrase);
        CRN_CHECK(written);
    }
    print_result(invocation.terminal(), label, "the keys are recovered");
    if (invocation.terminal().quiet) return {};
    const auto memory = signer::state_path(path);
    invocation.terminal().err << (signer::Journal::exists(memory)
                                      ? "Next: start the node with the new passphrase.\n"
                                      : "Next: put the signer's memory beside it, " + memory +
                                            ".0 and .1. If it is lost as well: cairn signer reset.\n");
    return {};
}

Status key_shares(Invocation& invocation) {
    const auto& action = invocation.argument(0);
    const bool takes_files = action != "split";
    if (takes_files != (invocation.arguments().size() > 1))
        return fail(error::CliUsage,
                    std::string{takes_files ? "missing FILE..., the share files" : "split takes no files"} + "\n" +
                        usage_of(invocation.command()));
    return action == "split" ? split(invocation) : action == "rehearse" ? rehearse(invocation) : recover(invocation);
}

} // namespace

void declare_shares(CommandList& out) {
    out.push_back(
        {.noun = "key",
         .verb = "shares",
         .summary = "a validator's keys in shares of several officers, any K of which recover them",
         .details = "What is shared is all that keys.sealed holds: the validator's keys and the root of its storage "
                    "keys. split makes one "
                    "file per officer, sealed to a passphrase that the officer enters; fewer than K files tell "
                    "nothing. rehearse shows "
                    "that the given files open the keys, and writes nothing. recover writes a new keys.sealed under a "
                    "new passphrase; the "
                    "signer's memory stays what it was, and is never made here. Keys on a token stay on it: what is "
                    "shared is the rest. "
                    "Passphrases are asked for, or read from files (also /dev/fd/N), one --passphrase-file per share "
                    "in the order of the "
                    "shares.",
         .arguments = {{.name = "ACTION",
                        .help = "split, rehearse or recover",
                        .choices = {"split", "rehearse", "recover"}},
                       {.name = "FILE", .help = "share files", .need = Need::any, .completes = Completes::file}},
         .flags = {{.name = "keys",
                    .value = "FILE",
                    .help = "split: the sealed keys; rehearse: compare with them; recover: the file to write",
                    .completes = Completes::file},
                   {.name = "keys-passphrase-file",
                    .value = "FILE",
                    .help = "passphrase of the sealed keys, or PIN of their token; recover: the new passphrase",
                    .completes = Completes::file},
                   {.name = "threshold", .value = "K", .help = "split: how many shares recover the keys"},
                   {.name = "officers", .value = "N", .help = "split: how many shares"},
                   {.name = "officer", .value = "NAME", .help = "split: whose share", .repeatable = true},
                   {.name = "out",
                    .value = "DIR",
                    .help = "split: directory for the shares",
                    .completes = Completes::directory},
                   {.name = "module",
                    .value = "FILE",
                    .help = "recover keys that are on a token: its PKCS#11 library",
                    .completes = Completes::file},
                   {.name = "token", .value = "LABEL", .help = "recover keys that are on a token: its label"},
                   {.name = "passphrase-file",
                    .value = "FILE",
                    .help = "file whose first line is the passphrase of one share",
                    .repeatable = true,
                    .completes = Completes::file}},
         .examples = {{"cairn key shares split --keys keys.sealed --threshold 3 --officers 5 --out shares", ""},
                      {"cairn key shares rehearse share-1.txt share-4.txt share-5.txt", ""},
                      {"cairn key shares recover share-1.txt share-4.txt share-5.txt --keys keys.sealed", ""}},
         .run = key_shares});
}

} // namespace cairn::cli
