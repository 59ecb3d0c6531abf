#include "node/executor.hpp"

#include "base/assert.hpp"
#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"
#include "base/thread_name.hpp"
#include "codec/wire.hpp"
#include "system/keys.hpp"
#include "system/members.hpp"
#include "system/parameters.hpp"

#include <algorithm>

namespace cairn::node {
namespace {

constexpr std::size_t kQueueMax = 4096;
constexpr std::size_t kBlocksPerSyncMax = 32;

std::size_t spare_threads() { return std::max(1u, std::thread::hardware_concurrency() / 2); }

} // namespace

Executor::Executor(OrderedStore& ordered, ExecutedChain& chain, Epochs& epochs, LiveChain& live,
                   TransactionCache& cache, Inbox& inbox, std::function<void(Error)> on_failure)
    : ordered_(ordered),
      chain_(chain),
      epochs_(epochs),
      live_(live),
      cache_(cache),
      inbox_(inbox),
      on_failure_(std::move(on_failure)),
      queue_(kQueueMax),
      thread_([this] { run(); }) {}

Executor::~Executor() { queue_.close(); }

void Executor::deliver(consensus::FinalizedBlockPtr block) {
    const bool accepted = queue_.try_push(std::move(block)) || queue_.closed();
    CRN_ASSERT(accepted);
}

void Executor::run() {
    name_thread("executor");
    auto status = catch_up();
    while (status) {
        auto block = queue_.pop();
        if (!block) return;
        std::vector<consensus::FinalizedBlockPtr> group;
        for (; block; block = group.size() < kBlocksPerSyncMax ? queue_.try_pop() : std::nullopt) {
            status = ordered_.append(*block);
            if (!status) break;
            group.push_back(std::move(*block));
        }
        if (status) status = ordered_.sync();
        if (!status) break;
        inbox_.push_own(consensus::BlocksDurable{ordered_.tip()});
        for (const auto& one : group) {
            if (queue_.closed()) return;
            const auto height = one->block.height;
            if (height > chain_.height())
                status = execute(*one);
            else
                status = report(height);
            if (!status) break;
        }
    }
    if (!status) on_failure_(status.error());
}

// A crash may have come between ordering and execution, or between execution and the certificate.
Status Executor::catch_up() {
    announce_rules();
    announce_stopped();
    // Results without a certificate, and those whose states the core must know.
    auto first = live_.head().next();
    const auto start = epochs_.current()->start.height;
    if (const auto tip = ordered_.block(ordered_.tip()))
        first = std::min(first, std::max(start, tip->block.executed.height));
    for (Height h = first; h <= chain_.height(); h = h.next()) CRN_CHECK(report(h));
    // It may also have come between the last block of an epoch and the record of the next one.
    if (const auto last = ordered_.block(chain_.height());
        last && last->block.next_validators && last->block.epoch == epochs_.current()->validators.epoch)
        CRN_CHECK(begin_epoch(*last));
    while (chain_.height() < ordered_.tip() && !queue_.closed()) {
        const auto block = ordered_.block(chain_.height().next());
        if (!block)
            return fail(error::StorageCorrupt,
                        "ordered block " + std::to_string(chain_.height().next().value) + " cannot be read");
        CRN_CHECK(execute(*block));
    }
    return {};
}

Result<std::optional<ledger::ValidatorSet>> Executor::asked_at(Height height, const ledger::ValidatorSet& now) const {
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

Status Executor::report(Height height) {
    CRN_TRY(asked, asked_at(height, epochs_.current()->validators));
    consensus::ExecutionFinished done{height, chain_.blocks().hash_of(height)};
    if (asked) done.next_validators = hash_of(*asked);
    inbox_.push_own(done);
    return {};
}

Status Executor::begin_epoch(const consensus::FinalizedBlock& last) {
    const auto now = epochs_.current();
    CRN_TRY(next, asked_at(last.block.executed.height, now->validators));
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
    // The core of the new epoch knows neither rules nor what the state asks for.
    announced_.reset();
    key_changes_ = 0;
    announce_rules();
    announce_stopped();
    return report(last.block.height);
}

/// The account of the leader's organisation: of genesis, or as the state before the block has it.
Address Executor::beneficiary_of(const consensus::FinalizedBlock& block, const ledger::ValidatorSet& set) const {
    const auto& name = set.members[block.block.leader.value].organisation;
    const auto account_in = [&](const std::vector<ledger::Organisation>& organisations) -> std::optional<Address> {
        for (const auto& organisation : organisations)
            if (organisation.name == name) return organisation.account;
        return std::nullopt;
    };
    if (const auto account = account_in(chain_.genesis().organisations)) return *account;
    return account_in(system::organisations_of(*chain_.state().latest())).value_or(Address{});
}

/// By validator: those of one organisation share its share.
std::vector<std::uint64_t> Executor::lane_weights(const ledger::ValidatorSet& set, Height height) {
    const auto state = chain_.state().latest();
    if (!shares_ || !shares_->is_current(*state, height)) shares_ = system::Shares::read(*state, height);
    const auto& validators = set.members;
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
    return out;
}

execution::Candidates Executor::in_shares(const ledger::ValidatorSet& set,
                                          const std::vector<std::pair<ValidatorIndex, std::size_t>>& lanes,
                                          const std::vector<SharedTransaction>& decoded, Height height) {
    const auto state = chain_.state().latest();
    const auto weights = lane_weights(set, height);
    std::vector<execution::LaneCandidates> out;
    std::size_t next = 0;
    for (const auto& [lane, end] : lanes) {
        auto& candidates = out.emplace_back(weights[lane.value]);
        for (; next < end; ++next)
            if (decoded[next] != nullptr) candidates.transactions.push_back(decoded[next]);
    }
    return execution::in_shares(out, system::parameters_of(*state, height).block_gas_limit);
}

Status Executor::execute(const consensus::FinalizedBlock& block) {
    CRN_ASSERT(block.block.height == chain_.height().next());
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
    // What does not decode or is not signed is dropped; the batch that holds it is proof against its owner.
    for (std::size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++])
        for (auto at = begin; at < ends[i]; ++at)
            if (!decoded[at]) {
                inbox_.push_own(consensus::InvalidInBatch{std::make_shared<const ledger::Batch>(block.batches[i]),
                                                          static_cast<std::uint32_t>(at - begin)});
                break;
            }
    const auto epoch = epochs_.of(block.block.epoch);
    CRN_ASSERT(epoch && block.block.epoch == epochs_.current()->validators.epoch);
    auto candidates = in_shares(epoch->validators, lanes, decoded, block.block.height);
    CRN_TRY(outcome, chain_.extend(block.block.timestamp_ms, block.digest, beneficiary_of(block, epoch->validators),
                                   std::move(candidates)));
    // The core of the new epoch is the first that hears of the block that ended the old one.
    CRN_CHECK(block.block.next_validators ? begin_epoch(block) : report(block.block.height));
    announce_rules();
    announce_stopped();
    live_.executed(outcome);
    return {};
}

void Executor::announce_stopped() {
    const auto state = chain_.state().latest();
    const auto changes = system::key_changes_of(*state);
    if (changes == key_changes_) return;
    key_changes_ = changes;
    inbox_.push_own(consensus::VotersStopped{system::stopped_keys(*state, epochs_.current()->validators.members)});
}

void Executor::announce_rules() {
    const auto next = chain_.height().next();
    const auto parameters = system::parameters_of(*chain_.state().latest(), next);
    auto weights =
        std::make_shared<const std::vector<std::uint64_t>>(lane_weights(epochs_.current()->validators, next));
    const consensus::RulesChanged rules{next, parameters.block_gas_limit,
                                        std::chrono::milliseconds{parameters.min_block_interval_ms},
                                        std::move(weights)};
    if (announced_ && announced_->block_gas_max == rules.block_gas_max &&
        announced_->min_block_interval == rules.min_block_interval && *announced_->lane_weights == *rules.lane_weights)
        return;
    announced_ = rules;
    inbox_.push_own(rules);
}

} // namespace cairn::node
