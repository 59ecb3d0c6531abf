// The events of keys, kept on this node's disk, found again by key.
//
// Layout, in the store's index column:
//   'k' 'e' key kind digest  -> event; `digest` is of what makes the event different from others of its kind, so that an event
//                               that comes twice (a block is fed again after a crash) is one event
//   'k' 'w' key wrapped      -> nothing; the keys that lie encrypted under `key`
//   'k' 'h'                  -> height of the last block that was fed
#pragma once

#include "keys/touch.hpp"
#include "storage/key_value.hpp"

#include <functional>
#include <mutex>
#include <vector>

namespace cairn::keys {

/// Thread-safe.
class TouchIndex final : public TouchSink {
public:
    /// `store` must outlive it.
    explicit TouchIndex(storage::KeyValueStore& store) : store_(store) {}

    void record(const TouchEvent& event) override;
    /// The events of one block and, in the same write, the note that it was fed.
    Status record_block(std::uint64_t height, const std::vector<TouchEvent>& events);
    /// Height of the last block that was fed; nothing before the first.
    Result<std::optional<std::uint64_t>> fed() const;

    /// Events of the key, by kind, until `visit` returns false. TouchEventInvalid for one that cannot be read.
    Status of_key(const KeyId& key, const std::function<bool(const TouchEvent&)>& visit) const;
    Status of_key(const KeyId& key, Touch kind, const std::function<bool(const TouchEvent&)>& visit) const;
    /// Keys that lie encrypted under `key`, ascending.
    Result<std::vector<KeyId>> wrapped_by(const KeyId& key) const;
    /// True if there is any event of this key.
    Result<bool> knows(const KeyId& key) const;

private:
    Status scan(BytesView prefix, const std::function<bool(const TouchEvent&)>& visit) const;
    storage::KeyValueStore& store_;
};

} // namespace cairn::keys
