// Sends alarms (audit/alarms.hpp) to a collector of the site, out of the sealed audit log.
//
// Syslog, RFC 5424: over TLS (RFC 5425, TLS 1.3, the server's certificate is checked), over TCP on this machine (RFC 6587, counted),
// or to a local socket. Each alarm at least once: the position in the log is stored only when the collector's side has taken
// what was sent (for TCP and TLS: its system has acknowledged it), and what comes twice is known by node, sequence and alarm. The node
// never waits for it: what waits is in the log, so it is bounded as the log is. A collector that is away or stands still gets
// everything later, as far as the log reaches. That alarms wait (`alarm.waiting`), that they go out again (`alarm.delivered`), and
// that some were dropped from the log before anybody had taken them (`alarm.lost`) are events of the log themselves.
#pragma once

#include "audit/own_rules.hpp"
#include "audit/trail.hpp"

#include <memory>
#include <string>

namespace cairn::node {

struct AlarmSink {
    /// "tls://HOST:PORT", "tcp://127.0.0.1:PORT", "unix:PATH"; empty: no alarms are sent.
    std::string target;
    /// Of tls: PEM, who vouches for the collector's certificate.
    std::string ca_file;
    /// Besides the built-in ones.
    std::vector<audit::OwnRule> rules{};
};
/// AlarmSinkInvalid: not of that form, TCP to another machine, TLS without a readable CA file. AlarmRuleInvalid: as
/// check_own_rules, and rules without a target.
Status check_alarm_sink(const AlarmSink& sink);

/// Owns one thread; the destructor tries once more to send what waits, for three seconds at most.
class AlarmPush {
public:
    struct Progress {
        std::uint64_t sequence = 0; // of the last event whose alarm has been taken
        std::uint64_t sent = 0;     // since the start, repeats included
        std::uint64_t failures = 0; // attempts that ended without that
    };
    virtual ~AlarmPush() = default;
    virtual Progress progress() const = 0;
};
/// Reads the log in `directory` and keeps its position, and what rules have counted up to it, in `cursor_file`. All references must outlive the result. Errors as above.
Result<std::unique_ptr<AlarmPush>> start_alarm_push(storage::FileSystem& files, const std::string& directory,
                                                    const std::string& cursor_file, audit::Trail& trail,
                                                    const AlarmSink& sink);

} // namespace cairn::node
