// What the files of `cairn signer` share.
#pragma once

#include "cli/command.hpp"
#include "cli/invocation.hpp"

namespace cairn::cli {

/// The flag's value; CliUsage, with the verb's usage, without it.
Result<std::string> required(const Invocation& invocation, std::string_view flag, const char* value);
/// --passphrase-file of a validator's sealed keys.
FlagSpec signer_passphrase_flag();

/// `signer voting-key` and `signer prove-key`.
void declare_voting_keys(CommandList& out);

} // namespace cairn::cli
