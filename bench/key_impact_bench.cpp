// How long "this key leaked, what did it touch?" takes in an index of a million events on disk (RocksDB in a directory that is
// removed again), for a root key under which a fifth of them lie. Prints one line. Target: 5 s (security.md, section 1.5).
//
//     cairn_key_impact_bench DIRECTORY [EVENTS]
#include "crypto/hash.hpp"
#include "keys/impact.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

namespace {

using namespace cairn;

keys::KeyId key_of(std::uint64_t number) { return crypto::keccak256(as_bytes("key " + std::to_string(number))); }

int run(const std::string& directory, std::size_t events) {
    using Clock = std::chrono::steady_clock;
    auto store = storage::open_rocksdb(directory);
    if (!store) return std::fprintf(stderr, "%s\n", store.error().text().c_str()), 1;
    keys::TouchIndex index{**store};
    std::mt19937_64 random{1};
    constexpr std::uint64_t kKeys = 1'000;
    const auto filled = Clock::now();
    std::vector<keys::TouchEvent> block;
    for (std::size_t i = 0; i < events; ++i) {
        keys::TouchEvent event;
        event.kind = i < kKeys / 5 ? keys::Touch::wrapped : static_cast<keys::Touch>(5 + random() % 6);
        event.key = key_of(i < kKeys / 5 ? i + 1 : random() % kKeys);
        if (event.kind == keys::Touch::wrapped) event.other = key_of(0);
        event.height = event.last_height = i / 100;
        event.subject = "subject " + std::to_string(i);
        block.push_back(std::move(event));
        if (block.size() < 1'000 && i + 1 < events) continue;
        if (!index.record_block(i / 100, block)) return 1;
        block.clear();
    }
    const auto asked = Clock::now();
    const auto impact = keys::impact_of(index, key_of(0), 0);
    const auto answered = Clock::now();
    if (!impact) return std::fprintf(stderr, "%s\n", impact.error().text().c_str()), 1;
    const auto seconds = [](auto from, auto to) { return std::chrono::duration<double>(to - from).count(); };
    std::printf("%zu events: %zu keys exposed, %zu findings in %.2f s; feeding took %.2f us an event\n", events,
                impact->keys.size(), impact->findings.size(), seconds(asked, answered),
                seconds(filled, asked) * 1e6 / static_cast<double>(events));
    return 0;
}

} // namespace

int main(int count, char** words) {
    if (count < 2) return std::fprintf(stderr, "usage: cairn_key_impact_bench DIRECTORY [EVENTS]\n"), 2;
    const std::string directory = std::string{words[1]} + "/key-impact-bench";
    const auto status = run(directory, count > 2 ? std::strtoull(words[2], nullptr, 10) : 1'000'000);
    std::filesystem::remove_all(directory);
    return status;
}
