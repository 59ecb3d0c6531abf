#include "node/backup.hpp"

#include "base/errors/node.hpp"
#include "codec/wire.hpp"
#include "crypto/hash.hpp"
#include "node/block_runner.hpp"
#include "node/own_signer.hpp"
#include "storage/segment_log.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>
#include <filesystem>

namespace cairn::node {
namespace {

namespace fs = std::filesystem;

constexpr std::uint8_t kBlock = 1;
constexpr std::uint8_t kEnd = 2;
constexpr std::uint8_t kValidators = 3; // the set that the block before names
constexpr std::uint64_t kBlocksPerReport = 64;
constexpr std::size_t kOrderedRecordBytesMax = 64u << 20;
constexpr std::size_t kCachedTransactionsMax = 1u << 16;
constexpr std::size_t kCachedBytesMax = 64u << 20;
constexpr const char* kWitness = "signer.witness";
constexpr const char* kBehind = "behind";

/// Of block 0, which the first block's parent is.
Result<Hash256> genesis_block_hash(const ledger::Genesis& genesis) {
    const auto store = storage::make_memory_store();
    CRN_TRY(state, state::open_state(*store, {.history_blocks = genesis.parameters.history_blocks}));
    CRN_TRY(accounts, system::genesis_accounts(genesis));
    CRN_TRY(root, state->initialise(accounts));
    return ledger::hash_of(ledger::genesis_header(genesis, root));
}

std::unexpected<Error> gave_up() { return fail(error::NodeStopping, "the backup was given up"); }

/// Checks that each block follows the one before, from genesis on; that the validators of each epoch finalized the block that names those of
/// the next; and that the last one is final and its result certified.
class ChainCheck {
public:
    explicit ChainCheck(const ledger::Genesis& genesis, const Hash256& genesis_hash)
        : chain_id_(genesis.parameters.chain_id),
          set_(genesis.validators),
          digest_(genesis_hash),
          tips_(genesis.validators.size()) {}

    Status block(const consensus::FinalizedBlock& block) {
        const auto wrong = [&](const char* what) {
            return fail(error::BackupUnproven, "block " + std::to_string(block.block.height.value) + ": " + what);
        };
        if (next_) return wrong("the validators that the one before names are missing");
        if (block.block.height != height_.next()) return wrong("it does not follow the one before");
        if (block.block.parent != digest_ || block.block.epoch != set_.epoch ||
            block.block.cut.size() != tips_.size() || block.block.leader.value >= tips_.size())
            return wrong("it does not follow the one before");
        for (const auto& batch : block.batches) {
            if (batch.header.lane.value >= tips_.size()) return wrong("a batch of no validator");
            auto& tip = tips_[batch.header.lane.value];
            if (batch.header.position != tip.position.next() || batch.header.parent != tip.digest)
                return wrong("a batch does not follow the one before in its lane");
            tip = {batch.header.position, ledger::digest_of(batch.header)};
        }
        if (tips_ != block.block.cut) return wrong("its batches are not those that it orders");
        if (block.certificate.statement.digest != block.digest) return wrong("its certificate is of another block");
        if (block.certificate.statement.kind != ledger::VoteKind::finalize &&
            block.certificate.statement.kind != ledger::VoteKind::notarize)
            return wrong("its certificate is of another kind");
        height_ = block.block.height;
        digest_ = block.digest;
        certificate_ = block.certificate;
        next_ = block.block.next_validators;
        return next_ ? check_final() : Status{};
    }

    Status validators(BytesView encoded) {
        const auto wrong = [&](const std::string& what) {
            return fail(error::BackupUnproven, "validators after block " + std::to_string(height_.value) + ": " + what);
        };
        if (!next_ || crypto::keccak256(encoded) != *next_) return wrong("not those that it names");
        auto set = ledger::decode_validator_set(encoded);
        if (!set) return wrong(set.error().text());
        if (set->epoch != set_.epoch.next()) return wrong("not of the next epoch");
        set_ = std::move(*set);
        tips_.assign(set_.size(), {});
        next_.reset();
        return {};
    }

    /// The last block vouches for all before it.
    Status end(const ledger::Certificate& execution, const BackupHeader& header) const {
        const auto wrong = [&](const std::string& what) {
            return fail(error::BackupUnproven, "block " + std::to_string(height_.value) + ": " + what);
        };
        if (height_ != header.height || height_.value == 0)
            return wrong("the last one, but not the one it was made for");
        CRN_CHECK(check_final());
        if (execution.statement.kind != ledger::VoteKind::execution || execution.statement.number != height_.value ||
            execution.statement.digest != header.block)
            return wrong("the certified result is of another block");
        if (auto good = ledger::verify_certificate(chain_id_, set_, execution); !good)
            return wrong("certified result: " + good.error().text());
        return {};
    }

private:
    /// The block read last.
    Status check_final() const {
        const auto wrong = [&](const std::string& what) {
            return fail(error::BackupUnproven, "block " + std::to_string(height_.value) + ": " + what);
        };
        if (certificate_.statement.kind != ledger::VoteKind::finalize) return wrong("nobody finalized it");
        if (auto good = ledger::verify_certificate(chain_id_, set_, certificate_); !good)
            return wrong("finalization: " + good.error().text());
        return {};
    }

    const std::uint64_t chain_id_;
    ledger::ValidatorSet set_;    // of the epoch of the next block
    std::optional<Hash256> next_; // of the set that the last block names, until it is read
    Height height_;
    Hash256 digest_;
    ledger::Cut tips_;
    ledger::Certificate certificate_;
};

/// Reads the records in order and checks them; `visit` sees what passed.
Result<ledger::Certificate> read_proven(BackupReader& reader, const ledger::Genesis& genesis, BackupReport& report,
                                        const std::function<Status(const consensus::FinalizedBlock&)>& visit,
                                        const BackupProgress& progress) {
    const auto& header = reader.header();
    CRN_TRY(first_parent, genesis_block_hash(genesis));
    ChainCheck check{genesis, first_parent};
    report = {.node = header.node,
              .height = header.height,
              .block = header.block,
              .bytes = reader.size(),
              .transactions = 0,
              .time_ms = header.time_ms,
              .key_version = header.key.version};
    for (std::uint64_t count = 0;; ++count) {
        CRN_TRY(record, reader.next());
        const auto malformed = [&] {
            return fail(error::BackupUnproven, "record " + std::to_string(count) + " is malformed");
        };
        if (record.content.empty() || (record.content[0] == kEnd) != record.is_last) return malformed();
        const auto content = BytesView{record.content}.subspan(1);
        if (record.is_last) {
            codec::WireReader in{content};
            auto execution = ledger::decode_certificate(in);
            if (!in.finish()) return malformed();
            CRN_CHECK(check.end(execution, header));
            if (!progress(reader.size(), reader.size())) return gave_up();
            return execution;
        }
        if (record.content[0] == kValidators) {
            CRN_CHECK(check.validators(content));
            continue;
        }
        if (record.content[0] != kBlock) return malformed();
        auto block = consensus::decode_finalized_block(content);
        if (!block) return fail(error::BackupUnproven, block.error().text());
        CRN_CHECK(check.block(*block));
        for (const auto& batch : block->batches) report.transactions += batch.header.transaction_count;
        CRN_CHECK(visit(*block));
        if (count % kBlocksPerReport == 0 && !progress(reader.at(), reader.size())) return gave_up();
    }
}

bool has_data(const std::string& directory) {
    std::error_code ignored;
    for (auto at = fs::directory_iterator(directory, ignored); !ignored && at != fs::directory_iterator();
         at.increment(ignored))
        if (at->path().filename() != kWitness && at->path().filename() != "control") return true;
    return false;
}

} // namespace

Result<BackupReport> create_backup(const std::string& path, const std::string& node, const ledger::Genesis& genesis,
                                   const OrderedStore& ordered, const BlockStore& blocks, const Epochs& epochs,
                                   storage::KeyVault& vault, storage::CipherSuite suite, std::uint64_t time_ms,
                                   const BackupProgress& progress) {
    // The highest block that proves itself.
    auto height = std::min(blocks.last_certified(), ordered.tip());
    consensus::FinalizedBlockPtr last;
    std::optional<ledger::Certificate> execution;
    for (; height.value > 0; height = height.previous()) {
        last = ordered.block(height);
        execution = blocks.certificate(height);
        if (last && execution && last->certificate.statement.kind == ledger::VoteKind::finalize) break;
    }
    if (height.value == 0) return fail(error::BackupEmpty);
    BackupReport report{.node = node,
                        .height = height,
                        .block = execution->statement.digest,
                        .bytes = 0,
                        .transactions = 0,
                        .time_ms = time_ms,
                        .key_version = {}};
    BackupHeader header{.suite = suite,
                        .key = {},
                        .chain_id = genesis.parameters.chain_id,
                        .genesis = ledger::hash_of(genesis),
                        .node = node,
                        .height = height,
                        .block = report.block,
                        .time_ms = time_ms};
    CRN_TRY(writer, BackupWriter::create(path, std::move(header), vault));
    const auto drop = [&] {
        std::error_code ignored;
        fs::remove(path + ".partial", ignored);
    };
    for (Height at{1}; at <= height; at = at.next()) {
        const auto block = ordered.block(at);
        if (!block) {
            drop();
            return fail(error::BlockUnknown, "ordered block " + std::to_string(at.value) + " cannot be read");
        }
        for (const auto& batch : block->batches) report.transactions += batch.header.transaction_count;
        Bytes record{kBlock};
        append(record, consensus::encode_finalized_block(*block));
        auto added = writer.add(record);
        if (added && block->block.next_validators && at < height) {
            const auto next = epochs.of(block->block.epoch.next());
            record.assign(1, kValidators);
            if (next) append(record, ledger::encode_validator_set(next->validators));
            added = writer.add(record);
        }
        if (added && at.value % kBlocksPerReport == 0 && !progress(at.value, height.value)) added = gave_up();
        if (!added) {
            drop();
            return std::unexpected(added.error());
        }
    }
    codec::WireWriter end;
    end.u8(kEnd);
    ledger::encode(end, *execution);
    if (auto finished = writer.finish(end.bytes()); !finished) {
        drop();
        return std::unexpected(finished.error());
    }
    report.bytes = writer.bytes();
    report.key_version = writer.key_version();
    (void)progress(height.value, height.value);
    return report;
}

Result<BackupReport> verify_backup(const std::string& path, const ledger::Genesis& genesis, storage::KeyVault& vault,
                                   const BackupProgress& progress) {
    CRN_TRY(reader, BackupReader::open(path, ledger::hash_of(genesis), vault));
    BackupReport report;
    CRN_TRY(execution, read_proven(reader, genesis, report, [](const auto&) { return Status{}; }, progress));
    (void)execution;
    return report;
}

Status note_behind(storage::FileSystem& files, const std::string& data_dir, std::uint64_t signed_height) {
    const auto path = data_dir + "/" + kBehind;
    if (fs::exists(path)) CRN_CHECK(files.remove(path));
    CRN_TRY(file, files.create(path));
    codec::WireWriter content;
    content.u64(signed_height);
    CRN_CHECK(file->write_at(0, content.bytes()));
    CRN_CHECK(file->sync());
    return files.sync_directory(data_dir);
}

Status check_not_rolled_back(storage::FileSystem& files, const std::string& data_dir, const BlockStore& blocks,
                             const signer::LastExecution& last) {
    if (last.height == 0) return {};
    const auto height = blocks.last().value_or(Height{});
    if (height.value >= last.height) {
        if (blocks.hash_of(Height{last.height}) == last.header) return {};
        return fail(error::DataRolledBack,
                    "block " + std::to_string(last.height) + " is not the one whose result was signed");
    }
    const auto path = data_dir + "/" + kBehind;
    if (fs::exists(path)) {
        CRN_TRY(file, files.open_last(path));
        Bytes content(8);
        CRN_TRY(read, file->read_at(0, content));
        if (read == content.size() && codec::WireReader{content}.u64() >= last.height) return {};
    } else if (height.value == 0)
        // A lost disk: everything comes from the peers. Noted at once, because a crash may come on the way.
        return note_behind(files, data_dir, last.height);
    return fail(error::DataRolledBack, data_dir + " ends with block " + std::to_string(height.value) +
                                           ", the signer has signed the result of block " +
                                           std::to_string(last.height));
}

Result<BackupReport> restore_backup(const std::string& path, const NodeConfig& config, const ledger::Genesis& genesis,
                                    const std::shared_ptr<signer::Client>& signer, Behind behind,
                                    const BackupProgress& progress) {
    if (has_data(config.data_dir)) return fail(error::BackupInTheWay, config.data_dir);
    CRN_TRY(reader, BackupReader::open(path, ledger::hash_of(genesis), *signer));
    CRN_TRY(signers, start_voting_signers(signer, config, genesis.parameters.chain_id));
    CRN_TRY(last_signed, last_execution_of(signers));
    const auto height = reader.header().height.value;
    if (height < last_signed.height && behind == Behind::refuse)
        return fail(error::BackupOlder, "it ends with block " + std::to_string(height) +
                                            ", the signer has signed the result of block " +
                                            std::to_string(last_signed.height));
    auto fresh = config;
    fresh.data_dir = config.data_dir + ".restoring";
    std::error_code problem;
    fs::remove_all(fresh.data_dir, problem); // of a restore that was killed
    if (problem) return fail(error::BackupInTheWay, fresh.data_dir + " (" + problem.message() + ")");

    BackupReport report;
    const auto fill = [&]() -> Status {
        CRN_TRY(at_rest, DataAtRest::open(fresh, genesis, signer));
        CRN_TRY(chain, ExecutedChain::open(fresh.data_dir, genesis, system::native_contracts(), at_rest.get()));
        CRN_TRY(log, storage::open_segment_log_on(at_rest->files(), fresh.data_dir + "/ordered",
                                                  {.record_bytes_max = kOrderedRecordBytesMax}));
        CRN_TRY(ordered, OrderedStore::open(*log, chain->store(), chain->blocks()));
        TransactionCache cache{kCachedTransactionsMax, kCachedBytesMax};
        CRN_TRY(epochs, Epochs::open(chain->store(), genesis, chain->blocks().hash_of(Height{0})));
        BlockRunner runner{*chain, *epochs, cache};
        CRN_TRY(execution, read_proven(
                               reader, genesis, report,
                               [&](const consensus::FinalizedBlock& block) -> Status {
                                   CRN_CHECK(ordered->append(std::make_shared<const consensus::FinalizedBlock>(block)));
                                   CRN_TRY(ran, runner.run(block));
                                   (void)ran;
                                   return block.block.next_validators && block.block.height < reader.header().height
                                              ? runner.begin_epoch(block)
                                              : Status{};
                               },
                               progress));
        if (chain->blocks().hash_of(report.height) != execution.statement.digest)
            return fail(error::BackupUnproven, "executing it gives another result than the certified one");
        CRN_CHECK(ordered->sync());
        CRN_CHECK(chain->certify(report.height, execution));
        if (height < last_signed.height)
            CRN_CHECK(note_behind(at_rest->files(), fresh.data_dir, last_signed.height));
        else
            CRN_CHECK(check_not_rolled_back(at_rest->files(), fresh.data_dir, chain->blocks(), last_signed));
        return {};
    };
    auto& disk = storage::posix_file_system();
    const auto put_in_place = [&]() -> Status {
        // What the signer's counter was goes along; then one rename decides.
        const auto witness = config.data_dir + "/" + kWitness;
        if (fs::exists(witness)) {
            fs::copy_file(witness, fresh.data_dir + "/" + kWitness, fs::copy_options::overwrite_existing, problem);
            if (problem) return fail(error::BackupInTheWay, witness + " (" + problem.message() + ")");
            CRN_TRY(copy, disk.open(fresh.data_dir + "/" + kWitness));
            CRN_CHECK(copy->sync());
        }
        CRN_CHECK(disk.sync_directory(fresh.data_dir));
        for (const char* name : {kWitness, "control"}) fs::remove(config.data_dir + "/" + name, problem);
        CRN_CHECK(disk.rename(fresh.data_dir, config.data_dir));
        const auto parent = fs::path(config.data_dir).parent_path().string();
        return disk.sync_directory(parent.empty() ? "." : parent);
    };
    auto status = fill();
    if (status) status = put_in_place();
    if (!status) {
        fs::remove_all(fresh.data_dir, problem);
        return std::unexpected(status.error());
    }
    return report;
}

} // namespace cairn::node
