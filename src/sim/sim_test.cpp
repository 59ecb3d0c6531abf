#include "base/sanitized.hpp"
#include "sim/shrink.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace cairn::sim {
namespace {

constexpr std::uint64_t kSeedsDivisor = kIsSanitized ? 10 : 1;

/// Runs seeds until one breaks an invariant; each names itself, so that sim_main can show it again.
Coverage all_hold(std::string_view name, std::uint64_t first, std::uint64_t count) {
    Coverage total;
    for (auto seed = first; seed < first + (count + kSeedsDivisor - 1) / kSeedsDivisor; ++seed) {
        const auto outcome = run(seed, scenario(name));
        EXPECT_TRUE(outcome.violations.empty()) << describe(outcome, name);
        if (!outcome.violations.empty()) break;
        if (!scenario(name).may_fork()) {
            EXPECT_GT(outcome.height.value, 0u) << describe(outcome, name);
        }
        const auto& c = outcome.coverage;
        total.crashes_before_sync += c.crashes_before_sync;
        total.crashes_before_send += c.crashes_before_send;
        total.crashes_between_sends += c.crashes_between_sends;
        total.crashes_in_recovery += c.crashes_in_recovery;
        total.torn_checkpoints += c.torn_checkpoints;
        total.power_cuts += c.power_cuts;
        total.partitions += c.partitions;
        total.amnesia += c.amnesia;
        total.skipped_views += c.skipped_views;
        total.skipped_views_max = std::max(total.skipped_views_max, c.skipped_views_max);
        total.evidence += c.evidence;
        total.tampered += c.tampered;
        total.back_pressure += c.back_pressure;
        total.stops += c.stops;
        total.sync_errors += c.sync_errors;
        total.rot += c.rot;
        total.invalid_transactions += c.invalid_transactions;
        total.damaged_logs += c.damaged_logs;
        total.cut_logs += c.cut_logs;
        total.clock_jumps += c.clock_jumps;
        total.pauses += c.pauses;
        total.forks += c.forks;
        total.convicted += c.convicted;
        total.epoch_changes += c.epoch_changes;
        total.crashes_in_handover += c.crashes_in_handover;
        total.votes_again += c.votes_again;
        total.model_steps += c.model_steps;
        for (std::size_t i = 0; i < c.sent.size(); ++i) total.sent[i] += c.sent[i];
    }
    return total;
}

std::uint64_t sent(const Coverage& coverage, consensus::MessageType type) {
    return coverage.sent[static_cast<std::size_t>(type)];
}

TEST(Simulation, calm_network_finalizes_and_then_is_idle) {
    for (std::uint64_t seed = 1; seed <= 10 / kSeedsDivisor; ++seed) {
        const auto outcome = run(seed, scenario("calm"));
        ASSERT_TRUE(outcome.violations.empty()) << describe(outcome, "calm");
        EXPECT_GT(outcome.height.value, 100u) << describe(outcome, "calm");
        // No view was lost, and nothing but status messages is left when there is no work.
        EXPECT_EQ(outcome.view.value, outcome.height.value + 1) << describe(outcome, "calm");
        EXPECT_LT(outcome.idle_steps_per_second, 12) << describe(outcome, "calm");
    }
}

TEST(Simulation, real_signatures_give_the_same_protocol) {
    auto real = scenario("calm");
    real.real_signatures = true;
    real.trouble = Microseconds{500'000};
    const auto outcome = run(1, real);
    EXPECT_TRUE(outcome.violations.empty()) << describe(outcome, "calm");
    EXPECT_GT(outcome.height.value, 5u);
}

TEST(Simulation, sm2_votes_give_the_same_protocol) {
    for (const std::size_t voters : {2u, 4u}) {
        auto real = scenario("calm");
        real.real_signatures = true;
        real.sm2_voters = voters;
        real.trouble = Microseconds{500'000};
        const auto outcome = run(1, real);
        EXPECT_TRUE(outcome.violations.empty()) << describe(outcome, "calm");
        EXPECT_GT(outcome.height.value, 5u);
    }
}

TEST(Simulation, a_liar_who_votes_with_sm2_is_named) {
    auto real = scenario("byzantine");
    real.real_signatures = true;
    real.sm2_voters = real.nodes;
    real.trouble = Microseconds{300'000};
    std::size_t named = 0;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const auto outcome = run(seed, real);
        EXPECT_TRUE(outcome.violations.empty()) << describe(outcome, "byzantine");
        named += outcome.coverage.evidence;
    }
    EXPECT_GT(named, 0u);
}

TEST(Simulation, invariants_hold_on_lossy_links) { all_hold("lossy", 1, 30); }

TEST(Simulation, invariants_hold_through_partitions) {
    const auto coverage = all_hold("partitions", 1, 30);
    EXPECT_GT(coverage.partitions, 0u);
    EXPECT_GE(coverage.skipped_views_max, 2u);
    EXPECT_GT(sent(coverage, consensus::MessageType::fetch_blocks), 0u);
    EXPECT_GT(sent(coverage, consensus::MessageType::fetch_proposal), 0u);
}

TEST(Simulation, invariants_hold_through_crashes_at_any_action) {
    const auto coverage = all_hold("crashes", 1, 60);
    EXPECT_GT(coverage.crashes_before_sync, 0u);
    EXPECT_GT(coverage.crashes_before_send, 0u);
    EXPECT_GT(coverage.crashes_between_sends, 0u);
    EXPECT_GT(coverage.crashes_in_recovery, 0u);
    EXPECT_GT(coverage.torn_checkpoints, 0u);
}

TEST(Simulation, nothing_final_is_lost_when_all_lose_power) { EXPECT_GT(all_hold("power", 1, 40).power_cuts, 0u); }

TEST(Simulation, one_liar_of_four_breaks_nothing_and_is_named) {
    const auto coverage = all_hold("byzantine", 1, 50);
    EXPECT_GT(coverage.tampered, 0u);
    EXPECT_GT(coverage.evidence, 0u);
    EXPECT_GT(coverage.invalid_transactions, 0u); // in batches of liars; each is evidence too
}

// The liar is whoever has the stolen key, beside its owner: two twins that sign with it.
TEST(Simulation, a_thief_with_a_stopped_key_breaks_nothing_and_the_others_go_on) {
    EXPECT_GT(all_hold("thief", 1, 50).stops, 100u / kSeedsDivisor);
}

TEST(Simulation, invariants_hold_with_all_faults_at_once) {
    // Each vote and each batch voted for was a step that the rules of docs/model allow.
    EXPECT_GT(all_hold("everything", 1, 100).model_steps, 10'000u / kSeedsDivisor);
}

TEST(Simulation, two_liars_of_seven_break_nothing) { all_hold("seven", 1, 15); }

TEST(Simulation, validators_change_their_keys_while_one_lies_and_others_crash) {
    const auto coverage = all_hold("keys", 1, 40);
    EXPECT_GT(coverage.epoch_changes, 200u / kSeedsDivisor);
    EXPECT_GT(coverage.crashes_in_handover, 0u);
    EXPECT_GT(coverage.votes_again, 0u) << "no handover ever needed a second view";
}

TEST(Simulation, a_thief_stays_stopped_over_the_epochs_that_follow) {
    const auto coverage = all_hold("stolen", 1, 20);
    EXPECT_GT(coverage.epoch_changes, 20u / kSeedsDivisor);
    EXPECT_GT(coverage.stops, 20u / kSeedsDivisor);
}

TEST(Simulation, members_join_and_leave_while_others_crash) {
    const auto coverage = all_hold("members", 1, 40);
    EXPECT_GT(coverage.epoch_changes, 200u / kSeedsDivisor);
    EXPECT_GT(coverage.crashes_in_handover, 0u);
}

TEST(Simulation, nothing_is_lost_when_all_lose_power_in_a_handover) {
    const auto coverage = all_hold("handover", 1, 40);
    EXPECT_GT(coverage.power_cuts, 0u);
    EXPECT_GT(coverage.epoch_changes, 200u / kSeedsDivisor);
}

TEST(Simulation, replica_without_disk_catches_up_over_epochs_and_contradicts_itself_in_none) {
    const auto coverage = all_hold("forgetful", 1, 40);
    EXPECT_GT(coverage.amnesia, 0u);
    EXPECT_GT(coverage.epoch_changes, 100u / kSeedsDivisor);
}

TEST(Simulation, replica_without_its_log_abstains_and_rejoins) { EXPECT_GT(all_hold("amnesia", 1, 40).amnesia, 0u); }

TEST(Simulation, replica_without_log_and_blocks_catches_up_and_rejoins) {
    EXPECT_GT(all_hold("loss", 1, 30).amnesia, 0u);
}

TEST(Simulation, a_failed_sync_stops_the_replica_and_harms_nobody) {
    EXPECT_GT(all_hold("sync", 1, 30).sync_errors, 0u);
}

TEST(Simulation, a_rotten_record_in_the_middle_of_a_log_is_amnesia) {
    EXPECT_GT(all_hold("rot", 1, 30).damaged_logs, 0u);
}

// The replica cannot know that a vote is gone, so it counts as one of the f liars; nobody else may suffer.
TEST(Simulation, a_rotten_record_at_the_end_of_a_log_is_cut_off) {
    const auto coverage = all_hold("tail", 1, 30);
    EXPECT_GT(coverage.rot, 0u);
    EXPECT_GT(coverage.cut_logs, 0u);
}

TEST(Simulation, clocks_that_jump_and_replicas_that_pause_break_nothing) {
    const auto coverage = all_hold("time", 1, 15);
    EXPECT_GT(coverage.clock_jumps, 0u);
    EXPECT_GT(coverage.pauses, 0u);
}

// With more than f liars the chain may fork. Then the certificates stored with the blocks convict at least f+1 of them, and never
// an honest member: World::convict adds a violation otherwise.
TEST(Simulation, more_liars_than_tolerated_fork_the_chain_and_are_convicted) {
    for (const auto* name : {"traitors", "plot"}) {
        const auto coverage = all_hold(name, 1, 24);
        EXPECT_GT(coverage.forks, 0u) << name;
        EXPECT_GE(coverage.convicted, coverage.forks * (scenario(name).faults_tolerated() + 1)) << name;
    }
}

TEST(Simulation, long_absent_replica_catches_up) {
    auto absence = scenario("absence");
    absence.trouble = Microseconds{100'000'000};
    const auto outcome = run(1, absence);
    EXPECT_TRUE(outcome.violations.empty()) << describe(outcome, "absence");
    EXPECT_GT(outcome.height.value, 2000u);
    // Ranges of blocks were asked for, not block by block.
    EXPECT_LT(sent(outcome.coverage, consensus::MessageType::fetch_blocks), outcome.height.value / 4);
}

TEST(Simulation, limits_bind_and_nothing_stops_when_clients_flood_and_execution_is_slow) {
    EXPECT_GT(all_hold("flood", 1, 15).back_pressure, 0u);
}

TEST(Simulation, same_seed_gives_the_same_trace) {
    for (const auto* name : {"everything", "seven", "amnesia", "time", "rot", "traitors", "members"}) {
        const auto first = run(42, scenario(name));
        const auto second = run(42, scenario(name));
        EXPECT_EQ(first.trace, second.trace) << name;
        EXPECT_NE(first.trace, run(43, scenario(name)).trace) << name;
    }
}

// Mutation duty: each known mistake must be noticed within a fixed budget of seeds.

struct Caught {
    bool caught = false;
    std::uint64_t seeds = 0;
    std::string how;
};

Caught hunt(Mistake mistake, std::string_view name, std::uint64_t budget) {
    auto with_mistake = scenario(name);
    with_mistake.mistake = mistake;
    with_mistake.healing = Microseconds{20'000'000};
    Caught out;
    for (std::uint64_t seed = 1; seed <= budget && !out.caught; ++seed) {
        const auto outcome = run(seed, with_mistake);
        out.seeds = seed;
        out.caught = !outcome.violations.empty();
        if (out.caught) out.how = outcome.violations.front();
    }
    return out;
}

TEST(Mistake, quorum_off_by_one_is_caught) {
    const auto caught = hunt(Mistake::quorum_off_by_one, "everything", 30);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

TEST(Mistake, finalize_after_nullify_is_caught) {
    const auto caught = hunt(Mistake::finalize_after_nullify, "everything", 60);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

TEST(Mistake, finalizing_another_block_than_notarized_is_caught) {
    const auto caught = hunt(Mistake::finalize_other, "byzantine", 60);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

TEST(Mistake, sending_before_sync_is_caught) {
    const auto caught = hunt(Mistake::no_sync, "crashes", 5);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

TEST(Mistake, believing_a_repeated_sync_is_caught) {
    const auto caught = hunt(Mistake::retried_sync, "sync", 10);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

TEST(Shrink, leaves_fewer_faults_of_a_failing_run_and_it_still_fails) {
    auto failing = scenario("everything");
    failing.mistake = Mistake::forgotten_lanes;
    failing.healing = Microseconds{20'000'000};
    std::uint64_t seed = 1;
    while (run(seed, failing).violations.empty()) ASSERT_LT(++seed, 100u);
    const auto before = run(seed, failing).faults.size();
    const auto small = shrink(seed, failing, 150);
    std::printf("%zu faults, then %s\n", before, describe(small).c_str());
    EXPECT_FALSE(small.outcome.violations.empty());
    EXPECT_LT(small.outcome.faults.size(), before / 10);
    // Without a crash nothing is forgotten.
    EXPECT_TRUE(std::ranges::any_of(small.outcome.faults, [](const Fault& f) { return f.kind == FaultKind::crash; }));
    // What is printed is enough to see it again.
    const auto again = run(seed, small.scenario);
    EXPECT_EQ(again.trace, small.outcome.trace);
    EXPECT_EQ(again.violations, small.outcome.violations);
}

TEST(Mistake, forgotten_votes_are_caught) {
    const auto caught = hunt(Mistake::forgotten_votes, "everything", 100);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

TEST(Mistake, forgotten_lanes_are_caught) {
    const auto caught = hunt(Mistake::forgotten_lanes, "everything", 60);
    EXPECT_TRUE(caught.caught);
    std::printf("after %llu seeds: %s\n", static_cast<unsigned long long>(caught.seeds), caught.how.c_str());
}

} // namespace
} // namespace cairn::sim
