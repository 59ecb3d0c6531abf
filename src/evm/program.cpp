#include "evm/program.hpp"

#include <list>
#include <unordered_map>

namespace cairn::evm {
namespace {

constexpr std::uint8_t kJumpdest = 0x5b;
constexpr std::uint8_t kPush1 = 0x60;
constexpr std::uint8_t kPush32 = 0x7f;
constexpr std::size_t kPadding = 33;

class ProgramCache {
public:
    std::shared_ptr<const Program> get(const Hash256& hash, BytesView code) {
        if (const auto found = index_.find(hash); found != index_.end()) {
            recent_.splice(recent_.begin(), recent_, found->second);
            return found->second->program;
        }
        auto program = std::make_shared<const Program>(analyse(code));
        bytes_ += cost(*program);
        recent_.push_front({hash, program});
        index_.emplace(hash, recent_.begin());
        while (bytes_ > kProgramCacheBytes && recent_.size() > 1) {
            bytes_ -= cost(*recent_.back().program);
            index_.erase(recent_.back().hash);
            recent_.pop_back();
        }
        return program;
    }

private:
    struct Item {
        Hash256 hash;
        std::shared_ptr<const Program> program;
    };
    static std::size_t cost(const Program& program) {
        return program.padded.size() + program.targets.size() * 8 + 256; // and the bookkeeping
    }

    std::list<Item> recent_; // most recent first
    std::unordered_map<Hash256, std::list<Item>::iterator> index_;
    std::size_t bytes_ = 0;
};

} // namespace

Program analyse(BytesView code) {
    Program out;
    out.size = code.size();
    out.padded.reserve(code.size() + kPadding);
    out.padded.assign(code.begin(), code.end());
    out.padded.resize(code.size() + kPadding);
    out.targets.resize(code.size() / 64 + 1);
    for (std::size_t i = 0; i < code.size(); ++i) {
        const auto opcode = code[i];
        if (opcode == kJumpdest)
            out.targets[i / 64] |= std::uint64_t{1} << (i % 64);
        else if (opcode >= kPush1 && opcode <= kPush32)
            i += opcode - kPush1 + 1u;
    }
    return out;
}

std::shared_ptr<const Program> empty_program() {
    static const auto instance = std::make_shared<const Program>(analyse({}));
    return instance;
}

std::shared_ptr<const Program> cached_program(const Hash256& code_hash, BytesView code) {
    thread_local ProgramCache cache;
    return cache.get(code_hash, code);
}

} // namespace cairn::evm
