// A state over another one, for calls that pretend and for replaying a block: reads what was laid over, else the base.
#pragma once

#include "ledger/account.hpp"
#include "rpc/parameters.hpp"

#include <map>
#include <memory>

namespace cairn::rpc {

/// Not thread-safe while it is changed; the base is never changed.
class ScratchState final : public ledger::StateView {
public:
    explicit ScratchState(std::shared_ptr<const ledger::StateView> base) : base_(std::move(base)) {}

    /// Lays the result of a run over.
    void apply(const ledger::StateDiff& diff);
    void apply(const StateOverrides& overrides);

    std::optional<ledger::Account> account(const Address& address) const override;
    std::shared_ptr<const Bytes> code(const Hash256& code_hash) const override;
    U256 storage(const Address& address, const U256& slot) const override;
    bool has_storage(const Address& address) const override;

private:
    struct Layer {
        bool replaces_account = false;
        std::optional<ledger::Account> account;
        bool replaces_storage = false; // slots that are not in `storage` are zero
        std::map<U256, U256> storage;
    };

    std::shared_ptr<const ledger::StateView> base_;
    std::map<Address, Layer> layers_;
    std::map<Hash256, std::shared_ptr<const Bytes>> code_;
};

} // namespace cairn::rpc
