// Checks an audit log without a node: every link of the chain, every seal, and what the blockchain says about it.
#pragma once

#include "audit/record.hpp"
#include "audit/source.hpp"
#include "ledger/handovers.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cairn::audit {

/// What the contract Anchors holds of a node.
struct Anchor {
    std::uint64_t sequence = 0;
    Hash256 head;
    std::uint64_t height = 0; // block that took it
};
struct AnchorList {
    std::string node;
    std::uint64_t chain_id = 0;
    std::vector<crypto::ValidatorPublicKey> seal_keys; // that the node's validator key vouched for
    std::vector<Anchor> anchors;                       // ascending
};

/// What the log is held to; what is absent is not checked.
struct Expectation {
    std::optional<std::string> node;
    std::optional<std::uint64_t> chain_id;
    std::optional<Hash256> genesis;
    /// One that sealed the log at some time, or introduced one that did.
    std::optional<crypto::ValidatorPublicKey> seal_key;
    std::optional<AnchorList> anchors;
    /// The node must be a validator in one of them, and what it seals lies before the end of the last one in which it is.
    std::vector<ledger::KnownEpoch> epochs;
    /// A log that is being written may end without a seal.
    bool live = false;
    /// The reader is the node that wrote it: a seal key that changed needs no introduction.
    bool own = false;
};

enum class Fault : std::uint8_t {
    edited,    // not what was written
    deleted,   // missing
    moved,     // in another place than it was written
    doubled,   // there twice
    truncated, // the end is missing
    forged,    // a seal or anchor says otherwise
    damaged,   // bytes that are no record
    unsealed,  // the end has no seal
    hidden,    // the signer used a key, and the log does not tell
};
std::string_view name_of(Fault fault);

struct Finding {
    Fault fault;
    std::uint64_t first_event = 0; // what is affected: these events, inclusive
    std::uint64_t last_event = 0;
    Place place; // where it shows
    std::string text;
};

inline constexpr std::size_t kFindingsMax = 100;

struct Report {
    Opening opening; // of the first segment
    std::uint64_t first_event = 0, last_event = 0;
    std::uint64_t events = 0, records = 0, seals = 0;
    std::uint64_t unsealed_events = 0; // behind the last good seal
    std::optional<Seal> last_seal;
    std::optional<ledger::KeyUses> uses; // of keys, by the last seal that counts them
    /// Uses that the signer counted and no event accounts for, though an event says so: a crash came in between.
    ledger::KeyUses unaccounted;
    /// Starts at which the signer had counted less than before: it was given a new memory.
    std::uint64_t counts_lost = 0;
    std::uint64_t anchors_met = 0;
    std::uint64_t last_anchored = 0; // event
    std::vector<crypto::ValidatorPublicKey> seal_keys;
    std::vector<Finding> findings; // the first kFindingsMax
    std::uint64_t findings_total = 0;
};

/// AuditForeign if it is the log of another node, chain or seal key than expected, or of none that was a validator; AuditKeyUnannounced if a key took over that
/// neither the key before nor the anchors introduce; AuditNoSuchLog; storage errors. What is
/// wrong inside the log is in the report. `visit`, if given, sees every event.
Result<Report> verify_log(storage::FileSystem& files, const std::string& path, const Expectation& expected,
                          const std::function<void(const Event&)>& visit = {});
Result<Report> verify_log(const Reader& reader, const Expectation& expected,
                          const std::function<void(const Event&)>& visit = {});

/// One record after the other; what verify_log and the receiver of streams are made of.
class ChainChecker {
public:
    explicit ChainChecker(const Expectation& expected);
    /// AuditForeign, AuditKeyUnannounced. Anything else that is wrong becomes a finding. The event, if the record was one.
    Result<std::optional<Event>> take(const Place& place, BytesView record);
    void damaged(const Place& place, std::uint64_t bytes, bool at_end);
    void missing_file(const std::string& file);
    /// What can only be said at the end.
    Report finish();
    const Report& so_far() const { return report_; }
    /// False until the expected seal key was met.
    bool met_expected_key() const { return met_key_; }

private:
    Status take_opening(const Place& place, const Opening& opening);
    Status take_validator(const Place& place, const Opening& opening);
    Status take_seal_key(const Place& place, const Opening& opening);
    void take_event(const Place& place, const Record& record, const Event& event);
    void take_seal(const Place& place, const Record& record, const Seal& seal);
    void take_account(const Place& place, const Event& event);
    void take_uses(const Place& place, const Seal& seal);
    bool linked(const Record& record) const { return !started_ || record.previous == head_; }
    void find(Fault fault, std::uint64_t first, std::uint64_t last, const Place& place, std::string text);

    Expectation expected_;
    Report report_;
    bool started_ = false;
    std::optional<Opening> opening_; // the last one
    Hash256 head_;                   // hash of the last record
    std::uint64_t last_ = 0;         // highest event
    Place last_place_;
    bool explained_ = false; // the break before the next record has been reported
    bool last_was_event_ = false;
    std::uint64_t previous_event_ = 0;                       // the event right before, whatever its number
    std::set<std::uint64_t> gone_;                           // events passed over; bounded
    std::uint64_t sealed_ = 0;                               // last event under a good seal
    std::uint64_t findings_at_seal_ = 0;                     // findings_total then
    std::set<std::uint64_t> anchored_;                       // events that have an anchor
    std::set<std::pair<std::uint64_t, Hash256>> seal_heads_; // of those
    bool gap_explained_ = false; // the last finding covers what is missing before the next event
    bool met_key_ = false;
    std::optional<ledger::KeyUses> accounted_; // by the last event about uses of keys
    std::optional<ledger::KeyUses> counted_;   // by the signer, in the last seal or at its last start
    std::size_t unaccounted_seals_ = 0;
    std::optional<Height>
        member_until_;    // last block of the last epoch in which the node was a validator, if it has left
    bool pruned_ = false; // an event says that old records were dropped
};

} // namespace cairn::audit
