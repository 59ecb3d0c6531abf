#include "base/errors/audit.hpp"
#include "base/errors/storage.hpp"
#include "codec/abi.hpp"
#include "ledger/record.hpp"
#include "ledger/selector.hpp"
#include "rpc/rpc_fixture.hpp"

namespace cairn::rpc {
namespace {

using namespace testing;

Bytes call_of(std::string_view signature, const codec::AbiValue::List& arguments) {
    const auto selector = ledger::selector_of(signature);
    Bytes out{selector.begin(), selector.end()};
    append(out, *codec::abi_encode(signature.substr(signature.find('(')), arguments));
    return out;
}

/// Alice has a label, Bob has none. What of a contract has one is in `labelled`, what has none in `plain`.
class Reads : public RpcTest {
protected:
    Reads() {
        service.set_read_report([this](const LabelledRead& read) -> Status {
            if (sink_is_dead) return fail(error::AuditSinkFailed);
            const auto who = !read.sender ? "?" : *read.sender == alice ? "alice" : *read.sender == bob ? "bob" : "0";
            told.push_back(read.method + " " + who + " " + read.object + (read.refused ? " refused" : ""));
            return {};
        });
    }
    /// By the security administrator and an organisation.
    void decide(std::string_view signature, const codec::AbiValue::List& arguments) {
        chain.send({.to = system::kProposalsAddress,
                    .data = call_of("propose(address,bytes,string)",
                                    {system::kRolesAddress, call_of(signature, arguments), "confidential"})},
                   102);
        chain.send({.to = system::kProposalsAddress, .data = call_of("approve(uint256)", {++decided})}, 9);
    }
    void label() {
        decide("raiseLabel(address,uint8,uint32)", {labelled, 2, 0});
        decide("raiseLabel(address,uint8,uint32)", {alice, 2, 0});
        decide("raiseRecordLabel(bytes32,uint8,uint32)", {digest, 2, 0});
        chain.mine();
    }
    static Json ask(const Address& from, const Address& to, const Bytes& data = {}) {
        return {{"from", hex(from)}, {"to", hex(to)}, {"input", to_hex(data)}};
    }
    std::vector<std::string> take() { return std::exchange(told, {}); }
    std::string text(const char* method, const char* who, const Address& contract, bool refused = false) {
        return std::string{method} + " " + who + " contract " + hex(contract) + (refused ? " refused" : "");
    }
    using Told = std::vector<std::string>;

    Address labelled = chain.deploy(deployer(store_runtime()));
    Address plain = chain.deploy(deployer(store_runtime()));
    Address relay = chain.deploy(deployer(relay_runtime(labelled)));
    Hash256 digest = crypto::keccak256(as_bytes("a contract"));
    std::uint64_t decided = 0;
    bool sink_is_dead = false;
    std::vector<std::string> told;
};

TEST_F(Reads, of_what_has_no_label_are_nobodys_business) {
    call("eth_call", {ask(bob, labelled)});
    call("eth_getStorageAt", {hex(labelled), "0x0"});
    EXPECT_EQ(take(), Told{});
    label();
    call("eth_call", {ask(bob, plain)});
    call("eth_getStorageAt", {hex(plain), "0x0"});
    EXPECT_EQ(take(), Told{});
}

TEST_F(Reads, by_calls_name_the_sender_the_contract_and_what_became_of_it) {
    label();
    call("eth_call", {ask(alice, labelled)});
    EXPECT_EQ(take(), Told{text("eth_call", "alice", labelled)});
    error("eth_call", {ask(bob, labelled)});
    EXPECT_EQ(take(), Told{text("eth_call", "bob", labelled, true)});
    error("eth_call", {Json{{"to", hex(labelled)}}});
    EXPECT_EQ(take(), Told{text("eth_call", "0", labelled, true)}) << "nobody named";
    // By a contract in between, whose own call does not fail with it.
    call("eth_call", {ask(bob, relay)});
    EXPECT_EQ(take(), Told{text("eth_call", "bob", labelled, true)});
}

TEST_F(Reads, by_code_that_is_only_tried_are_refused_like_all_others) {
    label();
    // Neither "from" nor "to": nothing is deployed, the code runs and answers.
    const auto word_of = [](std::uint8_t last) {
        Bytes out(32);
        out.back() = last;
        return to_hex(out);
    };
    EXPECT_EQ(call("eth_call", {Json{{"input", to_hex(relay_runtime(plain))}}}), word_of(1)) << "its call succeeded";
    EXPECT_EQ(take(), Told{});
    EXPECT_EQ(call("eth_call", {Json{{"input", to_hex(relay_runtime(labelled))}}}), word_of(0));
    EXPECT_EQ(take(), Told{text("eth_call", "0", labelled, true)});
}

TEST_F(Reads, of_what_a_key_touched_do_not_name_a_labelled_record) {
    const auto other = crypto::keccak256(digest);
    for (const auto& record : {digest, other})
        chain.impact.findings.push_back(
            {.event = {.kind = keys::Touch::recorded, .key = {}, .other = record, .height = 1, .last_height = 1, .subject = {}}});
    const auto recorded = [&] {
        std::vector<std::string> out;
        const auto answer = call("cairn_keyImpact", {to_hex(digest), "0x0"});
        for (const auto& finding : answer["findings"])
            out.push_back(finding.value("other", "-"));
        return out;
    };
    EXPECT_EQ(recorded(), (std::vector{to_hex(digest), to_hex(other)}));
    label();
    EXPECT_EQ(recorded(), (std::vector<std::string>{"-", to_hex(other)}));
}

TEST_F(Reads, by_every_method_that_runs_calls_are_told_once_a_request) {
    label();
    for (const auto* method : {"eth_call", "eth_estimateGas", "eth_createAccessList", "debug_traceCall"}) {
        answer(method, Json::array({ask(alice, labelled, word(7)), "latest"}));
        EXPECT_EQ(take(), Told{text(method, "alice", labelled)}) << method;
    }
    raw(Json::array({request("eth_call", {ask(alice, labelled)}), request("eth_getStorageAt", {hex(labelled), "0x0"})})
            .dump());
    EXPECT_EQ(take(), (Told{text("eth_call", "alice", labelled), text("eth_getStorageAt", "?", labelled, true)}));
}

TEST_F(Reads, without_a_call_are_refused_and_told) {
    label();
    for (const auto& [method, parameters] : std::vector<std::pair<const char*, Json>>{
             {"eth_getStorageAt", {hex(labelled), "0x0"}},
             {"eth_getStorageValues", Json::array({Json{{hex(labelled), Json::array({"0x0"})}}})},
             {"eth_getProof", {hex(labelled), {"0x0"}, "latest"}},
             {"eth_getLogs", Json::array({Json{{"fromBlock", "0x0"}, {"address", hex(labelled)}}})}}) {
        EXPECT_EQ(error(method, parameters)["data"]["code"], "CRN-RPC-0008");
        EXPECT_EQ(take(), Told{text(method, "?", labelled, true)});
    }
    error("cairn_getProofBundle", {to_hex(digest)});
    EXPECT_EQ(take(), Told{"cairn_getProofBundle ? record " + to_hex(digest) + " refused"});
}

TEST_F(Reads, of_records_name_the_record) {
    label();
    const auto get = call_of("count(bytes32)", {digest});
    call("eth_call", {ask(alice, ledger::kRecordsContract, get)});
    EXPECT_EQ(take(), Told{"eth_call alice record " + to_hex(digest)});
    error("eth_call", {ask(bob, ledger::kRecordsContract, get)});
    EXPECT_EQ(take(), Told{"eth_call bob record " + to_hex(digest) + " refused"});
    call("eth_call", {ask(bob, ledger::kRecordsContract, call_of("count(bytes32)", {crypto::keccak256(digest)}))});
    EXPECT_EQ(take(), Told{});
}

TEST_F(Reads, of_a_labelled_record_need_a_call) {
    const auto other = crypto::keccak256(digest);
    for (const auto& [what, text] : {std::pair{digest, "secret"}, std::pair{other, "open"}})
        chain.send(
            {.to = ledger::kRecordsContract, .data = call_of("record(bytes32,string)", {what, std::string{text}})});
    const auto recorded = [&] {
        std::vector<std::string> out;
        for (const auto& log : call("eth_getLogs", Json{{"fromBlock", "0x0"}, {"toBlock", "latest"}}))
            if (log["address"] == hex(ledger::kRecordsContract)) out.push_back(log["topics"][1]);
        return out;
    };
    const std::vector<std::pair<std::string, Json>> reads = {
        {"eth_getStorageAt", {hex(ledger::kRecordsContract), "0x0"}},
        {"eth_getStorageValues", Json::array({Json{{hex(ledger::kRecordsContract), Json::array({"0x0"})}}})},
        {"eth_getProof", {hex(ledger::kRecordsContract), {"0x0"}, "latest"}}};
    EXPECT_EQ(recorded(), (std::vector{to_hex(digest), to_hex(other)}));
    for (const auto& [method, parameters] : reads) call(method, parameters);
    label();
    EXPECT_EQ(recorded(), std::vector{to_hex(other)});
    for (const auto& [method, parameters] : reads) {
        EXPECT_EQ(error(method, parameters)["data"]["code"], "CRN-RPC-0008") << method;
        EXPECT_EQ(take(), Told{method + " ? storage of the records refused"});
    }
}

TEST_F(Reads, of_a_state_in_which_the_label_is_not_there_are_told_all_the_same) {
    const auto before = to_quantity(chain.head().value);
    label();
    call("eth_call", {ask(bob, labelled), before});
    EXPECT_EQ(take(), Told{text("eth_call", "bob", labelled)});
    // A client may pretend that Roles is empty.
    call("eth_call", {ask(bob, labelled), "latest", Json{{hex(system::kRolesAddress), {{"state", Json::object()}}}}});
    EXPECT_EQ(take(), Told{text("eth_call", "bob", labelled)});
}

TEST_F(Reads, while_labels_cannot_be_read_are_no_reads) {
    chain.send({.to = ledger::kRecordsContract, .data = call_of("record(bytes32,string)", {digest, std::string{"x"}})});
    label();
    chain.state_error = Error{error::StorageCorrupt, "state"};
    EXPECT_EQ(error("eth_getLogs", Json::array({Json{{"fromBlock", "0x0"}}}))["data"]["code"], "CRN-STO-0002");
    EXPECT_EQ(error("eth_getStorageAt", {hex(plain), "0x0"})["data"]["code"], "CRN-RPC-0008");
    error("cairn_getProofBundle", {to_hex(digest)});
}

TEST_F(Reads, that_cannot_be_noted_are_not_answered) {
    label();
    sink_is_dead = true;
    EXPECT_EQ(error("eth_call", {ask(alice, labelled)})["data"]["code"], "CRN-AUD-0001");
    EXPECT_EQ(error("eth_getStorageAt", {hex(labelled), "0x0"})["data"]["code"], "CRN-RPC-0008");
    call("eth_call", {ask(bob, plain)});
}

} // namespace
} // namespace cairn::rpc
