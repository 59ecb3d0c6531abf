// What the signer's process gives up once it has its keys and its files: everything but the descriptors that it holds.
#pragma once

#include "base/result.hpp"

#include <string>

namespace cairn::signer {

/// Strict: the signer. Token: the helper that runs a PKCS#11 module, which must keep its own files and devices; it may not
/// start programs, trace other processes or make connections to other hosts.
enum class Sandbox : std::uint8_t { strict, token };

/// No new privileges, no core dump, not dumpable, memory locked, limits on files and processes, Landlock without any path and,
/// for the signer, namespaces of its own (network, mounts, IPC, host name), both where the kernel has them, seccomp allow-list. Not to be undone. Returns a line that says what was put up; SandboxFailed if
/// seccomp, no-new-privileges or the dump flags are refused. Memory that cannot be locked as a whole (RLIMIT_MEMLOCK) is
/// told: the keys themselves are locked in any case.
Result<std::string> enter_sandbox(Sandbox sandbox);

} // namespace cairn::signer
