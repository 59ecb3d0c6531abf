#include "rpc/subscriptions.hpp"

#include "rpc/answers.hpp"
#include "rpc/filters.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/labels.hpp"
#include "rpc/log_search.hpp"

namespace cairn::rpc {
namespace {

/// The answer to eth_subscribe takes a moment; whoever has so many events by then does not read at all.
constexpr std::size_t kHeldMax = 10'000;

} // namespace

RpcResult<std::uint64_t> Subscriptions::add(std::shared_ptr<WsConnection> connection, Topic topic) {
    const auto id = random_id();
    const std::lock_guard lock(mutex_);
    const auto own = static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), [&](const auto& item) {
        return item.second.connection->id() == connection->id();
    }));
    if (entries_.size() >= limits_.subscriptions_max || own >= limits_.subscriptions_per_connection_max)
        return rpc_fail(code::kLimit, "too many subscriptions");
    entries_[id] = {std::move(connection), std::move(topic), false, {}};
    return id;
}

void Subscriptions::activate(std::uint64_t id) {
    while (true) {
        std::shared_ptr<WsConnection> connection;
        std::vector<std::shared_ptr<const std::string>> held;
        {
            const std::lock_guard lock(mutex_);
            const auto found = entries_.find(id);
            if (found == entries_.end()) return;
            found->second.active = found->second.held.empty();
            if (found->second.active) return;
            connection = found->second.connection;
            held.swap(found->second.held);
        }
        for (auto& text : held) connection->send(std::move(text));
    }
}

void Subscriptions::notify(std::uint64_t id, std::string_view result) {
    std::string text = R"({"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":)";
    text.append(json_quantity(id)).append(R"(,"result":)").append(result).append("}}");
    auto event = std::make_shared<const std::string>(std::move(text));
    std::shared_ptr<WsConnection> connection;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(id);
        if (found == entries_.end()) return;
        if (!found->second.active) {
            if (found->second.held.size() < kHeldMax) {
                found->second.held.push_back(std::move(event));
                return;
            }
            event = nullptr;
        }
        connection = found->second.connection;
    }
    // A gap in the events is worse than an end: as any reader that is too slow, it is cut off.
    if (event)
        connection->send(std::move(event));
    else
        connection->close();
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

std::vector<Subscriptions::Target> Subscriptions::targets() const {
    const std::lock_guard lock(mutex_);
    std::vector<Target> out;
    for (const auto& [id, entry] : entries_) out.push_back({id, entry.topic});
    return out;
}

void Subscriptions::on_block(const node::Chain& chain, const node::StoredBlock& block) {
    Labels labels{chain};
    const auto all = targets();
    const Height number{block.block.header.number};
    std::string head;
    for (const auto& target : all) {
        const auto* topic = std::get_if<HeadsTopic>(&target.topic);
        if (topic == nullptr || number <= topic->after) continue;
        if (head.empty()) head = head_json(block);
        notify(target.id, head);
    }
    for (const auto& target : all) {
        const auto* topic = std::get_if<LogsTopic>(&target.topic);
        if (topic == nullptr || number <= topic->after || !may_match(block.block.header.logs_bloom, topic->criteria))
            continue;
        for_each_log(block, [&](const LogPlace& place) {
            if (matches(*place.log, topic->criteria) && !labels.covers(*place.log))
                notify(target.id, log_json(block, place));
            return true;
        });
    }
}

void Subscriptions::on_pending(const node::Chain& chain, const std::vector<Hash256>& hashes, std::uint64_t end) {
    for (const auto& target : targets()) {
        const auto* topic = std::get_if<PendingTopic>(&target.topic);
        if (topic == nullptr) continue;
        auto number = end - hashes.size();
        for (const auto& hash : hashes) {
            if (number++ < topic->first) continue;
            if (!topic->full) {
                notify(target.id, json_hex(hash));
                continue;
            }
            auto text = transaction_json(chain, hash);
            if (text) notify(target.id, *text);
        }
    }
}

void Subscriptions::on_syncing(bool syncing) {
    for (const auto& target : targets())
        if (std::holds_alternative<SyncingTopic>(target.topic)) notify(target.id, syncing ? "true" : "false");
}

} // namespace cairn::rpc
