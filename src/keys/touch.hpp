// What a key touched: one small event for each thing that somebody who gets hold of the key could have made, opened or undone.
// Whoever uses a key tells it to a TouchSink; the index (touch_index.hpp) keeps it, and impact.hpp answers "this key leaked:
// what is concerned?". Source: security.md, section 1.5.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <string>
#include <string_view>

namespace cairn::keys {

/// As in the contract Keys: Keccak-256 of the public key or of the key check value; for account keys the address as a word.
using KeyId = Hash256;

/// Numbers are written to disk: append only. In brackets what the fields of the event mean besides `key` and `height`.
enum class Touch : std::uint8_t {
    generated = 1, // [subject: where]
    imported,      // [subject: from where]
    exported,      // [subject: to where]
    wrapped,       // `key` lies encrypted under `other`: who has `other` has it
    signed_with,   // [count, last_height: uses since `height`; subject: for what]
    session,       // protected a connection [subject: with whom; forward_secret]
    encrypted,     // [subject: file]
    backed_up,     // a backup or snapshot that it opens [subject: which]
    granted,       // a grant of data that it opens [subject: which]
    issued,        // as authority: a certificate [other: its key; subject: serial or name]
    stored,        // lies at a host [subject: host]
    controls,      // signs for the account `other` from `height` on
    released,      // no longer signs for the account `other` after `height`
    // Of accounts; `key` is the account's address as a word.
    deployed, // [other: address of the contract]
    recorded  // evidence [other: digest]
};
inline constexpr std::uint8_t kTouchMax = static_cast<std::uint8_t>(Touch::recorded);
inline constexpr std::size_t kTouchSubjectBytesMax = 512;
/// "signed-with"
std::string_view name_of(Touch touch);

struct TouchEvent {
    Touch kind = Touch::generated;
    KeyId key;
    KeyId other;
    std::uint64_t height = 0;      // block at or after which it happened; of several uses the first
    std::uint64_t last_height = 0; // of the last use; otherwise `height`
    std::uint64_t count = 1;
    bool forward_secret = false;
    std::string subject;
    auto operator<=>(const TouchEvent&) const = default;
};

/// Thread-safe. Takes an event or drops it with a line in the log; never makes its caller wait for a disk to sync.
class TouchSink {
public:
    virtual ~TouchSink() = default;
    virtual void record(const TouchEvent& event) = 0;
};

Bytes encode(const TouchEvent& event);
/// TouchEventInvalid.
Result<TouchEvent> decode_touch_event(BytesView encoded);

/// An id whose first twelve bytes are zero is an address.
bool is_address(const KeyId& id);

} // namespace cairn::keys
