#include "rpc/opcode_names.hpp"

#include <array>
#include <string_view>

namespace cairn::rpc {
namespace {

struct Run {
    std::uint8_t first;
    std::string_view names; // of consecutive opcodes, separated by spaces
};

constexpr Run kRuns[] = {
    {0x00, "STOP ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND"},
    {0x10, "LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR CLZ"},
    {0x20, "KECCAK256"},
    {0x30, "ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE CALLDATACOPY CODESIZE CODECOPY GASPRICE "
           "EXTCODESIZE EXTCODECOPY RETURNDATASIZE RETURNDATACOPY EXTCODEHASH"},
    {0x40, "BLOCKHASH COINBASE TIMESTAMP NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE BASEFEE BLOBHASH BLOBBASEFEE"},
    {0x50, "POP MLOAD MSTORE MSTORE8 SLOAD SSTORE JUMP JUMPI PC MSIZE GAS JUMPDEST TLOAD TSTORE MCOPY PUSH0"},
    {0xa0, "LOG0 LOG1 LOG2 LOG3 LOG4"},
    {0xf0, "CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2"},
    {0xfa, "STATICCALL"},
    {0xfd, "REVERT INVALID SELFDESTRUCT"},
};

std::array<std::string, 256> make_names() {
    std::array<std::string, 256> out;
    for (auto [opcode, names] : kRuns)
        while (!names.empty()) {
            const auto end = names.find(' ');
            out[opcode++] = names.substr(0, end);
            names.remove_prefix(end == names.npos ? names.size() : end + 1);
        }
    for (unsigned i = 1; i <= 32; ++i) out[0x5f + i] = "PUSH" + std::to_string(i);
    for (unsigned i = 1; i <= 16; ++i) {
        out[0x7f + i] = "DUP" + std::to_string(i);
        out[0x8f + i] = "SWAP" + std::to_string(i);
    }
    constexpr char kDigits[] = "0123456789abcdef";
    for (unsigned i = 0; i < 256; ++i)
        if (out[i].empty()) out[i] = std::string{"opcode 0x"} + kDigits[i >> 4] + kDigits[i & 15] + " not defined";
    return out;
}

} // namespace

std::string opcode_name(std::uint8_t opcode) {
    static const auto names = make_names();
    return names[opcode];
}

} // namespace cairn::rpc
