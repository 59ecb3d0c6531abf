// A running validator: wires storage, state, execution, consensus, pool and network together.
#pragma once

#include "audit/own_rules.hpp"
#include "base/result.hpp"
#include "node/chain.hpp"
#include "storage/file.hpp"
#include "storage/file_cipher.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cairn::node {

class AuditWatch;
class BackupJob;

/// All paths absolute or relative to the working directory. Private keys and the root of the storage keys stay sealed in their
/// file: only the signer opens it.
struct NodeConfig {
    std::string data_dir;
    std::string genesis_file;
    std::string keys_file; // sealed private keys (signer/sealed_keys.hpp), opened by the signer alone
    /// Sealed keys of which only the voting key counts, in epochs whose set has it: made before a voting key is replaced.
    std::vector<std::string> voting_keys_files;
    bool join = false;                // follow until the chain has made this node a validator
    std::string passphrase_file;      // of all sealed keys; empty: systemd credential or terminal
    std::string tls_certificate_file; // PEM: node certificate, then its CA
    std::string extra_trust_file;     // PEM: CAs that this operator trusts beside those on chain; empty: none
    std::string listen_address = "127.0.0.1";
    std::uint16_t listen_port = 0;
    std::string rpc_address = "127.0.0.1"; // served by the caller with rpc::start_server
    std::uint16_t rpc_port = 8545;
    std::string rpc_token_file; // required when rpc_address is not loopback
    std::vector<std::string> rpc_cors_origins;
    std::optional<storage::CipherSuite> storage_cipher; // of new files; nothing: as the chain's suite in genesis says
    bool encryption_off_for_measuring = false;          // refused unless all validators are on this machine
    std::uint32_t audit_retention_days = 366;           // see AuditSettings
    std::uint32_t audit_anchor_seconds = 600;
    std::string audit_anchor_account_file; // of the account that pays for anchors; empty: none, gas is free
    std::string audit_alarms;              // where alarms go: see AlarmSink; empty: nowhere
    std::string audit_alarms_ca_file;      // who vouches for a collector with TLS
    std::vector<audit::OwnRule> audit_alarm_rules;
    bool keeps_log = false;      // the process's log lines go to data_dir/log; for one node per process
    std::string settings_digest; // of the file that all this comes from, for the audit log
    std::uint64_t disk_reserve_bytes = 64u << 20; // the node stops before the disk is fuller than this
};

/// Owns its threads; the destructor stops them in order and leaves the data directory clean.
class ChainTrust;

class Node {
public:
    /// Opens the data directory, recovers, joins the network. Errors name the file or port concerned.
    static Result<std::unique_ptr<Node>> start(const NodeConfig& config);
    virtual ~Node() = default;

    virtual Chain& chain() = 0;
    /// The node's audit log.
    virtual AuditWatch& audit() = 0;
    /// Through which its data is read.
    virtual storage::FileSystem& files() = 0;
    virtual BackupJob& backups() = 0;
    /// Whose certificates count.
    virtual const ChainTrust& trust() const = 0;
    /// As in control_commands.hpp.
    virtual Result<std::string> retire_storage_key(std::uint32_t version) = 0;
    virtual Result<std::string> retire_backup_key(std::uint32_t version) = 0;
    /// `changed` is called from another thread when a block that changed the trust is final; null for nobody. Returns when no
    /// call of the former one is under way.
    virtual void on_trust_changed(std::function<void()> changed) = 0;
    /// Set once the node had to stop by itself (disk failure, diverged result, ...); the process should end with it.
    virtual std::optional<Error> fatal() const = 0;
};

} // namespace cairn::node
