// What a listener shows and whom it admits: certificate, key and CAs, read from files whose change is noticed. Includes
// OpenSSL: for .cpp files that do TLS.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "zone/listener_config.hpp"

#include <openssl/ssl.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace cairn::zone {

/// Files as they stood at one time. Does not change.
class ListenerFiles {
public:
    struct Authority {
        std::string organisation; // of its subject
        Bytes der;
    };
    /// ZoneFileInvalid.
    static Result<std::shared_ptr<const ListenerFiles>> read(const ListenerFilesConfig& config);
    /// CertificateExpired, CertificateNotYetValid: no client would take the listener's certificate.
    Status check_time(std::int64_t now) const;
    /// ZoneListenerRefused unless the certificate is for this kind of listener, one of `cas` issued it, and it is not revoked.
    Status check_issuer(crypto::ZoneRole role, const std::vector<Authority>& cas, const CertificateTrust* trust) const;
    /// ZoneListenerRefused if its organisation has revoked the certificate or its key: then it is shown to nobody.
    Status check_revoked(const CertificateTrust* trust) const;
    /// ZoneListenerRefused unless both are of one node of one organisation.
    Status check_same_holder(const ListenerFiles& other) const;
    /// Gives a connection the certificate and key.
    bool serve(SSL* connection) const;
    const Hash256& fingerprint() const { return fingerprint_; }
    std::int64_t not_after() const { return validity_.not_after; }
    /// The CAs that count today: one that the chain has removed does not count although it stands in the file.
    std::vector<Authority> authorities(const CertificateTrust* trust) const;

private:
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> holder_{nullptr, nullptr}; // of the certificate and key
    crypto::Validity validity_;
    crypto::ZoneIdentity identity_;
    Bytes certificate_; // DER
    Hash256 fingerprint_, key_id_;
    std::vector<Authority> authorities_; // of the file
};

/// The files in use, of one listener. Thread-safe; a thread of its own looks for changes.
class WatchedFiles {
public:
    /// ZoneFileInvalid, ZoneListenerRefused. What has expired is served: nobody takes it, and it can be replaced.
    static Result<std::unique_ptr<WatchedFiles>> open(const ListenerFilesConfig& config);
    ~WatchedFiles();
    std::shared_ptr<const ListenerFiles> current() const;
    /// Gives a connection the certificate and key in use, unless they are revoked.
    bool serve(SSL* connection) const;
    /// Reads the files again. They are taken if a CA that counts today issued the certificate, for this listener of this
    /// node; otherwise the old ones stay: ZoneFileInvalid, CertificateExpired, CertificateNotYetValid, ZoneListenerRefused.
    Status reload();

private:
    explicit WatchedFiles(const ListenerFilesConfig& config) : config_(config) {}
    /// What the log has heard of the files in use.
    struct Told {
        std::optional<std::int64_t> days_left; // once for each day that is left
        std::optional<Hash256> revoked;
    };
    void warn(const ListenerFiles& files, Told& told) const;
    void watch(const std::stop_token& stop);
    std::string mark() const;

    const ListenerFilesConfig config_;
    mutable std::mutex mutex_;
    std::shared_ptr<const ListenerFiles> files_; // guarded by mutex_
    std::string mark_;                           // of the files, for the watching thread
    std::jthread thread_;
};

/// New traffic keys in one connection. An honest client takes new ones after millions of records.
inline constexpr std::size_t kKeyUpdatesMax = 64;

/// Hears of a connection that was ended because its client went beyond kKeyUpdatesMax.
using OnRestless = std::function<void(const SSL*)>;

/// As between nodes: TLS 1.3 alone, two suites, nothing resumed, no early data, few new traffic keys. False if OpenSSL refuses.
/// `on_restless` outlives the context, or is null.
bool set_up_tls(SSL_CTX* context, OnRestless* on_restless = nullptr);

struct FreeCertificates {
    void operator()(STACK_OF(X509) * stack) const;
};
using CertificateStack = std::unique_ptr<STACK_OF(X509), FreeCertificates>;
CertificateStack stack_of(const std::vector<ListenerFiles::Authority>& authorities);

} // namespace cairn::zone
