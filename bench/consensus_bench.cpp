// What ordering costs the processor: four cores with real Ed25519 signatures hand each other messages at once; counted is the
// processor time inside step(), per block and node. Logs and sockets cost extra. consensus_bench [BATCH_BYTES] [BLOCKS]
#include "consensus/core.hpp"
#include "consensus/messages.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>

using namespace cairn;
using namespace cairn::consensus;

namespace {

constexpr std::size_t kNodes = 4;
constexpr std::uint64_t kChain = 1;

class NoHistory final : public History {
public:
    Height tip() const override { return {}; }
    FinalizedBlockPtr block(Height) const override { return nullptr; }
    std::optional<ledger::Certificate> execution_certificate(Height) const override { return std::nullopt; }
};

/// Of this thread, so that other programs on the machine do not count.
std::chrono::nanoseconds processor_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

struct Cost {
    std::uint64_t calls = 0;
    std::chrono::nanoseconds time{};
};

} // namespace

int main(int argc, char** argv) {
    const std::size_t batch_bytes = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 64 * 1024;
    const std::uint64_t blocks = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 500;
    constexpr std::size_t kTransactionBytes = 110;
    ledger::ValidatorSet set;
    std::vector<KeySigner> signers;
    for (std::size_t i = 0; i < kNodes; ++i) {
        crypto::ValidatorSeed seed;
        seed[0] = static_cast<std::uint8_t>(i + 1);
        const auto key = crypto::ValidatorKey::from_seed(seed);
        set.members.push_back({"v" + std::to_string(i), "Org", key.public_key(), "127.0.0.1:1"});
        signers.emplace_back(key, kChain);
    }
    const NoHistory history;
    std::vector<Core> cores;
    for (std::uint16_t i = 0; i < kNodes; ++i) {
        CoreConfig config;
        config.chain_id = kChain;
        config.validators = set;
        config.self = {i};
        config.start.digest[0] = 1;
        cores.emplace_back(config, signers[i], history);
        if (!cores.back().recover({}, Memory::fresh)) return 1;
    }

    struct Mail {
        std::size_t to;
        Input input;
    };
    std::deque<Mail> mail;
    std::array<Cost, 16> by_type{};
    Cost total;
    std::uint64_t finalized = 0, records = 0, record_bytes = 0, syncs = 0, messages = 0;
    Microseconds now{1'000'000};
    const auto step = [&](std::size_t node, Input input) {
        const auto* message = std::get_if<MessageReceived>(&input);
        const auto type = message ? message->type : 0;
        const Event event{now, Milliseconds{1'700'000'000'000 + now.count() / 1000}, std::move(input)};
        const auto start = processor_time();
        auto actions = cores[node].step(event);
        const auto spent = processor_time() - start;
        total.time += spent;
        ++total.calls;
        by_type[type].time += spent;
        ++by_type[type].calls;
        for (const auto& record : actions.records) record_bytes += record->size();
        records += actions.records.size();
        syncs += actions.sync ? 1 : 0;
        for (const auto& out : actions.messages)
            for (std::size_t to = 0; to < kNodes; ++to)
                if (to != node && (!out.to || out.to->value == to)) {
                    mail.push_back({to, MessageReceived{{static_cast<std::uint16_t>(node)}, out.type, out.payload}});
                    ++messages;
                }
        for (const auto& block : actions.finalized) {
            if (node == 0) ++finalized;
            mail.push_back({node, ExecutionFinished{block->block.height, block->digest}});
            mail.push_back({node, BlocksDurable{block->block.height}});
        }
    };
    while (finalized < blocks) {
        now += Microseconds{1'000};
        for (std::size_t node = 0; node < kNodes; ++node) {
            if (now.count() % 50'000 == 0 && cores[node].lane_room().batches > 0) {
                LocalBatch batch;
                batch.transactions.assign(std::max<std::size_t>(batch_bytes / kTransactionBytes, 1),
                                          Bytes(kTransactionBytes, 7));
                step(node, std::move(batch));
            }
            step(node, Tick{});
        }
        while (!mail.empty()) {
            auto next = std::move(mail.front());
            mail.pop_front();
            step(next.to, std::move(next.input));
        }
    }
    const auto per_block = [&](std::uint64_t count) {
        return static_cast<double>(count) / static_cast<double>(finalized * kNodes);
    };
    std::printf("n = %zu, %zu bytes per batch, %llu blocks\n", kNodes, batch_bytes,
                static_cast<unsigned long long>(finalized));
    std::printf("per block and node: %.0f us in step(), %.1f messages, %.1f records (%.0f bytes), %.1f syncs\n",
                per_block(static_cast<std::uint64_t>(total.time.count())) / 1000, per_block(messages),
                per_block(records), per_block(record_bytes), per_block(syncs));
    constexpr const char* kNames[] = {"tick and own events", "batch", "vote", "certificate", "proposal", "status"};
    for (std::size_t type = 0; type < std::size(kNames); ++type)
        if (by_type[type].calls > 0)
            std::printf("  %-20s %6.1f us each, %5.1f per block and node\n", kNames[type],
                        static_cast<double>(by_type[type].time.count()) / 1000.0 /
                            static_cast<double>(by_type[type].calls),
                        per_block(by_type[type].calls));
    return 0;
}
