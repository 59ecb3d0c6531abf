// Processor time of a block's parts, per transaction: 10,000 plain transfers or token transfers between 2,000 accounts whose
// state is in maps. Signatures are not part of it: they are checked before execution. Prints one line per run. "apply" is without the
// chain's rules, "judged" with the roles of a new network, "ruled" with freezes, labels and policies of others besides.
//
// With "bound" transfers on a chain that asks for bound accounts; with "rekeyed" as third word every account has an entry in the
// contract Keys, which the look-up of a sender then reads.
//
//     cairn_execution_bench [transfer|token|bound] [RUNS] [rekeyed]
#include "execution/candidate_order.hpp"
#include "execution/test_chain.hpp"
#include "ledger/account_binding.hpp"
#include "ledger/account_key.hpp"
#include "ledger/slot_layout.hpp"
#include "system/role_storage.hpp"
#include "system/roles.hpp"
#include "system/system_contracts.hpp"

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace cairn::execution {
namespace {

constexpr std::size_t kActors = 2'000;
constexpr std::size_t kTransactions = 10'000;

double cpu_us() {
    std::timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <class Work>
double per_transaction(Work work) {
    const double start = cpu_us();
    work();
    return (cpu_us() - start) / kTransactions;
}

Candidates make_candidates(bool is_token) {
    std::vector<test::Actor> actors;
    for (std::size_t i = 0; i < kActors; ++i) actors.push_back(test::actor(i));
    Candidates out;
    for (std::size_t i = 0; i < kTransactions; ++i) {
        const auto& to = actors[(i * 7 + 1) % kActors].address;
        const auto nonce = i / kActors;
        out.push_back(test::sign(is_token ? test::token_transfer(nonce, to, 1) : test::transfer(nonce, to, U256{1}),
                                 actors[i % kActors]));
    }
    return out;
}

void give_keys_entries(state::MemoryState& world) {
    ledger::StateDiff diff;
    auto& keys = diff[ledger::kKeysContract];
    keys.account = ledger::Account{1, {}, crypto::kEmptyKeccak};
    keys.storage[U256{ledger::kAccountKeysSlot}] = U256{kActors};
    for (std::size_t i = 0; i < kActors; ++i) {
        const auto address = test::actor(i).address;
        keys.storage[ledger::key_slot(ledger::account_key_id(address))] = ledger::pack(ledger::KeyHead{
            .owner = address, .key_class = ledger::KeyClass::account, .state = ledger::KeyState::active, .version = 1});
    }
    world.apply(diff);
}

/// Binds every actor to organisation 0, which is active.
void bind_actors(state::MemoryState& world) {
    ledger::StateDiff diff;
    for (const auto& [address, first] :
         {std::pair{ledger::kIdentitiesContract, false}, {ledger::kMembersContract, true}}) {
        auto& contract = diff[address];
        contract.account = ledger::Account{1, {}, crypto::kEmptyKeccak};
        if (first) contract.storage[ledger::content_slot(U256{}) + U256{1}] = U256{1} << 160;
    }
    for (std::size_t i = 0; i < kActors; ++i)
        diff[ledger::kIdentitiesContract].storage[ledger::identity_slot(test::actor(i).address)] =
            ledger::pack_identity({});
    world.apply(diff);
}

enum class RuleSet : std::uint8_t { roles, all };

/// The same world with the storage of Roles.
state::MemoryState with_rules(state::MemoryState world, RuleSet which) {
    ledger::Genesis genesis;
    for (std::uint8_t role = 0; role < ledger::kRoleNames.size(); ++role) {
        Address holder;
        holder.bytes.fill(static_cast<std::uint8_t>(0xd0 + role));
        genesis.roles[holder] = mask_of(static_cast<ledger::Role>(role));
    }
    system::MemorySlots slots;
    if (!system::write_roles(slots, genesis)) std::abort();
    if (which == RuleSet::all) {
        system::RoleStorage roles{slots};
        Address other;
        other.bytes.fill(0x77);
        system::Subject subject;
        subject.freeze.begin(0, 1'000'000);
        subject.after.label = {.level = 2, .compartments = 1};
        roles.set_subject(other, subject);
        roles.set_verdict({.account = other, .contract = other, .method = {}}, system::Verdict::deny, 0);
        roles.set_verdict({.account = {}, .contract = other, .method = {}}, system::Verdict::deny, 0);
    }
    ledger::StateDiff diff;
    diff[system::kRolesAddress].account = ledger::Account{.nonce = 1, .balance = {}};
    diff[system::kRolesAddress].storage = slots.words();
    world.apply(diff);
    return world;
}

int run(std::string_view what, int runs, bool is_rekeyed) {
    const bool is_token = what == "token";
    auto world = test::world(kActors);
    bind_actors(world);
    if (is_rekeyed) give_keys_entries(world);
    const auto judged_world = with_rules(world, RuleSet::roles);
    const auto ruled_world = with_rules(world, RuleSet::all);
    const auto candidates = make_candidates(is_token);
    auto parameters = test::parameters();
    parameters.block_gas_limit = 5'000'000'000;
    if (what == "bound") parameters.account_binding = ledger::AccountBinding::required;
    const auto input = test::input_of(candidates);
    const evm::NativeContracts natives;
    const auto rules = rules_of(parameters, natives);
    const auto judging = rules_of(parameters, system::native_contracts());
    ledger::BlockHeader header;
    header.number = 1;
    header.gas_limit = parameters.block_gas_limit;
    header.beneficiary = input.beneficiary;
    const auto environment = environment_of(header, parameters, [](std::uint64_t) { return Hash256{}; });
    for (int i = 0; i < runs; ++i) {
        Candidates ordered;
        const auto order = per_transaction([&] { ordered = in_block_order(candidates); });
        const auto apply_on = [&](const state::MemoryState& base, const Rules& by) {
            return per_transaction([&] {
                evm::State state(base);
                for (const auto& candidate : ordered) {
                    const auto outcome = apply_transaction(state, *candidate, environment, header.gas_limit, by);
                    if (!outcome || !outcome->receipt.success) std::abort();
                }
            });
        };
        const auto apply = apply_on(world, rules);
        const auto judged = apply_on(judged_world, judging);
        const auto ruled = apply_on(ruled_world, judging);
        const auto block = per_transaction([&] {
            if (test::execute(world, input, parameters).receipts.size() != kTransactions) std::abort();
        });
        std::printf("%s, us per transaction: order %.2f, apply %.2f, judged %.2f, ruled %.2f, whole block with "
                    "roots %.2f\n",
                    std::string(what).c_str(), order, apply, judged, ruled, block);
    }
    return 0;
}

} // namespace
} // namespace cairn::execution

int main(int count, char** words) {
    return cairn::execution::run(count > 1 ? words[1] : "transfer", count > 2 ? std::atoi(words[2]) : 5, count > 3);
}
