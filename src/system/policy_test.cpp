// Random rules and random paths of calls, against an evaluator that is written from contracts/IRoles.sol and shares no code with
// the one in the node.
#include "system/policy.hpp"

#include "evm/bytecode.hpp"
#include "system/chain_test.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace cairn::system {
namespace {

using codec::AbiValue;
using evm::Opcode;


// A contract that walks the path in its call data: method (4 bytes), how to call (1), whom (20), then the call data of the next
// frame. Without a next frame it stops. What a frame answers is passed on, success or not.
enum class Step : std::uint8_t { call, delegate_call, static_call, call_code, create };

Bytes walker_code() {
    using enum Opcode;
    evm::testing::Code out;
    std::map<std::string, std::size_t> labels;
    std::vector<std::pair<std::size_t, std::string>> uses;
    const auto jump_target = [&](const std::string& name) {
        uses.emplace_back(out.size() + 1, name);
        out.op(PUSH2).raw(Bytes{0, 0});
    };
    const auto label = [&](const std::string& name) {
        labels[name] = out.size();
        out.op(JUMPDEST);
    };
    // Shorter than a step: the end.
    out.push(25).op(CALLDATASIZE, LT);
    jump_target("end");
    out.op(JUMPI);
    // memory = the rest
    out.push(25).op(CALLDATASIZE, SUB).push(25).push(0).op(CALLDATACOPY);
    const auto if_step = [&](Step step, const std::string& name) {
        out.push(0).op(CALLDATALOAD).push(4).op(BYTE).push(static_cast<std::uint64_t>(step)).op(EQ);
        jump_target(name);
        out.op(JUMPI);
    };
    if_step(Step::delegate_call, "delegate");
    if_step(Step::static_call, "static");
    if_step(Step::call_code, "callcode");
    if_step(Step::create, "create");
    const auto arguments = [&](bool has_value) {
        out.push(0).push(0).push(25).op(CALLDATASIZE, SUB).push(0);
        if (has_value) out.push(0);
        out.push(5).op(CALLDATALOAD).push(96).op(SHR, GAS);
    };
    const auto go_on = [&] {
        jump_target("after");
        out.op(JUMP);
    };
    arguments(true);
    out.op(CALL);
    go_on();
    label("delegate");
    arguments(false);
    out.op(DELEGATECALL);
    go_on();
    label("static");
    arguments(false);
    out.op(STATICCALL);
    go_on();
    label("callcode");
    arguments(true);
    out.op(CALLCODE);
    go_on();
    label("create");
    out.push(0).push(0).push(0).op(CREATE);
    go_on();
    label("after");
    out.op(RETURNDATASIZE).push(0).push(0).op(RETURNDATACOPY);
    jump_target("good");
    out.op(JUMPI);
    out.op(RETURNDATASIZE).push(0).op(REVERT);
    label("good");
    out.op(RETURNDATASIZE).push(0).op(RETURN);
    label("end");
    out.op(STOP);
    Bytes bytes = out;
    for (const auto& [at, name] : uses) {
        bytes[at] = static_cast<std::uint8_t>(labels.at(name) >> 8);
        bytes[at + 1] = static_cast<std::uint8_t>(labels.at(name));
    }
    return bytes;
}

/// One frame of a path: how and with which method the contract before it calls it.
struct Hop {
    Step step = Step::call;
    Address target;
    std::uint32_t method = 0;
};

void append_method(Bytes& out, std::uint32_t method) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(method >> shift));
}

Bytes call_data_of(const std::vector<Hop>& path, std::size_t first, const Hash256& digest) {
    Bytes out;
    append_method(out, path[first].method);
    if (path[first].target == kRecordsAddress) append(out, digest);
    if (first + 1 == path.size()) return out;
    out.push_back(static_cast<std::uint8_t>(path[first + 1].step));
    append(out, path[first + 1].target);
    append(out, call_data_of(path, first + 1, digest));
    return out;
}

// The reference: data in plain containers, and the rules of contracts/IRoles.sol in their order.

struct ReferencePolicy {
    std::optional<Address> account;
    std::optional<Address> contract;
    std::optional<std::uint32_t> method;
    bool deny = false;
};

struct Reference {
    std::map<Address, std::uint64_t> frozen_until;
    std::map<std::pair<Address, std::uint32_t>, std::uint64_t> method_frozen_until;
    std::map<Address, std::pair<unsigned, std::uint32_t>> labels;
    std::map<Hash256, std::pair<unsigned, std::uint32_t>> record_labels;
    std::map<std::tuple<std::optional<Address>, std::optional<Address>, std::optional<std::uint32_t>>, bool> policies;
    std::set<Address> deployers;
    std::map<Address, Address> delegations;

    struct Denial {
        std::string kind;
        Address account;
    };

    bool is_frozen(const Address& who, std::uint64_t block) const {
        return frozen_until.contains(who) && block < frozen_until.at(who);
    }

    /// 0 nothing, 1 allow, 2 deny; and whether one of those that weigh most names the contract, and the method with it.
    struct Opinion {
        int verdict = 0;
        bool names_contract = false;
        bool names_contract_and_method = false;
    };
    Opinion opinion(const Address& who, const Address& contract, std::optional<std::uint32_t> method) const {
        Opinion best;
        int best_weight = -1;
        for (const auto& [key, deny] : policies) {
            const auto& [account, target, selector] = key;
            if (account && *account != who) continue;
            if (target && *target != contract) continue;
            if (selector && (!method || *selector != *method)) continue;
            const int weight = (account ? 1 : 0) + (target ? 1 : 0) + (selector ? 1 : 0);
            if (weight < best_weight) continue;
            if (weight > best_weight) best = {};
            best_weight = weight;
            best.verdict = std::max(best.verdict, deny ? 2 : 1);
            best.names_contract = best.names_contract || target;
            best.names_contract_and_method = best.names_contract_and_method || (target && selector);
        }
        return best;
    }

    std::optional<Denial> refuses(const Address& origin, const Address& actor, std::optional<Address> target,
                                  std::optional<std::uint32_t> method, const Hash256& digest, std::uint64_t block,
                                  bool changes) const {
        if (is_frozen(origin, block)) return Denial{"account frozen", origin};
        if (is_frozen(actor, block)) return Denial{"account frozen", actor};
        std::vector<Address> targets{target.value_or(Address{})};
        if (target && delegations.contains(*target)) targets.push_back(delegations.at(*target));
        for (const auto& one : targets) {
            if (target && is_frozen(one, block)) return Denial{"target frozen", one};
            if (method)
                if (const auto found = method_frozen_until.find({one, *method});
                    found != method_frozen_until.end() && block < found->second)
                    return Denial{"method frozen", one};
            const auto below = [&](const Address& who, std::pair<unsigned, std::uint32_t> label) {
                const auto own = labels.contains(who) ? labels.at(who) : std::pair<unsigned, std::uint32_t>{};
                return own.first < label.first || (own.second | label.second) != own.second;
            };
            for (const auto& who : {origin, actor})
                if (labels.contains(one) && below(who, labels.at(one))) return Denial{"label of the contract", who};
            if (one == kRecordsAddress)
                for (const auto& who : {origin, actor})
                    if (record_labels.contains(digest) && below(who, record_labels.at(digest)))
                        return Denial{"label of the record", who};
            if (changes && &one == &targets[0])
                for (const auto& who : {origin, actor}) {
                    const auto own = labels.contains(who) ? labels.at(who) : std::pair<unsigned, std::uint32_t>{};
                    auto object = std::pair<unsigned, std::uint32_t>{};
                    if (target && labels.contains(*target)) object = labels.at(*target);
                    if (target == kRecordsAddress)
                        object = record_labels.contains(digest) ? record_labels.at(digest)
                                                                : std::pair<unsigned, std::uint32_t>{};
                    if (own.first > object.first || (own.second & ~object.second) != 0)
                        return Denial{"writing down", who};
                }
            for (const auto& who : {origin, actor})
                if (opinion(who, one, method).verdict == 2) return Denial{"policy: deny", who};
        }
        const bool upgrade = method && (*method == 0x3659cfe6 || *method == 0x4f1ef286);
        if (target && !upgrade) return std::nullopt;
        if (deployers.contains(Address{})) return std::nullopt; // everybody
        for (const auto& who : {origin, actor}) {
            if (deployers.contains(who)) return std::nullopt;
            const Opinion own = opinion(who, targets[0], method);
            if (own.verdict == 1 && (target ? own.names_contract_and_method : own.names_contract)) return std::nullopt;
        }
        return Denial{target ? "upgrade needs" : "deployment needs", origin};
    }

    /// The first refusal on a path.
    std::optional<std::pair<Denial, std::size_t>> first_refusal(const Address& origin, const std::vector<Hop>& path,
                                                                const Hash256& digest, std::uint64_t block) const {
        Address self = origin;
        bool in_static = false;
        for (std::size_t i = 0; i < path.size(); ++i) {
            const auto& hop = path[i];
            const bool creates = hop.step == Step::create;
            in_static = in_static || hop.step == Step::static_call;
            const bool changes = !in_static && (creates || hop.step == Step::call);
            const auto refused = refuses(origin, self, creates ? std::nullopt : std::optional{hop.target},
                                         creates ? std::nullopt : std::optional{hop.method}, digest, block, changes);
            if (refused) return std::pair{*refused, i};
            if (hop.step == Step::call || hop.step == Step::static_call) self = hop.target;
        }
        return std::nullopt;
    }
};

class World {
public:
    explicit World(std::uint64_t seed) : random_(seed), chain_(genesis(seed)) {
        reference_.deployers.insert(kDeployer);
        if (seed % 5 == 0) reference_.deployers.insert(Address{});
        if (seed % 2 == 0) reference_.deployers.insert(filled<Address>(0x33));
        for (const auto& [from, to] : delegations()) reference_.delegations[from] = to;
        const std::size_t rules = random_() % 14;
        for (std::size_t i = 0; i < rules; ++i) add_rule();
        chain_.block().number += 1 + random_() % 12; // some freezes are over by then
    }

    void walk() {
        const Address origin = pick(persons_);
        std::vector<Hop> path;
        const std::size_t length = 1 + random_() % 4;
        bool is_static = false;
        for (std::size_t i = 0; i < length; ++i) {
            Hop hop;
            hop.step = i == 0 ? Step::call : static_cast<Step>(random_() % 4);
            hop.target = pick(contracts_);
            hop.method = pick(methods_);
            is_static = is_static || hop.step == Step::static_call;
            const bool is_last = i + 1 == length;
            if (is_last && i > 0 && !is_static && random_() % 3 == 0) hop = {Step::create, {}, 0};
            if (is_last && random_() % 5 == 0 && hop.step == Step::call) {
                hop.target = kRecordsAddress;
                hop.method = kCount;
            }
            path.push_back(hop);
        }
        const Hash256 digest = pick(digests_);
        const Bytes input = call_data_of(path, 0, digest);
        const auto answer = chain_.run(TestChain::message(path[0].target, origin, input));
        const auto expected = reference_.first_refusal(origin, path, digest, chain_.block().number);
        std::string shown = "origin " + to_hex(origin);
        for (const auto& hop : path)
            shown += "\n  step " + std::to_string(static_cast<int>(hop.step)) + " " + to_hex(hop.target) + " " +
                     std::to_string(hop.method);
        if (!expected) {
            EXPECT_TRUE(answer.result.ok()) << shown << "\n" << to_hex(answer.result.output);
            ++allowed;
            return;
        }
        ++refused[expected->first.kind];
        ASSERT_EQ(answer.result.outcome, evm::Outcome::revert) << shown << "\nexpected " << expected->first.kind;
        ASSERT_GE(answer.result.output.size(), 4u) << shown;
        const auto told =
            codec::abi_decode("(string,address,address,bytes4)", BytesView{answer.result.output}.subspan(4));
        ASSERT_TRUE(told) << shown << "\n" << to_hex(answer.result.output);
        const auto& hop = path[expected->second];
        EXPECT_TRUE((*told)[0].as_text().starts_with(expected->first.kind))
            << shown << "\n"
            << (*told)[0].as_text() << ", expected " << expected->first.kind;
        EXPECT_EQ((*told)[1].as_address(), expected->first.account) << shown;
        EXPECT_EQ((*told)[2].as_address(), hop.target) << shown;
    }

    std::size_t allowed = 0;
    std::map<std::string, std::size_t> refused;

private:
    static constexpr std::uint32_t kCount = 0x7937354c; // count(bytes32)

    static ledger::Genesis genesis(std::uint64_t seed) {
        auto out = with_roles();
        const Bytes walker = walker_code();
        for (std::uint8_t i = 0; i < 4; ++i)
            out.accounts[filled<Address>(static_cast<std::uint8_t>(0x10 + i))] = {
                .balance = 1, .nonce = 1, .code = walker, .storage = {}};
        for (const auto& [from, to] : delegations()) {
            Bytes designator{0xef, 0x01, 0x00};
            append(designator, to);
            out.accounts[from] = {.balance = 1, .nonce = 1, .code = designator, .storage = {}};
        }
        if (seed % 5 == 0) out.roles[Address{}] = mask_of(ledger::Role::deployer);
        if (seed % 2 == 0) out.roles[filled<Address>(0x33)] = mask_of(ledger::Role::deployer);
        return out;
    }
    /// An account that runs the code of a walker.
    static std::map<Address, Address> delegations() { return {{filled<Address>(0x14), filled<Address>(0x12)}}; }

    template <class T>
    T pick(const std::vector<T>& from) {
        return from[random_() % from.size()];
    }
    void decide(std::string_view signature, const AbiValue::List& arguments) {
        const auto proposed = chain_.propose(kSecurity, kRolesAddress, signature, arguments);
        if (!proposed.result.ok()) return; // nothing to change
        chain_.carry_out(proposed, {kAlpha});
    }
    Address someone() { return random_() % 2 == 0 ? pick(persons_) : pick(contracts_); }

    void add_rule() {
        const std::uint64_t now = chain_.block().number;
        switch (random_() % 6) {
        case 0: {
            const Address who = someone();
            const std::uint64_t until = now + 2 + random_() % 10;
            decide("freeze(address,uint256,string)", {who, until, "test"});
            reference_.frozen_until[who] = until;
            break;
        }
        case 1: {
            const Address who = pick(contracts_);
            const std::uint32_t method = pick(methods_);
            const std::uint64_t until = now + 2 + random_() % 10;
            decide("freezeMethod(address,bytes4,uint256,string)", {who, bytes_of(method), until, "test"});
            reference_.method_frozen_until[{who, method}] = until;
            break;
        }
        case 2: {
            const Address who = someone();
            const auto level = static_cast<unsigned>(random_() % 3);
            const auto compartments = static_cast<std::uint32_t>(random_() % 4);
            auto& label = reference_.labels[who];
            if (level < label.first || (compartments | label.second) != compartments) break;
            decide("raiseLabel(address,uint8,uint32)", {who, level, compartments});
            label = {level, compartments};
            break;
        }
        case 3: {
            const Hash256 digest = pick(digests_);
            auto& label = reference_.record_labels[digest];
            const auto level = static_cast<unsigned>(random_() % 3);
            if (level < label.first) break;
            decide("raiseRecordLabel(bytes32,uint8,uint32)", {digest, level, label.second});
            label.first = level;
            break;
        }
        default: {
            std::optional<Address> account, contract;
            std::optional<std::uint32_t> method;
            if (random_() % 3 != 0) account = someone();
            if (random_() % 3 != 0) contract = random_() % 4 == 0 ? Address{} : pick(contracts_);
            if (random_() % 3 == 0) method = pick(methods_);
            const bool deny = random_() % 2 == 0;
            const auto shape = (account ? 1 : 0) + (contract ? 2 : 0) + (method ? 4 : 0);
            decide("setPolicy(address,address,bytes4,uint8,uint8)",
                   {account.value_or(Address{}), contract.value_or(Address{}), bytes_of(method.value_or(0)), shape,
                    deny ? 2 : 1});
            reference_.policies[{account, contract, method}] = deny;
        }
        }
    }
    static Bytes bytes_of(std::uint32_t method) {
        Bytes out;
        append_method(out, method);
        return out;
    }

    std::mt19937_64 random_;
    const std::vector<Address> persons_{filled<Address>(0x31), filled<Address>(0x32), filled<Address>(0x33), kDeployer};
    const std::vector<Address> contracts_{filled<Address>(0x10), filled<Address>(0x11), filled<Address>(0x12),
                                          filled<Address>(0x13), filled<Address>(0x14)};
    const std::vector<std::uint32_t> methods_{0x11111111, 0x22222222, 0x3659cfe6};
    const std::vector<Hash256> digests_{filled<Hash256>(1), filled<Hash256>(2)};
    TestChain chain_;
    Reference reference_;
};

TEST(Policy, random_rules_refuse_exactly_what_the_reference_refuses) {
    std::size_t allowed = 0;
    std::map<std::string, std::size_t> refused;
    for (std::uint64_t seed = 0; seed < 400 && !testing::Test::HasFailure(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        World world{seed};
        for (int i = 0; i < 40 && !testing::Test::HasFailure(); ++i) world.walk();
        allowed += world.allowed;
        for (const auto& [kind, count] : world.refused) refused[kind] += count;
    }
    // The run says something only if every rule was met.
    EXPECT_GT(allowed, 1000u);
    for (const auto* kind :
         {"account frozen", "target frozen", "method frozen", "label of the contract", "label of the record",
          "writing down", "policy: deny", "deployment needs", "upgrade needs"})
        EXPECT_GT(refused[kind], 20u) << kind;
    std::size_t sum = 0;
    for (const auto& [kind, count] : refused) sum += count;
    std::printf("%zu calls allowed, %zu refused\n", allowed, sum);
}

} // namespace
} // namespace cairn::system
