#include "system/system_contracts.hpp"

#include "base/errors/ledger.hpp"
#include "ledger/history_contract.hpp"
#include "system/contract.hpp"
#include "system/identities.hpp"
#include "system/keys.hpp"
#include "system/members.hpp"
#include "system/national.hpp"
#include "system/parameters.hpp"
#include "system/policy.hpp"
#include "system/roles.hpp"

namespace cairn::system {

namespace {

void put_contract(ledger::StateDiff& diff, const Address& address, const MemorySlots& slots) {
    ledger::AccountDiff account;
    const Bytes code{kMarkerCode};
    account.account =
        ledger::Account{.nonce = 1, .balance = {}, .code_hash = crypto::keccak256(code)}; // EIP-161: not empty
    account.code = std::make_shared<const Bytes>(code);
    account.storage = slots.words();
    diff.emplace(address, std::move(account));
}

ledger::AccountDiff account_of(const ledger::GenesisAccount& founder) {
    ledger::AccountDiff account;
    account.account = ledger::Account{.nonce = founder.nonce, .balance = founder.balance};
    if (!founder.code.empty()) {
        account.account->code_hash = crypto::keccak256(founder.code);
        account.code = std::make_shared<const Bytes>(founder.code);
    }
    for (const auto& [slot, value] : founder.storage)
        if (value) account.storage.emplace(slot, value);
    return account;
}

} // namespace

const evm::NativeContracts& native_contracts() {
    static const evm::NativeContracts contracts = [] {
        evm::NativeContracts out{{kMembersAddress, &members_contract()},
                                 {kRecordsAddress, &records_contract()},
                                 {kParametersAddress, &parameters_contract()},
                                 {kRolesAddress, &roles_contract()},
                                 {kProposalsAddress, &proposals_contract()},
                                 {kKeysAddress, &keys_contract()},
                                 {kIdentitiesAddress, &identities_contract()},
                                 {kAnchorsAddress, &anchors_contract()},
                                 {kSm3Address, &sm3_contract()},
                                 {kSm2Address, &sm2_contract()}};
        out.guard = &policy_guard();
        return out;
    }();
    return contracts;
}

Result<ledger::StateDiff> genesis_accounts(const ledger::Genesis& genesis) {
    ledger::StateDiff diff;
    for (const auto& [address, account] : genesis.accounts) {
        if (native_contracts().contains(address))
            return fail(error::GenesisInvalid, to_hex(address) + " is the address of a system contract");
        diff.emplace(address, account_of(account));
    }
    diff.try_emplace(ledger::kHistoryContract, account_of(ledger::history_contract_account()));
    MemorySlots members;
    MemorySlots parameters;
    MemorySlots roles;
    MemorySlots keys;
    MemorySlots identities;
    CRN_CHECK(write_members(members, genesis));
    write_parameters(parameters, genesis.parameters);
    CRN_CHECK(write_roles(roles, genesis));
    write_keys(keys, genesis);
    write_identities(identities, members, genesis);
    put_contract(diff, kMembersAddress, members);
    put_contract(diff, kRecordsAddress, {});
    put_contract(diff, kParametersAddress, parameters);
    put_contract(diff, kRolesAddress, roles);
    put_contract(diff, kProposalsAddress, {});
    put_contract(diff, kAnchorsAddress, {});
    put_contract(diff, kIdentitiesAddress, identities);
    put_contract(diff, kSm3Address, {});
    put_contract(diff, kSm2Address, {});
    put_contract(diff, kKeysAddress, keys);
    return diff;
}

namespace {

/// Not the precompiled functions, which have no state.
const Contract* contract_at(const Address& address) {
    const auto found = native_contracts().find(address);
    return found == native_contracts().end() ? nullptr : dynamic_cast<const Contract*>(found->second);
}

} // namespace

bool is_system_contract(const Address& address) { return contract_at(address) != nullptr; }

std::string name_of_call(const Address& address, BytesView input) {
    const auto* contract = contract_at(address);
    if (contract == nullptr) return to_hex(address);
    auto name = contract->name();
    if (name.starts_with('I')) name.remove_prefix(1); // as the Solidity file calls the interface
    const auto function = contract->function_name(input);
    return std::string{name} + (function.empty() ? "" : ".") + std::string{function};
}

std::vector<std::string> interface_lines() {
    std::vector<std::string> lines;
    for (const auto* contract : {&members_contract(), &records_contract(), &parameters_contract(), &roles_contract(),
                                 &proposals_contract(), &keys_contract(), &identities_contract(), &anchors_contract()})
        for (auto& line : contract->interface_lines()) lines.push_back(std::move(line));
    std::sort(lines.begin(), lines.end());
    return lines;
}

} // namespace cairn::system
