// Roles, policies, freezes and labels. Interface: contracts/IRoles.sol; what they mean for calls: policy.hpp.
#include "system/roles.hpp"

#include "base/errors/ledger.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/governance.hpp"
#include "system/policy.hpp"
#include "system/system_contracts.hpp"

#include <bit>

namespace cairn::system {

namespace {

using ledger::Role;

constexpr Event kRoleGranted{.name = "RoleGranted", .indexed = "address,uint8", .data = "uint256"};
constexpr Event kRoleRevoked{.name = "RoleRevoked", .indexed = "address,uint8", .data = "uint256"};
constexpr Event kPolicySet{.name = "PolicySet", .indexed = "address,address", .data = "bytes4,uint8,uint8,uint256"};
constexpr Event kFrozen{.name = "Frozen", .indexed = "address", .data = "uint256,uint256,string"};
constexpr Event kUnfrozen{.name = "Unfrozen", .indexed = "address", .data = "uint256"};
constexpr Event kMethodFrozen{.name = "MethodFrozen", .indexed = "address", .data = "bytes4,uint256,uint256,string"};
constexpr Event kMethodUnfrozen{.name = "MethodUnfrozen", .indexed = "address", .data = "bytes4,uint256"};
constexpr Event kLabelSet{.name = "LabelSet", .indexed = "address", .data = "uint8,uint32,uint256"};
constexpr Event kRecordLabelSet{.name = "RecordLabelSet", .indexed = "bytes32", .data = "uint8,uint32,uint256"};

constexpr std::string_view kRoleConflict = "RoleConflict(address,string)";
constexpr std::string_view kFieldInvalid = "FieldInvalid(string)";
constexpr std::string_view kNothingToChange = "NothingToChange()";
constexpr std::string_view kIndexOutOfRange = "IndexOutOfRange(uint256,uint256)";
constexpr std::string_view kLimitReached = "LimitReached()";

ledger::Selector selector_in(const AbiValue& value) {
    ledger::Selector out{};
    std::copy_n(value.bytes().begin(), out.size(), out.begin());
    return out;
}

std::optional<Role> role_in(const AbiValue& value) {
    const std::uint64_t number = value.number().low();
    if (number >= ledger::kRoleNames.size()) return std::nullopt;
    return static_cast<Role>(number);
}

bool is_administrators(Role role) { return (ledger::mask_of(role) & ledger::kAdministratorRoles) != 0; }

std::expected<void, Bytes> keep_governable(Call& call) {
    const std::string reason =
        lock_out(call.of(kMembersAddress), call.own(), call.of(kProposalsAddress), call.block().number + 1);
    if (!reason.empty()) return revert(kWouldLockOut, {reason});
    return {};
}

// Who holds what.

Reply has(Call& call, const AbiValue::List& arguments) {
    const auto role = role_in(arguments[1]);
    const Subject subject = RoleStorage{call.own()}.subject(arguments[0].as_address());
    return AbiValue::List{role && subject.at(call.block().number).has(*role) ? 1 : 0};
}

Reply roles_held(Call& call, const AbiValue::List& arguments) {
    return AbiValue::List{RoleStorage{call.own()}.subject(arguments[0].as_address()).at(call.block().number).roles};
}

Reply label_held(Call& call, const AbiValue::List& arguments) {
    const Label label = RoleStorage{call.own()}.subject(arguments[0].as_address()).at(call.block().number).label;
    return AbiValue::List{label.level, label.compartments};
}

Reply label_of_record(Call& call, const AbiValue::List& arguments) {
    const Label label = RoleStorage{call.own()}.record_label(arguments[0].as_hash(), call.block().number);
    return AbiValue::List{label.level, label.compartments};
}

Reply subject_count(Call& call, const AbiValue::List&) {
    return AbiValue::List{RoleStorage{call.own()}.subject_count()};
}

Reply subject_at(Call& call, const AbiValue::List& arguments) {
    RoleStorage roles{call.own()};
    const U256 count = roles.subject_count();
    if (arguments[0].number() >= count) return revert(kIndexOutOfRange, {arguments[0], count});
    const Address address = roles.subject_at(arguments[0].number().low());
    const Subject subject = roles.subject(address);
    const Rights& now = subject.at(call.block().number);
    return AbiValue::List{
        AbiValue{AbiValue::List{address, now.roles, now.label.level, now.label.compartments, subject.freeze.from,
                                subject.freeze.until, roles.freeze_reason(address)}}};
}

Reply frozen(Call& call, const AbiValue::List& arguments) {
    RoleStorage roles{call.own()};
    const Subject subject = roles.subject(arguments[0].as_address());
    return AbiValue::List{subject.freeze.from, subject.freeze.until, roles.freeze_reason(arguments[0].as_address())};
}

Reply method_frozen(Call& call, const AbiValue::List& arguments) {
    RoleStorage roles{call.own()};
    const Address contract = arguments[0].as_address();
    const auto method = selector_in(arguments[1]);
    const Freeze freeze = roles.method_freeze(contract, method);
    return AbiValue::List{freeze.from, freeze.until, roles.method_freeze_reason(contract, method)};
}

Reply method_freeze_count(Call& call, const AbiValue::List&) {
    return AbiValue::List{RoleStorage{call.own()}.method_freeze_count()};
}

Reply method_freeze_at(Call& call, const AbiValue::List& arguments) {
    RoleStorage roles{call.own()};
    const U256 count = roles.method_freeze_count();
    if (arguments[0].number() >= count) return revert(kIndexOutOfRange, {arguments[0], count});
    const MethodFreeze entry = roles.method_freeze_at(arguments[0].number().low());
    return AbiValue::List{
        AbiValue{AbiValue::List{entry.contract, to_bytes(entry.method), entry.freeze.from, entry.freeze.until,
                                roles.method_freeze_reason(entry.contract, entry.method)}}};
}

Reply policy_count(Call& call, const AbiValue::List&) { return AbiValue::List{RoleStorage{call.own()}.policy_count()}; }

Reply policy_at(Call& call, const AbiValue::List& arguments) {
    RoleStorage roles{call.own()};
    const U256 count = roles.policy_count();
    if (arguments[0].number() >= count) return revert(kIndexOutOfRange, {arguments[0], count});
    const Pattern pattern = roles.policy_at(arguments[0].number().low());
    return AbiValue::List{
        AbiValue{AbiValue::List{pattern.account.value_or(Address{}), pattern.contract.value_or(Address{}),
                                to_bytes(pattern.method.value_or(ledger::Selector{})), pattern.shape(),
                                static_cast<std::uint8_t>(roles.verdict(pattern, call.block().number))}}};
}

/// A call of `method` of `contract` by `account` itself, in the current block.
Reply check(Call& call, const AbiValue::List& arguments) {
    const Bytes input = arguments[2].bytes();
    Act act;
    act.origin = act.actor = arguments[0].as_address();
    act.target = arguments[1].as_address();
    act.creates = act.target.is_zero();
    act.input = input;
    const auto refused = judge(call.own(), call.block().number, act);
    return AbiValue::List{refused ? 0 : 1, refused ? refused->rule : std::string{}};
}

// Roles. An account that holds an administrator's role holds nothing else and administers no organisation: there is no way to
// two of the three, and none from an organisation's vote to one of them.

Reply change_role(Call& call, const Address& account, Role role, bool give) {
    RoleStorage roles{call.own()};
    Subject subject = roles.subject(account);
    if (account.is_zero() && role != Role::deployer) return revert(kFieldInvalid, {"account"}); // everybody
    if (is_system_contract(account)) return revert(kFieldInvalid, {"account"});
    if (subject.after.has(role) == give) return revert(kNothingToChange, {});
    if (give) {
        const bool conflicts = is_administrators(role) ? subject.after.roles != 0 : subject.after.is_administrator();
        if (conflicts) {
            const int first = std::countr_zero(static_cast<unsigned>(subject.after.roles));
            return revert(kRoleConflict, {account, ledger::kRoleNames[static_cast<std::size_t>(first)]});
        }
        if (is_administrators(role)) {
            MemberStorage members{call.of(kMembersAddress)};
            if (members.administered_by(account)) return revert(kRoleConflict, {account, "organisation"});
            if (!roles.administrator_index(account) && roles.administrator_count() >= kAdministratorsMax)
                return revert(kLimitReached, {});
        }
    }
    const std::uint64_t now = call.block().number;
    Rights& rights = subject.changing(now);
    rights.roles = static_cast<ledger::RoleMask>(rights.roles ^ ledger::mask_of(role));
    roles.set_subject(account, subject);
    if (!give)
        if (const auto governable = keep_governable(call); !governable) return std::unexpected(governable.error());
    call.emit(give ? kRoleGranted : kRoleRevoked, {account, static_cast<std::uint8_t>(role)}, {now + 1});
    return AbiValue::List{};
}

template <bool kAdministrators, bool kGive>
Reply decided_role(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const auto role = role_in(arguments[1]);
    if (!role || is_administrators(*role) != kAdministrators) return revert(kFieldInvalid, {"role"});
    return change_role(call, arguments[0].as_address(), *role, kGive);
}

Reply renounce(Call& call, const AbiValue::List& arguments) {
    const auto role = role_in(arguments[0]);
    if (!role) return revert(kFieldInvalid, {"role"});
    return change_role(call, call.caller(), *role, false);
}

// Policies.

Reply set_policy(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const U256 shape = arguments[3].number();
    const U256 verdict = arguments[4].number();
    if (shape > U256{7}) return revert(kFieldInvalid, {"shape"});
    if (verdict > U256{2}) return revert(kFieldInvalid, {"verdict"});
    const auto names = [&](std::uint8_t bit) { return (shape.low() & bit) != 0; };
    Pattern pattern;
    if (names(Pattern::kAccount)) pattern.account = arguments[0].as_address();
    if (names(Pattern::kContract)) pattern.contract = arguments[1].as_address();
    if (names(Pattern::kMethod)) pattern.method = selector_in(arguments[2]);
    // One form only: what is not named is zero.
    if (!pattern.account && arguments[0].number()) return revert(kFieldInvalid, {"account"});
    if (!pattern.contract && arguments[1].number()) return revert(kFieldInvalid, {"contract"});
    if (!pattern.method && selector_in(arguments[2]) != ledger::Selector{}) return revert(kFieldInvalid, {"method"});
    if (pattern.account && pattern.account->is_zero()) return revert(kFieldInvalid, {"account"});
    if (pattern.contract && (*pattern.contract == kRolesAddress || *pattern.contract == kProposalsAddress))
        return revert(kWouldLockOut, {"policies do not reach Roles and Proposals"});

    RoleStorage roles{call.own()};
    const std::uint64_t now = call.block().number;
    const auto chosen = static_cast<Verdict>(verdict.low());
    if (roles.verdict(pattern, now + 1) == chosen) return revert(kNothingToChange, {});
    if (roles.policy_count() >= kPoliciesMax) return revert(kLimitReached, {});
    roles.set_verdict(pattern, chosen, now);
    call.emit(kPolicySet, {arguments[0], arguments[1]}, {arguments[2], shape, verdict, now + 1});
    return AbiValue::List{};
}

// Freezes.

std::expected<void, Bytes> check_freeze(Call& call, const Address& address, const U256& until, const AbiValue& reason) {
    if (address.is_zero()) return revert(kFieldInvalid, {"subject"});
    if (is_system_contract(address)) return revert(kWouldLockOut, {"system contracts are not frozen"});
    if (until <= U256{call.block().number + 1} || until > U256{kForever}) return revert(kFieldInvalid, {"until"});
    if (!is_name(as_text(reason.bytes()), kReasonBytesMax)) return revert(kFieldInvalid, {"reason"});
    return {};
}

Reply freeze_address(Call& call, const Address& address, const U256& until, const AbiValue& reason) {
    if (const auto valid = check_freeze(call, address, until, reason); !valid) return std::unexpected(valid.error());
    RoleStorage roles{call.own()};
    Subject subject = roles.subject(address);
    const std::uint64_t now = call.block().number;
    if (subject.freeze.until >= kForever) return revert(kNothingToChange, {});
    subject.freeze.begin(now, until.low());
    roles.set_subject(address, subject);
    roles.set_freeze_reason(address, reason.as_text());
    if (const auto governable = keep_governable(call); !governable) return std::unexpected(governable.error());
    call.emit(kFrozen, {address}, {subject.freeze.from, until, reason});
    return AbiValue::List{};
}

Reply freeze(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    if (arguments[1].number() >= U256{kForever}) return revert(kFieldInvalid, {"until"});
    return freeze_address(call, arguments[0].as_address(), arguments[1].number(), arguments[2]);
}

Reply retire(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    return freeze_address(call, arguments[0].as_address(), kForever, arguments[1]);
}

Reply unfreeze(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    RoleStorage roles{call.own()};
    const Address address = arguments[0].as_address();
    Subject subject = roles.subject(address);
    const std::uint64_t now = call.block().number;
    if (subject.freeze.until <= now + 1) return revert(kNothingToChange, {});
    if (subject.freeze.until >= kForever) return revert(kFieldInvalid, {"retired"});
    subject.freeze.end(now);
    roles.set_subject(address, subject);
    call.emit(kUnfrozen, {address}, {now + 1});
    return AbiValue::List{};
}

Reply freeze_method(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const Address contract = arguments[0].as_address();
    if (const auto valid = check_freeze(call, contract, arguments[2].number(), arguments[3]); !valid)
        return std::unexpected(valid.error());
    RoleStorage roles{call.own()};
    if (roles.method_freeze_count() >= kMethodFreezesMax) return revert(kLimitReached, {});
    MethodFreeze entry{.contract = contract, .method = selector_in(arguments[1]), .freeze = {}};
    entry.freeze = roles.method_freeze(contract, entry.method);
    entry.freeze.begin(call.block().number, arguments[2].number().low());
    roles.set_method_freeze(entry, arguments[3].as_text());
    call.emit(kMethodFrozen, {contract}, {arguments[1], entry.freeze.from, entry.freeze.until, arguments[3]});
    return AbiValue::List{};
}

Reply unfreeze_method(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    RoleStorage roles{call.own()};
    MethodFreeze entry{.contract = arguments[0].as_address(), .method = selector_in(arguments[1]), .freeze = {}};
    entry.freeze = roles.method_freeze(entry.contract, entry.method);
    const std::uint64_t now = call.block().number;
    if (entry.freeze.until <= now + 1) return revert(kNothingToChange, {});
    entry.freeze.end(now);
    roles.set_method_freeze(entry, roles.method_freeze_reason(entry.contract, entry.method));
    call.emit(kMethodUnfrozen, {entry.contract}, {arguments[1], now + 1});
    return AbiValue::List{};
}

// Labels. Upwards: the new label dominates the old one. Everything else is declassification and has its own, slower way.

enum class Direction : std::uint8_t { up, other };

std::expected<void, Bytes> check_step(const Label& before, const Label& after, Direction direction) {
    if (before == after) return revert(kNothingToChange, {});
    if (after.dominates(before) != (direction == Direction::up)) return revert(kFieldInvalid, {"label"});
    return {};
}

Label label_in(const AbiValue::List& arguments) {
    return {static_cast<std::uint8_t>(arguments[1].number().low()),
            static_cast<std::uint32_t>(arguments[2].number().low())};
}

template <Direction kDirection>
Reply set_label(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const Address address = arguments[0].as_address();
    if (address.is_zero()) return revert(kFieldInvalid, {"subject"});
    if (is_system_contract(address)) return revert(kWouldLockOut, {"system contracts have no label"});
    RoleStorage roles{call.own()};
    Subject subject = roles.subject(address);
    const Label label = label_in(arguments);
    if (const auto valid = check_step(subject.after.label, label, kDirection); !valid)
        return std::unexpected(valid.error());
    const std::uint64_t now = call.block().number;
    subject.changing(now).label = label;
    roles.set_subject(address, subject);
    call.emit(kLabelSet, {address}, {label.level, label.compartments, now + 1});
    return AbiValue::List{};
}

template <Direction kDirection>
Reply set_record_label(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    RoleStorage roles{call.own()};
    const Hash256 digest = arguments[0].as_hash();
    const Label label = label_in(arguments);
    const std::uint64_t now = call.block().number;
    if (const auto valid = check_step(roles.record_label(digest, now + 1), label, kDirection); !valid)
        return std::unexpected(valid.error());
    roles.set_record_label(digest, label, now);
    call.emit(kRecordLabelSet, {digest}, {label.level, label.compartments, now + 1});
    return AbiValue::List{};
}

} // namespace

const Contract& roles_contract() {
    constexpr std::string_view kRole = "(address,uint8)";
    constexpr std::string_view kLabel = "(address,uint8,uint32)";
    constexpr std::string_view kRecordLabel = "(bytes32,uint8,uint32)";
    constexpr std::string_view kFreezeOut = "(uint256,uint256,string)";
    static const Contract contract{
        "IRoles",
        kRolesAddress,
        {
            {"has", kRole, "(bool)", Access::view, has},
            {"rolesOf", "(address)", "(uint256)", Access::view, roles_held},
            {"labelOf", "(address)", "(uint8,uint32)", Access::view, label_held},
            {"labelOfRecord", "(bytes32)", "(uint8,uint32)", Access::view, label_of_record},
            {"frozen", "(address)", kFreezeOut, Access::view, frozen},
            {"methodFrozen", "(address,bytes4)", kFreezeOut, Access::view, method_frozen},
            {"subjectCount", "()", "(uint256)", Access::view, subject_count},
            {"subject", "(uint256)", "((address,uint256,uint8,uint32,uint256,uint256,string))", Access::view,
             subject_at},
            {"methodFreezeCount", "()", "(uint256)", Access::view, method_freeze_count},
            {"methodFreeze", "(uint256)", "((address,bytes4,uint256,uint256,string))", Access::view, method_freeze_at},
            {"policyCount", "()", "(uint256)", Access::view, policy_count},
            {"policy", "(uint256)", "((address,address,bytes4,uint8,uint8))", Access::view, policy_at},
            {"check", "(address,address,bytes)", "(bool,string)", Access::view, check},
            {"renounce", "(uint8)", "()", Access::write, renounce},
            {"grant", kRole, "()", Access::write, decided_role<false, true>},
            {"revoke", kRole, "()", Access::write, decided_role<false, false>},
            {"grantAdministrator", kRole, "()", Access::write, decided_role<true, true>},
            {"revokeAdministrator", kRole, "()", Access::write, decided_role<true, false>},
            {"setPolicy", "(address,address,bytes4,uint8,uint8)", "()", Access::write, set_policy},
            {"freeze", "(address,uint256,string)", "()", Access::write, freeze},
            {"unfreeze", "(address)", "()", Access::write, unfreeze},
            {"freezeMethod", "(address,bytes4,uint256,string)", "()", Access::write, freeze_method},
            {"unfreezeMethod", "(address,bytes4)", "()", Access::write, unfreeze_method},
            {"retire", "(address,string)", "()", Access::write, retire},
            {"raiseLabel", kLabel, "()", Access::write, set_label<Direction::up>},
            {"declassify", kLabel, "()", Access::write, set_label<Direction::other>},
            {"raiseRecordLabel", kRecordLabel, "()", Access::write, set_record_label<Direction::up>},
            {"declassifyRecord", kRecordLabel, "()", Access::write, set_record_label<Direction::other>},
        },
        {kRoleGranted, kRoleRevoked, kPolicySet, kFrozen, kUnfrozen, kMethodFrozen, kMethodUnfrozen, kLabelSet,
         kRecordLabelSet},
        {kPolicyDenied, kNotAuthorised, kRoleConflict, kWouldLockOut, kFieldInvalid, kNothingToChange, kIndexOutOfRange,
         kLimitReached}};
    return contract;
}

bool has_role(const ledger::StateView& view, const Address& account, Role role, Height height) {
    return subject_of(view, account).at(height.value).has(role);
}

Subject subject_of(const ledger::StateView& view, const Address& address) {
    ViewSlots slots{view, kRolesAddress};
    return RoleStorage{slots}.subject(address);
}

bool has_labels(const ledger::StateView& view) {
    ViewSlots slots{view, kRolesAddress};
    return RoleStorage{slots}.summary().labels;
}

Label record_label_of(const ledger::StateView& view, const Hash256& digest, Height height) {
    ViewSlots slots{view, kRolesAddress};
    return RoleStorage{slots}.record_label(digest, height.value);
}

std::vector<Address> holders_of(const ledger::StateView& view, Role administrator, Height height) {
    ViewSlots slots{view, kRolesAddress};
    RoleStorage roles{slots};
    std::vector<Address> out;
    const std::uint64_t count = std::min(roles.administrator_count(), kAdministratorsMax);
    for (std::uint64_t i = 0; i < count; ++i)
        if (const Address account = roles.administrator_at(i);
            roles.subject(account).at(height.value).has(administrator))
            out.push_back(account);
    return out;
}

Status write_roles(Slots& slots, const ledger::Genesis& genesis) {
    if (genesis.roles.empty()) return {};
    RoleStorage roles{slots};
    for (const auto& [account, mask] : genesis.roles) {
        if (is_system_contract(account))
            return fail(error::GenesisInvalid, "roles." + to_hex(account) + ": is a system contract");
        Subject subject;
        subject.after.roles = mask;
        if (subject.after.is_administrator() && roles.administrator_count() >= kAdministratorsMax)
            return fail(error::GenesisInvalid, "roles: more than 256 administrators");
        roles.set_subject(account, subject);
    }
    roles.enforce();
    return {};
}

} // namespace cairn::system
