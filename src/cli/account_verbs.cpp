#include "base/errors/cli.hpp"
#include "cli/account_secret.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "crypto/ed25519.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::string keystore_of(const Invocation& invocation) {
    return absolute(invocation.flag_or("keystore", default_keystore()));
}

void print_stored(const Invocation& invocation, const StoredKey& stored) {
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"address", checksummed(stored.address)}, {"file", stored.path}}.dump(2) << '\n';
    else
        print_fields(terminal, {{"address", checksummed(stored.address)}, {"file", stored.path}});
}

Status store(const Invocation& invocation, const crypto::AccountKey& key) {
    CRN_TRY(passphrase, read_passphrase(invocation, "New passphrase: ", Ask::twice));
    if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
    Progress progress(invocation.terminal(), system_clock());
    progress.stage("Encrypting the key");
    auto stored = store_key(keystore_of(invocation), key, passphrase, crypto::system_random(), system_clock());
    wipe(passphrase);
    if (!stored) return std::unexpected(stored.error());
    progress.done();
    print_stored(invocation, *stored);
    if (!invocation.terminal().quiet)
        invocation.terminal().err << "Keep a copy of the file and the passphrase: without both the account is lost.\n";
    return {};
}

Status account_new(Invocation& invocation) {
    const auto file = invocation.flag("sm2-key");
    if (!file) return store(invocation, new_account_key(crypto::system_random()));
    const auto key = new_account_secret(ledger::Suite::national, crypto::system_random());
    CRN_TRY(address, address_of(key));
    CRN_CHECK(write_file(*file, text_of(key) + "\n", Access::secret, Existing::refuse));
    print_stored(invocation, {address, *file});
    return {};
}

Status account_import(Invocation& invocation) {
    CRN_TRY(text, read_secret_file(invocation.argument(0)));
    if (text.find('{') == std::string::npos) {
        const auto key = parse_private_key(text);
        wipe(text);
        if (!key) return fail(key.error().code, invocation.argument(0));
        return store(invocation, *key);
    }
    // A key file of another wallet is taken as it is, once its passphrase has been shown to be known.
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of the file: ", Ask::once));
    CRN_TRY(key, decrypt_key(text, passphrase));
    auto stored = store_key(keystore_of(invocation), key, passphrase, crypto::system_random(), system_clock());
    wipe(passphrase);
    if (!stored) return std::unexpected(stored.error());
    print_stored(invocation, *stored);
    return {};
}

Status account_list(Invocation& invocation) {
    CRN_TRY(keys, list_keys(keystore_of(invocation)));
    if (invocation.json()) {
        json list = json::array();
        for (const auto& key : keys) list.push_back({{"address", checksummed(key.address)}, {"file", key.path}});
        invocation.terminal().out << list.dump(2) << '\n';
        return {};
    }
    Table table({"ADDRESS", "FILE"});
    for (const auto& key : keys) table.row({checksummed(key.address), key.path});
    table.print(invocation.terminal());
    if (keys.empty() && !invocation.terminal().quiet)
        invocation.terminal().err << "No accounts in " << keystore_of(invocation) << "; make one: cairn account new\n";
    return {};
}

Status account_show(Invocation& invocation) {
    CRN_TRY(address, parse_address(invocation.argument(0)));
    CRN_TRY(rpc, open_rpc(invocation));
    const auto block = invocation.flag_or("block", "latest");
    const auto text = to_hex(address);
    CRN_TRY(answers, rpc.batch({{"eth_getBalance", {text, block}},
                                {"eth_getTransactionCount", {text, block}},
                                {"eth_getCode", {text, block}}}));
    for (const auto& answer : answers)
        if (!answer) return std::unexpected(answer.error());
    CRN_TRY(balance, quantity(*answers[0], "the balance"));
    CRN_TRY(nonce, quantity_u64(*answers[1], "the nonce"));
    const auto code = answers[2]->is_string() ? answers[2]->get<std::string>() : std::string{"0x"};
    const auto code_bytes = code.size() / 2 - 1;
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"address", checksummed(address)},
                             {"balance_wei", to_decimal(balance)},
                             {"nonce", nonce},
                             {"code_bytes", code_bytes}}
                            .dump(2)
                     << '\n';
    else
        print_fields(terminal, {{"address", checksummed(address)},
                                {"balance", amount_text(balance)},
                                {"nonce", std::to_string(nonce)},
                                {"code", code_bytes == 0 ? "none" : std::to_string(code_bytes) + " bytes"}});
    return {};
}

const FlagSpec kKeystore{.name = "keystore",
                         .value = "DIR",
                         .help = "directory of key files (default: ~/.local/share/cairn/keystore)",
                         .completes = Completes::directory};
const FlagSpec kPassphraseFile{.name = "passphrase-file",
                               .value = "FILE",
                               .help = "file whose first line is the passphrase (default: ask)",
                               .completes = Completes::file};

} // namespace

void declare_account(CommandList& out) {
    out.push_back(
        {.noun = "account",
         .verb = "new",
         .summary = "make a new account and store its key encrypted",
         .details = "The key file is Web3 Secret Storage version 3 (scrypt, AES-128-CTR), as geth and wallets use "
                    "it. The passphrase is asked for, or read from a file that only you can read.",
         .flags = {kKeystore,
                   kPassphraseFile,
                   {.name = "sm2-key",
                    .value = "FILE",
                    .help = "make an SM2 key instead, for chains of the suite national or mixed, and write it in "
                            "the clear into FILE, which only you can read; key files know secp256k1 alone",
                    .completes = Completes::file}},
         .examples = {{"cairn account new", "asks for a passphrase"},
                      {"cairn account new --sm2-key sm2.key", "then use it with --key-file sm2.key"},
                      {"cairn account new --passphrase-file pass.txt --keystore ./keys", "for scripts"}},
         .run = account_new});
    out.push_back({.noun = "account",
                   .verb = "import",
                   .summary = "store an existing key encrypted",
                   .details =
                       "FILE holds a private key as 64 hex digits, or is a key file of another wallet. It must be "
                       "readable by you alone; \"-\" reads standard input.",
                   .arguments = {{"FILE", "private key or key file", Need::one, {}, Completes::file}},
                   .flags = {kKeystore, kPassphraseFile},
                   .examples = {{"cairn account import key.txt", "remove key.txt afterwards"}},
                   .run = account_import});
    out.push_back({.noun = "account",
                   .verb = "list",
                   .summary = "list the accounts of the keystore",
                   .flags = {kKeystore},
                   .examples = {{"cairn account list", ""}},
                   .run = account_list});
    auto flags = rpc_flags();
    flags.push_back({.name = "block", .value = "BLOCK", .help = "number in hex or tag (default: latest)"});
    out.push_back({.noun = "account",
                   .verb = "show",
                   .summary = "show an account's balance, nonce and code",
                   .arguments = {{"ADDRESS", "0x and 40 hex digits", Need::one, {}, Completes::account}},
                   .flags = std::move(flags),
                   .examples = {{"cairn account show 0x000000000000000000000000000000000000cA02", "a system contract"}},
                   .run = account_show});
}

} // namespace cairn::cli
