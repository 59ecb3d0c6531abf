#include "sim/shrink.hpp"

#include "base/assert.hpp"

namespace cairn::sim {
namespace {

class Shrinker {
public:
    Shrinker(std::uint64_t seed, const Scenario& scenario, std::uint64_t runs_max)
        : seed_(seed), runs_max_(runs_max), best_{scenario, run(seed, scenario), 1} {
        CRN_ASSERT(!best_.outcome.violations.empty());
    }

    Shrunk shrink() {
        leave_out_kinds();
        shorten();
        leave_out_single();
        return best_;
    }

private:
    /// Takes `candidate` over if it still fails.
    bool try_out(const Scenario& candidate) {
        if (best_.runs >= runs_max_) return false;
        auto outcome = run(seed_, candidate);
        ++best_.runs;
        if (outcome.violations.empty()) return false;
        best_.scenario = candidate;
        best_.outcome = std::move(outcome);
        return true;
    }

    void leave_out_kinds() {
        const std::function<void(Scenario&)> simpler[] = {
            [](Scenario& s) { s.drop_percent = 0; },    [](Scenario& s) { s.duplicate_percent = 0; },
            [](Scenario& s) { s.tail_one_in = 0; },     [](Scenario& s) { s.partitions = false; },
            [](Scenario& s) { s.crashes = false; },     [](Scenario& s) { s.power_cuts = false; },
            [](Scenario& s) { s.sync_errors = false; }, [](Scenario& s) { s.amnesia = false; },
            [](Scenario& s) { s.rot_middle = false; },  [](Scenario& s) { s.clock_jumps = false; },
            [](Scenario& s) { s.pauses = false; },      [](Scenario& s) { s.skew = Microseconds{0}; },
            [](Scenario& s) { s.byzantine = 0; },       [](Scenario& s) { s.small_limits = false; },
        };
        for (const auto& change : simpler) {
            auto candidate = best_.scenario;
            change(candidate);
            try_out(candidate);
        }
    }

    void shorten() {
        for (int round = 0; round < 6; ++round) {
            auto candidate = best_.scenario;
            candidate.trouble /= 2;
            if (!try_out(candidate)) return;
        }
    }

    /// Delta debugging: first halves of what still happens, at last single faults.
    void leave_out_single() {
        for (auto chunk = (best_.outcome.faults.size() + 1) / 2; chunk > 0;) {
            bool smaller = false;
            const auto left = best_.outcome.faults;
            for (auto end = left.size(); end > 0 && best_.runs < runs_max_;) {
                const auto begin = end - std::min(chunk, end);
                auto candidate = best_.scenario;
                for (auto i = begin; i < end; ++i) candidate.without.insert(left[i].id);
                smaller = try_out(candidate) || smaller;
                end = begin;
            }
            if (best_.runs >= runs_max_ || (chunk == 1 && !smaller)) return;
            if (!smaller) chunk /= 2;
        }
    }

    std::uint64_t seed_, runs_max_;
    Shrunk best_;
};

} // namespace

Shrunk shrink(std::uint64_t seed, const Scenario& scenario, std::uint64_t runs_max) {
    return Shrinker{seed, scenario, runs_max}.shrink();
}

std::string describe(const Shrunk& shrunk) {
    const auto& s = shrunk.scenario;
    std::string out = std::to_string(s.nodes) + " nodes, " + std::to_string(s.byzantine) + " liars, trouble for " +
                      std::to_string(s.trouble.count() / 1000) + " ms, after " + std::to_string(shrunk.runs) + " runs:";
    for (const auto& fault : shrunk.outcome.faults)
        out += "\n  " + std::to_string(fault.at.count() / 1000) + " ms: " + std::string{name_of(fault.kind)};
    for (const auto& violation : shrunk.outcome.violations) out += "\n  " + violation;
    return out;
}

} // namespace cairn::sim
