// Evidence that holds without a node.
#include "ledger/handovers.hpp"
#include "rpc/labels.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"
#include "system/records.hpp"

#include <algorithm>

namespace cairn::rpc {
namespace {

constexpr std::uint64_t kHandoversPerAnswer = 100;

/// How the epochs from the given one on handed over, oldest first; fewer than a full page at the end. The content of the file that
/// `cairn validator handovers` writes, if it fits in one answer.
Answer handovers(Context& context, const Parameters& parameters) {
    const auto present = context.chain.epoch();
    std::uint64_t from = 0;
    if (parameters.has(0)) {
        CRN_TRY(given, parameters.u64(0));
        from = std::min(given, present.value);
    }
    const Epoch to{from + std::min(present.value - from, kHandoversPerAnswer)};
    CRN_TRY(all, lift(context.chain.handovers(to)));
    const auto skipped = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(from, all.size()));
    all.erase(all.begin(), all.begin() + skipped);
    return ledger::to_json(ledger::HandoverChain{.chain_id = context.chain.genesis().parameters.chain_id,
                                                 .genesis = ledger::hash_of(context.chain.genesis()),
                                                 .handovers = std::move(all)});
}

/// The bundle that shows that `digest` was recorded, against the state of the head; null if it never was. Its JSON is the
/// content of the file that `cairn record verify` takes.
Answer proof_bundle(Context& context, const Parameters& parameters) {
    CRN_TRY(digest, parameters.hash(0));
    std::uint64_t index = 0;
    if (parameters.has(1)) {
        CRN_TRY(given, parameters.u64(1));
        index = given;
    }
    CRN_CHECK(Labels{context}.readable_record(digest));
    CRN_TRY(at, parameters.block(2));
    CRN_TRY(state, find_state(context.chain, at));
    const auto count = system::records_of(*state.view, digest);
    if (count == 0) return "null";
    if (index >= count)
        return rpc_fail(code::kRejected, "the digest was recorded " + std::to_string(count) + " times only");
    CRN_TRY(slots, lift(ledger::record_slots(digest, index, [&](const U256& slot) {
                return state.view->storage(ledger::kRecordsContract, slot);
            })));

    const auto& header = state.block->block.header;
    CRN_TRY(proof, lift(context.chain.prove(Height{header.number}, ledger::kRecordsContract, slots)));
    CRN_TRY(certificate, lift(context.chain.certificate(Height{header.number})));
    CRN_TRY(handovers, lift(context.chain.handovers(certificate.statement.epoch)));
    if (handovers.size() > ledger::kBundleHandoversMax)
        return rpc_fail(code::kRejected, "more epochs than a bundle can lead over");

    ledger::RecordStorageProof record;
    record.index = index;
    record.account_proof = std::move(proof.nodes);
    for (auto& slot : proof.storage) record.storage_proofs.push_back(std::move(slot.nodes));
    ledger::ProofBundle bundle;
    bundle.chain_id = context.chain.genesis().parameters.chain_id;
    bundle.genesis = ledger::hash_of(context.chain.genesis());
    bundle.digest = digest;
    bundle.handovers = std::move(handovers);
    bundle.header = ledger::encode_header(header);
    bundle.votes = std::move(certificate.entries);
    bundle.proof = std::move(record);
    return ledger::to_json(bundle);
}

} // namespace

void add_proof_methods(MethodTable& table) {
    table["cairn_getProofBundle"] = {Cost::normal, 1, 3, proof_bundle};
    table["cairn_getHandovers"] = {Cost::normal, 0, 1, handovers};
}

} // namespace cairn::rpc
