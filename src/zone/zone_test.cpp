#include "audit/test_log.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "storage/faulty_files.hpp"
#include "zone/listeners.hpp"
#include "zone/management.hpp"
#include "zone/regulator.hpp"

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <set>
#include <thread>

namespace cairn::zone {
namespace {

using audit::TestClock;
using audit::TestSealer;
using nlohmann::json;

constexpr std::int64_t kNow = 1'800'000'000;

Bytes der_of(const crypto::CertifiedKey& pair) { return crypto::certificate_der(pair.certificate_pem).value(); }

struct Organisation {
    explicit Organisation(const std::string& name_)
        : name(name_), ca(*crypto::create_ca(name_, validity(), crypto::system_random())) {}
    /// Real time, because TLS looks at the machine's clock.
    static crypto::Validity validity() {
        static const auto now = system_clock().wall().count() / 1000;
        return {now - 3'600, now + 3'600};
    }
    crypto::CertifiedKey issue(crypto::ZoneRole role, const std::string& who,
                               crypto::Validity when = validity()) const {
        auto issued = crypto::issue_zone_certificate(
            ca, {.role = role, .organisation = name, .name = who, .hosts = {"127.0.0.1"}}, when,
            crypto::system_random());
        EXPECT_TRUE(issued) << issued.error().text();
        return issued ? std::move(*issued) : crypto::CertifiedKey{};
    }
    std::string name;
    crypto::CertifiedKey ca;
};

class Desk : public testing::Test {
protected:
    void SetUp() override {
        clock_.now = kNow * 1000;
        auto opened = audit::open_trail(files_, audit::test_config("audit"), sealer_, clock_);
        ASSERT_TRUE(opened);
        trail_ = std::move(opened->trail);
        std::vector<Command> commands;
        commands.push_back(
            {"look", "", Level::read, {}, [](const Person&, const auto&) { return Result<std::string>{"{}"}; }});
        commands.push_back({"change", "", Level::act, {"what"}, [this](const Person&, const auto& arguments) {
                                ++changes_;
                                last_ = arguments.contains("what") ? arguments.at("what") : "";
                                return Result<std::string>{"{}"};
                            }});
        commands.push_back({"stop", "", Level::highest, {}, [this](const Person&, const auto&) {
                                ++stops_;
                                return Result<std::string>{"{}"};
                            }});
        commands.push_back({"break", "", Level::act, {}, [](const Person&, const auto&) -> Result<std::string> {
                                return fail(error::ZoneFileInvalid, "it broke");
                            }});
        ManagementConfig config;
        config.node = "alpha-1";
        config.organisation = "Alpha";
        config.directory = directory_ / "management";
        auto desk = CommandDesk::open(config, std::move(commands), *trail_, clock_);
        ASSERT_TRUE(desk) << desk.error().text();
        desk_ = std::move(*desk);
    }

    CommandRequest request(const std::string& command, const std::string& code = {}) {
        std::uint8_t nonce[16];
        crypto::system_random().fill(nonce);
        return {
            .command = command, .arguments = {}, .nonce = to_hex_digits(nonce), .time = clock_.wall(), .code = code};
    }
    TlsRequest signed_by(const crypto::CertifiedKey& person, const CommandRequest& request,
                         const std::string& node = "alpha-1") {
        TlsRequest out{
            .remote = "127.0.0.1", .certificate = der_of(person), .path = "/command", .body = to_json(request)};
        out.signature = to_hex(crypto::sign_p256(person.key_pem.view(), signed_bytes(node, out.body)).value());
        return out;
    }
    ErrorCode refusal(const TlsRequest& request) {
        const auto result = desk_->take(request);
        EXPECT_FALSE(result);
        return result ? ErrorCode{} : result.error().code;
    }
    std::string enrol(const crypto::CertifiedKey& person) {
        const auto answer = desk_->take(signed_by(person, request("enrol-second-factor")));
        EXPECT_TRUE(answer) << answer.error().text();
        return answer ? json::parse(*answer)["authenticator"].get<std::string>() : "";
    }
    std::string code(const std::string& uri) { return code_of(uri, clock_.wall().count() / 1000).value(); }
    std::vector<audit::Event> events() {
        EXPECT_TRUE(trail_->flush());
        std::vector<audit::Event> out;
        const auto report =
            audit::verify_log(files_, "audit", {}, [&](const audit::Event& event) { out.push_back(event); });
        EXPECT_TRUE(report && report->findings_total == 0);
        return out;
    }

    storage::TestDirectory directory_;
    storage::FaultyFileSystem files_{1};
    TestSealer sealer_;
    TestClock clock_;
    std::unique_ptr<audit::Trail> trail_;
    std::unique_ptr<CommandDesk> desk_;
    Organisation alpha_{"Alpha"}, beta_{"Beta"};
    crypto::CertifiedKey alice_ = alpha_.issue(crypto::ZoneRole::administrator, "alice");
    int changes_ = 0, stops_ = 0;
    std::string last_;
};

TEST_F(Desk, does_what_an_administrator_signed_and_records_it_first) {
    auto wanted = request("change");
    wanted.arguments["what"] = "this";
    ASSERT_TRUE(desk_->take(signed_by(alice_, wanted)));
    EXPECT_EQ(last_, "this");
    const auto all = events();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].action, "admin.change");
    EXPECT_EQ(all[0].subject, "administrator alice");
    EXPECT_EQ(all[0].identity, "Alpha");
    EXPECT_EQ(all[0].origin, "management 127.0.0.1");
    EXPECT_EQ(all[0].reason, "what=this; nonce " + wanted.nonce);
}

TEST_F(Desk, refuses_a_replay) {
    const auto sent = signed_by(alice_, request("change"));
    ASSERT_TRUE(desk_->take(sent));
    EXPECT_EQ(refusal(sent), error::ZoneReplay);
    clock_.now += 20'000;
    EXPECT_EQ(refusal(sent), error::ZoneReplay);
    clock_.now += 30'000;
    EXPECT_EQ(refusal(sent), error::ZoneRequestStale);
    EXPECT_EQ(changes_, 1);
}

TEST_F(Desk, refuses_another_time) {
    for (const std::int64_t shift : {-30'001, 30'001}) {
        auto wanted = request("change");
        wanted.time += Milliseconds{shift};
        EXPECT_EQ(refusal(signed_by(alice_, wanted)), error::ZoneRequestStale);
    }
    auto wanted = request("change");
    wanted.time += Milliseconds{30'000};
    EXPECT_TRUE(desk_->take(signed_by(alice_, wanted)));
}

TEST_F(Desk, refuses_a_signature_for_another_node_body_or_key) {
    EXPECT_EQ(refusal(signed_by(alice_, request("change"), "beta-1")), error::ZoneSignatureInvalid);
    auto changed = signed_by(alice_, request("look"));
    changed.body.replace(changed.body.find("look"), 4, "stop");
    EXPECT_EQ(refusal(changed), error::ZoneSignatureInvalid);
    const auto bob = alpha_.issue(crypto::ZoneRole::administrator, "bob");
    auto borrowed = signed_by(alice_, request("change"));
    borrowed.certificate = der_of(bob);
    EXPECT_EQ(refusal(borrowed), error::ZoneSignatureInvalid);
    EXPECT_EQ(changes_, 0);
}

TEST_F(Desk, admits_only_administrators_of_its_organisation_from_listed_terminals) {
    EXPECT_EQ(refusal(signed_by(alpha_.issue(crypto::ZoneRole::regulator, "alice"), request("look"))),
              error::ZoneIdentityRefused);
    EXPECT_EQ(refusal(signed_by(alpha_.issue(crypto::ZoneRole::management, "alpha-1"), request("look"))),
              error::ZoneIdentityRefused);
    EXPECT_EQ(refusal(signed_by(beta_.issue(crypto::ZoneRole::administrator, "alice"), request("look"))),
              error::ZoneIdentityRefused);
    auto foreign = signed_by(alice_, request("look"));
    foreign.remote = "10.0.0.1";
    EXPECT_EQ(refusal(foreign), error::ZoneOriginRefused);
    foreign.certificate.clear();
    foreign.remote = "127.0.0.1";
    EXPECT_EQ(refusal(foreign), error::ZoneIdentityRefused);
}

TEST_F(Desk, knows_a_closed_list_of_commands) {
    for (const auto* command : {"shell", "look ", "LOOK", "exec", "../look"})
        EXPECT_EQ(refusal(signed_by(alice_, request(command))), error::ZoneCommandUnknown) << command;
    auto wanted = request("change");
    wanted.arguments["file"] = "/etc/passwd";
    EXPECT_EQ(refusal(signed_by(alice_, wanted)), error::ZoneRequestInvalid);
    const auto list = desk_->take(signed_by(alice_, request("commands")));
    ASSERT_TRUE(list);
    EXPECT_EQ(json::parse(*list).size(), 7u);
    for (const auto& event : events())
        EXPECT_EQ(event.outcome, event.action == "admin.commands" ? audit::Outcome::accepted : audit::Outcome::refused);
}

TEST_F(Desk, the_highest_commands_need_both_factors) {
    EXPECT_EQ(refusal(signed_by(alice_, request("stop"))), error::ZoneSecondFactor);
    const auto uri = enrol(alice_);
    EXPECT_EQ(refusal(signed_by(alice_, request("stop"))), error::ZoneSecondFactor);
    EXPECT_EQ(refusal(signed_by(alice_, request("stop", "000000"))), error::ZoneSecondFactor);
    const auto bob = alpha_.issue(crypto::ZoneRole::administrator, "bob");
    EXPECT_EQ(refusal(signed_by(bob, request("stop", code(uri)))), error::ZoneSecondFactor) << "the code of another";
    EXPECT_EQ(stops_, 0);
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("stop", code(uri)))));
    EXPECT_EQ(stops_, 1);
    EXPECT_EQ(refusal(signed_by(alice_, request("stop", code(uri)))), error::ZoneSecondFactor) << "a code works once";
    clock_.now += 60'000;
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("stop", code(uri)))));
}

TEST_F(Desk, a_second_factor_is_replaced_only_by_who_has_it) {
    const auto uri = enrol(alice_);
    EXPECT_EQ(refusal(signed_by(alice_, request("enrol-second-factor"))), error::ZoneEnrolled);
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("enrol-second-factor", code(uri)))));
    clock_.now += 60'000;
    EXPECT_EQ(refusal(signed_by(alice_, request("stop", code(uri)))), error::ZoneSecondFactor) << "the old one";
}

TEST_F(Desk, n_wrong_tries_lock_out_and_another_person_unlocks) {
    const auto bob = alpha_.issue(crypto::ZoneRole::administrator, "bob");
    const auto uri = enrol(bob);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(refusal(signed_by(alice_, request("look"), "beta-1")), error::ZoneSignatureInvalid);
    EXPECT_EQ(refusal(signed_by(alice_, request("look"))), error::ZoneLocked);
    EXPECT_TRUE(desk_->take(signed_by(bob, request("look")))) << "others go on";
    auto unlock = request("unlock", code(uri));
    unlock.arguments["name"] = "alice";
    EXPECT_TRUE(desk_->take(signed_by(bob, unlock)));
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("look"))));
    for (int i = 0; i < 5; ++i) (void)refusal(signed_by(alice_, request("look"), "beta-1"));
    EXPECT_EQ(refusal(signed_by(alice_, request("look"))), error::ZoneLocked);
    clock_.now += 15 * 60'000 + 1;
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("look"))));
}

TEST_F(Desk, every_request_is_an_event) {
    std::mt19937_64 random{7};
    std::uint64_t requests = 0, accepted = 0, failed = 0;
    for (int i = 0; i < 200; ++i) {
        clock_.now += 16 * 60'000; // nobody stays locked out
        auto wanted =
            signed_by(alice_, request(std::array{"look", "change", "stop", "break", "nonsense"}[random() % 5]));
        if (random() % 4 == 0) wanted.remote = "10.1.1.1";
        if (random() % 4 == 0) wanted.body += " ";
        const auto broke = wanted.body.find("\"break\"") != std::string::npos;
        ++requests;
        const auto result = desk_->take(wanted);
        if (result) ++accepted;
        if (!result && broke && result.error().code == error::ZoneFileInvalid) ++failed;
    }
    std::map<audit::Outcome, std::uint64_t> counts;
    for (const auto& event : events()) ++counts[event.outcome];
    EXPECT_EQ(counts[audit::Outcome::accepted], accepted + failed);
    EXPECT_EQ(counts[audit::Outcome::refused], requests - accepted - failed);
    EXPECT_EQ(counts[audit::Outcome::failed], failed);
    EXPECT_GT(failed, 0u);
}

TEST_F(Desk, a_dead_audit_sink_stops_all_commands) {
    ASSERT_TRUE(desk_->take(signed_by(alice_, request("change"))));
    files_.syncs_until_error = 0;
    EXPECT_EQ(refusal(signed_by(alice_, request("change"))), error::AuditSinkFailed);
    EXPECT_EQ(refusal(signed_by(alice_, request("change"))), error::AuditSinkFailed);
    EXPECT_EQ(changes_, 1);
}

TEST(Request, refuses_what_is_malformed) {
    const std::string good =
        R"({"command":"look","arguments":{},"nonce":"00112233445566778899aabbccddeeff","time":1800000000000})";
    EXPECT_TRUE(request_from_json(good));
    const auto with = [&](const char* from, const char* to) {
        auto text = good;
        text.replace(text.find(from), std::strlen(from), to);
        return text;
    };
    for (const auto& bad :
         {std::string{}, std::string{"[]"}, with("look", ""), with("\"look\"", "7"), with("0011", "00XX"),
          with("0011", "00"), with("1800000000000", "-1"), with("1800000000000", "0"), with("{}", "{\"a\":1}"),
          with("{}", "{\"a\":{\"b\":{\"c\":{}}}}"), with("}", ",\"x\":1}"), good + std::string(kRequestBytesMax, ' ')})
        EXPECT_FALSE(request_from_json(bad)) << bad.substr(0, 100);
}

TEST(Request, origins_are_addresses_and_networks) {
    EXPECT_TRUE(origin_listed("127.0.0.1", {"127.0.0.0/8"}));
    EXPECT_TRUE(origin_listed("10.0.0.7", {"10.0.0.7"}));
    EXPECT_TRUE(origin_listed("::ffff:10.0.0.7", {"10.0.0.0/24"}));
    EXPECT_TRUE(origin_listed("fd00::1", {"fd00::/64"}));
    EXPECT_FALSE(origin_listed("10.0.1.7", {"10.0.0.0/24"}));
    EXPECT_FALSE(origin_listed("10.0.0.7", {"10.0.0.8", "10.0.0.0/33", "10.0.0.0/x", "nonsense", "fd00::/64"}));
    EXPECT_FALSE(origin_listed("10.0.0.7", {}));
}

TEST(SecondFactor, fits_rfc_6238_and_is_sealed) {
    // Appendix B, SHA-1, T = 59 and 1111111109, six digits.
    const std::string uri = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=6";
    EXPECT_EQ(code_of(uri, 59), "287082");
    EXPECT_EQ(code_of(uri, 1'111'111'109), "081804");
    storage::TestDirectory directory;
    const auto path = directory / "factors";
    {
        auto factors = SecondFactors::open(path);
        ASSERT_TRUE(factors);
        const auto authenticator = (*factors)->enrol("alice", "alpha-1", crypto::system_random());
        ASSERT_TRUE(authenticator);
        const std::string text{authenticator->uri.view()};
        EXPECT_TRUE((*factors)->check("alice", *code_of(text, kNow), kNow));
        std::ifstream in{path + "/alice.factor", std::ios::binary};
        const std::string stored{std::istreambuf_iterator<char>{in}, {}};
        const auto secret = text.substr(text.find("secret=") + 7, 32);
        EXPECT_EQ(stored.find(secret), std::string::npos);
    }
    // One person's factor does not serve another, and a flipped byte is noticed.
    std::filesystem::copy_file(path + "/alice.factor", path + "/bob.factor");
    auto factors = SecondFactors::open(path);
    ASSERT_TRUE(factors);
    EXPECT_EQ((*factors)->check("bob", "123456", kNow).error().code, error::ZoneFileInvalid);
    std::fstream file{path + "/alice.factor", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(40);
    file.put('\x01');
    file.close();
    EXPECT_EQ((*factors)->check("alice", "123456", kNow + 90).error().code, error::ZoneFileInvalid);
}

TEST(Listeners, no_listener_serves_two_zones) {
    const Listener peer{.zone = "peer", .address = "0.0.0.0", .port = 30300};
    EXPECT_TRUE(check_listeners({peer, {.zone = "client", .address = "127.0.0.1", .port = 8545}}));
    EXPECT_EQ(check_listeners({peer, {.zone = "client", .address = "127.0.0.1", .port = 30300}}).error().code,
              error::ZoneConflict);
    EXPECT_EQ(check_listeners({{.zone = "management", .address = "127.0.0.1", .port = 1},
                               {.zone = "regulator", .address = "127.0.0.1", .port = 1}})
                  .error()
                  .code,
              error::ZoneConflict);
    EXPECT_TRUE(check_listeners({{.zone = "management", .address = "127.0.0.1", .port = 1},
                                 {.zone = "regulator", .address = "127.0.0.2", .port = 1}}));
}

TEST(Listeners, rules_say_who_may_connect_to_what) {
    const auto rules = nftables_rules(
        {{.zone = "peer", .address = "0.0.0.0", .port = 30300},
         {.zone = "client", .address = "127.0.0.1", .port = 8545},
         {.zone = "management", .address = "10.0.0.2", .port = 8600, .origins = {"127.0.0.0/8", "10.0.9.0/24"}}},
        {22});
    EXPECT_NE(rules.find("        tcp dport 30300 ct state new counter accept comment \"peer\"\n"), std::string::npos);
    EXPECT_NE(rules.find("        ip saddr 10.0.9.0/24 ip daddr 10.0.0.2 tcp dport 8600 ct state new"),
              std::string::npos);
    EXPECT_NE(rules.find("        tcp dport 22 accept\n"), std::string::npos);
    EXPECT_EQ(rules.find("dport 8545"), std::string::npos);
    EXPECT_EQ(rules.find("saddr 127"), std::string::npos);
}

class MovableTrust final : public CertificateTrust {
public:
    std::optional<std::vector<Bytes>> cas_of(std::string_view organisation) const override {
        const std::lock_guard lock(mutex_);
        const auto found = cas_.find(std::string{organisation});
        return found == cas_.end() ? std::nullopt : std::optional{found->second};
    }
    bool is_revoked(std::string_view organisation, const Hash256& id) const override {
        const std::lock_guard lock(mutex_);
        ++questions_;
        return revoked_.contains({std::string{organisation}, id});
    }
    /// Until so many certificates were found good: each is asked for by its own hash and its key's.
    void wait_for_good(std::size_t certificates) const {
        for (;; std::this_thread::sleep_for(std::chrono::milliseconds{1})) {
            const std::lock_guard lock(mutex_);
            if (questions_ >= 2 * certificates) return;
        }
    }
    void set(const std::string& organisation, const std::vector<const crypto::CertifiedKey*>& cas) {
        const std::lock_guard lock(mutex_);
        cas_[organisation].clear();
        for (const auto* ca : cas) cas_[organisation].push_back(der_of(*ca));
    }
    void revoke(const std::string& organisation, const Hash256& id) {
        const std::lock_guard lock(mutex_);
        revoked_.emplace(organisation, id);
    }

private:
    mutable std::mutex mutex_;
    mutable std::size_t questions_ = 0;
    std::map<std::string, std::vector<Bytes>> cas_;
    std::set<std::pair<std::string, Hash256>> revoked_;
};

/// A client that says nothing of its own, and hears why it is refused.
class Client {
public:
    Client(std::uint16_t port, const std::string& certificate, const std::string& key, const char* suites = nullptr) {
        EXPECT_EQ(SSL_CTX_use_certificate_file(context_.get(), certificate.c_str(), SSL_FILETYPE_PEM), 1);
        EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM), 1);
        if (suites != nullptr) SSL_CTX_set_ciphersuites(context_.get(), suites);
        SSL_CTX_set_app_data(context_.get(), this);
        SSL_CTX_set_info_callback(context_.get(), [](const SSL* ssl, int where, int value) {
            if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT)
                static_cast<Client*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->alert = value & 0xff;
        });
        sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        session_.reset(SSL_new(context_.get()));
        SSL_set_fd(session_.get(), socket_);
        connected = SSL_connect(session_.get()) == 1;
    }
    ~Client() { ::close(socket_); }
    Client(const Client&) = delete;
    /// Waits until the server says something or ends the connection; the test runner's limit is the only clock here.
    std::string read() {
        std::string out(64 * 1024, '\0');
        const int length = SSL_read(session_.get(), out.data(), static_cast<int>(out.size()));
        out.resize(static_cast<std::size_t>(std::max(length, 0)));
        return out;
    }
    std::string ask() {
        const std::string body = R"({"question":"audit-records"})";
        const auto request =
            "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n\r\n" + body;
        EXPECT_EQ(SSL_write(session_.get(), request.data(), static_cast<int>(request.size())),
                  static_cast<int>(request.size()));
        std::string out;
        for (auto part = read(); !part.empty(); part = read()) out += part;
        return out;
    }
    int chain_length() const { return sk_X509_num(SSL_get_peer_cert_chain(session_.get())); }
    Hash256 server_fingerprint() const {
        const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(session_.get()),
                                                                      X509_free);
        unsigned char* der = nullptr;
        const int length = i2d_X509(certificate.get(), &der);
        const auto info = crypto::inspect_certificate_der({der, static_cast<std::size_t>(length)});
        OPENSSL_free(der);
        return info.value().fingerprint;
    }

    bool connected = false;
    int alert = 0;

private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
    int socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    std::unique_ptr<SSL, decltype(&SSL_free)> session_{nullptr, SSL_free};
};

/// A listener of each zone, with real TLS.
class Zones : public testing::Test {
protected:
    void SetUp() override {
        auto opened = audit::open_trail(storage::posix_file_system(), audit::test_config(directory_ / "audit"), sealer_,
                                        system_clock());
        ASSERT_TRUE(opened);
        trail_ = std::move(opened->trail);
        trust_->set("Alpha", {&alpha_.ca});
        trust_->set("Beta", {&beta_.ca});
        ManagementConfig management;
        management.tls = tls("management");
        management.node = "alpha-1";
        management.organisation = "Alpha";
        management.directory = directory_ / "management";
        auto first = start_management(management, {}, *trail_, system_clock());
        ASSERT_TRUE(first) << first.error().text();
        management_ = std::move(*first);
        RegulatorConfig regulator{.tls = tls("regulation"), .node = "alpha-1", .audit_directory = directory_ / "audit"};
        auto second = start_regulator(regulator, {}, storage::posix_file_system(), *trail_);
        ASSERT_TRUE(second) << second.error().text();
        regulator_ = std::move(*second);
    }
    TlsServerConfig tls(const std::string& name) {
        const auto role = name == "management" ? crypto::ZoneRole::management : crypto::ZoneRole::regulation;
        write(name, alpha_.issue(role, "alpha-1"));
        std::ofstream{directory_ / "ca.pem"} << alpha_.ca.certificate_pem;
        return {.name = name,
                .certificate_file = directory_ / (name + ".pem"),
                .key_file = directory_ / (name + ".key"),
                .client_ca_file = directory_ / "ca.pem",
                .idle_seconds = 1,
                .trust = trust_,
                .file_check = Milliseconds{20}};
    }
    /// Nothing but a revocation ends its sessions within the time of a test.
    std::unique_ptr<RegulatorServer> patient_regulator() {
        RegulatorConfig config{.tls = tls("regulation"), .node = "alpha-1", .audit_directory = directory_ / "audit"};
        config.tls.idle_seconds = 600;
        auto server = start_regulator(config, {}, storage::posix_file_system(), *trail_);
        EXPECT_TRUE(server);
        return server ? std::move(*server) : nullptr;
    }
    std::unique_ptr<Client> raw(std::uint16_t port, const std::string& person, const char* suites = nullptr) {
        return std::make_unique<Client>(port, directory_ / (person + ".pem"), directory_ / (person + ".key"), suites);
    }
    /// The alert that ends the session of a person who then waits.
    int alert(std::uint16_t port, const std::string& person, const char* suites = nullptr) {
        const auto client = raw(port, person, suites);
        if (client->connected) (void)client->read();
        return client->alert;
    }
    static crypto::CertificateInfo info(const crypto::CertifiedKey& pair) {
        return crypto::inspect_certificate(pair.certificate_pem).value();
    }
    void write(const std::string& name, const crypto::CertifiedKey& pair) {
        std::ofstream{directory_ / (name + ".pem")} << pair.certificate_pem;
        std::ofstream{directory_ / (name + ".key")} << pair.key_pem.view();
    }
    std::unique_ptr<httplib::SSLClient> client(std::uint16_t port, const std::string& person) {
        auto out = person.empty()
                       ? std::make_unique<httplib::SSLClient>("127.0.0.1", port)
                       : std::make_unique<httplib::SSLClient>("127.0.0.1", port, directory_ / (person + ".pem"),
                                                              directory_ / (person + ".key"));
        out->set_ca_cert_path((directory_ / "ca.pem").c_str());
        out->enable_server_certificate_verification(true);
        return out;
    }
    int status(std::uint16_t port, const std::string& person) {
        const auto answer = client(port, person)->Post("/x", R"({"question":"audit-records"})", "application/json");
        return answer ? answer->status : 0;
    }
    std::vector<std::string> reasons(const std::string& action) {
        EXPECT_TRUE(trail_->flush());
        std::vector<std::string> out;
        (void)audit::verify_log(storage::posix_file_system(), directory_ / "audit", {}, [&](const audit::Event& event) {
            if (event.action == action) out.push_back(event.reason);
        });
        return out;
    }
    std::vector<std::string> objects(const std::string& action) {
        EXPECT_TRUE(trail_->flush());
        std::vector<std::string> out;
        (void)audit::verify_log(storage::posix_file_system(), directory_ / "audit", {}, [&](const audit::Event& event) {
            if (event.action == action) out.push_back(event.object);
        });
        return out;
    }

    storage::TestDirectory directory_;
    TestSealer sealer_;
    std::shared_ptr<MovableTrust> trust_ = std::make_shared<MovableTrust>();
    std::unique_ptr<audit::Trail> trail_;
    std::unique_ptr<ManagementServer> management_;
    std::unique_ptr<RegulatorServer> regulator_;
    Organisation alpha_{"Alpha"}, beta_{"Beta"};
};

TEST_F(Zones, nobody_without_the_right_certificate_gets_in) {
    const auto now = system_clock().wall().count() / 1000;
    write("alice", alpha_.issue(crypto::ZoneRole::administrator, "alice"));
    write("mallory", beta_.issue(crypto::ZoneRole::administrator, "mallory"));
    write("expired", alpha_.issue(crypto::ZoneRole::administrator, "old", {now - 3'000, now - 2'000}));
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    EXPECT_EQ(status(management_->port(), ""), 0);
    EXPECT_EQ(status(management_->port(), "mallory"), 0);
    EXPECT_EQ(status(management_->port(), "expired"), 0);
    EXPECT_EQ(status(management_->port(), "alice"), 403) << "not signed";
    EXPECT_EQ(status(management_->port(), "super"), 403);
    EXPECT_EQ(status(regulator_->port(), "alice"), 403);
    EXPECT_EQ(status(regulator_->port(), "super"), 200);
    httplib::Client plain("127.0.0.1", management_->port());
    const auto answer = plain.Post("/command", "{}", "application/json");
    EXPECT_FALSE(answer && answer->status == 200);
    EXPECT_EQ(reasons("management.refused").size(), 1u) << "the first; its like are counted";
    EXPECT_EQ(reasons("regulator.read").size(), 2u);
}

TEST_F(Zones, a_regulator_reads_the_signed_records_and_is_recorded_itself) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    for (std::uint64_t i = 0; i < 50; ++i)
        ASSERT_TRUE(trail_->append(audit::test_event(i), audit::Durability::grouped));
    ASSERT_TRUE(trail_->flush());
    const auto answer =
        client(regulator_->port(), "super")
            ->Post("/question", R"({"question":"audit-events","arguments":{"result":"refused"}})", "application/json");
    ASSERT_TRUE(answer && answer->status == 200);
    EXPECT_EQ(json::parse(answer->body)["events"].size(), 8u);
    const auto page =
        client(regulator_->port(), "super")
            ->Post("/question", R"({"question":"audit-records","arguments":{"limit":"10"}})", "application/json");
    ASSERT_TRUE(page && page->status == 200);
    EXPECT_EQ(json::parse(page->body)["records"].size(), 10u);
    EXPECT_EQ(reasons("regulator.read").size(), 2u);
    const auto nothing =
        client(regulator_->port(), "super")->Post("/question", R"({"question":"stop"})", "application/json");
    ASSERT_TRUE(nothing);
    EXPECT_EQ(nothing->status, 403);
}

TEST_F(Zones, a_certificate_is_replaced_while_the_listener_runs_and_a_bad_one_is_not_taken) {
    write("alice", alpha_.issue(crypto::ZoneRole::administrator, "alice"));
    std::ofstream{directory_ / "management.pem"} << "nonsense";
    EXPECT_EQ(management_->reload().error().code, error::ZoneFileInvalid);
    EXPECT_EQ(status(management_->port(), "alice"), 403);
    write("management", alpha_.issue(crypto::ZoneRole::management, "alpha-1"));
    EXPECT_TRUE(management_->reload());
    EXPECT_EQ(status(management_->port(), "alice"), 403);
}

TEST_F(Zones, an_idle_session_ends) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto session = raw(regulator_->port(), "super");
    ASSERT_TRUE(session->connected);
    EXPECT_EQ(session->read(), "") << "returns when the server ends the session";
}

TEST_F(Zones, a_revoked_certificate_is_refused_at_the_handshake) {
    const auto alice = alpha_.issue(crypto::ZoneRole::administrator, "alice");
    const auto super = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("alice", alice);
    write("super", super);
    trust_->revoke("Beta", info(alice).fingerprint);
    EXPECT_EQ(status(management_->port(), "alice"), 403) << "another organisation revokes nothing of Alpha's";
    trust_->revoke("Alpha", info(alice).fingerprint);
    trust_->revoke("Alpha", info(super).fingerprint);
    EXPECT_EQ(alert(management_->port(), "alice"), SSL_AD_CERTIFICATE_REVOKED);
    EXPECT_EQ(alert(regulator_->port(), "super"), SSL_AD_CERTIFICATE_REVOKED);
    EXPECT_EQ(status(management_->port(), "alice"), 0);
    for (const std::string zone : {"management", "regulator"}) {
        const auto why = reasons(zone + ".refused");
        ASSERT_EQ(why.size(), 1u);
        EXPECT_NE(why[0].find(error_id(error::CertificateRevoked)), std::string::npos) << why[0];
    }
    EXPECT_EQ(objects("management.refused"),
              std::vector<std::string>{"management listener, certificate of administrator alice"});
    // A new key and certificate of the same person enter.
    write("alice", alpha_.issue(crypto::ZoneRole::administrator, "alice"));
    EXPECT_EQ(status(management_->port(), "alice"), 403) << "not signed";
}

TEST_F(Zones, a_revoked_key_is_refused_in_every_certificate) {
    const auto first = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("super", first);
    auto second = crypto::reissue_zone_certificate(alpha_.ca, first.certificate_pem, Organisation::validity(),
                                                   crypto::system_random());
    ASSERT_TRUE(second) << second.error().text();
    std::ofstream{directory_ / "again.pem"} << *second;
    std::ofstream{directory_ / "again.key"} << first.key_pem.view();
    EXPECT_EQ(status(regulator_->port(), "again"), 200);
    trust_->revoke("Alpha", info(first).key_id);
    for (const auto* person : {"super", "again"})
        EXPECT_EQ(alert(regulator_->port(), person), SSL_AD_CERTIFICATE_REVOKED) << person;
}

TEST_F(Zones, a_ca_that_the_chain_has_removed_vouches_for_nobody) {
    const Organisation renewed{"Alpha"};
    write("old", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    write("new", renewed.issue(crypto::ZoneRole::regulator, "super"));
    EXPECT_EQ(status(regulator_->port(), "old"), 200);
    EXPECT_EQ(alert(regulator_->port(), "new"), SSL_AD_UNKNOWN_CA);
    trust_->set("Alpha", {&alpha_.ca, &renewed.ca});
    EXPECT_EQ(status(regulator_->port(), "old"), 200);
    EXPECT_EQ(status(regulator_->port(), "new"), 200) << "of the chain, not yet in the file";
    trust_->set("Alpha", {&renewed.ca});
    EXPECT_EQ(alert(regulator_->port(), "old"), SSL_AD_UNKNOWN_CA);
    EXPECT_EQ(status(regulator_->port(), "new"), 200);
    // The removed CA cannot speak for somebody else either, nor a sound one for another organisation.
    for (const auto* ca : std::initializer_list<const crypto::CertifiedKey*>{&alpha_.ca, &renewed.ca}) {
        auto forged = crypto::issue_zone_certificate(
            *ca, {.role = crypto::ZoneRole::regulator, .organisation = "Elsewhere", .name = "super", .hosts = {}},
            Organisation::validity(), crypto::system_random());
        ASSERT_TRUE(forged);
        write("forged", *forged);
        EXPECT_NE(alert(regulator_->port(), "forged"), 0);
    }
}

TEST_F(Zones, the_file_says_whose_certificates_enter) {
    const Organisation authority{"Authority"};
    write("of-authority", authority.issue(crypto::ZoneRole::regulator, "super"));
    write("of-beta", beta_.issue(crypto::ZoneRole::regulator, "super"));
    EXPECT_EQ(alert(regulator_->port(), "of-authority"), SSL_AD_UNKNOWN_CA);
    EXPECT_EQ(alert(regulator_->port(), "of-beta"), SSL_AD_UNKNOWN_CA) << "on chain, but not in this file";
    std::ofstream{directory_ / "ca.pem"} << alpha_.ca.certificate_pem << authority.ca.certificate_pem;
    ASSERT_TRUE(regulator_->reload());
    EXPECT_EQ(status(regulator_->port(), "of-authority"), 200) << "not on chain: the file alone decides";
    EXPECT_EQ(alert(regulator_->port(), "of-beta"), SSL_AD_UNKNOWN_CA);
}

TEST_F(Zones, a_revocation_cuts_a_live_connection_and_leaves_the_others) {
    const auto super = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("super", super);
    write("other", alpha_.issue(crypto::ZoneRole::regulator, "other"));
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto revoked = raw(server->port(), "super");
    const auto other = raw(server->port(), "other");
    ASSERT_TRUE(revoked->connected && other->connected);
    // Both have passed the judgement at the handshake; the listing of the connection follows at once.
    trust_->wait_for_good(2);
    trust_->revoke("Alpha", info(super).key_id);
    for (; reasons("regulator.refused").empty(); std::this_thread::sleep_for(std::chrono::milliseconds{1}))
        server->judge_again();
    EXPECT_EQ(revoked->read(), "");
    EXPECT_NE(other->ask().find("HTTP/1.1 200"), std::string::npos);
    server->judge_again();
    const auto why = reasons("regulator.refused");
    ASSERT_EQ(why.size(), 1u);
    EXPECT_TRUE(why[0].starts_with("TLS: cut: ")) << why[0];
    EXPECT_NE(why[0].find(error_id(error::CertificateRevoked)), std::string::npos) << why[0];
}

TEST_F(Zones, a_request_is_judged_by_the_trust_of_its_moment) {
    const auto super = alpha_.issue(crypto::ZoneRole::regulator, "super");
    write("super", super);
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto client = raw(server->port(), "super");
    ASSERT_TRUE(client->connected);
    trust_->wait_for_good(1);
    trust_->revoke("Alpha", info(super).fingerprint);
    const auto answer = client->ask();
    EXPECT_NE(answer.find("HTTP/1.1 403"), std::string::npos) << answer;
    EXPECT_NE(answer.find(error_id(error::CertificateRevoked)), std::string::npos) << answer;
    EXPECT_TRUE(reasons("regulator.read").empty());
}

TEST_F(Zones, only_two_suites_are_spoken) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    for (const auto port : {management_->port(), regulator_->port()}) {
        for (const auto* suite : {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256"}) {
            const auto client = raw(port, "super", suite);
            EXPECT_FALSE(client->connected) << suite;
            EXPECT_EQ(client->alert, SSL_AD_HANDSHAKE_FAILURE) << suite;
        }
        for (const auto* suite : {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})
            EXPECT_TRUE(raw(port, "super", suite)->connected) << suite;
        EXPECT_EQ(raw(port, "super")->chain_length(), 2) << "the listener's certificate and its CA's";
    }
}

TEST_F(Zones, changed_files_come_into_use_by_themselves) {
    write("super", alpha_.issue(crypto::ZoneRole::regulator, "super"));
    const auto server = patient_regulator();
    ASSERT_TRUE(server);
    const auto before = raw(server->port(), "super");
    ASSERT_TRUE(before->connected);
    const auto served = [&] { return raw(server->port(), "super")->server_fingerprint(); };
    const auto first = served();
    const auto now = system_clock().wall().count() / 1000;
    // Neither a certificate that has ended nor one without its key.
    write("regulation", alpha_.issue(crypto::ZoneRole::regulation, "alpha-1", {now - 3'000, now - 2'000}));
    EXPECT_EQ(server->reload().error().code, error::CertificateExpired);
    EXPECT_EQ(served(), first);
    const auto renewed = alpha_.issue(crypto::ZoneRole::regulation, "alpha-1");
    std::ofstream{directory_ / "regulation.key"} << renewed.key_pem.view();
    EXPECT_EQ(server->reload().error().code, error::ZoneFileInvalid);
    EXPECT_EQ(served(), first);
    std::ofstream{directory_ / "regulation.pem"} << renewed.certificate_pem;
    // The runner's limit is the only clock here.
    while (served() == first) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_EQ(served(), info(renewed).fingerprint);
    EXPECT_NE(before->ask().find("HTTP/1.1 200"), std::string::npos) << "connections stay";
}

} // namespace
} // namespace cairn::zone
