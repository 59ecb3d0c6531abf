#include "node/executor.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "base/thread_name.hpp"
#include "system/keys.hpp"
#include "system/parameters.hpp"

#include <algorithm>

namespace cairn::node {
namespace {

constexpr std::size_t kQueueMax = 4096;
constexpr std::size_t kBlocksPerSyncMax = 32;

} // namespace

Executor::Executor(OrderedStore& ordered, ExecutedChain& chain, Epochs& epochs, LiveChain& live,
                   TransactionCache& cache, Inbox& inbox, std::function<void(Error)> on_failure)
    : ordered_(ordered),
      chain_(chain),
      epochs_(epochs),
      live_(live),
      runner_(chain, epochs, cache),
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

Status Executor::report(Height height) {
    CRN_TRY(asked, runner_.asked_at(height));
    consensus::ExecutionFinished done{height, chain_.blocks().hash_of(height)};
    if (asked) done.next_validators = hash_of(*asked);
    inbox_.push_own(done);
    return {};
}

Status Executor::begin_epoch(const consensus::FinalizedBlock& last) {
    CRN_CHECK(runner_.begin_epoch(last));
    // The core of the new epoch knows neither rules nor what the state asks for.
    announced_.reset();
    key_changes_ = 0;
    announce_rules();
    announce_stopped();
    return report(last.block.height);
}

Status Executor::execute(const consensus::FinalizedBlock& block) {
    CRN_TRY(ran, runner_.run(block));
    // What does not decode or is not signed is dropped; the batch that holds it is proof against its owner.
    for (const auto& [batch, transaction] : ran.invalid)
        inbox_.push_own(
            consensus::InvalidInBatch{std::make_shared<const ledger::Batch>(block.batches[batch]), transaction});
    // The core of the new epoch is the first that hears of the block that ended the old one.
    CRN_CHECK(block.block.next_validators ? begin_epoch(block) : report(block.block.height));
    announce_rules();
    announce_stopped();
    live_.executed(ran.outcome);
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
    const consensus::RulesChanged rules{next, parameters.block_gas_limit,
                                        std::chrono::milliseconds{parameters.min_block_interval_ms},
                                        runner_.lane_weights(next)};
    if (announced_ && announced_->block_gas_max == rules.block_gas_max &&
        announced_->min_block_interval == rules.min_block_interval && *announced_->lane_weights == *rules.lane_weights)
        return;
    announced_ = rules;
    inbox_.push_own(rules);
}

} // namespace cairn::node
