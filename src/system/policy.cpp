#include "system/policy.hpp"

#include "system/addresses.hpp"
#include "system/call.hpp"
#include "system/key_storage.hpp"
#include "system/system_contracts.hpp"

#include <bit>

namespace cairn::system {

namespace {

// Solidity selectors of ERC-1967 and ERC-1822 proxies.
constexpr ledger::Selector kUpgradeTo{0x36, 0x59, 0xcf, 0xe6};        // upgradeTo(address)
constexpr ledger::Selector kUpgradeToAndCall{0x4f, 0x1e, 0xf2, 0x86}; // upgradeToAndCall(address,bytes)
constexpr std::uint8_t kShapes = 8;

std::optional<ledger::Selector> method_of(BytesView input) {
    ledger::Selector out{};
    if (input.size() < out.size()) return std::nullopt;
    std::copy_n(input.begin(), out.size(), out.begin());
    return out;
}

bool is_upgrade(const std::optional<ledger::Selector>& method) {
    return method && (*method == kUpgradeTo || *method == kUpgradeToAndCall);
}

std::string until_text(const Freeze& freeze) {
    return freeze.until >= kForever ? "for ever" : "until block " + std::to_string(freeze.until);
}

/// Reads a system contract through the journal of a running transaction, without gas and without warming anything.
class StateSlots final : public Slots {
public:
    StateSlots(evm::State& state, const Address& contract) : state_(state), contract_(contract) {}
    U256 load(const U256& slot) override { return state_.storage(contract_, slot); }
    void store(const U256&, const U256&) override {}

private:
    evm::State& state_;
    const Address& contract_;
};

/// Code that an account lent its name to (EIP-7702) acts for whoever holds the account's key: for no key that is stopped.
bool is_lent_by_stopped_key(evm::State& state, std::uint64_t block, const Address& account) {
    if (!state.delegation(account)) return false;
    StateSlots slots{state, kKeysAddress};
    KeyStorage keys{slots};
    const auto key = keys.account(account).key;
    const auto entry = keys.key(ledger::account_key_id(key.is_zero() ? account : key));
    return entry.head.state != ledger::KeyState::none &&
           !ledger::signs(ledger::state_at(entry.head, entry.quarantine, block));
}

/// What one side of a call is, and whether any policy names it.
struct Side {
    const Address& address;
    bool is_named;
};

/// The verdict of the policies alone, and the pattern that decides; nothing if none matches.
struct Decision {
    Verdict verdict = Verdict::none;
    Pattern pattern;
};
Decision decide(RoleStorage& roles, std::uint64_t block, std::uint8_t shapes, const Side& account, const Side& contract,
                const std::optional<ledger::Selector>& method) {
    // Only shapes that exist, and that name nothing which this call has not, or which no policy names.
    const auto without = [&](std::uint8_t bit) {
        for (std::uint8_t shape = 0; shape < kShapes; ++shape)
            if ((shape & bit) != 0) shapes = static_cast<std::uint8_t>(shapes & ~(1u << shape));
    };
    if (!account.is_named) without(Pattern::kAccount);
    if (!contract.is_named) without(Pattern::kContract);
    if (!method) without(Pattern::kMethod);

    Decision best;
    int named_by_best = -1;
    for (std::uint8_t shape = 0; shapes >> shape != 0; ++shape) {
        if ((shapes >> shape & 1) == 0) continue;
        const int named = std::popcount(shape);
        if (named < named_by_best) continue;
        Pattern pattern;
        if (shape & Pattern::kAccount) pattern.account = account.address;
        if (shape & Pattern::kContract) pattern.contract = contract.address;
        if (shape & Pattern::kMethod) pattern.method = method;
        const Verdict verdict = roles.verdict(pattern, block);
        if (verdict == Verdict::none) continue;
        // Deny beats allow. Of several that allow the last is told: it names contract and method if any of them does.
        if (named == named_by_best && best.verdict == Verdict::deny) continue;
        best = {verdict, pattern};
        named_by_best = named;
    }
    return best;
}

/// One call under judgement: each subject is read once.
class Judgement {
public:
    Judgement(Slots& slots, std::uint64_t block, const Act& act, const RoleStorage::Summary& summary)
        : roles_(slots), block_(block), act_(act), summary_(summary) {}

    std::optional<Refusal> run() {
        if (!summary_.enforced && !summary_.has_rules()) return std::nullopt;
        if (act_.actor == kProposalsAddress || act_.actor == kMembersAddress) return std::nullopt;
        if (!act_.creates) method_ = method_of(act_.input);
        const bool is_privileged = act_.creates || is_upgrade(method_);
        if (!summary_.has_rules() && !is_privileged) return std::nullopt;

        origin_ = roles_.subject(act_.origin);
        actor_ = act_.actor == act_.origin ? origin_ : roles_.subject(act_.actor);
        if (summary_.freezes) {
            if (origin_.freeze.holds_at(block_)) return frozen_account(act_.origin, origin_.freeze);
            if (actor_.freeze.holds_at(block_)) return frozen_account(act_.actor, actor_.freeze);
        }
        if (!act_.creates && (act_.target == kRolesAddress || act_.target == kProposalsAddress)) return std::nullopt;
        if (auto refused = judge_target(act_.target)) return refused;
        if (act_.delegate)
            if (auto refused = judge_target(*act_.delegate)) return refused;
        // Nobody signs for the zero address: it only reads.
        if (!is_privileged || !summary_.enforced || act_.origin.is_zero()) return std::nullopt;
        return judge_privilege();
    }

private:
    Refusal refuse(std::string rule, const Address& account) const {
        return {std::move(rule), account, act_.target, method_.value_or(ledger::Selector{})};
    }
    Refusal frozen_account(const Address& account, const Freeze& freeze) const {
        return refuse("account frozen " + until_text(freeze), account);
    }

    std::optional<Refusal> judge_target(const Address& target) {
        const Subject subject = target == act_.origin  ? origin_
                                : target == act_.actor ? actor_
                                                       : roles_.subject(target);
        if (summary_.freezes && subject.freeze.holds_at(block_))
            return refuse("target frozen " + until_text(subject.freeze), target);
        if (summary_.method_freezes && method_) {
            const Freeze freeze = roles_.method_freeze(target, *method_);
            if (freeze.holds_at(block_)) return refuse("method frozen " + until_text(freeze), target);
        }
        if (summary_.labels) {
            if (auto refused = judge_label(subject.at(block_).label, "label of the contract")) return refused;
            if (target == kRecordsAddress && method_ && act_.input.size() >= method_->size() + Hash256::kSize) {
                const auto digest = *Hash256::from(act_.input.subspan(method_->size(), Hash256::kSize));
                if (auto refused = judge_label(roles_.record_label(digest, block_), "label of the record"))
                    return refused;
            }
        }
        if (summary_.labels && act_.writes && target == act_.target)
            if (auto refused = judge_writing(subject)) return refused;
        if (summary_.shapes == 0) return std::nullopt;
        const Side contract{target, subject.in_policies_as_contract};
        if (auto refused = judge_policy({act_.origin, origin_.in_policies_as_account}, contract)) return refused;
        if (act_.actor == act_.origin) return std::nullopt;
        return judge_policy({act_.actor, actor_.in_policies_as_account}, contract);
    }

    std::optional<Refusal> judge_label(const Label& label, std::string_view whose) const {
        if (!origin_.at(block_).label.dominates(label)) return refuse(std::string(whose), act_.origin);
        if (!actor_.at(block_).label.dominates(label)) return refuse(std::string(whose), act_.actor);
        return std::nullopt;
    }

    /// Knowledge does not flow down: declassification alone brings it there.
    std::optional<Refusal> judge_writing(const Subject& target) {
        if (!act_.creates && act_.target != kRecordsAddress && is_system_contract(act_.target)) return std::nullopt;
        Label label = act_.creates ? Label{} : target.at(block_).label;
        if (act_.target == kRecordsAddress && method_ && act_.input.size() >= method_->size() + Hash256::kSize)
            label = roles_.record_label(*Hash256::from(act_.input.subspan(method_->size(), Hash256::kSize)), block_);
        if (!label.dominates(origin_.at(block_).label)) return refuse("writing down", act_.origin);
        if (!label.dominates(actor_.at(block_).label)) return refuse("writing down", act_.actor);
        return std::nullopt;
    }

    std::optional<Refusal> judge_policy(const Side& account, const Side& contract) {
        const Decision decision = decide(roles_, block_, summary_.shapes, account, contract, method_);
        if (decision.verdict != Verdict::deny) return std::nullopt;
        return refuse("policy: deny " + to_text(decision.pattern), account.address);
    }

    std::optional<Refusal> judge_privilege() {
        if (has_privilege(act_.origin, origin_)) return std::nullopt;
        if (act_.actor != act_.origin && has_privilege(act_.actor, actor_)) return std::nullopt;
        if (roles_.subject(Address{}).at(block_).has(ledger::Role::deployer)) return std::nullopt;
        return refuse(act_.creates ? "deployment needs the role deployer or a policy"
                                   : "upgrade needs the role deployer or a policy",
                      act_.origin);
    }

    bool has_privilege(const Address& account, const Subject& subject) {
        if (subject.at(block_).has(ledger::Role::deployer)) return true;
        if (summary_.shapes == 0) return false;
        const Side contract{act_.target, roles_.subject(act_.target).in_policies_as_contract};
        const Decision decision =
            decide(roles_, block_, summary_.shapes, {account, subject.in_policies_as_account}, contract, method_);
        return decision.verdict == Verdict::allow && decision.pattern.contract &&
               (act_.creates || decision.pattern.method);
    }

    RoleStorage roles_;
    std::uint64_t block_;
    const Act& act_;
    const RoleStorage::Summary summary_;
    std::optional<ledger::Selector> method_;
    Subject origin_;
    Subject actor_;
};

Act act_of(const Address& origin, const evm::Message& message) {
    using evm::CallKind;
    Act act;
    act.origin = origin;
    act.actor = message.sender;
    act.creates = message.kind == CallKind::create || message.kind == CallKind::create2;
    act.writes = !message.is_static && (act.creates || message.kind == CallKind::call);
    if (act.creates) return act;
    if (message.kind == CallKind::delegate_call || message.kind == CallKind::call_code) act.actor = message.recipient;
    act.target = message.code_address;
    act.input = message.input;
    return act;
}

class PolicyGuard final : public evm::CallGuard {
public:
    std::optional<Bytes> refusal(evm::State& state, const evm::BlockEnvironment& block, const Address& origin,
                                 const evm::Message& message) const override {
        Act act = act_of(origin, message);
        // Nobody signs for the zero address: a creation in its name (eth_call without "from" and "to") is a way to run code, and leaves
        // nothing behind. What that code calls is judged.
        if (act.creates && message.depth == 0 && origin.is_zero()) return std::nullopt;
        if (!act.creates && message.recipient == act.target && is_lent_by_stopped_key(state, block.number, act.target))
            return encoded(Refusal{"the key of the account is stopped", act.target, act.target,
                                   method_of(message.input).value_or(ledger::Selector{})});
        StateSlots slots{state, kRolesAddress};
        const auto summary = RoleStorage{slots}.summary();
        if (!summary.enforced && !summary.has_rules()) return std::nullopt;
        if (!act.creates && summary.has_rules()) act.delegate = state.delegation(act.target);
        return encoded(Judgement{slots, block.number, act, summary}.run());
    }

    /// Taking a delegation back is an act on the account itself.
    bool refuses_delegation(evm::State& state, const evm::BlockEnvironment& block, const Address& authority,
                            const Address& target) const override {
        StateSlots slots{state, kRolesAddress};
        Act act;
        act.origin = act.actor = authority;
        act.target = target.is_zero() ? authority : target;
        act.writes = false; // but to itself
        return judge(slots, block.number, act).has_value();
    }

private:
    static std::optional<Bytes> encoded(const std::optional<Refusal>& refusal) {
        if (!refusal) return std::nullopt;
        return revert_data(*refusal);
    }
};

} // namespace

Bytes revert_data(const Refusal& refusal) {
    return revert(kPolicyDenied, {refusal.rule, refusal.account, refusal.target, to_bytes(refusal.method)}).error();
}

std::string to_text(const Pattern& pattern) {
    std::string out = pattern.account ? to_hex(*pattern.account) : "*";
    out += " " + (pattern.contract ? to_hex(*pattern.contract) : "*");
    return out + " " + (pattern.method ? to_hex(*pattern.method) : "*");
}

std::optional<Refusal> judge(Slots& roles, std::uint64_t block, const Act& act) {
    return Judgement{roles, block, act, RoleStorage{roles}.summary()}.run();
}

const evm::CallGuard& policy_guard() {
    static const PolicyGuard guard;
    return guard;
}

} // namespace cairn::system
