// What goes wrong in a simulated world: links, machines, and members that lie.
#include "sim/world.hpp"

namespace cairn::sim {

using consensus::MessageType;
using consensus::Outgoing;

void World::transmit(Node& from, const Outgoing& message) {
    if (from.honest) {
        checker_.sent(from.index, message);
        ++coverage_.sent[message.type % coverage_.sent.size()];
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
    for (std::uint16_t to = 0; to < scenario_.nodes; ++to) {
        if (to == from.index.value || (message.to && message.to->value != to)) continue;
        if (from.honest)
            transmit_to(from, {to}, message);
        else
            tamper(from, {to}, message);
    }
}

void World::transmit_to(Node& from, ValidatorIndex to, const Outgoing& message) {
    std::uint64_t copies = 1;
    if (trouble_) {
        if (blocked_[from.index.value][to.value] || chance_.percent(scenario_.drop_percent)) return;
        if (chance_.percent(scenario_.duplicate_percent)) copies = 2;
    }
    for (std::uint64_t i = 0; i < copies; ++i) {
        auto delay = scenario_.delay;
        // Sum of two uniform draws: mostly near the mean, sometimes far.
        delay += between(0, static_cast<std::uint64_t>(scenario_.jitter.count())) +
                 between(0, static_cast<std::uint64_t>(scenario_.jitter.count()));
        if (trouble_ && chance_.one_in(scenario_.tail_one_in)) delay *= 100;
        after(delay, [this, sender = from.index, to, message] {
            for (auto& node : nodes_) {
                if (node->index != to) continue;
                const bool second_twin =
                    !node->honest && node.get() != nodes_[scenario_.nodes - scenario_.byzantine +
                                                          2u * (to.value - (scenario_.nodes - scenario_.byzantine))]
                                                       .get();
                if (!node->honest && side_[sender.value] != second_twin && !chance_.one_in(4)) continue;
                deliver(sender, *node, message);
            }
        });
    }
}

void World::deliver(ValidatorIndex from, Node& to, const Outgoing& message) {
    step(to, consensus::MessageReceived{from, message.type, message.payload});
}

/// A liar's messages: each twin mostly talks to its own side; some messages are withheld, bent, replayed, or contradicted.
void World::tamper(Node& from, ValidatorIndex to, const Outgoing& message) {
    const auto first = scenario_.nodes - scenario_.byzantine;
    const bool second_twin = &from != nodes_[first + 2u * (from.index.value - first)].get();
    if (side_[to.value] != second_twin && !chance_.one_in(8)) return;
    constexpr std::size_t kOverheardMax = 64;
    overheard_.push_back(message);
    if (overheard_.size() > kOverheardMax) overheard_.pop_front();
    auto lie = message;
    ++coverage_.tampered;
    switch (chance_.below(40)) {
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
    case 7: { // contradicted
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
        vote->signature = from.signer->sign_vote(vote->statement);
        lie.payload = std::make_shared<const Bytes>(consensus::encode_vote(*vote));
        break;
    }
    default: --coverage_.tampered; break;
    }
    transmit_to(from, to, lie);
}

void World::partition() {
    if (!trouble_) return;
    const auto n = scenario_.nodes;
    for (auto& row : blocked_) std::fill(row.begin(), row.end(), false);
    switch (chance_.below(6)) {
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
    ++coverage_.partitions;
    after(between(100'000, 1'200'000), [this] { partition(); });
}

void World::plan_faults() {
    for (std::size_t i = 0; i < scenario_.nodes; ++i) side_[i] = chance_.one_in(2);
    if (scenario_.partitions) after(between(50'000, 500'000), [this] { partition(); });
    if (scenario_.power_cuts)
        for (int i = 0; i < 3; ++i)
            after(between(300'000, static_cast<std::uint64_t>(scenario_.trouble.count())), [this] {
                if (!trouble_) return;
                ++coverage_.power_cuts;
                for (auto& node : nodes_)
                    if (node->core) crash(*node);
            });
    if (scenario_.amnesia)
        after(between(500'000, static_cast<std::uint64_t>(scenario_.trouble.count()) / 2), [this] {
            auto& node = *nodes_[0];
            if (node.core) crash(node);
            node.log.clear();
            node.synced = 0;
            node.lost_log = true;
            ++coverage_.amnesia;
        });
    if (scenario_.long_absence)
        after(Microseconds{400'000}, [this] {
            auto& node = *nodes_[1];
            if (!node.core) return;
            crash(node);
            ++node.life;
            node.log.resize(node.synced);
            absent_ = &node;
        });
}

void World::heal() {
    trouble_ = false;
    absent_ = nullptr;
    for (auto& row : blocked_) std::fill(row.begin(), row.end(), false);
    for (auto& node : nodes_)
        if (!node->core) start(*node);
}

} // namespace cairn::sim
