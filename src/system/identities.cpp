// Certificates and accounts of organisations. Interface: contracts/IIdentities.sol.
#include "system/identities.hpp"

#include "crypto/hash.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/governance.hpp"
#include "system/identity_storage.hpp"
#include "system/member_storage.hpp"

namespace cairn::system {

static_assert(kIdentitiesAddress == ledger::kIdentitiesContract && kMembersAddress == ledger::kMembersContract);

namespace {

using ledger::AccountIdentity;
using ledger::IdentityKind;

constexpr Event kAccountBound{.name = "AccountBound", .indexed = "address,uint256", .data = "uint8,bytes32,uint64"};
constexpr Event kAccountUnbound{.name = "AccountUnbound", .indexed = "address,uint256", .data = ""};
constexpr Event kAccountSuspended{.name = "AccountSuspended", .indexed = "address,uint256", .data = "bool"};
constexpr Event kRegistrarSet{.name = "RegistrarSet", .indexed = "address,uint256", .data = "bool"};
constexpr Event kCaTrusted{.name = "CaTrusted", .indexed = "uint256,bytes32", .data = "bytes"};
constexpr Event kCaRemoved{.name = "CaRemoved", .indexed = "uint256,bytes32", .data = ""};
constexpr Event kCertificateRevoked{.name = "CertificateRevoked", .indexed = "uint256,bytes32", .data = "uint8"};

constexpr std::string_view kNotRegistrar = "NotRegistrar(address)";
constexpr std::string_view kNotAdministrator = "NotAdministrator(address)";
constexpr std::string_view kFieldInvalid = "FieldInvalid(string)";
constexpr std::string_view kAlreadyBound = "AlreadyBound(address,uint256)";
constexpr std::string_view kNotBoundHere = "NotBoundHere(address)";
constexpr std::string_view kCaKnown = "CaKnown(bytes32)";
constexpr std::string_view kCaUnknown = "CaUnknown(bytes32)";
constexpr std::string_view kTooManyCas = "TooManyCas(uint256)";
constexpr std::string_view kLastCa = "LastCa()";
constexpr std::string_view kAlreadyRevoked = "AlreadyRevoked(bytes32,uint64)";
constexpr std::string_view kOrganisationUnknown = "OrganisationUnknown(uint256)";

/// Reasons of RFC 5280 that end a certificate for good.
constexpr std::uint8_t kReasonMax = 10;
bool is_reason(std::uint64_t reason) {
    return reason <= kReasonMax && reason != 6 && reason != 7 && reason != 8; // hold, unused, removal from a list
}

class CallReader final : public ledger::IdentityReader {
public:
    explicit CallReader(Call& call) : call_(call) {}
    U256 identities(const U256& slot) override { return call_.own().load(slot); }
    U256 members(const U256& slot) override { return call_.of(kMembersAddress).load(slot); }

private:
    Call& call_;
};

class ViewReader final : public ledger::IdentityReader {
public:
    explicit ViewReader(const ledger::StateView& view) : view_(view) {}
    U256 identities(const U256& slot) override { return view_.storage(kIdentitiesAddress, slot); }
    U256 members(const U256& slot) override { return view_.storage(kMembersAddress, slot); }

private:
    const ledger::StateView& view_;
};

std::optional<std::uint64_t> administered_by_caller(Call& call) {
    return MemberStorage{call.of(kMembersAddress)}.administered_by(call.caller());
}

/// The organisation for which the caller may bind accounts.
std::optional<std::uint64_t> registered_by_caller(Call& call) {
    if (const auto organisation = administered_by_caller(call)) return organisation;
    const auto own = IdentityStorage{call.own()}.identity(call.caller());
    if (!own || !own->is_registrar) return std::nullopt;
    CallReader reader{call};
    // A suspended or expired registrar registers nobody, even where bindings are not asked for.
    if (ledger::standing_of(reader, call.caller(), call.block().timestamp) != ledger::Standing::good)
        return std::nullopt;
    return own->organisation;
}

/// Binds one account; revert data if it cannot be.
std::optional<Bytes> bind_account(Call& call, std::uint64_t organisation, const Address& account, std::uint64_t kind,
                                  const Hash256& commitment, std::uint64_t expires) {
    if (account.is_zero()) return revert(kFieldInvalid, {"account"}).error();
    if (kind < 1 || kind > static_cast<std::uint64_t>(IdentityKind::node))
        return revert(kFieldInvalid, {"kind"}).error();
    if (commitment.is_zero()) return revert(kFieldInvalid, {"commitment"}).error();
    if (expires != 0 && expires <= call.block().timestamp) return revert(kFieldInvalid, {"expires"}).error();
    MemberStorage members{call.of(kMembersAddress)};
    if (const auto administered = members.administered_by(account))
        return revert(kAlreadyBound, {account, *administered}).error();
    IdentityStorage storage{call.own()};
    if (const auto old = storage.identity(account); old && members.is_active(old->organisation))
        return revert(kAlreadyBound, {account, old->organisation}).error();
    storage.bind(account,
                 {.organisation = static_cast<std::uint32_t>(organisation),
                  .kind = static_cast<IdentityKind>(kind),
                  .bound_at = call.block().number,
                  .expires = expires},
                 commitment);
    call.emit(kAccountBound, {account, organisation}, {kind, commitment, expires});
    return std::nullopt;
}

Reply bind(Call& call, const AbiValue::List& arguments) {
    const auto organisation = registered_by_caller(call);
    if (!organisation) return revert(kNotRegistrar, {call.caller()});
    if (auto refusal = bind_account(call, *organisation, arguments[0].as_address(), arguments[1].number().low(),
                                    arguments[2].as_hash(), arguments[3].number().low()))
        return std::unexpected(*std::move(refusal));
    return AbiValue::List{};
}

Reply bind_many(Call& call, const AbiValue::List& arguments) {
    const auto& accounts = arguments[0].list();
    const auto& commitments = arguments[2].list();
    if (accounts.size() != commitments.size() || accounts.size() > kBindingsPerCallMax)
        return revert(kFieldInvalid, {"accounts"});
    const auto organisation = registered_by_caller(call);
    if (!organisation) return revert(kNotRegistrar, {call.caller()});
    for (std::size_t i = 0; i < accounts.size() && !call.exhausted(); ++i)
        if (auto refusal = bind_account(call, *organisation, accounts[i].as_address(), arguments[1].number().low(),
                                        commitments[i].as_hash(), arguments[3].number().low()))
            return std::unexpected(*std::move(refusal));
    return AbiValue::List{};
}

/// The account's identity if it belongs to `organisation`.
std::optional<AccountIdentity> identity_in(Call& call, std::uint64_t organisation, const Address& account) {
    const auto identity = IdentityStorage{call.own()}.identity(account);
    return identity && identity->organisation == organisation ? identity : std::nullopt;
}

Reply unbind(Call& call, const AbiValue::List& arguments) {
    const Address account = arguments[0].as_address();
    const auto organisation = registered_by_caller(call);
    if (!organisation) return revert(kNotRegistrar, {call.caller()});
    const auto identity = identity_in(call, *organisation, account);
    if (!identity) return revert(kNotBoundHere, {account});
    // Registrars answer to the administrator, not to each other.
    if (identity->is_registrar && !administered_by_caller(call)) return revert(kNotAdministrator, {call.caller()});
    IdentityStorage{call.own()}.unbind(account);
    call.emit(kAccountUnbound, {account, *organisation}, {});
    return AbiValue::List{};
}

/// Who binds an account first is believed, until the organisations decide that he was wrong.
Reply release(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const Address account = arguments[0].as_address();
    IdentityStorage storage{call.own()};
    const auto identity = storage.identity(account);
    if (!identity) return revert(kNotBoundHere, {account});
    storage.unbind(account);
    call.emit(kAccountUnbound, {account, identity->organisation}, {});
    return AbiValue::List{};
}

Reply set_suspended(Call& call, const AbiValue::List& arguments) {
    const Address account = arguments[0].as_address();
    const bool suspended = arguments[1].as_bool();
    const auto organisation = registered_by_caller(call);
    if (!organisation) return revert(kNotRegistrar, {call.caller()});
    auto identity = identity_in(call, *organisation, account);
    if (!identity) return revert(kNotBoundHere, {account});
    if (identity->is_registrar && !administered_by_caller(call)) return revert(kNotAdministrator, {call.caller()});
    identity->is_suspended = suspended;
    IdentityStorage{call.own()}.change(account, *identity);
    call.emit(kAccountSuspended, {account, *organisation}, {U256{suspended ? 1u : 0u}});
    return AbiValue::List{};
}

Reply set_registrar(Call& call, const AbiValue::List& arguments) {
    const Address account = arguments[0].as_address();
    const bool is_registrar = arguments[1].as_bool();
    const auto organisation = administered_by_caller(call);
    if (!organisation) return revert(kNotAdministrator, {call.caller()});
    auto identity = identity_in(call, *organisation, account);
    if (!identity) return revert(kNotBoundHere, {account});
    identity->is_registrar = is_registrar;
    IdentityStorage{call.own()}.change(account, *identity);
    call.emit(kRegistrarSet, {account, *organisation}, {U256{is_registrar ? 1u : 0u}});
    return AbiValue::List{};
}

Reply binding_of(Call& call, const AbiValue::List& arguments) {
    const Address account = arguments[0].as_address();
    IdentityStorage storage{call.own()};
    const auto identity = storage.identity(account);
    const auto found = identity.value_or(AccountIdentity{});
    const AbiValue::List fields{found.organisation,
                                identity ? static_cast<std::uint64_t>(found.kind) : 0,
                                U256{found.is_suspended ? 1u : 0u},
                                U256{found.is_registrar ? 1u : 0u},
                                found.bound_at,
                                found.expires,
                                storage.commitment(account)};
    AbiValue::List out;
    out.emplace_back(fields);
    return out;
}

Reply standing(Call& call, const AbiValue::List& arguments) {
    CallReader reader{call};
    const auto value = ledger::standing_of(reader, arguments[0].as_address(), call.block().timestamp);
    return AbiValue::List{static_cast<std::uint64_t>(value)};
}

Reply trust_ca(Call& call, const AbiValue::List& arguments) {
    const auto der = arguments[0].bytes();
    if (der.empty() || der.size() > kCaDerBytesMax) return revert(kFieldInvalid, {"certificate"});
    const auto organisation = administered_by_caller(call);
    if (!organisation) return revert(kNotAdministrator, {call.caller()});
    const auto fingerprint = crypto::sha256(der);
    IdentityStorage storage{call.own()};
    std::optional<std::uint64_t> place;
    for (std::uint64_t i = 0; i < kTrustedCasMax; ++i) {
        const auto taken = storage.fingerprint(*organisation, i);
        if (taken == fingerprint) return revert(kCaKnown, {fingerprint});
        if (taken.is_zero() && !place) place = i;
    }
    if (!place) return revert(kTooManyCas, {kTrustedCasMax});
    storage.trust(*organisation, *place, {fingerprint, to_bytes(der), Height{call.block().number}});
    storage.next_version();
    call.emit(kCaTrusted, {*organisation, fingerprint}, {to_bytes(der)});
    return AbiValue::List{fingerprint};
}

Reply remove_ca(Call& call, const AbiValue::List& arguments) {
    const Hash256 fingerprint = arguments[0].as_hash();
    const auto organisation = administered_by_caller(call);
    if (!organisation) return revert(kNotAdministrator, {call.caller()});
    IdentityStorage storage{call.own()};
    const bool has_founding = !storage.founding_ca_removed(*organisation);
    std::uint64_t trusted = has_founding ? 1 : 0;
    std::optional<std::uint64_t> place;
    for (std::uint64_t i = 0; i < kTrustedCasMax; ++i) {
        const auto taken = storage.fingerprint(*organisation, i);
        if (taken.is_zero()) continue;
        ++trusted;
        if (taken == fingerprint) place = i;
    }
    const bool is_founding = fingerprint.is_zero();
    if (is_founding ? !has_founding : !place) return revert(kCaUnknown, {fingerprint});
    if (trusted == 1) return revert(kLastCa, {});
    if (is_founding)
        storage.remove_founding_ca(*organisation);
    else
        storage.remove(*organisation, *place);
    storage.next_version();
    call.emit(kCaRemoved, {*organisation, fingerprint}, {});
    return AbiValue::List{};
}

Reply ca_certificates(Call& call, const AbiValue::List& arguments) {
    if (arguments[0].number() >= U256{kOrganisationsMax}) return revert(kOrganisationUnknown, {arguments[0]});
    const auto organisation = arguments[0].number().low();
    IdentityStorage storage{call.own()};
    AbiValue::List list;
    for (std::uint64_t i = 0; i < kTrustedCasMax && !call.exhausted(); ++i) {
        if (storage.fingerprint(organisation, i).is_zero()) continue;
        const auto ca = storage.ca(organisation, i);
        list.push_back(AbiValue::List{ca.fingerprint, ca.since.value, ca.der});
    }
    AbiValue::List out{U256{storage.founding_ca_removed(organisation) ? 0u : 1u}};
    out.emplace_back(std::move(list));
    return out;
}

Reply revoke(Call& call, const AbiValue::List& arguments) {
    const Hash256 id = arguments[0].as_hash();
    const auto reason = arguments[1].number().low();
    if (id.is_zero()) return revert(kFieldInvalid, {"id"});
    if (!is_reason(reason)) return revert(kFieldInvalid, {"reason"});
    const auto organisation = registered_by_caller(call);
    if (!organisation) return revert(kNotRegistrar, {call.caller()});
    IdentityStorage storage{call.own()};
    if (const auto before = storage.revocation(*organisation, id))
        return revert(kAlreadyRevoked, {id, before->height.value});
    storage.revoke(*organisation, id, {static_cast<std::uint8_t>(reason), Height{call.block().number}});
    storage.next_version();
    call.emit(kCertificateRevoked, {*organisation, id}, {reason});
    return AbiValue::List{};
}

Reply revocation(Call& call, const AbiValue::List& arguments) {
    if (arguments[0].number() >= U256{kOrganisationsMax}) return revert(kOrganisationUnknown, {arguments[0]});
    const auto found = IdentityStorage{call.own()}.revocation(arguments[0].number().low(), arguments[1].as_hash());
    return AbiValue::List{U256{found ? 1u : 0u}, found ? found->reason : std::uint64_t{0},
                          found ? found->height.value : std::uint64_t{0}};
}

Reply version(Call& call, const AbiValue::List&) { return AbiValue::List{IdentityStorage{call.own()}.version()}; }

std::optional<std::uint64_t> index_of(const ledger::StateView& view, std::string_view organisation) {
    ViewSlots slots{view, kMembersAddress};
    return MemberStorage{slots}.find_organisation(organisation);
}

} // namespace

const Contract& identities_contract() {
    static const Contract contract{
        "IIdentities",
        kIdentitiesAddress,
        {
            {"bind", "(address,uint8,bytes32,uint64)", "()", Access::write, bind},
            {"bindMany", "(address[],uint8,bytes32[],uint64)", "()", Access::write, bind_many},
            {"unbind", "(address)", "()", Access::write, unbind},
            {"release", "(address)", "()", Access::write, release},
            {"setSuspended", "(address,bool)", "()", Access::write, set_suspended},
            {"setRegistrar", "(address,bool)", "()", Access::write, set_registrar},
            {"bindingOf", "(address)", "((uint32,uint8,bool,bool,uint64,uint64,bytes32))", Access::view, binding_of},
            {"standing", "(address)", "(uint8)", Access::view, standing},
            {"trustCa", "(bytes)", "(bytes32)", Access::write, trust_ca},
            {"removeCa", "(bytes32)", "()", Access::write, remove_ca},
            {"caCertificates", "(uint256)", "(bool,(bytes32,uint64,bytes)[])", Access::view, ca_certificates},
            {"revoke", "(bytes32,uint8)", "()", Access::write, revoke},
            {"revocation", "(uint256,bytes32)", "(bool,uint8,uint64)", Access::view, revocation},
            {"version", "()", "(uint256)", Access::view, version},
        },
        {kAccountBound, kAccountUnbound, kAccountSuspended, kRegistrarSet, kCaTrusted, kCaRemoved, kCertificateRevoked},
        {kNotRegistrar, kNotAdministrator, kFieldInvalid, kAlreadyBound, kNotBoundHere, kCaKnown, kCaUnknown,
         kTooManyCas, kLastCa, kAlreadyRevoked, kOrganisationUnknown, kNotAuthorised}};
    return contract;
}

std::uint64_t trust_version_of(const ledger::StateView& view) {
    ViewSlots slots{view, kIdentitiesAddress};
    return IdentityStorage{slots}.version();
}

bool trusts_founding_ca(const ledger::StateView& view, std::string_view organisation) {
    const auto index = index_of(view, organisation);
    ViewSlots slots{view, kIdentitiesAddress};
    return index && !IdentityStorage{slots}.founding_ca_removed(*index);
}

std::vector<TrustedCa> added_cas_of(const ledger::StateView& view, std::string_view organisation) {
    const auto index = index_of(view, organisation);
    std::vector<TrustedCa> out;
    if (!index) return out;
    ViewSlots slots{view, kIdentitiesAddress};
    IdentityStorage storage{slots};
    for (std::uint64_t i = 0; i < kTrustedCasMax; ++i)
        if (!storage.fingerprint(*index, i).is_zero()) out.push_back(storage.ca(*index, i));
    return out;
}

std::optional<Revocation> revocation_of(const ledger::StateView& view, std::string_view organisation,
                                        const Hash256& id) {
    const auto index = index_of(view, organisation);
    if (!index) return std::nullopt;
    ViewSlots slots{view, kIdentitiesAddress};
    return IdentityStorage{slots}.revocation(*index, id);
}

std::optional<ledger::AccountIdentity> identity_of(const ledger::StateView& view, const Address& account) {
    ViewSlots slots{view, kIdentitiesAddress};
    return IdentityStorage{slots}.identity(account);
}

ledger::Standing standing_of(const ledger::StateView& view, const Address& account, std::uint64_t now) {
    ViewReader reader{view};
    return ledger::standing_of(reader, account, now);
}

void write_identities(Slots& slots, Slots& members, const ledger::Genesis& genesis) {
    IdentityStorage storage{slots};
    MemberStorage organisations{members};
    for (const auto& [address, account] : genesis.accounts) {
        if (account.organisation.empty()) continue;
        const auto organisation = organisations.find_organisation(account.organisation);
        if (!organisation) continue; // check_genesis has refused it
        storage.change(address, {.organisation = static_cast<std::uint32_t>(*organisation),
                                 .kind = IdentityKind::application,
                                 .is_registrar = account.is_registrar});
    }
}

} // namespace cairn::system
