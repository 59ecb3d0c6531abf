// Organisations and validators. Interface: contracts/IMembers.sol.
#include "system/members.hpp"

#include "base/errors/ledger.hpp"
#include "ledger/key_claim.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/governance.hpp"
#include "system/member_storage.hpp"
#include "system/parameters.hpp"
#include "system/vote_signature.hpp"

namespace cairn::system {

namespace {

constexpr Event kNetworkAddressChanged{.name = "NetworkAddressChanged", .indexed = "uint256", .data = "string"};
constexpr Event kOrganisationAdded{.name = "OrganisationAdded", .indexed = "uint256", .data = "string,address"};
constexpr Event kOrganisationRemoved{.name = "OrganisationRemoved", .indexed = "uint256", .data = "string"};

constexpr Event kValidatorAdded{.name = "ValidatorAdded", .indexed = "uint256", .data = "string,bytes32"};
constexpr Event kValidatorKeyReplaced{
    .name = "ValidatorKeyReplaced", .indexed = "uint256", .data = "string,bytes32,bytes32"};
constexpr Event kValidatorRemoved{.name = "ValidatorRemoved", .indexed = "uint256", .data = "string"};

constexpr std::string_view kOrganisationUnknown = "OrganisationUnknown(string)";
constexpr std::string_view kValidatorUnknown = "ValidatorUnknown(string)";
constexpr std::string_view kNameTaken = "NameTaken(string)";
constexpr std::string_view kAccountTaken = "AccountTaken(address)";
constexpr std::string_view kKeyTaken = "KeyTaken(bytes32)";
constexpr std::string_view kKeyUnproven = "KeyUnproven(bytes32)";
constexpr std::string_view kFieldInvalid = "FieldInvalid(string)";
constexpr std::string_view kIndexOutOfRange = "IndexOutOfRange(uint256,uint256)";
constexpr std::string_view kLimitReached = "LimitReached()";

AbiValue value_of(const OrganisationEntry& entry) {
    return AbiValue::List{entry.name, entry.account, entry.active, entry.signing_key, entry.ca_certificate};
}

AbiValue value_of(const ValidatorEntry& entry) {
    return AbiValue::List{entry.name, entry.organisation,    entry.active,
                          entry.key,  entry.network_address, static_cast<std::uint8_t>(entry.algorithm)};
}

/// Field of an organisation that is empty, too long or malformed; empty if none is.
std::string_view invalid_field(const OrganisationEntry& entry) {
    if (!is_name(entry.name, kMemberNameBytesMax)) return "name";
    if (entry.account.is_zero()) return "account";
    if (entry.signing_key.is_zero()) return "signingKey";
    if (entry.ca_certificate.empty() || entry.ca_certificate.size() > kCaCertificateBytesMax ||
        !is_utf8(entry.ca_certificate))
        return "caCertificate";
    return {};
}

Reply organisation_count(Call& call, const AbiValue::List&) {
    return AbiValue::List{MemberStorage{call.own()}.organisation_count()};
}

Reply validator_count(Call& call, const AbiValue::List&) {
    return AbiValue::List{MemberStorage{call.own()}.validator_count()};
}

Reply organisation(Call& call, const AbiValue::List& arguments) {
    MemberStorage members{call.own()};
    const U256 count = members.organisation_count();
    if (arguments[0].number() >= count) return revert(kIndexOutOfRange, {arguments[0], count});
    return AbiValue::List{value_of(members.organisation(arguments[0].number().low()))};
}

Reply validator(Call& call, const AbiValue::List& arguments) {
    MemberStorage members{call.own()};
    const U256 count = members.validator_count();
    if (arguments[0].number() >= count) return revert(kIndexOutOfRange, {arguments[0], count});
    return AbiValue::List{value_of(members.validator(arguments[0].number().low()))};
}

/// A name that nobody can have is not looked up: it would only cost.
bool could_be_name(const AbiValue& value) { return value.bytes().size() <= kMemberNameBytesMax; }

Reply organisation_by_name(Call& call, const AbiValue::List& arguments) {
    if (!could_be_name(arguments[0])) return revert(kFieldInvalid, {"name"});
    MemberStorage members{call.own()};
    const auto index = members.find_organisation(arguments[0].as_text());
    if (!index) return revert(kOrganisationUnknown, {arguments[0]});
    return AbiValue::List{*index, value_of(members.organisation(*index))};
}

Reply validator_by_name(Call& call, const AbiValue::List& arguments) {
    if (!could_be_name(arguments[0])) return revert(kFieldInvalid, {"name"});
    MemberStorage members{call.own()};
    const auto index = members.find_validator(arguments[0].as_text());
    if (!index) return revert(kValidatorUnknown, {arguments[0]});
    return AbiValue::List{*index, value_of(members.validator(*index))};
}

Reply organisation_of_account(Call& call, const AbiValue::List& arguments) {
    MemberStorage members{call.own()};
    const auto index = members.administered_by(arguments[0].as_address());
    return AbiValue::List{index ? members.organisation(*index).name : std::string{}};
}

Reply set_network_address(Call& call, const AbiValue::List& arguments) {
    const std::string address = arguments[1].as_text();
    if (!could_be_name(arguments[0])) return revert(kFieldInvalid, {"validatorName"});
    if (!is_network_address(address)) return revert(kFieldInvalid, {"networkAddress"});
    MemberStorage members{call.own()};
    const auto index = members.find_validator(arguments[0].as_text());
    if (!index) return revert(kValidatorUnknown, {arguments[0]});
    const ValidatorEntry entry = members.validator(*index);
    const auto caller = members.administered_by(call.caller());
    if (!caller || *caller != entry.organisation) return revert(kNotAuthorised, {call.caller()});
    members.set_network_address(*index, address);
    call.emit(kNetworkAddressChanged, {*index}, {address});
    return AbiValue::List{};
}

/// The change was made in storage; it does not stay if the chain could no longer be governed with it.
std::expected<void, Bytes> keep_governable(Call& call) {
    const std::string reason =
        lock_out(call.own(), call.of(kRolesAddress), call.of(kProposalsAddress), call.block().number + 1);
    if (!reason.empty()) return revert(kWouldLockOut, {reason});
    return {};
}

Reply add_organisation(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const OrganisationEntry entry{.name = arguments[0].as_text(),
                                  .account = arguments[1].as_address(),
                                  .active = true,
                                  .signing_key = arguments[2].as_hash(),
                                  .ca_certificate = arguments[3].as_text()};
    if (const auto field = invalid_field(entry); !field.empty()) return revert(kFieldInvalid, {field});
    MemberStorage members{call.own()};
    if (members.find_organisation(entry.name)) return revert(kNameTaken, {entry.name});
    if (members.administered_by(entry.account)) return revert(kAccountTaken, {entry.account});
    const Subject holder = RoleStorage{call.of(kRolesAddress)}.subject(entry.account);
    if (holder.after.is_administrator() || holder.at(call.block().number).is_administrator())
        return revert(kAccountTaken, {entry.account});
    if (members.organisation_count() >= kOrganisationsMax) return revert(kLimitReached, {});

    const std::uint64_t index = members.append(entry);
    if (const auto governable = keep_governable(call); !governable) return std::unexpected(governable.error());
    call.emit(kOrganisationAdded, {index}, {entry.name, entry.account});
    return AbiValue::List{};
}

Reply remove_organisation(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    if (!could_be_name(arguments[0])) return revert(kFieldInvalid, {"name"});
    const std::string name = arguments[0].as_text();
    MemberStorage members{call.own()};
    const auto index = members.find_organisation(name);
    if (!index || !members.is_active(*index)) return revert(kOrganisationUnknown, {name});
    if (members.active_organisations() == 1) return revert(kLimitReached, {});

    members.remove(*index);
    if (members.active_validators() == 0) return revert(kLimitReached, {});
    if (const auto governable = keep_governable(call); !governable) return std::unexpected(governable.error());
    call.emit(kOrganisationRemoved, {*index}, {name});
    return AbiValue::List{};
}

/// A key that may begin to vote: nobody's, now or ever before, because what a former key signed may be in anyone's hands; of an
/// algorithm of the chain's suite; and `proof` shows that somebody has it who means it for this validator. `key`, `algorithm` and
/// `proof` are neighbours among the arguments, from `first` on.
std::expected<crypto::VotingKey, Bytes> key_to_vote(Call& call, MemberStorage& members, const std::string& validator,
                                                    const AbiValue::List& arguments, std::size_t first) {
    const Hash256 bytes = arguments[first].as_hash();
    const auto algorithm = static_cast<std::uint8_t>(arguments[first + 1].number().low());
    if (bytes.is_zero()) return revert(kFieldInvalid, {"key"});
    if (!crypto::is_voting_algorithm(algorithm) ||
        !ledger::may_vote(suite_of(call.of(kParametersAddress), call.block().number),
                          static_cast<crypto::VotingAlgorithm>(algorithm)))
        return revert(kFieldInvalid, {"algorithm"});
    if (members.voting_key_is_taken(bytes)) return revert(kKeyTaken, {bytes});
    const crypto::VotingKey key{static_cast<crypto::VotingAlgorithm>(algorithm),
                                *decltype(crypto::VotingKey::bytes)::from(bytes)};
    const ledger::KeyClaim claim{call.block().chain_id.low(), validator};
    if (!is_signed_by(call, key, signed_bytes(claim), arguments[first + 2].bytes()))
        return revert(kKeyUnproven, {bytes});
    return key;
}

/// Keys has it from here on as this organisation's, so that it can be stopped at once and by nobody else.
std::expected<void, Bytes> enter_in_keys(Call& call, const Hash256& key, const Address& owner) {
    const auto selector = ledger::selector_of("enterVotingKey(bytes32,address)");
    Bytes input{selector.begin(), selector.end()};
    append(input, codec::abi_encode("(bytes32,address)", {key, owner}).value());
    const auto result = call.invoke(kKeysAddress, input, Call::Keep::changes);
    if (!result.ok()) return std::unexpected(result.output);
    return {};
}

// The set that votes changes with the next epoch, which begins a few blocks after one of these.

Reply add_validator(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    ValidatorEntry entry{.name = arguments[0].as_text(),
                         .organisation = 0,
                         .active = true,
                         .key = {},
                         .network_address = arguments[5].as_text()};
    if (!is_name(entry.name, kMemberNameBytesMax)) return revert(kFieldInvalid, {"name"});
    if (!is_network_address(entry.network_address)) return revert(kFieldInvalid, {"networkAddress"});
    if (!could_be_name(arguments[1])) return revert(kFieldInvalid, {"organisation"});
    MemberStorage members{call.own()};
    const auto organisation = members.find_organisation(arguments[1].as_text());
    if (!organisation || !members.is_active(*organisation)) return revert(kOrganisationUnknown, {arguments[1]});
    if (members.find_validator(entry.name)) return revert(kNameTaken, {entry.name});
    if (members.active_validators() >= ledger::kValidatorsMax || members.validator_count() >= kValidatorsEverMax)
        return revert(kLimitReached, {});

    const auto key = key_to_vote(call, members, entry.name, arguments, 2);
    if (!key) return std::unexpected(key.error());

    entry.organisation = static_cast<std::uint32_t>(*organisation);
    entry.key = *Hash256::from(key->bytes);
    entry.algorithm = key->algorithm;
    const std::uint64_t index = members.append(entry);
    if (const auto entered = enter_in_keys(call, entry.key, members.account(*organisation)); !entered)
        return std::unexpected(entered.error());
    call.emit(kValidatorAdded, {index}, {entry.name, entry.key});
    return AbiValue::List{};
}

Reply remove_validator(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    if (!could_be_name(arguments[0])) return revert(kFieldInvalid, {"name"});
    MemberStorage members{call.own()};
    const auto index = members.find_validator(arguments[0].as_text());
    if (!index || !members.validator_is_active(*index)) return revert(kValidatorUnknown, {arguments[0]});
    if (members.active_validators() == 1) return revert(kLimitReached, {});

    members.remove_validator(*index);
    call.emit(kValidatorRemoved, {*index}, {arguments[0]});
    return AbiValue::List{};
}

Reply replace_validator_key(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    if (!could_be_name(arguments[0])) return revert(kFieldInvalid, {"name"});
    MemberStorage members{call.own()};
    const auto index = members.find_validator(arguments[0].as_text());
    if (!index || !members.validator_is_active(*index)) return revert(kValidatorUnknown, {arguments[0]});
    const auto key = key_to_vote(call, members, arguments[0].as_text(), arguments, 1);
    if (!key) return std::unexpected(key.error());

    const Hash256 old = members.replace_voting_key(*index, *key);
    const Hash256 taken_up = *Hash256::from(key->bytes);
    const Address owner = members.account(members.validator(*index).organisation);
    if (const auto entered = enter_in_keys(call, taken_up, owner); !entered) return std::unexpected(entered.error());
    call.emit(kValidatorKeyReplaced, {*index}, {arguments[0], old, taken_up});
    return AbiValue::List{};
}

} // namespace

const Contract& members_contract() {
    constexpr std::string_view kOrganisation = "((string,address,bool,bytes32,string))";
    constexpr std::string_view kValidator = "((string,uint32,bool,bytes32,string,uint8))";
    static const Contract contract{
        "IMembers",
        kMembersAddress,
        {
            {"organisationCount", "()", "(uint256)", Access::view, organisation_count},
            {"organisation", "(uint256)", kOrganisation, Access::view, organisation},
            {"organisationByName", "(string)", "(uint256,(string,address,bool,bytes32,string))", Access::view,
             organisation_by_name},
            {"organisationOf", "(address)", "(string)", Access::view, organisation_of_account},
            {"validatorCount", "()", "(uint256)", Access::view, validator_count},
            {"validator", "(uint256)", kValidator, Access::view, validator},
            {"validatorByName", "(string)", "(uint256,(string,uint32,bool,bytes32,string,uint8))", Access::view,
             validator_by_name},
            {"setNetworkAddress", "(string,string)", "()", Access::write, set_network_address},
            {"addOrganisation", "(string,address,bytes32,string)", "()", Access::write, add_organisation},
            {"removeOrganisation", "(string)", "()", Access::write, remove_organisation},
            {"addValidator", "(string,string,bytes32,uint8,bytes,string)", "()", Access::write, add_validator},
            {"removeValidator", "(string)", "()", Access::write, remove_validator},
            {"replaceValidatorKey", "(string,bytes32,uint8,bytes)", "()", Access::write, replace_validator_key},
        },
        {kNetworkAddressChanged, kOrganisationAdded, kOrganisationRemoved, kValidatorAdded, kValidatorKeyReplaced,
         kValidatorRemoved},
        {kNotAuthorised, kOrganisationUnknown, kValidatorUnknown, kNameTaken, kAccountTaken, kKeyTaken, kKeyUnproven,
         kFieldInvalid, kIndexOutOfRange, kLimitReached, kWouldLockOut}};
    return contract;
}

std::vector<ledger::Organisation> organisations_of(const ledger::StateView& view) {
    ViewSlots slots{view, kMembersAddress};
    MemberStorage members{slots};
    std::vector<ledger::Organisation> out;
    const std::uint64_t count = std::min<std::uint64_t>(members.organisation_count(), kOrganisationsMax);
    for (std::uint64_t i = 0; i < count; ++i) {
        OrganisationEntry entry = members.organisation(i);
        if (!entry.active) continue;
        out.push_back({.name = std::move(entry.name),
                       .ca_certificate_pem = std::move(entry.ca_certificate),
                       .signing_key = *crypto::ValidatorPublicKey::from(entry.signing_key),
                       .account = entry.account});
    }
    return out;
}

std::vector<std::string> former_cas_of(const ledger::StateView& view, std::string_view organisation) {
    ViewSlots slots{view, kMembersAddress};
    MemberStorage members{slots};
    std::vector<std::string> out;
    const std::uint64_t count = std::min<std::uint64_t>(members.organisation_count(), kOrganisationsMax);
    for (std::uint64_t i = 0; i < count; ++i)
        if (OrganisationEntry entry = members.organisation(i); !entry.active && entry.name == organisation)
            out.push_back(std::move(entry.ca_certificate));
    return out;
}

ledger::ValidatorSet validators_of(const ledger::StateView& view, Epoch epoch) {
    ViewSlots slots{view, kMembersAddress};
    MemberStorage members{slots};
    ledger::ValidatorSet set{.epoch = epoch, .members = {}};
    const std::uint64_t count = members.validator_count();
    for (std::uint64_t i = 0; i < count; ++i) {
        ValidatorEntry entry = members.validator(i);
        if (!entry.active) continue;
        set.members.push_back({.name = std::move(entry.name),
                               .organisation = members.organisation(entry.organisation).name,
                               .key = entry.voting_key(),
                               .address = std::move(entry.network_address)});
    }
    return set;
}

std::optional<std::string> organisation_of(const ledger::StateView& view, const Address& account) {
    ViewSlots slots{view, kMembersAddress};
    MemberStorage members{slots};
    const auto index = members.administered_by(account);
    if (!index) return std::nullopt;
    return members.organisation(*index).name;
}

Status write_members(Slots& slots, const ledger::Genesis& genesis) {
    MemberStorage members{slots};
    if (genesis.organisations.size() > kOrganisationsMax || genesis.validators.size() > ledger::kValidatorsMax)
        return fail(error::GenesisInvalid, "too many organisations or validators");
    for (const auto& organisation : genesis.organisations) {
        const OrganisationEntry entry{.name = organisation.name,
                                      .account = organisation.account,
                                      .active = true,
                                      .signing_key = *Hash256::from(organisation.signing_key),
                                      .ca_certificate = organisation.ca_certificate_pem};
        if (const auto field = invalid_field(entry); !field.empty())
            return fail(error::GenesisInvalid, "organisation " + entry.name + ": " + std::string{field});
        if (members.find_organisation(entry.name) || members.administered_by(entry.account))
            return fail(error::GenesisInvalid, "organisation " + entry.name + ": name or account occurs twice");
        members.append(entry);
    }
    for (const auto& validator : genesis.validators.members) {
        const auto organisation = members.find_organisation(validator.organisation);
        if (!organisation) return fail(error::GenesisInvalid, "validator " + validator.name + ": no such organisation");
        if (!is_name(validator.name, kMemberNameBytesMax) || !is_network_address(validator.address) ||
            members.find_validator(validator.name))
            return fail(error::GenesisInvalid,
                        "validator " + validator.name + ": name or network address is malformed or occurs twice");
        members.append(ValidatorEntry{.name = validator.name,
                                      .organisation = static_cast<std::uint32_t>(*organisation),
                                      .active = true,
                                      .key = *Hash256::from(validator.key.bytes),
                                      .network_address = validator.address,
                                      .algorithm = validator.key.algorithm});
    }
    return {};
}

} // namespace cairn::system
