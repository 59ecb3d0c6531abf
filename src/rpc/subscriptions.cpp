#include "rpc/subscriptions.hpp"

#include "rpc/answers.hpp"
#include "rpc/filters.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/log_search.hpp"

namespace cairn::rpc {
namespace {

void notify(std::uint64_t id, WsConnection& connection, std::string_view result) {
    std::string text = R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":)";
    text.append(json_quantity(id)).append(R"(,"result":)").append(result).append("}}");
    connection.send(std::make_shared<const std::string>(std::move(text)));
}

} // namespace

RpcResult<std::uint64_t> Subscriptions::add(std::shared_ptr<WsConnection> connection, Topic topic) {
    const auto id = random_id();
    const std::lock_guard lock(mutex_);
    const auto own = static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& item) {
        return item.second.connection->id() == connection->id();
    }));
    if (entries_.size() >= limits_.subscriptions_max || own >= limits_.subscriptions_per_connection_max)
        return rpc_fail(code::kLimit, "too many subscriptions");
    entries_[id] = {std::move(connection), std::move(topic), false};
    return id;
}

void Subscriptions::activate(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(id); found != entries_.end()) found->second.active = true;
}

bool Subscriptions::remove(std::uint64_t id, std::uint64_t connection) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.connection->id() != connection) return false;
    entries_.erase(found);
    return true;
}

void Subscriptions::forget(std::uint64_t connection) {
    const std::lock_guard lock(mutex_);
    std::erase_if(entries_, [&](const auto& item) { return item.second.connection->id() == connection; });
}

template <class T>
bool Subscriptions::any() const {
    const std::lock_guard lock(mutex_);
    return std::any_of(entries_.begin(), entries_.end(),
                       [](const auto& item) { return std::holds_alternative<T>(item.second.topic); });
}

bool Subscriptions::wants_blocks() const { return any<HeadsTopic>() || any<LogsTopic>(); }
bool Subscriptions::wants_pending() const { return any<PendingTopic>(); }

std::vector<Subscriptions::Target> Subscriptions::active() const {
    const std::lock_guard lock(mutex_);
    std::vector<Target> out;
    for (const auto& [id, entry] : entries_)
        if (entry.active) out.push_back({id, entry.connection, entry.topic});
    return out;
}

void Subscriptions::on_block(const node::StoredBlock& block) {
    const auto targets = active();
    const Height number{block.block.header.number};
    std::string head;
    for (const auto& target : targets) {
        const auto* topic = std::get_if<HeadsTopic>(&target.topic);
        if (topic == nullptr || number <= topic->after) continue;
        if (head.empty()) head = head_json(block);
        notify(target.id, *target.connection, head);
    }
    for (const auto& target : targets) {
        const auto* topic = std::get_if<LogsTopic>(&target.topic);
        if (topic == nullptr || number <= topic->after || !may_match(block.block.header.logs_bloom, topic->criteria))
            continue;
        for_each_log(block, [&](const LogPlace& place) {
            if (matches(*place.log, topic->criteria)) notify(target.id, *target.connection, log_json(block, place));
            return true;
        });
    }
}

void Subscriptions::on_pending(const node::Chain& chain, const std::vector<Hash256>& hashes, std::uint64_t end) {
    for (const auto& target : active()) {
        const auto* topic = std::get_if<PendingTopic>(&target.topic);
        if (topic == nullptr) continue;
        auto number = end - hashes.size();
        for (const auto& hash : hashes) {
            if (number++ < topic->first) continue;
            if (!topic->full) {
                notify(target.id, *target.connection, json_hex(hash));
                continue;
            }
            auto text = transaction_json(chain, hash);
            if (text) notify(target.id, *target.connection, *text);
        }
    }
}

void Subscriptions::on_syncing(bool syncing) {
    for (const auto& target : active())
        if (std::holds_alternative<SyncingTopic>(target.topic))
            notify(target.id, *target.connection, syncing ? "true" : "false");
}

} // namespace cairn::rpc
