// `cairn key shares`: the root of a node's storage keys in shares of several officers.
#include "base/errors/cli.hpp"
#include "base/errors/storage.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/sender.hpp"
#include "crypto/ed25519.hpp"
#include "storage/recovery_shares.hpp"
#include "storage/root_file.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

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

Result<storage::RootKey> root_of(const Invocation& invocation) {
    const auto file = invocation.flag("root");
    if (!file) return fail(error::CliUsage, "missing --root FILE\n" + usage_of(invocation.command()));
    return storage::read_root_file(*file, [&] {
        if (const auto words = invocation.flag("root-passphrase-file")) {
            auto text = read_secret_file(*words);
            if (text) text->resize(std::min(text->find_first_of("\r\n"), text->size()));
            return text;
        }
        return read_passphrase(invocation, "Passphrase of the root key: ", Ask::once);
    });
}

Status split(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out DIR\n" + usage_of(invocation.command()));
    auto officers = invocation.all("officer");
    CRN_TRY(number, invocation.number("officers", officers.size(), 2, storage::kSharesMax));
    if (!officers.empty() && number != officers.size())
        return fail(error::CliUsage, "--officers and the number of --officer differ");
    while (officers.size() < number) officers.push_back("officer-" + std::to_string(officers.size() + 1));
    CRN_TRY(threshold, invocation.number("threshold", 0, 2, storage::kSharesMax));
    if (threshold == 0) return fail(error::CliUsage, "missing --threshold K\n" + usage_of(invocation.command()));
    CRN_TRY(root, root_of(invocation));
    CRN_TRY(shares, storage::split_root(root, static_cast<std::uint8_t>(threshold), officers, crypto::system_random()));
    CRN_CHECK(make_directory(*out, Access::secret));
    json files = json::array();
    for (std::size_t i = 0; i < shares.size(); ++i) {
        CRN_TRY(passphrase, passphrase_of(invocation, i, officers[i], Ask::twice));
        if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
        auto text = storage::write_share(shares[i], passphrase, {});
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

Result<storage::RootKey> join(Invocation& invocation, storage::ShareLabel& label) {
    std::vector<storage::Share> shares;
    for (std::size_t i = 1; i < invocation.arguments().size(); ++i) {
        const auto& path = invocation.argument(i);
        CRN_TRY(text, read_file(path, storage::kShareFileBytesMax));
        const auto found = storage::read_share_label(text);
        if (!found) return fail(found.error().code, path + ": " + found.error().detail);
        label = *found;
        // What cannot fit is refused before anyone is asked for a passphrase.
        for (const auto& other : shares)
            if (other.label.ceremony != found->ceremony)
                return fail(error::ShareMixed, invocation.argument(1) + " and " + path);
        CRN_TRY(passphrase, passphrase_of(invocation, i - 1, found->officer, Ask::once));
        auto share = storage::open_share(text, passphrase);
        wipe(passphrase);
        if (!share) return fail(share.error().code, path + ": " + share.error().detail);
        shares.push_back(std::move(*share));
    }
    return storage::join_shares(shares);
}

void print_result(const Terminal& terminal, const storage::ShareLabel& label, const char* result) {
    const auto ceremony = to_hex_digits(label.ceremony);
    const auto check = to_hex_digits(label.check);
    if (terminal.json)
        terminal.out << json{{"ceremony", ceremony}, {"check", check}, {"result", result}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"ceremony", ceremony}, {"check", check}, {"result", result}});
}

Status rehearse(Invocation& invocation) {
    storage::ShareLabel label;
    CRN_TRY(joined, join(invocation, label));
    if (invocation.has("root")) {
        CRN_TRY(root, root_of(invocation));
        if (!std::ranges::equal(root.view(), joined.view()))
            return fail(error::ShareMixed, "the shares are of another root than " + *invocation.flag("root"));
    }
    print_result(invocation.terminal(), label, "the shares open the root key; it was written nowhere");
    return {};
}

Status recover(Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out FILE\n" + usage_of(invocation.command()));
    storage::ShareLabel label;
    CRN_TRY(root, join(invocation, label));
    std::string passphrase;
    if (const auto file = invocation.flag("root-passphrase-file")) {
        CRN_TRY(text, read_secret_file(*file));
        passphrase = text.substr(0, text.find_first_of("\r\n"));
        wipe(text);
    }
    const auto written = storage::write_root_file(*out, root, passphrase);
    wipe(passphrase);
    CRN_CHECK(written);
    print_result(invocation.terminal(), label, "the root key is recovered");
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
         .summary = "the root key in shares of several officers, any K of which recover it",
         .details =
             "split makes one file per officer, sealed to a passphrase that the officer enters; fewer than K files "
             "tell "
             "nothing about the root. rehearse shows that the given files open it, and writes nothing. recover writes "
             "the root key file. Passphrases are asked for, or read from files (also /dev/fd/N), one --passphrase-file "
             "per share in the order of the shares.",
         .arguments = {{.name = "ACTION",
                        .help = "split, rehearse or recover",
                        .choices = {"split", "rehearse", "recover"}},
                       {.name = "FILE", .help = "share files", .need = Need::any, .completes = Completes::file}},
         .flags = {{.name = "root",
                    .value = "FILE",
                    .help = "split: the root key file; rehearse: compare with it",
                    .completes = Completes::file},
                   {.name = "threshold", .value = "K", .help = "split: how many shares recover the root"},
                   {.name = "officers", .value = "N", .help = "split: how many shares"},
                   {.name = "officer", .value = "NAME", .help = "split: whose share", .repeatable = true},
                   {.name = "out",
                    .value = "PATH",
                    .help = "split: directory for the shares; recover: the root key file to write",
                    .completes = Completes::file},
                   {.name = "passphrase-file",
                    .value = "FILE",
                    .help = "file whose first line is the passphrase of one share",
                    .repeatable = true,
                    .completes = Completes::file},
                   {.name = "root-passphrase-file",
                    .value = "FILE",
                    .help = "passphrase of a sealed root key file; recover: seal it so",
                    .completes = Completes::file}},
         .examples = {{"cairn key shares split --root storage.root --threshold 3 --officers 5 --out shares", ""},
                      {"cairn key shares rehearse share-1.txt share-4.txt share-5.txt", ""},
                      {"cairn key shares recover share-1.txt share-4.txt share-5.txt --out storage.root", ""}},
         .run = key_shares});
}

} // namespace cairn::cli
