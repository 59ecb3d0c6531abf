// The recorded exchanges of Ethereum's clients as shapes: our chain is another one, so requests must be understood, answers
// must have the recorded fields, and errors that do not depend on the chain the recorded codes.
#include "rpc/rpc_fixture.hpp"

#include <filesystem>

namespace cairn::rpc {
namespace {

using namespace testing;

struct Exchange {
    std::string file;
    Json request;
    Json answer;
};

std::vector<Exchange> recorded() {
    std::vector<Exchange> out;
    const auto root = test::unpacked_vectors(CAIRN_SOURCE_DIR, "rpc-compat");
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
        if (entry.path().extension() == ".io") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
        std::istringstream lines(test::read_text(path));
        Json request;
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with(">> ")) request = Json::parse(line.substr(3));
            if (line.starts_with("<< "))
                out.push_back({path.parent_path().filename() / path.filename(), request, Json::parse(line.substr(3))});
        }
    }
    return out;
}

bool is_served(const std::string& method) {
    const auto methods = Service::methods();
    return std::binary_search(methods.begin(), methods.end(), method);
}

class Compat : public RpcTest {};

TEST_F(Compat, understands_every_recorded_request) {
    std::size_t checked = 0;
    for (const auto& [file, request, recorded_answer] : recorded()) {
        const std::string method = request["method"];
        if (!is_served(method)) {
            // Block building belongs to consensus here; simulateV1 is for a later release.
            EXPECT_TRUE(method == "eth_simulateV1" || method == "testing_buildBlockV1") << file;
            continue;
        }
        if (file.find("blob") != std::string::npos || file.find("4844") != std::string::npos) continue;
        const auto answer = raw(request.dump());
        const auto code = answer.contains("error") ? answer["error"]["code"].get<int>() : 0;
        const auto wanted = recorded_answer.contains("error") ? recorded_answer["error"]["code"].get<int>() : 0;
        if (wanted == -32602) {
            EXPECT_EQ(code, wanted) << file << answer;
        } else if (file.find("getLogs") == std::string::npos) { // their ranges end after our head
            EXPECT_NE(code, -32602) << file << answer;
        }
        EXPECT_NE(code, -32601) << file << answer;
        EXPECT_NE(code, -32700) << file << answer;
        ++checked;
    }
    EXPECT_GT(checked, 90u);
}

/// The names of the fields of an object, without those that other forks or blobs add.
std::set<std::string> fields_of(const Json& value) {
    std::set<std::string> out;
    for (const auto& [name, content] : value.items()) out.insert(name);
    for (const auto* name : {"blobGasPrice", "blobGasUsed", "root", "status"}) out.erase(name);
    return out;
}

TEST_F(Compat, answers_with_the_recorded_fields) {
    const auto contract = chain.deploy(deployer(store_runtime()));
    std::map<std::string, std::string> ours; // type -> hash
    ours["0x0"] = hex(chain.send({.to = contract, .data = word(1)}));
    ours["0x1"] = hex(chain.send({.type = ledger::TransactionType::access_list, .to = contract, .data = word(1)}));
    ours["0x2"] = hex(chain.send({.type = ledger::TransactionType::dynamic_fee, .to = contract, .data = word(1)}));
    ledger::Authorization authorization{U256{1}, contract, 0, 0, 1, 1};
    ours["0x4"] = hex(chain.send({.type = ledger::TransactionType::set_code,
                                  .to = contract,
                                  .data = word(1),
                                  .authorization_list = {authorization}}));
    std::size_t checked = 0;
    for (const auto& [file, request, recorded_answer] : recorded()) {
        if (!recorded_answer.contains("result") || !recorded_answer["result"].is_object()) continue;
        const std::string method = request["method"];
        const auto& theirs = recorded_answer["result"];
        if (method == "eth_getTransactionByHash" || method == "eth_getTransactionReceipt") {
            if (!ours.contains(theirs["type"])) continue;
            auto answer = call(method, {ours[theirs["type"]]});
            auto expected = fields_of(theirs);
            if (theirs["type"] == "0x0" && method == "eth_getTransactionByHash")
                expected.insert("chainId"); // theirs are unprotected
            EXPECT_EQ(fields_of(answer), expected) << file;
            if (method == "eth_getTransactionReceipt" && !theirs["logs"].empty()) {
                EXPECT_EQ(fields_of(answer["logs"][0]), fields_of(theirs["logs"][0])) << file;
            }
            ++checked;
        }
        // Blocks of the Prague fork and later have all fields of ours.
        if ((method == "eth_getBlockByNumber" || method == "eth_getBlockByHash") && theirs.contains("requestsHash")) {
            EXPECT_EQ(fields_of(call("eth_getBlockByNumber", {"latest", false})), fields_of(theirs)) << file;
            ++checked;
        }
        if (method == "eth_getProof") {
            EXPECT_EQ(fields_of(call(method, {hex(contract), {"0x0"}, "latest"})), fields_of(theirs)) << file;
            ++checked;
        }
        if (method == "eth_config") {
            EXPECT_EQ(fields_of(call(method)), fields_of(theirs)) << file;
            EXPECT_EQ(fields_of(call(method)["current"]), fields_of(theirs["current"])) << file;
            ++checked;
        }
    }
    EXPECT_GE(checked, 15u);
}

} // namespace
} // namespace cairn::rpc
