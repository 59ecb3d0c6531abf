#include "ledger/account_key.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/labels.hpp"
#include "rpc/lookup.hpp"
#include "rpc/method.hpp"

namespace cairn::rpc {
namespace {

/// A wallet knows the address of its key; after a rotation that is not the account's (docs/how-to/answer-a-leaked-key.md).
Address meant(const Address& address, const ledger::StateView& view) { return ledger::account_meant_by(address, view); }

Answer balance(Context& context, const Parameters& parameters) {
    CRN_TRY(address, parameters.address(0));
    CRN_TRY(at, parameters.block(1));
    CRN_TRY(view, find_view(context.chain, at));
    const auto account = view->account(meant(address, *view));
    return json_quantity(account ? account->balance : U256{});
}

Answer transaction_count(Context& context, const Parameters& parameters) {
    CRN_TRY(address, parameters.address(0));
    CRN_TRY(at, parameters.block(1));
    CRN_TRY(view, find_view(context.chain, at));
    const auto whose = meant(address, *view);
    if (at.kind == BlockParameter::Kind::pending) return json_quantity(context.chain.pending_nonce(whose));
    const auto account = view->account(whose);
    return json_quantity(account ? account->nonce : 0);
}

Answer get_code(Context& context, const Parameters& parameters) {
    CRN_TRY(address, parameters.address(0));
    CRN_TRY(at, parameters.block(1));
    CRN_TRY(view, find_view(context.chain, at));
    const auto account = view->account(address);
    return account ? json_hex(*view->code(account->code_hash)) : json_hex({});
}

Answer storage_at(Context& context, const Parameters& parameters) {
    CRN_TRY(address, parameters.address(0));
    CRN_TRY(slot, to_slot(parameters.at(1)));
    CRN_CHECK(Labels{context}.readable_storage(address));
    CRN_TRY(at, parameters.block(2));
    CRN_TRY(view, find_view(context.chain, at));
    return json_hex(to_big_endian(view->storage(address, slot)));
}

/// Many slots of many accounts at one block.
Answer storage_values(Context& context, const Parameters& parameters) {
    const auto& wanted = parameters.at(0);
    if (!wanted.is_object()) return invalid("invalid argument 0: must be an object of arrays");
    std::vector<std::pair<Address, std::vector<U256>>> requests;
    std::size_t count = 0;
    for (const auto& [key, slots] : wanted.items()) {
        CRN_TRY(address, to_address(key, Parameters::name(0)));
        if (!slots.is_array()) return invalid("invalid argument 0: must be an object of arrays");
        count += slots.size();
        if (count > context.limits.storage_keys_max)
            return invalid("too many slots (max " + std::to_string(context.limits.storage_keys_max) + ")");
        auto& request = requests.emplace_back(address, std::vector<U256>{});
        for (const auto& one : slots) {
            CRN_TRY(slot, to_slot(one));
            request.second.push_back(slot);
        }
    }
    if (count == 0) return invalid("empty request");
    Labels labels{context};
    for (const auto& [address, slots] : requests) CRN_CHECK(labels.readable_storage(address));
    CRN_TRY(at, parameters.block(1));
    CRN_TRY(view, find_view(context.chain, at));
    JsonWriter out;
    out.begin_object();
    for (const auto& [address, slots] : requests) {
        out.key(to_hex(address)).begin_array();
        for (const auto& slot : slots) out.word(view->storage(address, slot));
        out.end_array();
    }
    out.end_object();
    return out.take();
}

void write_nodes(JsonWriter& out, const std::vector<Bytes>& nodes) {
    out.begin_array();
    for (const auto& one : nodes) out.hex(one);
    out.end_array();
}

Answer get_proof(Context& context, const Parameters& parameters) {
    CRN_TRY(address, parameters.address(0));
    const auto& keys = parameters.at(1);
    if (!keys.is_array()) return invalid("invalid argument 1: must be an array of storage keys");
    if (keys.size() > context.limits.storage_keys_max)
        return invalid("too many keys (max " + std::to_string(context.limits.storage_keys_max) + ")");
    std::vector<U256> slots;
    for (const auto& key : keys) {
        CRN_TRY(slot, to_slot(key));
        slots.push_back(slot);
    }
    CRN_CHECK(Labels{context}.readable_storage(address));
    CRN_TRY(at, parameters.block(2));
    CRN_TRY(height, find_height(context.chain, at));
    CRN_TRY(proof, lift(context.chain.prove(height, address, slots)));
    JsonWriter out;
    out.begin_object();
    out.key("address").hex(address);
    out.key("accountProof");
    write_nodes(out, proof.nodes);
    out.key("balance").quantity(proof.account.balance);
    out.key("codeHash").hex(proof.account.code_hash);
    out.key("nonce").quantity(proof.account.nonce);
    out.key("storageHash").hex(proof.storage_root);
    out.key("storageProof").begin_array();
    for (std::size_t i = 0; i < proof.storage.size(); ++i) {
        const auto& slot = proof.storage[i];
        out.begin_object();
        // The key in the form in which it was asked for, as geth does: a full word stays one.
        const auto& asked = keys[i].get_ref<const std::string&>();
        if (asked.size() == 2 + 64)
            out.key("key").word(slot.slot);
        else
            out.key("key").quantity(slot.slot);
        out.key("value").quantity(slot.value);
        out.key("proof");
        write_nodes(out, slot.nodes);
        out.end_object();
    }
    out.end_array();
    out.end_object();
    return out.take();
}

} // namespace

void add_account_methods(MethodTable& table) {
    table["eth_getBalance"] = {Cost::quick, 1, 2, balance};
    table["eth_getTransactionCount"] = {Cost::quick, 1, 2, transaction_count};
    table["eth_getCode"] = {Cost::quick, 1, 2, get_code};
    table["eth_getStorageAt"] = {Cost::quick, 2, 3, storage_at};
    table["eth_getStorageValues"] = {Cost::slow, 1, 2, storage_values};
    table["eth_getProof"] = {Cost::slow, 2, 3, get_proof};
}

} // namespace cairn::rpc
