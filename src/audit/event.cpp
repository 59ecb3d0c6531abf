#include "audit/event.hpp"

#include "base/errors/audit.hpp"
#include "codec/wire.hpp"

namespace cairn::audit {
namespace {

constexpr std::pair<Outcome, std::string_view> kOutcomes[] = {
    {Outcome::accepted, "accepted"}, {Outcome::refused, "refused"}, {Outcome::failed, "failed"}};
constexpr std::size_t kActionBytesMax = 64;
constexpr std::string_view kCut = "...";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

/// Length of the valid UTF-8 sequence at the start (RFC 3629); 0 if there is none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = byte(0);
    std::size_t length = 0;
    unsigned low = 0x80, high = 0xbf; // of the second byte
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else
        return 0;
    if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i)
        if (!is_continuation(text[i])) return 0;
    return length;
}

bool is_control(std::string_view text, std::size_t length) {
    const auto lead = static_cast<unsigned char>(text[0]);
    // C1 controls are U+0080 to U+009F: 0xc2 0x80 to 0xc2 0x9f.
    return lead < 0x20 || lead == 0x7f || (lead == 0xc2 && length == 2 && static_cast<unsigned char>(text[1]) < 0xa0);
}

bool is_safe(std::string_view text) {
    while (!text.empty()) {
        const auto length = sequence_length(text);
        if (length == 0 || is_control(text, length)) return false;
        text.remove_prefix(length);
    }
    return true;
}

/// To at most `limit` bytes, without half a character at the end. `text` is valid UTF-8.
void cut(std::string& text, std::size_t limit) {
    if (text.size() <= limit) return;
    while (limit > 0 && is_continuation(text[limit])) --limit;
    text.resize(limit);
}

std::string safe_text(std::string_view text, std::size_t limit) {
    std::string out;
    out.reserve(std::min(text.size(), limit));
    while (!text.empty()) {
        const auto length = sequence_length(text);
        const std::string_view taken = length == 0 || is_control(text, length) ? "?" : text.substr(0, length);
        if (out.size() + taken.size() > limit) {
            cut(out, limit - kCut.size());
            return out + std::string{kCut};
        }
        out += taken;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

} // namespace

std::string_view name_of(Outcome outcome) {
    for (const auto& [value, name] : kOutcomes)
        if (value == outcome) return name;
    return "unknown";
}

std::optional<Outcome> outcome_from(std::string_view name) {
    for (const auto& [value, known] : kOutcomes)
        if (known == name) return value;
    return std::nullopt;
}

std::string_view origin_class(const Event& event) {
    const std::string_view origin = event.origin;
    return origin.substr(0, origin.find(' '));
}

bool is_action(std::string_view action) {
    if (action.size() > kActionBytesMax) return false;
    const auto dot = action.find('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == action.size()) return false;
    for (std::size_t i = 0; i < action.size(); ++i) {
        const char c = action[i];
        if (i != dot && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
    }
    return true;
}

Event made_safe(Event event) {
    for (auto* field : {&event.subject, &event.identity, &event.origin, &event.object})
        *field = safe_text(*field, kFieldBytesMax);
    event.reason = safe_text(event.reason, kReasonBytesMax);
    return event;
}

void encode(const Event& event, Bytes& out) {
    codec::WireWriter writer;
    writer.u64(event.sequence);
    writer.u64(static_cast<std::uint64_t>(event.time.count()));
    writer.u8(static_cast<std::uint8_t>(event.outcome));
    for (const auto* field :
         {&event.action, &event.subject, &event.identity, &event.origin, &event.object, &event.reason})
        writer.text(*field);
    append(out, writer.bytes());
}

Result<Event> decode_event(BytesView bytes) {
    codec::WireReader in{bytes};
    Event event;
    event.sequence = in.u64();
    const auto time = in.u64();
    const auto outcome = in.u8();
    event.action = in.text(kActionBytesMax);
    for (auto* field : {&event.subject, &event.identity, &event.origin, &event.object})
        *field = in.text(kFieldBytesMax);
    event.reason = in.text(kReasonBytesMax);
    if (!in.finish()) return fail(error::AuditRecordInvalid, "an event is cut short or too long");
    if (event.sequence == 0 || time > std::uint64_t{1} << 53)
        return fail(error::AuditRecordInvalid, "an event has no sequence or an absurd time");
    if (outcome < 1 || outcome > 3 || !is_action(event.action))
        return fail(error::AuditRecordInvalid, "an event has an unknown outcome or a malformed action");
    event.time = Milliseconds{static_cast<std::int64_t>(time)};
    event.outcome = static_cast<Outcome>(outcome);
    // What could forge a line of a report was never written by a node.
    for (const auto* field : {&event.subject, &event.identity, &event.origin, &event.object, &event.reason})
        if (!is_safe(*field)) return fail(error::AuditRecordInvalid, "an event has control characters");
    return event;
}

} // namespace cairn::audit
