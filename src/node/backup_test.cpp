// Backups of real nodes: made while they run, refused when anything in them is not what it was, restored, and caught up with the peers.
#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"
#include "node/backup.hpp"
#include "node/backup_job.hpp"
#include "node/executed_chain.hpp"
#include "node/test_network.hpp"
#include "system/system_contracts.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

namespace cairn::node {
namespace {

namespace fs = std::filesystem;

bool always(std::uint64_t, std::uint64_t) { return true; }

std::string content_of(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

void put(const std::string& path, std::string_view content) {
    std::ofstream{path, std::ios::binary | std::ios::trunc}.write(content.data(),
                                                                  static_cast<std::streamsize>(content.size()));
}

void pay(TestNetwork& network, std::size_t node, std::uint64_t first, std::uint64_t count) {
    for (auto nonce = first; nonce < first + count; ++nonce) {
        const auto height = network.chain(node).head().value;
        ASSERT_TRUE(network.chain(node).submit(network.transfer(nonce)));
        ASSERT_TRUE(network.wait_for_height(height + 1));
    }
}

/// Of a running node; what it reports.
BackupReport back_up(TestNetwork& network, std::size_t node, const std::string& path) {
    auto& job = network.node(node).backups();
    const auto started = job.start(BackupJob::Task::create, path, "test", "local");
    EXPECT_TRUE(started) << started.error().text();
    for (int i = 0; i < 1'200 && job.state().running; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{25});
    const auto state = job.state();
    EXPECT_FALSE(state.failed) << state.failed->text();
    EXPECT_TRUE(state.report);
    return state.report.value_or(BackupReport{});
}

void wipe_data(const NodeConfig& config) {
    for (const auto& entry : fs::directory_iterator(config.data_dir))
        if (entry.path().filename() != "signer.witness") fs::remove_all(entry.path());
}

} // namespace

TEST(Backup, of_a_running_node_restores_it_and_it_catches_up_with_its_peers) {
    TestNetwork network(4, "backup");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    pay(network, 0, 0, 3);
    const auto path = network.config(3).data_dir + ".backup";
    const auto made = back_up(network, 3, path);
    EXPECT_GE(made.height.value, 1u);
    EXPECT_EQ(network.node(3).backups().start(BackupJob::Task::create, path, "test", "local").error().code,
              error::BackupInTheWay);
    const auto root = network.chain(3).block(made.height)->block.header.state_root;
    pay(network, 0, 3, 3);
    network.stop(3);
    const auto& config = network.config(3);
    const auto& genesis = network.genesis();
    {
        const auto signer = *start_own_signer(config, genesis.parameters.chain_id);
        const auto verified = verify_backup(path, genesis, *signer, always);
        ASSERT_TRUE(verified) << verified.error().text();
        EXPECT_EQ(verified->block, made.block);
        EXPECT_EQ(verified->transactions, made.transactions);
        EXPECT_EQ(restore_backup(path, config, genesis, signer, Behind::accept, always).error().code,
                  error::BackupInTheWay)
            << "over data";
        wipe_data(config);
        EXPECT_EQ(restore_backup(path, config, genesis, signer, Behind::refuse, always).error().code,
                  error::BackupOlder);
        const auto restored = restore_backup(path, config, genesis, signer, Behind::accept, always);
        ASSERT_TRUE(restored) << restored.error().text();
        EXPECT_FALSE(fs::exists(config.data_dir + ".restoring"));
        auto at_rest = DataAtRest::open(config, genesis, signer);
        ASSERT_TRUE(at_rest) << at_rest.error().text();
        auto chain = ExecutedChain::open(config.data_dir, genesis, system::native_contracts(), at_rest->get());
        ASSERT_TRUE(chain) << chain.error().text();
        EXPECT_EQ((*chain)->height(), made.height);
        EXPECT_EQ((*chain)->state().root(), root);
        EXPECT_EQ((*chain)->blocks().hash_of(made.height), made.block);
    }
    const auto started = network.start(3);
    ASSERT_TRUE(started) << started.error().text();
    pay(network, 0, 6, 1); // waits until the restored one has it as well
    EXPECT_EQ(network.chain(3).block(made.height)->hash, made.block);
}

TEST(Backup, is_refused_when_a_byte_was_changed_or_it_was_cut_or_is_of_another_chain) {
    TestNetwork network(1, "spoilt");
    ASSERT_TRUE(network.start(0));
    pay(network, 0, 0, 3);
    const auto path = network.config(0).data_dir + ".backup";
    (void)back_up(network, 0, path);
    network.stop(0);
    auto config = network.config(0);
    const auto& genesis = network.genesis();
    const auto signer = *start_own_signer(config, genesis.parameters.chain_id);
    config.data_dir += "-other";
    const auto good = content_of(path);
    std::size_t tried = 0;
    const auto tries = [&] {
        const auto verified = verify_backup(path, genesis, *signer, always);
        if (++tried % 8 != 1) return verified ? ErrorCode{} : verified.error().code; // restoring takes its time
        const auto restored = restore_backup(path, config, genesis, signer, Behind::accept, always);
        EXPECT_FALSE(restored);
        EXPECT_FALSE(fs::exists(config.data_dir)) << "something was put in place";
        EXPECT_FALSE(fs::exists(config.data_dir + ".restoring"));
        if (!verified && !restored) {
            EXPECT_EQ(verified.error().code, restored.error().code);
        }
        return verified ? ErrorCode{} : verified.error().code;
    };
    for (std::size_t at = 0; at < good.size(); at += at < 256 ? 5 : 1 + good.size() / 40) {
        auto bad = good;
        bad[at] ^= 1;
        put(path, bad);
        const auto code = tries();
        EXPECT_TRUE(code == error::BackupDamaged || code == error::BackupInvalid || code == error::BackupTruncated ||
                    code == error::BackupForeign || code == error::VaultKeyWrong || code == error::CipherSuiteUnknown ||
                    code == error::BackupUnproven)
            << "at " << at << ": " << error_id(code);
    }
    for (const std::size_t left : {std::size_t{0}, std::size_t{20}, good.size() / 2, good.size() - 1}) {
        put(path, good.substr(0, left));
        const auto code = tries();
        EXPECT_TRUE(code == error::BackupTruncated || (left < 8 && code == error::BackupInvalid)) << left;
    }
    // Records that are whole, but fewer: the last one says that it is the last.
    put(path, good + good.substr(good.size() / 2));
    EXPECT_EQ(tries(), error::BackupDamaged);
    put(path, good);
    auto other = genesis;
    ++other.timestamp;
    EXPECT_EQ(verify_backup(path, other, *signer, always).error().code, error::BackupForeign);
    // The same chain as far as the header says, but signed by nobody whom this genesis knows.
    EXPECT_TRUE(verify_backup(path, genesis, *signer, always));
    EXPECT_EQ(content_of(path).find("someone"), std::string::npos);
}

TEST(Backup, whose_content_nobody_certified_is_refused_although_its_key_is_right) {
    TestNetwork network(1, "forged");
    ASSERT_TRUE(network.start(0));
    pay(network, 0, 0, 3);
    const auto path = network.config(0).data_dir + ".backup";
    (void)back_up(network, 0, path);
    network.stop(0);
    const auto& genesis = network.genesis();
    const auto signer = *start_own_signer(network.config(0), genesis.parameters.chain_id);
    auto reader = *BackupReader::open(path, ledger::hash_of(genesis), *signer);
    std::vector<Bytes> records;
    for (bool last = false; !last;) {
        auto record = reader.next();
        ASSERT_TRUE(record) << record.error().text();
        last = record->is_last;
        records.push_back(std::move(record->content));
    }
    ASSERT_GE(records.size(), 3u);
    int number = 0;
    const auto verdict = [&](const BackupHeader& header, const std::vector<Bytes>& content) {
        const auto forged = path + std::to_string(number++);
        auto writer = BackupWriter::create(forged, header, *signer);
        EXPECT_TRUE(writer);
        for (std::size_t i = 0; i + 1 < content.size(); ++i) EXPECT_TRUE(writer->add(content[i]));
        EXPECT_TRUE(writer->finish(content.back()));
        const auto verified = verify_backup(forged, genesis, *signer, always);
        return verified ? ErrorCode{} : verified.error().code;
    };
    EXPECT_EQ(verdict(reader.header(), records), ErrorCode{});
    auto header = reader.header();
    header.block[3] ^= 1;
    EXPECT_EQ(verdict(header, records), error::BackupUnproven) << "another result";
    header = reader.header();
    header.height = header.height.next();
    EXPECT_EQ(verdict(header, records), error::BackupUnproven) << "another height";
    auto changed = records;
    changed.erase(changed.begin());
    EXPECT_EQ(verdict(reader.header(), changed), error::BackupUnproven) << "without its first block";
    changed = records;
    std::swap(changed[0], changed[1]);
    EXPECT_EQ(verdict(reader.header(), changed), error::BackupUnproven) << "in another order";
    changed = records;
    changed.erase(changed.end() - 2);
    EXPECT_EQ(verdict(reader.header(), changed), error::BackupUnproven) << "without its last block";
    changed = records;
    changed.back().back() ^= 1;
    EXPECT_EQ(verdict(reader.header(), changed), error::BackupUnproven) << "a signature of the result";
    for (std::size_t at = 1; at < records[0].size(); at += 1 + records[0].size() / 50) {
        changed = records;
        changed[0][at] ^= 1;
        // A signature inside the proposal or of a certificate below the last one vouches for nothing here.
        const auto code = verdict(reader.header(), changed);
        EXPECT_TRUE(code == error::BackupUnproven || code == ErrorCode{}) << error_id(code);
    }
}

TEST(Backup, is_opened_by_the_root_alone_where_the_signer_never_had_its_key_and_refused_where_the_key_is_retired) {
    TestNetwork network(1, "root");
    ASSERT_TRUE(network.start(0));
    pay(network, 0, 0, 2);
    const auto& config = network.config(0);
    const auto& genesis = network.genesis();
    // Another machine: the same sealed keys, and a memory that has no key of backups.
    network.stop(0);
    auto elsewhere = config;
    elsewhere.data_dir += "-elsewhere";
    elsewhere.keys_file += ".elsewhere";
    for (const char* end : {"", ".state.0", ".state.1"})
        fs::copy_file(config.keys_file + end, elsewhere.keys_file + end);
    ASSERT_TRUE(network.start(0));
    const auto path = config.data_dir + ".backup";
    const auto made = back_up(network, 0, path);
    EXPECT_EQ(made.key_version.value, 1u);
    network.stop(0);
    {
        const auto own = *start_own_signer(config, genesis.parameters.chain_id);
        // Its memory knows that the key is over.
        ASSERT_TRUE(own->make_version(storage::KeyPurpose::backup));
        EXPECT_TRUE(verify_backup(path, genesis, *own, always));
        ASSERT_TRUE(own->retire(storage::KeyPurpose::backup, {1}));
        EXPECT_EQ(verify_backup(path, genesis, *own, always).error().code, error::VaultKeyRetired);
        auto fresh = config;
        fresh.data_dir += "-fresh";
        EXPECT_EQ(restore_backup(path, fresh, genesis, own, Behind::accept, always).error().code,
                  error::VaultKeyRetired);
    }
    const auto there = start_own_signer(elsewhere, genesis.parameters.chain_id);
    ASSERT_TRUE(there) << there.error().text();
    EXPECT_TRUE(verify_backup(path, genesis, **there, always));
    const auto restored = restore_backup(path, elsewhere, genesis, *there, Behind::accept, always);
    ASSERT_TRUE(restored) << restored.error().text();
    EXPECT_EQ(restored->block, made.block);
}

TEST(Backup, that_was_interrupted_leaves_no_file_of_its_name) {
    TestNetwork network(1, "interrupted");
    ASSERT_TRUE(network.start(0));
    pay(network, 0, 0, 2);
    const auto path = network.config(0).data_dir + ".backup";
    put(path + ".partial", "what a creation that was killed left");
    (void)back_up(network, 0, path);
    EXPECT_FALSE(fs::exists(path + ".partial"));
    network.stop(0);
    const auto signer = *start_own_signer(network.config(0), network.genesis().parameters.chain_id);
    EXPECT_TRUE(verify_backup(path, network.genesis(), *signer, always));
    // One that gives up half way.
    BackupHeader header{.genesis = ledger::hash_of(network.genesis()), .node = "n", .height = Height{9}};
    {
        auto writer = BackupWriter::create(path + "2", header, *signer);
        ASSERT_TRUE(writer);
        ASSERT_TRUE(writer->add(as_bytes("a record")));
    }
    EXPECT_FALSE(fs::exists(path + "2"));
}

TEST(RolledBack, data_of_an_earlier_day_is_noticed_and_a_lost_disk_is_not_taken_for_it) {
    TestNetwork network(4, "rolled");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    pay(network, 0, 0, 2);
    network.stop(3);
    const auto& config = network.config(3);
    const auto older = config.data_dir + ".older";
    fs::copy(config.data_dir, older, fs::copy_options::recursive);
    ASSERT_TRUE(network.start(3));
    pay(network, 0, 2, 3);
    network.stop(3);
    // The whole directory but the counter of the signer, which notices by itself.
    const auto keep = content_of(config.data_dir + "/signer.witness");
    wipe_data(config);
    fs::copy(older, config.data_dir, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    put(config.data_dir + "/signer.witness", keep);
    EXPECT_EQ(network.start(3).error().code, error::DataRolledBack);
    EXPECT_EQ(network.start(3).error().code, error::DataRolledBack) << "also the second time";
    wipe_data(config);
    const auto started = network.start(3);
    ASSERT_TRUE(started) << started.error().text();
    network.stop(3); // half way
    const auto again = network.start(3);
    ASSERT_TRUE(again) << again.error().text();
    pay(network, 0, 5, 1);
}

} // namespace cairn::node
