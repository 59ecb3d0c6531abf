// A network of consensus cores under one seeded scheduler: virtual time, faulty links, disks that lose what was not synced,
// members that crash or lie. The same seed gives the same run, event for event.
#pragma once

#include "consensus/core.hpp"
#include "consensus/guards.hpp"
#include "sim/chance.hpp"
#include "sim/checker.hpp"
#include "sim/disk.hpp"
#include "sim/scenario.hpp"
#include "sim/toy_ledger.hpp"

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <unordered_map>

namespace cairn::sim {

/// How often rare things happened: a run that never sees them proves little.
struct Coverage {
    std::uint64_t crashes_before_sync = 0, crashes_before_send = 0, crashes_between_sends = 0, crashes_in_recovery = 0;
    std::uint64_t torn_checkpoints = 0, power_cuts = 0, partitions = 0, amnesia = 0;
    std::uint64_t skipped_views = 0, skipped_views_max = 0; // justified in proposals
    std::array<std::uint64_t, 16> sent{};                   // by message type, honest nodes
    std::uint64_t evidence = 0, tampered = 0;
    std::uint64_t back_pressure = 0; // client batches that found no room in the lane
    std::uint64_t stops = 0;         // an honest member heard of stopped keys
    std::uint64_t sync_errors = 0, rot = 0, invalid_transactions = 0, damaged_logs = 0, cut_logs = 0, clock_jumps = 0,
                  pauses = 0;
    std::uint64_t forks = 0, convicted = 0; // runs in which honest members disagree; liars that the chains convict
    std::uint64_t epoch_changes = 0, crashes_in_handover = 0; // by honest and other members
    std::uint64_t votes_again = 0; // for the block that ends an epoch, in a later view than its own
    std::uint64_t model_steps = 0; // votes that the model's rules have allowed
};

/// Something that went wrong because the scenario wanted it.
enum class FaultKind : std::uint8_t {
    drop,
    duplicate,
    slow,
    partition,
    crash,
    power_cut,
    sync_error,
    rot,
    disk_loss,
    clock_jump,
    pause,
    lie
};
struct Fault {
    std::uint64_t id = 0; // the same in a run that has lost other faults, as far as the run still comes by here
    FaultKind kind = FaultKind::drop;
    Microseconds at{};
};
std::string_view name_of(FaultKind kind);

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
    std::vector<Fault> faults; // that happened, in order
};

Outcome run(std::uint64_t seed, const Scenario& scenario);
/// One line for people: what failed and how to see it again.
std::string describe(const Outcome& outcome, std::string_view scenario);

/// One member: its core and the machine it runs on. A Byzantine member is two of these with one key.
class Node final : public consensus::History {
public:
    ValidatorIndex index;
    std::size_t place = 0; // among all machines
    bool honest = true;
    bool excused = false; // its disk forgets votes without a sign: it counts as a liar, and nothing is promised to it
    std::unique_ptr<consensus::Signer> signer;
    std::unique_ptr<consensus::Core> core; // null while it is down
    std::uint64_t life = 0;                // counts restarts: events of an earlier life are void
    std::uint64_t wake_token = 0;
    bool lost_log = false;

    Disk disk; // with the write-ahead log
    Microseconds paused_until{};
    std::map<Height, consensus::FinalizedBlockPtr> store;
    std::map<Height, ledger::Certificate> certificates;
    std::vector<consensus::FinalizedBlockPtr> finalized; // all that was delivered; kept only where chains may fork

    std::deque<consensus::FinalizedBlockPtr> to_execute, to_store;
    std::map<Height, Hash256> results;
    std::map<Height, std::uint64_t> plans; // that the states ask for
    ledger::ValidatorSet set;              // of its epoch
    consensus::EpochStart start;
    ToyLedger ledger;
    Microseconds clock_offset{};
    Milliseconds wall_offset{};
    Height delivered;
    std::uint64_t steps = 0;
    std::set<Bytes> markers; // seen in final blocks
    std::vector<Bytes> own_markers;

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

    /// While it lives, chance depends on the seed and on what is going on alone, not on what happened before: so a run that has lost
    /// one fault resembles the run that had it, and a failing run can be made smaller.
    enum class Scene : std::uint8_t {
        carry_out,
        checkpoint,
        execute,
        store,
        start,
        crash,
        client,
        transmit,
        tamper,
        partition,
        pause,
        clocks,
        plan
    };
    class Lot {
    public:
        Lot(World& world, Scene scene, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0);
        ~Lot();
        Lot(const Lot&) = delete;
        Lot& operator=(const Lot&) = delete;

    private:
        World& world_;
        Chance chance_;
        std::uint64_t key_;
    };

    // world.cpp
    void after(Microseconds delay, std::function<void()> action);
    /// Void if the node has crashed by then.
    void after(Node& node, Microseconds delay, std::function<void()> action);
    void run_until(Microseconds end);
    void step(Node& node, consensus::Input input);
    void carry_out(Node& node, consensus::Actions actions);
    void sync(Node& node);
    void report_durable(Node& node, std::size_t from);
    void checkpoint(Node& node);
    void execute_next(Node& node);
    /// What the state after this height says about keys, as a node tells its core.
    void announce_stopped(Node& node, Height height);
    void store_blocks(Node& node);
    void start(Node& node);
    void crash(Node& node);
    void client();
    bool submit_marker(Node& node);
    bool agreed() const;
    bool serves(const Node& node) const;
    void plan_sets();
    std::optional<ledger::ValidatorSet> asked(const Node& node, Height height) const;
    std::optional<Hash256> asked_hash(const Node& node, Height height) const;
    void replay(Node& node);
    void change_epoch(Node& node);
    void convict();
    Outcome outcome(Microseconds end) const;
    void note(std::uint64_t value) { trace_ = (trace_ ^ value) * 0x100000001b3u; }
    Microseconds between(std::uint64_t low, std::uint64_t high) {
        return Microseconds{static_cast<std::int64_t>(low + chance_.below(high - low + 1))};
    }

    // faults.cpp
    void transmit(Node& from, const consensus::Outgoing& message);
    void transmit_to(Node& from, ValidatorIndex to, const consensus::Outgoing& message, std::uint64_t content);
    void deliver(ValidatorIndex from, Node& to, const consensus::Outgoing& message);
    void tamper(Node& from, ValidatorIndex to, const consensus::Outgoing& message);
    void partition();
    void split_honest();
    bool second_twin(const Node& node) const;
    void pause();
    void jump_clocks();
    void lose_log(Node& node);
    void plan_faults();
    /// False if the scenario does without this fault.
    bool strikes(FaultKind kind);
    void heal();

    std::uint64_t seed_;
    Scenario scenario_;
    Chance chance_;
    std::uint64_t lot_ = 0; // key of the innermost Lot
    Checker checker_;
    Coverage coverage_;
    std::unique_ptr<consensus::Guards> guards_;
    std::vector<ledger::ValidatorSet> sets_; // asked for in turn; all with epoch 0
    std::map<crypto::VotingKey, crypto::VotingSecret> keys_;
    std::vector<std::unique_ptr<Node>> nodes_; // honest by index, then the twins
    std::priority_queue<Item> queue_;
    Microseconds now_{};
    std::uint64_t order_ = 0, events_ = 0, trace_ = 0xcbf29ce484222325u;
    bool trouble_ = true;
    std::vector<Fault> faults_;
    std::vector<Milliseconds> true_wall_;                       // offsets without jumps
    const Node* absent_ = nullptr;                              // stays down until the network heals
    std::vector<std::vector<bool>> blocked_;                    // from, to
    std::vector<bool> side_;                                    // which twin a member talks to
    std::deque<consensus::Outgoing> overheard_;                 // for replays
    std::unordered_map<std::uint64_t, std::uint64_t> sendings_; // how often the same message went the same way
    std::uint64_t clients_ = 0, partitions_ = 0, pauses_ = 0, jumps_ = 0;
    std::uint64_t markers_ = 0;
    std::set<Bytes> markers_sent_;
};

} // namespace cairn::sim
