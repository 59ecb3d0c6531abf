#include "node/executor.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "base/thread_name.hpp"
#include "system/keys.hpp"

namespace cairn::node {
namespace {

constexpr std::size_t kQueueMax = 4096;
constexpr std::size_t kBlocksPerSyncMax = 32;

} // namespace

Executor::Executor(OrderedStore& ordered, ExecutedChain& chain, LiveChain& live, TransactionCache& cache, Inbox& inbox,
                   std::function<void(Error)> on_failure)
    : ordered_(ordered),
      chain_(chain),
      live_(live),
      runner_(chain, cache),
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
                inbox_.push_own(consensus::ExecutionFinished{height, chain_.blocks().hash_of(height)});
            if (!status) break;
        }
    }
    if (!status) on_failure_(status.error());
}

// A crash may have come between ordering and execution, or between execution and the certificate.
Status Executor::catch_up() {
    announce_rules();
    announce_stopped();
    for (Height h = live_.head().next(); h <= chain_.height(); h = h.next())
        inbox_.push_own(consensus::ExecutionFinished{h, chain_.blocks().hash_of(h)});
    while (chain_.height() < ordered_.tip() && !queue_.closed()) {
        const auto block = ordered_.block(chain_.height().next());
        if (!block)
            return fail(error::StorageCorrupt,
                        "ordered block " + std::to_string(chain_.height().next().value) + " cannot be read");
        CRN_CHECK(execute(*block));
    }
    return {};
}

Status Executor::execute(const consensus::FinalizedBlock& block) {
    CRN_TRY(ran, runner_.run(block));
    // What does not decode or is not signed is dropped; the batch that holds it is proof against its owner.
    for (const auto& [batch, transaction] : ran.invalid)
        inbox_.push_own(
            consensus::InvalidInBatch{std::make_shared<const ledger::Batch>(block.batches[batch]), transaction});
    inbox_.push_own(consensus::ExecutionFinished{block.block.height, ran.outcome.block->hash});
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
    inbox_.push_own(consensus::VotersStopped{system::stopped_keys(*state, chain_.genesis().validators.members)});
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
