// Backups of a node: the finalized blocks up to one height, with the certificates that prove them. State is executed again from them,
// so a backup proves itself: against genesis nothing in it has to be believed.
//
// What is not in it, and why:
//     the signer's memory  an older one would let the validator sign against what it has signed since; the signer refuses it anyway
//     votes (consensus/)   the restored node abstains until it is safe, as after any loss of its log of votes
//     the audit log        evidence of what happened; its copies are made by `cairn audit collect` and `export`
//     private keys         they are in officers' shares (signer/recovery_shares.hpp)
#pragma once

#include "node/backup_file.hpp"
#include "node/data_at_rest.hpp"
#include "node/epochs.hpp"
#include "node/ordered_store.hpp"
#include "signer/client.hpp"

#include <functional>
#include <string>

namespace cairn::node {

struct BackupReport {
    std::string node; // that made it
    Height height;
    Hash256 block;
    std::uint64_t bytes = 0;
    std::uint64_t transactions = 0;
    std::uint64_t time_ms = 0;
    storage::KeyVersion key_version;
};

/// Called now and then; false gives up (NodeStopping).
using BackupProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// From stores that may be in use. BackupEmpty, BackupInTheWay, storage errors, errors of the vault.
Result<BackupReport> create_backup(const std::string& path, const std::string& node, const ledger::Genesis& genesis,
                                   const OrderedStore& ordered, const BlockStore& blocks, const Epochs& epochs,
                                   storage::KeyVault& vault, storage::CipherSuite suite, std::uint64_t time_ms,
                                   const BackupProgress& progress);

/// Reads it whole and checks that the blocks follow one another from genesis on, that a quorum finalized them, and that a quorum
/// certified the result. Whether the blocks give this result, restoring shows. Errors of BackupReader, BackupUnproven.
Result<BackupReport> verify_backup(const std::string& path, const ledger::Genesis& genesis, storage::KeyVault& vault,
                                   const BackupProgress& progress);

enum class Behind : std::uint8_t { refuse, accept };

/// Makes the data directory of a node that does not run: checks as verify_backup, executes every block, compares with the certified result,
/// and only then puts the directory in its place. Nothing is changed if it fails, or if it is killed. BackupInTheWay if the directory has
/// data; BackupOlder with Behind::refuse; BackupUnproven; errors of storage.
Result<BackupReport> restore_backup(const std::string& path, const NodeConfig& config, const ledger::Genesis& genesis,
                                    const std::shared_ptr<signer::Client>& signer, Behind behind,
                                    const BackupProgress& progress);

/// In a data directory that is known to be behind what its validator has signed: the height up to which that is so.
Status note_behind(storage::FileSystem& files, const std::string& data_dir, std::uint64_t signed_height);
/// DataRolledBack if the blocks are not those whose results the signer signed, unless note_behind says that they may be.
Status check_not_rolled_back(storage::FileSystem& files, const std::string& data_dir, const BlockStore& blocks,
                             const signer::LastExecution& last);

} // namespace cairn::node
