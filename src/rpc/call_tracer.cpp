// callTracer: the tree of calls.
#include "rpc/json_writer.hpp"
#include "rpc/tracers.hpp"

namespace cairn::rpc {
namespace {

constexpr std::size_t kFramesMax = 100'000;

std::string_view name_of(evm::CallKind kind) {
    switch (kind) {
    case evm::CallKind::call: return "CALL";
    case evm::CallKind::call_code: return "CALLCODE";
    case evm::CallKind::delegate_call: return "DELEGATECALL";
    case evm::CallKind::static_call: return "STATICCALL";
    case evm::CallKind::create: return "CREATE";
    case evm::CallKind::create2: break;
    }
    return "CREATE2";
}

struct Frame {
    std::string_view type;
    Address from;
    std::optional<Address> to;
    std::optional<U256> value;
    std::uint64_t gas = 0;
    std::uint64_t gas_used = 0;
    Bytes input;
    Bytes output;
    evm::Outcome outcome = evm::Outcome::success;
    struct PlacedLog {
        ledger::Log log;
        std::size_t position; // after so many sub-calls
    };
    std::vector<PlacedLog> logs;
    std::vector<Frame> calls;
};

class CallTracer final : public TransactionTracer {
public:
    CallTracer(const TraceOptions& options, const RpcLimits& limits, evm::State& state)
        : options_(options), limits_(limits), state_(state) {}

    void on_enter(const evm::Message& message, BytesView) override {
        if (is_skipped()) {
            ++skipped_;
            return;
        }
        if (++frames_ > kFramesMax || bytes_ > limits_.answer_bytes_max) {
            overflow_ = true;
            ++skipped_;
            return;
        }
        Frame frame;
        frame.type = name_of(message.kind);
        // In a delegate call the running contract calls, whoever its own caller is.
        frame.from = message.kind == evm::CallKind::delegate_call || message.kind == evm::CallKind::call_code
                         ? message.recipient
                         : message.sender;
        const bool creates = message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2;
        if (!creates) frame.to = message.code_address;
        if (message.kind != evm::CallKind::static_call) frame.value = message.value;
        frame.gas = static_cast<std::uint64_t>(std::max<std::int64_t>(0, message.gas));
        frame.input = to_bytes(message.input);
        bytes_ += 2 * frame.input.size() + 256;
        stack_.push_back(std::move(frame));
    }

    void on_exit(const evm::Message& message, const evm::CallResult& result) override {
        if (skipped_ > 0) {
            --skipped_;
            return;
        }
        if (stack_.empty()) return;
        auto frame = std::move(stack_.back());
        stack_.pop_back();
        frame.outcome = result.outcome;
        frame.gas_used = frame.gas - static_cast<std::uint64_t>(std::clamp<std::int64_t>(
                                         result.gas_left, 0, static_cast<std::int64_t>(frame.gas)));
        const bool creates = message.kind == evm::CallKind::create || message.kind == evm::CallKind::create2;
        if (creates && result.ok()) {
            frame.to = result.created;
            frame.output = *state_.code(result.created);
        } else if (result.ok() || result.outcome == evm::Outcome::revert) {
            frame.output = result.output;
        }
        bytes_ += 2 * frame.output.size();
        if (stack_.empty())
            root_ = std::move(frame);
        else
            stack_.back().calls.push_back(std::move(frame));
    }

    void on_destroy(const Address& contract, const Address& heir, const U256& balance) override {
        if (stack_.empty() || skipped_ > 0 || options_.only_top_call) return;
        Frame frame;
        frame.type = "SELFDESTRUCT";
        frame.from = contract;
        frame.to = heir;
        frame.value = balance;
        stack_.back().calls.push_back(std::move(frame));
    }

    void on_log(const ledger::Log& log) override {
        if (!options_.with_log || stack_.empty() || skipped_ > 0) return;
        bytes_ += 2 * log.data.size() + 512;
        if (bytes_ > limits_.answer_bytes_max) {
            overflow_ = true;
            return;
        }
        stack_.back().logs.push_back({log, stack_.back().calls.size()});
    }

    Answer result(const TracedRun& run) override {
        if (overflow_) return rpc_fail(code::kLimit, "trace too large: use onlyTopCall, or trace fewer transactions");
        // The outermost frame speaks of the whole transaction.
        root_.from = run.transaction.sender;
        root_.gas = run.transaction.body.gas_limit;
        root_.gas_used = run.outcome.receipt.gas_used;
        JsonWriter out;
        write(out, root_, false);
        return out.take();
    }

private:
    bool is_skipped() const { return skipped_ > 0 || (options_.only_top_call && !stack_.empty()); }

    void write(JsonWriter& out, const Frame& frame, bool undone) const {
        const bool failed = frame.outcome != evm::Outcome::success;
        out.begin_object();
        out.key("from").hex(frame.from);
        out.key("gas").quantity(frame.gas);
        out.key("gasUsed").quantity(frame.gas_used);
        if (frame.to) out.key("to").hex(*frame.to);
        out.key("input").hex(frame.input);
        if (!frame.output.empty()) out.key("output").hex(frame.output);
        if (failed) {
            out.key("error").text(evm::describe(frame.outcome));
            if (frame.outcome == evm::Outcome::revert)
                if (const auto reason = revert_reason(frame.output); !reason.empty())
                    out.key("revertReason").text(reason);
        }
        if (!frame.calls.empty()) {
            out.key("calls").begin_array();
            for (const auto& call : frame.calls) write(out, call, undone || failed);
            out.end_array();
        }
        // What a failed call logged did not happen.
        if (!frame.logs.empty() && !undone && !failed) {
            out.key("logs").begin_array();
            for (const auto& [log, position] : frame.logs) {
                out.begin_object();
                out.key("address").hex(log.address);
                out.key("topics").begin_array();
                for (const auto& topic : log.topics) out.hex(topic);
                out.end_array();
                out.key("data").hex(log.data);
                out.key("position").quantity(position);
                out.end_object();
            }
            out.end_array();
        }
        if (frame.value) out.key("value").quantity(*frame.value);
        out.key("type").text(frame.type);
        out.end_object();
    }

    const TraceOptions options_;
    const RpcLimits& limits_;
    evm::State& state_;
    std::vector<Frame> stack_; // frames that are open
    Frame root_;
    std::size_t skipped_ = 0; // open frames that are not noted
    std::size_t frames_ = 0;
    std::size_t bytes_ = 0;
    bool overflow_ = false;
};

} // namespace

std::unique_ptr<TransactionTracer> make_call_tracer(const TraceOptions& options, const RpcLimits& limits,
                                                    evm::State& state) {
    return std::make_unique<CallTracer>(options, limits, state);
}

} // namespace cairn::rpc
