// What can be decided together, by whom, and how many it takes. Private to this folder.
//
// A governed function of a system contract runs only when the contract Proposals calls it. kGoverned in governance.cpp lists all
// of them: a new one is a line there, and `only_by_proposal` at its start.
#pragma once

#include "system/call.hpp"
#include "system/member_storage.hpp"
#include "system/role_storage.hpp"

namespace cairn::system {

/// Kinds of decisions; the value is the number in contracts/IProposals.sol.
enum class Matter : std::uint8_t {
    membership,       // organisations and validators come and go
    parameters,       // rules of the chain
    administrators,   // who holds the three administrators' roles
    rules,            // thresholds and delays of these decisions
    rights,           // roles of organisations' accounts
    policy,           // allow and deny
    freeze,           // and unfreeze
    labels,           // upwards
    declassification, // any other change of a label
    retirement,       // a contract is frozen for ever
    keys,             // a state that the owner may not give his key alone, and a new key for an account
};
inline constexpr std::array<std::string_view, 11> kMatterNames{
    "membership", "parameters", "administrators",   "rules",      "rights", "policy",
    "freeze",     "labels",     "declassification", "retirement", "keys"};

/// Threshold 0: more than half of the active organisations. Delay and expiry in blocks.
struct VotingRule {
    std::uint64_t threshold = 0;
    std::uint64_t delay = 0;
    std::uint64_t expiry = 0;
    bool operator==(const VotingRule&) const = default;
};
VotingRule default_rule(Matter matter);

/// Security administrators vote as persons beside the organisations; else only organisations vote.
bool administrators_vote(Matter matter);
/// The matter of a call of a governed function; nothing if the call is none.
std::optional<Matter> matter_of(const Address& target, BytesView data);

/// Reverts with NotAuthorised unless Proposals is the caller.
std::expected<void, Bytes> only_by_proposal(Call& call);

/// Who takes part at a block: holders of accounts that are not frozen.
class Electorate {
public:
    /// `proposals`: null where nobody is dormant, to ask what could be if all were confirmed.
    Electorate(Slots& members, Slots& roles, Slots* proposals, std::uint64_t block)
        : members_(members), roles_(roles), proposals_(proposals), block_(block) {}

    bool may_propose(const Address& account, Matter matter);
    /// Index of the organisation that this account votes for.
    std::optional<std::uint64_t> organisation(const Address& account);
    /// Index among the administrators of this security administrator.
    std::optional<std::uint64_t> security_administrator(const Address& account);

    std::uint64_t organisations();       // active, also those whose account is frozen
    std::uint64_t voters(Matter matter); // who can vote
    std::uint64_t needed(Matter matter, const VotingRule& rule);
    /// Voters whose bit is set.
    std::uint64_t count(const U256& organisations, const U256& administrators, Matter matter);
    /// Administrators that hold the role and are not frozen.
    std::uint64_t holders(ledger::Role role);
    /// Has the role and the use of it: neither frozen nor dormant.
    bool holds(const Address& account, ledger::Role role);

private:
    bool is_frozen(const Address& account) { return roles_.subject(account).freeze.holds_at(block_); }
    bool is_dormant(const Address& account, const Subject& subject);

    MemberStorage members_;
    RoleStorage roles_;
    Slots* proposals_;
    std::uint64_t block_;
};

/// So many blocks without an act by its role, and an administrator or regulator has no use of it until it is confirmed; 0: never.
inline constexpr std::uint64_t kDormancyDefault = 50'000'000;
inline constexpr std::uint64_t kDormancyMin = 1'000;
std::uint64_t load_dormancy(Slots& proposals);
void store_dormancy(Slots& proposals, std::uint64_t blocks);
/// Block of the last act by a role, or of its confirmation; 0: none yet.
std::uint64_t last_use(Slots& proposals, const Address& account);
void note_use(Slots& proposals, const Address& account, std::uint64_t block);

VotingRule load_rule(Slots& proposals, Matter matter);
void store_rule(Slots& proposals, Matter matter, const VotingRule& rule);

/// Why the chain could no longer be governed if things were as they are now; empty if it could. `block`: when the changes
/// that were just made count.
std::string lock_out(Slots& members, Slots& roles, Slots& proposals, std::uint64_t block);
inline constexpr std::string_view kWouldLockOut = "WouldLockOut(string)";
inline constexpr std::string_view kNotAuthorised = "NotAuthorised(address)";

} // namespace cairn::system
