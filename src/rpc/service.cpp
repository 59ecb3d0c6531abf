#include "rpc/service.hpp"

#include "base/log.hpp"
#include "rpc/announcer.hpp"
#include "rpc/filters.hpp"
#include "rpc/json_writer.hpp"
#include "rpc/method.hpp"
#include "rpc/subscriptions.hpp"
#include "rpc/sync_sends.hpp"

#include <future>
#include <mutex>

namespace cairn::rpc {
namespace {

constexpr std::size_t kQuickRequestsMax = 32; // of one batch
/// A batch that holds a worker for longer gets errors for the rest.
constexpr std::chrono::seconds kBatchTimeMax{10};

const MethodTable& table_of_methods() {
    static const MethodTable table = [] {
        MethodTable out;
        add_network_methods(out);
        add_fee_methods(out);
        add_account_methods(out);
        add_block_methods(out);
        add_log_methods(out);
        add_call_methods(out);
        add_transaction_methods(out);
        add_trace_methods(out);
        add_cairn_methods(out);
        add_proof_methods(out);
        add_flow_methods(out);
        for (auto& [name, method] : out) {
            method.kind = class_of(name);
            method.name = name;
        }
        return out;
    }();
    return table;
}

/// One request of a body, checked as far as JSON-RPC goes.
struct Request {
    std::string id; // JSON text; empty for a notification
    const Method* method = nullptr;
    Json parameters = Json::array();
    std::optional<RpcError> error; // it is not a request, or cannot be called so
};

bool is_id(const Json& value) { return value.is_string() || value.is_number() || value.is_null(); }

Request read_request(Json& value, const RpcLimits& limits) {
    Request out;
    const auto refuse = [&](int error_code, std::string message) {
        out.error = RpcError{error_code, std::move(message), {}};
        if (out.id.empty()) out.id = "null"; // an invalid request is answered even without an id
    };
    if (!value.is_object()) {
        refuse(code::kRequest, "invalid request");
        return out;
    }
    if (const auto id = value.find("id"); id != value.end()) {
        if (!is_id(*id)) {
            refuse(code::kRequest, "invalid request: id must be a string, a number or null");
            return out;
        }
        out.id = id->dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    const auto version = value.find("jsonrpc");
    const auto name = value.find("method");
    if (version == value.end() || *version != "2.0" || name == value.end() || !name->is_string()) {
        refuse(code::kRequest, "invalid request");
        return out;
    }
    const auto& method_name = name->get_ref<const std::string&>();
    const auto found = table_of_methods().find(method_name);
    if (found == table_of_methods().end() || (!limits.traces && method_name.starts_with("debug_"))) {
        // A notification of an unknown method gets no answer, as any notification.
        out.error =
            RpcError{code::kMethod, "the method " + method_name.substr(0, 64) + " does not exist/is not available", {}};
        return out;
    }
    const auto& method = found->second;
    if (const auto given = value.find("params"); given != value.end() && !given->is_null()) {
        if (!given->is_array()) {
            out.error = RpcError{code::kParameters, "non-array args", {}};
            return out;
        }
        out.parameters = std::move(*given);
    }
    const auto count = out.parameters.size();
    if (count > method.accepted) {
        out.error =
            RpcError{code::kParameters, "too many arguments, want at most " + std::to_string(method.accepted), {}};
        return out;
    }
    for (std::size_t i = 0; i < method.required; ++i)
        if (i >= count || out.parameters[i].is_null()) {
            out.error = RpcError{code::kParameters, "missing value for required argument " + std::to_string(i), {}};
            return out;
        }
    out.method = &method;
    return out;
}

std::string write_answer(const std::string& id, const Answer& answer) {
    std::string out = R"({"jsonrpc":"2.0","id":)";
    out.reserve(out.size() + id.size() + 16 + (answer ? answer->size() : 256));
    out.append(id);
    if (answer) {
        out.append(R"(,"result":)").append(*answer);
    } else {
        const auto& error = answer.error();
        out.append(R"(,"error":{"code":)").append(std::to_string(error.code));
        out.append(R"(,"message":)").append(json_text(error.message));
        if (!error.data.empty()) out.append(R"(,"data":)").append(error.data);
        out.push_back('}');
    }
    out.push_back('}');
    return out;
}

Answer not_now(ErrorCode reason, std::chrono::milliseconds retry_after) {
    const auto& info = error_info(reason);
    JsonWriter data;
    data.begin_object();
    data.key("code").text(info.id);
    data.key("next").text(info.next);
    data.key("retryAfterMs").number(static_cast<std::uint64_t>(retry_after.count()));
    data.end_object();
    return rpc_fail(code::kLimit, std::string{info.title}, data.take());
}
Answer too_large() { return rpc_fail(code::kLimit, "response too large"); }

/// Collects the answers of one body; the last one to come sends them.
class Collector {
public:
    Collector(std::vector<std::string> ids, bool batch, std::size_t bytes_max, Reply reply,
              std::vector<std::function<void()>> after)
        : ids_(std::move(ids)),
          answers_(ids_.size()),
          open_(ids_.size() + 1),
          batch_(batch),
          bytes_max_(bytes_max),
          reply_(std::move(reply)),
          after_(std::move(after)) {}

    void put(std::size_t i, const Answer& answer) {
        std::string text;
        if (!ids_[i].empty()) {
            const bool fits = !answer || size_.fetch_add(answer->size()) + answer->size() <= bytes_max_;
            text = write_answer(ids_[i], fits ? answer : too_large());
        }
        answers_[i] = std::move(text);
        close_one();
    }
    /// All requests have been started.
    void started() { close_one(); }
    std::vector<std::function<void()>>& after() { return after_; }
    bool is_full() const { return size_ > bytes_max_; }

private:
    void close_one() {
        if (open_.fetch_sub(1) != 1) return;
        std::string out;
        if (!batch_) {
            out = std::move(answers_[0]);
        } else {
            for (const auto& answer : answers_) {
                if (answer.empty()) continue;
                out.push_back(out.empty() ? '[' : ',');
                out.append(answer);
            }
            if (!out.empty()) out.push_back(']');
        }
        reply_(std::move(out));
        for (const auto& step : after_) step();
    }

    const std::vector<std::string> ids_;
    std::vector<std::string> answers_; // each written by one thread, read after the last has been
    std::atomic<std::size_t> open_;
    std::atomic<std::size_t> size_ = 0;
    const bool batch_;
    const std::size_t bytes_max_;
    const Reply reply_;
    std::vector<std::function<void()>> after_; // filled before started()
};

} // namespace

struct Service::Work::Inside {
    bool batch = false;
    Cost cost = Cost::quick;
    std::vector<Request> requests;
    std::array<std::uint64_t, kMethodClasses> kinds{};
};

Service::Work::Work(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Service::Work::Work(Work&&) noexcept = default;
Service::Work::~Work() = default;
Cost Service::Work::cost() const { return inside_->cost; }
const std::array<std::uint64_t, kMethodClasses>& Service::Work::kinds() const { return inside_->kinds; }

struct Service::Inside {
    Inside(node::Chain& c, const RpcLimits& l, const Clock& k)
        : chain(c),
          limits(l),
          clock(k),
          filters(limits, clock),
          subscriptions(limits),
          sync_sends(limits, clock),
          announcer(c, clock, filters, subscriptions, sync_sends) {
        sync_sends.wake_with([this] { announcer.look_again(); });
    }

    node::Chain& chain;
    const RpcLimits limits;
    const Clock& clock;
    Filters filters;
    Subscriptions subscriptions;
    SyncSends sync_sends;
    std::function<void(JsonWriter&)> flow_report; // set before the first request
    ReadReport read_report;                       // so too
    Announcer announcer;                          // last: its thread uses the others
};

Service::Service(node::Chain& chain, const RpcLimits& limits, const Clock& clock)
    : inside_(std::make_unique<Inside>(chain, limits, clock)) {}
Service::~Service() = default;

Service::Work Service::parse(std::string_view body) const {
    auto inside = std::make_unique<Work::Inside>();
    const auto refuse = [&](RpcError error) {
        Request request;
        request.id = "null";
        request.error = std::move(error);
        inside->requests.push_back(std::move(request));
        return Work{std::move(inside)};
    };
    auto document = parse_json(body, inside_->limits);
    if (!document) return refuse(std::move(document.error()));
    if (!document->is_array()) {
        inside->requests.push_back(read_request(*document, inside_->limits));
    } else {
        if (document->empty()) return refuse({code::kRequest, "empty batch", {}});
        if (document->size() > inside_->limits.batch_requests_max)
            return refuse({code::kLimit,
                           "batch too large: " + std::to_string(document->size()) + " requests, limit " +
                               std::to_string(inside_->limits.batch_requests_max),
                           {}});
        inside->batch = true;
        inside->requests.reserve(document->size());
        for (auto& value : *document) inside->requests.push_back(read_request(value, inside_->limits));
    }
    if (inside->requests.size() > kQuickRequestsMax) inside->cost = Cost::normal;
    for (const auto& request : inside->requests) {
        if (request.method == nullptr) continue;
        inside->cost = std::max(inside->cost, request.method->cost);
        ++inside->kinds[static_cast<std::size_t>(request.method->kind)];
    }
    return Work{std::move(inside)};
}

void Service::run(Work work, std::shared_ptr<WsConnection> connection, Reply reply,
                  const std::function<void(std::uint64_t)>& on_refused, const std::string& client) {
    auto& requests = work.inside_->requests;
    std::vector<std::string> ids;
    ids.reserve(requests.size());
    for (auto& request : requests) ids.push_back(request.id);
    auto collector = std::make_shared<Collector>(std::move(ids), work.inside_->batch, inside_->limits.answer_bytes_max,
                                                 std::move(reply), std::vector<std::function<void()>>{});
    std::uint64_t refused = 0;
    Context context{inside_->chain,
                    inside_->limits,
                    inside_->filters,
                    inside_->subscriptions,
                    inside_->sync_sends,
                    std::move(connection),
                    &collector->after(),
                    &refused,
                    &inside_->flow_report,
                    &inside_->read_report,
                    client,
                    {}};
    const auto start = inside_->clock.monotonic();
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const auto& request = requests[i];
        if (request.method != nullptr) context.method = request.method->name;
        if (i > 0 && inside_->clock.monotonic() - start > kBatchTimeMax) {
            collector->put(i, rpc_fail(code::kLimit, "batch takes too long: send fewer requests at a time"));
        } else if (request.error) {
            collector->put(i, std::unexpected(*request.error));
        } else if (collector->is_full()) {
            collector->put(i, too_large());
        } else if (request.method->late != nullptr) {
            request.method->late(context, Parameters(request.parameters),
                                 [collector, i](const Answer& answer) { collector->put(i, answer); });
        } else {
            collector->put(i, request.method->handler(context, Parameters(request.parameters)));
        }
    }
    if (refused != 0 && on_refused) on_refused(refused);
    collector->started();
}

Status Context::report_read(const std::string& object, std::optional<Address> sender, bool refused) const {
    if (read_report == nullptr || !*read_report) return {};
    return (*read_report)({client, std::string{method}, object, sender, refused});
}

void Service::set_read_report(ReadReport report) { inside_->read_report = std::move(report); }

void Service::set_flow_report(std::function<void(JsonWriter&)> report) { inside_->flow_report = std::move(report); }

std::string Service::refuse(ErrorCode reason, std::chrono::milliseconds retry_after) const {
    return write_answer("null", not_now(reason, retry_after));
}

std::string Service::refuse(const Work& work, ErrorCode reason, std::chrono::milliseconds retry_after) const {
    const auto error = not_now(reason, retry_after);
    std::string out;
    for (const auto& request : work.inside_->requests) {
        if (request.id.empty()) continue;
        if (work.inside_->batch) out.push_back(out.empty() ? '[' : ',');
        out.append(write_answer(request.id, error));
    }
    if (work.inside_->batch && !out.empty()) out.push_back(']');
    return out;
}

std::string Service::handle(std::string_view body) {
    std::promise<std::string> answer;
    auto future = answer.get_future();
    run(parse(body), nullptr, [&](std::string text) { answer.set_value(std::move(text)); });
    return future.get();
}

std::vector<std::string> Service::methods() {
    std::vector<std::string> out;
    for (const auto& [name, method] : table_of_methods()) out.emplace_back(name);
    std::sort(out.begin(), out.end());
    return out;
}

void Service::stop() {
    inside_->announcer.stop();
    inside_->sync_sends.give_up();
}

void Service::forget(std::uint64_t connection) { inside_->subscriptions.forget(connection); }

} // namespace cairn::rpc
