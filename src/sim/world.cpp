#include "sim/world.hpp"

#include "consensus/accountability.hpp"
#include "sim/fake_keys.hpp"

namespace cairn::sim {
namespace {

constexpr std::uint64_t kChain = 1337;
constexpr std::int64_t kEpochWall = 1'700'000'000'000;

class BrokenGuards final : public consensus::Guards {
public:
    explicit BrokenGuards(Mistake mistake) : mistake_(mistake) {}
    std::size_t quorum(const ledger::ValidatorSet& set) const override {
        return set.quorum() - (mistake_ == Mistake::quorum_off_by_one ? 1 : 0);
    }
    bool may_finalize(const consensus::OwnVotes& votes, const Hash256& digest) const override {
        if (mistake_ == Mistake::finalize_after_nullify)
            return !votes.finalize && (!votes.notarize || votes.notarize->statement.digest == digest);
        if (mistake_ == Mistake::finalize_other) return !votes.finalize && !votes.nullify;
        return Guards::may_finalize(votes, digest);
    }

private:
    Mistake mistake_;
};

} // namespace

World::World(std::uint64_t seed, const Scenario& scenario)
    : seed_(seed),
      scenario_(scenario),
      chance_(seed),
      checker_(scenario.nodes, scenario.members(), scenario.byzantine),
      guards_(std::make_unique<BrokenGuards>(scenario.mistake)),
      blocked_(scenario.members(), std::vector<bool>(scenario.members())),
      side_(scenario.members()) {
    const auto honest = scenario.members() - scenario.byzantine;
    plan_sets();
    for (std::size_t i = 0; i < honest + 2 * scenario.byzantine; ++i) {
        auto node = std::make_unique<Node>();
        const auto index = i < honest ? i : honest + (i - honest) / 2;
        node->index = {static_cast<std::uint16_t>(index)};
        node->place = i;
        node->honest = i < honest;
        node->clock_offset = between(0, 1'000'000'000);
        if (scenario.skew.count() > 0)
            node->wall_offset =
                Milliseconds{between(0, static_cast<std::uint64_t>(scenario.skew.count())).count() / 1000};
        true_wall_.push_back(node->wall_offset);
        nodes_.push_back(std::move(node));
    }
    if (scenario.rot_tail) {
        checker_.excuse({0});
        nodes_[0]->excused = true;
    }
}

World::~World() = default;

/// The sets that the state can ask for, one after the other. A member has the same index in all sets that it is of.
void World::plan_sets() {
    constexpr std::uint8_t kSets = 24;
    const auto member = [&](std::size_t index, std::uint8_t keys_made) {
        crypto::ValidatorSeed seed;
        seed[0] = static_cast<std::uint8_t>(index + 1);
        seed[1] = keys_made;
        const auto algorithm =
            index < scenario_.sm2_voters ? crypto::VotingAlgorithm::sm2 : crypto::VotingAlgorithm::ed25519;
        const auto key = *crypto::VotingSecret::from(algorithm, seed);
        keys_.emplace(key.public_key(), key);
        return ledger::Validator{"v" + std::to_string(index), "Org", key.public_key(), "127.0.0.1:1"};
    };
    ledger::ValidatorSet set;
    for (std::size_t i = 0; i < scenario_.nodes; ++i) set.members.push_back(member(i, 0));
    sets_.push_back(set);
    for (std::uint8_t k = 1; k < kSets && scenario_.set_changes != SetChanges::none; ++k) {
        if (scenario_.set_changes == SetChanges::keys)
            set.members[k % scenario_.nodes] = member(k % scenario_.nodes, k);
        else if (set.members.size() == scenario_.nodes)
            set.members.push_back(member(scenario_.nodes, k));
        else
            set.members.pop_back();
        sets_.push_back(set);
    }
}

/// Of the set that the state asks for at the node's epoch, if it is another.
std::optional<ledger::ValidatorSet> World::asked(const Node& node, Height height) const {
    const auto plan = node.plans.find(height);
    const auto number = plan == node.plans.end() ? 0 : std::min<std::uint64_t>(plan->second, sets_.size() - 1);
    auto set = sets_[number];
    if (set.members == node.set.members) return std::nullopt;
    set.epoch = node.set.epoch.next();
    return set;
}

std::optional<Hash256> World::asked_hash(const Node& node, Height height) const {
    const auto set = asked(node, height);
    if (!set) return std::nullopt;
    return hash_of(*set);
}

/// What a driver's store of blocks and results tells about epochs.
void World::replay(Node& node) {
    node.delivered = node.tip();
    node.ledger = {};
    node.results.clear();
    node.plans.clear();
    node.set = sets_.front();
    node.start = {{}, toy_genesis(), toy_genesis(), 0};
    for (const auto& [height, block] : node.store) {
        node.results[height] = node.ledger.execute(*block);
        node.plans[height] = node.ledger.plan();
        if (!block->block.next_validators) continue;
        const auto next = asked(node, block->block.executed.height);
        if (!next || hash_of(*next) != *block->block.next_validators)
            return checker_.broken("(11) an epoch was ended for a set that the state does not ask for");
        node.set = *next;
        node.start = {height, block->digest, node.results[height], block->block.timestamp_ms};
        checker_.epoch_begins(node.index, node.set, node.start);
    }
}

/// The block that ends the epoch is stored and executed: the core of the next one takes over, with the same log.
void World::change_epoch(Node& node) {
    const auto last = node.store.rbegin();
    if (!node.core || last == node.store.rend() || !last->second->block.next_validators ||
        node.ledger.height() != last->first || last->second->block.epoch != node.set.epoch)
        return;
    const Lot lot{*this, Scene::start, node.place, node.life, 1};
    ++coverage_.epoch_changes;
    if (trouble_ && node.honest && scenario_.crashes && chance_.one_in(4) && strikes(FaultKind::crash)) {
        ++coverage_.crashes_in_handover;
        return crash(node);
    }
    sync(node);
    node.core.reset();
    start(node);
    // What the old lane still held goes back to the pool, and is offered again.
    consensus::LocalBatch again;
    for (const auto& own : node.own_markers)
        if (!node.markers.contains(own)) again.transactions.push_back(own);
    if (node.core && !again.transactions.empty()) step(node, std::move(again));
}

World::Lot::Lot(World& world, Scene scene, std::uint64_t a, std::uint64_t b, std::uint64_t c)
    : world_(world), chance_(world.chance_), key_(world.lot_) {
    auto key = world.seed_;
    for (const auto part : {static_cast<std::uint64_t>(scene), a, b, c}) key = Chance{key ^ part}.next();
    world.lot_ = key;
    world.chance_ = Chance{key};
}

World::Lot::~Lot() {
    world_.lot_ = key_;
    world_.chance_ = chance_;
}

void World::after(Microseconds delay, std::function<void()> action) {
    queue_.push({now_ + delay, chance_.next(), order_++, std::move(action)});
}

void World::after(Node& node, Microseconds delay, std::function<void()> action) {
    after(delay, [&node, life = node.life, action = std::move(action)] {
        if (node.core && node.life == life) action();
    });
}

void World::run_until(Microseconds end) {
    while (!queue_.empty() && queue_.top().at <= end) {
        auto item = queue_.top();
        queue_.pop();
        now_ = item.at;
        ++events_;
        item.action();
    }
    now_ = end;
}

void World::step(Node& node, consensus::Input input) {
    if (!node.core) return;
    if (now_ < node.paused_until)
        return after(node, node.paused_until - now_,
                     [this, &node, input = std::move(input)]() mutable { step(node, std::move(input)); });
    ++node.steps;
    note(static_cast<std::uint64_t>(now_.count()) * 31 + node.index.value * 7 + input.index());
    const Milliseconds wall{kEpochWall + now_.count() / 1000 + node.wall_offset.count()};
    carry_out(node, node.core->step({now_ + node.clock_offset, wall, std::move(input)}));
}

/// The driver's duties of events.hpp, with a crash at any place in between.
void World::carry_out(Node& node, consensus::Actions actions) {
    const Lot lot{*this, Scene::carry_out, node.place, node.steps};
    enum class Crash { no, before_sync, before_send, between_sends };
    auto dies = Crash::no;
    constexpr std::uint64_t kStepsBetweenCrashes = 1500;
    if (trouble_ && node.honest && scenario_.crashes && chance_.one_in(kStepsBetweenCrashes) &&
        strikes(FaultKind::crash))
        dies = static_cast<Crash>(1 + chance_.below(3));

    for (auto& record : actions.records) node.disk.append(std::move(record));
    if (dies == Crash::before_sync) {
        ++coverage_.crashes_before_sync;
        return crash(node);
    }
    constexpr std::uint64_t kSyncsBetweenErrors = 500;
    if (trouble_ && node.honest && scenario_.sync_errors && actions.sync && chance_.one_in(kSyncsBetweenErrors) &&
        strikes(FaultKind::sync_error)) {
        ++coverage_.sync_errors;
        if (scenario_.mistake != Mistake::retried_sync) return crash(node);
        node.disk.lose_unsynced();
    }
    if (actions.sync && (scenario_.mistake != Mistake::no_sync || chance_.one_in(20))) sync(node);
    if (dies == Crash::before_send) {
        ++coverage_.crashes_before_send;
        return crash(node);
    }
    auto sends = actions.messages.size();
    if (dies == Crash::between_sends) sends = chance_.below(sends + 1);
    for (std::size_t i = 0; i < sends; ++i) transmit(node, actions.messages[i]);
    if (dies == Crash::between_sends) {
        ++coverage_.crashes_between_sends;
        return crash(node);
    }

    if (scenario_.small_limits && node.honest)
        for (const auto& block : actions.finalized)
            if (block->batches.size() > 6) checker_.broken("a block is larger than the limit");
    for (auto& block : actions.finalized) {
        if (block->block.height != node.delivered.next()) checker_.broken("blocks are delivered out of order");
        node.delivered = block->block.height;
        checker_.finalized(node.index, *block);
        if (scenario_.may_fork()) node.finalized.push_back(block);
        for (const auto& batch : block->batches)
            if (const auto views = ledger::split_batch_body(*batch.body))
                for (const auto& raw : *views)
                    if (markers_sent_.contains(to_bytes(raw))) node.markers.insert(to_bytes(raw));
        node.to_execute.push_back(block);
        node.to_store.push_back(block);
        if (node.to_execute.size() == 1)
            after(node, between(200, static_cast<std::uint64_t>(scenario_.execution.count())),
                  [this, &node] { execute_next(node); });
        if (node.to_store.size() == 1) after(node, between(500, 8000), [this, &node] { store_blocks(node); });
    }
    for (const auto& certificate : actions.execution_certificates) {
        checker_.execution_certificate(node.index, certificate);
        node.certificates.emplace(Height{certificate.statement.number}, certificate);
    }
    for (const auto& evidence : actions.evidence) checker_.evidence(node.index, evidence);
    for (const auto& report : actions.reports) checker_.report(node.index, report);
    if (actions.halt && node.honest && checker_.forks().empty())
        checker_.broken("node " + std::to_string(node.index.value) + " halts: " + actions.halt->text());
    const auto wake = actions.wake_at - node.clock_offset;
    if (wake <= now_) checker_.broken("a node wants to be woken in the past");
    after(node, wake - now_, [this, &node, token = ++node.wake_token] {
        if (token == node.wake_token) step(node, consensus::Tick{});
    });
    constexpr std::uint64_t kStepsBetweenCheckpoints = 400;
    if (node.core && chance_.one_in(kStepsBetweenCheckpoints)) checkpoint(node);
}

void World::sync(Node& node) {
    const auto from = node.disk.synced();
    node.disk.sync();
    report_durable(node, from);
}

void World::report_durable(Node& node, std::size_t from) {
    for (auto i = from; i < node.disk.size(); ++i)
        if (node.disk.readable(i)) checker_.durable(node.index, *node.disk.record(i));
}

void World::checkpoint(Node& node) {
    const Lot lot{*this, Scene::checkpoint, node.place, node.steps};
    const auto records = node.core->checkpoint();
    const auto old = node.disk.size();
    for (const auto& record : records) node.disk.append(record);
    if (trouble_ && node.honest && scenario_.crashes && chance_.one_in(4) && strikes(FaultKind::crash)) {
        ++coverage_.torn_checkpoints;
        return crash(node);
    }
    sync(node);
    node.disk.drop_first(old);
}

namespace {
std::optional<std::uint32_t> first_invalid(BytesView body) {
    const auto transactions = ledger::split_batch_body(body);
    for (std::uint32_t i = 0; transactions && i < transactions->size(); ++i)
        if (!fake_verifier().valid_transaction((*transactions)[i])) return i;
    return std::nullopt;
}
} // namespace

void World::execute_next(Node& node) {
    if (node.to_execute.empty()) return;
    const auto block = node.to_execute.front();
    node.to_execute.pop_front();
    const Lot lot{*this, Scene::execute, node.place, node.life, block->block.height.value};
    const auto digest = node.ledger.execute(*block);
    node.results[block->block.height] = digest;
    node.plans[block->block.height] = node.ledger.plan();
    checker_.executed(node.index, block->block.height, digest);
    if (!node.ledger.sound()) checker_.broken("(8) a transfer was applied twice, or money appeared");
    if (!node.to_execute.empty())
        after(node, between(200, static_cast<std::uint64_t>(scenario_.execution.count())),
              [this, &node] { execute_next(node); });
    step(node, consensus::ExecutionFinished{block->block.height, digest, asked_hash(node, block->block.height)});
    if (block->block.height.value == scenario_.stop_liars_at) announce_stopped(node, block->block.height);
    for (const auto& batch : block->batches)
        if (const auto index = first_invalid(*batch.body)) {
            ++coverage_.invalid_transactions;
            step(node, consensus::InvalidInBatch{std::make_shared<const ledger::Batch>(batch), *index});
        }
    change_epoch(node);
}

void World::announce_stopped(Node& node, Height height) {
    if (scenario_.stop_liars_at == 0 || height.value < scenario_.stop_liars_at || !node.honest) return;
    ++coverage_.stops;
    consensus::VotersStopped stopped;
    for (std::size_t i = scenario_.nodes - scenario_.byzantine; i < scenario_.nodes; ++i)
        if (i < node.set.size()) stopped.keys.push_back(node.set.members[i].key);
    step(node, std::move(stopped));
}

void World::store_blocks(Node& node) {
    if (node.to_store.empty()) return;
    while (!node.to_store.empty()) {
        node.store.emplace(node.to_store.front()->block.height, node.to_store.front());
        node.to_store.pop_front();
    }
    step(node, consensus::BlocksDurable{node.tip()});
    change_epoch(node);
}

void World::start(Node& node) {
    ++node.life;
    const Lot lot{*this, Scene::start, node.place, node.life};
    replay(node);
    consensus::CoreConfig config;
    config.chain_id = kChain;
    config.validators = node.set;
    config.self = node.index;
    config.start = node.start;
    node.signer = nullptr;
    if (node.index.value < node.set.size()) {
        const auto& key = keys_.at(node.set.members[node.index.value].key);
        if (scenario_.real_signatures)
            node.signer = std::make_unique<consensus::KeySigner>(key, kChain);
        else
            node.signer = std::make_unique<FakeSigner>(key.public_key(), kChain);
    } else {
        node.signer = std::make_unique<FakeSigner>(crypto::VotingKey{}, kChain); // never asked
    }
    config.timing.delta = Microseconds{50'000};
    config.timing.min_block_interval = Microseconds{20'000};
    if (scenario_.small_limits) {
        config.limits.window_positions = 8;
        config.limits.window_bytes = 300;
        config.limits.block_batches_max = 6;
        config.limits.block_bytes_max = 400;
        config.limits.execution_lag_max = 3;
        config.limits.delivery_window = 2;
    }
    node.core = std::make_unique<consensus::Core>(
        config, *node.signer, node, scenario_.real_signatures ? consensus::voting_verifier() : fake_verifier(),
        guards_.get());
    const auto reading = node.disk.open();
    if (reading == Disk::Reading::cut) ++coverage_.cut_logs;
    if (reading == Disk::Reading::damaged) {
        ++coverage_.damaged_logs;
        lose_log(node);
    }
    // Once the new log has a durable record, that record tells of the loss.
    if (node.disk.synced() > 0) node.lost_log = false;
    std::vector<BytesView> records;
    for (std::size_t i = 0; i < node.disk.size(); ++i) {
        const auto& record = node.disk.record(i);
        const auto decoded = consensus::decode_record(*record);
        if (scenario_.mistake == Mistake::forgotten_votes && decoded && std::holds_alternative<ledger::Vote>(*decoded))
            continue;
        if (scenario_.mistake == Mistake::forgotten_lanes && decoded &&
            std::holds_alternative<consensus::BatchRecord>(*decoded))
            continue;
        records.push_back(*record);
    }
    const auto memory = node.lost_log ? consensus::Memory::lost : consensus::Memory::complete;
    if (const auto status = node.core->recover(records, memory); !status) {
        node.core.reset();
        if (!node.excused)
            return checker_.broken("node " + std::to_string(node.index.value) +
                                   " cannot recover: " + status.error().text());
        // The rotten record ended a checkpoint: nothing whole is left, and its operator starts it without a log.
        lose_log(node);
        return start(node);
    }
    if (trouble_ && node.honest && scenario_.crashes && node.life > 1 && chance_.one_in(8) &&
        strikes(FaultKind::crash)) {
        ++coverage_.crashes_in_recovery;
        return crash(node);
    }
    step(node, consensus::Tick{});
    announce_stopped(node, node.tip());
    // Results whose certificate is not known are announced again, and those whose states the core must know.
    const auto reference = node.store.empty() ? Height{} : node.store.rbegin()->second->block.executed.height;
    const auto again = node.results;
    for (const auto& [height, digest] : again)
        if (node.core && (height >= reference || !node.certificates.contains(height)))
            step(node, consensus::ExecutionFinished{height, digest, asked_hash(node, height)});
}

void World::crash(Node& node) {
    node.core.reset();
    ++node.life;
    const Lot lot{*this, Scene::crash, node.place, node.life};
    note(0xdead);
    const auto from = node.disk.synced();
    node.disk.crash(chance_);
    report_durable(node, from);
    node.to_execute.clear();
    node.to_store.clear();
    if (trouble_)
        after(between(20'000, 1'500'000), [this, &node] {
            if (!node.core && &node != absent_) start(node);
        });
}

void World::client() {
    const Lot lot{*this, Scene::client, ++clients_};
    auto& node = *nodes_[chance_.below(nodes_.size())];
    if (node.core) {
        consensus::LocalBatch batch;
        const auto count = 1 + chance_.below(4);
        for (std::uint64_t i = 0; i < count; ++i) {
            Transfer transfer;
            transfer.from = static_cast<std::uint16_t>(chance_.below(kAccounts));
            transfer.to = static_cast<std::uint16_t>(chance_.below(kAccounts));
            transfer.nonce = node.ledger.nonce(transfer.from) + (chance_.one_in(4) ? 1 : 0);
            transfer.amount = static_cast<std::uint32_t>(chance_.below(1000));
            batch.transactions.push_back(encode(transfer));
        }
        if (scenario_.set_changes != SetChanges::none && chance_.one_in(12))
            batch.transactions.push_back(ask_for_set(node.ledger.plan() + 1));
        // A liar puts in what no honest pool accepts.
        if (!node.honest && chance_.one_in(3)) batch.transactions.push_back(Bytes(5));
        if (node.core->lane_room().batches > 0)
            step(node, std::move(batch));
        else
            ++coverage_.back_pressure;
    }
    if (trouble_)
        after(between(0, 2 * static_cast<std::uint64_t>(scenario_.batch_interval.count())), [this] { client(); });
}

bool World::submit_marker(Node& node) {
    if (!node.core || node.core->lane_room().batches == 0) return false;
    consensus::LocalBatch batch;
    batch.transactions.push_back(marker(++markers_));
    markers_sent_.insert(batch.transactions.front());
    node.own_markers.push_back(batch.transactions.front());
    step(node, std::move(batch));
    return true;
}

/// Honest, and of the newest set of any honest member: something is promised to it.
bool World::serves(const Node& node) const {
    const ledger::ValidatorSet* newest = nullptr;
    for (const auto& other : nodes_)
        if (other->honest && (newest == nullptr || other->set.epoch > newest->epoch)) newest = &other->set;
    return node.honest && !node.excused && node.index.value < newest->size();
}

bool World::agreed() const {
    std::optional<Height> delivered;
    for (const auto& node : nodes_) {
        if (!serves(*node)) continue;
        if (!node->core || node->markers.size() != markers_sent_.size()) return false;
        const auto status = node->core->status();
        if (delivered && *delivered != node->delivered) return false;
        delivered = node->delivered;
        if (status.executed != node->delivered || status.finalized != node->delivered ||
            node->ledger.height() != node->delivered)
            return false;
    }
    return true;
}

Outcome World::run() {
    for (auto& node : nodes_) after(between(0, 20'000), [this, &node = *node] { start(node); });
    after(Microseconds{100'000}, [this] { client(); });
    plan_faults();
    run_until(scenario_.trouble);
    heal();

    if (scenario_.may_fork()) {
        // Nothing is promised but that the culprits are known.
        run_until(now_ + Microseconds{3'000'000});
        convict();
        return outcome(now_);
    }

    // Liveness: what every honest member submits from now on becomes final everywhere, and all agree.
    run_until(now_ + Microseconds{1'000'000});
    for (auto& node : nodes_)
        if (serves(*node))
            for (int attempt = 0; attempt < 100 && !submit_marker(*node); ++attempt)
                run_until(now_ + Microseconds{50'000});
    const auto deadline = now_ + scenario_.healing;
    while (!agreed() && now_ < deadline && checker_.violations().empty()) run_until(now_ + Microseconds{20'000});
    if (!agreed() && checker_.violations().empty()) {
        std::string heights;
        for (const auto& node : nodes_) {
            if (!node->honest) continue;
            heights += " e" + std::to_string(node->set.epoch.value) + ":" + std::to_string(node->delivered.value);
            if (!node->core) continue;
            const auto s = node->core->status();
            heights += "/" + std::to_string(s.finalized.value) + "/x" + std::to_string(s.executed.value) + "/v" +
                       std::to_string(s.view.value) + "/m" + std::to_string(node->markers.size());
        }
        checker_.broken("(15) no agreement after healing: delivered/finalized/executed/view/markers" + heights);
    }

    const auto end = now_;
    double idle_steps_per_second = 0;
    if (checker_.violations().empty()) {
        constexpr std::int64_t kIdleSeconds = 5;
        run_until(now_ + Microseconds{2'000'000}); // the empty blocks that follow the last data
        const auto before = nodes_[0]->steps;
        run_until(now_ + Microseconds{kIdleSeconds * 1'000'000});
        idle_steps_per_second = static_cast<double>(nodes_[0]->steps - before) / kIdleSeconds;
    }
    auto out = outcome(end);
    out.idle_steps_per_second = idle_steps_per_second;
    return out;
}

/// Honest members that disagree hold the proof of who made them: consensus.md section 9.
void World::convict() {
    std::map<Height, std::set<Hash256>> chains;
    std::vector<ledger::Certificate> certificates;
    for (const auto& node : nodes_) {
        if (!node->honest) continue;
        for (const auto& block : node->finalized) {
            chains[block->block.height].insert(block->digest);
            const auto held = consensus::certificates_of(*block);
            if (!held) return checker_.broken("a final block does not decode");
            certificates.insert(certificates.end(), held->begin(), held->end());
        }
    }
    const auto& verifier = scenario_.real_signatures ? consensus::voting_verifier() : fake_verifier();
    const auto convicted = consensus::culprits(certificates);
    for (const auto& evidence : convicted) {
        checker_.evidence({0}, evidence);
        if (!consensus::proves_guilt(evidence, kChain, sets_.front(), verifier))
            checker_.broken("(13) a conviction of " + std::to_string(evidence.offender.value) + " proves nothing");
    }
    coverage_.convicted = convicted.size();
    const bool forked = std::ranges::any_of(chains, [](const auto& at) { return at.second.size() > 1; });
    coverage_.forks = forked ? 1 : 0;
    if (forked && convicted.size() < scenario_.faults_tolerated() + 1)
        checker_.broken("the chain forked, and only " + std::to_string(convicted.size()) + " members are convicted");
}

Outcome World::outcome(Microseconds end) const {
    Outcome out;
    out.seed = seed_;
    out.trace = trace_;
    out.violations = checker_.violations();
    out.end = end;
    out.events = events_;
    out.coverage = coverage_;
    out.coverage.evidence = checker_.evidence_count();
    out.coverage.model_steps = checker_.model_steps();
    out.faults = faults_;
    std::optional<Height> lowest;
    for (const auto& node : nodes_) {
        if (!serves(*node)) continue;
        lowest = lowest ? std::min(*lowest, node->delivered) : node->delivered;
        if (node->core) out.view = std::max(out.view, node->core->status().view);
    }
    out.height = lowest.value_or(Height{0});
    return out;
}

Outcome run(std::uint64_t seed, const Scenario& scenario) { return World{seed, scenario}.run(); }

std::string describe(const Outcome& outcome, std::string_view scenario) {
    std::string out = "seed " + std::to_string(outcome.seed) + " (sim_main " + std::to_string(outcome.seed) + " " +
                      std::string{scenario} + "): height " + std::to_string(outcome.height.value) + ", view " +
                      std::to_string(outcome.view.value) + ", " + std::to_string(outcome.end.count() / 1000) + " ms, " +
                      std::to_string(outcome.events) + " events";
    for (const auto& violation : outcome.violations) out += "\n  " + violation;
    return out;
}

} // namespace cairn::sim
