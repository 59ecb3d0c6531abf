// Names of Solidity functions, errors and events on the wire.
#pragma once

#include "base/bytes.hpp"

#include <array>
#include <string_view>

namespace cairn::ledger {

using Selector = std::array<std::uint8_t, 4>;

/// First four bytes of Keccak-256 of a canonical signature, "transfer(address,uint256)": functions and custom errors.
Selector selector_of(std::string_view signature);
/// Topic 0 of an event that is not anonymous: Keccak-256 of its canonical signature.
Hash256 event_topic(std::string_view signature);

} // namespace cairn::ledger
