// What is fixed about each instruction: stack use, operand, first fork; and its gas in every fork.
#pragma once

#include "evm/revision.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace cairn::evm {

enum class Opcode : std::uint8_t {
#define CAIRN_OPCODE(code, name, need, change, immediate, since, form) name = code,
#include "evm/opcodes.inc"
#undef CAIRN_OPCODE
};

struct Traits {
    std::string_view name; // empty: no such instruction in any fork
    std::int8_t need = 0;
    std::int8_t change = 0;
    std::uint8_t immediate = 0;
    Revision since = Revision::cancun;
};

inline constexpr std::array<Traits, 256> kTraits = [] {
    std::array<Traits, 256> out{};
#define CAIRN_OPCODE(code, name, need, change, immediate, since, form) \
    out[code] = {#name, need, change, immediate, Revision::since};
#include "evm/opcodes.inc"
#undef CAIRN_OPCODE
    return out;
}();

/// Gas charged before the instruction looks at its operands; kUndefined if the fork lacks it.
using GasTable = std::array<std::int16_t, 256>;
inline constexpr std::int16_t kUndefined = -1;

namespace gas {
inline constexpr std::int64_t kColdAccount = 2600; // EIP-2929
inline constexpr std::int64_t kColdSlot = 2100;
inline constexpr std::int64_t kWarm = 100;
inline constexpr std::int64_t kColdAccountExtra = kColdAccount - kWarm; // beyond what the table charges
inline constexpr std::int64_t kColdSlotExtra = kColdSlot - kWarm;
inline constexpr std::int64_t kSet = 20'000; // EIP-2200
inline constexpr std::int64_t kReset = 5000 - kColdSlot;
inline constexpr std::int64_t kClearRefund = 4800; // EIP-3529
inline constexpr std::int64_t kStipend = 2300;
inline constexpr std::int64_t kValueTransfer = 9000;
inline constexpr std::int64_t kNewAccount = 25'000;
inline constexpr std::int64_t kCopyWord = 3;
inline constexpr std::int64_t kKeccakWord = 6;
inline constexpr std::int64_t kInitCodeWord = 2; // EIP-3860
inline constexpr std::int64_t kCodeByte = 200;
inline constexpr std::int64_t kExponentByte = 50; // EIP-160
inline constexpr std::int64_t kLogTopic = 375;
inline constexpr std::int64_t kLogByte = 8;
} // namespace gas

inline constexpr GasTable kCancunGas = [] {
    GasTable out{};
    out.fill(kUndefined);
    const auto set = [&](std::int16_t gas, auto... opcodes) { ((out[static_cast<std::size_t>(opcodes)] = gas), ...); };
    using enum Opcode;
    set(0, STOP, RETURN, REVERT, SSTORE);
    set(1, JUMPDEST);
    set(2, ADDRESS, ORIGIN, CALLER, CALLVALUE, CALLDATASIZE, CODESIZE, GASPRICE, RETURNDATASIZE, COINBASE, TIMESTAMP,
        NUMBER, PREVRANDAO, GASLIMIT, CHAINID, BASEFEE, BLOBBASEFEE, POP, PC, MSIZE, GAS, PUSH0);
    set(3, ADD, SUB, LT, GT, SLT, SGT, EQ, ISZERO, AND, OR, XOR, NOT, BYTE, SHL, SHR, SAR, CALLDATALOAD, CALLDATACOPY,
        CODECOPY, RETURNDATACOPY, MLOAD, MSTORE, MSTORE8, MCOPY, BLOBHASH);
    for (auto i = static_cast<std::size_t>(PUSH1); i <= static_cast<std::size_t>(SWAP16); ++i) out[i] = 3;
    set(5, MUL, DIV, SDIV, MOD, SMOD, SIGNEXTEND, SELFBALANCE);
    set(8, ADDMOD, MULMOD, JUMP);
    set(10, JUMPI, EXP);
    set(20, BLOCKHASH);
    set(30, KECCAK256);
    set(gas::kWarm, BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH, SLOAD, TLOAD, TSTORE, CALL, CALLCODE, DELEGATECALL,
        STATICCALL);
    for (int topics = 0; topics <= 4; ++topics)
        out[static_cast<std::size_t>(LOG0) + static_cast<std::size_t>(topics)] =
            static_cast<std::int16_t>(gas::kLogTopic * (topics + 1));
    set(5000, SELFDESTRUCT);
    set(32'000, CREATE, CREATE2);
    return out;
}();

inline constexpr GasTable kPragueGas = kCancunGas;

inline constexpr GasTable kOsakaGas = [] {
    GasTable out = kPragueGas;
    out[static_cast<std::size_t>(Opcode::CLZ)] = 5; // EIP-7939
    return out;
}();

constexpr const GasTable& gas_table(Revision revision) {
    switch (revision) {
    case Revision::cancun: return kCancunGas;
    case Revision::prague: return kPragueGas;
    case Revision::osaka: return kOsakaGas;
    }
    return kOsakaGas;
}

} // namespace cairn::evm
