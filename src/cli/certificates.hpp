// Issuing and renewing certificates with an organisation's CA, and the roll-over of that CA.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "cli/ca_key.hpp"
#include "crypto/zone_certificate.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

inline constexpr std::uint64_t kCertificateDays = 90;
inline constexpr std::int64_t kDaySeconds = 86'400;

enum class Keys { keep, renew };

/// ca.pem and ca.key of the directory; `prefix` "ca-next" and "ca-old" during a roll-over. Errors of read_ca_key.
Result<crypto::CertifiedKey> read_ca(const std::string& directory, const CaPassphrase& passphrase = {},
                                     const std::string& prefix = "ca");

/// A certificate in its folder: tls.pem of a validator; tls.pem and tls.key of a person or an application; management.pem and
/// regulation.pem, each with its key, of a validator's listeners; identity.pem and identity.key of who may enter a zone.
struct CertificateFolder {
    std::string name; // "alpha-1", "alpha-1/management", "administrators/alice"
    std::string path;
    crypto::CertificateInfo info;
    std::string stem = "tls";
    std::optional<crypto::ZoneIdentity> zone{}; // of listeners, administrators and regulators

    std::string certificate_file() const { return path + "/" + stem + ".pem"; }
    std::string key_file() const { return path + "/" + stem + ".key"; }
};
/// DIR/validators/*, DIR/identities/*, DIR/administrators/* and DIR/regulators/*, by file. Folders without a certificate are left
/// out.
Result<std::vector<CertificateFolder>> certificate_folders(const std::string& directory);

/// Where the last certificate of a key stays when another key takes its place: whoever stops or revokes that key has to name it, and
/// whoever asks later whether it was replaced here finds the answer.
std::string replaced_certificate_file(const std::string& certificate_file, const Hash256& key_id);
/// Keeps it there before that of the key `next` takes its place; nothing if it is of the same key.
Status keep_replaced_certificate(const std::string& certificate_file, const Hash256& next);

/// ca.pem in the folders of listeners, administrators and regulators: the CAs whose certificates they meet at the other end.
Status write_zone_authorities(const std::vector<CertificateFolder>& folders, const std::vector<std::string>& cas_pem);

/// A new certificate for the same holder in the same folder, each file replaced at once, key before certificate, so that who
/// runs takes it into use. A node's key is always kept: its signer has it. Ends with the CA's own end at the latest.
Result<crypto::CertificateInfo> renew_certificate(const CertificateFolder& folder, const crypto::CertifiedKey& ca,
                                                  std::uint64_t days, Keys keys, Random& random, std::int64_t now);
/// "2026-11-21"
std::string day_text(std::int64_t seconds);

} // namespace cairn::cli
