// The system contracts as the EVM and genesis see them.
#pragma once

#include "base/result.hpp"
#include "evm/machine.hpp"
#include "ledger/account.hpp"
#include "ledger/genesis.hpp"
#include "system/addresses.hpp"

#include <string>
#include <vector>

namespace cairn::system {

/// All of them by address; lives as long as the program. Thread-safe: the contracts have no state of their own.
const evm::NativeContracts& native_contracts();

/// State of block 0: the accounts of the genesis file, the history contract of EIP-2935 (unless the file has an account there)
/// and the system contracts with their storage. GenesisInvalid if the file
/// gives an account to a system contract's address, or its members cannot be stored (see write_members).
Result<ledger::StateDiff> genesis_accounts(const ledger::Genesis& genesis);

/// Whether a contract with state of the chain's rules lives there.
bool is_system_contract(const Address& address);
/// "Members.setNetworkAddress" for call data of that function; "Members" if it is no function of the contract; hex digits for
/// an address without a system contract.
std::string name_of_call(const Address& contract, BytesView input);

/// Every function, event and error, one line each, sorted: the content of contracts/interfaces.txt, with which the tests
/// compare both this code and the Solidity files.
std::vector<std::string> interface_lines();

} // namespace cairn::system
