#include "evm/bytecode.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace cairn::evm {
namespace {

using enum Opcode;
using testing::address;
using testing::code;
using testing::Code;
using testing::kContract;
using testing::kSender;
using testing::word;
using testing::World;

const Address kCallee = address(0xca11ee);
const Address kThird = address(0x3333);

/// Forwards everything to `kind` on kCallee and returns the flag and the first word of return data.
Code call_with(Opcode kind, const U256& value = 0, const U256& gas = 100'000) {
    Code out;
    out.push(32).push(32).push(0).push(0);
    if (kind == CALL || kind == CALLCODE) out.push(value);
    return out.push(kCallee).push(gas).op(kind).push(0).op(MSTORE).push(64).push(0).op(RETURN);
}
U256 word_at(const CallResult& result, std::size_t index) {
    return from_big_endian(BytesView{result.output}.subspan(32 * index, 32));
}
/// Init code that leaves `body` as the contract's code.
Bytes init_code(const Bytes& body) {
    Code out;
    out.memory(0, body).push(body.size()).push(0).op(RETURN);
    return out;
}
/// Creates with the given init code and returns the address.
Code creating(const Bytes& init, Opcode kind = CREATE, const U256& value = 0) {
    Code out;
    out.memory(0, init);
    if (kind == CREATE2) out.push(5);
    return out.push(init.size()).push(0).push(value).op(kind).return_top();
}
Message creation(const Bytes& init, const U256& value = 0) {
    Message out;
    out.kind = CallKind::create;
    out.gas = 1'000'000;
    out.sender = kSender;
    out.input = init;
    out.value = value;
    return out;
}
Bytes designator(const Address& target) {
    Bytes out{0xef, 0x01, 0x00};
    append(out, target);
    return out;
}

} // namespace

TEST(Machine, each_kind_of_call_sees_its_own_addresses) {
    struct Case {
        Opcode kind;
        Address self, caller;
        U256 value;
    };
    const Case cases[] = {{CALL, kCallee, kContract, 7},
                          {CALLCODE, kContract, kContract, 7},
                          {DELEGATECALL, kContract, kSender, 0},
                          {STATICCALL, kCallee, kContract, 0}};
    for (const auto& c : cases) {
        for (const auto what : {ADDRESS, CALLER, CALLVALUE}) {
            World world;
            world.base.put_code(kCallee, code().op(what).return_top());
            world.base.accounts[kContract].balance = 100;
            const auto result = world.run(call_with(c.kind, 7));
            EXPECT_EQ(word_at(result, 0), U256{1});
            const auto expected = what == ADDRESS  ? ops::word_of(c.self)
                                  : what == CALLER ? ops::word_of(c.caller)
                                                   : c.value;
            EXPECT_EQ(word_at(result, 1), expected) << kTraits[static_cast<std::size_t>(c.kind)].name;
        }
    }
}

TEST(Machine, value_moves_and_comes_back_when_the_callee_fails) {
    World world;
    world.base.put_code(kCallee, code().push(0).push(0).op(REVERT));
    world.base.accounts[kContract].balance = 100;
    EXPECT_EQ(word_at(world.run(call_with(CALL, 60)), 0), U256{0});
    EXPECT_EQ(world.state->balance(kContract), U256{100});
    EXPECT_EQ(world.state->balance(kCallee), U256{});

    World good;
    good.base.put_code(kCallee, code().op(STOP));
    good.base.accounts[kContract].balance = 100;
    EXPECT_EQ(word_at(good.run(call_with(CALL, 60)), 0), U256{1});
    EXPECT_EQ(good.state->balance(kContract), U256{40});
    EXPECT_EQ(good.state->balance(kCallee), U256{60});
}

TEST(Machine, a_call_without_the_money_costs_only_the_call) {
    World world;
    world.base.put_code(kCallee, code().op(INVALID));
    const auto result = world.run(call_with(CALL, 60), 1'000'000);
    EXPECT_EQ(word_at(result, 0), U256{0});
    EXPECT_EQ(world.state->balance(kCallee), U256{});
    // cold 2600, value 9000 less the stipend that comes back, pushes and memory
    EXPECT_EQ(1'000'000 - result.gas_left, 2600 + 9000 - 2300 + 3 + 3 + 2 + 2 + 3 + 3 + 3 + 2 + 3 + 3 + 2 + 6 + 0);
}

TEST(Machine, revert_data_is_return_data) {
    World world;
    world.base.put_code(kCallee, code().push(0xbeef).push(0).op(MSTORE).push(32).push(0).op(REVERT));
    const auto result = world.run(call_with(CALL));
    EXPECT_EQ(word_at(result, 0), U256{0});
    EXPECT_EQ(word_at(result, 1), U256{0xbeef});
}

TEST(Machine, a_failed_callee_loses_only_the_gas_it_got) {
    World world;
    world.base.put_code(kCallee, code().op(INVALID));
    const auto result = world.run(call_with(CALL, 0, 10'000), 1'000'000);
    EXPECT_EQ(result.outcome, Outcome::success);
    EXPECT_EQ(word_at(result, 0), U256{0});
    EXPECT_EQ(1'000'000 - result.gas_left, 10'000 + 2600 + 3 + 3 + 2 + 2 + 2 + 3 + 3 + 2 + 3 + 3 + 2 + 6);
}

TEST(Machine, at_most_63_of_64_parts_are_passed_on) {
    World world;
    world.base.put_code(kCallee, code().op(GAS).return_top());
    const auto result = world.run(call_with(CALL, 0, ~U256{}), 64'000 + 2600 + 3 + 3 + 2 + 2 + 2 + 3 + 3 + 6);
    EXPECT_EQ(word_at(result, 1), U256{63'000 - 2});
}

TEST(Machine, static_calls_forbid_every_change_below_them) {
    const Bytes forbidden[] = {code().store(0, 1),
                               code().push(1).push(1).op(TSTORE),
                               code().push(0).push(0).op(LOG0),
                               code().push(0).push(0).push(0).op(CREATE),
                               code().push(0).push(0).push(0).push(0).op(CREATE2),
                               code().push(1).op(SELFDESTRUCT),
                               code().call(kThird, 1)};
    for (const auto& body : forbidden) {
        World world;
        world.base.accounts[kCallee].balance = 100;
        world.base.put_code(kCallee, body);
        EXPECT_EQ(word_at(world.run(call_with(STATICCALL)), 0), U256{0}) << to_hex(body);
        World nested;
        nested.base.put_code(kThird, body);
        nested.base.put_code(kCallee, code().call(kThird).return_top());
        EXPECT_EQ(word_at(nested.run(call_with(STATICCALL)), 1), U256{0}) << to_hex(body);
    }
    World harmless;
    harmless.base.put_code(kCallee, code().call(kThird, 0).return_top());
    EXPECT_EQ(word_at(harmless.run(call_with(STATICCALL)), 1), U256{1});
}

TEST(Machine, a_reverted_call_takes_its_changes_along) {
    World world;
    world.base.put_code(kCallee, code().store(1, 2).push(0).push(0).op(LOG0, INVALID));
    const auto result = world.run(code().store(9, 9).call(kCallee, 0, 50'000).return_top());
    EXPECT_EQ(word(result), U256{0});
    EXPECT_EQ(world.state->storage(kCallee, 1), U256{});
    EXPECT_EQ(world.state->storage(kContract, 9), U256{9});
    EXPECT_TRUE(world.state->logs().empty());
    EXPECT_TRUE(world.state->warm_up(kCallee, 1)) << "the slot is cold again";
    EXPECT_FALSE(world.state->warm_up(kCallee)) << "the account was warmed by the caller";
}

TEST(Machine, calls_nest_1024_deep_on_a_small_native_stack) {
    // Calls itself with all gas, counting the depth in slot 0.
    const Bytes program = code()
                              .push(1)
                              .push(0)
                              .op(SLOAD, ADD)
                              .push(0)
                              .op(SSTORE)
                              .push(0)
                              .push(0)
                              .push(0)
                              .push(0)
                              .push(0)
                              .op(ADDRESS, GAS, CALL)
                              .op(STOP);
    World world;
    world.base.put_code(kContract, program);
    world.open();
    CallResult result;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    struct Job {
        World& world;
        CallResult& result;
    } job{world, result};
    pthread_t thread{};
    const auto body = [](void* argument) -> void* {
        auto& j = *static_cast<Job*>(argument);
        j.result = j.world.run_message(World::message(std::int64_t{1} << 50));
        return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, body, &job), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    EXPECT_EQ(result.outcome, Outcome::success);
    EXPECT_EQ(world.state->storage(kContract, 0), U256{1025});
}

TEST(Machine, outermost_creation_uses_the_nonce_before_the_transaction) {
    World world;
    const Bytes body = code().op(ADDRESS).return_top();
    const auto init = init_code(body);
    const auto result = world.run_message(creation(init, 5));
    EXPECT_EQ(result.outcome, Outcome::success);
    EXPECT_EQ(result.created, create_address(kSender, 0)); // the sender's nonce is 1 by now
    EXPECT_EQ(*world.state->code(result.created), body);
    EXPECT_EQ(world.state->nonce(result.created), 1u);
    EXPECT_EQ(world.state->balance(result.created), U256{5});
    EXPECT_EQ(world.state->nonce(kSender), 1u);
    EXPECT_TRUE(world.state->is_warm(result.created));
}

TEST(Machine, created_addresses_follow_their_rules) {
    EXPECT_EQ(to_hex(create_address(*fixed_from_hex<Address>("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"), 0)),
              "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d");
    EXPECT_EQ(to_hex(create_address(*fixed_from_hex<Address>("0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0"), 1)),
              "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8");
    // EIP-1014, example 1.
    EXPECT_EQ(to_hex(create2_address(Address{}, 0, crypto::keccak256(Bytes{0x00}))),
              "0x4d1a2e2bb4f88f0250f26ffff098b0b30b26bf38");
}

TEST(Machine, create_bumps_the_nonce_even_when_it_fails) {
    World world;
    const auto result = world.run(creating(Bytes{0xfe}));
    EXPECT_EQ(word(result), U256{});
    EXPECT_EQ(world.state->nonce(kContract), 2u);
    EXPECT_FALSE(world.state->exists(create_address(kContract, 1)));
    EXPECT_TRUE(world.state->is_warm(create_address(kContract, 1)));
}

TEST(Machine, create_without_the_money_changes_nothing) {
    World world;
    EXPECT_EQ(word(world.run(creating(Bytes{0x00}, CREATE, 1))), U256{});
    EXPECT_EQ(world.state->nonce(kContract), 1u);
    EXPECT_FALSE(world.state->is_warm(create_address(kContract, 1)));
}

TEST(Machine, creation_on_a_taken_address_fails_and_burns_its_gas) {
    const auto init = init_code({0x00});
    const auto place = create2_address(kContract, 5, crypto::keccak256(init));
    World free;
    EXPECT_EQ(word(free.run(creating(init, CREATE2))), ops::word_of(place));
    const auto spoil = [&](auto&& change) {
        World world;
        change(world.base);
        const auto result = world.run(creating(init, CREATE2), 200'000);
        EXPECT_EQ(word(result), U256{});
        EXPECT_LT(result.gas_left, 200'000 / 64);
    };
    spoil([&](auto& base) { base.accounts[place].nonce = 1; });
    spoil([&](auto& base) { base.put_code(place, {0x01}, 0); });
    spoil([&](auto& base) {
        base.accounts[place].balance = 1;
        base.slots[place][1] = 1; // EIP-7610
    });
    World rich;
    rich.base.accounts[place].balance = 77;
    EXPECT_EQ(word(rich.run(creating(init, CREATE2))), ops::word_of(place)) << "a balance alone is no collision";
    EXPECT_EQ(rich.state->balance(place), U256{77});
}

TEST(Machine, code_to_store_is_checked) {
    World prefix;
    EXPECT_EQ(prefix.run_message(creation(init_code({0xef}))).outcome, Outcome::invalid_code_prefix);
    World poor;
    auto message = creation({});
    const auto init = init_code(Bytes(100, 0x01));
    message.input = init;
    message.gas = 20'000;
    EXPECT_EQ(poor.run_message(message).outcome, Outcome::out_of_gas);

    // Returns that many zero bytes.
    const auto zeros = [](std::uint64_t size) -> Bytes { return code().push(size).push(0).op(RETURN); };
    World fits;
    auto big = creation({});
    big.gas = 10'000'000;
    const auto most = zeros(24'576);
    big.input = most;
    EXPECT_EQ(fits.run_message(big).outcome, Outcome::success);
    World bursts;
    const auto too_many = zeros(24'577);
    big.input = too_many;
    const auto result = bursts.run_message(big);
    EXPECT_EQ(result.outcome, Outcome::code_too_large);
    EXPECT_EQ(result.gas_left, 0);
}

TEST(Machine, init_code_is_limited_to_twice_the_code) {
    const Bytes too_long(49'153);
    World world;
    EXPECT_EQ(world.run_message(creation(too_long)).outcome, Outcome::init_code_too_large);
    World inner;
    EXPECT_EQ(inner.run(code().push(49'153).push(0).push(0).op(CREATE)).outcome, Outcome::init_code_too_large);
}

TEST(Machine, init_code_sees_no_call_data) {
    World world;
    const Bytes init = code().op(CALLDATASIZE).return_top();
    const auto result = world.run_message(creation(init));
    EXPECT_EQ(from_big_endian(*world.state->code(result.created)), U256{});
}

TEST(Machine, selfdestruct_deletes_only_what_the_transaction_created) {
    World old;
    old.base.accounts[kContract].balance = 50;
    EXPECT_EQ(old.run(code().push(kThird).op(SELFDESTRUCT)).outcome, Outcome::success);
    old.state->finish_transaction();
    EXPECT_EQ(old.state->balance(kThird), U256{50});
    EXPECT_TRUE(old.state->exists(kContract));
    EXPECT_NE(old.state->code(kContract)->size(), 0u);

    World fresh;
    const Bytes init = code().push(kThird).op(SELFDESTRUCT);
    const auto result = fresh.run_message(creation(init, 9));
    EXPECT_TRUE(fresh.state->is_destroyed(result.created));
    fresh.state->finish_transaction();
    EXPECT_FALSE(fresh.state->exists(result.created));
    EXPECT_EQ(fresh.state->balance(kThird), U256{9});
}

TEST(Machine, selfdestruct_to_itself_burns_only_in_the_creating_transaction) {
    World old;
    old.base.accounts[kContract].balance = 50;
    old.run(code().op(ADDRESS, SELFDESTRUCT));
    EXPECT_EQ(old.state->balance(kContract), U256{50});
    World fresh;
    const Bytes init = code().op(ADDRESS, SELFDESTRUCT);
    const auto result = fresh.run_message(creation(init, 9));
    EXPECT_EQ(fresh.state->balance(result.created), U256{});
}

TEST(Machine, delegated_accounts_run_the_code_of_their_target) {
    World world;
    world.base.put_code(kThird, code().op(ADDRESS).return_top());
    world.base.put_code(kCallee, designator(kThird));
    EXPECT_EQ(word_at(world.run(call_with(CALL)), 1), ops::word_of(kCallee));

    World sizes;
    sizes.base.put_code(kThird, code().op(CODESIZE).return_top());
    sizes.base.put_code(kCallee, designator(kThird));
    EXPECT_NE(word_at(sizes.run(call_with(CALL)), 1), U256{23});
    World outside;
    outside.base.put_code(kCallee, designator(kThird));
    EXPECT_EQ(word(outside.run(code().push(kCallee).op(EXTCODESIZE).return_top())), U256{23});
}

TEST(Machine, a_delegation_costs_the_access_to_its_target) {
    const auto used = [](const Bytes& callee, const Bytes& program) {
        World world;
        world.base.put_code(kThird, Bytes{0x00});
        world.base.put_code(kCallee, callee);
        return 1'000'000 - world.run(program, 1'000'000).gas_left;
    };
    const Bytes once = code().call(kCallee);
    EXPECT_EQ(used(designator(kThird), once) - used({0x00}, once), 2600);
    const Bytes warm = code().push(kThird).op(BALANCE, POP).call(kCallee);
    EXPECT_EQ(used(designator(kThird), warm) - used({0x00}, warm), 100);
}

TEST(Machine, delegations_are_followed_once_and_not_into_precompiles) {
    World chain;
    chain.base.put_code(kThird, designator(kContract));
    chain.base.put_code(kCallee, designator(kThird));
    EXPECT_EQ(word_at(chain.run(call_with(CALL, 0, 30'000)), 0), U256{0}) << "0xef is no instruction";
    World precompile;
    precompile.base.put_code(kCallee, designator(address(4)));
    const auto result = precompile.run(call_with(CALL));
    EXPECT_EQ(word_at(result, 0), U256{1});
    EXPECT_EQ(word_at(result, 1), U256{0});
    World cancun;
    cancun.revision = Revision::cancun;
    cancun.base.put_code(kCallee, designator(kThird));
    EXPECT_EQ(word_at(cancun.run(call_with(CALL, 0, 30'000)), 0), U256{0}) << "no delegations before Prague";
}

TEST(Machine, precompiles_answer_calls_and_are_always_warm) {
    World world;
    const Bytes program = code()
                              .push(0xabcd)
                              .push(0)
                              .op(MSTORE)
                              .push(32)
                              .push(32)
                              .push(32)
                              .push(0)
                              .push(address(4))
                              .push(1000)
                              .op(STATICCALL, POP)
                              .push(32)
                              .op(MLOAD)
                              .return_top();
    const auto result = world.run(program, 10'000);
    EXPECT_EQ(word(result), U256{0xabcd});
    EXPECT_LT(10'000 - result.gas_left, 300);
}

namespace {

/// Doubles the first word of the input; calls back into the machine when the word is above 100.
class Doubler : public NativeContract {
public:
    CallResult call(Machine& machine, const Message& message) const override {
        if (message.gas < 1000) return {Outcome::out_of_gas, 0, {}, {}};
        const auto number = from_big_endian(message.input.first(32));
        machine.state().set_storage(message.recipient, 1, number);
        if (number == U256{13}) return {Outcome::revert, message.gas - 1000, Bytes{0x13}, {}};
        if (number > U256{100}) {
            auto inner = message;
            inner.depth = message.depth + 1;
            inner.gas = message.gas - 1000;
            inner.sender = message.recipient;
            inner.recipient = inner.code_address = kThird;
            inner.value = 0;
            return machine.run(inner);
        }
        return {Outcome::success, message.gas - 1000, to_bytes(to_big_endian(number + number)), {}};
    }
};

} // namespace

TEST(Machine, native_contracts_are_reached_by_calls) {
    const Doubler doubler;
    const NativeContracts natives{{kCallee, &doubler}};
    const auto ask = [&](std::uint64_t number, World& world) {
        world.options.natives = &natives;
        world.base.put_code(kCallee, Bytes{0xfe});
        world.base.put_code(kThird, code().push(0).op(CALLDATALOAD).push(3).op(MUL).return_top());
        return world.run(code()
                             .push(number)
                             .push(0)
                             .op(MSTORE)
                             .push(32)
                             .push(32)
                             .push(32)
                             .push(0)
                             .push(0)
                             .push(kCallee)
                             .push(100'000)
                             .op(CALL)
                             .push(0)
                             .op(MSTORE)
                             .push(64)
                             .push(0)
                             .op(RETURN));
    };
    World plain;
    auto result = ask(21, plain);
    EXPECT_EQ(word_at(result, 0), U256{1});
    EXPECT_EQ(word_at(result, 1), U256{42});
    EXPECT_EQ(plain.state->storage(kCallee, 1), U256{21});
    World reverting;
    result = ask(13, reverting);
    EXPECT_EQ(word_at(result, 0), U256{0});
    EXPECT_EQ(reverting.state->storage(kCallee, 1), U256{});
    World nested;
    result = ask(200, nested);
    EXPECT_EQ(word_at(result, 0), U256{1});
    EXPECT_EQ(word_at(result, 1), U256{600});
}

TEST(Machine, tracer_sees_calls_enter_and_leave_in_pairs) {
    struct Recorder : Tracer {
        std::vector<std::string> lines;
        void on_enter(const Message& m, BytesView) override { lines.push_back("enter " + std::to_string(m.depth)); }
        void on_exit(const Message& m, const CallResult& r) override {
            lines.push_back("exit " + std::to_string(m.depth) + " " + std::string(describe(r.outcome)));
        }
        void on_destroy(const Address&, const Address&, const U256& balance) override {
            lines.push_back("destroy " + to_decimal(balance));
        }
    } recorder;
    World world;
    world.options.tracer = &recorder;
    world.base.put_code(kCallee, code().push(kThird).op(SELFDESTRUCT));
    world.run(code()
                  .call(kCallee)
                  .call(address(4))
                  .call(kCallee, 1)
                  .memory(0, Bytes{0xfe})
                  .push(1)
                  .push(0)
                  .push(0)
                  .op(CREATE));
    const std::vector<std::string> expected{"enter 0",       "enter 1",
                                            "destroy 0",     "exit 1 success",
                                            "enter 1",       "exit 1 success",
                                            "enter 1",       "exit 1 insufficient balance for transfer",
                                            "enter 1",       "exit 1 invalid opcode",
                                            "exit 0 success"};
    EXPECT_EQ(recorder.lines, expected);
}

} // namespace cairn::evm
