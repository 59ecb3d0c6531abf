// Files and the standard places for them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace cairn::cli {

inline constexpr std::size_t kFileBytesMax = 64u << 20;

/// Whole file; "-" is standard input. CliFileUnreadable, also when it is longer than `limit`.
Result<std::string> read_file(const std::string& path, std::size_t limit = kFileBytesMax);
/// As read_file, and CliSecretExposed if others than the owner may read or change it.
Result<std::string> read_secret_file(const std::string& path);

enum class Access { shared, secret }; // 0644, 0600
enum class Existing { refuse, replace };
/// Written beside, synced and renamed, so that no reader sees half of it and it outlasts a loss of power. CliFileExists, CliFileUnwritable,
/// StorageIo.
Status write_file(const std::string& path, std::string_view content, Access access, Existing existing);
/// With its parents. `secret`: only for the owner (0700).
Status make_directory(const std::string& path, Access access);
bool exists(const std::string& path);
/// Seconds of a secret's exposure do not matter, bytes left in freed memory do.
void wipe(std::string& secret);

/// $XDG_DATA_HOME/cairn, by default ~/.local/share/cairn.
std::string data_home();
/// $XDG_STATE_HOME/cairn, by default ~/.local/state/cairn.
std::string state_home();
std::string absolute(const std::string& path);

} // namespace cairn::cli
