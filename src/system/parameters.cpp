// Parameters of the chain. Interface: contracts/IParameters.sol.
#include "system/parameters.hpp"

#include "ledger/slot_layout.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/governance.hpp"

#include <optional>

namespace cairn::system {

namespace {

// contracts/IParameters.sol
constexpr std::uint64_t kParametersSlot = 0;

/// Name on chain, and the values that organisations may choose; min above max: given for ever.
struct Rule {
    std::string_view name;
    U256 min;
    U256 max;
    bool is_fixed() const { return max < min; }
};
constexpr Rule kChainId{"chainId", 1, 0};
constexpr Rule kFixedGasPrice{"fixedGasPrice", 0, {0, 1, 0, 0}};
constexpr Rule kBlockGasLimit{"blockGasLimit", 30'000'000, 1ull << 53};
constexpr Rule kTransactionGasCap{"transactionGasCap", 10'000'000, 1ull << 53};
constexpr Rule kCodeBytesMax{"codeBytesMax", 24'576, 1u << 20};
constexpr Rule kHistoryBlocks{"historyBlocks", 1, 0};
constexpr Rule kMinBlockIntervalMs{"minBlockIntervalMs", 0, 60'000};
constexpr Rule kSuite{"suite", 1, 3}; // ledger::Suite
constexpr std::array kRules{kChainId,      kFixedGasPrice, kBlockGasLimit,      kTransactionGasCap,
                            kCodeBytesMax, kHistoryBlocks, kMinBlockIntervalMs, kSuite};

constexpr Event kParameterChanged{.name = "ParameterChanged", .indexed = "", .data = "string,uint256,uint256"};
constexpr std::string_view kParameterUnknown = "ParameterUnknown(string)";
constexpr std::string_view kValueRefused = "ValueRefused(string,uint256,uint256)";
constexpr std::string_view kActivationTooEarly = "ActivationTooEarly(uint256,uint256)";
constexpr std::string_view kChangePending = "ChangePending(string,uint256)";

const Rule* rule_of(const AbiValue& name) {
    const auto found = std::find_if(kRules.begin(), kRules.end(),
                                    [&](const Rule& rule) { return rule.name == as_text(name.bytes()); });
    return found == kRules.end() ? nullptr : &*found;
}

/// struct Parameter { uint256 current; uint256 next; uint64 activation; }
class Parameter {
public:
    Parameter(Slots& slots, std::string_view name)
        : slots_(slots), slot_(ledger::mapping_slot(name, kParametersSlot)) {}

    U256 at(std::uint64_t block) {
        const std::uint64_t from = activation();
        return slots_.load(from != 0 && block >= from ? slot_ + U256{1} : slot_);
    }
    std::uint64_t activation() { return slots_.load(slot_ + U256{2}).low(); }
    U256 next() { return slots_.load(slot_ + U256{1}); }
    void set(const U256& value) { slots_.store(slot_, value); }
    void change(const U256& current, const U256& next, std::uint64_t activation) {
        slots_.store(slot_, current);
        slots_.store(slot_ + U256{1}, next);
        slots_.store(slot_ + U256{2}, activation);
    }

private:
    Slots& slots_;
    U256 slot_;
};

Reply get(Call& call, const AbiValue::List& arguments) {
    const Rule* rule = rule_of(arguments[0]);
    if (rule == nullptr) return revert(kParameterUnknown, {arguments[0]});
    return AbiValue::List{Parameter{call.own(), rule->name}.at(call.block().number)};
}

Reply pending(Call& call, const AbiValue::List& arguments) {
    const Rule* rule = rule_of(arguments[0]);
    if (rule == nullptr) return revert(kParameterUnknown, {arguments[0]});
    Parameter parameter{call.own(), rule->name};
    const std::uint64_t activation = parameter.activation();
    if (activation <= call.block().number) return AbiValue::List{0, 0};
    return AbiValue::List{parameter.next(), activation};
}

Reply change(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const Rule* rule = rule_of(arguments[0]);
    if (rule == nullptr) return revert(kParameterUnknown, {arguments[0]});
    const U256 value = arguments[1].number();
    const U256 activation = arguments[2].number();
    const std::uint64_t now = call.block().number;
    if (rule->is_fixed() || value < rule->min || value > rule->max)
        return revert(kValueRefused, {rule->name, rule->min, rule->max});
    if (activation <= U256{now} || !activation.fits_u64()) return revert(kActivationTooEarly, {activation, now + 1});
    Parameter parameter{call.own(), rule->name};
    if (const std::uint64_t waits_for = parameter.activation(); waits_for > now)
        return revert(kChangePending, {rule->name, waits_for});

    parameter.change(parameter.at(now), value, activation.low());
    call.emit(kParameterChanged, {}, {rule->name, value, activation});
    return AbiValue::List{};
}

} // namespace

const Contract& parameters_contract() {
    static const Contract contract{
        "IParameters",
        kParametersAddress,
        {
            {"get", "(string)", "(uint256)", Access::view, get},
            {"pending", "(string)", "(uint256,uint256)", Access::view, pending},
            {"change", "(string,uint256,uint256)", "()", Access::write, change},
        },
        {kParameterChanged},
        {kNotAuthorised, kParameterUnknown, kValueRefused, kActivationTooEarly, kChangePending}};
    return contract;
}

ledger::ChainParameters parameters_of(const ledger::StateView& view, Height height) {
    ViewSlots slots{view, kParametersAddress};
    const auto value = [&](const Rule& rule) { return Parameter{slots, rule.name}.at(height.value); };
    ledger::ChainParameters out;
    out.chain_id = value(kChainId).low();
    out.fixed_gas_price = value(kFixedGasPrice);
    out.fee_mode = out.fixed_gas_price ? ledger::FeeMode::fixed : ledger::FeeMode::free;
    out.block_gas_limit = value(kBlockGasLimit).low();
    out.transaction_gas_cap = std::min(value(kTransactionGasCap).low(), out.block_gas_limit);
    out.code_bytes_max = static_cast<std::uint32_t>(value(kCodeBytesMax).low());
    out.history_blocks = value(kHistoryBlocks).low();
    out.min_block_interval_ms = static_cast<std::uint32_t>(value(kMinBlockIntervalMs).low());
    out.suite = static_cast<ledger::Suite>(value(kSuite).low());
    return out;
}

void write_parameters(Slots& slots, const ledger::ChainParameters& parameters) {
    const auto set = [&](const Rule& rule, const U256& value) { Parameter{slots, rule.name}.set(value); };
    set(kChainId, parameters.chain_id);
    set(kFixedGasPrice, parameters.fixed_gas_price);
    set(kBlockGasLimit, parameters.block_gas_limit);
    set(kTransactionGasCap, parameters.transaction_gas_cap);
    set(kCodeBytesMax, parameters.code_bytes_max);
    set(kHistoryBlocks, parameters.history_blocks);
    set(kMinBlockIntervalMs, parameters.min_block_interval_ms);
    set(kSuite, static_cast<std::uint64_t>(parameters.suite));
}

} // namespace cairn::system
