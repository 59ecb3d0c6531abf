// prestateTracer: the accounts and slots a transaction touched, as they were before it; in diff mode what it changed.
#include "rpc/access_list_tracer.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/tracers.hpp"

namespace cairn::rpc {
namespace {

class PrestateTracer final : public TransactionTracer {
public:
    explicit PrestateTracer(const TraceOptions& options) : options_(options) {}

    void on_step(const Step& step) override {
        const auto touch = touched_by(step);
        if (touch.slot) touched_[step.message.recipient].insert(*touch.slot);
        if (touch.account) touched_.try_emplace(*touch.account);
    }
    void on_enter(const evm::Message& message, BytesView) override {
        touched_.try_emplace(message.sender);
        const bool creates = message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2;
        if (!creates) touched_.try_emplace(message.code_address);
    }
    void on_exit(const evm::Message&, const evm::CallResult& result) override {
        if (!result.created.is_zero()) touched_.try_emplace(result.created);
    }

    Answer result(const TracedRun& run) override {
        touched_.try_emplace(run.transaction.sender);
        touched_.try_emplace(run.block.coinbase);
        if (run.transaction.body.to) touched_.try_emplace(*run.transaction.body.to);
        for (const auto& [address, change] : run.changes) {
            auto& slots = touched_[address];
            for (const auto& [slot, value] : change.storage) slots.insert(slot);
        }
        JsonWriter out;
        out.begin_object();
        if (options_.diff_mode) {
            out.key("post").begin_object();
            write_post(out, run);
            out.end_object();
            out.key("pre").begin_object();
            for (const auto& [address, change] : run.changes)
                if (is_changed(run, address, change)) write_before(out, run, address, &change);
            out.end_object();
        } else {
            for (const auto& [address, slots] : touched_) write_before(out, run, address, nullptr);
        }
        out.end_object();
        return out.take();
    }

private:
    static bool is_changed(const TracedRun& run, const Address& address, const ledger::AccountDiff& change) {
        if (run.before.account(address) != change.account || change.storage_cleared) return true;
        return std::any_of(change.storage.begin(), change.storage.end(),
                           [&](const auto& slot) { return run.before.storage(address, slot.first) != slot.second; });
    }

    /// With `change`, only the slots that it changed.
    void write_before(JsonWriter& out, const TracedRun& run, const Address& address,
                      const ledger::AccountDiff* change) const {
        const auto account = run.before.account(address);
        if (!account && (change != nullptr || is_made_by(run, address))) return;
        out.key(to_hex(address)).begin_object();
        out.key("balance").quantity(account ? account->balance : U256{});
        if (account && account->nonce != 0) out.key("nonce").number(account->nonce);
        if (account && account->code_hash != crypto::kEmptyKeccak && !options_.disable_code) {
            out.key("code").hex(*run.before.code(account->code_hash));
            out.key("codeHash").hex(account->code_hash);
        }
        if (!options_.disable_storage) write_slots(out, run, address, change);
        out.end_object();
    }

    void write_slots(JsonWriter& out, const TracedRun& run, const Address& address,
                     const ledger::AccountDiff* change) const {
        std::map<U256, U256> slots;
        for (const auto& slot : touched_.at(address)) {
            const auto value = run.before.storage(address, slot);
            if (change == nullptr) {
                slots[slot] = value;
                continue;
            }
            const auto after = change->storage.find(slot);
            const bool differs = change->storage_cleared || (after != change->storage.end() && after->second != value);
            if (value && differs) slots[slot] = value;
        }
        if (slots.empty()) return;
        out.key("storage").begin_object();
        for (const auto& [slot, value] : slots) out.key(to_hex(to_big_endian(slot))).word(value);
        out.end_object();
    }

    void write_post(JsonWriter& out, const TracedRun& run) const {
        for (const auto& [address, change] : run.changes) {
            if (!change.account || !is_changed(run, address, change)) continue;
            const auto before = run.before.account(address).value_or(ledger::Account{});
            const auto& after = *change.account;
            out.key(to_hex(address)).begin_object();
            if (after.balance != before.balance) out.key("balance").quantity(after.balance);
            if (after.nonce != before.nonce) out.key("nonce").number(after.nonce);
            if (after.code_hash != before.code_hash && !options_.disable_code) {
                out.key("code").hex(change.code ? BytesView{*change.code} : BytesView{});
                out.key("codeHash").hex(after.code_hash);
            }
            std::map<U256, U256> slots;
            for (const auto& [slot, value] : change.storage)
                if (value && (change.storage_cleared || run.before.storage(address, slot) != value))
                    slots[slot] = value;
            if (!slots.empty() && !options_.disable_storage) {
                out.key("storage").begin_object();
                for (const auto& [slot, value] : slots) out.key(to_hex(to_big_endian(slot))).word(value);
                out.end_object();
            }
            out.end_object();
        }
    }

    static bool is_made_by(const TracedRun& run, const Address& address) {
        const auto found = run.changes.find(address);
        return found != run.changes.end() && found->second.account && found->second.code;
    }

    const TraceOptions options_;
    std::map<Address, std::set<U256>> touched_;
};

} // namespace

std::unique_ptr<TransactionTracer> make_prestate_tracer(const TraceOptions& options) {
    return std::make_unique<PrestateTracer>(options);
}

} // namespace cairn::rpc
