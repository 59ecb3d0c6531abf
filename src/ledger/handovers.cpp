#include "ledger/handovers.hpp"

#include "base/errors/ledger.hpp"
#include "crypto/hash.hpp"
#include "ledger/consensus_block.hpp"

namespace cairn::ledger {
namespace {

/// The epoch that `handover` hands over to.
Result<KnownEpoch> hand_over(std::uint64_t chain_id, const ValidatorSet& set, const EpochHandover& handover,
                             const std::string& step) {
    const auto refuse = [&](std::string_view why) {
        return fail(error::HandoverInvalid, step + ": " + std::string{why});
    };
    codec::WireReader in{handover.block};
    const ConsensusBlock block = decode_consensus_block(in);
    if (!in.finish()) return refuse("the block is malformed");
    if (block.epoch != set.epoch) return refuse("the block is of another epoch");
    if (!block.next_validators) return refuse("the block does not end its epoch");
    if (handover.view < block.view.value) return refuse("finalized before its view");
    const VoteStatement statement{.kind = VoteKind::finalize,
                                  .epoch = set.epoch,
                                  .number = handover.view,
                                  .lane = 0,
                                  .digest = crypto::keccak256(handover.block)};
    if (const auto status = verify_certificate(chain_id, set, {statement, handover.votes}); !status)
        return refuse(status.error().detail);
    if (crypto::keccak256(handover.validators) != *block.next_validators)
        return refuse("the next validators are not those that the block names");
    auto next = decode_validator_set(handover.validators);
    if (!next) return refuse(next.error().detail);
    if (next->epoch != set.epoch.next()) return refuse("the next validators are not of the next epoch");
    return KnownEpoch{std::move(*next), block.height};
}

} // namespace

Result<std::vector<KnownEpoch>> follow_handovers(const Genesis& genesis, std::span<const EpochHandover> handovers) {
    std::vector<KnownEpoch> out{{genesis.validators, Height{0}}};
    for (std::size_t i = 0; i < handovers.size(); ++i) {
        CRN_TRY(next, hand_over(genesis.parameters.chain_id, out.back().validators, handovers[i],
                                "handover " + std::to_string(i)));
        out.push_back(std::move(next));
    }
    return out;
}

Result<std::vector<KnownEpoch>> follow_handovers(const Genesis& genesis, const HandoverChain& chain) {
    if (chain.chain_id != genesis.parameters.chain_id || chain.genesis != hash_of(genesis))
        return fail(error::HandoverInvalid, "the handovers are of the chain with genesis " + to_hex(chain.genesis) +
                                                ", the genesis given is " + to_hex(hash_of(genesis)));
    return follow_handovers(genesis, std::span{chain.handovers});
}

} // namespace cairn::ledger
