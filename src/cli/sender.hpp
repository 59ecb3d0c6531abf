// Whose key signs: chosen by flags, decrypted with a passphrase from a file or a prompt.
#pragma once

#include "base/result.hpp"
#include "cli/account_secret.hpp"
#include "cli/command.hpp"

#include <string>
#include <vector>

namespace cairn::cli {

struct Sender {
    Address address;
    AccountSecret key;
};

/// --from, --keystore, --passphrase-file, --key-file.
std::vector<FlagSpec> sender_flags();
/// --key-file FILE, or --from ADDRESS of the keystore, or --from dev:N of the development network; without
/// any of them the only account of the keystore, or dev:0 if there is a development network. CliNoAccount
/// otherwise.
Result<Sender> choose_sender(const Invocation& invocation);

enum class Ask { once, twice };
/// First line of the file that the flag names, or asked for on the terminal without echo. CliPassphraseMissing.
Result<std::string> read_passphrase(const Invocation& invocation, std::string_view prompt, Ask ask,
                                    std::string_view flag = "passphrase-file");

/// Directory of the development network that --dir or the environment names.
std::string dev_dir(const Invocation& invocation);

} // namespace cairn::cli
