#include "node/control_commands.hpp"

#include "audit/page.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

namespace cairn::node {
namespace {

using nlohmann::json;

json counts_of(const std::map<storage::KeyVersion, std::size_t>& counts, storage::KeyVersion version) {
    const auto found = counts.find(version);
    return found == counts.end() ? 0 : found->second;
}

json status_json(const KeyStatus& status) {
    json versions = json::array();
    for (const auto& info : status.versions)
        versions.push_back({{"version", info.version.value},
                            {"state", storage::name_of(info.state)},
                            {"check", to_hex_digits(info.check)},
                            {"files", counts_of(status.counts.made_under, info.version)},
                            {"wrapped", counts_of(status.counts.wrapped_by, info.version)}});
    const auto& run = status.reencryption;
    return {{"encrypted", status.encrypted},
            {"suite", storage::name_of(status.suite)},
            {"files", status.counts.files},
            {"versions", std::move(versions)},
            {"registry", to_hex(status.registry_hash)},
            {"reencryption",
             {{"running", run.running},
              {"files_done", run.files_done},
              {"files_left", run.files_left},
              {"bytes_done", run.bytes_done},
              {"failed", run.failed ? json(run.failed->text()) : json(nullptr)}}}};
}

constexpr std::size_t kPageBytesMax = 8u << 20; // of records: twice that in hex, and well below kControlAnswerMax

Result<json> audit_records(const ControlParts& parts, const std::string& cursor) {
    const auto from = audit::cursor_from(cursor);
    if (!from) return fail(error::AuditQueryInvalid, "cursor " + cursor);
    CRN_CHECK(parts.audit.trail().flush());
    CRN_TRY(page, audit::read_page(parts.at_rest.files(), parts.data_dir + "/audit", *from, audit::kPageRecordsMax,
                                   kPageBytesMax));
    json records = json::array(), places = json::array();
    for (const auto& record : page.records) records.push_back(to_hex_digits(record));
    for (const auto& place : page.places) places.push_back(place.text());
    return json{{"records", std::move(records)},
                {"places", std::move(places)},
                {"next", page.next.text()},
                {"more", page.more}};
}

Result<json> evidence_file(const ControlParts& parts, const std::string& name) {
    if (name.find('/') != std::string::npos || !name.ends_with(".json"))
        return fail(error::ControlUnknown, "evidence-file " + name);
    CRN_TRY(file, parts.at_rest.files().open(parts.data_dir + "/evidence/" + name));
    CRN_TRY(size, file->size());
    if (size > kPageBytesMax) return fail(error::StorageCorrupt, name + " is too long");
    std::string text(size, ' ');
    CRN_TRY(read, file->read_at(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}));
    text.resize(read);
    return json{{"text", text}};
}

Result<json> log_lines(const ControlParts& parts, const std::string& cursor) {
    const auto from = audit::cursor_from(cursor);
    if (!from || parts.log == nullptr) return fail(error::ControlUnknown, "log-lines " + cursor);
    CRN_TRY(page, parts.log->read({from->segment, from->offset}));
    return json{{"lines", page.lines},
                {"next", audit::Cursor{page.next.segment, page.next.offset}.text()},
                {"more", page.more}};
}

Result<json> backup(const ControlParts& parts, const std::string& verb, const std::string& path) {
    using Task = BackupJob::Task;
    if (verb == "create" || verb == "verify")
        CRN_CHECK(
            parts.backups.start(verb == "create" ? Task::create : Task::verify, path, "node's own user", "local"));
    else if (verb != "status")
        return fail(error::ControlUnknown, "backup " + verb);
    const auto state = parts.backups.state();
    return json{{"running", state.running},
                {"path", state.path},
                {"done", state.done},
                {"total", state.total},
                {"report", state.report ? to_json(*state.report) : json(nullptr)},
                {"failed", state.failed ? json{{"code", error_id(state.failed->code)}, {"detail", state.failed->detail}}
                                        : json(nullptr)}};
}

/// Whether the signer would still open something that this version wraps: tried with something that it did not wrap.
Result<json> try_key(storage::KeyVault* vault, storage::KeyPurpose purpose, std::uint32_t version) {
    if (vault == nullptr) return fail(error::EncryptionOffRefused, "this node runs without encryption");
    const auto opened = vault->unwrap(purpose, as_bytes("cairn-probe"), {{version}, Bytes(72)});
    const auto code = opened ? std::string_view{} : error_id(opened.error().code);
    return json{{"refused", !opened && opened.error().code != error::VaultKeyWrong},
                {"code", code},
                {"detail", opened ? std::string{} : opened.error().detail}};
}

Result<json> backup_key_versions(storage::KeyVault& vault) {
    CRN_TRY(infos, vault.versions(storage::KeyPurpose::backup));
    json versions = json::array();
    for (const auto& info : infos)
        versions.push_back({{"version", info.version.value},
                            {"state", storage::name_of(info.state)},
                            {"check", to_hex_digits(info.check)}});
    return json{{"versions", std::move(versions)}};
}

/// The key that wraps those of backups: its versions, or a new one.
Result<json> backup_key(storage::KeyVault* vault, const std::string& verb) {
    if (vault == nullptr) return fail(error::EncryptionOffRefused, "this node runs without encryption");
    if (verb == "rotate") {
        CRN_TRY(made, vault->make_version(storage::KeyPurpose::backup));
        (void)made;
    } else if (verb != "status")
        return fail(error::ControlUnknown, "backup-key " + verb);
    return backup_key_versions(*vault);
}

Result<json> run(const ControlParts& parts, const std::string& line) {
    auto& at_rest = parts.at_rest;
    std::istringstream in{line};
    std::string noun, verb, word;
    in >> noun >> verb >> word;
    if (noun == "audit-records") return audit_records(parts, verb);
    if (noun == "audit-anchor") {
        CRN_TRY(sequence, parts.audit.anchor_now());
        return json{{"sequence", sequence}};
    }
    if (noun == "log-lines") return log_lines(parts, verb);
    if (noun == "evidence-file") return evidence_file(parts, verb);
    // A path may hold spaces: it is the rest of the line.
    if (noun == "backup") return backup(parts, verb, line.size() > 14 ? line.substr(14) : std::string{});
    std::uint32_t number = 0;
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), number);
    const bool has_number = problem == std::errc{} && end == word.data() + word.size() && number != 0;
    if (noun == "storage-key" && verb == "try" && has_number)
        return try_key(at_rest.vault(), storage::KeyPurpose::storage, number);
    if (noun == "backup-key" && verb == "try" && has_number)
        return try_key(at_rest.vault(), storage::KeyPurpose::backup, number);
    if (noun == "backup-key") return backup_key(at_rest.vault(), verb);
    if (noun == "storage-key" && verb == "status") return status_json(at_rest.status());
    if (noun == "storage-key" && verb == "rotate") {
        CRN_TRY(version, at_rest.rotate());
        return json{{"version", version.value}};
    }
    if (noun == "storage-key" && verb == "rewrap") {
        CRN_CHECK(at_rest.rewrap());
        return status_json(at_rest.status());
    }
    if (noun == "storage-key" && verb == "reencrypt" && has_number) {
        CRN_CHECK(at_rest.reencrypt(std::uint64_t{number} << 20));
        return status_json(at_rest.status());
    }
    return fail(error::ControlUnknown, line);
}

} // namespace

json to_json(const BackupReport& report) {
    return {{"node", report.node},
            {"height", report.height.value},
            {"block", to_hex(report.block)},
            {"bytes", report.bytes},
            {"transactions", report.transactions},
            {"time_ms", report.time_ms},
            {"key_version", report.key_version.value}};
}

std::string answer_control_command(const ControlParts& parts, const std::string& line) {
    const auto result = run(parts, line);
    const auto answer =
        result ? json{{"result", *result}}
               : json{{"error", {{"code", error_id(result.error().code)}, {"detail", result.error().detail}}}};
    return answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<std::string> retire_storage_key(DataAtRest& at_rest, const Chain& chain, std::uint32_t version) {
    CRN_TRY(proof, at_rest.retire({version}));
    return json{{"title", "storage key destroyed"},
                {"node", chain.status().name},
                {"chain_id", chain.genesis().parameters.chain_id},
                {"height", chain.head().value},
                {"purpose", "storage"},
                {"version", proof.retired.value},
                {"check", to_hex_digits(proof.retired_check)},
                {"state", "destroyed"},
                {"current_version", proof.current.value},
                {"current_check", to_hex_digits(proof.current_check)},
                {"files", proof.files},
                {"files_under_version", proof.files_under_retired},
                {"registry", to_hex(proof.registry_hash)}}
        .dump();
}

Result<std::string> retire_backup_key(DataAtRest& at_rest, std::uint32_t version) {
    auto* const vault = at_rest.vault();
    if (vault == nullptr) return fail(error::EncryptionOffRefused, "this node runs without encryption");
    CRN_CHECK(vault->retire(storage::KeyPurpose::backup, {version}));
    CRN_TRY(versions, backup_key_versions(*vault));
    return versions.dump();
}

} // namespace cairn::node
