#include "evm/interpreter.hpp"

#include "evm/instructions_arithmetic.hpp"
#include "evm/instructions_state.hpp"

namespace cairn::evm {
namespace {

// Values are written limb by limb, straight to their place: a value put together elsewhere and copied in wide moves would
// make the next reader wait until the narrow stores have reached the cache.

/// Big-endian operand of a PUSH. The padding behind the code makes every read legal.
template <unsigned kSize>
[[gnu::always_inline]] inline void read_operand(U256& out, const std::uint8_t* bytes) {
    constexpr unsigned kFull = kSize / 8;
    constexpr unsigned kRest = kSize % 8;
    std::uint64_t high = 0;
#pragma GCC unroll 8
    for (unsigned i = 0; i < kRest; ++i) high = high << 8 | bytes[i];
    const auto limb = [&](unsigned i) {
        return i < kFull ? ops::load_limb(bytes + kRest + 8 * (kFull - 1 - i)) : i == kFull ? high : 0;
    };
    out.limb[0] = limb(0);
    out.limb[1] = limb(1);
    out.limb[2] = limb(2);
    out.limb[3] = limb(3);
}

inline void copy(U256& to, const U256& from) {
    to.limb[0] = from.limb[0];
    to.limb[1] = from.limb[1];
    to.limb[2] = from.limb[2];
    to.limb[3] = from.limb[3];
}

inline void exchange(U256& a, U256& b) {
    std::swap(a.limb[0], b.limb[0]);
    std::swap(a.limb[1], b.limb[1]);
    std::swap(a.limb[2], b.limb[2]);
    std::swap(a.limb[3], b.limb[3]);
}

// The loop. One label per instruction; each checks what the traits table cannot rule out, runs the instruction and jumps
// to the next one through the table of labels, so that the processor predicts every instruction's successor apart.
// `position`, `top` and `gas` live in registers; they are written back only on the way out.
#define CAIRN_NEXT() goto* labels[*position]
#define CAIRN_ANNOUNCE() \
    if constexpr (kTrace) frame.trace(gas, top, Outcome::success)

#define CAIRN_RUN_plain(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    ops::name(top); \
    top += change; \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_read(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    ops::name(frame, top); \
    top += change; \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_paid(name, code, change, immediate) \
    gas = ops::name<kTrace>(frame, top, gas); \
    if (gas < 0) [[unlikely]] \
        goto failed; \
    top += change; \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_push(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    read_operand<immediate>(*top, position + 1); \
    ++top; \
    position += immediate + 1; \
    CAIRN_NEXT();
#define CAIRN_RUN_dup(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    copy(*top, top[0x7f - code]); \
    ++top; \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_swap(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    exchange(top[-1], top[0x8f - 1 - code]); \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_nothing(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_jump(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    --top; \
    if (!top->fits_u64() || !frame.program->is_target(top->low())) [[unlikely]] \
        goto bad_jump; \
    position = frame.program->padded.data() + top->low(); \
    CAIRN_NEXT();
#define CAIRN_RUN_jumpi(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    top -= 2; \
    if (top[0]) { \
        if (!top[1].fits_u64() || !frame.program->is_target(top[1].low())) [[unlikely]] \
            goto bad_jump; \
        position = frame.program->padded.data() + top[1].low(); \
    } else { \
        ++position; \
    } \
    CAIRN_NEXT();
#define CAIRN_RUN_position(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    *top = static_cast<std::uint64_t>(position - frame.program->padded.data()); \
    ++top; \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_gas(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    *top = static_cast<std::uint64_t>(gas); \
    ++top; \
    ++position; \
    CAIRN_NEXT();
#define CAIRN_RUN_call(name, code, change, immediate) \
    gas = ops::name<kTrace>(frame, top, gas); \
    if (gas < 0) [[unlikely]] \
        goto failed; \
    frame.position = position + 1; \
    frame.top = top + change - 1; /* the result is pushed when the message is over */ \
    frame.gas = gas; \
    return {Exit::waits, Outcome::success};
#define CAIRN_RUN_leave(name, code, change, immediate) \
    gas = ops::name<kTrace>(frame, top, gas); \
    if (gas < 0) [[unlikely]] \
        goto failed; \
    frame.gas = gas; \
    return {Exit::finished, Opcode{code} == Opcode::REVERT ? Outcome::revert : Outcome::success};
#define CAIRN_RUN_stop(name, code, change, immediate) \
    CAIRN_ANNOUNCE(); \
    frame.gas = gas; \
    return {Exit::finished, Outcome::success};
#define CAIRN_RUN_undefined(name, code, change, immediate) goto undefined;

template <Revision kRevision, bool kTrace>
Halt run_frame(Frame& frame) {
    static constexpr GasTable kGas = gas_table(kRevision);
    static const void* const labels[256] = {
#define CAIRN_OPCODE(code, name, need, change, immediate, since, form) &&run_##name,
#define CAIRN_GAP(code) &&run_gap,
#include "evm/opcodes.inc"
#undef CAIRN_OPCODE
    };

    const std::uint8_t* position = frame.position;
    U256* top = frame.top;
    std::int64_t gas = frame.gas;
    U256* const bottom = frame.stack;
    auto outcome = Outcome::success;
    frame.output = {};
    CAIRN_NEXT();

#define CAIRN_OPCODE(code, name, need, change, immediate, since, form) \
    run_##name : if constexpr (kTrace) frame.begin_trace(position, gas); \
    if constexpr (kGas[code] == kUndefined) goto undefined; \
    if constexpr (need > 0) \
        if (top < bottom + need) [[unlikely]] \
            goto underflow; \
    if constexpr (change > 0) \
        if (top >= bottom + kStackItemsMax) [[unlikely]] \
            goto overflow; \
    if constexpr (kGas[code] > 0) \
        if ((gas -= kGas[code]) < 0) [[unlikely]] \
            goto out_of_gas; \
    CAIRN_RUN_##form(name, code, change, immediate)
#include "evm/opcodes.inc"
#undef CAIRN_OPCODE

run_gap:
    if constexpr (kTrace) frame.begin_trace(position, gas);
undefined:
    outcome = Outcome::invalid_opcode;
    goto over;
underflow:
    outcome = Outcome::stack_underflow;
    goto over;
overflow:
    outcome = Outcome::stack_overflow;
    goto over;
out_of_gas:
    outcome = Outcome::out_of_gas;
    goto over;
bad_jump:
    outcome = Outcome::bad_jump;
    goto over;
failed:
    outcome = static_cast<Outcome>(-gas);
    gas = frame.traced_gas - std::max<std::int64_t>(kGas[*position], 0);
over:
    if constexpr (kTrace) frame.trace(gas, top, outcome);
    frame.gas = 0;
    return {Exit::finished, outcome};
}

} // namespace

Interpreter interpreter_for(Revision revision, bool traced) {
    switch (revision) {
    case Revision::cancun: return traced ? run_frame<Revision::cancun, true> : run_frame<Revision::cancun, false>;
    case Revision::prague: return traced ? run_frame<Revision::prague, true> : run_frame<Revision::prague, false>;
    case Revision::osaka: break;
    }
    return traced ? run_frame<Revision::osaka, true> : run_frame<Revision::osaka, false>;
}

} // namespace cairn::evm
