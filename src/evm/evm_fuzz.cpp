// Random programs: three contracts that can call each other, under every revision, plain and traced. Nothing may crash,
// gas never grows or goes below zero, a failed message leaves no change, and the tracing loop agrees with the fast one.
#include "base/assert.hpp"
#include "evm/bytecode.hpp"

namespace cairn::evm {
namespace {

using testing::address;
using testing::Base;

struct Run {
    CallResult result;
    std::vector<ledger::Log> logs;
    ledger::StateDiff diff;
};

class Checker : public Tracer {
public:
    void on_step(const Step& step) override {
        CRN_ASSERT(step.gas >= 0);
        CRN_ASSERT(step.stack.size() <= 1024);
        CRN_ASSERT(step.memory.size() % 32 == 0);
    }
    void on_enter(const Message& message, BytesView) override {
        CRN_ASSERT(message.gas >= 0);
        ++open_;
    }
    void on_exit(const Message& message, const CallResult& result) override {
        CRN_ASSERT(result.gas_left >= 0 && result.gas_left <= message.gas);
        --open_;
    }
    int open() const { return open_; }

private:
    int open_ = 0;
};

Run run(const Base& base, const Message& message, Revision revision, Tracer* tracer) {
    BlockEnvironment block;
    block.number = 500;
    block.gas_limit = 30'000'000;
    block.block_hash = [](std::uint64_t number) { return to_big_endian(number); };
    TransactionEnvironment transaction;
    transaction.blob_hashes.resize(2);
    State state{base};
    Machine machine{state, block, transaction, revision, {.natives = nullptr, .tracer = tracer}};
    state.set_nonce(message.sender, 2);
    const auto before = state.checkpoint();
    Run out;
    out.result = machine.run(message);
    CRN_ASSERT(out.result.gas_left >= 0 && out.result.gas_left <= message.gas);
    if (!out.result.ok()) {
        CRN_ASSERT(state.logs().empty());
        CRN_ASSERT(out.result.outcome == Outcome::revert || out.result.output.empty());
    }
    const bool keep = out.result.ok();
    if (!keep) state.revert_to(before);
    out.logs = state.finish_transaction();
    out.diff = state.diff();
    if (!keep) CRN_ASSERT(out.diff.size() == 1); // the sender's nonce alone
    return out;
}

} // namespace
} // namespace cairn::evm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::evm;
    if (size < 4) return 0;
    const auto revision = static_cast<Revision>(data[0] % 3);
    const bool creates = (data[0] & 0x80) != 0;
    const std::int64_t gas = 1000 << (data[1] % 10);
    BytesView rest{data + 4, size - 4};
    const auto take = [&](std::size_t share) {
        const auto part = rest.first(std::min(rest.size(), share));
        rest = rest.subspan(part.size());
        return to_bytes(part);
    };
    Base base;
    base.accounts[testing::address(9)] = {1, U256{1000}, crypto::kEmptyKeccak};
    const auto first = take(std::size_t{data[2]} * 4);
    base.put_code(testing::address(0x21), first);
    base.put_code(testing::address(0x22), take(std::size_t{data[3]} * 4));
    base.put_code(testing::address(0x23), take(64));
    base.slots[testing::address(0x21)][1] = 5;
    for (const std::uint64_t number : {0x21, 0x22, 0x23}) base.accounts[testing::address(number)].balance = 100;

    Message message;
    message.gas = gas;
    message.sender = testing::address(9);
    message.value = 3;
    if (creates) {
        message.kind = CallKind::create;
        message.input = first;
    } else {
        message.recipient = message.code_address = testing::address(0x21);
        message.input = rest;
    }
    const auto plain = run(base, message, revision, nullptr);
    Checker checker;
    const auto traced = run(base, message, revision, &checker);
    CRN_ASSERT(checker.open() == 0);
    CRN_ASSERT(plain.result.outcome == traced.result.outcome && plain.result.gas_left == traced.result.gas_left);
    CRN_ASSERT(plain.result.output == traced.result.output && plain.result.created == traced.result.created);
    CRN_ASSERT(plain.logs == traced.logs && plain.diff.size() == traced.diff.size());
    return 0;
}
