// The in-memory twin of the RocksDB store, for tests and simulation. Thread-safe.
#include "storage/key_value.hpp"

#include <array>
#include <map>
#include <mutex>
#include <shared_mutex>

namespace cairn::storage {
namespace {

struct Less {
    using is_transparent = void;
    static bool less(BytesView a, BytesView b) {
        return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
    }
    bool operator()(const Bytes& a, const Bytes& b) const { return less(a, b); }
    bool operator()(const Bytes& a, BytesView b) const { return less(a, b); }
    bool operator()(BytesView a, const Bytes& b) const { return less(a, b); }
};

class MemoryStore final : public KeyValueStore {
public:
    Result<std::optional<Bytes>> get(Column column, BytesView key) const override {
        const std::shared_lock lock(mutex_);
        const auto& map = columns_[static_cast<std::size_t>(column)];
        const auto found = map.find(key);
        if (found == map.end()) return std::optional<Bytes>{};
        return std::optional<Bytes>{found->second};
    }

    // The visitor may call back into the store, so no lock is held while it runs.
    Status scan(Column column, BytesView prefix, BytesView start,
                const std::function<bool(BytesView, BytesView)>& visit) const override {
        Bytes from = to_bytes(Less::less(start, prefix) ? prefix : start);
        bool inclusive = true;
        for (;;) {
            Bytes key;
            Bytes value;
            {
                const std::shared_lock lock(mutex_);
                const auto& map = columns_[static_cast<std::size_t>(column)];
                const auto next = inclusive ? map.lower_bound(from) : map.upper_bound(from);
                if (next == map.end()) return {};
                key = next->first;
                value = next->second;
            }
            const bool inside = key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
            if (!inside || !visit(key, value)) return {};
            from = std::move(key);
            inclusive = false;
        }
    }

    Status write(const WriteBatch& batch, bool) override {
        const std::unique_lock lock(mutex_);
        for (const auto& write : batch.writes()) {
            auto& map = columns_[static_cast<std::size_t>(write.column)];
            if (write.value)
                map.insert_or_assign(to_bytes(write.key), to_bytes(*write.value));
            else
                map.erase(to_bytes(write.key));
        }
        return {};
    }

private:
    mutable std::shared_mutex mutex_;
    std::array<std::map<Bytes, Bytes, Less>, kColumns> columns_; // guarded by mutex_
};

} // namespace

std::unique_ptr<KeyValueStore> make_memory_store() { return std::make_unique<MemoryStore>(); }

} // namespace cairn::storage
