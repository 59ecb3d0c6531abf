// What changes with the epoch: who votes, which of them this node is, and the core that serves it.
#pragma once

#include "ledger/genesis.hpp"
#include "node/epochs.hpp"
#include "node/voting_keys.hpp"
#include "storage/file.hpp"
#include "storage/log.hpp"

#include <memory>

namespace cairn::node {

struct Session {
    std::shared_ptr<const EpochRecord> epoch;
    ValidatorIndex self; // as many as there are validators: none of them, only following
    const ledger::ValidatorSet& set() const { return epoch->validators; }
    bool is_member() const { return self.value < set().size(); }
};

/// References must outlive what is made with them.
struct CoreParts {
    const ledger::Genesis& genesis;
    const std::string& data_dir;
    storage::FileSystem& files;
    storage::RecordLog& wal;
    const consensus::History& ordered;
    const VotingKeys& keys;
};

/// The core of the session's epoch, recovered from the log of votes, the same for all epochs. LogInvalid, StorageCorrupt and other
/// errors of the log. One thread at a time.
Result<consensus::Core> recover_core(const CoreParts& parts, const Session& session);

} // namespace cairn::node
