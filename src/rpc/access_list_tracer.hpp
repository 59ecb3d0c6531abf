// Notes which accounts and slots a run touches, for eth_createAccessList.
#pragma once

#include "evm/machine.hpp"

#include <map>
#include <set>

namespace cairn::rpc {

class AccessListTracer final : public evm::Tracer {
public:
    /// Accounts in `free` are warm anyway: they are listed only if slots of theirs are.
    explicit AccessListTracer(std::set<Address> free) : free_(std::move(free)) {}

    void on_step(const Step& step) override;
    void on_exit(const evm::Message& message, const evm::CallResult& result) override;

    std::vector<ledger::AccessListEntry> list(evm::Revision revision) const;

private:
    std::set<Address> free_;
    std::map<Address, std::set<U256>> touched_;
};

/// The address in the low 20 bytes of a stack word.
Address address_of_word(const U256& word);
/// What account and slot an instruction is about to look at; nothing for most.
struct Touch {
    std::optional<Address> account;
    std::optional<U256> slot; // of the running contract
};
Touch touched_by(const evm::Tracer::Step& step);

} // namespace cairn::rpc
