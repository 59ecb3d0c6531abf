#include "cli/sender.hpp"

#include "base/errors/cli.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace cairn::cli {
namespace {

/// Asks on the controlling terminal, so that piped data and the question do not meet.
Result<std::string> prompt_secret(std::string_view prompt) {
    const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (tty < 0) return fail(error::CliPassphraseMissing);
    termios before{};
    ::tcgetattr(tty, &before);
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(tty, TCSAFLUSH, &silent);
    const std::string text{prompt};
    const bool asked = ::write(tty, text.data(), text.size()) >= 0;
    std::string line;
    char c = 0;
    while (asked && ::read(tty, &c, 1) == 1 && c != '\n' && line.size() < 4096) line += c;
    const bool ended = ::write(tty, "\n", 1) == 1;
    ::tcsetattr(tty, TCSAFLUSH, &before);
    ::close(tty);
    if (!asked || !ended) return fail(error::CliPassphraseMissing, "the terminal cannot be written to");
    return line;
}

Result<Sender> with_key(const AccountSecret& key) {
    CRN_TRY(address, address_of(key));
    return Sender{address, key};
}

Result<Sender> from_dev(const Invocation& invocation, std::string_view number) {
    CRN_TRY(state, read_dev_state(dev_dir(invocation)));
    if (state.accounts.empty()) return fail(error::CliNoAccount, "the development network has no accounts");
    CRN_TRY(index, parse_number("the account number after dev:", number, 0, state.accounts.size() - 1));
    CRN_TRY(key, parse_account_secret(state.accounts[index].private_key));
    return with_key(key);
}

/// The administrator of an organisation of the development network.
Result<Sender> from_organisation(const Invocation& invocation, const std::string& name) {
    if (name.empty() || name.find('/') != std::string::npos || name.front() == '.')
        return fail(error::CliUsage, "\"org:" + name + "\" names no organisation");
    CRN_TRY(text, read_secret_file(dev_dir(invocation) + "/organisations/" + name + "/administrator.key"));
    CRN_TRY(key, parse_account_secret(text));
    return with_key(key);
}

Result<Sender> from_keystore(const Invocation& invocation, const StoredKey& stored) {
    CRN_TRY(text, read_secret_file(stored.path));
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of " + checksummed(stored.address) + ": ", Ask::once));
    auto key = decrypt_key(text, passphrase);
    wipe(passphrase);
    if (!key) return fail(key.error().code, key.error().detail.empty() ? stored.path : key.error().detail);
    return with_key(*key);
}

} // namespace

std::vector<FlagSpec> sender_flags() {
    return {
        {.name = "from",
         .value = "ADDRESS",
         .help = "sending account: an address of the keystore, or dev:N for the Nth account of the "
                 "development network, or org:NAME for the administrator of its organisation",
         .completes = Completes::account},
        {.name = "keystore",
         .value = "DIR",
         .help = "directory of key files (default: ~/.local/share/cairn/keystore)",
         .completes = Completes::directory},
        {.name = "passphrase-file",
         .value = "FILE",
         .help = "file whose first line is the passphrase",
         .completes = Completes::file},
        {.name = "key-file",
         .value = "FILE",
         .help = "file with a private key in hex (an SM2 key after \"sm2:\"), instead of --from",
         .completes = Completes::file},
    };
}

std::string dev_dir(const Invocation& invocation) {
    const auto directory = invocation.flag("dir");
    return directory ? absolute(*directory) : default_dev_dir();
}

Result<std::string> read_passphrase(const Invocation& invocation, std::string_view prompt, Ask ask,
                                    std::string_view flag) {
    if (const auto file = invocation.flag(flag)) {
        CRN_TRY(text, read_secret_file(*file));
        auto line = text.substr(0, text.find_first_of("\r\n"));
        wipe(text);
        return line;
    }
    if (!invocation.terminal().in_is_tty) return fail(error::CliPassphraseMissing);
    CRN_TRY(first, prompt_secret(prompt));
    if (ask == Ask::twice) {
        CRN_TRY(second, prompt_secret("Again: "));
        if (first != second) return fail(error::CliUsage, "the two passphrases differ");
        wipe(second);
    }
    return std::move(first);
}

Result<Sender> choose_sender(const Invocation& invocation) {
    if (const auto file = invocation.flag("key-file")) {
        CRN_TRY(text, read_secret_file(*file));
        auto key = parse_account_secret(text);
        wipe(text);
        if (!key) return fail(key.error().code, *file);
        return with_key(*key);
    }
    CRN_TRY(keys, list_keys(invocation.flag_or("keystore", default_keystore())));
    if (const auto from = invocation.flag("from")) {
        if (from->starts_with("dev:")) return from_dev(invocation, std::string_view{*from}.substr(4));
        if (from->starts_with("org:")) return from_organisation(invocation, from->substr(4));
        CRN_TRY(address, parse_address(*from));
        for (const auto& stored : keys)
            if (stored.address == address) return from_keystore(invocation, stored);
        // The development network's accounts may be named by address too.
        if (const auto state = read_dev_state(dev_dir(invocation)))
            for (std::size_t i = 0; i < state->accounts.size(); ++i)
                if (fixed_from_hex<Address>(state->accounts[i].address) == address)
                    return from_dev(invocation, std::to_string(i));
        return fail(error::CliNoAccount,
                    "no key of " + checksummed(address) + " in " + invocation.flag_or("keystore", default_keystore()));
    }
    // With --dir or a running development network its account is meant, before any real one.
    if (!invocation.has("keystore") && exists(dev_dir(invocation) + "/state.json")) return from_dev(invocation, "0");
    if (keys.size() == 1) return from_keystore(invocation, keys.front());
    return fail(error::CliNoAccount, keys.empty() ? "the keystore is empty" : "the keystore has several accounts");
}

} // namespace cairn::cli
