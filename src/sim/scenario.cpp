#include "sim/scenario.hpp"

namespace cairn::sim {
namespace {

constexpr std::string_view kNames[] = {"calm",       "lossy",   "partitions", "crashes",   "power",    "byzantine",
                                       "everything", "seven",   "flood",      "absence",   "amnesia",  "loss",
                                       "sync",       "rot",     "tail",       "time",      "traitors", "plot",
                                       "keys",       "members", "handover",   "forgetful", "thief",    "stolen"};

} // namespace

std::span<const std::string_view> scenario_names() { return kNames; }

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
    if (name == "amnesia" || name == "loss") {
        out.amnesia = true;
        out.disk_loss = name == "loss";
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
    if (name == "sync") out.sync_errors = out.crashes = true;
    if (name == "rot" || name == "tail") {
        out.rot_middle = name == "rot";
        out.rot_tail = name == "tail";
        out.drop_percent = 2;
        out.partitions = true;
    }
    if (name == "time") {
        out.clock_jumps = out.pauses = true;
        out.drop_percent = 2;
        out.trouble = Microseconds{12'000'000};
    }
    if (name == "thief") {
        out.byzantine = 1;
        out.crashes = true;
        out.drop_percent = 5;
        out.tail_one_in = 50;
        out.stop_liars_at = 10;
    }
    if (name == "traitors" || name == "plot") { // f+1 of four, 2f of seven
        out.nodes = name == "plot" ? 7 : 4;
        out.byzantine = name == "plot" ? 4 : 2;
        out.partitions = true;
    }
    // Epochs end while everything else goes wrong: new keys with a liar, then members that join and leave.
    if (name == "keys" || name == "members" || name == "handover" || name == "forgetful" || name == "stolen") {
        out.set_changes = name == "members" ? SetChanges::members : SetChanges::keys;
        out.trouble = Microseconds{10'000'000};
        out.drop_percent = 5;
        out.tail_one_in = 50;
        out.partitions = out.crashes = true;
        out.power_cuts = name == "handover";
        out.byzantine = name == "keys" || name == "stolen" ? 1 : 0;
        out.stop_liars_at = name == "stolen" ? 10 : 0;
        out.amnesia = out.disk_loss = name == "forgetful";
        out.crashes = name != "forgetful";
    }
    return out;
}

} // namespace cairn::sim
