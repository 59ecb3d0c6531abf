// The rules of the consortium for one call, as the system contract Roles holds them. Pure: what is allowed follows from the
// storage of Roles, the block number and the call, and is the same for all transactions of a block, for every change of Roles
// counts from the next block on.
//
// In this order, the first that applies refuses:
//   1. freeze of the transaction's sender, of the acting account, of the contract (or of the code it delegates to)
//   2. freeze of the method
//   3. label: sender and acting account must dominate the contract, and for Records the record
//   4. writing down: what a message may change must dominate the label of sender and acting account: the called contract (for Records
//      the record), or the new contract, whose label is the bottom. Static calls change nothing; delegated code changes the acting
//      account alone. System contracts but Records hold the consortium's own data and have no label to fall below.
//   5. policy "deny" for the sender or the acting account. Of the policies that match a call the one that names most decides;
//      among those that name equally many, "deny" beats "allow".
//   6. privileges, denied unless given: deployment, and the calls by which proxies change their code (upgradeTo,
//      upgradeToAndCall). Given by the role deployer, or by a policy "allow" that names the privilege itself: the contract zero
//      for deployment, contract and method for an upgrade. One of sender and acting account must have it.
//      The zero address as a holder of the role stands for everybody. The zero address, for which nobody can sign and which an eth_call without a sender has, is not asked.
// Everything else is allowed.
//
// The acting account is the message's sender, or for DELEGATECALL and CALLCODE the contract that runs foreign code. Roles and
// Proposals themselves are out of reach of 2 to 6, and what Proposals carries out of all of it, also where Members enters a voting
// key in Keys for it: else a policy could take away the means to change it.
#pragma once

#include "evm/machine.hpp"
#include "system/role_storage.hpp"

#include <string>

namespace cairn::system {

/// Why a call is refused: PolicyDenied of contracts/IRoles.sol.
struct Refusal {
    std::string rule;
    Address account; // whose right is missing
    Address target;  // the contract or account that was called; zero for a deployment
    ledger::Selector method{};
};
inline constexpr std::string_view kPolicyDenied = "PolicyDenied(string,address,address,bytes4)";
Bytes revert_data(const Refusal& refusal);

/// One call as the rules see it.
struct Act {
    Address origin;                  // sent the transaction
    Address actor;                   // acts in this message
    bool creates = false;            // a contract; then there is no target
    bool writes = true;              // may change what it calls
    Address target;                  // whose code is called
    std::optional<Address> delegate; // whose code that is, if the target delegates (EIP-7702)
    BytesView input;
};
std::optional<Refusal> judge(Slots& roles, std::uint64_t block, const Act& act);

/// "account * 0x12345678": a pattern in words.
std::string to_text(const Pattern& pattern);

/// Guard of every call; lives as long as the program.
const evm::CallGuard& policy_guard();

} // namespace cairn::system
