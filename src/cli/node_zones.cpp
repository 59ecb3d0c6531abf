#include "cli/node_zones.hpp"

#include "base/errors/zone.hpp"
#include "node/audit_watch.hpp"
#include "node/backup_job.hpp"
#include "node/chain_trust.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace cairn::cli {
namespace {

using nlohmann::json;
using Arguments = std::map<std::string, std::string>;

std::string argument(const Arguments& arguments, const std::string& name) {
    const auto found = arguments.find(name);
    return found == arguments.end() ? std::string{} : found->second;
}

Result<std::uint32_t> number(const Arguments& arguments, const std::string& name) {
    const auto text = argument(arguments, name);
    std::uint32_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size())
        return fail(error::ZoneRequestInvalid, name + ": \"" + text + "\" is no number");
    return out;
}

/// What the node knows, as the zones ask for it.
class NodeTrust final : public zone::CertificateTrust {
public:
    explicit NodeTrust(const node::ChainTrust& trust) : trust_(trust) {}
    std::optional<std::vector<Bytes>> cas_of(std::string_view organisation) const override {
        if (!trust_.knows(organisation)) return std::nullopt;
        return trust_.cas_of(organisation);
    }
    bool is_revoked(std::string_view organisation, const Hash256& id) const override {
        return trust_.is_revoked(organisation, id);
    }

private:
    const node::ChainTrust& trust_;
};

std::string done(json document = json::object()) {
    document["done"] = true;
    return document.dump();
}

} // namespace

std::vector<zone::Listener> listeners_of(const NodeSettings& settings) {
    std::vector<zone::Listener> out;
    out.push_back({.zone = "peer",
                   .address = settings.node.listen_address,
                   .port = settings.node.listen_port,
                   .protocol = "TLS 1.3, Cairn frames",
                   .authentication = "validators of the chain"});
    const std::string tls = settings.rpc.tls ? "TLS 1.3, " : "";
    const auto* client = settings.rpc.token_file.empty() ? "none" : "bearer token";
    out.push_back({.zone = "client",
                   .address = settings.rpc.address,
                   .port = settings.rpc.port,
                   .protocol = tls + "HTTP, WebSocket: JSON-RPC",
                   .authentication = client});
    if (settings.rpc.websocket_port)
        out.push_back({.zone = "client",
                       .address = settings.rpc.address,
                       .port = *settings.rpc.websocket_port,
                       .protocol = tls + "WebSocket: JSON-RPC",
                       .authentication = client});
    if (settings.management)
        out.push_back({.zone = "management",
                       .address = settings.management->tls.address,
                       .port = settings.management->tls.port,
                       .protocol = "TLS 1.3, HTTP: signed commands",
                       .authentication = "administrators' certificates, second factor",
                       .origins = settings.management->origins});
    if (settings.regulator)
        out.push_back({.zone = "regulator",
                       .address = settings.regulator->tls.address,
                       .port = settings.regulator->tls.port,
                       .protocol = "TLS 1.3, HTTP: questions",
                       .authentication = "regulators' certificates",
                       .origins = settings.regulator->origins});
    return out;
}

Result<std::unique_ptr<NodeZones>> NodeZones::start(const NodeSettings& settings, node::Node& node) {
    CRN_CHECK(zone::check_listeners(listeners_of(settings)));
    std::unique_ptr<NodeZones> out{new NodeZones(settings, node)};
    CRN_CHECK(out->open("client"));
    out->rpc_port_ = out->rpc_->port();
    out->websocket_port_ = out->rpc_->websocket_port();
    if (settings.regulator) CRN_CHECK(out->open("regulator"));
    if (settings.management) {
        auto config = *settings.management;
        const auto status = node.chain().status();
        config.node = status.name;
        config.organisation = status.organisation;
        config.directory = settings.node.data_dir + "/management";
        config.tls.files.trust = std::make_shared<NodeTrust>(node.trust());
        CRN_TRY(management, zone::start_management(config, out->commands(), node.audit().trail(), system_clock()));
        out->management_ = std::move(management);
    }
    node.on_trust_changed([zones = out.get()] { zones->judge_again(); });
    return out;
}

void NodeZones::judge_again() {
    if (management_) management_->judge_again();
    const std::lock_guard lock(mutex_);
    if (regulator_) regulator_->judge_again();
}

NodeZones::~NodeZones() {
    node_.on_trust_changed(nullptr);
    management_.reset(); // first who can open the others
    regulator_.reset();
    rpc_.reset();
}

Status NodeZones::open(const std::string& zone) {
    const std::lock_guard changing(changes_);
    if (zone == "client") {
        if (rpc_) return {};
        auto config = settings_.rpc;
        if (config.tls) config.tls->trust = std::make_shared<NodeTrust>(node_.trust());
        config.on_refused = [this](const std::string& remote, const std::string& reason) {
            node_.audit().note({.subject = "unknown",
                                .origin = "client " + remote,
                                .object = "client listener",
                                .action = "rpc.refused",
                                .outcome = audit::Outcome::refused,
                                .reason = reason});
        };
        config.on_labelled_read = [this](const rpc::LabelledRead& read) {
            return node_.audit().read({.origin = "client " + read.client,
                                       .object = read.object,
                                       .action = "client.read",
                                       .outcome = read.refused ? audit::Outcome::refused : audit::Outcome::accepted,
                                       .reason = read.method + (read.sender ? ", sender named without proof" : "")},
                                      read.sender);
        };
        CRN_TRY(server, rpc::start_server(config, node_.chain()));
        const std::lock_guard lock(mutex_);
        rpc_ = std::move(server);
        return {};
    }
    if (zone == "regulator" && settings_.regulator) {
        if (regulator_) return {};
        auto config = *settings_.regulator;
        config.node = node_.chain().status().name;
        config.audit_directory = settings_.node.data_dir + "/audit";
        config.tls.files.trust = std::make_shared<NodeTrust>(node_.trust());
        CRN_TRY(server,
                zone::start_regulator(
                    config,
                    {{"node-status", [this](const Arguments&) -> Result<std::string> { return status_json(); }}},
                    node_.files(), node_.audit().trail()));
        const std::lock_guard lock(mutex_);
        regulator_ = std::move(server);
        return {};
    }
    return fail(error::ZoneRequestInvalid, "zone \"" + zone + "\" is none that can be opened and closed");
}

Status NodeZones::close(const std::string& zone) {
    const std::lock_guard changing(changes_);
    if (zone != "client" && (zone != "regulator" || !settings_.regulator))
        return fail(error::ZoneRequestInvalid, "zone \"" + zone + "\" is none that can be opened and closed");
    // Its end waits for its connections, up to seconds: not under the lock that the publisher of blocks takes.
    std::unique_ptr<rpc::Server> rpc;
    std::unique_ptr<zone::RegulatorServer> regulator;
    {
        const std::lock_guard lock(mutex_);
        if (zone == "client")
            rpc.swap(rpc_);
        else
            regulator.swap(regulator_);
    }
    return {};
}

Result<std::string> NodeZones::status_json() const {
    const auto status = node_.chain().status();
    const auto sealed = node_.audit().trail().sealed();
    json peers = json::array();
    for (const auto& peer : status.peers)
        peers.push_back({{"name", peer.name}, {"organisation", peer.organisation}, {"connected", peer.connected}});
    json zones = json::array();
    for (const auto& listener : listeners_of(settings_)) {
        bool is_open = true;
        const std::lock_guard lock(mutex_);
        if (listener.zone == "client") is_open = rpc_ != nullptr;
        if (listener.zone == "regulator") is_open = regulator_ != nullptr;
        zones.push_back(
            {{"zone", listener.zone}, {"address", listener.address}, {"port", listener.port}, {"open", is_open}});
    }
    return json{{"name", status.name},
                {"organisation", status.organisation},
                {"version", status.version},
                {"height", status.head.value},
                {"syncing", status.syncing},
                {"peers", peers},
                {"pool_transactions", status.pool_transactions},
                {"zones", zones},
                {"audit",
                 {{"sealed_event", sealed.sequence},
                  {"head", to_hex(sealed.hash)},
                  {"usable", node_.audit().trail().usable().has_value()}}}}
        .dump();
}

std::vector<zone::Command> NodeZones::commands() {
    using zone::Level;
    using zone::Person;
    using Roles = std::vector<crypto::ZoneRole>;
    const Roles system{crypto::ZoneRole::system_administrator}, security{crypto::ZoneRole::security_administrator},
        audit{crypto::ZoneRole::audit_administrator};
    const Roles all(std::begin(crypto::kAdministrators), std::end(crypto::kAdministrators));
    std::vector<zone::Command> out;
    out.push_back({"status", "what the node is doing", Level::read, all, {}, [this](const Person&, const Arguments&) {
                       return status_json();
                   }});
    out.push_back({"stop", "stops the node cleanly", Level::two, system, {}, [this](const Person&, const Arguments&) {
                       stop_wanted_ = true;
                       return Result<std::string>{done()};
                   }});
    out.push_back({"anchor",
                   "anchors the audit log on the chain now",
                   Level::act,
                   audit,
                   {},
                   [this](const Person&, const Arguments&) -> Result<std::string> {
                       CRN_TRY(sequence, node_.audit().anchor_now());
                       return done({{"event", sequence}});
                   }});
    out.push_back({"prune-audit",
                   "deletes audit records that are older than so many days",
                   Level::highest,
                   audit,
                   {"days"},
                   [this](const Person&, const Arguments& arguments) -> Result<std::string> {
                       CRN_TRY(days, number(arguments, "days"));
                       CRN_TRY(first, node_.audit().trail().prune(days));
                       return done({{"first_event", first}});
                   }});
    out.push_back({"set-log-level",
                   "debug, info, warning or error, until the next start",
                   Level::act,
                   system,
                   {"level"},
                   [](const Person&, const Arguments& arguments) -> Result<std::string> {
                       const auto level = argument(arguments, "level");
                       for (const auto& [name, value] :
                            {std::pair{"debug", LogLevel::debug}, std::pair{"info", LogLevel::info},
                             std::pair{"warning", LogLevel::warning}, std::pair{"error", LogLevel::error}})
                           if (level == name) {
                               set_log_level(value);
                               return done();
                           }
                       return fail(error::ZoneRequestInvalid, "level \"" + level + "\"");
                   }});
    out.push_back({"rotate-certificate",
                   "takes the certificates of the client, management and regulator listeners from their files again",
                   Level::act,
                   security,
                   {},
                   [this](const Person&, const Arguments&) -> Result<std::string> {
                       CRN_CHECK(management_->reload());
                       const std::lock_guard lock(changes_);
                       if (regulator_) CRN_CHECK(regulator_->reload());
                       if (rpc_) CRN_CHECK(rpc_->reload());
                       return done();
                   }});
    out.push_back({"backup",
                   "writes an encrypted backup to a new file on the node's machine; `cairn backup status` there tells "
                   "how far it is",
                   Level::two,
                   system,
                   {"file"},
                   [this](const Person& person, const Arguments& arguments) -> Result<std::string> {
                       CRN_CHECK(node_.backups().start(node::BackupJob::Task::create, argument(arguments, "file"),
                                                       "administrator " + person.name, "management"));
                       return done();
                   }});
    out.push_back({"retire-storage-key",
                   "destroys an old version of the storage keys, under which nothing is left",
                   Level::two,
                   security,
                   {"version"},
                   [this](const Person&, const Arguments& arguments) -> Result<std::string> {
                       CRN_TRY(version, number(arguments, "version"));
                       return node_.retire_storage_key(version);
                   }});
    out.push_back({"retire-backup-key",
                   "ends an old version of the backup key: no backup under it is opened, verified or restored here",
                   Level::two,
                   security,
                   {"version"},
                   [this](const Person&, const Arguments& arguments) -> Result<std::string> {
                       CRN_TRY(version, number(arguments, "version"));
                       return node_.retire_backup_key(version);
                   }});
    for (const bool opening : {true, false})
        out.push_back({opening ? "open-zone" : "close-zone",
                       opening ? "opens a listener that was closed: client or regulator"
                               : "closes a listener and its connections: client or regulator",
                       Level::highest,
                       security,
                       {"zone"},
                       [this, opening](const Person&, const Arguments& arguments) -> Result<std::string> {
                           const auto zone = argument(arguments, "zone");
                           CRN_CHECK(opening ? open(zone) : close(zone));
                           return done();
                       }});
    return out;
}

} // namespace cairn::cli
