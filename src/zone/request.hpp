// A command as it travels: signed by the person who gives it, for one node, once, now.
//
// Body: JSON {"command": text, "arguments": {name: text}, "nonce": 32 hex digits, "time": ms since 1970, "code": text or
// absent}. Header "Cairn-Signature": ECDSA P-256 in DER, in hex, over "cairn-command-v1\n", the node's name, "\n", the body.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace cairn::zone {

inline constexpr std::size_t kRequestBytesMax = 16 * 1024;
inline constexpr std::size_t kArgumentsMax = 16;
inline constexpr Milliseconds kTimeWindow{30'000};
inline constexpr std::size_t kNoncesMax = 8'192;

struct CommandRequest {
    std::string command;
    std::map<std::string, std::string> arguments;
    std::string nonce;
    Milliseconds time{0};
    std::string code;
};
std::string to_json(const CommandRequest& request);
/// ZoneRequestInvalid.
Result<CommandRequest> request_from_json(std::string_view body);
Bytes signed_bytes(std::string_view node, std::string_view body);

/// Remembers what came within the time window. Thread-safe.
class ReplayGuard {
public:
    /// ZoneRequestStale, ZoneReplay, ZoneBusy.
    Status take(const std::string& who, const CommandRequest& request, Milliseconds now);

private:
    std::mutex mutex_;
    std::set<std::pair<std::int64_t, std::string>> by_time_; // when it came, key
    std::set<std::string> known_;
};

/// Counts failures of persons. Thread-safe.
class Lockout {
public:
    Lockout(unsigned attempts, Milliseconds duration) : attempts_(attempts), duration_(duration) {}
    /// ZoneLocked with the time that is left.
    Status check(const std::string& who, Milliseconds now) const;
    /// True if this failure locked the person out.
    bool failed(const std::string& who, Milliseconds now);
    void succeeded(const std::string& who);
    /// False if nobody of this name was locked out.
    bool unlock(const std::string& who);

private:
    struct State {
        unsigned failures = 0;
        Milliseconds last{0};
        Milliseconds until{0};
    };
    const unsigned attempts_;
    const Milliseconds duration_;
    mutable std::mutex mutex_;
    std::map<std::string, State> states_; // of persons with a certificate: bounded by the CA
};

/// Whether a numeric address is in a list of addresses ("10.0.0.7", "10.0.0.0/24", "::1").
bool origin_listed(const std::string& address, const std::vector<std::string>& origins);

} // namespace cairn::zone
