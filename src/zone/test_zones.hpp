// For tests: a listener of each zone with real TLS, a chain whose trust can be moved, and a client that hears why it is refused.
#pragma once

#include "audit/test_log.hpp"
#include "zone/management.hpp"
#include "zone/regulator.hpp"
#include "zone/test_organisation.hpp"

#include <httplib.h>

#include <fstream>
#include <set>
#include <thread>

namespace cairn::zone {

using audit::TestSealer;

class MovableTrust final : public CertificateTrust {
public:
    std::optional<std::vector<Bytes>> cas_of(std::string_view organisation) const override {
        const std::lock_guard lock(mutex_);
        const auto found = cas_.find(std::string{organisation});
        return found == cas_.end() ? std::nullopt : std::optional{found->second};
    }
    bool is_revoked(std::string_view organisation, const Hash256& id) const override {
        const std::lock_guard lock(mutex_);
        asked_.insert(id);
        return revoked_.contains({std::string{organisation}, id});
    }
    /// Until a certificate was found good: it is asked for by its own hash and then by that of its key.
    void wait_for_good(const Hash256& key_id) const {
        for (;; std::this_thread::sleep_for(std::chrono::milliseconds{1})) {
            const std::lock_guard lock(mutex_);
            if (asked_.contains(key_id)) return;
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
    mutable std::set<Hash256> asked_;
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
    /// New traffic keys for what follows. False once the server has closed.
    bool update_keys() {
        return SSL_key_update(session_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
               SSL_do_handshake(session_.get()) == 1;
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
        return {.files = {.zone = name,
                          .role = role,
                          .certificate = directory_ / (name + ".pem"),
                          .key = directory_ / (name + ".key"),
                          .authorities = directory_ / "ca.pem",
                          .trust = trust_,
                          .check = Milliseconds{20}},
                .idle_seconds = 1};
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
    /// Once there is one: a client notices that it was refused before the server has recorded it. The runner's limit is the only clock.
    std::vector<std::string> refusals(const std::string& zone) {
        for (;; std::this_thread::sleep_for(std::chrono::milliseconds{1}))
            if (auto out = reasons(zone + ".refused"); !out.empty()) return out;
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
    TestOrganisation alpha_{"Alpha"}, beta_{"Beta"};
};

} // namespace cairn::zone
