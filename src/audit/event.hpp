// One act that somebody is answerable for: who did what, to what, from where, with what outcome, and why.
//
// What yields an event: docs/reference/audit-log.md. Texts are data of people: never a secret, never business content.
#pragma once

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cairn::audit {

/// `refused`: a rule said no. `failed`: it was allowed and did not work.
enum class Outcome : std::uint8_t { accepted = 1, refused = 2, failed = 3 };
std::string_view name_of(Outcome outcome);
std::optional<Outcome> outcome_from(std::string_view name);

/// Longest text of each field, in bytes. `make_event` cuts what is longer and marks the cut with "...".
inline constexpr std::size_t kFieldBytesMax = 256;
inline constexpr std::size_t kReasonBytesMax = 1024;

struct Event {
    // Given by the trail.
    Milliseconds time{0};       // since 1970-01-01 UTC
    std::uint64_t sequence = 0; // of this node; the first is 1, without gaps
    std::string node;           // whose log this is

    // Given by the caller.
    std::string subject;  // who: "node", "administrator alice", "account 0x12..", "peer beta-1", "unknown"
    std::string identity; // as whom: certificate subject or organisation; empty if none was shown
    std::string origin;   // from where: "local", "peer 10.0.0.2", "client 127.0.0.1", "management ..", "block 17"
    std::string object;   // what was acted on
    std::string action;   // "noun.verb" of the catalogue: lower case letters, digits, '-', one dot
    Outcome outcome = Outcome::accepted;
    std::string reason; // error code and text, or what makes the act understandable later

    bool operator==(const Event&) const = default;
};

/// First word of the origin: the report groups of remote and local users ("client", "peer", "management", ...).
std::string_view origin_class(const Event& event);

/// Whether `action` has the form of the catalogue.
bool is_action(std::string_view action);

/// Texts within their limits, control characters and invalid UTF-8 replaced, so that no field can forge a line of a report.
Event made_safe(Event event);

/// The event without its place in the chain (record.hpp). AuditRecordInvalid.
void encode(const Event& event, Bytes& out);
Result<Event> decode_event(BytesView bytes);

} // namespace cairn::audit
