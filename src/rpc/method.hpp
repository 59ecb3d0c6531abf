// How methods are declared and what they are given. Each area has one file methods_*.cpp that adds its own to the table.
#pragma once

#include "node/chain.hpp"
#include "rpc/flow.hpp"
#include "rpc/http_server.hpp"
#include "rpc/limits.hpp"
#include "rpc/parameters.hpp"
#include "rpc/read_report.hpp"
#include "rpc/service.hpp"

#include <functional>
#include <string_view>
#include <unordered_map>

namespace cairn::rpc {

class Filters;
class JsonWriter;
class Subscriptions;
class SyncSends;

/// What a handler works with. Handlers run on several threads; everything here is safe for that.
struct Context {
    node::Chain& chain;
    const RpcLimits& limits;
    Filters& filters;
    Subscriptions& subscriptions;
    SyncSends& sync_sends;
    std::shared_ptr<WsConnection> connection;        // null over HTTP
    std::vector<std::function<void()>>* after_reply; // run once the answer is on its way
    std::uint64_t* refused_for_room = nullptr;       // counts transactions for which the pool had no room
    const std::function<void(JsonWriter&)>* flow_report = nullptr;
    const ReadReport* read_report = nullptr; // null: nobody keeps a log
    std::string client;
    std::string_view method;

    Status report_read(const std::string& object, std::optional<Address> sender, bool refused) const;
};

using Handler = Answer (*)(Context&, const Parameters&);
/// Calls `done` once, perhaps later and on another thread.
using LateHandler = void (*)(Context&, const Parameters&, std::function<void(Answer)> done);

struct Method {
    Cost cost = Cost::quick;
    std::size_t required = 0; // parameters that must be given
    std::size_t accepted = 0; // and at most
    Handler handler = nullptr;
    LateHandler late = nullptr;            // instead of `handler`
    MethodClass kind = MethodClass::query; // from its name
    std::string_view name;
};
using MethodTable = std::unordered_map<std::string_view, Method>;

void add_network_methods(MethodTable& table);     // web3_, net_, chain id, syncing, accounts
void add_fee_methods(MethodTable& table);         // prices and history
void add_account_methods(MethodTable& table);     // balances, nonces, code, storage, proofs
void add_block_methods(MethodTable& table);       // blocks, transactions, receipts
void add_log_methods(MethodTable& table);         // logs, filters, subscriptions
void add_call_methods(MethodTable& table);        // calls, estimates, access lists, filling
void add_transaction_methods(MethodTable& table); // sending, pool
void add_trace_methods(MethodTable& table);       // debug_trace*, debug_getRaw*
void add_cairn_methods(MethodTable& table);       // certificates, validators, genesis
void add_flow_methods(MethodTable& table);        // budgets, bans
void add_proof_methods(MethodTable& table);       // proof bundles

} // namespace cairn::rpc
