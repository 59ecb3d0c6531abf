// A core alone, with real signatures: what the tests of its single steps share.
#pragma once

#include "consensus/core.hpp"
#include "consensus/messages.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>

namespace cairn::consensus {

inline constexpr std::uint64_t kChain = 9;
inline constexpr Milliseconds kWall{1'700'000'000'000};

class Stored final : public History {
public:
    std::map<Height, FinalizedBlockPtr> blocks;
    Height tip() const override { return blocks.empty() ? Height{} : blocks.rbegin()->first; }
    FinalizedBlockPtr block(Height height) const override {
        const auto found = blocks.find(height);
        return found == blocks.end() ? nullptr : found->second;
    }
    std::optional<ledger::Certificate> execution_certificate(Height) const override { return std::nullopt; }
};

struct Consortium {
    ledger::ValidatorSet set;
    std::vector<KeySigner> signers;

    explicit Consortium(std::size_t n, crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519) {
        for (std::size_t i = 0; i < n; ++i) {
            crypto::ValidatorSeed seed;
            seed[0] = static_cast<std::uint8_t>(i + 1);
            const auto key = crypto::VotingSecret::from(algorithm, seed).value();
            set.members.push_back({"v" + std::to_string(i), "Org", key.public_key(), "127.0.0.1:1"});
            signers.emplace_back(key, kChain);
        }
    }
    CoreConfig config(std::uint16_t self) const {
        CoreConfig out;
        out.chain_id = kChain;
        out.validators = set;
        out.self = {self};
        out.start.digest[0] = out.start.header_hash[0] = 1;
        return out;
    }
    ledger::Vote vote(std::uint16_t voter, ledger::VoteKind kind, std::uint64_t number, const Hash256& digest,
                      std::uint16_t lane = 0) const {
        const ledger::VoteStatement statement{kind, set.epoch, number, lane, digest};
        return {statement, {voter}, signers[voter].sign_vote(statement).value()};
    }
    ledger::Certificate certificate(ledger::VoteKind kind, std::uint64_t number, const Hash256& digest) const {
        ledger::Certificate out{{kind, set.epoch, number, 0, digest}, {}};
        for (std::uint16_t i = 0; i < set.quorum(); ++i)
            out.entries.push_back({{i}, signers[i].sign_vote(out.statement).value()});
        return out;
    }
};

inline LocalBatch batch(std::uint8_t tag) { return {{Bytes{tag, 1, 2, 3}}, 21'000}; }

/// A core with its log; time moves by one millisecond per step.
struct Member {
    Stored history;
    std::unique_ptr<Core> core;
    std::vector<SharedBytes> log;
    Microseconds now{1'000'000};

    Member(const Consortium& consortium, std::uint16_t self, Memory memory = Memory::fresh,
           std::vector<SharedBytes> records = {}, Stored stored = {})
        : history(std::move(stored)), log(std::move(records)) {
        core = std::make_unique<Core>(consortium.config(self), consortium.signers[self], history);
        std::vector<BytesView> views;
        for (const auto& record : log) views.push_back(*record);
        const auto status = core->recover(views, memory);
        EXPECT_TRUE(status) << status.error().text();
    }
    Actions step(Input input = Tick{}) {
        now += Microseconds{1'000};
        auto actions = core->step({now, kWall, std::move(input)});
        log.insert(log.end(), actions.records.begin(), actions.records.end());
        return actions;
    }
    Actions receive(std::uint16_t from, MessageType type, Bytes payload) {
        return step(MessageReceived{
            {from}, static_cast<std::uint8_t>(type), std::make_shared<const Bytes>(std::move(payload))});
    }
};

inline std::vector<ledger::Vote> votes_of(const Actions& actions) {
    std::vector<ledger::Vote> out;
    for (const auto& message : actions.messages)
        if (static_cast<MessageType>(message.type) == MessageType::vote)
            out.push_back(*decode_vote_message(*message.payload));
    return out;
}

inline bool sends(const Actions& actions, MessageType type) {
    return std::any_of(actions.messages.begin(), actions.messages.end(),
                       [&](const auto& message) { return static_cast<MessageType>(message.type) == type; });
}

/// One step of a lone validator; all that it finalizes is made durable, executed and appended to `out`.
inline void step_alone(Member& member, Input input, std::vector<FinalizedBlockPtr>& out) {
    std::deque<Input> inputs{std::move(input)};
    for (; !inputs.empty(); inputs.pop_front()) {
        for (const auto& block : member.step(inputs.front()).finalized) {
            out.push_back(block);
            inputs.push_back(BlocksDurable{block->block.height});
            inputs.push_back(ExecutionFinished{block->block.height, {}});
        }
    }
}
inline void live_alone(Member& member, Microseconds time, std::vector<FinalizedBlockPtr>& out) {
    for (const auto end = member.now + time; member.now < end;) step_alone(member, Tick{}, out);
}

} // namespace cairn::consensus
