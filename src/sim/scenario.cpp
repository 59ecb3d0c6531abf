#include "sim/scenario.hpp"

namespace cairn::sim {

Scenario scenario(std::string_view name) {
    Scenario out;
    if (name == "lossy" || name == "everything" || name == "seven") {
        out.drop_percent = 10;
        out.duplicate_percent = 10;
        out.tail_one_in = 50;
        out.skew = Microseconds{500'000};
    }
    if (name == "partitions" || name == "everything" || name == "seven") out.partitions = true;
    if (name == "crashes" || name == "everything" || name == "seven") out.crashes = true;
    if (name == "power") out.power_cuts = out.crashes = true;
    if (name == "byzantine" || name == "everything") out.byzantine = 1;
    if (name == "byzantine") {
        out.drop_percent = 2;
        out.partitions = true;
    }
    if (name == "seven") {
        out.nodes = 7;
        out.byzantine = 2;
    }
    if (name == "amnesia") {
        out.amnesia = true;
        out.drop_percent = 2;
        out.partitions = true;
    }
    if (name == "flood") {
        out.batch_interval = Microseconds{1'500};
        out.execution = Microseconds{120'000};
        out.small_limits = true;
        out.drop_percent = 3;
        out.trouble = Microseconds{3'000'000};
    }
    if (name == "absence") {
        out.long_absence = true;
        out.trouble = Microseconds{30'000'000};
        out.drop_percent = 1;
    }
    return out;
}

} // namespace cairn::sim
