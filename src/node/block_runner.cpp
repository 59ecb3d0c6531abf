#include "node/block_runner.hpp"

#include "base/assert.hpp"
#include "base/errors/node.hpp"
#include "codec/wire.hpp"
#include "system/members.hpp"

#include <algorithm>
#include <thread>

namespace cairn::node {
namespace {

std::size_t spare_threads() { return std::max(1u, std::thread::hardware_concurrency() / 2); }

} // namespace

Result<std::optional<ledger::ValidatorSet>> BlockRunner::asked_at(Height height) const {
    const auto epoch = epochs_.current();
    const auto& now = epoch->validators;
    CRN_TRY(state, height == chain_.height() ? Result<std::shared_ptr<const ledger::StateView>>{chain_.state().latest()}
                                             : chain_.state().at(height));
    auto set = system::validators_of(*state, now.epoch.next());
    const auto same = [](const ledger::Validator& a, const ledger::Validator& b) {
        return a.name == b.name && a.organisation == b.organisation && a.key == b.key;
    };
    if (std::ranges::equal(set.members, now.members, same)) return std::nullopt;
    // Members allows neither; a chain without validators could never get any again.
    if (set.members.empty() || set.size() > ledger::kValidatorsMax) return std::nullopt;
    return set;
}

Status BlockRunner::begin_epoch(const consensus::FinalizedBlock& last) {
    CRN_TRY(next, asked_at(last.block.executed.height));
    if (!next || hash_of(*next) != *last.block.next_validators)
        return fail(error::HandoverDiffers, "block " + std::to_string(last.block.height.value) +
                                                " hands over to validators that the own state does not ask for");
    codec::WireWriter block;
    encode(block, last.block);
    EpochRecord record;
    record.start = {last.block.height, last.digest, chain_.blocks().hash_of(last.block.height),
                    last.block.timestamp_ms};
    record.handover = {block.take(), last.certificate.statement.number, last.certificate.entries,
                       encode_validator_set(*next)};
    record.validators = std::move(*next);
    CRN_CHECK(epochs_.append(std::move(record)));
    shares_.reset(); // the weights are of the set before
    return {};
}

/// The account of the leader's organisation: of genesis, or as the state before the block has it.
Address BlockRunner::beneficiary_of(ValidatorIndex leader) const {
    const auto epoch = epochs_.current();
    const auto& name = epoch->validators.members[leader.value].organisation;
    const auto account_in = [&](const std::vector<ledger::Organisation>& organisations) -> std::optional<Address> {
        for (const auto& organisation : organisations)
            if (organisation.name == name) return organisation.account;
        return std::nullopt;
    };
    if (const auto account = account_in(chain_.genesis().organisations)) return *account;
    return account_in(system::organisations_of(*chain_.state().latest())).value_or(Address{});
}

BlockRunner::LaneWeights BlockRunner::lane_weights(Height height) {
    const auto state = chain_.state().latest();
    if (shares_ && shares_->is_current(*state, height)) return weights_;
    shares_ = system::Shares::read(*state, height);
    const auto epoch = epochs_.current();
    const auto& validators = epoch->validators.members;
    std::vector<std::uint64_t> out;
    for (const auto& validator : validators) {
        const auto& name = validator.organisation;
        const auto siblings = std::ranges::count(validators, name, &ledger::Validator::organisation);
        std::uint64_t weight = 1; // it has left, its lane may still end
        for (const auto& organisation : shares_->organisations())
            if (organisation.name == name)
                weight = std::max<std::uint64_t>(1, organisation.share / static_cast<std::uint64_t>(siblings));
        out.push_back(weight);
    }
    weights_ = std::make_shared<const std::vector<std::uint64_t>>(std::move(out));
    return weights_;
}

execution::Candidates BlockRunner::in_shares(const std::vector<std::pair<ValidatorIndex, std::size_t>>& lanes,
                                             const std::vector<SharedTransaction>& decoded, Height height) {
    const auto state = chain_.state().latest();
    const auto weights = lane_weights(height);
    std::vector<execution::LaneCandidates> out;
    std::size_t next = 0;
    for (const auto& [lane, end] : lanes) {
        auto& candidates = out.emplace_back((*weights)[lane.value]);
        for (; next < end; ++next)
            if (decoded[next] != nullptr) candidates.transactions.push_back(decoded[next]);
    }
    return execution::in_shares(out, system::parameters_of(*state, height).block_gas_limit);
}

Result<BlockRunner::Ran> BlockRunner::run(const consensus::FinalizedBlock& block) {
    CRN_ASSERT(block.block.height == chain_.height().next());
    CRN_ASSERT(block.block.epoch == epochs_.current()->validators.epoch);
    std::vector<BytesView> raws;
    std::vector<std::size_t> ends;                             // of each batch in `raws`
    std::vector<std::pair<ValidatorIndex, std::size_t>> lanes; // and where the lane's transactions end in `raws`
    for (const auto& batch : block.batches) {
        // A body that does not parse is the same for everyone, so everyone leaves it out.
        const auto views = ledger::split_batch_body(*batch.body);
        if (views) raws.insert(raws.end(), views->begin(), views->end());
        ends.push_back(raws.size());
        if (lanes.empty() || lanes.back().first != batch.header.lane) lanes.emplace_back(batch.header.lane, 0);
        lanes.back().second = raws.size();
    }
    const auto decoded = cache_.decode_all(raws, spare_threads());
    Ran out;
    for (std::size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++])
        for (auto at = begin; at < ends[i]; ++at)
            if (!decoded[at]) {
                out.invalid.emplace_back(i, static_cast<std::uint32_t>(at - begin));
                break;
            }
    auto candidates = in_shares(lanes, decoded, block.block.height);

    CRN_TRY(outcome, chain_.extend(block.block.timestamp_ms, block.digest, beneficiary_of(block.block.leader),
                                   std::move(candidates)));
    out.outcome = std::move(outcome);
    return out;
}

} // namespace cairn::node
