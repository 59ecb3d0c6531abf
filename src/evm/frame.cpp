#include "evm/frame.hpp"

#include "base/assert.hpp"

namespace cairn::evm {
namespace {

constexpr std::size_t kFramesKept = 64;
constexpr std::uint64_t kMemoryKept = 256 * 1024;
constexpr std::uint64_t kMemoryFirst = 4096;

std::vector<std::unique_ptr<Frame>>& spare_frames() {
    thread_local std::vector<std::unique_ptr<Frame>> instance;
    return instance;
}

} // namespace

void Memory::grow(std::uint64_t size) {
    if (size <= size_) return;
    if (size > capacity_) {
        capacity_ = std::max({size, capacity_ * 2, kMemoryFirst});
        bytes_ = static_cast<std::uint8_t*>(std::realloc(bytes_, capacity_));
        CRN_ASSERT(bytes_ != nullptr);
    }
    std::memset(bytes_ + size_, 0, size - size_);
    size_ = size;
}

void Memory::reset() {
    size_ = 0;
    if (capacity_ <= kMemoryKept) return;
    std::free(bytes_);
    bytes_ = nullptr;
    capacity_ = 0;
}

void Frame::trace(std::int64_t gas_left, const U256* stack_top, Outcome error) {
    if (traced) return;
    traced = true;
    context->options.tracer->on_step({.pc = static_cast<std::uint64_t>(traced_position - program->padded.data()),
                                      .opcode = *traced_position,
                                      .gas = traced_gas,
                                      .gas_cost = traced_gas - gas_left,
                                      .depth = message.depth + 1,
                                      .stack = {stack, static_cast<std::size_t>(stack_top - stack)},
                                      .memory = memory.view().first(traced_memory_size),
                                      .return_data = return_data,
                                      .error = error,
                                      .message = message});
}

std::unique_ptr<Frame> acquire_frame() {
    auto& spare = spare_frames();
    if (spare.empty()) return std::make_unique<Frame>();
    auto frame = std::move(spare.back());
    spare.pop_back();
    return frame;
}

void release_frame(std::unique_ptr<Frame> frame) {
    auto& spare = spare_frames();
    if (spare.size() >= kFramesKept) return;
    frame->memory.reset();
    frame->program.reset();
    frame->return_data.clear();
    if (frame->return_data.capacity() > kMemoryKept) frame->return_data = {};
    frame->message = {};
    frame->pending = {};
    spare.push_back(std::move(frame));
}

} // namespace cairn::evm
