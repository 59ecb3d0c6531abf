// The usual EVM benchmark contracts (vectors bench.tar.zst): for each input the gas, which must be exact, the shortest
// processor time of several runs, and the gas rate. Only the execution is timed: code analysis is in the cache, the state is in maps.
//
//     cairn_evm_bench [FILTER] [SECONDS_PER_INPUT]
#include "evm/bytecode.hpp"
#include "evm/precompiles.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace cairn {
namespace {

using Json = nlohmann::json;
using Seconds = std::chrono::duration<double>;

/// Gas under Osaka rules, and under Istanbul rules where the vectors' README gives it. They differ only by the prices of
/// storage (EIP-2929). The files' London state roots, which contain the gas paid, agree with the first column.
struct Expected {
    std::int64_t osaka;
    std::int64_t istanbul; // 0: not given
};
const std::map<std::string, Expected> kExpected{
    {"blake2b_huff/empty", {13'984, 0}},
    {"blake2b_huff/8415nulls", {879'923, 879'923}},
    {"blake2b_shifts/8415nulls", {12'043'105, 12'043'105}},
    {"sha1_divs/empty", {36'454, 0}},
    {"sha1_divs/5311", {3'000'286, 3'000'286}},
    {"sha1_shifts/empty", {35'234, 0}},
    {"sha1_shifts/5311", {2'898'473, 2'898'473}},
    {"snailtracer/benchmark", {165'962'868, 234'915'768}},
    {"structarray_alloc/nfts_rank", {1'737'676, 1'737'676}},
    {"swap_math/spent", {3'179, 3'179}},
    {"swap_math/received", {3'505, 3'505}},
    {"swap_math/insufficient_liquidity", {2'232, 2'232}},
    {"weierstrudel/1", {47'561, 47'561}},
    {"weierstrudel/15", {598'273, 598'273}},
    {"JUMPDEST_n0/empty", {527'598, 527'598}},
    {"jump_around/empty", {49'153, 49'153}},
    {"loop_with_many_jumpdests/empty", {7'987'882, 7'987'882}},
    {"memory_grow_mload/nogrow", {57'356, 0}},
    {"memory_grow_mload/by1", {57'772, 0}},
    {"memory_grow_mload/by16", {71'700, 0}},
    {"memory_grow_mload/by32", {102'409, 0}},
    {"memory_grow_mstore/nogrow", {61'452, 0}},
    {"memory_grow_mstore/by1", {61'868, 0}},
    {"memory_grow_mstore/by16", {75'796, 0}},
    {"memory_grow_mstore/by32", {106'505, 0}},
    {"signextend/zero", {96'066, 0}},
    {"signextend/one", {96'066, 0}},
};

/// Processor time of this thread: other work on the machine disturbs it less than the wall clock.
Seconds now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return Seconds{static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9};
}

Bytes hex(const std::string& text) { return from_hex(text.empty() ? "0x" : text).value_or(Bytes{}); }

struct Input {
    std::string name;
    evm::testing::Base base;
    Address target;
    Bytes data;
};

std::vector<Input> read_inputs(const std::filesystem::path& path) {
    std::vector<Input> out;
    std::ifstream file(path);
    const auto document = Json::parse(file);
    for (const auto& [name, test] : document.items()) {
        evm::testing::Base base;
        for (const auto& [address, account] : test["pre"].items()) {
            const auto key = fixed_from_hex<Address>(address).value();
            base.put_code(key, hex(account["code"]), 0);
            base.accounts[key].balance = from_quantity(account["balance"].get<std::string>()).value_or(0);
        }
        const auto& transaction = test["transaction"];
        const auto labels = test["_info"].value("labels", Json::object());
        for (std::size_t i = 0; i < transaction["data"].size(); ++i) {
            const auto number = std::to_string(i);
            const auto label = labels.contains(number) ? labels[number].get<std::string>() : number;
            const auto target = fixed_from_hex<Address>(transaction["to"].get<std::string>()).value();
            out.push_back({name + "/" + label, base, target, hex(transaction["data"][i])});
        }
    }
    return out;
}

struct Measured {
    std::int64_t gas = 0;
    bool ok = false;
    Seconds best{1e9};
    int runs = 0;
};

Measured measure(const Input& input, Seconds patience) {
    Measured out;
    evm::BlockEnvironment block;
    block.number = 1;
    block.timestamp = 1'638'453'897;
    block.chain_id = 1;
    const evm::TransactionEnvironment transaction;
    constexpr std::int64_t kGas = 1'000'000'000'000;
    for (Seconds spent{0}; out.runs < 3 || spent < patience; ++out.runs) {
        evm::State state{input.base};
        evm::Machine machine{state, block, transaction, evm::Revision::osaka};
        evm::Message message;
        message.gas = kGas;
        message.recipient = message.code_address = input.target;
        message.input = input.data;
        state.warm_up(input.target);
        const auto start = now();
        const auto result = machine.run(message);
        const Seconds time = now() - start;
        out.gas = kGas - result.gas_left;
        out.ok = result.ok() || result.outcome == evm::Outcome::revert;
        out.best = std::min(out.best, time);
        spent += time;
    }
    return out;
}

void print_head(const char* what) {
    std::printf("%-40s %14s %12s %10s %7s\n", what, "gas", "best, us", "Mgas/s", "runs");
}
void print_line(const char* name, std::int64_t gas, Seconds best, int runs, const char* note) {
    std::printf("%-40s %14lld %12.1f %10.1f %7d %s\n", name, static_cast<long long>(gas), best.count() * 1e6,
                static_cast<double>(gas) / best.count() / 1e6, runs, note);
}

int run_contracts(const std::string& filter, Seconds patience) {
    const char* unpacked = std::getenv("CAIRN_VECTORS_UNPACKED");
    const std::filesystem::path vectors = unpacked != nullptr ? unpacked : CAIRN_SOURCE_DIR "/build/vectors";
    if (!std::filesystem::exists(vectors / "bench")) {
        std::fprintf(stderr, "no %s/bench; run tests/unpack_vectors.sh\n", vectors.c_str());
        return 2;
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(vectors / "bench"))
        if (entry.path().extension() == ".json") files.push_back(entry.path());
    std::sort(files.begin(), files.end());

    int wrong = 0;
    print_head("contract");
    for (const auto& file : files) {
        for (const auto& input : read_inputs(file)) {
            if (input.name.find(filter) == std::string::npos) continue;
            const auto measured = measure(input, patience);
            const auto expected = kExpected.find(input.name);
            const bool right = measured.ok && expected != kExpected.end() && expected->second.osaka == measured.gas;
            if (!right) ++wrong;
            const char* note = right ? (expected->second.istanbul == measured.gas ? "= Istanbul" : "") : "WRONG GAS";
            print_line(input.name.c_str(), measured.gas, measured.best, measured.runs, note);
        }
    }
    return wrong == 0 ? 0 : 1;
}

void run_precompiles(const std::string& filter, Seconds patience) {
    const auto word = [](std::uint64_t value) { return to_hex_digits(to_big_endian(value)); };
    const std::string g1 = word(1) + word(2);
    const std::string g1_doubled = "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3"
                                   "15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4";
    const std::string pair = g1 + "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2"
                                  "1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed"
                                  "090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b"
                                  "12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa";
    const std::string r = "38d18acb67d25c8bb9942764b62f18e17054f66a817bd4295423adf9ed98873e";
    const std::string s = "789d1dd423d25f0772d2748d60f7e4b81bb14d086eba8e8e8efb6dcff8a4ae02";
    const std::string p256 = "bb5a52f42f9c9261ed4361f59422a1e30036e7c32b270c8807a419feca605023"
                             "2ba3a8be6b94d5ec80a6d9d1190a436effe50d85a1eee859b8cc6af9bd5c2e18"
                             "4cd60b855d442f5b3c7b11eb6c4e0ae7525fe710fab9aa7c77a67f79e6fadd76"
                             "2927b10512bae3eddcfe467828128bad2903269919f7086069c8c4df6c732838"
                             "c7787964eaac00e5921fb1498a60f4606766b3d9685001558d1a974e7341513e";
    const struct {
        const char* name;
        unsigned number;
        std::string input;
    } cases[] = {
        {"precompile ecrecover", 0x01, r + word(27) + r + s},
        {"precompile sha256, 1 KiB", 0x02, std::string(2048, 'a')},
        {"precompile ripemd160, 1 KiB", 0x03, std::string(2048, 'a')},
        {"precompile modexp, 32 bytes, odd", 0x05, word(32) + word(32) + word(32) + std::string(192, 'f')},
        {"precompile blake2f, 100000 rounds", 0x09, "000186a0" + std::string(416, '1') + "01"},
        {"precompile bn254 add", 0x06, g1 + g1_doubled},
        {"precompile bn254 multiply", 0x07, g1 + std::string(64, 'f')},
        {"precompile bn254 pairing, 1 pair", 0x08, pair},
        {"precompile bn254 pairing, 2 pairs", 0x08, pair + pair},
        {"precompile bn254 pairing, 4 pairs", 0x08, pair + pair + pair + pair},
        {"precompile p256 verify", 0x100, p256},
    };
    print_head("precompile, per call");
    for (const auto& c : cases) {
        if (std::string_view(c.name).find(filter) == std::string::npos) continue;
        constexpr std::int64_t kGas = 10'000'000;
        const auto input = hex("0x" + c.input);
        Seconds best{1e9};
        std::int64_t gas = 0;
        int runs = 0;
        for (Seconds spent{0}; spent < patience; ++runs) {
            const auto start = now();
            gas = kGas - evm::run_precompile(c.number, evm::Revision::osaka, input, kGas).gas_left;
            const Seconds time = now() - start;
            best = std::min(best, time);
            spent += time;
        }
        print_line(c.name, gas, best, runs, "");
    }
}

} // namespace
} // namespace cairn

int main(int argc, char** argv) {
    const std::string filter = argc > 1 ? argv[1] : "";
    const std::chrono::duration<double> patience{argc > 2 ? std::strtod(argv[2], nullptr) : 0.3};
    const int status = cairn::run_contracts(filter, patience);
    cairn::run_precompiles(filter, patience);
    return status;
}
