// Where the system contracts live. The addresses are part of the chain's rules and never change: "ca" for Cairn, then a
// number. They are above every precompile, so an Ethereum tool takes them for ordinary contracts.
#pragma once

#include "base/bytes.hpp"

namespace cairn::system {

constexpr Address system_address(std::uint8_t number) {
    Address address;
    address.bytes[18] = 0xca;
    address.bytes[19] = number;
    return address;
}

/// 0x000000000000000000000000000000000000ca01: organisations and validators (contracts/IMembers.sol).
inline constexpr Address kMembersAddress = system_address(0x01);
/// 0x000000000000000000000000000000000000ca02: evidence of documents (contracts/IRecords.sol).
inline constexpr Address kRecordsAddress = system_address(0x02);
/// 0x000000000000000000000000000000000000ca03: parameters of the chain (contracts/IParameters.sol).
inline constexpr Address kParametersAddress = system_address(0x03);
/// 0x000000000000000000000000000000000000ca04: roles, policies, freezes and labels (contracts/IRoles.sol).
inline constexpr Address kRolesAddress = system_address(0x04);
/// 0x000000000000000000000000000000000000ca05: decisions that several take together (contracts/IProposals.sol).
inline constexpr Address kProposalsAddress = system_address(0x05);
/// 0x000000000000000000000000000000000000ca06: keys, their states and the accounts they sign for (contracts/IKeys.sol).
inline constexpr Address kKeysAddress = system_address(0x06);
/// 0x000000000000000000000000000000000000ca07: certificates and accounts of organisations (contracts/IIdentities.sol).
inline constexpr Address kIdentitiesAddress = system_address(0x07);

/// 0x000000000000000000000000000000000000ca20 and ca21: SM3 and SM2 for contracts (system/national.hpp).
inline constexpr Address kSm3Address = system_address(0x20);
inline constexpr Address kSm2Address = system_address(0x21);

/// 0x000000000000000000000000000000000000ca08: anchors of the nodes' audit logs (contracts/IAnchors.sol).
inline constexpr Address kAnchorsAddress = system_address(0x08);

/// The code that genesis puts at each of them, so that EXTCODESIZE is not zero and Solidity's calls go through. It is
/// INVALID (0xfe): an EVM that does not know the native contract fails instead of seeming to succeed.
inline constexpr std::uint8_t kMarkerCode = 0xfe;

} // namespace cairn::system
