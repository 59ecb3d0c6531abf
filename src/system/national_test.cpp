#include "system/national.hpp"

#include "crypto/sm2.hpp"
#include "crypto/sm3.hpp"
#include "system/chain_test.hpp"

namespace cairn::system {
namespace {

const Address kCaller = filled<Address>(0xa0);

Answer call(const Address& contract, BytesView input, std::int64_t gas, evm::CallKind kind = evm::CallKind::call) {
    TestChain chain;
    auto message = TestChain::message(contract, kCaller, input);
    message.gas = gas;
    message.kind = kind;
    if (kind == evm::CallKind::delegate_call) message.recipient = filled<Address>(0x99);
    return chain.run(message);
}

// GB/T 32918.5-2017, annex A.2: e, r, s, x, y.
const Bytes kValid = *from_hex("0xf0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
                               "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
                               "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
                               "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
                               "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");

TEST(NationalContracts, sm3_answers_the_digest_for_the_price_of_its_words) {
    const auto answer = call(kSm3Address, as_bytes("abc"), 1'000);
    EXPECT_EQ(to_hex(answer.result.output), "0x66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
    EXPECT_EQ(answer.gas_used, 72);
    EXPECT_EQ(call(kSm3Address, {}, 60).gas_used, 60);
    EXPECT_EQ(call(kSm3Address, Bytes(33, 1), 84).result.outcome, evm::Outcome::success);
    EXPECT_EQ(call(kSm3Address, Bytes(33, 1), 83).result.outcome, evm::Outcome::out_of_gas);
}

TEST(NationalContracts, sm2_says_yes_to_the_signature_of_the_standard_alone) {
    const auto yes = call(kSm2Address, kValid, kSm2Gas);
    EXPECT_EQ(yes.result.output, to_bytes(to_big_endian(U256{1})));
    EXPECT_EQ(yes.gas_used, kSm2Gas);
    EXPECT_EQ(call(kSm2Address, kValid, kSm2Gas - 1).result.outcome, evm::Outcome::out_of_gas);
    for (std::size_t i = 0; i < kValid.size(); i += 7) {
        auto input = kValid;
        input[i] ^= 0x80;
        const auto no = call(kSm2Address, input, kSm2Gas);
        EXPECT_TRUE(no.result.ok()) << i;
        EXPECT_TRUE(no.result.output.empty()) << i;
    }
    EXPECT_TRUE(call(kSm2Address, BytesView{kValid}.first(159), kSm2Gas).result.output.empty());
    auto longer = kValid;
    longer.push_back(0);
    EXPECT_TRUE(call(kSm2Address, longer, kSm2Gas).result.output.empty());
}

TEST(NationalContracts, may_be_delegated_to_and_called_statically) {
    for (const auto kind : {evm::CallKind::delegate_call, evm::CallKind::static_call})
        EXPECT_FALSE(call(kSm2Address, kValid, kSm2Gas, kind).result.output.empty());
}

} // namespace
} // namespace cairn::system
