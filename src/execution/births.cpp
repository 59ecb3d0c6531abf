#include "execution/births.hpp"

#include "crypto/hash.hpp"

#include <algorithm>

namespace cairn::execution {
namespace {

bool has_code(evm::State& state, const Address& address) {
    const auto code = state.code_hash(address);
    return !code.is_zero() && code != crypto::kEmptyKeccak;
}

} // namespace

std::optional<Bytes> Births::refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                     const evm::Message& message) const {
    if (inner_ != nullptr)
        if (auto refused = inner_->refusal(state, block, origin, message)) return refused;
    // What the transaction itself deploys stands in its receipt.
    if (message.depth == 0) return std::nullopt;
    std::optional<Address> place;
    if (message.kind == evm::CallKind::create)
        place = evm::create_address(message.sender, state.nonce(message.sender));
    else if (message.kind == evm::CallKind::create2)
        place = evm::create2_address(message.sender, message.salt, crypto::keccak256(message.input));
    // Where there is a contract already nothing can be made.
    if (place && !has_code(state, *place)) begun_.push_back(*place);
    return std::nullopt;
}

bool Births::refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                                const Address& target) const {
    return inner_ != nullptr && inner_->refuses_delegation(state, block, authority, target);
}

std::vector<Address> Births::take(evm::State& state) {
    std::vector<Address> out;
    for (const auto& address : begun_) {
        if (!has_code(state, address)) continue; // reverted, or gone again
        if (std::ranges::find(out, address) == out.end()) out.push_back(address);
    }
    begun_.clear();
    return out;
}

} // namespace cairn::execution
