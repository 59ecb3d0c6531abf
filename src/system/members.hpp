// What the node reads from the system contract Members: who takes part, as the chain itself says. Interface and storage:
// contracts/IMembers.sol.
#pragma once

#include "base/result.hpp"
#include "ledger/account.hpp"
#include "ledger/genesis.hpp"
#include "ledger/validators.hpp"
#include "system/slots.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cairn::system {

inline constexpr std::size_t kMemberNameBytesMax = 64;
inline constexpr std::size_t kCaCertificateBytesMax = 16 * 1024;
inline constexpr std::size_t kNetworkAddressBytesMax = 261; // longest DNS name, colon, port
/// Organisations that ever were; one bit each in an approval word.
inline constexpr std::size_t kOrganisationsMax = 256;
/// Validators that ever were: what reading the set costs at most.
inline constexpr std::size_t kValidatorsEverMax = 1000;

/// Organisations as the state says, in index order, those that left not included.
std::vector<ledger::Organisation> organisations_of(const ledger::StateView& view);
/// PEM certificates of the CAs with which organisations of this name came that have left.
std::vector<std::string> former_cas_of(const ledger::StateView& view, std::string_view organisation);
/// The set that the state asks for, in index order, validators that left not included. Consensus takes it over at an epoch's
/// end; `epoch` is only noted in the result.
ledger::ValidatorSet validators_of(const ledger::StateView& view, Epoch epoch);
/// Name of the active organisation that `account` administers.
std::optional<std::string> organisation_of(const ledger::StateView& view, const Address& account);

/// Writes the founders. GenesisInvalid if a name, address or certificate is over its limit or malformed, a name or account
/// occurs twice, or a validator's organisation does not exist.
Status write_members(Slots& slots, const ledger::Genesis& genesis);

} // namespace cairn::system
