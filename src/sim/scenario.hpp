// What a run of the simulator does to the network, its disks and its members.
#pragma once

#include "base/clock.hpp"

#include <cstdint>
#include <set>
#include <span>
#include <string_view>

namespace cairn::sim {

/// Known mistakes, to show that the invariants notice them.
enum class Mistake {
    none,
    quorum_off_by_one,
    finalize_after_nullify,
    finalize_other,  // finalizes a block although it notarized another one
    no_sync,         // messages leave before their records are durable
    forgotten_votes, // a restart does not know its votes
    forgotten_lanes, // a restart does not know what it voted for in lanes
    retried_sync,    // a failed sync is tried again, and believed
};

/// What the sets that the state asks for in turn differ in.
enum class SetChanges {
    none,
    keys,    // each has one new key, another member's each time
    members, // a fifth member joins, leaves, joins with a new key, ...
};

struct Scenario {
    std::size_t nodes = 4;     // of the first set
    std::size_t byzantine = 0; // the last ones: each runs as two twins and tampers with its messages
    bool real_signatures = false;
    std::size_t sm2_voters = 0;       // the first ones vote with SM2, the others with Ed25519
    Microseconds trouble{6'000'000};  // how long faults happen
    Microseconds healing{60'000'000}; // by then all must agree and have finalized what came after the trouble
    std::uint64_t drop_percent = 0;
    std::uint64_t duplicate_percent = 0;
    Microseconds delay{500};       // least
    Microseconds jitter{2'000};    // mean of what is added
    std::uint64_t tail_one_in = 0; // messages that take a hundred times as long
    bool partitions = false;       // halves, one-way, isolated nodes, in turns
    bool crashes = false;          // at any action, also during recovery; un-synced writes are lost in part
    bool power_cuts = false;       // all nodes at once
    bool amnesia = false;          // one node's log is lost (it counts as the faulty one)
    bool disk_loss = false;        // with its log, node 0 loses all its blocks
    bool sync_errors = false;      // a sync fails: the program must stop, not try again
    bool rot_middle = false;       // a durable record of node 0's log can no longer be read, and others follow it
    bool rot_tail = false;         // it was the last one: looks like a torn write, so node 0 counts as a liar
    bool clock_jumps = false;      // wall clocks of up to f nodes are wrong by up to a minute, in turns
    bool pauses = false;           // nodes stand still for seconds and then go on
    std::uint64_t stop_liars_at =
        0;                     // executing this height, honest members learn that the liars' keys are stopped; 0: never
    bool long_absence = false; // one node is away for most of the time
    Microseconds skew{0};      // wall clocks differ by up to this
    Microseconds batch_interval{30'000}; // mean time between client batches
    Microseconds execution{4'000};       // a block takes up to this to execute
    bool small_limits = false;           // windows and blocks so small that they bind
    SetChanges set_changes = SetChanges::none;
    Mistake mistake = Mistake::none;
    /// Fault::id of faults that do not happen: how shrink() takes a run apart.
    std::set<std::uint64_t> without;

    /// All who are ever of the set.
    std::size_t members() const { return nodes + (set_changes == SetChanges::members ? 1 : 0); }
    std::size_t faults_tolerated() const { return (nodes - 1) / 3; }
    /// With more liars than that the chain may fork; then they must be convicted.
    bool may_fork() const { return byzantine > faults_tolerated(); }
};

/// Names of all scenarios.
std::span<const std::string_view> scenario_names();
/// One of scenario_names(); calm for others.
Scenario scenario(std::string_view name);

} // namespace cairn::sim
