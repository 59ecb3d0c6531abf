// Contracts that contracts make: receipts name only the one that a transaction itself deploys.
#pragma once

#include "evm/machine.hpp"

#include <vector>

namespace cairn::execution {

/// Of one block. Asks the chain's own guard, and remembers where a contract was about to be made. One caller at a time.
class Births final : public evm::CallGuard {
public:
    /// `inner` may be null; it must outlive this.
    explicit Births(const evm::CallGuard* inner) : inner_(inner) {}

    std::optional<Bytes> refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                 const evm::Message& message) const override;
    bool refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                            const Address& target) const override;
    /// After a transaction: what it made inside and what stayed, in the order in which it was begun.
    std::vector<Address> take(evm::State& state);

private:
    const evm::CallGuard* inner_;
    mutable std::vector<Address> begun_;
};

} // namespace cairn::execution
