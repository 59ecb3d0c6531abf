// The signer as a process of its own: this test program is both the node and, started again by itself, the signer.
#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "crypto/certificate.hpp"
#include "crypto/certificate_request.hpp"
#include "crypto/hash.hpp"
#include "signer/audit_keys.hpp"
#include "signer/ceremony.hpp"
#include "signer/client.hpp"
#include "signer/sandbox.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/serve.hpp"
#include "signer/token.hpp"
#include "signer/tpm.hpp"
#include "signer/trial.hpp"
#include "storage/test_directory.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define CAIRN_LEAKS_ARE_OF_THE_TOKEN const __lsan::ScopedDisabler leaks_are_of_the_token
#endif
#endif
#ifndef CAIRN_LEAKS_ARE_OF_THE_TOKEN
#define CAIRN_LEAKS_ARE_OF_THE_TOKEN static_cast<void>(0)
#endif

namespace cairn::signer {
namespace {

using storage::KeyPurpose;
using storage::TestDirectory;

/// Runs in a child; its exit code.
int in_child(const std::function<int()>& act) {
    const auto child = ::fork();
    if (child == 0) ::_exit(act());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class SignerProcess : public ::testing::Test {
protected:
    SignerProcess() {
        auto secrets = Secrets::generate(crypto::system_random());
        config_ = {.keys_file = directory_ / "keys.sealed",
                   .passphrase_file = directory_ / "passphrase",
                   .chain_id = 5,
                   .witness_file = directory_ / "witness"};
        keys_ = *create_sealed_keys(config_.keys_file, *secrets, as_bytes("of the test"), kCostForRandomPassphrase,
                                    crypto::system_random());
        EXPECT_TRUE(crypto::write_secret_file(config_.passphrase_file, "of the test\n"));
    }
    TestDirectory directory_;
    ClientConfig config_;
    PublicKeys keys_;
};

const auto kHandshake = crypto::certificate_verify(crypto::TlsSide::server, crypto::sha256({}));

ledger::VoteStatement notarize(std::uint64_t view, std::uint8_t which = 1) {
    return {ledger::VoteKind::notarize, Epoch{0}, view, 0, crypto::sha256(Bytes{which})};
}

TEST_F(SignerProcess, signs_what_a_node_needs_and_refuses_what_contradicts) {
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_EQ((*client)->keys(), keys_);
    EXPECT_NE((*client)->sandbox().find("seccomp"), std::string::npos);
    const auto vote = (*client)->sign_vote(notarize(3));
    ASSERT_TRUE(vote);
    EXPECT_TRUE(crypto::verify(keys_.consensus, ledger::signed_bytes(5, notarize(3)), *vote));
    EXPECT_FALSE((*client)->sign_vote(notarize(3, 2)));
    const auto handshake = (*client)->sign_handshake(kHandshake);
    ASSERT_TRUE(handshake);
    EXPECT_TRUE(crypto::verify_tls(keys_.tls, kHandshake, *handshake));
    EXPECT_EQ((*client)->sign_handshake(ledger::signed_bytes(5, notarize(4))).error().code,
              error::SignerRequestInvalid);

    const auto key = storage::DataKey::generate();
    const auto wrapped = (*client)->wrap(KeyPurpose::storage, as_bytes("a file"), key);
    ASSERT_TRUE(wrapped) << wrapped.error().text();
    EXPECT_TRUE(
        std::ranges::equal((*client)->unwrap(KeyPurpose::storage, as_bytes("a file"), *wrapped)->view(), key.view()));
    EXPECT_EQ((*client)->unwrap(KeyPurpose::storage, as_bytes("b file"), *wrapped).error().code, error::VaultKeyWrong);
    EXPECT_EQ((*client)->make_version(KeyPurpose::storage)->value, 2u);
    EXPECT_EQ((*client)->versions(KeyPurpose::storage)->size(), 2u);
}

TEST_F(SignerProcess, vouches_for_the_audit_key_in_the_sealers_file_if_the_same_passphrase_opens_it) {
    const auto sealer = [&](const std::string& name, std::string_view passphrase) {
        const auto secrets = Secrets::generate(crypto::system_random());
        return create_sealed_keys(directory_ / name, *secrets, as_bytes(passphrase), kCostForRandomPassphrase,
                                  crypto::system_random())
            ->audit;
    };
    const auto ours = sealer("first.sealed", "of the test"), anothers = sealer("other.sealed", "of another");
    const auto vouch = [&](const std::string& file, const crypto::ValidatorPublicKey& key) {
        auto config = config_;
        config.sealer_file = file.empty() ? "" : directory_ / file;
        const auto client = Client::start(config);
        EXPECT_TRUE(client) << client.error().text();
        return client ? (*client)->sign_seal_key({5, "alpha-1", key}) : std::nullopt;
    };
    const auto vouched = vouch("first.sealed", ours);
    ASSERT_TRUE(vouched);
    EXPECT_TRUE(
        crypto::verify(keys_.consensus, ledger::signed_bytes(ledger::SealKeyStatement{5, "alpha-1", ours}), *vouched));
    EXPECT_TRUE(vouch("first.sealed", keys_.audit)) << "its own as well";
    EXPECT_FALSE(vouch("", ours));
    EXPECT_FALSE(vouch("first.sealed", anothers));
    EXPECT_FALSE(vouch("other.sealed", anothers)) << "a file that the node may have made itself";
    EXPECT_FALSE(vouch("missing.sealed", ours));
    // The key replaced: at the next start the new one, and the old one no more.
    const auto made = replace_audit_key(directory_ / "first.sealed", as_bytes("of the test"), crypto::system_random());
    ASSERT_TRUE(made);
    EXPECT_TRUE(vouch("first.sealed", made->after));
    EXPECT_FALSE(vouch("first.sealed", ours));
}

TEST_F(SignerProcess, signs_with_sm2_inside_the_sandbox) {
    const auto secrets = Secrets::generate(crypto::system_random(), crypto::VotingAlgorithm::sm2);
    config_.keys_file = directory_ / "sm2.sealed";
    const auto keys = *create_sealed_keys(config_.keys_file, *secrets, as_bytes("of the test"),
                                          kCostForRandomPassphrase, crypto::system_random());
    for (std::uint64_t round = 0; round < 2; ++round) {
        const auto client = Client::start(config_);
        ASSERT_TRUE(client) << client.error().text();
        EXPECT_EQ((*client)->keys(), keys);
        for (std::uint64_t view = 1; view < 20; ++view) {
            const auto vote = (*client)->sign_vote(notarize(100 * round + view));
            ASSERT_TRUE(vote) << view;
            EXPECT_TRUE(crypto::verify(keys.consensus, ledger::signed_bytes(5, notarize(100 * round + view)), *vote));
        }
        EXPECT_FALSE((*client)->sign_vote(notarize(100 * round + 19, 2)));
    }
}

TEST_F(SignerProcess, refuses_a_wrong_passphrase_a_missing_one_and_one_that_others_may_read) {
    const auto code = [&] {
        const auto client = Client::start(config_);
        return client ? ErrorCode{} : client.error().code;
    };
    std::filesystem::remove(config_.passphrase_file);
    EXPECT_EQ(code(), error::SignerPassphraseMissing);
    ASSERT_TRUE(crypto::write_secret_file(config_.passphrase_file, "another\n"));
    EXPECT_EQ(code(), error::SealedKeysWrong);
    std::filesystem::permissions(config_.passphrase_file, std::filesystem::perms(0644));
    EXPECT_EQ(code(), error::SignerPassphraseMissing);
    std::filesystem::permissions(config_.passphrase_file, std::filesystem::perms(0600));
    std::filesystem::permissions(config_.keys_file, std::filesystem::perms(0644));
    EXPECT_EQ(code(), error::SealedKeysInvalid);
}

TEST_F(SignerProcess, takes_the_passphrase_from_a_systemd_credential) {
    ASSERT_TRUE(crypto::write_secret_file(directory_ / "cairn-signer", "of the test"));
    config_.passphrase_file.clear();
    ::setenv("CREDENTIALS_DIRECTORY", directory_.path().c_str(), 1);
    const auto client = Client::start(config_);
    ::unsetenv("CREDENTIALS_DIRECTORY");
    EXPECT_TRUE(client) << client.error().text();
}

TEST_F(SignerProcess, refuses_a_second_instance_lost_memory_and_an_old_one) {
    {
        const auto first = Client::start(config_);
        ASSERT_TRUE(first);
        ASSERT_TRUE((*first)->sign_vote(notarize(1)));
        auto other = config_;
        other.witness_file.clear();
        EXPECT_EQ(Client::start(other).error().code, error::SignerBusy);
        ASSERT_TRUE((*first)->sign_vote(notarize(2)));
    }
    const auto state = state_path(config_.keys_file);
    std::filesystem::rename(state + ".1", directory_ / "aside");
    EXPECT_EQ(Client::start(config_).error().code, error::SignerAmnesia);
    std::filesystem::rename(directory_ / "aside", state + ".1");
    std::ofstream(config_.witness_file, std::ios::binary) << std::string("\x03\0\0\0\0\0\0\0", 8);
    EXPECT_EQ(Client::start(config_).error().code, error::SignerRolledBack);
    std::ofstream(config_.witness_file, std::ios::binary) << std::string("\x02\0\0\0\0\0\0\0", 8);
    EXPECT_TRUE(Client::start(config_));
}

TEST_F(SignerProcess, tells_once_when_the_signer_is_gone) {
    const auto client = Client::start(config_);
    ASSERT_TRUE(client);
    int told = 0;
    (*client)->on_failure([&](const Error& error) { told += error.code == error::SignerUnavailable ? 1 : 100; });
    ::kill((*client)->process(), SIGKILL);
    for (int i = 0; i < 3; ++i) EXPECT_FALSE((*client)->sign_vote(notarize(1)));
    EXPECT_EQ(told, 1);
    EXPECT_EQ((*client)->versions(KeyPurpose::storage).error().code, error::VaultUnavailable);
}

TEST_F(SignerProcess, that_hangs_is_given_up_and_never_believed_again) {
    config_.patience = Milliseconds{50};
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    int told = 0;
    (*client)->on_failure([&](const Error& error) { told += error.code == error::SignerUnavailable ? 1 : 100; });
    ASSERT_EQ(::kill((*client)->process(), SIGSTOP), 0);
    EXPECT_EQ((*client)->sign_handshake(kHandshake).error().code, error::SignerUnavailable);
    EXPECT_EQ(told, 1);
    // Its answer comes late, and would be taken for that to the next question.
    ASSERT_EQ(::kill((*client)->process(), SIGCONT), 0);
    EXPECT_FALSE((*client)->sign_vote(notarize(3)));
    EXPECT_EQ((*client)->sign_handshake(kHandshake).error().code, error::SignerUnavailable);
    EXPECT_EQ(told, 1);
}

TEST_F(SignerProcess, a_hostile_node_gets_no_two_contradicting_signatures_even_with_kills) {
    TestDirectory own;
    const auto report =
        run_trial({.directory = own.path(), .requests = 20'000, .kills = 12, .latency_samples = 50}, system_clock());
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_EQ(report->contradictions, 0u) << report->first_contradiction;
    EXPECT_EQ(report->kills, 12u);
    EXPECT_GT(report->signatures, 500u);
    EXPECT_GT(report->refused, 5'000u);
}

constexpr std::string_view kResettingSigner = "resetting-signer";

/// Plays a signer that dies amid a group, with a reply on its way and a request unread: the kernel then reports the reset first.
/// The node is halted meanwhile, so that it cannot take the reply before.
int play_resetting_signer() {
    const auto answer = [](Bytes content) {
        const auto bytes = encode(Reply{0, std::nullopt, std::move(content)});
        ::send(kSocketDescriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    };
    Bytes request(1 << 16);
    ::recv(kSocketDescriptor, request.data(), request.size(), 0);
    answer(encode(Started{{.consensus = {}, .tls = Bytes(32, 1), .audit = {}}, "none"}));
    ::recv(kSocketDescriptor, request.data(), request.size(), 0);
    for (int unread = 0; unread == 0; ::usleep(1'000)) ::ioctl(kSocketDescriptor, FIONREAD, &unread);
    const auto node = ::getppid();
    ::kill(node, SIGSTOP);
    for (std::string state; state != "T"; ::usleep(1'000)) {
        std::ifstream status("/proc/" + std::to_string(node) + "/stat");
        for (std::string word; status >> word && !word.ends_with(")");) {
        }
        status >> state;
    }
    answer(Bytes(64, 1));
    ::close(kSocketDescriptor);
    ::kill(node, SIGCONT);
    return 0;
}

TEST_F(SignerProcess, never_gives_a_late_reply_to_a_later_request) {
    config_.program = directory_ / std::string{kResettingSigner};
    std::filesystem::copy_file(std::filesystem::read_symlink("/proc/self/exe"), config_.program);
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    const std::vector<Request> group{VoteRequest{notarize(1)}, VoteRequest{notarize(2)}, VoteRequest{notarize(3)}};
    const auto answers = (*client)->ask_together(group);
    ASSERT_EQ(answers.size(), 3u);
    for (const auto& answer : answers) {
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, error::SignerUnavailable);
    }
}

TEST_F(SignerProcess, signs_handshakes_with_an_ed25519_key_from_its_next_start) {
    const auto key = *crypto::TlsKey::from_secret(crypto::CertificateKey::ed25519, Bytes(32, 9));
    const auto changed = replace_tls_key(config_.keys_file, as_bytes("of the test"), key, crypto::system_random());
    ASSERT_TRUE(changed) << changed.error().text();
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_EQ((*client)->handshake_public_key(), key.public_key());
    const auto handshake = (*client)->sign_handshake(kHandshake);
    ASSERT_TRUE(handshake) << handshake.error().text();
    EXPECT_TRUE(crypto::verify_tls(key.public_key(), kHandshake, *handshake));
    EXPECT_EQ((*client)->sign_handshake(ledger::signed_bytes(5, notarize(4))).error().code,
              error::SignerRequestInvalid);
    EXPECT_TRUE((*client)->sign_vote(notarize(4)));
}

/// A SoftHSM token of its own; the file with its configuration is named by the environment, as the module wants it.
class SignerToken : public ::testing::Test {
protected:
    SignerToken() {
        const auto tokens = directory_ / "tokens";
        std::filesystem::create_directory(tokens);
        std::ofstream(directory_ / "softhsm2.conf") << "directories.tokendir = " << tokens << "\nlog.level = ERROR\n";
        ::setenv("SOFTHSM2_CONF", (directory_ / "softhsm2.conf").c_str(), 1);
        const auto made = std::system("softhsm2-util --init-token --free --label validator --so-pin 4321 --pin 1234 "
                                      ">/dev/null 2>&1");
        EXPECT_EQ(made, 0) << "softhsm2-util is missing: scripts/packages.sh --test";
        config_ = {.keys_file = directory_ / "keys.sealed", .passphrase_file = directory_ / "pin", .chain_id = 5};
        EXPECT_TRUE(crypto::write_secret_file(config_.passphrase_file, "1234\n"));
    }
    Result<PublicKeys> create(const std::string& module = "/usr/lib/softhsm/libsofthsm2.so",
                              const std::string& label = "validator", std::string_view pin = "1234",
                              crypto::CertificateKey tls = crypto::CertificateKey::p256) {
        CAIRN_LEAKS_ARE_OF_THE_TOKEN; // SoftHSM forgets the curve's name that it has parsed
        return create_token_keys_file(config_.keys_file, {module, label}, as_bytes(pin), crypto::system_random(), tls);
    }
    void rewrite_pin(const std::string& pin) {
        std::filesystem::remove(config_.passphrase_file);
        EXPECT_TRUE(crypto::write_secret_file(config_.passphrase_file, pin + "\n"));
    }
    TestDirectory directory_;
    ClientConfig config_;
};

class SignerTokenWith : public SignerToken, public ::testing::WithParamInterface<crypto::CertificateKey> {
protected:
    Result<PublicKeys> create_both() {
        return create("/usr/lib/softhsm/libsofthsm2.so", "validator", "1234", GetParam());
    }
};
INSTANTIATE_TEST_SUITE_P(TlsKey, SignerTokenWith,
                         ::testing::Values(crypto::CertificateKey::p256, crypto::CertificateKey::ed25519),
                         [](const auto& one) { return std::string{crypto::name_of(one.param)}; });

TEST_P(SignerTokenWith, signs_with_keys_that_never_leave_it_under_the_same_rules) {
    const auto keys = create_both();
    ASSERT_TRUE(keys) << keys.error().text();
    for (int round = 0; round < 2; ++round) {
        const auto client = Client::start(config_);
        ASSERT_TRUE(client) << client.error().text();
        EXPECT_EQ((*client)->keys(), *keys);
        const auto vote = (*client)->sign_vote(notarize(3));
        ASSERT_TRUE(vote);
        EXPECT_TRUE(crypto::verify(keys->consensus, ledger::signed_bytes(5, notarize(3)), *vote));
        EXPECT_FALSE((*client)->sign_vote(notarize(3, 2)));
        for (int i = 0; i < 20; ++i) {
            const auto digest = crypto::sha256(Bytes{static_cast<std::uint8_t>(i)});
            const auto message = crypto::certificate_verify(crypto::TlsSide::client, digest);
            const auto handshake = (*client)->sign_handshake(message);
            ASSERT_TRUE(handshake) << handshake.error().text();
            EXPECT_TRUE(crypto::verify_tls(keys->tls, message, *handshake));
        }
    }
    EXPECT_EQ(crypto::algorithm_of(keys->tls), GetParam());
    EXPECT_EQ(create().error().code, error::TokenKeyMissing) << "keys are never made over others";
}

TEST_F(SignerToken, gets_its_lost_file_back_from_what_officers_share) {
    const auto keys = create();
    ASSERT_TRUE(keys) << keys.error().text();
    const auto secrets = open_for_ceremony(config_.keys_file, as_bytes("1234"));
    ASSERT_TRUE(secrets) << secrets.error().text();
    EXPECT_TRUE(std::ranges::all_of(secrets->view().first(64), [](auto byte) { return byte == 0; }));
    std::filesystem::remove(config_.keys_file);
    auto& random = crypto::system_random();
    EXPECT_EQ(
        restore_sealed_keys(config_.keys_file, *secrets, as_bytes("p"), kCostForRandomPassphrase, random).error().code,
        error::KeyInvalid);
    const TokenSetup setup{"/usr/lib/softhsm/libsofthsm2.so", "validator"};
    const auto token = start_token(setup, as_bytes("1234"));
    ASSERT_TRUE(token) << token.error().text();
    const auto restored = restore_token_keys_file(config_.keys_file, setup, **token, *secrets, random);
    ASSERT_TRUE(restored) << restored.error().text();
    EXPECT_EQ(*restored, *keys);
    // With the memory that it had.
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_TRUE((*client)->sign_vote(notarize(3)));
}

TEST_P(SignerTokenWith, signs_the_request_for_the_certificate_of_its_tls_key) {
    const auto keys = create_both();
    ASSERT_TRUE(keys) << keys.error().text();
    auto token = start_token({"/usr/lib/softhsm/libsofthsm2.so", "validator"}, as_bytes("1234"));
    ASSERT_TRUE(token) << token.error().text();
    const crypto::NodeIdentity identity{"Alpha", "alpha-1", keys->consensus};
    const auto request = crypto::request_node_certificate(identity, handshakes_of(*std::move(token)));
    ASSERT_TRUE(request) << request.error().text();
    const auto asked = crypto::inspect_request(*request);
    ASSERT_TRUE(asked) << asked.error().text();
    EXPECT_EQ(asked->consensus_key, keys->consensus);
    const auto ca = *crypto::create_ca("Alpha", {1'700'000'000, 1'900'000'000}, crypto::system_random());
    const auto issued =
        crypto::issue_from_request(ca, *request, {1'700'000'000, 1'800'000'000}, crypto::system_random());
    ASSERT_TRUE(issued) << issued.error().text();
    EXPECT_EQ(*crypto::certificate_tls_key(*issued), keys->tls);
}

TEST_F(SignerToken, replaces_the_audit_key_beside_it) {
    const auto keys = create();
    ASSERT_TRUE(keys) << keys.error().text();
    const auto made = replace_audit_key(config_.keys_file, as_bytes("1234"), crypto::system_random());
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(made->before, keys->audit);
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_EQ((*client)->keys().audit, made->after);
    EXPECT_EQ((*client)->keys().consensus, keys->consensus);
    EXPECT_EQ((*client)->successions(), std::vector{*made});
    EXPECT_TRUE((*client)->sign_vote(notarize(3)));
}

TEST_F(SignerToken, names_a_wrong_pin_a_missing_token_a_missing_module_and_missing_keys) {
    EXPECT_EQ(create("/nonexistent.so").error().code, error::TokenModuleInvalid);
    EXPECT_EQ(create("/usr/lib/softhsm/libsofthsm2.so", "another").error().code, error::TokenMissing);
    EXPECT_EQ(create("/usr/lib/softhsm/libsofthsm2.so", "validator", "9999").error().code, error::TokenPinWrong);
    ASSERT_TRUE(create());
    rewrite_pin("9999");
    EXPECT_EQ(Client::start(config_).error().code, error::TokenPinWrong);
    rewrite_pin("1234");
    EXPECT_TRUE(Client::start(config_));
    const auto tokens = directory_ / "tokens";
    std::filesystem::rename(tokens, directory_ / "unplugged");
    std::filesystem::create_directory(tokens);
    EXPECT_EQ(Client::start(config_).error().code, error::TokenMissing);
    ASSERT_EQ(
        std::system("softhsm2-util --init-token --free --label validator --so-pin 4321 --pin 1234 >/dev/null 2>&1"), 0);
    EXPECT_EQ(Client::start(config_).error().code, error::TokenKeyMissing);
}

TEST_F(SignerToken, that_is_removed_while_it_runs_signs_nothing_and_says_so) {
    ASSERT_TRUE(create());
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    ASSERT_TRUE((*client)->sign_vote(notarize(1)));
    std::filesystem::remove_all(directory_ / "tokens");
    EXPECT_EQ((*client)->ask_signature(VoteRequest{notarize(2)}).error().code, error::TokenRemoved);
    EXPECT_EQ((*client)->sign_handshake(kHandshake).error().code, error::TokenRemoved);
}

/// A software TPM of its own.
class SignerTpm : public SignerProcess {
protected:
    void SetUp() override {
        for (std::uint16_t port = static_cast<std::uint16_t>(20'000 + ::getpid() % 10'000 * 4);; port += 2) {
            port_ = port;
            if (is_free(port) && is_free(static_cast<std::uint16_t>(port + 1))) break;
        }
        interface_ = "swtpm:host=127.0.0.1,port=" + std::to_string(port_);
        start_tpm();
    }
    void TearDown() override { stop_tpm(); }

    static bool is_free(std::uint16_t port) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const auto address = loopback(port);
        const bool out = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        ::close(fd);
        return out;
    }
    static sockaddr_in loopback(std::uint16_t port) {
        sockaddr_in out{};
        out.sin_family = AF_INET;
        out.sin_port = htons(port);
        out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return out;
    }
    void start_tpm() {
        const auto folder = directory_ / "tpm";
        std::filesystem::create_directories(folder);
        process_ = ::fork();
        if (process_ == 0) {
            const auto state = "dir=" + folder;
            const auto server = "type=tcp,port=" + std::to_string(port_);
            const auto control = "type=tcp,port=" + std::to_string(port_ + 1);
            ::execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--server", server.c_str(),
                     "--ctrl", control.c_str(), "--flags", "not-need-init", nullptr);
            ::_exit(127);
        }
        for (int i = 0; i < 1'000; ++i) {
            ASSERT_EQ(::waitpid(process_, nullptr, WNOHANG), 0) << "swtpm is missing: scripts/packages.sh --test";
            if (!is_free(port_) && !is_free(static_cast<std::uint16_t>(port_ + 1))) return;
            ::usleep(10'000);
        }
        FAIL() << "swtpm does not listen";
    }
    void stop_tpm() {
        ::kill(process_, SIGTERM);
        ::waitpid(process_, nullptr, 0);
    }
    Status bind() {
        return bind_to_tpm(config_.keys_file, as_bytes("of the test"), interface_, crypto::system_random());
    }
    ErrorCode start() {
        const auto client = Client::start(config_);
        return client ? ErrorCode{} : client.error().code;
    }

    std::uint16_t port_ = 0;
    std::string interface_;
    pid_t process_ = -1;
};

TEST_F(SignerTpm, opens_the_keys_only_on_this_machine_in_this_state) {
    const auto bound = bind();
    ASSERT_TRUE(bound) << bound.error().text();
    for (int i = 0; i < 3; ++i) {
        const auto client = Client::start(config_);
        ASSERT_TRUE(client) << client.error().text();
        EXPECT_TRUE((*client)->sign_vote(notarize(static_cast<std::uint64_t>(i) + 1)));
    }
    EXPECT_FALSE(bind()) << "bound once";
    // Another value in a register: another boot loader, say.
    const auto extend = "tpm2_pcrextend -T " + interface_ + " 4:sha256=" + std::string(64, 'a') + " >/dev/null 2>&1";
    ASSERT_EQ(std::system(extend.c_str()), 0);
    EXPECT_EQ(start(), error::TpmPolicy);
    stop_tpm();
    EXPECT_EQ(start(), error::TpmMissing);
    // Another TPM.
    std::filesystem::remove_all(directory_ / "tpm");
    start_tpm();
    EXPECT_EQ(start(), error::TpmRefused);
    // The way back: the recovery copy, with the passphrase alone and the same memory.
    std::filesystem::rename(config_.keys_file + ".recovery", config_.keys_file);
    const auto client = Client::start(config_);
    ASSERT_TRUE(client) << client.error().text();
    EXPECT_FALSE((*client)->sign_vote(notarize(3, 2)));
}

TEST_F(SignerTpm, notices_that_everything_on_the_disk_was_put_back) {
    ASSERT_TRUE(bind());
    ASSERT_EQ(start(), ErrorCode{});
    const auto copy = directory_ / "copy";
    std::filesystem::create_directory(copy);
    const std::string files[] = {"keys.sealed.state.0", "keys.sealed.state.1", "witness"};
    for (const auto& file : files) std::filesystem::copy_file(directory_ / file, copy + "/" + file);
    {
        const auto client = Client::start(config_);
        ASSERT_TRUE(client);
        EXPECT_TRUE((*client)->sign_vote(notarize(9)));
    }
    // The memory and the node's witness of it, both as they were before.
    for (const auto& file : files)
        std::filesystem::copy_file(copy + "/" + file, directory_ / file,
                                   std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(start(), error::SignerRolledBack);
}

TEST(SignerSandbox, refuses_files_sockets_processes_programs_and_executable_memory) {
    const auto refused = [](const std::function<bool()>& act) {
        return in_child([&] {
            if (!enter_sandbox(Sandbox::strict)) return 9;
            return act() ? 1 : 0;
        });
    };
    EXPECT_EQ(refused([] { return ::open("/etc/hostname", O_RDONLY) >= 0; }), 0);
    EXPECT_EQ(refused([] { return ::open("/tmp/cairn-sandbox-test", O_RDWR | O_CREAT, 0600) >= 0; }), 0);
    EXPECT_EQ(refused([] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }), 0);
    EXPECT_EQ(refused([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }), 0);
    EXPECT_EQ(refused([] {
                  const auto child = ::fork();
                  if (child == 0) ::_exit(0);
                  return child > 0;
              }),
              0);
    EXPECT_EQ(refused([] {
                  return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
              }),
              0);
    EXPECT_EQ(refused([] { return ::kill(::getppid(), 0) == 0; }), 0);
    EXPECT_EQ(refused([] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0; }), 0);
    // And it does sign there: memory, random numbers and an open file stay.
    EXPECT_EQ(refused([] { return crypto::ValidatorKey::from_seed({}).sign(as_bytes("x")).is_zero(); }), 0);
}

TEST(SignerSandbox, has_namespaces_of_its_own_or_says_that_it_has_not) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        ::close(ends[0]); // the end of the other side ends this one
        const auto report = enter_sandbox(Sandbox::strict).value_or("refused");
        (void)!::write(ends[1], report.data(), report.size());
        char byte = 0;
        ::recv(ends[1], &byte, 1, 0);
        ::_exit(0);
    }
    ::close(ends[1]);
    char text[1024];
    const auto length = ::read(ends[0], text, sizeof text);
    const std::string report(text, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    std::map<std::string, bool> differs;
    for (const std::string kind : {"net", "ipc", "mnt", "uts"}) {
        std::error_code error;
        const auto own = std::filesystem::read_symlink("/proc/self/ns/" + kind);
        const auto other = std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/ns/" + kind, error);
        // A process that is not dumpable shows itself to the privileged alone; to others the refusal is all there is to see.
        if (error)
            EXPECT_EQ(error, std::errc::permission_denied) << error.message();
        else
            differs[kind] = own != other;
    }
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    const bool claims = report.find(", namespaces of its own") != std::string::npos;
    EXPECT_NE(claims, report.find("WARNING: in the machine's namespaces") != std::string::npos) << report;
    for (const auto& [kind, different] : differs) EXPECT_EQ(different, claims) << kind << ": " << report;
}

TEST(SignerSandbox, no_program_runs_in_it) {
    // /bin/false would end with 1; only a refused exec gets to 42.
    EXPECT_EQ(in_child([] {
                  if (!enter_sandbox(Sandbox::strict)) return 9;
                  char name[] = "/bin/false";
                  char* words[] = {name, nullptr};
                  ::execv(name, words);
                  return 42;
              }),
              42);
    EXPECT_EQ(in_child([] {
                  if (!enter_sandbox(Sandbox::token)) return 9;
                  char name[] = "/bin/false";
                  char* words[] = {name, nullptr};
                  ::execv(name, words);
                  return ::open("/etc/hostname", O_RDONLY) >= 0 && ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? 42 : 2;
              }),
              42);
}

TEST(SignerSandbox, a_signer_without_a_node_says_so) {
    EXPECT_EQ(in_child([] {
                  ::close(kSocketDescriptor);
                  const auto status = serve();
                  return !status && status.error().code == error::SignerByHand ? 42 : 1;
              }),
              42);
}

} // namespace
} // namespace cairn::signer

int main(int count, char** words) {
    if (std::filesystem::read_symlink("/proc/self/exe").filename() == cairn::signer::kResettingSigner)
        return cairn::signer::play_resetting_signer();
    if (count > 1 && std::string_view{words[1]} == "signer") return cairn::signer::serve() ? 0 : 1;
    ::testing::InitGoogleTest(&count, words);
    return RUN_ALL_TESTS();
}
