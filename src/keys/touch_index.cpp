#include "keys/touch_index.hpp"

#include "base/log.hpp"
#include "codec/wire.hpp"
#include "crypto/hash.hpp"

namespace cairn::keys {
namespace {

using storage::Column;

constexpr std::size_t kDigestBytes = 16;

Bytes prefix_of(char part) { return {static_cast<std::uint8_t>('k'), static_cast<std::uint8_t>(part)}; }

Bytes events_prefix(const KeyId& key) {
    Bytes out = prefix_of('e');
    append(out, key);
    return out;
}

Bytes event_key(const TouchEvent& event) {
    codec::WireWriter what;
    what.fixed(event.other);
    what.u64(event.height);
    what.string(as_bytes(event.subject));
    const auto digest = crypto::keccak256(what.bytes());
    Bytes out = events_prefix(event.key);
    out.push_back(static_cast<std::uint8_t>(event.kind));
    append(out, BytesView{digest}.first(kDigestBytes));
    return out;
}

void put(storage::WriteBatch& batch, const TouchEvent& event) {
    batch.put(Column::index, event_key(event), encode(event));
    if (event.kind != Touch::wrapped) return;
    Bytes edge = prefix_of('w');
    append(edge, event.other);
    append(edge, event.key);
    batch.put(Column::index, edge, {});
}

} // namespace

void TouchIndex::record(const TouchEvent& event) {
    if (event.subject.size() > kTouchSubjectBytesMax || event.last_height < event.height) {
        log(LogLevel::warning, "keys", "malformed key event dropped", {{"kind", std::string{name_of(event.kind)}}});
        return;
    }
    storage::WriteBatch batch;
    put(batch, event);
    if (const auto written = store_.write(batch, /*sync=*/false); !written)
        log(LogLevel::error, "keys", "key event lost: " + written.error().text());
}

Status TouchIndex::record_block(std::uint64_t height, const std::vector<TouchEvent>& events) {
    storage::WriteBatch batch;
    for (const auto& event : events) put(batch, event);
    codec::WireWriter number;
    number.u64(height);
    batch.put(Column::index, prefix_of('h'), number.bytes());
    return store_.write(batch, /*sync=*/false);
}

Result<std::optional<std::uint64_t>> TouchIndex::fed() const {
    CRN_TRY(value, store_.get(Column::index, prefix_of('h')));
    if (!value) return std::optional<std::uint64_t>{};
    codec::WireReader in{*value};
    const auto height = in.u64();
    CRN_CHECK(in.finish());
    return std::optional{height};
}

Status TouchIndex::scan(BytesView prefix, const std::function<bool(const TouchEvent&)>& visit) const {
    Status status;
    CRN_CHECK(store_.scan(Column::index, prefix, prefix, [&](BytesView, BytesView value) {
        const auto event = decode_touch_event(value);
        if (!event) {
            status = std::unexpected(event.error());
            return false;
        }
        return visit(*event);
    }));
    return status;
}

Status TouchIndex::of_key(const KeyId& key, const std::function<bool(const TouchEvent&)>& visit) const {
    return scan(events_prefix(key), visit);
}

Status TouchIndex::of_key(const KeyId& key, Touch kind, const std::function<bool(const TouchEvent&)>& visit) const {
    Bytes prefix = events_prefix(key);
    prefix.push_back(static_cast<std::uint8_t>(kind));
    return scan(prefix, visit);
}

Result<std::vector<KeyId>> TouchIndex::wrapped_by(const KeyId& key) const {
    Bytes prefix = prefix_of('w');
    append(prefix, key);
    std::vector<KeyId> out;
    CRN_CHECK(store_.scan(Column::index, prefix, prefix, [&](BytesView found, BytesView) {
        if (found.size() == prefix.size() + KeyId::kSize) out.push_back(*KeyId::from(found.last(KeyId::kSize)));
        return true;
    }));
    return out;
}

Result<bool> TouchIndex::knows(const KeyId& key) const {
    bool found = false;
    CRN_CHECK(of_key(key, [&](const TouchEvent&) {
        found = true;
        return false;
    }));
    return found;
}

} // namespace cairn::keys
