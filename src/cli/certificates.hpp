// Issuing and renewing certificates with an organisation's CA, and the roll-over of that CA.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/certificate.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

inline constexpr std::uint64_t kCertificateDays = 90;
inline constexpr std::int64_t kDaySeconds = 86'400;

enum class Keys { keep, renew };

/// ca.pem and ca.key of the directory; `prefix` "ca-next" and "ca-old" during a roll-over.
Result<crypto::CertifiedKey> read_ca(const std::string& directory, const std::string& prefix = "ca");

/// A folder with tls.pem: a validator's; with tls.key too: a person's or an application's.
struct CertificateFolder {
    std::string name;
    std::string path;
    crypto::CertificateInfo info;
};
/// DIR/validators/* and DIR/identities/*, by path. Folders without a certificate are left out.
Result<std::vector<CertificateFolder>> certificate_folders(const std::string& directory);

/// A new certificate for the same holder in the same folder, each file replaced at once, key before certificate, so that who
/// runs takes it into use. A node's key is always kept: its signer has it. Ends with the CA's own end at the latest.
Result<crypto::CertificateInfo> renew_certificate(const CertificateFolder& folder, const crypto::CertifiedKey& ca,
                                                  std::uint64_t days, Keys keys, Random& random, std::int64_t now);
/// "2026-11-21"
std::string day_text(std::int64_t seconds);

} // namespace cairn::cli
