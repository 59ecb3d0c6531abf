#include "zone/management.hpp"

#include "audit/repeats.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/zone.hpp"
#include "crypto/hash.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace cairn::zone {
namespace {

using nlohmann::json;

/// Of the audit log: "system-administrator alice".
std::string subject_of(const Person& person) { return std::string{crypto::name_of(person.role)} + " " + person.name; }

std::string text_of(const std::map<std::string, std::string>& arguments) {
    std::string out;
    for (const auto& [name, value] : arguments) out += name + "=" + value + "; ";
    return out;
}

bool is_failure_of_person(ErrorCode code) {
    return code == error::ZoneSignatureInvalid || code == error::ZoneSecondFactor || code == error::ZoneReplay ||
           code == error::ZoneSecondPerson;
}

int status_of(const Error& error) {
    if (error.code == error::ZoneRequestInvalid || error.code == error::ZoneCommandUnknown) return 400;
    if (error.code == error::ZoneLocked || error.code == error::ZoneBusy) return 429;
    return 403;
}

} // namespace

std::string_view name_of(Level level) {
    switch (level) {
    case Level::read: return "read";
    case Level::act: return "act";
    case Level::highest: return "highest";
    case Level::two: return "two persons";
    }
    return "unknown";
}

std::string error_json(const Error& error) {
    return json{{"error", {{"code", error_id(error.code)}, {"text", error.text()}, {"detail", error.detail}}}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
}

audit::Event refused_at_door(const std::string& zone, const TlsRefusal& refusal) {
    audit::Event out{.subject = "unknown",
                     .origin = zone + " " + refusal.remote,
                     .object = zone + " listener",
                     .action = zone + ".refused",
                     .outcome = audit::Outcome::refused,
                     .reason = "TLS: " + refusal.reason};
    if (const auto claimed = crypto::zone_identity_of(refusal.certificate); !refusal.certificate.empty() && claimed)
        out.object += ", certificate of " + std::string{crypto::name_of(claimed->role)} + " " + claimed->name;
    return out;
}

CommandDesk::CommandDesk(const ManagementConfig& config, audit::Trail& trail, const Clock& clock)
    : config_(config),
      trail_(trail),
      clock_(clock),
      lockout_(config.attempts, std::chrono::minutes{config.lock_minutes}) {}

Result<std::unique_ptr<CommandDesk>> CommandDesk::open(const ManagementConfig& config, std::vector<Command> commands,
                                                       audit::Trail& trail, const Clock& clock) {
    std::unique_ptr<CommandDesk> out{new CommandDesk(config, trail, clock)};
    CRN_TRY(factors, SecondFactors::open(config.directory));
    out->factors_ = std::move(factors);
    auto* const desk = out.get();
    const std::vector<crypto::ZoneRole> all(std::begin(crypto::kAdministrators), std::end(crypto::kAdministrators));
    commands.push_back({.name = "commands",
                        .summary = "the list of commands, and who may give them",
                        .level = Level::read,
                        .by = all,
                        .run = [desk](const Person&, const auto&) -> Result<std::string> { return desk->list(); }});
    commands.push_back(
        {.name = "pending",
         .summary = "requests that wait for a second person",
         .level = Level::read,
         .by = all,
         .run = [desk](const Person&, const auto&) -> Result<std::string> { return desk->pending_list(); }});
    // Judged apart: what it does is another person's command.
    commands.push_back({.name = "confirm",
                        .summary = "does, as the second person, what another administrator of the same kind asked for",
                        .level = Level::highest,
                        .by = all,
                        .arguments = {"digest"}});
    commands.push_back({.name = "enrol-second-factor",
                        .summary = "a new one-time code generator for who asks",
                        .level = Level::act,
                        .by = all,
                        .run = [desk](const Person& person, const auto&) { return desk->enrol(person); }});
    commands.push_back({.name = "unlock",
                        .summary = "lets an administrator in again who was locked out",
                        .level = Level::highest,
                        .by = {crypto::ZoneRole::security_administrator},
                        .arguments = {"name"},
                        .run = [desk](const Person& person, const auto& arguments) -> Result<std::string> {
                            const auto name = arguments.contains("name") ? arguments.at("name") : std::string{};
                            if (name == person.name) return fail(error::ZoneLocked, "another person has to do that");
                            return json{{"unlocked", desk->lockout_.unlock(name)}}.dump();
                        }});
    for (auto& command : commands) {
        auto name = command.name;
        out->commands_.emplace(std::move(name), std::move(command));
    }
    return out;
}

std::string CommandDesk::list() const {
    json out = json::array();
    for (const auto& [name, command] : commands_) {
        json by = json::array();
        for (const auto role : command.by) by.push_back(crypto::name_of(role));
        out.push_back({{"name", name},
                       {"summary", command.summary},
                       {"level", name_of(command.level)},
                       {"by", std::move(by)},
                       {"arguments", command.arguments}});
    }
    return out.dump();
}

std::string CommandDesk::pending_list() {
    json out = json::array();
    for (const auto& [digest, request] : waiting_.all(clock_.wall()))
        out.push_back({{"digest", digest},
                       {"command", request.command},
                       {"arguments", request.arguments},
                       {"by", subject_of(request.person)},
                       {"until", request.until.count()}});
    return out.dump();
}

Result<std::string> CommandDesk::enrol(const Person& person) {
    CRN_TRY(authenticator, factors_->enrol(person.name, person.role, config_.node, crypto::system_random()));
    return json{{"authenticator", std::string{authenticator.uri.view()}}}.dump();
}

Status Waiting::add(const Hash256& digest, Request request, Milliseconds now) {
    const std::lock_guard lock(mutex_);
    forget(now);
    if (requests_.size() >= kWaitingMax) return fail(error::ZoneBusy, "requests wait for a second person");
    requests_.insert_or_assign(to_hex(digest), std::move(request));
    return {};
}

Result<Waiting::Request> Waiting::confirm(const std::string& digest, const Person& second, const Hash256& key,
                                          Milliseconds now) {
    const std::lock_guard lock(mutex_);
    forget(now);
    const auto found = requests_.find(digest);
    if (found == requests_.end()) return fail(error::ZoneNothingToConfirm, digest);
    const auto& first = found->second;
    if (first.person.name == second.name || first.key == key)
        return fail(error::ZoneSecondPerson, second.name + " asked for it");
    if (first.person.role != second.role)
        return fail(error::ZoneRoleRefused,
                    first.command + " is confirmed by another " + std::string{crypto::name_of(first.person.role)});
    auto out = std::move(found->second);
    requests_.erase(found);
    return out;
}

std::map<std::string, Waiting::Request> Waiting::all(Milliseconds now) {
    const std::lock_guard lock(mutex_);
    forget(now);
    return requests_;
}

void Waiting::forget(Milliseconds now) {
    std::erase_if(requests_, [&](const auto& entry) { return entry.second.until < now; });
}

Status CommandDesk::record(const Person& person, const std::string& command, audit::Outcome outcome,
                           std::string reason) {
    return trail_.append({.subject = person.name.empty() ? "unknown" : subject_of(person),
                          .identity = person.organisation,
                          .origin = "management " + person.remote,
                          .object = "node " + config_.node,
                          .action = "admin." + command,
                          .outcome = outcome,
                          .reason = std::move(reason)},
                         audit::Durability::durable);
}

Result<std::string> CommandDesk::take(const TlsRequest& request) {
    Person person{.role = {}, .name = {}, .organisation = {}, .remote = request.remote};
    std::string command = "refused";
    auto result = judge_and_run(request, person, command);
    if (result) return result;
    auto error = result.error();
    // Beyond the list there are no names: what was asked for stands in the reason.
    const auto now = clock_.wall();
    if (command == "refused" || is_failure_of_person(error.code)) {
        if (!person.name.empty() && is_failure_of_person(error.code) && lockout_.failed(person.name, now))
            error.detail += "; now locked out for " + std::to_string(config_.lock_minutes) + " min";
        (void)record(person, command, audit::Outcome::refused, error.text());
    } else
        (void)record(person, command, audit::Outcome::failed, error.text());
    return std::unexpected(std::move(error));
}

/// In the order of cost; `command` is set once the request is known to ask for one of the list.
Result<std::string> CommandDesk::judge_and_run(const TlsRequest& request, Person& person, std::string& command) {
    if (!origin_listed(request.remote, config_.origins)) return fail(error::ZoneOriginRefused, request.remote);
    const auto identity = crypto::zone_identity_of(request.certificate);
    if (!identity) return fail(error::ZoneIdentityRefused, identity.error().detail);
    if (std::ranges::find(crypto::kAdministrators, identity->role) == std::end(crypto::kAdministrators))
        return fail(error::ZoneIdentityRefused, std::string{crypto::name_of(identity->role)} + " " + identity->name);
    if (identity->organisation != config_.organisation)
        return fail(error::ZoneIdentityRefused, identity->name + " of " + identity->organisation);
    person.role = identity->role;
    person.name = identity->name;
    person.organisation = identity->organisation;
    const auto now = clock_.wall();
    CRN_CHECK(lockout_.check(person.name, now));
    const auto signature = from_hex(request.signature);
    if (!signature || !crypto::verify_p256(request.certificate, signed_bytes(config_.node, request.body), *signature))
        return fail(error::ZoneSignatureInvalid, person.name);
    CRN_CHECK(factors_->check_role(person.name, person.role));
    CRN_TRY(parsed, request_from_json(request.body));
    CRN_CHECK(replays_.take(person.name, parsed, now));
    const auto found = commands_.find(parsed.command);
    if (found == commands_.end()) return fail(error::ZoneCommandUnknown, parsed.command);
    const auto& wanted = found->second;
    if (std::ranges::find(wanted.by, person.role) == wanted.by.end())
        return fail(error::ZoneRoleRefused, subject_of(person) + ": " + parsed.command);
    for (const auto& [name, value] : parsed.arguments)
        if (std::ranges::find(wanted.arguments, name) == wanted.arguments.end())
            return fail(error::ZoneRequestInvalid, parsed.command + " has no argument " + name);
    // Who has a second factor already needs it to replace it.
    const bool re_enrols = wanted.name == "enrol-second-factor" && factors_->is_enrolled(person.name);
    if (re_enrols && parsed.code.empty()) return fail(error::ZoneEnrolled, person.name);
    const bool by_two = wanted.level == Level::two;
    if (wanted.level == Level::highest || by_two || re_enrols)
        CRN_CHECK(factors_->check(person.name, parsed.code, now.count() / 1000));

    CRN_TRY(certificate, crypto::inspect_certificate_der(request.certificate));
    if (wanted.name == "confirm") {
        const auto digest = parsed.arguments.contains("digest") ? parsed.arguments.at("digest") : std::string{};
        CRN_TRY(first, waiting_.confirm(digest, person, certificate.key_id, now));
        if (const auto* trust = config_.tls.files.trust.get(); trust != nullptr)
            for (const auto& id : {first.certificate, first.key})
                if (trust->is_revoked(first.person.organisation, id))
                    return fail(error::CertificateRevoked, subject_of(first.person) + " asked for it");
        lockout_.succeeded(person.name);
        CRN_CHECK(record(person, wanted.name, audit::Outcome::accepted,
                         first.command + " of " + subject_of(first.person) + "; " + text_of(first.arguments) +
                             "request " + digest + "; nonce " + parsed.nonce));
        command = wanted.name;
        return commands_.at(first.command).run(first.person, first.arguments);
    }
    lockout_.succeeded(person.name);
    const auto digest = crypto::sha256(signed_bytes(config_.node, request.body));
    // First the record, then the act: no act without its record.
    CRN_CHECK(record(person, wanted.name, audit::Outcome::accepted,
                     text_of(parsed.arguments) +
                         (by_two ? "waits for a second person, request " + to_hex(digest) + "; " : "") + "nonce " +
                         parsed.nonce));
    command = wanted.name;
    if (!by_two) return wanted.run(person, parsed.arguments);
    const auto until = parsed.time + kConfirmWithin;
    CRN_CHECK(waiting_.add(
        digest, {person, certificate.fingerprint, certificate.key_id, wanted.name, parsed.arguments, until}, now));
    return json{{"waits", to_hex(digest)}, {"until", until.count()}}.dump();
}

namespace {

class Server final : public ManagementServer {
public:
    Server(std::unique_ptr<CommandDesk> desk, audit::Trail& trail) : desk_(std::move(desk)), repeats_(trail) {}
    ~Server() override {
        tls_.reset();
        repeats_.tick();
    }

    Status start(const TlsServerConfig& config) {
        CRN_TRY(tls, start_tls_server(config, {.on_request = [this](const TlsRequest& request) -> TlsAnswer {
                                                   const auto result = desk_->take(request);
                                                   if (result) return {200, *result};
                                                   return {status_of(result.error()), error_json(result.error())};
                                               },
                                               .on_refused =
                                                   [this](const TlsRefusal& refusal) {
                                                       repeats_.note(refused_at_door("management", refusal));
                                                   }}));
        tls_ = std::move(tls);
        return {};
    }
    std::uint16_t port() const override { return tls_->port(); }
    Status reload() override { return tls_->reload(); }
    void judge_again() override { tls_->judge_again(); }

private:
    std::unique_ptr<CommandDesk> desk_;
    audit::Repeats repeats_;
    std::unique_ptr<TlsServer> tls_;
};

} // namespace

Result<std::unique_ptr<ManagementServer>> start_management(const ManagementConfig& config,
                                                           std::vector<Command> commands, audit::Trail& trail,
                                                           const Clock& clock) {
    CRN_TRY(desk, CommandDesk::open(config, std::move(commands), trail, clock));
    auto server = std::make_unique<Server>(std::move(desk), trail);
    CRN_CHECK(server->start(config.tls));
    return server;
}

} // namespace cairn::zone
