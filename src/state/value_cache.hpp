// Values of the newest state, readable by views of older states as long as the value has not changed since.
#pragma once

#include "state/generation_cache.hpp"

#include <array>
#include <cstdint>
#include <mutex>

namespace cairn::state {

/// Thread-safe. Every entry holds from the height it was put for up to the height of its shard; the writer raises all
/// shards to a new height before views of that height exist.
template <class Key, class Value, class Hash>
class ValueCache {
public:
    explicit ValueCache(std::size_t entries) {
        for (auto& shard : shards_) shard.entries = Entries{entries / kShards};
    }

    /// The value of `key` in the state of `height`, if it is known.
    std::optional<Value> get(const Key& key, std::uint64_t height) {
        auto& shard = shard_of(key);
        const std::lock_guard lock(shard.mutex);
        if (height > shard.height) return std::nullopt;
        const auto entry = shard.entries.get(key);
        if (!entry || entry->since > height) return std::nullopt;
        return entry->value;
    }
    /// Remembers what a reader found in the state of `height`; does nothing if that is no longer the newest.
    void remember(const Key& key, const Value& value, std::uint64_t height) {
        auto& shard = shard_of(key);
        const std::lock_guard lock(shard.mutex);
        if (height == shard.height) shard.entries.put(key, {value, height});
    }
    /// Writer only: `changes` (pairs of key and new value) are those of block `height`, the next.
    template <class Changes>
    void advance(std::uint64_t height, const Changes& changes) {
        std::array<std::vector<std::size_t>, kShards> by_shard;
        for (std::size_t i = 0; i < changes.size(); ++i) by_shard[index_of(changes[i].first)].push_back(i);
        for (std::size_t s = 0; s < kShards; ++s) {
            auto& shard = shards_[s];
            const std::lock_guard lock(shard.mutex);
            for (const auto i : by_shard[s]) shard.entries.put(changes[i].first, {changes[i].second, height});
            shard.height = height;
        }
    }
    /// Writer only: forgets everything; use before `advance` when what changed cannot be listed.
    void clear() {
        for (auto& shard : shards_) {
            const std::lock_guard lock(shard.mutex);
            shard.entries.clear();
            // Until `advance`, readers must not put back what the block to come changes.
            shard.height = kClosed;
        }
    }

private:
    static constexpr std::size_t kShards = 16;
    static constexpr std::uint64_t kClosed = ~std::uint64_t{0};

    struct Entry {
        Value value;
        std::uint64_t since = 0;
    };
    struct One {
        std::size_t operator()(const Entry&) const { return 1; }
    };
    using Entries = GenerationCache<Key, Entry, Hash, One>;
    struct Shard {
        std::mutex mutex;
        Entries entries{0};       // guarded by mutex
        std::uint64_t height = 0; // guarded by mutex
    };

    static std::size_t index_of(const Key& key) { return Hash{}(key) * 0x9e3779b97f4a7c15 >> 60; }
    Shard& shard_of(const Key& key) { return shards_[index_of(key)]; }

    std::array<Shard, kShards> shards_;
};

} // namespace cairn::state
