// The commands that a running node takes on its control socket (control.hpp), and their answers in JSON:
//     storage-key status | rotate | rewrap | reencrypt MIB_PER_SECOND | try VERSION
//     backup create|verify PATH, backup status, backup-key status|rotate|try VERSION
//     audit-records CURSOR     records of the audit log from there on, in hex; everything queued is sealed first
//     audit-anchor             the end of the audit log goes on chain now, a new seal key first; the event's number
//     evidence-file NAME       a proof that is kept, in the clear
//     log-lines CURSOR         lines of the node's own log from there on
// Answer: {"result": {...}} or {"error": {"code": "CRN-STO-0022", "detail": "..."}}.
#pragma once

#include "node/audit_watch.hpp"
#include "node/backup_job.hpp"
#include "node/chain.hpp"
#include "node/data_at_rest.hpp"
#include "node/info_log.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace cairn::node {

struct ControlParts {
    const std::string& data_dir;
    DataAtRest& at_rest;
    AuditWatch& audit;
    BackupJob& backups;
    const InfoLog* log = nullptr; // null: the process keeps none
};
nlohmann::json to_json(const BackupReport& report);
std::string answer_control_command(const ControlParts& parts, const std::string& line);

/// Destroys a version of the storage keys; the proof of completion in JSON. Two administrators have asked for it
/// (zone/management.hpp), so it is not among the commands above.
Result<std::string> retire_storage_key(DataAtRest& at_rest, const Chain& chain, std::uint32_t version);
/// From now on no backup under a version is opened here; the versions in JSON. By two administrators too.
Result<std::string> retire_backup_key(DataAtRest& at_rest, std::uint32_t version);

} // namespace cairn::node
