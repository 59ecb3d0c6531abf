// Parameters of the chain. Interface: contracts/IParameters.sol.
#include "system/parameters.hpp"

#include "ledger/slot_layout.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/governance.hpp"
#include "system/member_storage.hpp"

#include <limits>
#include <optional>

namespace cairn::system {

namespace {

// contracts/IParameters.sol
constexpr std::uint64_t kParametersSlot = 0;
constexpr std::uint64_t kChangesSlot = 2;
constexpr std::uint64_t kQuotasSlot = 3; // how often a quota was decided; 0: there are none to look for

/// Name on chain, and the values that organisations may choose; min above max: given for ever.
struct Rule {
    std::string_view name;
    U256 min;
    U256 max;
    U256 absent; // what a slot of zero stands for
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
constexpr Rule kAccountBinding{"accountBinding", 1, 0};
constexpr std::array kRules{kChainId,       kFixedGasPrice,      kBlockGasLimit, kTransactionGasCap, kCodeBytesMax,
                            kHistoryBlocks, kMinBlockIntervalMs, kSuite,         kAccountBinding};
constexpr std::string_view kSharePrefix = "share:";
constexpr std::string_view kQuotaPrefix = "quota:";
constexpr std::uint64_t kQuotaMax = 1'000'000'000;

constexpr Event kParameterChanged{.name = "ParameterChanged", .indexed = "", .data = "string,uint256,uint256"};
constexpr std::string_view kParameterUnknown = "ParameterUnknown(string)";
constexpr std::string_view kValueRefused = "ValueRefused(string,uint256,uint256)";
constexpr std::string_view kActivationTooEarly = "ActivationTooEarly(uint256,uint256)";
constexpr std::string_view kChangePending = "ChangePending(string,uint256)";

/// "0x" and lower-case digits of so many bytes: each thing has one name, and so one slot.
bool is_hex(std::string_view text, std::size_t bytes) {
    return text.size() == 2 + 2 * bytes && text.starts_with("0x") &&
           text.find_first_not_of("0123456789abcdef", 2) == text.npos;
}

/// "0x..:calls", "0x..:slots", "0x..:logs", "0x..:0xselector:calls".
bool is_quota(std::string_view text) {
    if (text.size() < 43 || !is_hex(text.substr(0, 42), 20) || text[42] != ':') return false;
    text.remove_prefix(43);
    if (text == kQuotaCalls || text == kQuotaSlots || text == kQuotaLogs) return true;
    return text.size() > 11 && is_hex(text.substr(0, 10), 4) && text[10] == ':' && text.substr(11) == kQuotaCalls;
}

/// Nothing if there is no such parameter. `name` must outlive the result.
std::optional<Rule> rule_of(Call& call, std::string_view name) {
    const auto found = std::ranges::find(kRules, name, &Rule::name);
    if (found != kRules.end()) return *found;
    if (name.starts_with(kSharePrefix)) {
        MemberStorage members{call.of(kMembersAddress)};
        const auto organisation = members.find_organisation(name.substr(kSharePrefix.size()));
        if (!organisation || !members.is_active(*organisation)) return std::nullopt;
        return Rule{name, 1, kShareMax, kShareDefault};
    }
    if (name.starts_with(kQuotaPrefix) && is_quota(name.substr(kQuotaPrefix.size())))
        return Rule{name, 0, kQuotaMax, 0};
    return std::nullopt;
}

/// struct Parameter { uint256 current; uint256 next; uint64 activation; }
class Parameter {
public:
    Parameter(Slots& slots, std::string_view name)
        : slots_(slots), slot_(ledger::mapping_slot(name, kParametersSlot)) {}

    U256 at(std::uint64_t block, const U256& absent = {}) {
        const std::uint64_t from = activation();
        const U256 value = slots_.load(from != 0 && block >= from ? slot_ + U256{1} : slot_);
        return value ? value : absent;
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
    const auto rule = rule_of(call, as_text(arguments[0].bytes()));
    if (!rule) return revert(kParameterUnknown, {arguments[0]});
    return AbiValue::List{Parameter{call.own(), rule->name}.at(call.block().number, rule->absent)};
}

Reply pending(Call& call, const AbiValue::List& arguments) {
    const auto rule = rule_of(call, as_text(arguments[0].bytes()));
    if (!rule) return revert(kParameterUnknown, {arguments[0]});
    Parameter parameter{call.own(), rule->name};
    const std::uint64_t activation = parameter.activation();
    if (activation <= call.block().number) return AbiValue::List{0, 0};
    return AbiValue::List{parameter.next(), activation};
}

Reply change(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    const auto rule = rule_of(call, as_text(arguments[0].bytes()));
    if (!rule) return revert(kParameterUnknown, {arguments[0]});
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
    call.own().store(kChangesSlot, call.own().load(kChangesSlot) + U256{1});
    if (rule->name.starts_with(kQuotaPrefix)) {
        call.own().store(kQuotasSlot, call.own().load(kQuotasSlot) + U256{1});
        Parameter{call.own(), rule->name.substr(0, kQuotaPrefix.size() + 42)}.set(1);
    }
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

Shares Shares::read(const ledger::StateView& view, Height height) {
    ViewSlots slots{view, kParametersAddress};
    ViewSlots member_slots{view, kMembersAddress};
    Shares out;
    out.members_round_ = U256{MemberStorage{member_slots}.changes()};
    out.parameters_round_ = slots.load(kChangesSlot);
    out.from_ = height.value;
    out.until_ = std::numeric_limits<std::uint64_t>::max();
    for (auto& organisation : organisations_of(view)) {
        const auto name = std::string{kSharePrefix} + organisation.name;
        Parameter parameter{slots, name};
        if (const auto activation = parameter.activation(); activation > height.value)
            out.until_ = std::min(out.until_, activation);
        out.organisations_.push_back(
            {std::move(organisation.name), organisation.account, parameter.at(height.value, kShareDefault).low()});
    }
    return out;
}

bool Shares::is_current(const ledger::StateView& view, Height height) const {
    if (height.value < from_ || height.value >= until_) return false;
    ViewSlots slots{view, kParametersAddress};
    ViewSlots member_slots{view, kMembersAddress};
    return slots.load(kChangesSlot) == parameters_round_ &&
           U256{MemberStorage{member_slots}.changes()} == members_round_;
}

bool has_quotas(const ledger::StateView& view) {
    ViewSlots slots{view, kParametersAddress};
    return static_cast<bool>(slots.load(kQuotasSlot));
}

bool has_quotas(const ledger::StateView& view, const Address& contract) {
    ViewSlots slots{view, kParametersAddress};
    return static_cast<bool>(Parameter{slots, std::string{kQuotaPrefix} + to_hex(contract)}.at(0));
}

std::uint64_t quota_of(const ledger::StateView& view, Height height, const Address& contract, std::string_view what) {
    ViewSlots slots{view, kParametersAddress};
    const auto name = std::string{kQuotaPrefix} + to_hex(contract) + ":" + std::string{what};
    return Parameter{slots, name}.at(height.value).low();
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
    out.account_binding = value(kAccountBinding) ? ledger::AccountBinding::required : ledger::AccountBinding::open;
    return out;
}

ledger::Suite suite_of(Slots& parameters, std::uint64_t height) {
    return static_cast<ledger::Suite>(Parameter{parameters, kSuite.name}.at(height).low());
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
    set(kAccountBinding, parameters.account_binding == ledger::AccountBinding::required ? 1 : 0);
}

} // namespace cairn::system
