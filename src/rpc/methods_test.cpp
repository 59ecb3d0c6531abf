#include "codec/abi.hpp"
#include "ledger/selector.hpp"
#include "rpc/fees.hpp"
#include "rpc/rpc_fixture.hpp"

#include <future>

namespace cairn::rpc {
namespace {

using namespace testing;

class Methods : public RpcTest {};

TEST_F(Methods, say_what_node_this_is) {
    EXPECT_EQ(call("eth_chainId"), "0x1cbd");
    EXPECT_EQ(call("net_version"), "7357");
    EXPECT_EQ(call("net_listening"), true);
    EXPECT_EQ(call("net_peerCount"), "0x1");
    EXPECT_EQ(call("eth_accounts"), Json::array());
    EXPECT_EQ(call("web3_clientVersion"), "Cairn/v0.1.0/linux/c++23");
    EXPECT_EQ(call("web3_sha3", {"0x68656c6c6f20776f726c64"}),
              "0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad");
    EXPECT_EQ(call("eth_syncing"), false);
    chain.set_syncing(true);
    EXPECT_EQ(call("eth_syncing")["currentBlock"], "0x0");
}

TEST_F(Methods, count_blocks) {
    EXPECT_EQ(call("eth_blockNumber"), "0x0");
    chain.mine();
    EXPECT_EQ(call("eth_blockNumber"), "0x1");
}

TEST_F(Methods, read_accounts_at_any_block) {
    chain.send({.to = bob, .value = 5}, 1);
    chain.send({.to = bob, .value = 7}, 1);
    const auto at = [&](const Json& block) { return call("eth_getBalance", {hex(bob), block}); };
    EXPECT_EQ(at("earliest"), "0x3635c9adc5dea00000");
    EXPECT_EQ(at("0x1"), "0x3635c9adc5dea00005");
    for (const auto* tag : {"latest", "safe", "finalized", "pending", "0x2"})
        EXPECT_EQ(at(tag), "0x3635c9adc5dea0000c");
    const auto first = call("eth_getBlockByNumber", {"0x1", false})["hash"];
    EXPECT_EQ(at(first), "0x3635c9adc5dea00005");
    EXPECT_EQ(at({{"blockHash", first}}), "0x3635c9adc5dea00005");
    EXPECT_EQ(at({{"blockHash", first}, {"requireCanonical", true}}), "0x3635c9adc5dea00005");
    EXPECT_EQ(at({{"blockNumber", "0x1"}}), "0x3635c9adc5dea00005");
    EXPECT_EQ(call("eth_getBalance", {hex(bob)}), "0x3635c9adc5dea0000c");
    EXPECT_EQ(call("eth_getBalance", {"0xffffffffffffffffffffffffffffffffffffffff"}), "0x0");
    EXPECT_EQ(call("eth_getTransactionCount", {hex(alice), "latest"}), "0x2");
    EXPECT_EQ(call("eth_getTransactionCount", {hex(alice), "0x1"}), "0x1");

    EXPECT_EQ(error("eth_getBalance", {hex(bob), "0x3"})["message"], "header not found");
    EXPECT_EQ(error("eth_getBalance", {hex(bob), "0x3"})["code"], -32000);
    EXPECT_EQ(
        error("eth_getBalance", {hex(bob), std::string(2, '0').replace(0, 2, "0x") + std::string(64, '1')})["code"],
        -32000);
}

TEST_F(Methods, what_has_a_label_is_not_read_without_a_call) {
    const auto contract = chain.deploy(deployer(store_runtime()));
    const auto other = chain.deploy(deployer(store_runtime()));
    const auto stored = hex(chain.send({.to = contract, .data = word(42)}));
    const auto stored_at = to_quantity(chain.head().value);
    const auto stored_elsewhere = hex(chain.send({.to = other, .data = word(43)}));
    const auto all = [&] { return call("eth_getLogs", Json{{"fromBlock", "0x0"}, {"toBlock", "latest"}}).size(); };
    const auto slot = [&](const Address& of) { return answer("eth_getStorageAt", {hex(of), "0x0"}); };
    EXPECT_TRUE(slot(contract).contains("result"));
    const auto before = all();
    // Raised by the security administrator and an organisation.
    const auto call_of = [](std::string_view signature, const codec::AbiValue::List& arguments) {
        const auto selector = ledger::selector_of(signature);
        Bytes out{selector.begin(), selector.end()};
        append(out, *codec::abi_encode(signature.substr(signature.find('(')), arguments));
        return out;
    };
    chain.send({.to = system::kProposalsAddress,
                .data = call_of("propose(address,bytes,string)",
                                {system::kRolesAddress, call_of("raiseLabel(address,uint8,uint32)", {contract, 2, 0}),
                                 "confidential"})},
               102);
    chain.send({.to = system::kProposalsAddress, .data = call_of("approve(uint256)", {1})}, 9);
    chain.send({.to = other, .data = word(44)});
    for (const auto& [method, parameters] : std::vector<std::pair<std::string, Json>>{
             {"eth_getStorageAt", {hex(contract), "0x0"}},
             {"eth_getStorageAt", {hex(contract), "0x0", "0x3"}}, // also of before
             {"eth_getStorageValues", Json::array({Json{{hex(contract), Json::array({"0x0"})}}})},
             {"eth_getProof", {hex(contract), {"0x0"}, "latest"}},
             {"eth_getLogs", Json::array({Json{{"fromBlock", "0x0"}, {"address", hex(contract)}}})},
             {"debug_traceTransaction", Json::array({stored})},
             {"debug_traceBlockByNumber", Json::array({stored_at})},
             {"debug_getRawReceipts", Json::array({stored_at})}})
        EXPECT_EQ(error(method, parameters)["data"]["code"], "CRN-RPC-0008") << method;
    EXPECT_TRUE(answer("debug_traceTransaction", Json::array({stored_elsewhere})).contains("result"));
    EXPECT_EQ(call("eth_getTransactionReceipt", Json::array({stored}))["logs"], Json::array());
    EXPECT_EQ(call("eth_getBlockReceipts", Json::array({stored_at}))[0]["logs"], Json::array());
    EXPECT_EQ(call("eth_getTransactionReceipt", Json::array({stored_elsewhere}))["logs"].size(), 1u);
    EXPECT_TRUE(slot(other).contains("result"));
    const auto logs = call("eth_getLogs", Json{{"fromBlock", "0x0"}, {"toBlock", "latest"}});
    for (const auto& log : logs) EXPECT_NE(log["address"], hex(contract));
    EXPECT_GT(logs.size(), before) << "those of others are still told";
}

TEST_F(Methods, read_code_and_storage) {
    const auto contract = chain.deploy(deployer(store_runtime()));
    chain.send({.to = contract, .data = word(42)});
    EXPECT_EQ(call("eth_getCode", {hex(contract)}), to_hex(store_runtime()));
    EXPECT_EQ(call("eth_getCode", {hex(contract), "earliest"}), "0x");
    EXPECT_EQ(call("eth_getCode", {hex(alice), "latest"}), "0x");
    const auto full = to_hex(word(42));
    EXPECT_EQ(call("eth_getStorageAt", {hex(contract), "0x0"}), full);
    EXPECT_EQ(call("eth_getStorageAt", {hex(contract), to_hex(word(0)), "latest"}), full);
    EXPECT_EQ(call("eth_getStorageAt", {hex(contract), "0x1", "latest"}), to_hex(word(0)));
    EXPECT_EQ(call("eth_getStorageValues",
                   {{{hex(contract), {to_hex(word(0)), to_hex(word(1))}}}, "latest"})[hex(contract)][0],
              full);
}

TEST_F(Methods, prove_accounts_and_slots) {
    const auto contract = chain.deploy(deployer(store_runtime()));
    chain.send({.to = contract, .data = word(42)});
    const auto proof = call("eth_getProof", {hex(contract), {"0x0", to_hex(word(1))}, "latest"});
    EXPECT_EQ(proof["storageProof"][0]["value"], "0x2a");
    EXPECT_EQ(proof["storageProof"][0]["key"], "0x0");
    EXPECT_EQ(proof["storageProof"][1]["key"], to_hex(word(1)));
    EXPECT_EQ(proof["storageProof"][1]["value"], "0x0");
    std::vector<Bytes> nodes;
    for (const auto& node : proof["accountProof"]) nodes.push_back(*from_hex(node.get<std::string>()));
    const auto root =
        *fixed_from_hex<Hash256>(call("eth_getBlockByNumber", {"latest", false})["stateRoot"].get<std::string>());
    EXPECT_EQ(crypto::keccak256(nodes.at(0)), root);
    EXPECT_EQ(error("eth_getProof", {hex(contract), "0x0"})["code"], -32602);
    EXPECT_EQ(error("eth_getProof", {hex(contract), Json::array(), "0x99"})["code"], -32000);
}

TEST_F(Methods, show_blocks_with_the_fields_of_osaka) {
    const auto hash = hex(chain.send({.to = bob, .value = 1}));
    const auto block = call("eth_getBlockByNumber", {"latest", false});
    EXPECT_EQ(block["transactions"], Json::array({hash}));
    EXPECT_EQ(block["number"], "0x1");
    EXPECT_EQ(block["baseFeePerGas"], "0x0");
    EXPECT_EQ(block["extraData"], "0x");
    EXPECT_EQ(block["difficulty"], "0x0");
    EXPECT_EQ(block["withdrawals"], Json::array());
    EXPECT_EQ(block["uncles"], Json::array());
    EXPECT_EQ(block["miner"], hex(address_of_key(9)));
    const auto encoded = *from_hex(call("debug_getRawBlock", {"0x1"}).get<std::string>());
    EXPECT_EQ(block["size"], to_quantity(encoded.size()));
    const auto header = *from_hex(call("debug_getRawHeader", {"0x1"}).get<std::string>());
    EXPECT_EQ(block["hash"], to_hex(crypto::keccak256(header)));

    const auto full = call("eth_getBlockByHash", {block["hash"], true});
    EXPECT_EQ(full["transactions"][0]["hash"], hash);
    EXPECT_EQ(full["transactions"][0]["blockHash"], block["hash"]);
    EXPECT_EQ(call("eth_getBlockByNumber", {"0x2", false}), nullptr);
    EXPECT_EQ(call("eth_getBlockByHash", {"0x" + std::string(64, '0'), false}), nullptr);
    EXPECT_EQ(call("eth_getBlockByNumber", {"earliest"})["number"], "0x0");
    EXPECT_EQ(call("eth_getBlockTransactionCountByNumber", {"0x1"}), "0x1");
    EXPECT_EQ(call("eth_getBlockTransactionCountByHash", {block["hash"]}), "0x1");
    EXPECT_EQ(call("eth_getBlockTransactionCountByNumber", {"0x9"}), nullptr);
    EXPECT_EQ(call("eth_getUncleCountByBlockNumber", {"0x1"}), "0x0");
    EXPECT_EQ(call("eth_getUncleCountByBlockHash", {block["hash"]}), "0x0");
    EXPECT_EQ(call("eth_getUncleByBlockNumberAndIndex", {"0x1", "0x0"}), nullptr);
    EXPECT_EQ(call("eth_getUncleByBlockHashAndIndex", {block["hash"], "0x0"}), nullptr);
}

TEST_F(Methods, show_transactions_of_every_type) {
    std::vector<Transaction> all(4);
    all[0] = {.to = bob, .value = 1, .data = {1, 2, 3}};
    all[1] = {.type = ledger::TransactionType::access_list, .to = bob, .access_list = {{bob, {Hash256{}}}}};
    all[2] = {.type = ledger::TransactionType::dynamic_fee, .max_fee_per_gas = 9, .to = bob};
    ledger::Authorization authorization{U256{InstantChain::kChainId}, bob, 0, 0, 1, 1};
    all[3] = {.type = ledger::TransactionType::set_code, .to = bob, .authorization_list = {authorization}};
    for (std::uint64_t type = 0; type < 4; ++type) {
        const auto hash = hex(chain.send(all[type]));
        const auto shown = call("eth_getTransactionByHash", {hash});
        const auto expected_type = type == 3 ? "0x4" : to_quantity(type);
        EXPECT_EQ(shown["type"], expected_type);
        EXPECT_EQ(shown["hash"], hash);
        EXPECT_EQ(shown["from"], hex(alice));
        EXPECT_EQ(shown["to"], hex(bob));
        EXPECT_EQ(shown["chainId"], "0x1cbd");
        EXPECT_EQ(shown["nonce"], to_quantity(type));
        EXPECT_EQ(shown["gasPrice"], type == 2 ? "0x0" : "0x0");
        EXPECT_EQ(shown.contains("maxFeePerGas"), type >= 2);
        EXPECT_EQ(shown.contains("accessList"), type >= 1);
        EXPECT_EQ(shown.contains("yParity"), type >= 1);
        EXPECT_EQ(shown.contains("authorizationList"), type == 3);
        const auto number = shown["blockNumber"];
        EXPECT_EQ(call("eth_getTransactionByBlockNumberAndIndex", {number, "0x0"}), shown);
        EXPECT_EQ(call("eth_getTransactionByBlockHashAndIndex", {shown["blockHash"], "0x0"}), shown);
        EXPECT_EQ(call("eth_getTransactionByBlockNumberAndIndex", {number, "0x1"}), nullptr);
        EXPECT_EQ(call("eth_getTransactionReceipt", {hash})["type"], expected_type);
        const auto encoded = *from_hex(call("debug_getRawTransaction", {hash}).get<std::string>());
        EXPECT_EQ(hex(crypto::keccak256(encoded)), hash);
    }
    EXPECT_EQ(call("eth_getTransactionByHash", {"0x" + std::string(64, '0')}), nullptr);
    EXPECT_EQ(call("eth_getTransactionReceipt", {"0x" + std::string(64, '0')}), nullptr);
    EXPECT_EQ(call("debug_getRawTransaction", {"0x" + std::string(64, '0')}), "0x");
}

TEST_F(Methods, show_receipts_with_logs_counted_per_block) {
    const auto contract = chain.deploy(deployer(store_runtime()));
    const auto created =
        call("eth_getTransactionReceipt", {call("eth_getBlockByNumber", {"latest"})["transactions"][0]});
    EXPECT_EQ(created["contractAddress"], hex(contract));
    EXPECT_EQ(created["to"], nullptr);
    EXPECT_EQ(created["status"], "0x1");

    const auto hash = hex(chain.send({.to = contract, .data = word(7)}));
    const auto receipt = call("eth_getTransactionReceipt", {hash});
    EXPECT_EQ(receipt["contractAddress"], nullptr);
    ASSERT_EQ(receipt["logs"].size(), 1u);
    const auto& log = receipt["logs"][0];
    EXPECT_EQ(log["address"], hex(contract));
    EXPECT_EQ(log["topics"][1], to_hex(word(7)));
    EXPECT_EQ(log["data"], to_hex(word(7)));
    EXPECT_EQ(log["logIndex"], "0x0");
    EXPECT_EQ(log["removed"], false);
    EXPECT_EQ(log["transactionHash"], hash);
    EXPECT_EQ(call("eth_getBlockReceipts", {"latest"}), Json::array({receipt}));
    EXPECT_EQ(call("eth_getBlockReceipts", {receipt["blockHash"]}), Json::array({receipt}));
    EXPECT_EQ(call("eth_getBlockReceipts", {"0x99"}), nullptr);
    EXPECT_EQ(call("debug_getRawReceipts", {"latest"}).size(), 1u);

    const auto reverter = chain.deploy(deployer(revert_runtime()));
    const auto failed = call("eth_getTransactionReceipt", {hex(chain.send({.to = reverter}))});
    EXPECT_EQ(failed["status"], "0x0");
    EXPECT_EQ(failed["logs"], Json::array());
}

TEST_F(Methods, send_raw_transactions_with_the_errors_of_the_pool) {
    const auto raw = chain.sign({.to = bob, .value = 1}, 1);
    const auto hash = call("eth_sendRawTransaction", {to_hex(raw)});
    EXPECT_EQ(hash, to_hex(crypto::keccak256(raw)));
    const auto again = error("eth_sendRawTransaction", {to_hex(raw)});
    EXPECT_EQ(again["code"], -32000);
    EXPECT_EQ(again["message"], "already known");
    EXPECT_EQ(again["data"]["code"], "CRN-POL-0001");
    EXPECT_EQ(error("eth_sendRawTransaction", {to_hex(chain.sign({.to = bob, .value = 2}, 1))})["message"],
              "nonce too low");
    EXPECT_EQ(error("eth_sendRawTransaction", {"0x"})["code"], -32000);
    EXPECT_EQ(error("eth_sendRawTransaction", {"0x02"})["code"], -32000);
    EXPECT_EQ(error("eth_sendRawTransaction", {"0xzz"})["code"], -32602);
    Transaction cheap{.to = bob};
    cheap.nonce = 1;
    cheap.gas_limit = 20'000;
    EXPECT_TRUE(
        error("eth_sendRawTransaction", {to_hex(chain.sign(cheap, 1))})["message"].get<std::string>().starts_with(
            "intrinsic gas too low"));
}

TEST_F(Methods, send_and_wait_for_the_receipt) {
    const auto raw = chain.sign({.to = bob, .value = 1}, 1);
    const auto receipt = call("eth_sendRawTransactionSync", {to_hex(raw)});
    EXPECT_EQ(receipt["transactionHash"], to_hex(crypto::keccak256(raw)));
    EXPECT_EQ(receipt["status"], "0x1");
    // Sending it again waits for nothing: it is final already.
    EXPECT_EQ(call("eth_sendRawTransactionSync", {to_hex(raw), "0x64"}), receipt);
    EXPECT_EQ(error("eth_sendRawTransactionSync", {to_hex(raw), 0})["code"], -32602);
    EXPECT_EQ(error("eth_sendRawTransactionSync", {"0x12"})["code"], -32000);
}

TEST_F(Methods, speak_of_certificates_and_genesis) {
    chain.mine();
    const auto certificate = call("cairn_getCertificate", {"latest"});
    EXPECT_EQ(certificate["number"], "0x1");
    EXPECT_EQ(certificate["hash"], call("eth_getBlockByNumber", {"latest"})["hash"]);
    const auto& member = certificate["validators"]["members"][0];
    EXPECT_EQ(member["organisation"], "Alpha");
    const auto key = *fixed_from_hex<crypto::ValidatorPublicKey>(member["publicKey"].get<std::string>());
    const auto signature = *fixed_from_hex<crypto::Signature>(certificate["votes"][0]["signature"].get<std::string>());
    EXPECT_TRUE(crypto::verify(key, *from_hex(certificate["signedBytes"].get<std::string>()), signature));
    EXPECT_EQ(call("cairn_getValidators", {"0x0"}), certificate["validators"]);
    EXPECT_EQ(call("cairn_nodeStatus")["peers"][1]["connected"], false);
    const auto metrics = call("cairn_metrics").get<std::string>();
    EXPECT_NE(metrics.find("\ncairn_certificate_not_after_seconds "), std::string::npos) << metrics;
    EXPECT_TRUE(metrics.ends_with("\n"));
    const auto genesis = call("cairn_getGenesis");
    EXPECT_EQ(ledger::hash_of(must(ledger::genesis_from_json(genesis.dump()))), ledger::hash_of(chain.genesis()));
    EXPECT_EQ(call("eth_capabilities")["head"]["number"], "0x1");
    EXPECT_EQ(call("eth_config")["current"]["chainId"], "0x1cbd");
}

TEST_F(Methods, price_gas_at_nothing_in_free_mode) {
    chain.send({.to = bob, .value = 1});
    EXPECT_EQ(call("eth_gasPrice"), "0x0");
    EXPECT_EQ(call("eth_maxPriorityFeePerGas"), "0x0");
    EXPECT_EQ(call("eth_baseFee"), "0x0");
    EXPECT_EQ(call("eth_blobBaseFee"), "0x1");
    const auto history = call("eth_feeHistory", {"0x5", "latest", {0, 50, 99.5}});
    EXPECT_EQ(history["oldestBlock"], "0x0");
    EXPECT_EQ(history["baseFeePerGas"], Json::array({"0x0", "0x0", "0x0"}));
    EXPECT_EQ(history["reward"][1], Json::array({"0x0", "0x0", "0x0"}));
    EXPECT_EQ(history["gasUsedRatio"].size(), 2u);
    EXPECT_EQ(call("eth_feeHistory", {1, "0x1"})["baseFeePerGas"].size(), 2u);
    EXPECT_EQ(call("eth_feeHistory", {"0x0", "latest"})["baseFeePerGas"], Json::array());
    EXPECT_EQ(error("eth_feeHistory", {"0x1", "latest", {50, 10}})["code"], -32602);
    EXPECT_EQ(error("eth_feeHistory", {"0x1", "latest", {101}})["code"], -32602);
    EXPECT_EQ(error("eth_feeHistory", {"0x1", "0x99"})["code"], -32000);
}

TEST_F(Methods, follow_a_price_that_the_organisations_vote_for) {
    const auto change = ledger::selector_of("change(string,uint256,uint256)");
    Bytes data{change.begin(), change.end()};
    append(data, *codec::abi_encode("(string,uint256,uint256)", {"fixedGasPrice", 5, 3}));
    const auto propose = ledger::selector_of("propose(address,bytes,string)");
    Transaction tx{.type = ledger::TransactionType::dynamic_fee, .to = system::kProposalsAddress};
    tx.data.assign(propose.begin(), propose.end());
    append(tx.data, *codec::abi_encode("(address,bytes,string)", {system::kParametersAddress, data, "as agreed"}));
    chain.send(tx, 9); // block 1; the only organisation's account
    EXPECT_EQ(call("eth_gasPrice"), "0x0") << "block 2 is free";
    chain.mine();
    EXPECT_EQ(call("eth_gasPrice"), "0x5") << "block 3 is not";
    EXPECT_EQ(call("eth_feeHistory", {"0x1", "0x1"})["baseFeePerGas"], Json::array({"0x0", "0x0"}));
    EXPECT_EQ(call("eth_feeHistory", {"0x1", "latest"})["baseFeePerGas"], Json::array({"0x0", "0x5"}));
    chain.send({.type = ledger::TransactionType::dynamic_fee, .max_fee_per_gas = 5, .to = bob, .value = 1});
    EXPECT_EQ(call("eth_getBlockByNumber", {"latest"})["baseFeePerGas"], "0x5");
    EXPECT_EQ(call("eth_getBlockByNumber", {"latest"})["transactions"].size(), 1u);
}

class FixedPriceMethods : public RpcTest {
protected:
    FixedPriceMethods() : RpcTest(ledger::FeeMode::fixed) {}
};

TEST_F(FixedPriceMethods, name_the_same_price_everywhere) {
    const std::string price = "0x3b9aca00";
    EXPECT_EQ(call("eth_gasPrice"), price);
    EXPECT_EQ(call("eth_maxPriorityFeePerGas"), "0x0");
    EXPECT_EQ(call("eth_getBlockByNumber", {"latest"})["baseFeePerGas"], price);
    EXPECT_EQ(call("eth_feeHistory", {"0x1", "latest"})["baseFeePerGas"], Json::array({price, price}));
    const auto filled = call("eth_fillTransaction", {{{"from", hex(alice)}, {"to", hex(bob)}, {"value", "0x1"}}})["tx"];
    EXPECT_EQ(filled["maxFeePerGas"], price);
    EXPECT_EQ(filled["maxPriorityFeePerGas"], "0x0");
    EXPECT_EQ(filled["gas"], "0x5208");
    EXPECT_EQ(filled["nonce"], "0x0");

    Transaction tx{
        .type = ledger::TransactionType::dynamic_fee, .max_fee_per_gas = 2'000'000'000, .to = bob, .value = 1};
    const auto hash = hex(chain.send(tx));
    EXPECT_EQ(call("eth_getTransactionByHash", {hash})["gasPrice"], price);
    EXPECT_EQ(call("eth_getTransactionReceipt", {hash})["effectiveGasPrice"], price);
    EXPECT_EQ(error("eth_call", {{{"to", hex(bob)}, {"gasPrice", "0x1"}}})["message"],
              "max fee per gas less than block base fee");
}

class PoolMethods : public RpcTest {
protected:
    PoolMethods() : RpcTest(ledger::FeeMode::free, Mining::when_told) {}
};

TEST_F(PoolMethods, show_what_waits) {
    const auto first = hex(chain.send({.to = bob, .value = 1}));
    Transaction later{.to = bob, .value = 2};
    later.nonce = 5;
    const auto gap = hex(must(chain.submit(chain.sign(later, 1))));
    EXPECT_EQ(call("txpool_status"), (Json{{"pending", "0x1"}, {"queued", "0x1"}}));
    const auto content = call("txpool_content");
    EXPECT_EQ(content["pending"][hex(alice)]["0"]["hash"], first);
    EXPECT_EQ(content["queued"][hex(alice)]["5"]["hash"], gap);
    EXPECT_EQ(call("txpool_contentFrom", {hex(alice)})["pending"]["0"]["hash"], first);
    EXPECT_EQ(call("txpool_contentFrom", {hex(bob)}), (Json{{"pending", Json::object()}, {"queued", Json::object()}}));

    EXPECT_EQ(call("eth_getTransactionCount", {hex(alice), "pending"}), "0x1");
    EXPECT_EQ(call("eth_getTransactionCount", {hex(alice), "latest"}), "0x0");
    // The document has no form for a transaction that is in no block yet; geth's is null for its place.
    const auto waiting = answer("eth_getTransactionByHash", {first})["result"];
    EXPECT_EQ(waiting["hash"], first);
    for (const auto* place : {"blockHash", "blockNumber", "blockTimestamp"})
        EXPECT_EQ(waiting[place], nullptr) << place;
    EXPECT_EQ(waiting["transactionIndex"], nullptr);
    EXPECT_EQ(call("eth_getTransactionReceipt", {first}), nullptr);
    const auto block = answer("eth_getBlockByNumber", {"pending", false})["result"];
    EXPECT_EQ(block["hash"], nullptr);
    EXPECT_EQ(block["nonce"], nullptr);
    EXPECT_EQ(block["transactions"], Json::array({first}));
    EXPECT_EQ(block["parentHash"], call("eth_getBlockByNumber", {"latest"})["hash"]);
    EXPECT_EQ(call("eth_getBlockTransactionCountByNumber", {"pending"}), "0x1");

    chain.mine();
    EXPECT_EQ(call("txpool_status"), (Json{{"pending", "0x0"}, {"queued", "0x1"}}));
    EXPECT_EQ(call("eth_getTransactionReceipt", {first})["blockNumber"], "0x1");
}

TEST_F(PoolMethods, tell_a_waiting_sender_that_time_is_up) {
    const auto raw = chain.sign({.to = bob, .value = 1}, 1);
    const auto failure = error("eth_sendRawTransactionSync", {to_hex(raw), "0x1"});
    EXPECT_EQ(failure["code"], 4);
    EXPECT_EQ(failure["data"], to_hex(crypto::keccak256(raw)));
}

TEST_F(PoolMethods, answer_all_senders_of_a_batch_when_their_block_comes) {
    Json batch = Json::array();
    for (std::uint64_t i = 0; i < 5; ++i) {
        Transaction tx{.to = bob, .value = 1};
        tx.nonce = i;
        batch.push_back(request("eth_sendRawTransactionSync", {to_hex(chain.sign(tx, 1))}));
        batch.back()["id"] = i;
    }
    std::promise<std::string> answered;
    auto text = answered.get_future();
    service.run(service.parse(batch.dump()), nullptr, [&](std::string one) { answered.set_value(std::move(one)); });
    EXPECT_EQ(text.wait_for(std::chrono::seconds(0)), std::future_status::timeout); // all wait
    chain.mine();
    const auto answers = Json::parse(text.get());
    ASSERT_EQ(answers.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(answers[i]["id"], i);
        EXPECT_EQ(answers[i]["result"]["transactionIndex"], to_quantity(i));
    }
}

class ShortHistory : public RpcTest {
protected:
    ShortHistory() : RpcTest(ledger::FeeMode::free, Mining::at_once, {}, 2) {}
};

TEST_F(ShortHistory, refuses_states_that_are_no_longer_kept) {
    for (int i = 0; i < 6; ++i) chain.send({.to = bob, .value = 1});
    EXPECT_EQ(call("eth_getBalance", {hex(bob), "0x6"}), "0x3635c9adc5dea00006");
    for (const auto* method : {"eth_getBalance", "eth_getTransactionCount", "eth_getCode"}) {
        const auto failure = error(method, {hex(bob), "0x1"});
        EXPECT_EQ(failure["code"], -32000);
        EXPECT_EQ(failure["data"]["code"], "CRN-STA-0002") << failure;
    }
    EXPECT_EQ(error("eth_call", {{{"to", hex(bob)}}, "0x1"})["data"]["code"], "CRN-STA-0002");
    EXPECT_EQ(error("eth_getProof", {hex(bob), Json::array(), "0x1"})["data"]["code"], "CRN-STA-0002");
    EXPECT_EQ(call("eth_getBlockByNumber", {"0x1"})["number"], "0x1"); // blocks stay
}

} // namespace
} // namespace cairn::rpc
