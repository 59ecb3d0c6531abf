#include "cli/config.hpp"

#include "audit/trail.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/rpc.hpp"
#include "cli/files.hpp"
#include "crypto/hash.hpp"
#include "node/alarm_push.hpp"
#include "zone/listeners.hpp"

#define TOML_HEADER_ONLY 0
#include <toml++/toml.h>

#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <set>

namespace cairn::cli {
namespace {

/// One table of several of the same name.
class TableReader {
public:
    using Problem = std::function<void(const toml::node& where, const std::string& key, const std::string& what)>;
    TableReader(const toml::table& table, Problem problem) : table_(table), problem_(std::move(problem)) {}

    void text(const char* key, std::string& out) {
        if (const auto* node = find(key)) {
            if (auto value = node->value_exact<std::string>())
                out = *std::move(value);
            else
                problem_(*node, key, "must be text in quotes");
        }
    }
    void number(const char* key, std::uint32_t& out) {
        if (const auto* node = find(key)) {
            const auto value = node->value_exact<std::int64_t>();
            if (value && *value >= 0 && *value <= UINT32_MAX)
                out = static_cast<std::uint32_t>(*value);
            else
                problem_(*node, key, "must be a whole number");
        }
    }
    /// A text that `from` understands.
    template <class T, class From>
    void word(const char* key, T& out, From from, const char* words) {
        const auto* node = find(key);
        if (node == nullptr) return;
        const auto given = node->value_exact<std::string>();
        if (const auto value = given ? from(*given) : std::nullopt)
            out = *value;
        else
            problem_(*node, key, std::string{"must be "} + words);
    }
    void finish() {
        for (const auto& [key, value] : table_)
            if (!known_.contains(std::string{key.str()})) problem_(value, std::string{key.str()}, "is not a known key");
    }

private:
    const toml::node* find(const char* key) {
        known_.insert(key);
        return table_.get(key);
    }
    const toml::table& table_;
    const Problem problem_;
    std::set<std::string> known_;
};

/// Reads values and remembers what was wrong and what was asked for.
class Reader {
public:
    Reader(const toml::table& root, std::string path)
        : root_(root), path_(std::move(path)), folder_(std::filesystem::path(absolute(path_)).parent_path()) {}

    template <class T>
    std::optional<T> get(const char* section, const char* key, const char* kind) {
        known_[section].insert(key);
        const auto node = root_[section][key];
        if (!node) return std::nullopt;
        const auto value = node.value_exact<T>();
        if (!value) problem(node.node()->source(), section, key, std::string{"must be "} + kind);
        return value;
    }
    void text(const char* section, const char* key, std::string& out) {
        if (auto value = get<std::string>(section, key, "text in quotes")) out = *std::move(value);
    }
    void file(const char* section, const char* key, std::string& out, bool required) {
        if (auto value = get<std::string>(section, key, "a path in quotes"); value && !value->empty())
            out = (folder_ / *value).lexically_normal().string();
        else if (required)
            missing(section, key);
    }
    void files(const char* section, const char* key, std::vector<std::string>& out, std::size_t limit) {
        list(section, key, out);
        if (out.size() > limit)
            problem(root_[section][key].node()->source(), section, key,
                    "names more than " + std::to_string(limit) + " files");
        for (auto& one : out) one = (folder_ / one).lexically_normal().string();
    }
    void address(const char* section, const char* key, std::string& host, std::uint16_t& port, bool required) {
        const auto value = get<std::string>(section, key, "\"HOST:PORT\"");
        if (!value) {
            if (required) missing(section, key);
            return;
        }
        const auto parsed = parse_host_port(*value);
        if (!parsed) return problem(root_[section][key].node()->source(), section, key, "must be \"HOST:PORT\"");
        host = parsed->host;
        port = parsed->port;
    }
    template <class T>
    void number(const char* section, const char* key, T& out, std::int64_t low, std::int64_t high) {
        const auto value = get<std::int64_t>(section, key, "a whole number");
        if (!value) return;
        if (*value < low || *value > high)
            return problem(root_[section][key].node()->source(), section, key,
                           "must be from " + std::to_string(low) + " to " + std::to_string(high));
        out = static_cast<T>(*value);
    }
    void truth(const char* section, const char* key, bool& out) {
        if (const auto value = get<bool>(section, key, "true or false")) out = *value;
    }
    void list(const char* section, const char* key, std::vector<std::string>& out) {
        known_[section].insert(key);
        const auto node = root_[section][key];
        if (!node) return;
        const auto* array = node.as_array();
        if (!array) return problem(node.node()->source(), section, key, "must be a list of texts");
        out.clear();
        for (const auto& item : *array) {
            if (const auto value = item.value_exact<std::string>())
                out.push_back(*value);
            else
                problem(item.source(), section, key, "must be a list of texts");
        }
    }
    /// `read` gets each [[section.key]] and sees what it knows; what is left in one is a problem.
    void tables(const char* section, const char* key, const std::function<void(TableReader&)>& read) {
        known_[section].insert(key);
        const auto node = root_[section][key];
        if (!node) return;
        const auto* array = node.as_array();
        const std::string name = std::string{section} + "." + key;
        if (!array || !array->is_homogeneous(toml::node_type::table))
            return problem(node.node()->source(), section, key, "must be [[" + name + "]]");
        for (const auto& item : *array) {
            TableReader table{*item.as_table(),
                              [&](const toml::node& where, const std::string& of, const std::string& what) {
                                  problem(where.source(), name, of, what);
                              }};
            read(table);
            table.finish();
        }
    }
    void problem(const toml::source_region& where, const std::string& section, const std::string& key,
                 const std::string& what) {
        problems_ += "\n" + path_ + ":" + std::to_string(where.begin.line) + ": " + section +
                     (key.empty() ? "" : "." + key) + " " + what;
    }
    void missing(const char* section, const char* key) {
        problems_ += "\n" + path_ + ": " + section + "." + key + " is missing";
    }
    /// CliConfigInvalid with everything that was wrong, unknown keys included.
    Status finish() {
        for (const auto& [section_key, section] : root_) {
            const std::string name{section_key.str()};
            const auto known = known_.find(name);
            if (known == known_.end() || !section.is_table()) {
                problem(section_key.source(), name, "", "is not a known section");
                continue;
            }
            for (const auto& [key, value] : *section.as_table())
                if (!known->second.contains(std::string{key.str()}))
                    problem(key.source(), name, std::string{key.str()}, "is not a known key");
        }
        if (problems_.empty()) return {};
        return fail(error::CliConfigInvalid, problems_.substr(1));
    }

private:
    const toml::table& root_;
    std::string path_;
    std::filesystem::path folder_;
    std::string problems_;
    std::map<std::string, std::set<std::string>> known_;
};

constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
    {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}};

constexpr std::pair<std::string_view, storage::CipherSuite> kCiphers[] = {
    {"aes-256-gcm", storage::CipherSuite::aes_256_gcm}, {"sm4-gcm", storage::CipherSuite::sm4_gcm}};

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
            out += escaped;
            continue;
        }
        out += c;
    }
    return out + "\"";
}

std::string toml_list(const std::vector<std::string>& items) {
    std::string out = "[";
    for (const auto& item : items) out += (out.size() == 1 ? "" : ", ") + toml_text(item);
    return out + "]";
}

std::string host_port(const std::string& host, std::uint16_t port) {
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
}

/// What the two zones with certificates have in common. False if the section is not there.
bool read_zone(Reader& read, const toml::table& root, const char* section, crypto::ZoneRole role,
               zone::TlsServerConfig& tls, std::vector<std::string>& origins) {
    if (!root.contains(section)) return false;
    tls.files.zone = section;
    tls.files.role = role;
    read.address(section, "listen", tls.address, tls.port, true);
    read.file(section, "certificate", tls.files.certificate, true);
    read.file(section, "key", tls.files.key, true);
    read.file(section, "client_ca", tls.files.authorities, true);
    read.list(section, "origins", origins);
    return true;
}

std::string zone_toml(const char* section, const zone::TlsServerConfig& tls, const std::vector<std::string>& origins) {
    return std::string{"\n["} + section + "]\nlisten = " + toml_text(host_port(tls.address, tls.port)) +
           "\ncertificate = " + toml_text(tls.files.certificate) + "\nkey = " + toml_text(tls.files.key) +
           "\nclient_ca = " + toml_text(tls.files.authorities) + "\norigins = " + toml_list(origins) +
           "\nidle_seconds = " + std::to_string(tls.idle_seconds) + "\n";
}

} // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    auto host = text.substr(0, colon);
    const auto digits = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos)
        return std::nullopt;
    HostPort out{std::string{host}, 0};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || host.empty()) return std::nullopt;
    return out;
}

std::string client_url(const rpc::ServerConfig& config) {
    const auto host = config.address == "0.0.0.0" ? "127.0.0.1" : config.address == "::" ? "::1" : config.address;
    return (config.tls ? "https://" : "http://") + host_port(host, config.port);
}

Result<NodeSettings> parse_node_config(std::string_view text, const std::string& path) {
    toml::table root;
    try {
        root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        return fail(error::CliConfigInvalid,
                    path + ":" + std::to_string(error.source().begin.line) + ": " + std::string{error.description()});
    }
    NodeSettings out;
    Reader read(root, path);
    read.file("node", "data_dir", out.node.data_dir, true);
    read.file("node", "genesis", out.node.genesis_file, true);
    read.file("node", "keys", out.node.keys_file, true);
    std::int64_t reserve_mib = static_cast<std::int64_t>(out.node.disk_reserve_bytes >> 20);
    read.number("node", "disk_reserve_mib", reserve_mib, 1, 1 << 20);
    out.node.disk_reserve_bytes = static_cast<std::uint64_t>(reserve_mib) << 20;

    std::string encryption = "on";
    read.text("storage", "encryption", encryption);
    if (encryption != "on" && encryption != "off-for-measuring")
        read.problem(root["storage"]["encryption"].node()->source(), "storage", "encryption",
                     "must be \"on\" or, to measure its cost in a development network, \"off-for-measuring\"");
    out.node.encryption_off_for_measuring = encryption == "off-for-measuring";
    std::string cipher;
    read.text("storage", "cipher", cipher);
    if (root["storage"]["cipher"]) {
        for (const auto& [name, suite] : kCiphers)
            if (cipher == name) out.node.storage_cipher = suite;
        if (!out.node.storage_cipher)
            read.problem(root["storage"]["cipher"].node()->source(), "storage", "cipher",
                         "must be \"aes-256-gcm\" or \"sm4-gcm\"");
    }

    read.address("network", "listen", out.node.listen_address, out.node.listen_port, true);
    read.file("network", "tls_certificate", out.node.tls_certificate_file, true);
    read.file("signer", "passphrase_file", out.node.passphrase_file, false);
    read.files("signer", "voting_keys", out.node.voting_keys_files, 4);
    read.truth("node", "join", out.node.join);
    read.file("network", "extra_trust", out.node.extra_trust_file, false);

    read.address("rpc", "listen", out.rpc.address, out.rpc.port, false);
    std::int64_t websocket = -1;
    read.number("rpc", "websocket_port", websocket, 0, 65'535);
    if (websocket >= 0) out.rpc.websocket_port = static_cast<std::uint16_t>(websocket);
    read.file("rpc", "token_file", out.rpc.token_file, false);
    zone::ListenerFilesConfig tls{.zone = "rpc", .role = crypto::ZoneRole::client};
    const bool any = root["rpc"]["certificate"] || root["rpc"]["key"] || root["rpc"]["ca"];
    read.file("rpc", "certificate", tls.certificate, any);
    read.file("rpc", "key", tls.key, any);
    read.file("rpc", "ca", tls.authorities, any);
    if (any) out.rpc.tls = std::move(tls);
    read.list("rpc", "cors_origins", out.rpc.cors_origins);
    read.list("rpc", "host_names", out.rpc.host_names);
    read.truth("rpc", "traces", out.rpc.rpc.traces);

    zone::ManagementConfig management;
    if (read_zone(read, root, "management", crypto::ZoneRole::management, management.tls, management.origins)) {
        read.number("management", "idle_seconds", management.tls.idle_seconds, 1, 60);
        read.number("management", "attempts", management.attempts, 1, 100);
        read.number("management", "lock_minutes", management.lock_minutes, 1, 1'440);
        out.management = std::move(management);
    }
    zone::RegulatorConfig regulator;
    if (read_zone(read, root, "regulator", crypto::ZoneRole::regulation, regulator.tls, regulator.origins)) {
        read.number("regulator", "idle_seconds", regulator.tls.idle_seconds, 1, 60);
        out.regulator = std::move(regulator);
    }
    read.number("audit", "retention_days", out.node.audit_retention_days, 1, 36'500);
    read.number("audit", "anchor_seconds", out.node.audit_anchor_seconds, 0, 86'400);
    read.file("audit", "anchor_account", out.node.audit_anchor_account_file, false);
    read.text("audit", "alarms", out.node.audit_alarms);
    read.file("audit", "alarms_ca", out.node.audit_alarms_ca_file, false);
    read.tables("audit", "rule", [&](TableReader& table) {
        audit::OwnRule rule;
        table.text("name", rule.name);
        table.text("action", rule.action);
        table.text("object", rule.object);
        table.word("result", rule.outcome, audit::outcome_from, "accepted, refused or failed");
        table.number("count", rule.count);
        table.number("seconds", rule.seconds);
        table.word("severity", rule.severity, audit::severity_from, "alert, critical, error, warning or notice");
        out.node.audit_alarm_rules.push_back(std::move(rule));
    });

    std::string level = "info";
    read.text("log", "level", level);
    const auto* found = std::ranges::find(kLevels, level, &std::pair<std::string_view, LogLevel>::first);
    if (found == std::end(kLevels))
        read.problem(root["log"]["level"].node()->source(), "log", "level", "must be debug, info, warning or error");
    else
        out.log_level = found->second;
    CRN_CHECK(read.finish());
    if (out.node.audit_retention_days < audit::kRetentionDaysMin)
        return fail(error::AuditRetention,
                    path + ": audit.retention_days = " + std::to_string(out.node.audit_retention_days));
    if (!out.rpc.tls && !zone::is_loopback(out.rpc.address))
        return fail(error::RpcPlainText, path + ": rpc.listen = " + out.rpc.address);
    if (const auto sink =
            node::check_alarm_sink({out.node.audit_alarms, out.node.audit_alarms_ca_file, out.node.audit_alarm_rules});
        !sink)
        return fail(sink.error().code,
                    path + (sink.error().code == error::AlarmRuleInvalid ? ": audit.rule: " : ": audit.alarms: ") +
                        sink.error().detail);
    out.node.settings_digest = "sha256 " + to_hex(crypto::sha256(as_bytes(text)));
    out.node.rpc_address = out.rpc.address;
    out.node.rpc_port = out.rpc.port;
    out.node.rpc_token_file = out.rpc.token_file;
    out.node.rpc_cors_origins = out.rpc.cors_origins;
    return out;
}

Result<NodeSettings> read_node_config(const std::string& path) {
    CRN_TRY(text, read_file(path, 1 << 20));
    return parse_node_config(text, path);
}

std::string to_toml(const NodeSettings& settings) {
    const auto& node = settings.node;
    const auto& rpc = settings.rpc;
    std::string out =
        "# Configuration of one validator; docs/reference/configuration.md explains every key.\n\n[node]\n";
    out += "data_dir = " + toml_text(node.data_dir) + "\n";
    out += "genesis = " + toml_text(node.genesis_file) + "\n";
    out += "keys = " + toml_text(node.keys_file) + "\n";
    if (node.join) out += "join = true\n";
    out += "disk_reserve_mib = " + std::to_string(node.disk_reserve_bytes >> 20) + "\n";
    if (node.storage_cipher || node.encryption_off_for_measuring) {
        out += "\n[storage]\n";
        for (const auto& [name, suite] : kCiphers)
            if (node.storage_cipher == suite) out += "cipher = " + toml_text(name) + "\n";
        if (node.encryption_off_for_measuring) out += "encryption = \"off-for-measuring\"\n";
    }
    out += "\n[network]\n";
    out += "listen = " + toml_text(host_port(node.listen_address, node.listen_port)) + "\n";
    out += "tls_certificate = " + toml_text(node.tls_certificate_file) + "\n";
    if (!node.extra_trust_file.empty()) out += "extra_trust = " + toml_text(node.extra_trust_file) + "\n";
    if (!node.passphrase_file.empty() || !node.voting_keys_files.empty()) out += "\n[signer]\n";
    if (!node.passphrase_file.empty()) out += "passphrase_file = " + toml_text(node.passphrase_file) + "\n";
    if (!node.voting_keys_files.empty()) out += "voting_keys = " + toml_list(node.voting_keys_files) + "\n";
    out += "\n[rpc]\n";
    out += "listen = " + toml_text(host_port(rpc.address, rpc.port)) + "\n";
    if (rpc.websocket_port) out += "websocket_port = " + std::to_string(*rpc.websocket_port) + "\n";
    if (!rpc.token_file.empty()) out += "token_file = " + toml_text(rpc.token_file) + "\n";
    if (rpc.tls)
        out += "certificate = " + toml_text(rpc.tls->certificate) + "\nkey = " + toml_text(rpc.tls->key) +
               "\nca = " + toml_text(rpc.tls->authorities) + "\n";
    out += "cors_origins = " + toml_list(rpc.cors_origins) + "\n";
    out += "host_names = " + toml_list(rpc.host_names) + "\n";
    if (rpc.rpc.traces) out += "traces = true\n";
    if (settings.management) {
        const auto& management = *settings.management;
        out += zone_toml("management", management.tls, management.origins);
        out += "attempts = " + std::to_string(management.attempts) + "\n";
        out += "lock_minutes = " + std::to_string(management.lock_minutes) + "\n";
    }
    if (settings.regulator) out += zone_toml("regulator", settings.regulator->tls, settings.regulator->origins);
    out += "\n[audit]\n";
    out += "retention_days = " + std::to_string(node.audit_retention_days) + "\n";
    out += "anchor_seconds = " + std::to_string(node.audit_anchor_seconds) + "\n";
    if (!node.audit_anchor_account_file.empty())
        out += "anchor_account = " + toml_text(node.audit_anchor_account_file) + "\n";
    if (!node.audit_alarms.empty()) out += "alarms = " + toml_text(node.audit_alarms) + "\n";
    if (!node.audit_alarms_ca_file.empty()) out += "alarms_ca = " + toml_text(node.audit_alarms_ca_file) + "\n";
    for (const auto& rule : node.audit_alarm_rules) {
        out += "\n[[audit.rule]]\nname = " + toml_text(rule.name) + "\n";
        if (!rule.action.empty()) out += "action = " + toml_text(rule.action) + "\n";
        if (!rule.object.empty()) out += "object = " + toml_text(rule.object) + "\n";
        if (rule.outcome) out += "result = " + toml_text(audit::name_of(*rule.outcome)) + "\n";
        out += "count = " + std::to_string(rule.count) + "\nseconds = " + std::to_string(rule.seconds) +
               "\nseverity = " + toml_text(audit::name_of(rule.severity)) + "\n";
    }
    out += "\n[log]\n";
    for (const auto& [name, level] : kLevels)
        if (level == settings.log_level) out += "level = " + toml_text(name) + "\n";
    return out;
}

} // namespace cairn::cli
