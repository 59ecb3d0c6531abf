// Kinds of keys that certificates are for.
#pragma once

#include <optional>
#include <string_view>

namespace cairn::crypto {

/// P-256 is what every TLS library takes. Ed25519 is smaller and needs no random number to sign; old clients lack it. Keys of persons in
/// the zones are P-256 always: signed commands are ECDSA.
enum class CertificateKey : unsigned char { p256, ed25519 };

std::string_view name_of(CertificateKey kind);
/// "p256", "ed25519"
std::optional<CertificateKey> certificate_key_from(std::string_view name);

} // namespace cairn::crypto
