// Contract code ready to run: padded so that reading an operand needs no bounds check, with its jump targets marked.
#pragma once

#include "base/bytes.hpp"

#include <memory>
#include <vector>

namespace cairn::evm {

struct Program {
    /// The code and behind it 33 zero bytes (STOP): a PUSH32 at the very end still reads inside.
    std::vector<std::uint8_t> padded;
    std::size_t size = 0; // without the padding
    /// Bit i: byte i is a JUMPDEST and not the operand of a PUSH.
    std::vector<std::uint64_t> targets;

    BytesView code() const { return {padded.data(), size}; }
    bool is_target(std::uint64_t position) const {
        return position < size && (targets[position / 64] >> (position % 64) & 1) != 0;
    }
};

Program analyse(BytesView code);
/// The program of no code at all.
std::shared_ptr<const Program> empty_program();
/// Analyses once per code hash; keeps the most recently used ones of each thread, at most kProgramCacheBytes.
std::shared_ptr<const Program> cached_program(const Hash256& code_hash, BytesView code);

inline constexpr std::size_t kProgramCacheBytes = 16 * 1024 * 1024;

} // namespace cairn::evm
