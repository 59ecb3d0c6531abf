// Runs one seed, or a range of seeds, of the consensus simulator: sim_main SEED[-SEED] [SCENARIO].
#include "sim/world.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: sim_main SEED[-SEED] "
                             "[calm|lossy|partitions|crashes|power|byzantine|everything|amnesia|absence|seven]\n");
        return 2;
    }
    const std::string range = argv[1];
    const std::string name = argc > 2 ? argv[2] : "everything";
    const auto first = std::strtoull(range.c_str(), nullptr, 10);
    const auto dash = range.find('-');
    const auto last = dash == std::string::npos ? first : std::strtoull(range.c_str() + dash + 1, nullptr, 10);
    int failed = 0;
    for (auto seed = first; seed <= last; ++seed) {
        const auto outcome = cairn::sim::run(seed, cairn::sim::scenario(name));
        if (!outcome.violations.empty()) ++failed;
        if (first == last || !outcome.violations.empty())
            std::printf("%s\n  trace %016llx, idle steps per second %.1f, evidence %llu\n",
                        describe(outcome, name).c_str(), static_cast<unsigned long long>(outcome.trace),
                        outcome.idle_steps_per_second, static_cast<unsigned long long>(outcome.coverage.evidence));
    }
    std::printf("%d of %llu seeds failed\n", failed, static_cast<unsigned long long>(last - first + 1));
    return failed == 0 ? 0 : 1;
}
