#include "zone/regulator.hpp"

#include "audit/page.hpp"
#include "audit/repeats.hpp"
#include "audit/report.hpp"
#include "audit/verifier.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/zone.hpp"
#include "zone/management.hpp"
#include "zone/request.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <deque>

namespace cairn::zone {
namespace {

using nlohmann::json;
using Arguments = std::map<std::string, std::string>;

constexpr std::size_t kEventsMax = 10'000;

std::optional<std::string> argument(const Arguments& arguments, const std::string& name) {
    const auto found = arguments.find(name);
    return found == arguments.end() ? std::nullopt : std::optional{found->second};
}

Result<std::size_t> limit_of(const Arguments& arguments, std::size_t most) {
    const auto text = argument(arguments, "limit");
    if (!text) return std::min<std::size_t>(1'000, most);
    std::size_t out = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
    if (error != std::errc{} || end != text->data() + text->size() || out == 0 || out > most)
        return fail(error::AuditQueryInvalid, "limit " + *text);
    return out;
}

class Server final : public RegulatorServer {
public:
    Server(const RegulatorConfig& config, std::map<std::string, Question> questions, storage::FileSystem& files,
           audit::Trail& trail)
        : config_(config), questions_(std::move(questions)), files_(files), trail_(trail), repeats_(trail) {
        questions_["audit-records"] = [this](const Arguments& arguments) { return records(arguments); };
        questions_["audit-events"] = [this](const Arguments& arguments) { return events(arguments); };
    }
    ~Server() override {
        tls_.reset();
        repeats_.tick();
    }

    Status start() {
        CRN_TRY(tls, start_tls_server(config_.tls, {.on_request = [this](const TlsRequest& request) -> TlsAnswer {
                                                        const auto result = take(request);
                                                        if (result) return {200, *result};
                                                        return {403, error_json(result.error())};
                                                    },
                                                    .on_refused =
                                                        [this](const TlsRefusal& refusal) {
                                                            repeats_.note(refused_at_door("regulator", refusal));
                                                        }}));
        tls_ = std::move(tls);
        return {};
    }
    std::uint16_t port() const override { return tls_->port(); }
    Status reload() override { return tls_->reload(); }
    void judge_again() override { tls_->judge_again(); }

private:
    Result<std::string> take(const TlsRequest& request) {
        audit::Event event{.subject = "unknown",
                           .origin = "regulator " + request.remote,
                           .object = "regulator listener",
                           .action = "regulator.read"};
        const auto refuse = [&](Error error) -> std::unexpected<Error> {
            event.outcome = audit::Outcome::refused;
            event.reason = error.text();
            repeats_.note(event);
            return std::unexpected(std::move(error));
        };
        if (!origin_listed(request.remote, config_.origins)) return refuse({error::ZoneOriginRefused, request.remote});
        const auto identity = crypto::zone_identity_of(request.certificate);
        if (!identity) return refuse({error::ZoneIdentityRefused, identity.error().detail});
        if (identity->role != crypto::ZoneRole::regulator)
            return refuse(
                {error::ZoneIdentityRefused, std::string{crypto::name_of(identity->role)} + " " + identity->name});
        event.subject = "regulator " + identity->name;
        event.identity = identity->organisation;
        const auto document = json::parse(request.body, nullptr, false);
        if (!document.is_object() || !document.contains("question") || !document["question"].is_string())
            return refuse({error::ZoneRequestInvalid, "there is no question"});
        const auto name = document["question"].get<std::string>();
        const auto found = questions_.find(name);
        if (found == questions_.end()) return refuse({error::ZoneCommandUnknown, name.substr(0, 64)});
        Arguments arguments;
        if (document.contains("arguments")) {
            if (!document["arguments"].is_object() || document["arguments"].size() > kArgumentsMax)
                return refuse({error::ZoneRequestInvalid, "arguments"});
            for (const auto& [key, value] : document["arguments"].items()) {
                if (!value.is_string()) return refuse({error::ZoneRequestInvalid, "an argument is no text"});
                arguments.emplace(key, value.get<std::string>());
            }
        }
        event.object = name;
        for (const auto& [key, value] : arguments)
            event.reason += (event.reason.empty() ? "" : ", ") + key + "=" + value;
        // Reading is an act too: without its record there is no answer.
        CRN_CHECK(trail_.append(event, audit::Durability::durable));
        return found->second(arguments);
    }

    Result<std::string> records(const Arguments& arguments) {
        CRN_TRY(limit, limit_of(arguments, audit::kPageRecordsMax));
        const auto from = audit::cursor_from(argument(arguments, "cursor").value_or("0:0"));
        if (!from) return fail(error::AuditQueryInvalid, "cursor");
        CRN_TRY(page, audit::read_page(files_, config_.audit_directory, *from, limit));
        json list = json::array();
        for (const auto& record : page.records) list.push_back(to_hex_digits(record));
        return json{{"node", config_.node}, {"records", list}, {"next", page.next.text()}, {"more", page.more}}.dump();
    }

    Result<std::string> events(const Arguments& arguments) {
        CRN_TRY(limit, limit_of(arguments, kEventsMax));
        audit::Filter filter{.subject = argument(arguments, "subject"),
                             .action = argument(arguments, "action"),
                             .object = argument(arguments, "object"),
                             .origin = argument(arguments, "origin")};
        for (auto [name, time] : {std::pair{"from", &filter.from}, std::pair{"to", &filter.to}}) {
            const auto text = argument(arguments, name);
            if (!text) continue;
            *time = audit::time_from(*text);
            if (!*time) return fail(error::AuditQueryInvalid, *text);
        }
        if (const auto text = argument(arguments, "result")) {
            filter.outcome = audit::outcome_from(*text);
            if (!filter.outcome) return fail(error::AuditQueryInvalid, *text);
        }
        std::deque<audit::Event> found;
        CRN_TRY(report, audit::verify_log(files_, config_.audit_directory, {.live = true, .own = true},
                                          [&](const audit::Event& event) {
                                              if (!filter.matches(event)) return;
                                              found.push_back(event);
                                              if (found.size() > limit) found.pop_front();
                                          }));
        json list = json::array();
        for (const auto& event : found) list.push_back(json::parse(audit::to_json_line(event)));
        return json{{"node", config_.node}, {"events", list}, {"findings", report.findings_total}}.dump();
    }

    const RegulatorConfig config_;
    std::map<std::string, Question> questions_;
    storage::FileSystem& files_;
    audit::Trail& trail_;
    audit::Repeats repeats_;
    std::unique_ptr<TlsServer> tls_;
};

} // namespace

Result<std::unique_ptr<RegulatorServer>> start_regulator(const RegulatorConfig& config,
                                                         std::map<std::string, Question> questions,
                                                         storage::FileSystem& files, audit::Trail& trail) {
    auto server = std::make_unique<Server>(config, std::move(questions), files, trail);
    CRN_CHECK(server->start());
    return server;
}

} // namespace cairn::zone
