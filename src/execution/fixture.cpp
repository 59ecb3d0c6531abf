#include "execution/fixture.hpp"

#include "base/errors/execution.hpp"
#include "base/errors/ledger.hpp"
#include "evm/precompiles.hpp"
#include "ledger/receipt.hpp"
#include "state/state_store.hpp"

#include <algorithm>
#include <cctype>

namespace cairn::execution {
namespace {

ledger::StateDiff as_diff(const FixtureAccounts& accounts) {
    ledger::StateDiff diff;
    for (const auto& [address, account] : accounts) {
        auto& change = diff[address];
        change.account = ledger::Account{account.nonce, account.balance, crypto::keccak256(account.code)};
        change.storage = account.storage;
        if (!account.code.empty()) change.code = std::make_shared<const Bytes>(account.code);
    }
    return diff;
}

std::string compare_fields(const ledger::Transaction& decoded, const ledger::Transaction& wanted) {
    auto adjusted = wanted;
    adjusted.signature = decoded.signature;
    // The fixture's fields do not say whether a legacy transaction is bound to its chain.
    if (decoded.type == ledger::TransactionType::legacy) adjusted.chain_id = decoded.chain_id;
    return decoded == adjusted ? "" : "txbytes decode to other fields than the fixture names";
}

/// The signed transaction of the case: decoded from its bytes, or built from its fields.
Result<ledger::SignedTransaction> signed_transaction(const StateTest& test, const StateTestCase& test_case) {
    if (test_case.txbytes) return ledger::decode_signed_transaction(*test_case.txbytes);
    if (!test_case.transaction) return fail(error::TransactionInvalid, "a field does not fit its type");
    auto body = *test_case.transaction;
    if (test.secret_key) {
        CRN_CHECK(ledger::sign_transaction(body, *test.secret_key));
        return ledger::decode_signed_transaction(ledger::encode_transaction(body));
    }
    if (!test.sender) return fail(error::FixtureInvalid, "neither txbytes, key nor sender");
    return ledger::SignedTransaction{body, {}, {}, *test.sender};
}

Rules rules_for(const StateTest& test, evm::Revision revision) {
    Rules rules;
    rules.revision = revision;
    rules.chain_id = test.block.chain_id;
    rules.accept_blobs = true;
    return rules;
}

std::string hex(const U256& value) { return to_quantity(value); }

/// One line per field of `address` that is not as expected.
void compare_account(std::string& out, const Address& address, const FixtureAccount* wanted,
                     const state::MemoryState& view, const std::map<U256, U256>& touched_slots) {
    const auto line = [&](const std::string& what) { out += "\n  " + to_hex(address) + " " + what; };
    const auto have = view.account(address);
    if (!wanted || !have) {
        if (wanted && !have) line("is missing");
        if (!wanted && have) line("should not exist");
        return;
    }
    if (have->nonce != wanted->nonce)
        line("nonce " + std::to_string(have->nonce) + ", expected " + std::to_string(wanted->nonce));
    if (have->balance != wanted->balance) line("balance " + hex(have->balance) + ", expected " + hex(wanted->balance));
    if (have->code_hash != crypto::keccak256(wanted->code)) line("code differs");
    auto slots = touched_slots;
    for (const auto& [slot, value] : wanted->storage) slots[slot] = value;
    for (const auto& [slot, unused] : slots) {
        const auto found = wanted->storage.find(slot);
        const auto expected = found == wanted->storage.end() ? U256{} : found->second;
        const auto value = view.storage(address, slot);
        if (value != expected) line("slot " + hex(slot) + " is " + hex(value) + ", expected " + hex(expected));
    }
}

std::string differences(const StateTest& test, const StateTestCase& test_case, const state::MemoryState& view,
                        const ledger::StateDiff& diff) {
    if (!test_case.expected_state) return "";
    std::map<Address, std::map<U256, U256>> known; // addresses and slots that may hold anything
    for (const auto& [address, account] : *test_case.expected_state) known[address];
    for (const auto& [address, account] : test.accounts)
        known[address].insert(account.storage.begin(), account.storage.end());
    for (const auto& [address, change] : diff) known[address].insert(change.storage.begin(), change.storage.end());
    std::string out;
    for (const auto& [address, slots] : known) {
        const auto wanted = test_case.expected_state->find(address);
        compare_account(out, address, wanted == test_case.expected_state->end() ? nullptr : &wanted->second, view,
                        slots);
    }
    return out;
}

struct Run {
    std::optional<Error> rejection;
    std::vector<ledger::Log> logs;
    ledger::StateDiff diff;
};

Run execute(const StateTest& test, const StateTestCase& test_case, const state::MemoryState& view,
            const ledger::SignedTransaction& transaction, evm::Tracer* tracer) {
    auto block = test.block;
    const auto fraction = test.blob_fee_fractions.find(test_case.revision);
    block.blob_base_fee = blob_base_fee(test.excess_blob_gas, fraction != test.blob_fee_fractions.end()
                                                                  ? fraction->second
                                                                  : blob_fee_fraction(test_case.revision));
    auto rules = rules_for(test, test_case.revision);
    rules.tracer = tracer;
    evm::State state(view);
    auto outcome = apply_transaction(state, transaction, block, block.gas_limit, rules);
    if (!outcome) return {outcome.error(), {}, state.diff()};
    return {std::nullopt, std::move(outcome->receipt.logs), state.diff()};
}

/// Notices calls of precompiles that the EVM does not have yet.
class MissingPrecompiles final : public evm::Tracer {
public:
    explicit MissingPrecompiles(evm::Revision revision) : revision_(revision) {}
    void on_enter(const evm::Message& message, BytesView) override {
        const auto number = evm::precompile_number(message.code_address, revision_);
        if (number && evm::is_precompile_missing(*number)) called_ = number;
    }
    std::optional<unsigned> called() const { return called_; }

private:
    evm::Revision revision_;
    std::optional<unsigned> called_;
};

/// What the case should have given and did not; nothing if all is as expected.
std::optional<std::string> fault_of(const StateTest& test, const StateTestCase& test_case, state::MemoryState& view,
                                    const Run& run) {
    const auto& expected = test_case.exception;
    if (run.rejection && expected.empty()) return "rejected: " + run.rejection->text();
    if (!run.rejection && !expected.empty()) return "accepted, expected " + expected;
    if (run.rejection && !matches_exception(*run.rejection, expected))
        return "rejected for another reason: " + run.rejection->text() + ", expected " + expected;
    view.apply(run.diff);
    if (const auto root = view.root(); root != test_case.root)
        return "state root " + to_hex(root) + ", expected " + to_hex(test_case.root) +
               differences(test, test_case, view, run.diff);
    if (const auto hash = ledger::logs_hash(run.logs); hash != test_case.logs_hash)
        return "logs hash " + to_hex(hash) + ", expected " + to_hex(test_case.logs_hash);
    return std::nullopt;
}

} // namespace

std::string_view name_of(evm::Revision revision) {
    switch (revision) {
    case evm::Revision::cancun: return "Cancun";
    case evm::Revision::prague: return "Prague";
    case evm::Revision::osaka: return "Osaka";
    }
    return "";
}

std::optional<evm::Revision> revision_from_name(std::string_view name) {
    for (const auto revision : {evm::Revision::cancun, evm::Revision::prague, evm::Revision::osaka})
        if (std::ranges::equal(name, name_of(revision), [](char a, char b) {
                return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
            }))
            return revision;
    return std::nullopt;
}

CaseResult run_state_test_case(const StateTest& test, const StateTestCase& test_case) {
    const auto failed = [](std::string reason) { return CaseResult{Verdict::failed, std::move(reason)}; };
    state::MemoryState view;
    view.apply(as_diff(test.accounts));

    const auto transaction = signed_transaction(test, test_case);
    if (transaction && test_case.txbytes) {
        if (test.sender && transaction->sender != *test.sender)
            return failed("sender recovered as " + to_hex(transaction->sender));
        if (!test_case.transaction) return failed("a field does not fit its type, but txbytes decode");
        if (auto fault = compare_fields(transaction->body, *test_case.transaction); !fault.empty())
            return failed(std::move(fault));
    }
    if (!transaction) {
        auto fault = fault_of(test, test_case, view, {transaction.error(), {}, {}});
        return fault ? failed(std::move(*fault)) : CaseResult{};
    }

    auto after = view;
    auto fault = fault_of(test, test_case, after, execute(test, test_case, view, *transaction, nullptr));
    if (!fault) return {};
    MissingPrecompiles missing(test_case.revision);
    (void)execute(test, test_case, view, *transaction, &missing);
    if (missing.called())
        return {Verdict::skipped,
                "calls precompile " + to_quantity(std::uint64_t{*missing.called()}) + ", not there yet"};
    return failed(std::move(*fault));
}

} // namespace cairn::execution
