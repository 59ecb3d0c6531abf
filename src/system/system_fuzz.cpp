// Input: which contract, how it is called, and call data. Whatever comes, the call ends within its gas, a failed call changes
// nothing, and the same call gives the same result.
#include "base/assert.hpp"
#include "system/system_contracts.hpp"

using namespace cairn;

namespace {

class GenesisView final : public ledger::StateView {
public:
    GenesisView() {
        ledger::Genesis genesis;
        crypto::ValidatorPublicKey key;
        key.bytes.fill(1);
        Address account;
        account.bytes.fill(2);
        genesis.organisations.push_back({"Alpha", "certificate", key, account});
        genesis.validators.members.push_back({"Alpha-1", "Alpha", key, "127.0.0.1:1"});
        for (std::uint8_t role = 0; role < 3; ++role) {
            Address administrator;
            administrator.bytes.fill(static_cast<std::uint8_t>(role + 7)); // the stranger below audits
            genesis.roles[administrator] = mask_of(static_cast<ledger::Role>(role));
        }
        const auto accounts = system::genesis_accounts(genesis);
        CRN_ASSERT(accounts.has_value());
        accounts_ = *accounts;
    }
    std::optional<ledger::Account> account(const Address& address) const override {
        const auto found = accounts_.find(address);
        return found == accounts_.end() ? std::nullopt : found->second.account;
    }
    std::shared_ptr<const Bytes> code(const Hash256&) const override {
        return std::make_shared<const Bytes>(Bytes{system::kMarkerCode});
    }
    U256 storage(const Address& address, const U256& slot) const override {
        const auto found = accounts_.find(address);
        if (found == accounts_.end()) return {};
        const auto word = found->second.storage.find(slot);
        return word == found->second.storage.end() ? U256{} : word->second;
    }
    bool has_storage(const Address& address) const override {
        const auto found = accounts_.find(address);
        return found != accounts_.end() && !found->second.storage.empty();
    }

private:
    ledger::StateDiff accounts_;
};

struct Outcome {
    evm::CallResult result;
    ledger::StateDiff diff;
};

Outcome run(const GenesisView& view, const evm::Message& message) {
    evm::State state{view};
    evm::BlockEnvironment block;
    block.number = 5;
    block.timestamp = 1'700'000'000;
    Outcome out;
    {
        const evm::TransactionEnvironment transaction; // the machine keeps a reference
        evm::Machine machine{state, block, transaction, evm::Revision::osaka, {.natives = &system::native_contracts()}};
        out.result = machine.run(message);
    }
    state.finish_transaction();
    out.diff = state.diff();
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const GenesisView view;
    if (size < 2) return 0;
    evm::Message message;
    message.recipient = message.code_address = system::system_address(static_cast<std::uint8_t>(1 + data[0] % 8));
    message.is_static = (data[0] & 0x80) != 0;
    message.sender.bytes.fill((data[0] & 0x40) != 0 ? 2 : 9); // a member, or a stranger
    message.gas = static_cast<std::int64_t>(data[1]) * 4096;
    message.input = BytesView{data + 2, size - 2};
    const Outcome first = run(view, message);
    CRN_ASSERT(first.result.gas_left >= 0 && first.result.gas_left <= message.gas);
    if (!first.result.ok() || message.is_static) {
        for (const auto& [address, change] : first.diff) CRN_ASSERT(change.storage.empty());
    }
    const Outcome second = run(view, message);
    CRN_ASSERT(first.result.outcome == second.result.outcome && first.result.gas_left == second.result.gas_left);
    CRN_ASSERT(first.result.output == second.result.output && first.diff == second.diff);
    return 0;
}
