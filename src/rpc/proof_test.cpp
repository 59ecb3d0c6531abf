#include "ledger/handovers.hpp"
#include "ledger/selector.hpp"
#include "rpc/rpc_fixture.hpp"

namespace cairn::rpc {
namespace {

using namespace testing;

class Proofs : public RpcTest {
protected:
    void record(std::string_view text) {
        const auto selector = ledger::selector_of("record(bytes32,string)");
        Bytes data(selector.begin(), selector.end());
        append(data, digest);
        append(data, word(64));
        append(data, word(text.size()));
        Bytes padded = to_bytes(as_bytes(text));
        padded.resize((padded.size() + 31) / 32 * 32);
        append(data, padded);
        const auto receipt =
            call("eth_getTransactionReceipt", {hex(chain.send({.to = ledger::kRecordsContract, .data = data}))});
        ASSERT_EQ(receipt["status"], "0x1");
    }
    const Hash256 digest = crypto::sha256(as_bytes("contract"));
};

TEST_F(Proofs, hold_without_the_node) {
    record("contract.pdf");
    record("the same again, with metadata that is longer than one word of storage");
    chain.mine();
    const auto genesis = must(ledger::genesis_from_json(call("cairn_getGenesis").dump()));
    for (std::uint64_t index = 0; index < 2; ++index) {
        const auto bundle = call("cairn_getProofBundle", {hex(digest), to_quantity(index)});
        const auto proven = must(ledger::verify_bundle(genesis, bundle.dump(2) + "\n", digest));
        EXPECT_EQ(proven.index, index);
        EXPECT_EQ(proven.record.sender, alice);
        EXPECT_EQ(proven.record.block_number, index + 1);
        EXPECT_EQ(proven.proven_at, Height{3});
        EXPECT_TRUE(proven.record.metadata.starts_with(index == 0 ? "contract.pdf" : "the same"));
    }
    auto changed = call("cairn_getProofBundle", {hex(digest)});
    changed["votes"][0]["signature"] = "0x" + std::string(128, '1');
    EXPECT_FALSE(ledger::verify_bundle(genesis, changed.dump(2) + "\n", digest));
}

TEST_F(Proofs, tell_handovers_from_any_epoch_on) {
    const auto genesis = must(ledger::genesis_from_json(call("cairn_getGenesis").dump()));
    for (const auto* from : {"0x0", "0x7", "0xffffffffffffffff"}) {
        const auto told = must(ledger::handovers_from_json(call("cairn_getHandovers", {from}).dump(2) + "\n"));
        EXPECT_EQ(must(ledger::follow_handovers(genesis, told)).size(), 1u); // this chain has one epoch
    }
    EXPECT_EQ(error("cairn_getHandovers", {"seven"})["code"], -32602);
}

TEST_F(Proofs, are_not_given_of_what_was_never_recorded) {
    EXPECT_EQ(call("cairn_getProofBundle", {hex(digest)}), nullptr);
    record("");
    EXPECT_EQ(error("cairn_getProofBundle", {hex(digest), "0x1"})["code"], -32000);
    EXPECT_EQ(error("cairn_getProofBundle", {"0x12"})["code"], -32602);
}

} // namespace
} // namespace cairn::rpc
