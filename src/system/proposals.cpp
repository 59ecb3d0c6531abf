// Decisions that several take together. Interface: contracts/IProposals.sol; who takes part: governance.hpp.
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/proposal_storage.hpp"

#include <algorithm>
#include <array>

namespace cairn::system {

namespace {

constexpr Event kProposed{.name = "Proposed", .indexed = "uint256,address,address", .data = "uint8,bytes,string"};
constexpr Event kApproved{.name = "Approved", .indexed = "uint256,address", .data = "uint256,uint256"};
constexpr Event kObjected{.name = "Objected", .indexed = "uint256,address", .data = "uint256,uint256,string"};
constexpr Event kDecided{.name = "Decided", .indexed = "uint256", .data = "uint256"};
constexpr Event kExecuted{.name = "Executed", .indexed = "uint256", .data = ""};
constexpr Event kRejected{.name = "Rejected", .indexed = "uint256", .data = ""};
constexpr Event kWithdrawn{.name = "Withdrawn", .indexed = "uint256", .data = ""};
constexpr Event kConfirmed{.name = "Confirmed", .indexed = "address", .data = ""};
constexpr Event kDormancyChanged{.name = "DormancyChanged", .indexed = "", .data = "uint256"};
constexpr Event kRuleChanged{.name = "RuleChanged", .indexed = "uint8", .data = "uint256,uint256,uint256"};

constexpr std::string_view kProposalUnknown = "ProposalUnknown(uint256)";
constexpr std::string_view kNotGoverned = "NotGoverned(address,bytes4)";
constexpr std::string_view kWrongState = "WrongState(uint256,string)";
constexpr std::string_view kAlreadyApproved = "AlreadyApproved(uint256)";
constexpr std::string_view kAlreadyObjected = "AlreadyObjected(uint256)";
constexpr std::string_view kDormant = "Dormant(address)";
constexpr std::string_view kTooEarly = "TooEarly(uint256,uint256)";
constexpr std::string_view kFieldInvalid = "FieldInvalid(string)";

constexpr std::uint64_t kDelayMax = 1'000'000;
constexpr std::uint64_t kExpiryMin = 10;
constexpr std::uint64_t kExpiryMax = 10'000'000;

U256 bit(std::uint64_t index) { return U256{1} << static_cast<unsigned>(index); }

/// More than a third of the active organisations stop a proposal.
std::uint64_t objections_needed(Electorate& electorate) { return electorate.organisations() / 3 + 1; }

/// One proposal in a running call.
class Case {
public:
    Case(Call& call, std::uint64_t id)
        : call_(call),
          id_(id),
          storage_(call.own()),
          electorate_(call.of(kMembersAddress), call.of(kRolesAddress), &call.own(), call.block().number),
          proposal_(storage_.load(id)) {}

    Proposal& proposal() { return proposal_; }
    Electorate& electorate() { return electorate_; }
    VotingRule rule() { return load_rule(call_.own(), proposal_.matter); }
    std::uint64_t needed() { return electorate_.needed(proposal_.matter, rule()); }
    std::uint64_t approvals() {
        return electorate_.count(proposal_.organisations, proposal_.administrators, proposal_.matter);
    }
    std::uint64_t objections() { return electorate_.count(proposal_.objections, {}, Matter::membership); }
    /// A decision that lost approvals, because who gave them objected or left, is open again: its delay begins anew with the next
    /// approval that is enough.
    ProposalState state() {
        const auto state = proposal_.state_at(call_.block().number);
        return state == ProposalState::approved && approvals() < needed() ? ProposalState::open : state;
    }
    std::unexpected<Bytes> wrong_state() {
        return revert(kWrongState, {id_, kProposalStateNames[static_cast<std::size_t>(state())]});
    }
    /// The caller may vote in this matter.
    bool is_voter() {
        return electorate_.organisation(call_.caller()) ||
               (administrators_vote(proposal_.matter) && electorate_.security_administrator(call_.caller()));
    }

    /// Notes the caller's approval; the one that is enough decides, and without a delay carries out.
    std::expected<void, Bytes> approve() {
        const auto organisation = electorate_.organisation(call_.caller());
        const auto person = administrators_vote(proposal_.matter) ? electorate_.security_administrator(call_.caller())
                                                                  : std::optional<std::uint64_t>{};
        if (!organisation && !person) return revert(kNotAuthorised, {call_.caller()});
        U256& word = organisation ? proposal_.organisations : proposal_.administrators;
        const U256 own = bit(organisation ? *organisation : *person);
        if (word & own) return revert(kAlreadyApproved, {id_});
        word = word | own;
        if (!organisation) note_use(call_.own(), call_.caller(), call_.block().number);
        if (organisation) proposal_.objections = proposal_.objections & ~own;

        const std::uint64_t now = approvals();
        const std::uint64_t enough = needed();
        call_.emit(kApproved, {id_, call_.caller()}, {now, enough});
        if (now < enough) {
            storage_.store(id_, proposal_);
            return {};
        }
        proposal_.state = ProposalState::approved;
        proposal_.ready = call_.block().number + rule().delay;
        call_.emit(kDecided, {id_}, {proposal_.ready});
        if (proposal_.ready == call_.block().number) return execute();
        storage_.store(id_, proposal_);
        return {};
    }

    std::expected<void, Bytes> execute() {
        proposal_.state = ProposalState::executed;
        storage_.store(id_, proposal_);
        auto result = call_.invoke(proposal_.target, storage_.data(id_), Call::Keep::changes);
        if (!result.ok()) return std::unexpected(std::move(result.output));
        call_.emit(kExecuted, {id_}, {});
        return {};
    }

    std::expected<void, Bytes> object(const AbiValue& reason) {
        const auto organisation = electorate_.organisation(call_.caller());
        if (!organisation) return revert(kNotAuthorised, {call_.caller()});
        if (proposal_.objections & bit(*organisation)) return revert(kAlreadyObjected, {id_});
        proposal_.objections = proposal_.objections | bit(*organisation);
        proposal_.organisations = proposal_.organisations & ~bit(*organisation);
        const std::uint64_t now = objections();
        const std::uint64_t enough = objections_needed(electorate_);
        call_.emit(kObjected, {id_, call_.caller()}, {now, enough, reason});
        if (now >= enough) {
            proposal_.state = ProposalState::rejected;
            call_.emit(kRejected, {id_}, {});
        }
        storage_.store(id_, proposal_);
        return {};
    }

    void withdraw() {
        proposal_.state = ProposalState::withdrawn;
        storage_.store(id_, proposal_);
        call_.emit(kWithdrawn, {id_}, {});
    }

private:
    Call& call_;
    std::uint64_t id_;
    ProposalStorage storage_;
    Electorate electorate_;
    Proposal proposal_;
};

std::expected<std::uint64_t, Bytes> id_in(Call& call, const AbiValue& value) {
    const U256 count = ProposalStorage{call.own()}.count();
    if (!value.number() || value.number() > count) return revert(kProposalUnknown, {value});
    return value.number().low();
}

Reply count(Call& call, const AbiValue::List&) { return AbiValue::List{ProposalStorage{call.own()}.count()}; }

Reply proposal(Call& call, const AbiValue::List& arguments) {
    const auto id = id_in(call, arguments[0]);
    if (!id) return std::unexpected(id.error());
    Case one{call, *id};
    const Proposal& it = one.proposal();
    ProposalStorage storage{call.own()};
    return AbiValue::List{AbiValue{AbiValue::List{
        it.proposer, it.target, storage.data(*id), storage.reason(*id), static_cast<std::uint8_t>(it.matter),
        static_cast<std::uint8_t>(one.state()), it.created, it.expires, it.ready, one.approvals(), one.needed(),
        one.objections(), objections_needed(one.electorate())}}};
}

/// Accounts whose approval counts now.
Reply approvers(Call& call, const AbiValue::List& arguments) {
    const auto id = id_in(call, arguments[0]);
    if (!id) return std::unexpected(id.error());
    Case one{call, *id};
    AbiValue::List out;
    MemberStorage members{call.of(kMembersAddress)};
    RoleStorage roles{call.of(kRolesAddress)};
    const std::uint64_t organisations = members.organisation_count();
    for (std::uint64_t i = 0; i < organisations; ++i)
        if ((one.proposal().organisations & bit(i)) && members.is_active(i)) out.push_back(members.account(i));
    const std::uint64_t persons = roles.administrator_count();
    for (std::uint64_t i = 0; i < persons; ++i)
        if (one.proposal().administrators & bit(i)) out.push_back(roles.administrator_at(i));
    return AbiValue::List{AbiValue{out}};
}

std::optional<Matter> matter_in(const AbiValue& value) {
    if (value.number() >= U256{kMatterNames.size()}) return std::nullopt;
    return static_cast<Matter>(value.number().low());
}

Reply rule(Call& call, const AbiValue::List& arguments) {
    const auto matter = matter_in(arguments[0]);
    if (!matter) return revert(kFieldInvalid, {"matter"});
    const VotingRule found = load_rule(call.own(), *matter);
    Electorate electorate{call.of(kMembersAddress), call.of(kRolesAddress), &call.own(), call.block().number};
    return AbiValue::List{electorate.needed(*matter, found), electorate.voters(*matter), found.delay, found.expiry};
}

Reply may_propose(Call& call, const AbiValue::List& arguments) {
    const auto matter = matter_in(arguments[1]);
    if (!matter) return revert(kFieldInvalid, {"matter"});
    Electorate electorate{call.of(kMembersAddress), call.of(kRolesAddress), &call.own(), call.block().number};
    return AbiValue::List{electorate.may_propose(arguments[0].as_address(), *matter) ? 1 : 0};
}

Reply propose(Call& call, const AbiValue::List& arguments) {
    const Address target = arguments[0].as_address();
    const Bytes& data = arguments[1].bytes();
    const std::string reason = arguments[2].as_text();
    if (data.size() > kProposalDataBytesMax) return revert(kFieldInvalid, {"data"});
    if (!is_name(reason, kReasonBytesMax)) return revert(kFieldInvalid, {"reason"});
    const auto matter = matter_of(target, data);
    if (!matter) {
        Bytes method{data.begin(), data.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(data.size(), 4))};
        method.resize(4);
        return revert(kNotGoverned, {target, method});
    }
    Electorate electorate{call.of(kMembersAddress), call.of(kRolesAddress), &call.own(), call.block().number};
    if (!electorate.may_propose(call.caller(), *matter)) return revert(kNotAuthorised, {call.caller()});
    if (!electorate.organisation(call.caller())) note_use(call.own(), call.caller(), call.block().number);
    // What could not be carried out is refused now, with its own reason.
    auto rehearsal = call.invoke(target, data, Call::Keep::nothing);
    if (!rehearsal.ok()) return std::unexpected(std::move(rehearsal.output));

    const std::uint64_t now = call.block().number;
    Proposal made;
    made.proposer = call.caller();
    made.matter = *matter;
    made.state = ProposalState::open;
    made.created = now;
    made.expires = now + load_rule(call.own(), *matter).expiry;
    made.target = target;
    const std::uint64_t id = ProposalStorage{call.own()}.append(made, data, reason);
    call.emit(kProposed, {id, call.caller(), target}, {static_cast<std::uint8_t>(*matter), data, reason});
    // Who may vote approves what he proposes.
    Case one{call, id};
    if (one.is_voter())
        if (const auto done = one.approve(); !done) return std::unexpected(done.error());
    return AbiValue::List{id};
}

Reply approve(Call& call, const AbiValue::List& arguments) {
    const auto id = id_in(call, arguments[0]);
    if (!id) return std::unexpected(id.error());
    Case one{call, *id};
    if (one.state() != ProposalState::open) return one.wrong_state();
    if (const auto done = one.approve(); !done) return std::unexpected(done.error());
    return AbiValue::List{};
}

Reply object(Call& call, const AbiValue::List& arguments) {
    const auto id = id_in(call, arguments[0]);
    if (!id) return std::unexpected(id.error());
    if (!is_name(as_text(arguments[1].bytes()), kReasonBytesMax)) return revert(kFieldInvalid, {"reason"});
    Case one{call, *id};
    if (one.state() != ProposalState::open && one.state() != ProposalState::approved) return one.wrong_state();
    if (const auto done = one.object(arguments[1]); !done) return std::unexpected(done.error());
    return AbiValue::List{};
}

Reply withdraw(Call& call, const AbiValue::List& arguments) {
    const auto id = id_in(call, arguments[0]);
    if (!id) return std::unexpected(id.error());
    Case one{call, *id};
    if (one.state() != ProposalState::open && one.state() != ProposalState::approved) return one.wrong_state();
    if (one.proposal().proposer != call.caller()) return revert(kNotAuthorised, {call.caller()});
    one.withdraw();
    return AbiValue::List{};
}

Reply execute(Call& call, const AbiValue::List& arguments) {
    const auto id = id_in(call, arguments[0]);
    if (!id) return std::unexpected(id.error());
    Case one{call, *id};
    if (one.state() != ProposalState::approved) return one.wrong_state();
    if (!one.is_voter() && one.proposal().proposer != call.caller()) return revert(kNotAuthorised, {call.caller()});
    if (call.block().number < one.proposal().ready) return revert(kTooEarly, {*id, one.proposal().ready});
    if (const auto done = one.execute(); !done) return std::unexpected(done.error());
    return AbiValue::List{};
}

Reply set_rule(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const auto matter = matter_in(arguments[0]);
    if (!matter) return revert(kFieldInvalid, {"matter"});
    const U256 &threshold = arguments[1].number(), &delay = arguments[2].number(), &expiry = arguments[3].number();
    // Four eyes stay four eyes; 0 means the majority where organisations alone vote.
    if (threshold > U256{512} || (administrators_vote(*matter) && threshold < U256{2}))
        return revert(kFieldInvalid, {"threshold"});
    if (delay > U256{kDelayMax}) return revert(kFieldInvalid, {"delay"});
    if (expiry < U256{kExpiryMin} || expiry > U256{kExpiryMax} || expiry <= delay)
        return revert(kFieldInvalid, {"expiry"});
    store_rule(call.own(), *matter, {.threshold = threshold.low(), .delay = delay.low(), .expiry = expiry.low()});
    const std::string reason =
        lock_out(call.of(kMembersAddress), call.of(kRolesAddress), call.own(), call.block().number + 1);
    if (!reason.empty()) return revert(kWouldLockOut, {reason});
    call.emit(kRuleChanged, {static_cast<std::uint8_t>(*matter)}, {threshold, delay, expiry});
    return AbiValue::List{};
}

constexpr std::array kDormantRoles{ledger::Role::system_administrator, ledger::Role::security_administrator,
                                   ledger::Role::audit_administrator, ledger::Role::regulator};

bool has_dormant_role(Call& call, const Address& account) {
    const Subject subject = RoleStorage{call.of(kRolesAddress)}.subject(account);
    return std::ranges::any_of(kDormantRoles,
                               [&](ledger::Role role) { return subject.at(call.block().number).has(role); });
}

/// Whoever has a role and no act to do by it shows that he is still there.
Reply stay(Call& call, const AbiValue::List&) {
    if (!has_dormant_role(call, call.caller())) return revert(kNotAuthorised, {call.caller()});
    Electorate electorate{call.of(kMembersAddress), call.of(kRolesAddress), &call.own(), call.block().number};
    if (!std::ranges::any_of(kDormantRoles, [&](ledger::Role role) { return electorate.holds(call.caller(), role); }))
        return revert(kDormant, {call.caller()});
    note_use(call.own(), call.caller(), call.block().number);
    return AbiValue::List{};
}

Reply confirm(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const Address account = arguments[0].as_address();
    if (!has_dormant_role(call, account)) return revert(kFieldInvalid, {"account"});
    note_use(call.own(), account, call.block().number);
    call.emit(kConfirmed, {account}, {});
    return AbiValue::List{};
}

Reply dormancy(Call& call, const AbiValue::List&) { return AbiValue::List{load_dormancy(call.own())}; }
Reply last_use_of(Call& call, const AbiValue::List& arguments) {
    return AbiValue::List{last_use(call.own(), arguments[0].as_address())};
}

Reply set_dormancy(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const U256& blocks = arguments[0].number();
    if (blocks > U256{kForever} || (blocks && blocks < U256{kDormancyMin})) return revert(kFieldInvalid, {"blocks"});
    store_dormancy(call.own(), blocks.low());
    call.emit(kDormancyChanged, {}, {blocks});
    return AbiValue::List{};
}

} // namespace

const Contract& proposals_contract() {
    constexpr std::string_view kId = "(uint256)";
    static const Contract contract{
        "IProposals",
        kProposalsAddress,
        {
            {"count", "()", kId, Access::view, count},
            {"proposal", kId,
             "((address,address,bytes,string,uint8,uint8,uint256,uint256,uint256,uint256,uint256,uint256,uint256))",
             Access::view, proposal},
            {"approvers", kId, "(address[])", Access::view, approvers},
            {"rule", "(uint8)", "(uint256,uint256,uint256,uint256)", Access::view, rule},
            {"mayPropose", "(address,uint8)", "(bool)", Access::view, may_propose},
            {"dormancy", "()", kId, Access::view, dormancy},
            {"lastUse", "(address)", kId, Access::view, last_use_of},
            {"stay", "()", "()", Access::write, stay},
            {"confirm", "(address)", "()", Access::write, confirm},
            {"setDormancy", "(uint256)", "()", Access::write, set_dormancy},
            {"propose", "(address,bytes,string)", kId, Access::write, propose},
            {"approve", kId, "()", Access::write, approve},
            {"object", "(uint256,string)", "()", Access::write, object},
            {"withdraw", kId, "()", Access::write, withdraw},
            {"execute", kId, "()", Access::write, execute},
            {"setRule", "(uint8,uint256,uint256,uint256)", "()", Access::write, set_rule},
        },
        {kProposed, kApproved, kObjected, kDecided, kExecuted, kRejected, kWithdrawn, kRuleChanged, kConfirmed,
         kDormancyChanged},
        {kNotAuthorised, kDormant, kProposalUnknown, kNotGoverned, kWrongState, kAlreadyApproved, kAlreadyObjected,
         kTooEarly, kFieldInvalid, kWouldLockOut}};
    return contract;
}

} // namespace cairn::system
