// The rules of docs/model/simplex.pml as a checker of traces: every vote that an honest member makes durable must be one that the
// model allows in the state that the votes before it have made. As in the model, the state is the set of votes cast, honest
// votes may have reached anyone, and a liar's vote counts for everything at once. Guards bear the model's names.
//
// One object follows one epoch, as the model does; how epochs follow each other is Checker's.
//
// Beyond the model it checks rule L2 of lanes: a voted batch follows one that was voted for, or one that a notarized block orders.
#pragma once

#include "consensus/log.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>

namespace cairn::sim {

class ModelRules {
public:
    using Broken = std::function<void(std::string)>;
    /// `broken` is told of each step that the model does not allow.
    ModelRules(std::size_t nodes, std::size_t byzantine, Broken broken);

    /// A record of an honest member's log, in the order in which they became durable. Records that a checkpoint repeats change nothing.
    void durable(std::uint16_t node, const consensus::Record& record);
    std::uint64_t steps() const { return steps_; }

private:
    struct Block {
        std::uint64_t view = 0, parent_view = 0;
        Hash256 parent;
        ledger::Cut cut;
        bool ends = false; // the epoch
    };
    struct Own { // of one member in one view
        std::set<Hash256> notarized, finalized;
        bool nullified = false;
    };
    using ByVoter = std::set<std::uint16_t>;

    void vote(std::uint16_t node, const ledger::VoteStatement& statement);
    void batch(std::uint16_t node, const ledger::BatchHeader& header);
    void refuse(std::uint16_t node, const std::string& rule, std::uint64_t view);
    bool enough(const std::map<std::pair<std::uint64_t, Hash256>, ByVoter>& votes, std::uint64_t view,
                const Hash256& digest) const;
    /// NOTARIZATION or FINALIZATION of a block; genesis has both.
    bool certified(std::uint64_t view, const Hash256& digest) const;
    bool skipped(std::uint64_t view) const { return skipped_.contains(view); }
    bool enterable(std::uint64_t view) const { return enterable_.contains(view); }
    bool justified(const Block& block) const;
    /// `digest`, proposed in view `from`, is certified in a view below `view` with all views between nullified.
    bool carried(std::uint64_t view, const Hash256& digest, std::uint64_t from) const;
    bool ordered(std::uint16_t lane, std::uint64_t position, const Hash256& digest) const;

    std::size_t needed_; // honest votes in a certificate
    Broken broken_;
    std::uint64_t steps_ = 0;
    std::map<Hash256, Block> blocks_;
    std::map<std::pair<std::uint64_t, Hash256>, ByVoter> notarized_, finalized_;
    std::map<std::uint64_t, ByVoter> nullified_;
    std::map<std::pair<std::uint16_t, std::uint64_t>, Own> own_;
    std::map<std::pair<std::uint16_t, std::uint16_t>, std::map<std::uint64_t, Hash256>> lanes_; // by member and lane
    std::map<std::uint16_t, std::map<std::uint64_t, std::set<Hash256>>> ordered_;               // tips of known cuts
    std::set<std::uint64_t> skipped_, enterable_;                                               // views
};

} // namespace cairn::sim
