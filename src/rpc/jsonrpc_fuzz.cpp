// Any text is answered with JSON-RPC or nothing, and leaves the service as able as it was.
#include "rpc/instant_chain.hpp"
#include "rpc/service.hpp"

#include <nlohmann/json.hpp>

namespace {

using namespace cairn;

struct World {
    rpc::testing::InstantChain chain{ledger::FeeMode::free, rpc::testing::Mining::when_told};
    rpc::Service service;

    World() : service(chain, limits()) {
        chain.send({.to = rpc::testing::address_of_key(2), .value = U256{1}});
        chain.mine();
    }
    static rpc::RpcLimits limits() {
        rpc::RpcLimits out;
        out.traces = true;
        out.call_gas_max = 200'000; // quick rounds
        out.batch_requests_max = 8;
        out.sync_wait_default = out.sync_wait_max = std::chrono::milliseconds(1);
        return out;
    }
};

/// "method" and parameters without the frame, so that the fuzzer reaches the handlers soon.
std::string framed(std::string_view text) {
    const auto methods = rpc::Service::methods();
    const auto index = static_cast<unsigned char>(text[0]) % methods.size();
    return R"({"jsonrpc":"2.0","id":1,"method":")" + methods[index] + R"(","params":[)" + std::string{text.substr(1)} +
           "]}";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    if (text.empty()) return 0;
    const auto answer =
        world.service.handle(text.starts_with('{') || text.starts_with('[') ? std::string{text} : framed(text));
    if (answer.empty()) return 0;
    const auto parsed = nlohmann::json::parse(answer, nullptr, false);
    if (parsed.is_discarded()) __builtin_trap();
    for (const auto& one : parsed.is_array() ? parsed : nlohmann::json::array({parsed}))
        if (one.contains("result") == one.contains("error") || one["jsonrpc"] != "2.0") __builtin_trap();
    return 0;
}
