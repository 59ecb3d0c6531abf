// One running message: its stack, memory and position. Frames live on the heap, so that 1024 nested calls need no native
// stack, and are kept by each thread for the next call.
#pragma once

#include "evm/machine.hpp"
#include "evm/program.hpp"

#include <cstdlib>

namespace cairn::evm {

inline constexpr int kCallDepthMax = 1024;
inline constexpr std::size_t kStackItemsMax = 1024;

/// Byte-addressed, grows in words of 32 bytes, zero where not written.
class Memory {
public:
    Memory() = default;
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() { std::free(bytes_); }

    std::uint8_t* data() { return bytes_; }
    const std::uint8_t* data() const { return bytes_; }
    std::uint64_t size() const { return size_; }
    BytesView view() const { return {bytes_, size_}; }
    void grow(std::uint64_t size);
    /// Empties it; gives back a big buffer.
    void reset();

private:
    std::uint8_t* bytes_ = nullptr;
    std::uint64_t size_ = 0;
    std::uint64_t capacity_ = 0;
};

/// What instructions of any depth need of their transaction.
struct Context {
    State& state;
    const BlockEnvironment& block;
    const TransactionEnvironment& transaction;
    Revision revision;
    MachineOptions options;

    /// Charges nothing; true if the account was cold (EIP-2929; precompiles never are).
    bool warm_up(const Address& address) const { return state.warm_up(address) && !is_precompile(address, revision); }
};

struct Frame {
    alignas(32) U256 stack[kStackItemsMax];
    // Where it stands; current only while the interpreter is outside.
    const std::uint8_t* position = nullptr;
    U256* top = nullptr; // one behind the topmost item
    std::int64_t gas = 0;

    const Context* context = nullptr;
    Message message;
    std::shared_ptr<const Program> program;
    Memory memory;
    Bytes return_data; // of the last call
    std::size_t checkpoint = 0;

    BytesView output; // of RETURN and REVERT: a part of `memory`
    // The message that a CALL or CREATE wants to run, and where its output goes.
    Message pending;
    std::uint64_t output_offset = 0;
    std::uint64_t output_size = 0;

    // Tracing only: the instruction under way.
    std::int64_t traced_gas = 0;
    std::uint64_t traced_memory_size = 0;
    const std::uint8_t* traced_position = nullptr;
    bool traced = false;

    void begin_trace(const std::uint8_t* at, std::int64_t gas_before) {
        traced_position = at;
        traced_gas = gas_before;
        traced_memory_size = memory.size();
        traced = false;
    }
    /// Tells the tracer about the instruction under way, once; `gas_left` is what remains after it.
    void trace(std::int64_t gas_left, const U256* stack_top, Outcome error);
};

/// Frames of this thread.
std::unique_ptr<Frame> acquire_frame();
void release_frame(std::unique_ptr<Frame> frame);

} // namespace cairn::evm
