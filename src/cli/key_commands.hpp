// What the files of `cairn key` share.
#pragma once

#include "cli/command.hpp"
#include "crypto/secp256k1.hpp"

#include <initializer_list>

namespace cairn::cli {

class Invocation;

/// --to and --to-key-file.
std::vector<FlagSpec> new_key_flags();
Result<crypto::AccountKey> new_key_of(const Invocation& invocation);
std::vector<FlagSpec> joined(std::initializer_list<std::vector<FlagSpec>> lists);

void declare_key_reset(CommandList& out);
void declare_key_incident(CommandList& out);

} // namespace cairn::cli
