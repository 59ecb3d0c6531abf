#include "cli/node_data.hpp"

#include "audit/page.hpp"
#include "audit/record.hpp"
#include "audit/segments.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/node.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "node/control.hpp"
#include "node/info_log.hpp"
#include "node/own_signer.hpp"
#include "storage/segment_log.hpp"

#include <filesystem>
#include <thread>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kStart = "0:0";

Result<bool> is_encrypted(const std::string& directory) {
    auto& disk = storage::posix_file_system();
    CRN_TRY(segments, audit::list_segments(disk, directory));
    for (const auto& segment : segments) {
        CRN_TRY(file, disk.open(segment.path));
        Bytes head(storage::kCipherHeaderBytes);
        CRN_TRY(read, file->read_at(0, head));
        head.resize(read);
        if (storage::has_cipher_magic(head)) return true;
    }
    return false;
}

/// Page by page as the node hands them out, with the places where they stand on its disk.
Status read_of_running(const std::string& directory, const audit::SourceVisitor& visitor) {
    const auto data_dir = std::filesystem::path(directory).parent_path().string();
    const auto malformed = [](const char* what) {
        return fail(error::AuditRecordInvalid, std::string{"the node sent "} + what);
    };
    std::string cursor{kStart};
    for (bool more = true; more;) {
        CRN_TRY(page, ask_control(data_dir, "audit-records " + cursor));
        const auto records = page.value("records", json::array()), places = page.value("places", json::array());
        if (!records.is_array() || !places.is_array() || records.size() != places.size())
            return malformed("no page of records");
        for (std::size_t i = 0; i < records.size(); ++i) {
            const auto record = records[i].is_string() ? from_hex("0x" + records[i].get<std::string>()) : std::nullopt;
            const auto place = places[i].is_string() ? audit::cursor_from(places[i].get<std::string>()) : std::nullopt;
            if (!record || record->size() > audit::kRecordBytesMax || !place) return malformed("no record");
            if (!visitor.on_record({audit::segment_path(directory, place->segment), place->offset}, *record)) return {};
        }
        more = page.value("more", json(false)) == true && !records.empty();
        if (more) cursor = text_of(page, "next");
    }
    return {};
}

} // namespace

Result<std::string> node_config_of(const Invocation& invocation, std::optional<std::string> name) {
    if (const auto config = invocation.flag("config")) return absolute(*config);
    CRN_TRY(state, read_dev_state(dev_dir(invocation)));
    if (!name) name = invocation.flag("node");
    for (const auto& node : state.nodes)
        if (!name || node.name == *name) return node.config;
    return fail(error::CliNotFound, "no node " + name.value_or("") + " in " + state.directory);
}

FlagSpec node_config_flag() {
    return {.name = "config",
            .value = "FILE",
            .help = "the node's configuration (default: the development network's)",
            .completes = Completes::file};
}

std::optional<Error> control_error(const json& error) {
    if (!error.is_object()) return std::nullopt;
    const auto id = text_of(error, "code");
    std::size_t count = 0;
    const auto* table = error_table(count);
    for (std::size_t i = 0; i < count; ++i)
        if (table[i].id == id) return Error{table[i].code, text_of(error, "detail")};
    return std::nullopt;
}

Result<json> ask_control(const std::string& data_dir, const std::string& line) {
    CRN_TRY(text, node::ask_node(data_dir, line));
    const auto answer = json::parse(text, nullptr, false);
    if (answer.is_object() && answer.contains("result") && answer["result"].is_object()) return answer["result"];
    if (answer.is_object() && answer.contains("error"))
        if (auto refused = control_error(answer["error"])) return std::unexpected(*std::move(refused));
    return fail(error::NodeUnreachable, data_dir + " (the answer is not of its form)");
}

Result<StoppedNode> open_stopped(const node::NodeConfig& config) {
    StoppedNode out;
    CRN_TRY(text, read_file(config.genesis_file));
    CRN_TRY(genesis, ledger::genesis_from_json(text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    out.genesis = std::move(genesis);
    CRN_TRY(signer, node::start_own_signer(config, out.genesis.parameters.chain_id));
    out.signer = std::move(signer);
    CRN_TRY(at_rest, node::DataAtRest::open(config, out.genesis, out.signer));
    out.at_rest = std::move(at_rest);
    return out;
}

Result<audit::Reader> audit_reader(const Invocation& invocation, const std::string& given) {
    std::error_code ignored;
    const auto path = std::filesystem::path(absolute(given)).lexically_normal().string();
    auto directory = path;
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    auto& disk = storage::posix_file_system();
    if (!std::filesystem::is_directory(directory, ignored))
        return [&disk, given](const audit::SourceVisitor& visitor) { return audit::read_log(disk, given, visitor); };
    CRN_TRY(encrypted, is_encrypted(directory));
    if (!encrypted)
        return [&disk, given](const audit::SourceVisitor& visitor) { return audit::read_log(disk, given, visitor); };
    const auto runs =
        ask_control(std::filesystem::path(directory).parent_path().string(), "audit-records " + std::string{kStart});
    if (runs || runs.error().code != error::NodeUnreachable)
        return [directory](const audit::SourceVisitor& visitor) { return read_of_running(directory, visitor); };
    const auto config = invocation.flag("config");
    if (!config) return fail(error::AuditEncrypted, given);
    CRN_TRY(settings, read_node_config(absolute(*config)));
    CRN_TRY(opened, open_stopped(settings.node));
    // Copies of a reader share what they read from.
    return [node = std::make_shared<StoppedNode>(std::move(opened)), directory](const audit::SourceVisitor& visitor) {
        return audit::read_log(node->at_rest->files(), directory, visitor);
    };
}

Status read_node_log(const node::NodeConfig& config, const std::function<bool(const std::string& line)>& visit,
                     const std::function<bool()>& follow) {
    std::string cursor{kStart};
    bool seen = false;
    while (true) {
        auto page = ask_control(config.data_dir, "log-lines " + cursor);
        if (!page) {
            if (page.error().code != error::NodeUnreachable || seen) return std::unexpected(std::move(page).error());
            break;
        }
        seen = true;
        for (const auto& line : page->value("lines", json::array()))
            if (line.is_string() && !visit(line.get<std::string>())) return {};
        cursor = text_of(*page, "next");
        if (page->value("more", json(false)) == true) continue;
        if (!follow()) return {};
        std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
    CRN_TRY(stopped, open_stopped(config));
    CRN_TRY(log,
            storage::open_segment_log_on(stopped.at_rest->files(), config.data_dir + "/log", node::info_log_options()));
    storage::RecordPosition from;
    for (bool more = true; more;) {
        CRN_TRY(page, node::read_info_log(*log, from));
        for (const auto& line : page.lines)
            if (!visit(line)) return {};
        from = page.next;
        more = page.more;
    }
    return {};
}

} // namespace cairn::cli
