#include "node/session.hpp"

#include "base/log.hpp"

#include <filesystem>

namespace cairn::node {
namespace {

/// A node that has voted once may not start with an empty log as if it were new.
class StartMark {
public:
    StartMark(storage::FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
    bool exists() const { return std::filesystem::exists(path_); }
    Status set() const {
        CRN_TRY(file, files_.create(path_));
        CRN_CHECK(file->write_at(0, as_bytes("this validator has run; its write-ahead log must not be empty\n")));
        CRN_CHECK(file->sync());
        return files_.sync_directory(std::filesystem::path(path_).parent_path().string());
    }

private:
    storage::FileSystem& files_;
    std::string path_;
};

} // namespace

Result<consensus::Core> recover_core(const CoreParts& parts, const Session& session) {
    std::vector<Bytes> records;
    CRN_CHECK(parts.wal.replay({}, [&](storage::RecordPosition, BytesView record) {
        records.push_back(to_bytes(record));
        return true;
    }));
    const StartMark mark{parts.files, parts.data_dir + "/consensus/started"};
    // Without the mark no vote has left, whatever a crash during the first start may have written.
    auto memory = records.empty() ? consensus::Memory::lost : consensus::Memory::complete;
    if (!mark.exists() && parts.ordered.tip().value == 0) {
        memory = consensus::Memory::fresh;
        records.clear();
    }
    if (memory == consensus::Memory::lost)
        log(LogLevel::warning, "node",
            "the write-ahead log of votes is gone: abstaining until it is safe to vote again");

    const auto& parameters = parts.genesis.parameters;
    consensus::CoreConfig config{.chain_id = parameters.chain_id,
                                 .validators = session.set(),
                                 .self = session.self,
                                 .start = session.epoch->start,
                                 .timing = {},
                                 .limits = {}};
    config.timing.min_block_interval = std::chrono::milliseconds{parameters.min_block_interval_ms};
    config.limits.block_gas_max = parameters.block_gas_limit;
    consensus::Core core{config, parts.keys, parts.ordered};
    std::vector<BytesView> views{records.begin(), records.end()};
    CRN_CHECK(core.recover(views, memory));
    if (memory != consensus::Memory::complete) {
        // The log is never empty again once the mark is set, so an empty log beside a mark is a lost one.
        for (const auto& record : core.checkpoint()) {
            CRN_TRY(position, parts.wal.append(*record));
            (void)position;
        }
        CRN_CHECK(parts.wal.sync());
        CRN_CHECK(mark.set());
    }
    return core;
}

} // namespace cairn::node
