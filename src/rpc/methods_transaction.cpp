#include "base/errors/pool.hpp"
#include "crypto/hash.hpp"
#include "rpc/answers.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/method.hpp"
#include "rpc/sync_sends.hpp"

namespace cairn::rpc {
namespace {

void note_refusal(Context& context, const Error& error) {
    if (context.refused_for_room != nullptr &&
        (error.code == error::PoolFull || error.code == error::OrganisationShareFull))
        ++*context.refused_for_room;
}

Answer send_raw(Context& context, const Parameters& parameters) {
    CRN_TRY(raw, parameters.data(0));
    const auto hash = context.chain.submit(raw);
    if (hash) return json_hex(*hash);
    note_refusal(context, hash.error());
    return std::unexpected(rejected(hash.error()));
}

/// EIP-7966: answers with the receipt once the transaction is final, or after a while with code 4 and the hash.
void send_raw_sync(Context& context, const Parameters& parameters, std::function<void(Answer)> done) {
    const auto start = [&]() -> RpcResult<Hash256> {
        CRN_TRY(raw, parameters.data(0));
        auto patience = context.limits.sync_wait_default;
        if (parameters.has(1)) {
            const auto& given = parameters.at(1);
            CRN_TRY(wait, given.is_number_unsigned() ? RpcResult<std::uint64_t>{given.get<std::uint64_t>()}
                                                     : parameters.u64(1));
            if (wait == 0) return invalid("invalid argument 1: timeout must be positive");
            patience = std::min(context.limits.sync_wait_max,
                                std::chrono::milliseconds(std::min<std::uint64_t>(wait, 1u << 30)));
        }
        const auto hash = crypto::keccak256(raw);
        // A transaction that is known already is on its way: waiting for it is what the client wants.
        if (auto sent = context.chain.submit(raw); !sent && sent.error().code != error::AlreadyKnown) {
            note_refusal(context, sent.error());
            return std::unexpected(rejected(sent.error()));
        }
        if (!context.sync_sends.wait(hash, patience, done))
            return rpc_fail(code::kLimit, "too many waiting transactions", json_hex(hash));
        return hash;
    };
    const auto hash = start();
    if (!hash) return done(std::unexpected(hash.error()));
    context.sync_sends.settle(context.chain, *hash);
}

using Waiting = std::vector<std::shared_ptr<const ledger::SignedTransaction>>;

/// Executable ones and those behind a nonce gap, by sender and nonce.
struct Pool {
    std::map<Address, std::map<std::uint64_t, const ledger::SignedTransaction*>> pending;
    std::map<Address, std::map<std::uint64_t, const ledger::SignedTransaction*>> queued;
};
Pool sort_pool(const node::Chain& chain, const Waiting& waiting) {
    Pool out;
    std::map<Address, std::uint64_t> next;
    for (const auto& transaction : waiting) {
        const auto& sender = transaction->sender;
        const auto [entry, added] = next.try_emplace(sender, 0);
        if (added) entry->second = chain.pending_nonce(sender);
        auto& part = transaction->body.nonce < entry->second ? out.pending : out.queued;
        part[sender][transaction->body.nonce] = transaction.get();
    }
    return out;
}

void write_by_nonce(JsonWriter& out, const std::map<std::uint64_t, const ledger::SignedTransaction*>& transactions) {
    out.begin_object();
    for (const auto& [nonce, transaction] : transactions) {
        out.key(std::to_string(nonce));
        write_transaction(out, *transaction, nullptr, 0);
    }
    out.end_object();
}

Answer pool_status(Context& context, const Parameters&) {
    const auto waiting = context.chain.pending();
    const auto pool = sort_pool(context.chain, waiting);
    const auto count = [](const auto& part) {
        std::size_t total = 0;
        for (const auto& [sender, transactions] : part) total += transactions.size();
        return total;
    };
    JsonWriter out;
    out.begin_object();
    out.key("pending").quantity(count(pool.pending));
    out.key("queued").quantity(count(pool.queued));
    out.end_object();
    return out.take();
}

Answer pool_content(Context& context, const Parameters&) {
    const auto waiting = context.chain.pending();
    const auto pool = sort_pool(context.chain, waiting);
    JsonWriter out;
    out.begin_object();
    for (const auto& [name, part] : {std::pair{"pending", &pool.pending}, std::pair{"queued", &pool.queued}}) {
        out.key(name).begin_object();
        for (const auto& [sender, transactions] : *part) {
            if (out.size() > context.limits.answer_bytes_max)
                return rpc_fail(code::kLimit, "response too large: use txpool_contentFrom");
            out.key(to_hex(sender));
            write_by_nonce(out, transactions);
        }
        out.end_object();
    }
    out.end_object();
    return out.take();
}

Answer pool_content_from(Context& context, const Parameters& parameters) {
    CRN_TRY(sender, parameters.address(0));
    auto waiting = context.chain.pending();
    std::erase_if(waiting, [&](const auto& transaction) { return transaction->sender != sender; });
    auto pool = sort_pool(context.chain, waiting);
    JsonWriter out;
    out.begin_object();
    out.key("pending");
    write_by_nonce(out, pool.pending[sender]);
    out.key("queued");
    write_by_nonce(out, pool.queued[sender]);
    out.end_object();
    return out.take();
}

} // namespace

void add_transaction_methods(MethodTable& table) {
    table["eth_sendRawTransaction"] = {Cost::normal, 1, 1, send_raw};
    table["eth_sendRawTransactionSync"] = {Cost::normal, 1, 2, nullptr, send_raw_sync};
    table["txpool_status"] = {Cost::slow, 0, 0, pool_status};
    table["txpool_content"] = {Cost::slow, 0, 0, pool_content};
    table["txpool_contentFrom"] = {Cost::slow, 1, 1, pool_content_from};
}

} // namespace cairn::rpc
