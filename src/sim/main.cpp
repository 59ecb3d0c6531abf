// Runs one seed, or a range of seeds, of the consensus simulator: sim_main SEED[-SEED] [SCENARIO|all] [--shrink].
// A single seed is described in full; --shrink makes the first failing one small.
#include "sim/shrink.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using namespace cairn::sim;

int usage() {
    std::string names;
    for (const auto name : scenario_names()) names += "|" + std::string{name};
    std::fprintf(stderr, "usage: sim_main SEED[-SEED] [all%s] [--shrink]\n", names.c_str());
    return 2;
}

struct Seeds {
    std::uint64_t first = 0, last = 0;
};

/// Number of seeds that failed.
std::uint64_t run_all(const Seeds& seeds, std::string_view name, bool shrinks) {
    std::uint64_t failed = 0, forks = 0, convicted = 0;
    for (auto seed = seeds.first; seed <= seeds.last; ++seed) {
        const auto outcome = run(seed, scenario(name));
        const bool bad = !outcome.violations.empty();
        forks += outcome.coverage.forks;
        convicted += outcome.coverage.convicted;
        if (seeds.first == seeds.last || bad)
            std::printf("%s\n  trace %016llx, idle steps per second %.1f, evidence %llu, steps of the model %llu\n",
                        describe(outcome, name).c_str(), static_cast<unsigned long long>(outcome.trace),
                        outcome.idle_steps_per_second, static_cast<unsigned long long>(outcome.coverage.evidence),
                        static_cast<unsigned long long>(outcome.coverage.model_steps));
        if (bad && failed++ == 0 && shrinks) {
            constexpr std::uint64_t kRunsMax = 500;
            std::printf("shrunk: %s\n", describe(shrink(seed, scenario(name), kRunsMax)).c_str());
        }
    }
    std::printf("%-10s %llu of %llu seeds failed", std::string{name}.c_str(), static_cast<unsigned long long>(failed),
                static_cast<unsigned long long>(seeds.last - seeds.first + 1));
    if (forks > 0)
        std::printf("; %llu forked, %llu convictions", static_cast<unsigned long long>(forks),
                    static_cast<unsigned long long>(convicted));
    std::printf("\n");
    return failed;
}

} // namespace

int main(int argc, char** argv) {
    std::string range, name = "everything";
    bool shrinks = false;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--shrink")
            shrinks = true;
        else if (range.empty())
            range = word;
        else
            name = word;
    }
    if (range.empty() || (name != "all" && std::ranges::find(scenario_names(), name) == scenario_names().end()))
        return usage();
    Seeds seeds;
    seeds.first = seeds.last = std::strtoull(range.c_str(), nullptr, 10);
    if (const auto dash = range.find('-'); dash != std::string::npos)
        seeds.last = std::strtoull(range.c_str() + dash + 1, nullptr, 10);
    std::uint64_t failed = 0;
    for (const auto each : scenario_names())
        if (name == "all" || name == each) failed += run_all(seeds, each, shrinks);
    return failed == 0 ? 0 : 1;
}
