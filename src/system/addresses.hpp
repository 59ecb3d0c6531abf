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

/// 0x000000000000000000000000000000000000ca20 and ca21: SM3 and SM2 for contracts (system/national.hpp).
inline constexpr Address kSm3Address = system_address(0x20);
inline constexpr Address kSm2Address = system_address(0x21);

/// 0x000000000000000000000000000000000000ca08: anchors of the nodes' audit logs (contracts/IAnchors.sol).
inline constexpr Address kAnchorsAddress = system_address(0x08);

/// The code that genesis puts at each of them, so that EXTCODESIZE is not zero and Solidity's calls go through. It is
/// INVALID (0xfe): an EVM that does not know the native contract fails instead of seeming to succeed.
inline constexpr std::uint8_t kMarkerCode = 0xfe;

} // namespace cairn::system
