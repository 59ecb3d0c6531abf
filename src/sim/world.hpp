// A network of consensus cores under one seeded scheduler: virtual time, faulty links, disks that lose what was not synced,
// members that crash or lie. The same seed gives the same run, event for event.
#pragma once

#include "consensus/core.hpp"
#include "consensus/guards.hpp"
#include "sim/chance.hpp"
#include "sim/checker.hpp"
#include "sim/scenario.hpp"
#include "sim/toy_ledger.hpp"

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <queue>

namespace cairn::sim {

/// How often rare things happened: a run that never sees them proves little.
struct Coverage {
    std::uint64_t crashes_before_sync = 0, crashes_before_send = 0, crashes_between_sends = 0, crashes_in_recovery = 0;
    std::uint64_t torn_checkpoints = 0, power_cuts = 0, partitions = 0, amnesia = 0;
    std::uint64_t skipped_views = 0, skipped_views_max = 0; // justified in proposals
    std::array<std::uint64_t, 16> sent{};                   // by message type, honest nodes
    std::uint64_t evidence = 0, tampered = 0;
    std::uint64_t back_pressure = 0; // client batches that found no room in the lane
};

struct Outcome {
    std::uint64_t seed = 0;
    std::uint64_t trace = 0; // hash of every event
    std::vector<std::string> violations;
    Height height;      // of the shortest honest chain
    View view;          // highest among honest nodes
    Microseconds end{}; // virtual time
    std::uint64_t events = 0;
    double idle_steps_per_second = 0; // of one node, after all is done
    Coverage coverage;
};

Outcome run(std::uint64_t seed, const Scenario& scenario);
/// One line for people: what failed and how to see it again.
std::string describe(const Outcome& outcome, std::string_view scenario);

/// One member: its core and the machine it runs on. A Byzantine member is two of these with one key.
class Node final : public consensus::History {
public:
    ValidatorIndex index;
    bool honest = true;
    std::unique_ptr<consensus::Signer> signer;
    std::unique_ptr<consensus::Core> core; // null while it is down
    std::uint64_t life = 0;                // counts restarts: events of an earlier life are void
    std::uint64_t wake_token = 0;
    bool lost_log = false;

    std::vector<consensus::SharedBytes> log;
    std::size_t synced = 0; // records of `log` that survive a crash
    std::map<Height, consensus::FinalizedBlockPtr> store;
    std::map<Height, ledger::Certificate> certificates;

    std::deque<consensus::FinalizedBlockPtr> to_execute, to_store;
    std::map<Height, Hash256> results;
    ToyLedger ledger;
    Microseconds clock_offset{};
    Milliseconds wall_offset{};
    Height delivered;
    std::uint64_t steps = 0;
    std::set<Bytes> markers; // seen in final blocks

    Height tip() const override { return store.empty() ? Height{0} : store.rbegin()->first; }
    consensus::FinalizedBlockPtr block(Height height) const override {
        const auto found = store.find(height);
        return found == store.end() ? nullptr : found->second;
    }
    std::optional<ledger::Certificate> execution_certificate(Height height) const override {
        const auto found = certificates.find(height);
        if (found == certificates.end()) return std::nullopt;
        return found->second;
    }
};

class World {
public:
    World(std::uint64_t seed, const Scenario& scenario);
    ~World();
    Outcome run();

private:
    struct Item {
        Microseconds at{};
        std::uint64_t tie = 0, order = 0;
        std::function<void()> action;
        bool operator<(const Item& other) const { // the queue's top is the greatest
            return std::tie(at, tie, order) > std::tie(other.at, other.tie, other.order);
        }
    };

    // world.cpp
    void after(Microseconds delay, std::function<void()> action);
    /// Void if the node has crashed by then.
    void after(Node& node, Microseconds delay, std::function<void()> action);
    void run_until(Microseconds end);
    void step(Node& node, consensus::Input input);
    void carry_out(Node& node, consensus::Actions actions);
    void sync(Node& node);
    void checkpoint(Node& node);
    void execute_next(Node& node);
    void store_blocks(Node& node);
    void start(Node& node);
    void crash(Node& node);
    void client();
    bool submit_marker(Node& node);
    bool agreed() const;
    void note(std::uint64_t value) { trace_ = (trace_ ^ value) * 0x100000001b3u; }
    Microseconds between(std::uint64_t low, std::uint64_t high) {
        return Microseconds{static_cast<std::int64_t>(low + chance_.below(high - low + 1))};
    }

    // faults.cpp
    void transmit(Node& from, const consensus::Outgoing& message);
    void transmit_to(Node& from, ValidatorIndex to, const consensus::Outgoing& message);
    void deliver(ValidatorIndex from, Node& to, const consensus::Outgoing& message);
    void tamper(Node& from, ValidatorIndex to, const consensus::Outgoing& message);
    void partition();
    void plan_faults();
    void heal();

    std::uint64_t seed_;
    Scenario scenario_;
    Chance chance_;
    Checker checker_;
    Coverage coverage_;
    std::unique_ptr<consensus::Guards> guards_;
    ledger::ValidatorSet set_;
    std::vector<std::unique_ptr<Node>> nodes_; // honest by index, then the twins
    std::priority_queue<Item> queue_;
    Microseconds now_{};
    std::uint64_t order_ = 0, events_ = 0, trace_ = 0xcbf29ce484222325u;
    bool trouble_ = true;
    const Node* absent_ = nullptr;              // stays down until the network heals
    std::vector<std::vector<bool>> blocked_;    // from, to
    std::vector<bool> side_;                    // which twin a member talks to
    std::deque<consensus::Outgoing> overheard_; // for replays
    std::uint64_t markers_ = 0;
    std::set<Bytes> markers_sent_;
};

} // namespace cairn::sim
