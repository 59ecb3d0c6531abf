#include "keys/touch.hpp"

#include "base/errors/keys.hpp"
#include "codec/wire.hpp"

#include <algorithm>
#include <array>

namespace cairn::keys {
namespace {

constexpr std::array<std::string_view, kTouchMax + 1> kNames{
    "",          "generated", "imported", "exported", "wrapped",  "signed-with", "session",  "encrypted",
    "backed-up", "granted",   "issued",   "stored",   "controls", "released",    "deployed", "recorded"};

} // namespace

std::string_view name_of(Touch touch) {
    const auto index = static_cast<std::size_t>(touch);
    return index < kNames.size() ? kNames[index] : "";
}

Bytes encode(const TouchEvent& event) {
    codec::WireWriter out;
    out.u8(static_cast<std::uint8_t>(event.kind));
    out.fixed(event.key);
    out.fixed(event.other);
    out.u64(event.height);
    out.u64(event.last_height);
    out.u64(event.count);
    out.boolean(event.forward_secret);
    out.string(as_bytes(event.subject));
    return out.take();
}

Result<TouchEvent> decode_touch_event(BytesView encoded) {
    codec::WireReader in{encoded};
    TouchEvent out;
    const auto kind = in.u8();
    if (kind == 0 || kind > kTouchMax) in.set_failed();
    out.kind = static_cast<Touch>(kind);
    out.key = in.fixed<KeyId>();
    out.other = in.fixed<KeyId>();
    out.height = in.u64();
    out.last_height = in.u64();
    out.count = in.u64();
    out.forward_secret = in.boolean();
    out.subject = std::string{as_text(in.string(kTouchSubjectBytesMax))};
    if (!in.finish() || out.last_height < out.height)
        return fail(error::TouchEventInvalid, std::to_string(encoded.size()) + " bytes");
    return out;
}

bool is_address(const KeyId& id) {
    return std::all_of(id.begin(), id.begin() + 12, [](std::uint8_t byte) { return byte == 0; }) && !id.is_zero();
}

} // namespace cairn::keys
