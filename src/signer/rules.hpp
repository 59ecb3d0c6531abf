// What may be signed beside what was signed before (consensus.md L2, sections 4 and 7). A pure function of the entries that
// it was given; no clock, disk or key. Whatever a hostile node asks for and in whatever order, nothing that these rules
// admit contradicts anything that they admitted earlier:
//
//   view        one notarized digest; no Notarize or Finalize beside Nullify; Finalize only of the digest that was notarized
//               here, if one was; one proposal. Notarize, Nullify and proposals never go back to a lower view.
//   lane        one digest per position; positions only grow. The same for own batches.
//   execution   one result per height.
//
// Asking again for what was signed is allowed: the same bytes are signed. What has fallen out of the remembered window, and
// everything below it, is refused for ever.
#pragma once

#include "base/result.hpp"
#include "signer/entry.hpp"

#include <map>
#include <vector>

namespace cairn::signer {

/// Remembered exactly; what is older is refused.
inline constexpr std::size_t kViewsRemembered = 512;
inline constexpr std::size_t kPositionsRemembered = 128; // per lane; twice the window of uncommitted batches
inline constexpr std::size_t kHeightsRemembered = 512;
/// An epoch's statements may be signed beside those of the one before it.
inline constexpr std::size_t kEpochsRemembered = 2;

enum class Verdict : std::uint8_t { fresh, repeat };

class Rules {
public:
    /// SignatureContradicts, SignatureTooOld; SignerRequestInvalid for a lane that cannot be.
    Result<Verdict> check(const Entry& entry) const;
    /// Remembers what check() found to be fresh, and floors.
    void apply(const Entry& entry);
    /// Number and digest of the highest execution that was admitted; 0 if there was none.
    std::pair<std::uint64_t, Hash256> last_execution() const;
    /// Entries that make a new object like this one; bounded whatever was signed.
    std::vector<Entry> snapshot() const;

private:
    /// At most one digest per number.
    struct Sequence {
        std::map<std::uint64_t, Hash256> signed_;
        std::uint64_t floor = 0;

        Result<Verdict> check(const Entry& entry, bool only_upwards) const;
        void apply(const Entry& entry, std::size_t remembered);
        void raise(std::uint64_t floor);
    };
    struct ViewVotes {
        std::optional<Hash256> notarize, finalize, proposal;
        bool nullify = false;
    };
    struct EpochState {
        std::map<std::uint64_t, ViewVotes> views;
        std::uint64_t floor = 0;
        std::uint64_t highest = 0; // view of the last Notarize, Nullify or proposal
        std::map<std::uint16_t, Sequence> lanes;
        Sequence batches;
    };
    static Result<Verdict> check_view(const EpochState& state, const Entry& entry);

    std::map<std::uint64_t, EpochState> epochs_;
    std::uint64_t epoch_floor_ = 0; // nothing of an earlier epoch is signed
    Sequence executions_;
};

} // namespace cairn::signer
