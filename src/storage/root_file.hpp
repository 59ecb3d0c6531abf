// The root key in a file: for nodes without a signer process, and where a recovered root is put.
//
//     cairn storage root 1
//     check: 16 hex digits, the key's check value
//     key: 64 hex digits                  or      sealed: hex of crypto/passphrase.hpp, context "cairn storage root"
//
// Mode 0600; others' access is refused. RootFileRefused names the file and never the content.
#pragma once

#include "storage/root_vault.hpp"

#include <functional>

namespace cairn::storage {

inline constexpr std::size_t kRootFileBytesMax = 4096;

/// Asked for only if the file is sealed.
using AskPassphrase = std::function<Result<std::string>()>;

Result<RootKey> read_root_file(const std::string& path, const AskPassphrase& passphrase);
/// `passphrase` empty: not sealed. Refuses to overwrite.
Status write_root_file(const std::string& path, const RootKey& root, std::string_view passphrase);

/// The parse alone; for the functions above and for hostile input.
Result<RootKey> parse_root_file(std::string_view text, const AskPassphrase& passphrase);

} // namespace cairn::storage
