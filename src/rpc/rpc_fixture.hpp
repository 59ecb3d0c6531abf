// For tests: a service on an instant chain. Every result of an Ethereum method is checked against the OpenRPC document.
#pragma once

#include "evm/bytecode.hpp"
#include "rpc/instant_chain.hpp"
#include "rpc/openrpc_schema.hpp"
#include "rpc/parameters.hpp"
#include "rpc/service.hpp"

#include <gtest/gtest.h>

namespace cairn::rpc::testing {

inline evm::testing::Code program() { return {}; }
using evm::Opcode;

inline const OpenRpc& openrpc() {
    static const OpenRpc document(test::unpacked_vectors(CAIRN_SOURCE_DIR, "rpc-compat") / "openrpc.json");
    return document;
}

/// Init code that deploys `runtime`.
inline Bytes deployer(const Bytes& runtime) {
    auto head = program()
                    .push(runtime.size())
                    .op(Opcode::DUP1)
                    .raw(Bytes{0x60, 0x0b})
                    .push(0)
                    .op(Opcode::CODECOPY)
                    .push(0)
                    .op(Opcode::RETURN);
    Bytes out = head; // PUSH1 n, DUP1, PUSH1 11, PUSH0, CODECOPY, PUSH0, RETURN
    out.resize(11);
    append(out, runtime);
    return out;
}

/// Stores the first word of its input in slot 0, logs it (topics: "stored", the word) and returns what was there before.
inline Bytes store_runtime() {
    return program()
        .push(0)
        .op(Opcode::SLOAD)
        .push(0)
        .op(Opcode::CALLDATALOAD, Opcode::DUP1)
        .push(0)
        .op(Opcode::SSTORE)
        .op(Opcode::DUP1)
        .push(0)
        .op(Opcode::MSTORE)
        .push(U256{0x73746f726564})
        .push(32)
        .push(0)
        .op(Opcode::LOG2)
        .return_top();
}
/// Reverts with Error("user error").
inline Bytes revert_runtime() {
    return program()
        .push(U256{0x08c379a0} << 224)
        .push(0)
        .op(Opcode::MSTORE)
        .push(0x20)
        .push(4)
        .op(Opcode::MSTORE)
        .push(10)
        .push(36)
        .op(Opcode::MSTORE)
        .push(from_big_endian(as_bytes("user error")) << 176)
        .push(68)
        .op(Opcode::MSTORE)
        .push(100)
        .push(0)
        .op(Opcode::REVERT);
}
/// Hands its input on to `target` and returns the outcome.
inline Bytes relay_runtime(const Address& target) {
    return program()
        .op(Opcode::CALLDATASIZE)
        .push(0)
        .push(0)
        .op(Opcode::CALLDATACOPY)
        .push(32)
        .push(0)
        .op(Opcode::CALLDATASIZE)
        .push(0)
        .push(0)
        .push(target)
        .op(Opcode::GAS, Opcode::CALL)
        .return_top();
}

inline Bytes word(std::uint64_t value) { return to_bytes(to_big_endian(U256{value})); }

/// As a node gives them that answers traces too.
inline RpcLimits with_traces() {
    RpcLimits out;
    out.traces = true;
    return out;
}

class RpcTest : public ::testing::Test {
protected:
    explicit RpcTest(ledger::FeeMode mode = ledger::FeeMode::free, Mining mining = Mining::at_once,
                     const RpcLimits& limits = with_traces(), std::uint64_t history = 1000)
        : chain(mode, mining, history), service(chain, limits) {}

    Json request(const std::string& method, const Json& parameters) {
        // Json{x} of one Json is a copy of it, not an array: a lone object stands for the only argument.
        const auto list = parameters.is_array() ? parameters : Json::array({parameters});
        return {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", list}};
    }
    Json raw(const std::string& text) { return Json::parse(service.handle(text)); }
    Json answer(const std::string& method, const Json& parameters = Json::array()) {
        return raw(request(method, parameters).dump());
    }
    /// The result, which must be one and of the right form.
    Json call(const std::string& method, const Json& parameters = Json::array()) {
        const auto whole = answer(method, parameters);
        EXPECT_TRUE(whole.contains("result")) << method << parameters << " -> " << whole;
        if (!whole.contains("result")) return {};
        if (openrpc().knows(method)) {
            EXPECT_EQ(openrpc().check(method, whole["result"]), "") << parameters;
        }
        return whole["result"];
    }
    /// The error, which must be one.
    Json error(const std::string& method, const Json& parameters = Json::array()) {
        const auto whole = answer(method, parameters);
        EXPECT_TRUE(whole.contains("error")) << method << parameters << " -> " << whole.dump().substr(0, 300);
        return whole.contains("error") ? whole["error"] : Json{{"code", 0}, {"message", ""}};
    }
    static std::string hex(BytesView bytes) { return to_hex(bytes); }
    static std::string hex(const Address& address) { return to_hex(address); }

    InstantChain chain;
    Service service;
    const Address alice = address_of_key(1);
    const Address bob = address_of_key(2);
};

} // namespace cairn::rpc::testing
