// What goes wrong in a simulated world: links, machines, and members that lie.
#include "sim/world.hpp"

namespace cairn::sim {

using consensus::MessageType;
using consensus::Outgoing;

std::string_view name_of(FaultKind kind) {
    constexpr std::string_view kNames[] = {"drop",       "duplicate", "slow",      "partition",  "crash", "power cut",
                                           "sync error", "rot",       "disk loss", "clock jump", "pause", "lie"};
    return kNames[static_cast<std::size_t>(kind)];
}

namespace {
std::uint64_t content_of(const Outgoing& message) {
    std::uint64_t out = 0xcbf29ce484222325u ^ message.type;
    for (const auto byte : *message.payload) out = (out ^ byte) * 0x100000001b3u;
    return out;
}
} // namespace

bool World::strikes(FaultKind kind) {
    const auto id = Chance{lot_ ^ chance_.next() ^ static_cast<std::uint64_t>(kind)}.next();
    if (scenario_.without.contains(id)) return false;
    faults_.push_back({id, kind, now_});
    return true;
}

void World::transmit(Node& from, const Outgoing& message) {
    if (from.honest) {
        checker_.sent(from.index, message);
        ++coverage_.sent[message.type % coverage_.sent.size()];
        if (static_cast<MessageType>(message.type) == MessageType::vote)
            if (const auto vote = consensus::decode_vote_message(*message.payload);
                vote && vote->statement.kind == ledger::VoteKind::notarize && checker_.ends_earlier(*vote))
                ++coverage_.votes_again;
        if (static_cast<MessageType>(message.type) == MessageType::proposal)
            if (const auto proposal = consensus::decode_proposal(message.payload)) {
                const auto skipped = (*proposal)->skipped.size();
                coverage_.skipped_views += skipped;
                coverage_.skipped_views_max = std::max<std::uint64_t>(coverage_.skipped_views_max, skipped);
            }
    }
    note(message.type + 31 * message.payload->size());
    if (!message.payload->empty())
        note(message.payload->back() + 256u * message.payload->at(message.payload->size() / 2));
    const auto content = content_of(message);
    for (std::uint16_t to = 0; to < from.set.size(); ++to) { // nobody else is connected
        if (to == from.index.value || (message.to && message.to->value != to)) continue;
        if (from.honest)
            transmit_to(from, {to}, message, content);
        else
            tamper(from, {to}, message);
    }
}

void World::transmit_to(Node& from, ValidatorIndex to, const Outgoing& message, std::uint64_t content) {
    const auto way = from.place * 1000 + to.value;
    const Lot lot{*this, Scene::transmit, content, way, ++sendings_[content ^ (way << 48)]};
    std::uint64_t copies = 1;
    if (trouble_) {
        if (blocked_[from.index.value][to.value]) return;
        if (chance_.percent(scenario_.drop_percent) && strikes(FaultKind::drop)) return;
        if (chance_.percent(scenario_.duplicate_percent) && strikes(FaultKind::duplicate)) copies = 2;
    }
    for (std::uint64_t i = 0; i < copies; ++i) {
        auto delay = scenario_.delay;
        // Sum of two uniform draws: mostly near the mean, sometimes far.
        delay += between(0, static_cast<std::uint64_t>(scenario_.jitter.count())) +
                 between(0, static_cast<std::uint64_t>(scenario_.jitter.count()));
        if (trouble_ && chance_.one_in(scenario_.tail_one_in) && strikes(FaultKind::slow)) delay *= 100;
        // An honest member's message reaches the twin that talks to its side, a twin's message the twin of the same side.
        // Liars who want a fork keep their stories apart.
        const std::uint64_t crossed = scenario_.may_fork() ? 0 : 4;
        const bool side = from.honest ? side_[from.index.value] : second_twin(from);
        after(delay, [this, sender = from.index, to, message, side, crossed] {
            for (auto& node : nodes_) {
                if (node->index != to) continue;
                if (!node->honest && side != second_twin(*node) && !chance_.one_in(crossed)) continue;
                deliver(sender, *node, message);
            }
        });
    }
}

void World::deliver(ValidatorIndex from, Node& to, const Outgoing& message) {
    if (from.value >= to.set.size()) return; // not of the set that this one knows: not connected
    step(to, consensus::MessageReceived{from, message.type, message.payload});
}

bool World::second_twin(const Node& node) const {
    const auto first = scenario_.members() - scenario_.byzantine;
    return !node.honest && &node != nodes_[first + 2u * (node.index.value - first)].get();
}

/// A liar's messages: each twin mostly talks to its own side; some messages are withheld, bent, replayed, or contradicted.
void World::tamper(Node& from, ValidatorIndex to, const Outgoing& message) {
    const auto original = content_of(message);
    const auto way = from.place * 1000 + to.value;
    const Lot lot{*this, Scene::tamper, original, way, ++sendings_[original ^ (way << 40)]};
    const std::uint64_t crossed = scenario_.may_fork() ? 0 : 8;
    const bool to_liar = to.value >= scenario_.members() - scenario_.byzantine;
    if (!to_liar && side_[to.value] != second_twin(from) && !chance_.one_in(crossed)) return;
    constexpr std::size_t kOverheardMax = 64;
    overheard_.push_back(message);
    if (overheard_.size() > kOverheardMax) overheard_.pop_front();
    auto lie = message;
    const auto what = chance_.below(40);
    constexpr std::uint64_t kLies = 8;
    if (what >= kLies || !strikes(FaultKind::lie)) return transmit_to(from, to, lie, content_of(lie));
    ++coverage_.tampered;
    switch (what) {
    case 0: return; // withheld
    case 1: {       // bent
        auto bytes = *message.payload;
        if (!bytes.empty()) bytes[chance_.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + chance_.below(255));
        lie.payload = std::make_shared<const Bytes>(std::move(bytes));
        break;
    }
    case 2: { // cut off or grown
        auto bytes = *message.payload;
        bytes.resize(chance_.below(bytes.size() + 8));
        lie.payload = std::make_shared<const Bytes>(std::move(bytes));
        break;
    }
    case 3: // under another type
        lie.type = static_cast<std::uint8_t>(chance_.below(20));
        break;
    case 4: // replayed
        lie = overheard_[chance_.below(overheard_.size())];
        break;
    case 5:
    case 6:
    default: { // contradicted
        if (static_cast<MessageType>(message.type) != MessageType::vote) break;
        auto vote = consensus::decode_vote_message(*message.payload);
        if (!vote) break;
        constexpr ledger::VoteKind kKinds[] = {ledger::VoteKind::notarize, ledger::VoteKind::nullify,
                                               ledger::VoteKind::finalize};
        if (vote->statement.kind != ledger::VoteKind::lane && vote->statement.kind != ledger::VoteKind::execution)
            vote->statement.kind = kKinds[chance_.below(3)];
        else
            vote->statement.digest[0] ^= 1;
        if (vote->statement.kind == ledger::VoteKind::nullify) vote->statement.digest = {};
        vote->signature = *from.signer->sign_vote(vote->statement);
        lie.payload = std::make_shared<const Bytes>(consensus::encode_vote(*vote));
        break;
    }
    }
    transmit_to(from, to, lie, content_of(lie));
}

void World::partition() {
    if (!trouble_) return;
    const Lot lot{*this, Scene::partition, ++partitions_};
    const auto n = scenario_.members();
    for (auto& row : blocked_) std::fill(row.begin(), row.end(), false);
    const auto shape = chance_.below(6);
    switch (shape < 4 && !strikes(FaultKind::partition) ? 5 : shape) {
    case 0: // two groups
        for (std::size_t mask = 1 + chance_.below((1u << n) - 2), a = 0; a < n; ++a)
            for (std::size_t b = 0; b < n; ++b) blocked_[a][b] = ((mask >> a) & 1u) != ((mask >> b) & 1u);
        break;
    case 1: { // one node alone
        const auto alone = chance_.below(n);
        for (std::size_t a = 0; a < n; ++a) blocked_[a][alone] = blocked_[alone][a] = a != alone;
        break;
    }
    case 2: // random directions
        for (std::size_t a = 0; a < n; ++a)
            for (std::size_t b = 0; b < n; ++b) blocked_[a][b] = chance_.one_in(4);
        break;
    case 3: { // one node hears nothing
        const auto deaf = chance_.below(n);
        for (std::size_t a = 0; a < n; ++a) blocked_[a][deaf] = true;
        break;
    }
    default: break; // whole again
    }
    for (std::size_t i = 0; i < n; ++i) side_[i] = chance_.one_in(2);
    if (scenario_.may_fork() && chance_.one_in(2) && strikes(FaultKind::partition)) split_honest();
    ++coverage_.partitions;
    after(between(100'000, 1'200'000), [this] { partition(); });
}

/// The plot of more than f liars: honest members hear only their own side, and the liars' twins tell each side its own story.
void World::split_honest() {
    const auto honest = scenario_.nodes - scenario_.byzantine;
    for (auto& row : blocked_) std::fill(row.begin(), row.end(), false);
    for (std::size_t i = 0; i < honest; ++i) side_[i] = i % 2 == 1;
    for (std::size_t a = 0; a < honest; ++a)
        for (std::size_t b = 0; b < honest; ++b) blocked_[a][b] = side_[a] != side_[b];
}

/// One node stands still; what comes for it waits, and its monotonic clock goes on.
void World::pause() {
    if (!trouble_) return;
    const Lot lot{*this, Scene::pause, ++pauses_};
    auto& node = *nodes_[chance_.below(nodes_.size())];
    if (strikes(FaultKind::pause)) {
        ++coverage_.pauses;
        node.paused_until = now_ + between(100'000, 6'000'000);
    }
    after(between(500'000, 3'000'000), [this] { pause(); });
}

/// Up to f wall clocks are wrong at a time, in either direction; more would be more than f faults.
void World::jump_clocks() {
    if (!trouble_) return;
    const Lot lot{*this, Scene::clocks, ++jumps_};
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i]->wall_offset = true_wall_[i];
    for (std::size_t i = 0; i < scenario_.faults_tolerated(); ++i) {
        auto& node = *nodes_[chance_.below(nodes_.size())];
        constexpr std::int64_t kJumpMax = 60'000;
        const Milliseconds jump{static_cast<std::int64_t>(chance_.below(2 * kJumpMax)) - kJumpMax};
        if (!strikes(FaultKind::clock_jump)) continue;
        ++coverage_.clock_jumps;
        node.wall_offset += jump;
    }
    after(between(200'000, 2'000'000), [this] { jump_clocks(); });
}

void World::lose_log(Node& node) {
    node.disk.wipe();
    node.lost_log = true;
    checker_.forgot_log(node.index);
}

void World::plan_faults() {
    const Lot lot{*this, Scene::plan, 0};
    for (std::size_t i = 0; i < scenario_.members(); ++i) side_[i] = chance_.one_in(2);
    if (scenario_.partitions) after(between(50'000, 500'000), [this] { partition(); });
    if (scenario_.power_cuts)
        for (int i = 0; i < 3; ++i)
            after(between(300'000, static_cast<std::uint64_t>(scenario_.trouble.count())), [this, i] {
                const Lot cut{*this, Scene::plan, 1, static_cast<std::uint64_t>(i)};
                if (!trouble_ || !strikes(FaultKind::power_cut)) return;
                ++coverage_.power_cuts;
                for (auto& node : nodes_)
                    if (node->core) crash(*node);
            });
    if (scenario_.amnesia)
        after(between(500'000, static_cast<std::uint64_t>(scenario_.trouble.count()) / 2), [this] {
            const Lot loss{*this, Scene::plan, 2};
            auto& node = *nodes_[0];
            if (!strikes(FaultKind::disk_loss)) return;
            if (node.core) crash(node);
            lose_log(node);
            ++coverage_.amnesia;
            if (!scenario_.disk_loss) return;
            node.store.clear();
            node.certificates.clear();
            node.markers.clear();
        });
    if (scenario_.rot_middle || scenario_.rot_tail)
        after(between(500'000, static_cast<std::uint64_t>(scenario_.trouble.count()) / 2), [this] {
            const Lot rot{*this, Scene::plan, 3};
            auto& node = *nodes_[0];
            if (!strikes(FaultKind::rot)) return;
            if (node.core) crash(node);
            node.disk.rot(chance_, scenario_.rot_tail ? Disk::Place::tail : Disk::Place::middle);
            ++coverage_.rot;
        });
    if (scenario_.clock_jumps) after(between(100'000, 500'000), [this] { jump_clocks(); });
    if (scenario_.pauses) after(between(100'000, 2'000'000), [this] { pause(); });
    if (scenario_.long_absence)
        after(Microseconds{400'000}, [this] {
            auto& node = *nodes_[1];
            if (!node.core) return;
            crash(node);
            ++node.life;
            absent_ = &node;
        });
}

void World::heal() {
    trouble_ = false;
    absent_ = nullptr;
    for (auto& row : blocked_) std::fill(row.begin(), row.end(), false);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        nodes_[i]->wall_offset = true_wall_[i];
        nodes_[i]->paused_until = now_;
    }
    for (auto& node : nodes_)
        if (!node->core) start(*node);
}

} // namespace cairn::sim
