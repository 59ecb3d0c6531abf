// What a block costs in the state store: root, commit and reads, on RocksDB in a temporary directory.
// Usage: cairn_state_bench [ACCOUNTS [TRANSFERS [BLOCKS]]]
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "state/state_store.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/resource.h>

using namespace cairn;

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// CPU time of the calling thread: what the wall clock would show on an idle machine.
double thread_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double cpu_ms() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_usec) / 1e3;
    };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

double resident_mib() {
    std::ifstream file("/proc/self/statm");
    double total = 0;
    double resident = 0;
    file >> total >> resident;
    return resident * 4096 / (1 << 20);
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values.empty() ? 0 : values[values.size() / 2];
}

/// Best of some rounds, µs per message.
template <class Hash>
double hash_us(std::size_t size, Hash hash) {
    const std::vector<Bytes> messages(4096, Bytes(size, 7));
    const std::vector<BytesView> views(messages.begin(), messages.end());
    std::vector<Hash256> out(views.size());
    double best = 1e9;
    for (int round = 0; round < 5; ++round) {
        const auto start = thread_ms();
        hash(std::span<const BytesView>{views}, std::span<Hash256>{out});
        best = std::min(best, (thread_ms() - start) * 1e3 / static_cast<double>(views.size()));
    }
    return best;
}

/// The machine's speed at this hour: signature recoveries per second of one thread's CPU time.
double recovers_per_s() {
    const auto key = *crypto::AccountKey::from(crypto::keccak256(as_bytes("bench")));
    const auto digest = crypto::keccak256(as_bytes("message"));
    const auto signature = *crypto::sign(digest, key);
    const auto start = thread_ms();
    int count = 0;
    for (; thread_ms() - start < 200; ++count)
        if (!crypto::recover(digest, signature)) std::abort();
    return count / (thread_ms() - start) * 1e3;
}

Address address_of(std::uint64_t i) {
    return *Address::from(BytesView{crypto::keccak256(as_bytes(std::to_string(i)))}.first(20));
}

void print(const char* what, double value, const char* unit) { std::printf("%-44s %10.2f %s\n", what, value, unit); }

void check(bool good) {
    if (!good) std::abort();
}

} // namespace

int main(int argc, char** argv) {
    const std::uint64_t accounts = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    const std::uint64_t transfers = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5'000;
    const std::uint64_t blocks = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 40;

    print("calibration: recoveries per second of CPU", recovers_per_s(), "/s");
    for (const std::size_t size : {64u, 110u, 532u}) {
        const auto one_by_one = [](std::span<const BytesView> messages, std::span<Hash256> out) {
            for (std::size_t i = 0; i < messages.size(); ++i) out[i] = crypto::keccak256(messages[i]);
        };
        std::printf("keccak256 of %zu bytes: %.3f us one by one, %.3f us of many\n", size, hash_us(size, one_by_one),
                    hash_us(size, crypto::keccak256_many));
    }

    std::string directory = (std::filesystem::temp_directory_path() / "cairn-bench-XXXXXX").string();
    check(::mkdtemp(directory.data()) != nullptr);
    auto store = *storage::open_rocksdb(directory + "/db");
    auto state = *state::open_state(*store, {});
    std::vector<Address> addresses;
    ledger::StateDiff genesis;
    for (std::uint64_t i = 0; i < accounts; ++i) {
        addresses.push_back(address_of(i));
        genesis[addresses.back()].account = ledger::Account{0, U256{1'000'000'000'000'000'000}, crypto::kEmptyKeccak};
    }
    auto start = Clock::now();
    check(state->initialise(genesis).has_value());
    print("genesis", ms_since(start), "ms");
    genesis.clear();

    std::mt19937_64 random{1};
    std::vector<double> prepare_ms;
    std::vector<double> commit_ms;
    std::vector<double> total_ms;
    std::vector<double> prepare_cpu_ms;
    std::vector<double> commit_cpu_ms;
    std::vector<double> read_us;
    std::size_t touched = 0;
    const auto cpu_before = cpu_ms();
    for (std::uint64_t block = 0; block < blocks; ++block) {
        const auto view = state->latest();
        ledger::StateDiff diff;
        const auto reading = Clock::now();
        while (diff.size() < 2 * transfers && diff.size() < accounts) {
            const auto& who = addresses[random() % accounts];
            if (diff.contains(who)) continue;
            auto account = *view->account(who);
            account.nonce += diff.size() % 2;
            account.balance += U256{1 + random() % 1000};
            diff[who].account = account;
        }
        read_us.push_back(ms_since(reading) * 1e3 / static_cast<double>(diff.size()));
        touched += diff.size();
        start = Clock::now();
        auto cpu = thread_ms();
        const auto prepared = state->prepare(diff);
        prepare_ms.push_back(ms_since(start));
        prepare_cpu_ms.push_back(thread_ms() - cpu);
        const auto committing = Clock::now();
        cpu = thread_ms();
        const auto committed = state->commit(diff);
        commit_ms.push_back(ms_since(committing));
        commit_cpu_ms.push_back(thread_ms() - cpu);
        total_ms.push_back(ms_since(start));
        check(prepared && committed && *prepared == *committed);
    }
    std::printf("%llu blocks of %llu transfers (%llu accounts of %llu), RocksDB, medians:\n",
                static_cast<unsigned long long>(blocks), static_cast<unsigned long long>(transfers),
                static_cast<unsigned long long>(touched / std::max<std::uint64_t>(blocks, 1)),
                static_cast<unsigned long long>(accounts));
    print("  find, read and collect, per account", median(read_us), "us");
    print("  prepare", median(prepare_ms), "ms");
    print("    CPU of the calling thread", median(prepare_cpu_ms), "ms");
    print("  commit", median(commit_ms), "ms");
    print("    CPU of the calling thread", median(commit_cpu_ms), "ms");
    std::vector<double> cpu_sums;
    for (std::size_t i = 0; i < prepare_cpu_ms.size(); ++i) cpu_sums.push_back(prepare_cpu_ms[i] + commit_cpu_ms[i]);
    print("  CPU of the calling thread, best block", *std::ranges::min_element(cpu_sums), "ms");
    print("  prepare and commit", median(total_ms), "ms");
    print("  best block (least disturbed by others)", *std::ranges::min_element(total_ms), "ms");
    print("  worst block", *std::ranges::max_element(total_ms), "ms");
    print("  all threads, per block, with reads", (cpu_ms() - cpu_before) / static_cast<double>(blocks), "ms of CPU");

    const auto view = state->latest();
    start = Clock::now();
    for (int i = 0; i < 200'000; ++i) check(view->account(addresses[random() % accounts]).has_value());
    print("read a known account", ms_since(start) * 1e3 / 200'000, "us");
    const auto old = *state->at(Height{blocks / 2});
    start = Clock::now();
    for (int i = 0; i < 5'000; ++i) check(old->account(addresses[random() % accounts]).has_value());
    print("read an account at an old height", ms_since(start) * 1e3 / 5'000, "us");
    start = Clock::now();
    for (int i = 0; i < 2'000; ++i) check(state->prove(Height{blocks}, addresses[random() % accounts], {}).has_value());
    print("prove an account", ms_since(start) * 1e3 / 2'000, "us");
    print("resident memory", resident_mib(), "MiB");
    std::uintmax_t disk = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        if (entry.is_regular_file()) disk += entry.file_size();
    print("disk", static_cast<double>(disk) / (1 << 20), "MiB");
    std::filesystem::remove_all(directory);
    return 0;
}
