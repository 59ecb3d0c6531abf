// The few rules that safety rests on, each a pure function. Production uses them as they stand; tests of the simulator
// replace one at a time by a broken one, to show that the invariants notice. Nothing in a configuration reaches this.
#pragma once

#include "ledger/validators.hpp"

#include <optional>

namespace cairn::consensus {

/// What this replica has signed in one view, ever (also before a restart).
struct OwnVotes {
    std::optional<ledger::Vote> notarize, nullify, finalize;
};

class Guards {
public:
    virtual ~Guards() = default;

    virtual std::size_t quorum(const ledger::ValidatorSet& set) const { return set.quorum(); }
    /// One digest per view, not after Nullify; a Finalize binds too.
    virtual bool may_notarize(const OwnVotes& votes, const Hash256& digest) const {
        if (votes.notarize || votes.nullify) return false;
        return !votes.finalize || votes.finalize->statement.digest == digest;
    }
    virtual bool may_nullify(const OwnVotes& votes) const { return !votes.finalize; }
    /// Not after Nullify, not if another digest was notarized: makes Finalize(b) + Notarize(b') a proof of guilt.
    virtual bool may_finalize(const OwnVotes& votes, const Hash256& digest) const {
        if (votes.finalize || votes.nullify) return false;
        return !votes.notarize || votes.notarize->statement.digest == digest;
    }
};

} // namespace cairn::consensus
