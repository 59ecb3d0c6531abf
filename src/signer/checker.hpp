// An independent judge of what a signer gave away: keeps every statement that was ever signed and finds two that contradict
// each other. It shares nothing with the signer's rules; what contradicts is what the other validators would take as proof
// of guilt (consensus/evidence.hpp). For tests and measures.
#pragma once

#include "consensus/evidence.hpp"
#include "consensus/signing.hpp"
#include "signer/protocol.hpp"

#include <map>
#include <set>
#include <string>

namespace cairn::signer {

class Checker {
public:
    Checker(const crypto::VotingKey& key, std::uint64_t chain_id) : key_(key), chain_id_(chain_id) {}

    /// The answer to a request for a vote, batch or proposal. Returns what is wrong with it; empty if nothing.
    std::string take(const Request& request, BytesView signature) {
        const auto given = crypto::Signature::from(signature);
        if (!given) return "not a signature";
        ++signatures_;
        if (const auto* vote = std::get_if<VoteRequest>(&request)) return take_vote(vote->statement, *given);
        if (const auto* batch = std::get_if<BatchRequest>(&request)) {
            const auto digest = digest_of(batch->header);
            if (!crypto::verify(key_, ledger::batch_signed_bytes(chain_id_, digest), *given)) return "bad signature";
            return unique(batches_, {batch->header.epoch.value, batch->header.position.value}, digest, "batch");
        }
        if (const auto* proposal = std::get_if<ProposalRequest>(&request)) {
            const auto& block = proposal->block;
            if (!crypto::verify(key_, consensus::proposal_signed_bytes(chain_id_, block), *given))
                return "bad signature";
            return unique(proposals_, {block.epoch.value, block.view.value}, digest_of(block), "proposal");
        }
        return {};
    }
    std::uint64_t signatures() const { return signatures_; }
    std::size_t statements() const { return votes_.size() + batches_.size() + proposals_.size(); }

private:
    using Place = std::pair<std::uint64_t, std::uint64_t>;
    static std::string unique(std::map<Place, Hash256>& seen, Place place, const Hash256& digest, const char* what) {
        const auto [known, fresh] = seen.try_emplace(place, digest);
        return fresh || known->second == digest
                   ? std::string{}
                   : std::string{"two of one "} + what + " at " + std::to_string(place.second);
    }
    std::string take_vote(const ledger::VoteStatement& statement, const crypto::Signature& signature) {
        if (!crypto::verify(key_, ledger::signed_bytes(chain_id_, statement), signature)) return "bad signature";
        votes_.insert(statement);
        // Statements about one thing lie together: at most a few.
        for (const auto& other : about_[{statement.epoch.value, statement.number}])
            if (consensus::contradict(statement, other))
                return "contradicting votes at " + std::to_string(statement.number);
        about_[{statement.epoch.value, statement.number}].insert(statement);
        return {};
    }

    crypto::VotingKey key_;
    std::uint64_t chain_id_;
    std::uint64_t signatures_ = 0;
    std::set<ledger::VoteStatement> votes_;
    std::map<Place, std::set<ledger::VoteStatement>> about_;
    std::map<Place, Hash256> batches_, proposals_;
};

} // namespace cairn::signer
