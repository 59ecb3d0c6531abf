// A bounded map that forgets what was not used for long: a young and an old generation. When the young one is full it
// becomes the old one, and what was old and not asked for since is dropped.
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>

namespace cairn::state {

/// Not thread-safe. `Weight` gives the cost of a value; all values together cost at most `capacity`.
template <class Key, class Value, class Hash, class Weight>
class GenerationCache {
public:
    explicit GenerationCache(std::size_t capacity) : half_(capacity / 2) {}

    std::optional<Value> get(const Key& key) {
        if (const auto found = young_.find(key); found != young_.end()) return found->second;
        const auto found = old_.find(key);
        if (found == old_.end()) return std::nullopt;
        Value value = std::move(found->second);
        old_.erase(found);
        put(key, value);
        return value;
    }
    void put(const Key& key, const Value& value) {
        const auto weight = Weight{}(value);
        if (weight > half_) return;
        if (young_weight_ + weight > half_) {
            old_ = std::exchange(young_, {});
            young_weight_ = 0;
        }
        old_.erase(key);
        const auto [at, is_new] = young_.try_emplace(key, value);
        young_weight_ += weight;
        if (is_new) return;
        young_weight_ -= Weight{}(at->second);
        at->second = value;
    }
    void erase(const Key& key) {
        if (const auto found = young_.find(key); found != young_.end()) {
            young_weight_ -= Weight{}(found->second);
            young_.erase(found);
        }
        old_.erase(key);
    }
    void clear() {
        young_.clear();
        old_.clear();
        young_weight_ = 0;
    }
    std::size_t size() const { return young_.size() + old_.size(); }

private:
    std::size_t half_;
    std::size_t young_weight_ = 0;
    std::unordered_map<Key, Value, Hash> young_;
    std::unordered_map<Key, Value, Hash> old_;
};

} // namespace cairn::state
