// One-time codes by time (RFC 6238): six digits, 30 seconds, SHA-1, as every authenticator program knows them.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/zone_certificate.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace cairn::zone {

/// otpauth://totp/... of an authenticator; holds the secret.
struct Authenticator {
    crypto::SecretText uri;
};
/// The code of `uri` at `now`; ZoneFileInvalid.
Result<std::string> code_of(std::string_view uri, std::int64_t now);

/// The enrolled secrets of administrators, sealed on disk: DIR/NAME.factor under DIR/seal.key. Thread-safe.
class SecondFactors {
public:
    /// Makes the directory and its key if they are not there.
    static Result<std::unique_ptr<SecondFactors>> open(const std::string& directory);
    ~SecondFactors();

    /// Names are file names: the caller has checked them.
    bool is_enrolled(const std::string& name) const;
    /// ZoneRolesDisjoint if the name is enrolled as another kind of administrator.
    Status check_role(const std::string& name, crypto::ZoneRole role) const;
    /// A new secret, replacing any other.
    Result<Authenticator> enrol(const std::string& name, crypto::ZoneRole role, const std::string& node,
                                Random& random);
    /// ZoneSecondFactor unless the code is that of now, or of the step before or after, and none of that or a later step
    /// was used before.
    Status check(const std::string& name, std::string_view code, std::int64_t now);

private:
    explicit SecondFactors(std::string directory) : directory_(std::move(directory)) {}
    struct Factor;
    Result<Factor> read(const std::string& name) const;
    Status write(const std::string& name, const Factor& factor) const;

    std::string directory_;
    Bytes key_;
    mutable std::mutex mutex_;
};

} // namespace cairn::zone
