#include "consensus/accountability.hpp"

#include "consensus/messages.hpp"

#include <map>

namespace cairn::consensus {

Result<std::vector<ledger::Certificate>> certificates_of(const FinalizedBlock& block) {
    CRN_TRY(proposal, decode_proposal(block.proposal));
    std::vector<ledger::Certificate> out = proposal->skipped;
    out.push_back(block.certificate);
    for (const auto* certificate : {&proposal->parent_certificate, &proposal->execution})
        if (*certificate) out.push_back(**certificate);
    return out;
}

std::vector<Evidence> culprits(std::span<const ledger::Certificate> certificates) {
    // By number, so that only statements that can contradict each other meet; the same statement once.
    std::map<std::pair<Epoch, std::uint64_t>, std::map<ledger::VoteStatement, const ledger::Certificate*>> by_number;
    for (const auto& certificate : certificates)
        by_number[{certificate.statement.epoch, certificate.statement.number}].try_emplace(certificate.statement,
                                                                                           &certificate);
    std::map<ValidatorIndex, Evidence> found;
    for (const auto& [number, statements] : by_number)
        for (auto first = statements.begin(); first != statements.end(); ++first)
            for (auto second = std::next(first); second != statements.end(); ++second) {
                if (!contradict(first->first, second->first)) continue;
                for (const auto& a : first->second->entries)
                    for (const auto& b : second->second->entries)
                        if (a.voter == b.voter)
                            found.try_emplace(a.voter,
                                              Evidence{a.voter, VotePair{{first->first, a.voter, a.signature},
                                                                         {second->first, b.voter, b.signature}}});
            }
    std::vector<Evidence> out;
    for (auto& [voter, evidence] : found) out.push_back(std::move(evidence));
    return out;
}

} // namespace cairn::consensus
