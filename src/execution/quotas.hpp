// What one contract may use of one block, as the organisations voted: messages to it and to its methods, log bytes, empty storage
// slots touched (which bounds how much it can grow). Counted per block, in the order of execution, from nothing but the state
// before the block and the block itself: the same at every node.
//
// A message to a contract that has used up a quota reverts. Logs and slots are added up after each transaction, so one
// transaction may pass the limit; the next message is refused.
#pragma once

#include "evm/machine.hpp"
#include "ledger/receipt.hpp"

#include <array>
#include <functional>
#include <map>
#include <set>

namespace cairn::execution {

/// 0: no limit.
struct ContractQuota {
    std::uint64_t calls = 0;
    std::uint64_t slots = 0;
    std::uint64_t log_bytes = 0;
    bool any() const { return calls != 0 || slots != 0 || log_bytes != 0; }
};

/// Where quotas come from: the chain's parameters at this block.
struct QuotaSource {
    std::function<ContractQuota(const Address& contract)> contract;
    /// Asked only of contracts with a quota of calls, which bounds how often.
    std::function<std::uint64_t(const Address& contract, const std::array<std::uint8_t, 4>& selector)> method;
};

/// Of one block. One caller at a time.
class Quotas final : public evm::CallGuard {
public:
    /// `base`: the state before the block; `inner`: the chain's own guard, asked first; may be null. Both must outlive this.
    Quotas(const ledger::StateView& base, const evm::CallGuard* inner, QuotaSource source);

    /// The base, with each first touch of an empty slot counted.
    const ledger::StateView& view() const { return view_; }

    std::optional<Bytes> refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                 const evm::Message& message) const override;
    bool refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                            const Address& target) const override;
    /// After each transaction that the block holds.
    void add_logs(const std::vector<ledger::Log>& logs);

private:
    struct Method {
        std::uint64_t limit = 0;
        std::uint64_t calls = 0;
    };
    struct Meter {
        ContractQuota limit;
        std::uint64_t calls = 0;
        std::uint64_t log_bytes = 0;
        std::set<U256> slots;
        std::map<std::array<std::uint8_t, 4>, Method> methods;
    };
    class View final : public ledger::StateView {
    public:
        View(const ledger::StateView& base, const Quotas& quotas) : base_(base), quotas_(quotas) {}
        std::optional<ledger::Account> account(const Address& address) const override { return base_.account(address); }
        std::shared_ptr<const Bytes> code(const Hash256& hash) const override { return base_.code(hash); }
        U256 storage(const Address& address, const U256& slot) const override;
        bool has_storage(const Address& address) const override { return base_.has_storage(address); }

    private:
        const ledger::StateView& base_;
        const Quotas& quotas_;
    };

    /// Null if the contract has no quota.
    Meter* meter_of(const Address& contract) const;

    const evm::CallGuard* inner_;
    const QuotaSource source_;
    const View view_;
    mutable std::map<Address, std::optional<Meter>> meters_;
};

} // namespace cairn::execution
