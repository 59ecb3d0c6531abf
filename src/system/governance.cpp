#include "system/governance.hpp"

#include "system/addresses.hpp"

namespace cairn::system {

namespace {

using ledger::Role;

constexpr std::uint64_t kExpiry = 50'000;
constexpr std::uint64_t kDelay = 2; // a block and those that follow it by themselves: time to object
constexpr std::uint64_t kFourEyes = 2;

// contracts/IProposals.sol: first byte of the slots of voting rules.
constexpr std::uint64_t kRuleTag = 2;
constexpr std::uint64_t kDormancyTag = 3;
constexpr std::uint64_t kUseTag = 4;
constexpr unsigned kTagShift = 248;
constexpr unsigned kHeightBits = 40;
constexpr unsigned kSetBit = 3 * kHeightBits;

/// Matters of roles depend on the role, an argument.
struct Governed {
    Address target;
    std::string_view signature;
    Matter matter;
};
constexpr std::array kGoverned{
    Governed{kMembersAddress, "addOrganisation(string,address,bytes32,string)", Matter::membership},
    Governed{kMembersAddress, "removeOrganisation(string)", Matter::membership},
    Governed{kMembersAddress, "addValidator(string,string,bytes32,uint8,bytes,string)", Matter::membership},
    Governed{kMembersAddress, "removeValidator(string)", Matter::membership},
    Governed{kMembersAddress, "replaceValidatorKey(string,bytes32,uint8,bytes)", Matter::membership},
    Governed{kParametersAddress, "change(string,uint256,uint256)", Matter::parameters},
    Governed{kProposalsAddress, "setRule(uint8,uint256,uint256,uint256)", Matter::rules},
    Governed{kProposalsAddress, "setDormancy(uint256)", Matter::rules},
    Governed{kProposalsAddress, "confirm(address)", Matter::administrators},
    Governed{kRolesAddress, "grantAdministrator(address,uint8)", Matter::administrators},
    Governed{kRolesAddress, "revokeAdministrator(address,uint8)", Matter::administrators},
    Governed{kRolesAddress, "grant(address,uint8)", Matter::rights},
    Governed{kRolesAddress, "revoke(address,uint8)", Matter::rights},
    Governed{kRolesAddress, "setPolicy(address,address,bytes4,uint8,uint8)", Matter::policy},
    Governed{kRolesAddress, "freeze(address,uint256,string)", Matter::freeze},
    Governed{kRolesAddress, "freezeMethod(address,bytes4,uint256,string)", Matter::freeze},
    Governed{kRolesAddress, "unfreeze(address)", Matter::freeze},
    Governed{kRolesAddress, "unfreezeMethod(address,bytes4)", Matter::freeze},
    Governed{kRolesAddress, "raiseLabel(address,uint8,uint32)", Matter::labels},
    Governed{kRolesAddress, "raiseRecordLabel(bytes32,uint8,uint32)", Matter::labels},
    Governed{kRolesAddress, "declassify(address,uint8,uint32)", Matter::declassification},
    Governed{kRolesAddress, "declassifyRecord(bytes32,uint8,uint32)", Matter::declassification},
    Governed{kRolesAddress, "retire(address,string)", Matter::retirement},
    Governed{kIdentitiesAddress, "release(address)", Matter::membership},
    Governed{kKeysAddress, "award(bytes32,address,uint8)", Matter::keys},
    Governed{kKeysAddress, "decideState(bytes32,uint256,uint8,uint64,string)", Matter::keys},
    Governed{kKeysAddress, "decideReset(address,uint256,address,uint64,uint8,bytes32,bytes32)", Matter::keys},
};

U256 rule_slot(Matter matter) { return U256{kRuleTag} << kTagShift | U256{static_cast<std::uint64_t>(matter)}; }

bool bit(const U256& word, std::uint64_t index) { return ((word >> static_cast<unsigned>(index)).low() & 1) != 0; }

} // namespace

VotingRule default_rule(Matter matter) {
    switch (matter) {
    case Matter::parameters: // names its own height
    case Matter::keys:
        return {.threshold = 0, .delay = 0, .expiry = kExpiry}; // a thief does not wait; a reset has a delay of its own
    case Matter::membership:
    case Matter::administrators:
    case Matter::rules:
    case Matter::retirement: return {.threshold = 0, .delay = kDelay, .expiry = kExpiry};
    case Matter::declassification: return {.threshold = kFourEyes, .delay = kDelay, .expiry = kExpiry};
    case Matter::rights:
    case Matter::policy:
    case Matter::freeze:
    case Matter::labels: return {.threshold = kFourEyes, .delay = 0, .expiry = kExpiry};
    }
    return {};
}

bool administrators_vote(Matter matter) { return default_rule(matter).threshold != 0; }

std::optional<Matter> matter_of(const Address& target, BytesView data) {
    struct Entry {
        Address target;
        ledger::Selector selector;
        Matter matter;
    };
    static const std::vector<Entry> entries = [] {
        std::vector<Entry> out;
        for (const auto& governed : kGoverned)
            out.push_back({governed.target, ledger::selector_of(governed.signature), governed.matter});
        return out;
    }();
    for (const auto& entry : entries)
        if (entry.target == target && data.size() >= entry.selector.size() &&
            std::equal(entry.selector.begin(), entry.selector.end(), data.begin()))
            return entry.matter;
    return std::nullopt;
}

std::expected<void, Bytes> only_by_proposal(Call& call) {
    if (call.caller() != kProposalsAddress) return revert(kNotAuthorised, {call.caller()});
    return {};
}

bool Electorate::holds(const Address& account, Role role) {
    const Subject subject = roles_.subject(account);
    return subject.at(block_).has(role) && !subject.freeze.holds_at(block_) && !is_dormant(account, subject);
}

bool Electorate::is_dormant(const Address& account, const Subject& subject) {
    if (proposals_ == nullptr) return false;
    const std::uint64_t limit = load_dormancy(*proposals_);
    // Who was given a role, or lost one, was looked at then.
    return limit != 0 && block_ > std::max(last_use(*proposals_, account), subject.since) + limit;
}

bool Electorate::may_propose(const Address& account, Matter matter) {
    switch (matter) {
    case Matter::membership:
    case Matter::rules:
    case Matter::keys: return organisation(account).has_value();
    case Matter::parameters: return organisation(account).has_value() || holds(account, Role::system_administrator);
    case Matter::administrators:
        return organisation(account).has_value() || holds(account, Role::security_administrator);
    case Matter::freeze: return holds(account, Role::security_administrator) || holds(account, Role::regulator);
    case Matter::rights:
    case Matter::policy:
    case Matter::labels:
    case Matter::declassification:
    case Matter::retirement: return holds(account, Role::security_administrator);
    }
    return false;
}

std::optional<std::uint64_t> Electorate::organisation(const Address& account) {
    const auto index = members_.administered_by(account);
    if (!index || is_frozen(account)) return std::nullopt;
    return index;
}

std::optional<std::uint64_t> Electorate::security_administrator(const Address& account) {
    const auto index = roles_.administrator_index(account);
    if (!index || !holds(account, Role::security_administrator)) return std::nullopt;
    return index;
}

std::uint64_t Electorate::organisations() { return members_.active_organisations(); }

std::uint64_t Electorate::count(const U256& organisations, const U256& administrators, Matter matter) {
    std::uint64_t out = 0;
    const std::uint64_t listed = members_.organisation_count();
    for (std::uint64_t i = 0; i < listed; ++i)
        if (bit(organisations, i) && members_.is_active(i) && !is_frozen(members_.account(i))) ++out;
    if (!administrators_vote(matter)) return out;
    const std::uint64_t persons = roles_.administrator_count();
    for (std::uint64_t i = 0; i < persons; ++i)
        if (bit(administrators, i) && holds(roles_.administrator_at(i), Role::security_administrator)) ++out;
    return out;
}

std::uint64_t Electorate::voters(Matter matter) { return count(~U256{}, ~U256{}, matter); }

std::uint64_t Electorate::needed(Matter matter, const VotingRule& rule) {
    const std::uint64_t majority = organisations() / 2 + 1;
    if (administrators_vote(matter)) return rule.threshold;
    return std::max(rule.threshold, majority);
}

std::uint64_t Electorate::holders(Role role) {
    std::uint64_t out = 0;
    const std::uint64_t persons = roles_.administrator_count();
    for (std::uint64_t i = 0; i < persons; ++i)
        if (holds(roles_.administrator_at(i), role)) ++out;
    return out;
}

std::uint64_t load_dormancy(Slots& proposals) {
    const U256 word = proposals.load(U256{kDormancyTag} << kTagShift);
    return word ? (word.low() & kForever) : kDormancyDefault;
}
void store_dormancy(Slots& proposals, std::uint64_t blocks) {
    proposals.store(U256{kDormancyTag} << kTagShift, U256{blocks} | U256{1} << kSetBit);
}

std::uint64_t last_use(Slots& proposals, const Address& account) {
    return proposals.load(U256{kUseTag} << kTagShift | from_big_endian(account)).low();
}
void note_use(Slots& proposals, const Address& account, std::uint64_t block) {
    proposals.store(U256{kUseTag} << kTagShift | from_big_endian(account), U256{block});
}

VotingRule load_rule(Slots& proposals, Matter matter) {
    const U256 word = proposals.load(rule_slot(matter));
    if (!word) return default_rule(matter);
    const auto field = [&](unsigned at) { return (word >> at).low() & kForever; };
    return {.threshold = field(0), .delay = field(kHeightBits), .expiry = field(2 * kHeightBits)};
}

void store_rule(Slots& proposals, Matter matter, const VotingRule& rule) {
    proposals.store(rule_slot(matter), U256{rule.threshold} | U256{rule.delay} << kHeightBits |
                                           U256{rule.expiry} << 2 * kHeightBits | U256{1} << kSetBit);
}

std::string lock_out(Slots& members, Slots& roles, Slots& proposals, std::uint64_t block) {
    Electorate electorate{members, roles, nullptr, block};
    if (RoleStorage{roles}.summary().enforced) {
        for (const auto role : {Role::system_administrator, Role::security_administrator, Role::audit_administrator})
            if (electorate.holders(role) == 0) return "no " + std::string(name_of(role)) + " would be left";
    }
    for (std::size_t i = 0; i < kMatterNames.size(); ++i) {
        const auto matter = static_cast<Matter>(i);
        const std::uint64_t needed = electorate.needed(matter, load_rule(proposals, matter));
        const std::uint64_t voters = electorate.voters(matter);
        if (RoleStorage{roles}.summary().enforced || !administrators_vote(matter))
            if (voters < needed)
                return std::string(kMatterNames[i]) + " would need " + std::to_string(needed) + " approvals of " +
                       std::to_string(voters) + " voters";
    }
    return {};
}

} // namespace cairn::system
