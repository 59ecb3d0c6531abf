// Names of the EVM's instructions as traces print them.
#pragma once

#include <cstdint>
#include <string>

namespace cairn::rpc {

/// "PUSH1", "SSTORE", ...; "opcode 0xef not defined" for the others.
std::string opcode_name(std::uint8_t opcode);

} // namespace cairn::rpc
