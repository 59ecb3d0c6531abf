#include "zone/listener_files.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "crypto/certificate.hpp"
#include "crypto/pem_password.hpp"
#include "crypto/x509_der.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <sys/stat.h>

namespace cairn::zone {
namespace {

constexpr std::int64_t kDay = 86'400, kExpiryWarning = 30 * kDay; // seconds
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(crypto::kPemBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text.size() > crypto::kPemBytesMax ? std::string{} : text;
}

/// Changes whenever one of the files is written or replaced; empty while one of them is away.
std::string mark_of(const std::vector<std::string>& paths) {
    std::string out;
    for (const auto& path : paths) {
        struct stat info{};
        if (::stat(path.c_str(), &info) != 0) return {};
        for (const auto number :
             {static_cast<std::int64_t>(info.st_ino), static_cast<std::int64_t>(info.st_size),
              static_cast<std::int64_t>(info.st_mtim.tv_sec), static_cast<std::int64_t>(info.st_mtim.tv_nsec)})
            out += std::to_string(number) + ' ';
    }
    return out;
}

/// OpenSSL 3.0 takes any number of key updates in one read, and no bytes come out. Beyond the limit the connection reads as one that its
/// client has ended.
void count_key_updates(int write, int, int kind, const void* bytes, std::size_t size, SSL* connection, void* listener) {
    if (write != 0 || kind != SSL3_RT_HANDSHAKE || size == 0) return;
    if (*static_cast<const std::uint8_t*>(bytes) != SSL3_MT_KEY_UPDATE) return;
    static const int slot = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    const auto count = reinterpret_cast<std::uintptr_t>(SSL_get_ex_data(connection, slot)) + 1;
    SSL_set_ex_data(connection, slot, reinterpret_cast<void*>(count));
    if (count <= kKeyUpdatesMax) return;
    SSL_set_shutdown(connection, SSL_get_shutdown(connection) | SSL_RECEIVED_SHUTDOWN);
    if (count == kKeyUpdatesMax + 1 && listener != nullptr) (*static_cast<OnRestless*>(listener))(connection);
}

std::int64_t wall_seconds() { return system_clock().wall().count() / 1000; }

} // namespace

void FreeCertificates::operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }

CertificateStack stack_of(const std::vector<ListenerFiles::Authority>& authorities) {
    CertificateStack out(sk_X509_new_null());
    for (const auto& authority : authorities) {
        const auto* at = authority.der.data();
        auto* certificate = d2i_X509(nullptr, &at, static_cast<long>(authority.der.size()));
        if (certificate != nullptr && sk_X509_push(out.get(), certificate) <= 0) X509_free(certificate);
    }
    return out;
}

bool set_up_tls(SSL_CTX* context, OnRestless* on_restless) {
    SSL_CTX_set_msg_callback(context, count_key_updates);
    SSL_CTX_set_msg_callback_arg(context, on_restless);
    // No session is resumed: a certificate that was withdrawn must not live on in a ticket.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256") == 1;
}

Result<std::shared_ptr<const ListenerFiles>> ListenerFiles::read(const ListenerFilesConfig& config) {
    auto out = std::make_shared<ListenerFiles>();
    const auto refused = [](const std::string& path, const std::string& why) {
        ERR_clear_error();
        return fail(error::ZoneFileInvalid, path + ": " + why);
    };
    out->holder_ = {SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    auto* holder = out->holder_.get();
    if (holder == nullptr) return refused(config.certificate, "OpenSSL has no room");
    SSL_CTX_set_default_passwd_cb(holder, crypto::no_password);
    if (SSL_CTX_use_certificate_chain_file(holder, config.certificate.c_str()) != 1)
        return refused(config.certificate, "no certificate in PEM form");
    if (SSL_CTX_use_PrivateKey_file(holder, config.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(holder) != 1)
        return refused(config.key, "not the key of " + config.certificate);
    out->certificate_ = crypto::der_of(SSL_CTX_get0_certificate(holder));
    const auto info = crypto::inspect_certificate_der(out->certificate_);
    if (!info) return refused(config.certificate, info.error().detail);
    auto identity = crypto::zone_identity_of(out->certificate_);
    if (!identity) return refused(config.certificate, identity.error().detail);
    out->identity_ = *std::move(identity);
    out->validity_ = info->validity;
    out->fingerprint_ = info->fingerprint;
    out->key_id_ = info->key_id;

    const auto text = read_text(config.authorities);
    std::string_view rest = text;
    for (auto end = rest.find(kEnd); end != std::string_view::npos; end = rest.find(kEnd)) {
        const auto one = rest.substr(0, end + kEnd.size());
        rest.remove_prefix(one.size());
        const auto ca = crypto::inspect_certificate(one);
        auto der = crypto::certificate_der(one);
        if (!ca || !der || !ca->is_ca) return refused(config.authorities, "one of its certificates is no CA's");
        out->authorities_.push_back({ca->organisation, *std::move(der)});
    }
    if (out->authorities_.empty()) return refused(config.authorities, "no certificate in PEM form");
    // A listener shows its CA's certificate too, which its file may leave out.
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(holder, &chain);
    for (const auto& authority : out->authorities_) {
        if (chain != nullptr && sk_X509_num(chain) > 0) break;
        if (!crypto::is_signed_by(out->certificate_, authority.der)) continue;
        const auto issuer = stack_of({authority});
        if (SSL_CTX_add1_chain_cert(holder, sk_X509_value(issuer.get(), 0)) != 1)
            return refused(config.authorities, "OpenSSL refuses the CA's certificate");
        break;
    }
    return out;
}

Status ListenerFiles::check_time(std::int64_t now) const {
    if (now > validity_.not_after) return fail(error::CertificateExpired, "of the listener");
    if (now < validity_.not_before) return fail(error::CertificateNotYetValid, "of the listener");
    return {};
}

Status ListenerFiles::check_issuer(crypto::ZoneRole role, const std::vector<Authority>& cas,
                                   const CertificateTrust* trust) const {
    if (identity_.role != role)
        return fail(error::ZoneListenerRefused, "it is for " + std::string{crypto::name_of(identity_.role)} +
                                                    ", not for " + std::string{crypto::name_of(role)});
    const auto issuer = std::ranges::find_if(cas, [&](const Authority& ca) {
        return ca.organisation == identity_.organisation && crypto::is_signed_by(certificate_, ca.der);
    });
    if (issuer == cas.end())
        return fail(error::ZoneListenerRefused, "no CA of " + identity_.organisation + " that counts issued it");
    return check_revoked(trust);
}

Status ListenerFiles::check_revoked(const CertificateTrust* trust) const {
    if (trust == nullptr) return {};
    for (const auto& id : {fingerprint_, key_id_})
        if (trust->is_revoked(identity_.organisation, id))
            return fail(error::ZoneListenerRefused, "revoked: " + to_hex(id) + ", by " + identity_.organisation);
    return {};
}

Status ListenerFiles::check_same_holder(const ListenerFiles& other) const {
    if (identity_.name == other.identity_.name && identity_.organisation == other.identity_.organisation) return {};
    return fail(error::ZoneListenerRefused,
                "it is of " + identity_.organisation + "'s " + identity_.name + ", not of " + other.identity_.name);
}

bool ListenerFiles::serve(SSL* connection) const {
    STACK_OF(X509)* chain = nullptr;
    SSL_CTX_get0_chain_certs(holder_.get(), &chain);
    return SSL_use_cert_and_key(connection, SSL_CTX_get0_certificate(holder_.get()),
                                SSL_CTX_get0_privatekey(holder_.get()), chain, 1) == 1;
}

std::vector<ListenerFiles::Authority> ListenerFiles::authorities(const CertificateTrust* trust) const {
    if (trust == nullptr) return authorities_;
    std::vector<Authority> out;
    for (const auto& authority : authorities_) {
        auto on_chain = trust->cas_of(authority.organisation);
        if (!on_chain) {
            out.push_back(authority);
            continue;
        }
        if (std::ranges::find(out, authority.organisation, &Authority::organisation) != out.end()) continue;
        for (auto& der : *on_chain) out.push_back({authority.organisation, std::move(der)});
    }
    return out;
}

Result<std::unique_ptr<WatchedFiles>> WatchedFiles::open(const ListenerFilesConfig& config) {
    std::unique_ptr<WatchedFiles> out{new WatchedFiles(config)};
    out->mark_ = out->mark();
    CRN_TRY(files, ListenerFiles::read(config));
    // By the CAs of the file alone: a network whose certificates have all expired comes back before its chain knows of new ones.
    CRN_CHECK(files->check_issuer(config.role, files->authorities(nullptr), nullptr));
    out->files_ = std::move(files);
    out->thread_ = std::jthread([watched = out.get()](const std::stop_token& stop) { watched->watch(stop); });
    return out;
}

WatchedFiles::~WatchedFiles() = default;

std::shared_ptr<const ListenerFiles> WatchedFiles::current() const {
    const std::lock_guard lock(mutex_);
    return files_;
}

bool WatchedFiles::serve(SSL* connection) const {
    const auto files = current();
    return files->check_revoked(config_.trust.get()) && files->serve(connection);
}

Status WatchedFiles::reload() {
    CRN_TRY(files, ListenerFiles::read(config_));
    CRN_CHECK(files->check_time(wall_seconds()));
    CRN_CHECK(files->check_issuer(config_.role, files->authorities(config_.trust.get()), config_.trust.get()));
    const std::lock_guard lock(mutex_);
    CRN_CHECK(files->check_same_holder(*files_));
    files_ = std::move(files);
    return {};
}

std::string WatchedFiles::mark() const { return mark_of({config_.certificate, config_.key, config_.authorities}); }

void WatchedFiles::warn(const ListenerFiles& files, Told& told) const {
    const auto left = files.not_after() - wall_seconds();
    if (const auto days = left / kDay; left < kExpiryWarning && days != told.days_left) {
        told.days_left = days;
        log(left > 0 ? LogLevel::warning : LogLevel::error, "zone",
            left > 0 ? "the listener's certificate expires soon" : "the listener's certificate has expired",
            {{"zone", config_.zone}, {"days_left", std::to_string(days)}, {"next", "cairn org renew"}});
    }
    const auto status = files.check_revoked(config_.trust.get());
    if (status || told.revoked == files.fingerprint()) return;
    told.revoked = files.fingerprint();
    log(LogLevel::error, "zone", "listener shuts: its certificate is revoked; renewed files are used at once",
        {{"zone", config_.zone}, {"error", status.error().text()}});
}

void WatchedFiles::watch(const std::stop_token& stop) {
    std::mutex waiting;
    std::condition_variable_any never;
    name_thread("zone files");
    std::string refused; // mark of the files that were refused last
    Told told;
    while (!stop.stop_requested()) {
        std::unique_lock lock(waiting);
        (void)never.wait_for(lock, stop, config_.check, [] { return false; });
        warn(*current(), told);
        auto now = mark();
        if (stop.stop_requested() || now.empty() || now == mark_) continue;
        if (const auto status = reload(); !status) {
            // Tried again: the second of two renames may be missing, or the chain may not know of the new CA yet.
            if (now != refused)
                log(LogLevel::warning, "zone", "changed files refused, the old ones stay in use",
                    {{"zone", config_.zone}, {"error", status.error().text()}});
            refused = std::move(now);
            continue;
        }
        mark_ = std::move(now);
        const auto files = current();
        log(LogLevel::info, "zone", "changed files in use",
            {{"zone", config_.zone},
             {"fingerprint", to_hex(files->fingerprint())},
             {"not_after", std::to_string(files->not_after())}});
    }
}

} // namespace cairn::zone
