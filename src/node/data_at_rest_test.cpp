#include "base/errors/node.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "node/control.hpp"
#include "node/data_at_rest.hpp"
#include "node/test_network.hpp"
#include "signer/ceremony.hpp"
#include "signer/recovery_shares.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

namespace cairn::node {
namespace {

/// Files below `directory` that hold `text`.
std::size_t files_with(const std::string& directory, BytesView text) {
    std::size_t out = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream in{entry.path(), std::ios::binary};
        const std::string content{std::istreambuf_iterator<char>{in}, {}};
        if (std::search(content.begin(), content.end(), as_text(text).begin(), as_text(text).end()) != content.end())
            ++out;
    }
    return out;
}

void wait_until_head(TestNetwork& network, std::uint64_t height) {
    for (int i = 0; i < 1200 && network.chain(0).head().value < height; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    ASSERT_GE(network.chain(0).head().value, height);
}

} // namespace

TEST(DataAtRest, of_a_node_shows_no_account_or_transaction_and_without_encryption_shows_them) {
    for (const std::string kind : {"plain", "aes", "sm4"}) {
        const bool off = kind == "plain";
        TestNetwork network(1, kind);
        network.config(0).encryption_off_for_measuring = off;
        network.config(0).keeps_log = true;
        if (kind == "sm4") network.config(0).storage_cipher = storage::CipherSuite::sm4_gcm;
        ASSERT_TRUE(network.start(0));
        const auto transaction = network.transfer(0);
        ASSERT_TRUE(network.chain(0).submit(transaction));
        wait_until_head(network, 1);
        log(LogLevel::warning, "test", "a line", {{"of", "a planted customer"}});
        network.stop(0);
        const auto& data = network.config(0).data_dir;
        EXPECT_EQ(files_with(data + "/log", as_bytes("a planted customer")) != 0, off);
        EXPECT_EQ(files_with(data + "/audit", as_bytes("configuration.load")) != 0, off);
        // The transaction's recipient stands in the block and as an account in the state.
        const auto recipient = to_bytes(BytesView{crypto::keccak256(as_bytes("someone"))}.first(20));
        const auto body = BytesView{transaction}.last(40);
        EXPECT_EQ(files_with(data, recipient) != 0, off);
        EXPECT_EQ(files_with(data, body) != 0, off);
        EXPECT_EQ(files_with(data, as_bytes("this validator has run")) != 0, off);
    }
}

TEST(DataAtRest, cannot_be_switched_off_for_a_network_of_several_machines_or_for_encrypted_data) {
    TestNetwork network(1, "switch");
    auto config = network.config(0);
    auto genesis = network.genesis();
    genesis.validators.members[0].address = "10.0.0.1:30300";
    config.encryption_off_for_measuring = true;
    EXPECT_EQ(open_at_rest(config, genesis).error().code, error::EncryptionOffRefused);
    EXPECT_TRUE(open_at_rest(config, network.genesis()));
    config.encryption_off_for_measuring = false;
    EXPECT_TRUE(open_at_rest(config, genesis));
    config.encryption_off_for_measuring = true;
    EXPECT_EQ(open_at_rest(config, network.genesis()).error().code, error::EncryptionOffRefused);
}

TEST(DataAtRest, takes_its_cipher_from_the_configuration_or_else_from_genesis_and_brings_old_files_over) {
    using enum storage::CipherSuite;
    TestNetwork network(1, "cipher");
    auto config = network.config(0);
    auto genesis = network.genesis();
    EXPECT_EQ(cipher_of(config, genesis), aes_256_gcm);
    genesis.parameters.suite = ledger::Suite::mixed;
    EXPECT_EQ(cipher_of(config, genesis), aes_256_gcm);
    genesis.parameters.suite = ledger::Suite::national;
    EXPECT_EQ(cipher_of(config, genesis), sm4_gcm);
    config.storage_cipher = aes_256_gcm;
    EXPECT_EQ(cipher_of(config, genesis), aes_256_gcm);

    const auto path = [&](const char* name) { return config.data_dir + "/" + name; };
    const auto content = to_bytes(as_bytes("written under one cipher and read under another"));
    const auto suite_of = [&](const char* name) {
        std::ifstream in{path(name), std::ios::binary};
        const Bytes bytes{std::istreambuf_iterator<char>{in}, {}};
        return storage::decode_cipher_header(bytes)->suite;
    };
    const auto write = [&](DataAtRest& at_rest, const char* name) {
        auto file = at_rest.files().create(path(name));
        ASSERT_TRUE(file) << file.error().text();
        ASSERT_TRUE((*file)->write_at(0, content));
        ASSERT_TRUE((*file)->sync());
    };
    {
        auto at_rest = *open_at_rest(config, genesis);
        write(*at_rest, "old");
        EXPECT_EQ(at_rest->status().reencryption.files_left, 0u);
    }
    config.storage_cipher.reset();
    auto opened = open_at_rest(config, genesis);
    ASSERT_TRUE(opened) << opened.error().text();
    const auto at_rest = std::move(*opened);
    EXPECT_EQ(at_rest->status().suite, sm4_gcm);
    write(*at_rest, "new");
    EXPECT_EQ(suite_of("old"), aes_256_gcm);
    EXPECT_EQ(suite_of("new"), sm4_gcm);
    EXPECT_EQ(at_rest->status().reencryption.files_left, 1u);
    ASSERT_TRUE(at_rest->reencrypt(100u << 20));
    for (int i = 0; i < 400 && at_rest->status().reencryption.running; ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{25});
    const auto after = at_rest->status().reencryption;
    EXPECT_FALSE(after.running);
    EXPECT_FALSE(after.failed) << after.failed->text();
    EXPECT_EQ(after.files_left, 0u);
    EXPECT_EQ(after.files_done, 1u);
    EXPECT_EQ(suite_of("old"), sm4_gcm);
    for (const char* name : {"old", "new"}) {
        const auto file = at_rest->files().open(path(name));
        ASSERT_TRUE(file) << file.error().text();
        Bytes read(content.size());
        EXPECT_EQ((*file)->read_at(0, read), content.size());
        EXPECT_EQ(read, content) << name;
    }
}

TEST(DataAtRest, is_refused_with_another_root_and_with_a_memory_that_never_had_its_key) {
    TestNetwork network(1, "root");
    const auto& config = network.config(0);
    ASSERT_TRUE(network.start(0));
    network.stop(0);
    // The same validator with another root: nothing but the root of storage differs.
    const auto own = signer::open_for_ceremony(config.keys_file, as_bytes("a passphrase"));
    ASSERT_TRUE(own) << own.error().text();
    auto others = signer::Secrets::generate(crypto::system_random());
    std::ranges::copy(own->view().first(96), others->bytes().begin());
    auto other = config;
    other.keys_file += ".other";
    ASSERT_TRUE(signer::create_sealed_keys(other.keys_file, *others, as_bytes("a passphrase"),
                                           signer::kCostForRandomPassphrase, crypto::system_random()));
    std::filesystem::rename(config.data_dir + "/signer.witness", config.data_dir + ".witness");
    EXPECT_EQ(Node::start(other).error().code, error::VaultKeyUnknown);
    {
        auto elsewhere = other;
        elsewhere.data_dir += "-other";
        ASSERT_TRUE(open_at_rest(elsewhere, network.genesis()));
    }
    EXPECT_EQ(Node::start(other).error().code, error::VaultKeyWrong) << "it has a version 1 of its own by now";
    std::filesystem::rename(config.data_dir + ".witness", config.data_dir + "/signer.witness");
    const auto started = network.start(0);
    EXPECT_TRUE(started) << started.error().text();
}

TEST(DataAtRest, is_read_again_after_officers_recovered_the_lost_keys_under_a_new_passphrase) {
    TestNetwork network(1, "recover");
    const auto& config = network.config(0);
    ASSERT_TRUE(network.start(0));
    ASSERT_TRUE(network.chain(0).submit(network.transfer(0)));
    wait_until_head(network, 1);
    const auto head = network.chain(0).head();
    network.stop(0);
    auto& random = crypto::system_random();
    {
        const auto secrets = signer::open_for_ceremony(config.keys_file, as_bytes("a passphrase"));
        ASSERT_TRUE(secrets) << secrets.error().text();
        auto shares = signer::split_secrets(*secrets, 2, {"Ada", "Bo", "Cy"}, random);
        ASSERT_TRUE(shares);
        std::filesystem::remove(config.keys_file);
        EXPECT_EQ(network.start(0).error().code, error::SealedKeysInvalid);
        shares->erase(shares->begin());
        const auto joined = signer::join_shares(*shares);
        ASSERT_TRUE(joined) << joined.error().text();
        ASSERT_TRUE(signer::restore_sealed_keys(config.keys_file, *joined, as_bytes("a new one"),
                                                signer::kCostForRandomPassphrase, random));
        EXPECT_FALSE(signer::restore_sealed_keys(config.keys_file, *joined, as_bytes("a new one"),
                                                 signer::kCostForRandomPassphrase, random))
            << "never over a file that is there";
    }
    EXPECT_EQ(network.start(0).error().code, error::SealedKeysWrong) << "with the old passphrase";
    std::filesystem::remove(config.passphrase_file);
    ASSERT_TRUE(crypto::write_secret_file(config.passphrase_file, "a new one\n"));
    const auto started = network.start(0);
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_GE(network.chain(0).head(), head);
    ASSERT_TRUE(network.chain(0).submit(network.transfer(1)));
    wait_until_head(network, head.value + 1);
    // The keys without their memory: not started, whoever restored them.
    network.stop(0);
    for (const char* end : {".state.0", ".state.1"}) std::filesystem::remove(config.keys_file + end);
    EXPECT_EQ(network.start(0).error().code, error::SignerAmnesia);
}

TEST(DataAtRest, of_a_node_has_no_root_and_no_storage_key_in_its_files) {
    TestNetwork network(1, "files");
    const auto& config = network.config(0);
    ASSERT_TRUE(network.start(0));
    ASSERT_TRUE(network.chain(0).submit(network.transfer(0)));
    wait_until_head(network, 1);
    network.stop(0);
    EXPECT_FALSE(std::filesystem::exists(config.data_dir + "/keys/vault.a"));
    const auto secrets = signer::open_for_ceremony(config.keys_file, as_bytes("a passphrase"));
    ASSERT_TRUE(secrets) << secrets.error().text();
    const auto folder = std::filesystem::path(config.keys_file).parent_path();
    EXPECT_EQ(files_with(folder, secrets->storage_root()), 0u);
    EXPECT_EQ(files_with(folder, as_bytes(to_hex_digits(secrets->storage_root()))), 0u);
    EXPECT_FALSE(std::filesystem::exists(folder / "storage.root"));
}

TEST(DataAtRest, refuses_an_audit_log_or_a_node_s_own_log_in_which_any_byte_was_changed_or_that_is_not_encrypted) {
    TestNetwork network(1, "flips");
    auto& config = network.config(0);
    config.keeps_log = true;
    ASSERT_TRUE(network.start(0));
    for (int i = 0; i < 20; ++i) log(LogLevel::info, "test", "a line that is long enough for several of them to count");
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    network.stop(0);
    const auto& genesis = network.genesis();
    for (const char* name : {"/audit/0000000000.seg", "/log/0000000000.seg"}) {
        const auto path = config.data_dir + name;
        std::ifstream in{path, std::ios::binary};
        const std::string good{std::istreambuf_iterator<char>{in}, {}};
        const auto put = [&](std::string_view content) {
            std::ofstream{path, std::ios::binary | std::ios::trunc}.write(content.data(),
                                                                          static_cast<std::streamsize>(content.size()));
        };
        std::string whole;
        {
            auto at_rest = *open_at_rest(config, genesis);
            auto file = *at_rest->files().open(path);
            whole.resize(*file->size());
            ASSERT_TRUE(file->read_at(0, {reinterpret_cast<std::uint8_t*>(whole.data()), whole.size()}));
        }
        ASSERT_NE(whole.find(std::string_view{name}.starts_with("/audit") ? "node.start" : "several of them"),
                  std::string::npos);
        const auto signer = *start_own_signer(config, genesis.parameters.chain_id);
        for (std::size_t at = 0; at < good.size(); at += 1 + good.size() / 97) {
            auto bad = good;
            bad[at] ^= 1;
            put(bad);
            auto at_rest = DataAtRest::open(config, genesis, signer);
            if (!at_rest) continue; // refused already
            auto file = (*at_rest)->files().open(path);
            if (!file) continue;
            std::string read(*(*file)->size(), ' ');
            const auto got = (*file)->read_at(0, {reinterpret_cast<std::uint8_t*>(read.data()), read.size()});
            ASSERT_FALSE(got.has_value()) << name << " at " << at << ": a changed byte was read as data";
        }
        put(whole); // as it would lie without encryption
        EXPECT_EQ(DataAtRest::open(config, genesis, signer).error().code, error::CipherPlain) << name;
        put(good);
    }
    EXPECT_TRUE(network.start(0));
}

TEST(DataAtRest, rotates_by_command_while_the_chain_runs_and_the_node_starts_without_the_old_key) {
    TestNetwork network(1, "rotate");
    ASSERT_TRUE(network.start(0));
    const auto& data = network.config(0).data_dir;
    std::uint64_t nonce = 0;
    const auto pay = [&] {
        const auto submitted = network.chain(0).submit(network.transfer(nonce++));
        ASSERT_TRUE(submitted) << submitted.error().text();
    };
    const auto ask = [&](const std::string& line) {
        const auto answer = ask_node(data, line);
        EXPECT_TRUE(answer) << answer.error().text();
        pay();
        return answer ? *answer : std::string{};
    };
    pay();
    wait_until_head(network, 1);
    EXPECT_NE(ask("storage-key retire 1").find("CRN-NOD-0008"), std::string::npos) << "needs two administrators";
    EXPECT_FALSE(network.node(0).retire_storage_key(1));
    EXPECT_EQ(ask("storage-key rotate"), "{\"result\":{\"version\":2}}\n");
    EXPECT_NE(ask("storage-key rewrap").find("\"wrapped\":0"), std::string::npos);
    EXPECT_EQ(network.node(0).retire_storage_key(1).error().code, error::KeyStillUsed);
    ask("storage-key reencrypt 100");
    std::string status;
    for (int i = 0; i < 600; ++i) {
        status = ask("storage-key status");
        if (status.find("\"running\":false") != std::string::npos) break;
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    EXPECT_NE(status.find("\"files_left\":0"), std::string::npos) << status;
    EXPECT_NE(status.find("\"failed\":null"), std::string::npos) << status;
    EXPECT_NE(ask("storage-key try 1").find("\"refused\":false"), std::string::npos);
    const auto proof = network.node(0).retire_storage_key(1).value();
    EXPECT_NE(proof.find("\"files_under_version\":0"), std::string::npos) << proof;
    EXPECT_NE(proof.find("\"state\":\"destroyed\""), std::string::npos) << proof;
    const auto tried = ask("storage-key try 1");
    EXPECT_NE(tried.find("\"refused\":true"), std::string::npos) << tried;
    EXPECT_NE(tried.find("CRN-STO-0008"), std::string::npos) << tried;
    ask("backup-key rotate");
    ask("backup-key rotate");
    EXPECT_NE(ask("backup-key try 1").find("\"refused\":false"), std::string::npos);
    EXPECT_NE(ask("backup-key retire 1").find("CRN-NOD-0008"), std::string::npos) << "needs two administrators";
    EXPECT_FALSE(network.node(0).retire_backup_key(3)) << "the current one";
    EXPECT_NE(network.node(0).retire_backup_key(1).value().find("\"state\":\"retired\""), std::string::npos);
    EXPECT_NE(ask("backup-key try 1").find("CRN-STO-0008"), std::string::npos);
    EXPECT_NE(ask("storage-key invent").find("CRN-NOD-0008"), std::string::npos);
    // Every transfer that was sent meanwhile is in the chain, and after a restart as well.
    const auto payer = crypto::address_of(*crypto::public_key(network.key()));
    const auto all_paid = [&] {
        for (int i = 0; i < 600; ++i) {
            const auto state = network.chain(0).state(network.chain(0).head());
            if (state && (*state)->account(payer)->nonce == nonce) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
        }
        return false;
    };
    EXPECT_TRUE(all_paid());
    network.stop(0);
    EXPECT_EQ(ask_node(data, "storage-key status").error().code, error::NodeUnreachable);
    const auto started = network.start(0);
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_TRUE(all_paid());
}

} // namespace cairn::node
