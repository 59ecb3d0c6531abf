#include "evm/bytecode.hpp"

#include <gtest/gtest.h>

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

const U256 kMinusOne = ~U256{};
const U256 kLowest = U256{1} << 255;

U256 binary(Opcode opcode, const U256& a, const U256& b) {
    World world;
    const auto result = world.run(code().push(b).push(a).op(opcode).return_top());
    EXPECT_EQ(result.outcome, Outcome::success);
    return word(result);
}

} // namespace

TEST(Interpreter, arithmetic_wraps_and_division_by_zero_is_zero) {
    EXPECT_EQ(binary(ADD, kMinusOne, 2), U256{1});
    EXPECT_EQ(binary(SUB, 1, 2), kMinusOne);
    EXPECT_EQ(binary(MUL, kLowest, 2), U256{});
    EXPECT_EQ(binary(DIV, 7, 2), U256{3});
    EXPECT_EQ(binary(DIV, 7, 0), U256{});
    EXPECT_EQ(binary(MOD, 7, 4), U256{3});
    EXPECT_EQ(binary(SDIV, kLowest, kMinusOne), kLowest);
    EXPECT_EQ(binary(SDIV, -U256{7}, 2), -U256{3});
    EXPECT_EQ(binary(SMOD, -U256{7}, 4), -U256{3});
    EXPECT_EQ(binary(SMOD, 7, -U256{4}), U256{3});
    EXPECT_EQ(binary(EXP, 3, 5), U256{243});
    EXPECT_EQ(binary(SIGNEXTEND, 0, 0xff), kMinusOne);
    EXPECT_EQ(binary(SIGNEXTEND, 0, 0x17f), U256{0x7f});
    EXPECT_EQ(binary(SIGNEXTEND, 31, 0xff), U256{0xff});
}

TEST(Interpreter, comparisons_know_the_sign) {
    EXPECT_EQ(binary(LT, 1, kMinusOne), U256{1});
    EXPECT_EQ(binary(SLT, 1, kMinusOne), U256{0});
    EXPECT_EQ(binary(SGT, 1, kMinusOne), U256{1});
    EXPECT_EQ(binary(GT, kMinusOne, 1), U256{1});
    EXPECT_EQ(binary(EQ, 5, 5), U256{1});
}

TEST(Interpreter, shifts_and_bytes_follow_their_amount) {
    EXPECT_EQ(binary(SHL, 4, 1), U256{16});
    EXPECT_EQ(binary(SHR, 256, kMinusOne), U256{});
    EXPECT_EQ(binary(SAR, 300, kLowest), kMinusOne);
    EXPECT_EQ(binary(SAR, 1, kLowest), kLowest | (kLowest >> 1));
    EXPECT_EQ(binary(SAR, U256{1} << 70, 5), U256{});
    EXPECT_EQ(binary(BYTE, 31, 0xab), U256{0xab});
    EXPECT_EQ(binary(BYTE, 0, kLowest), U256{0x80});
    EXPECT_EQ(binary(BYTE, 32, kMinusOne), U256{});
}

TEST(Interpreter, modular_operations_do_not_wrap) {
    World world;
    const Bytes sum = code().push(12).push(kMinusOne).push(kMinusOne).op(ADDMOD).return_top();
    EXPECT_EQ(word(world.run(sum)), U256{6});
    World other;
    const Bytes product = code().push(12).push(kMinusOne).push(kMinusOne).op(MULMOD).return_top();
    EXPECT_EQ(word(other.run(product)), U256{9});
}

TEST(Interpreter, count_of_leading_zeros_exists_from_osaka_on) {
    const Bytes program = code().push(1).op(CLZ).return_top();
    World world;
    EXPECT_EQ(word(world.run(program)), U256{255});
    World earlier;
    earlier.revision = Revision::prague;
    EXPECT_EQ(earlier.run(program).outcome, Outcome::invalid_opcode);
}

TEST(Interpreter, gas_is_exact_for_a_plain_program) {
    World world;
    const auto result = world.run(code().push(2).push(3).op(ADD, POP), 100);
    EXPECT_EQ(result.outcome, Outcome::success);
    EXPECT_EQ(result.gas_left, 100 - 3 - 3 - 3 - 2);
}

TEST(Interpreter, runs_out_of_gas_at_the_last_unit) {
    World enough;
    EXPECT_EQ(enough.run(code().push(1).push(1).op(ADD), 9).outcome, Outcome::success);
    World short_by_one;
    const auto result = short_by_one.run(code().push(1).push(1).op(ADD), 8);
    EXPECT_EQ(result.outcome, Outcome::out_of_gas);
    EXPECT_EQ(result.gas_left, 0);
}

TEST(Interpreter, memory_costs_grow_with_the_square) {
    World world;
    const auto result = world.run(code().push(1).push(32 * 1023).op(MSTORE), 100'000);
    EXPECT_EQ(100'000 - result.gas_left, 3 + 3 + 3 + 3 * 1024 + 1024 * 1024 / 512);
}

TEST(Interpreter, endless_memory_is_out_of_gas_and_not_a_crash) {
    for (const U256& offset : {kMinusOne, U256{1} << 64, U256{1} << 40, U256{0xffff'ffff'ffff'ffff}}) {
        World world;
        EXPECT_EQ(world.run(code().push(offset).op(MLOAD)).outcome, Outcome::out_of_gas);
        World other;
        EXPECT_EQ(other.run(code().push(offset).push(0).op(RETURN)).outcome, Outcome::out_of_gas);
    }
}

TEST(Interpreter, stack_limits_are_checked) {
    World empty;
    EXPECT_EQ(empty.run(code().op(ADD)).outcome, Outcome::stack_underflow);
    World deep;
    EXPECT_EQ(deep.run(code().push(1).op(DUP2)).outcome, Outcome::stack_underflow);
    Code full;
    for (int i = 0; i < 1024; ++i) full.push(1);
    World fits;
    EXPECT_EQ(fits.run(full).outcome, Outcome::success);
    World bursts;
    EXPECT_EQ(bursts.run(full.push(1)).outcome, Outcome::stack_overflow);
}

TEST(Interpreter, dup_and_swap_reach_their_depth) {
    World world;
    EXPECT_EQ(word(world.run(code().push(7).push(8).push(9).op(DUP3).return_top())), U256{7});
    World other;
    EXPECT_EQ(word(other.run(code().push(7).push(8).push(9).op(SWAP2).return_top())), U256{7});
}

TEST(Interpreter, jumps_land_only_on_jumpdests_that_are_code) {
    World good;
    EXPECT_EQ(good.run(code().push(4).op(JUMP, INVALID, JUMPDEST)).outcome, Outcome::success);
    World into_operand;
    EXPECT_EQ(into_operand.run(code().push(4).op(JUMP, PUSH1, JUMPDEST)).outcome, Outcome::bad_jump);
    World beyond;
    EXPECT_EQ(beyond.run(code().push(U256{1} << 64).op(JUMP)).outcome, Outcome::bad_jump);
    World untaken;
    EXPECT_EQ(untaken.run(code().push(0).push(99).op(JUMPI)).outcome, Outcome::success);
    World taken;
    EXPECT_EQ(taken.run(code().push(1).push(99).op(JUMPI)).outcome, Outcome::bad_jump);
}

TEST(Interpreter, a_push_cut_off_by_the_end_of_code_reads_zeros) {
    World world;
    EXPECT_EQ(world.run(Bytes{0x7f, 0x01}).outcome, Outcome::success);
}

TEST(Interpreter, copies_pad_with_zeros) {
    World world;
    const Bytes input{0xaa, 0xbb};
    const Bytes program = code().push(32).push(1).push(0).op(CALLDATACOPY).push(0).op(MLOAD).return_top();
    EXPECT_EQ(word(world.run(program, 1'000'000, input)), U256{0xbb} << 248);
    World other;
    EXPECT_EQ(word(other.run(code().push(1).op(CALLDATALOAD).return_top(), 1'000'000, input)), U256{0xbb} << 248);
}

TEST(Interpreter, mcopy_moves_overlapping_ranges) {
    World world;
    const Bytes program = code()
                              .push(kMinusOne >> 8)
                              .push(0)
                              .op(MSTORE)
                              .push(31)
                              .push(0)
                              .push(1)
                              .op(MCOPY)
                              .push(0)
                              .op(MLOAD)
                              .return_top();
    EXPECT_EQ(word(world.run(program)), kMinusOne >> 16);
}

TEST(Interpreter, return_data_out_of_bounds_fails) {
    World world;
    EXPECT_EQ(world.run(code().push(1).push(0).push(0).op(RETURNDATACOPY)).outcome, Outcome::return_data_out_of_bounds);
}

TEST(Interpreter, storage_writes_cost_what_eip_2200_says) {
    struct Case {
        std::uint64_t original, first, second;
        std::int64_t gas, refund;
    };
    // The table of EIP-3529, here with a slot that is cold before the first write.
    const Case cases[] = {
        {0, 0, 0, 212, 0},     {0, 0, 1, 20112, 0},   {0, 1, 0, 20112, 19900}, {0, 1, 2, 20112, 0},
        {0, 1, 1, 20112, 0},   {1, 0, 0, 3012, 4800}, {1, 0, 1, 3012, 2800},   {1, 0, 2, 3012, 0},
        {1, 2, 0, 3012, 4800}, {1, 2, 3, 3012, 0},    {1, 2, 1, 3012, 2800},   {1, 2, 2, 3012, 0},
        {1, 1, 0, 3012, 4800}, {1, 1, 2, 3012, 0},    {1, 1, 1, 212, 0},
    };
    for (const auto& c : cases) {
        World world;
        if (c.original != 0) world.base.slots[kContract][0] = c.original;
        const auto pushes = [](std::uint64_t v) { return v == 0 ? 2 + 2 : 3 + 2; };
        const auto result = world.run(code().store(0, c.first).store(0, c.second), 100'000);
        EXPECT_EQ(100'000 - result.gas_left, c.gas - 12 + 2100 + pushes(c.first) + pushes(c.second))
            << c.original << c.first << c.second;
        EXPECT_EQ(world.state->refund(), c.refund) << c.original << c.first << c.second;
    }
}

TEST(Interpreter, storage_writes_need_more_than_the_stipend) {
    World world;
    EXPECT_EQ(world.run(code().store(0, 0), 2300 + 4).outcome, Outcome::out_of_gas);
}

TEST(Interpreter, transient_storage_is_not_storage) {
    World world;
    const Bytes program = code().push(7).push(1).op(TSTORE).push(1).op(SLOAD).push(1).op(TLOAD, ADD).return_top();
    EXPECT_EQ(word(world.run(program)), U256{7});
}

TEST(Interpreter, block_values_come_from_the_environment) {
    World world;
    world.block.timestamp = 77;
    world.block.prev_randao[31] = 5;
    world.block.blob_base_fee = 9;
    world.transaction.blob_hashes.resize(2);
    world.transaction.blob_hashes[1][0] = 1;
    const Bytes program =
        code().op(TIMESTAMP, PREVRANDAO, ADD, BLOBBASEFEE, ADD).push(1).op(BLOBHASH, ADD).return_top();
    EXPECT_EQ(word(world.run(program)), U256{91} + (U256{1} << 248));
}

TEST(Interpreter, block_hashes_reach_back_256_blocks) {
    const auto ask = [](std::uint64_t number) {
        World world;
        world.block.block_hash = [](std::uint64_t n) { return to_big_endian(n + 1); };
        return word(world.run(code().push(number).op(BLOCKHASH).return_top()));
    };
    EXPECT_EQ(ask(999), U256{1000});
    EXPECT_EQ(ask(744), U256{745});
    EXPECT_EQ(ask(743), U256{});
    EXPECT_EQ(ask(1000), U256{});
}

TEST(Interpreter, traced_run_equals_the_plain_one_and_sees_each_step) {
    struct Recorder : Tracer {
        std::vector<std::string> lines;
        std::int64_t sum = 0;
        void on_step(const Step& step) override {
            lines.push_back(std::to_string(step.pc) + " " + std::string(kTraits[step.opcode].name) + " " +
                            std::to_string(step.gas_cost) + " " + std::to_string(step.stack.size()) + " " +
                            std::to_string(step.memory.size()));
            sum += step.gas_cost;
        }
    } recorder;
    const Bytes program = code().push(5).push(0).op(MSTORE).push(0).op(SLOAD, POP).push(1).push(1).op(SSTORE);
    World plain;
    const auto expected = plain.run(program, 50'000);
    World traced;
    traced.options.tracer = &recorder;
    const auto result = traced.run(program, 50'000);
    EXPECT_EQ(result.gas_left, expected.gas_left);
    EXPECT_EQ(recorder.sum, 50'000 - result.gas_left);
    const std::vector<std::string> lines{"0 PUSH1 3 0 0",        "2 PUSH0 2 1 0", "3 MSTORE 6 2 0", "4 PUSH0 2 0 32",
                                         "5 SLOAD 2100 1 32",    "6 POP 2 1 32",  "7 PUSH1 3 0 32", "9 PUSH1 3 1 32",
                                         "11 SSTORE 22100 2 32", "12 STOP 0 0 32"};
    EXPECT_EQ(recorder.lines, lines);
}

TEST(Interpreter, tracer_learns_of_the_step_that_fails) {
    struct Recorder : Tracer {
        std::vector<std::pair<Outcome, std::int64_t>> seen;
        void on_step(const Step& step) override { seen.emplace_back(step.error, step.gas_cost); }
    } recorder;
    World world;
    world.options.tracer = &recorder;
    EXPECT_EQ(world.run(code().push(1).op(ADD), 50).outcome, Outcome::stack_underflow);
    ASSERT_EQ(recorder.seen.size(), 2u);
    EXPECT_EQ(recorder.seen[1].first, Outcome::stack_underflow);
}

} // namespace cairn::evm
