// What the chain says about certificates, as the door of a zone asks for it.
#pragma once

#include "base/bytes.hpp"
#include "base/types.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace cairn::zone {

/// Thread-safe.
class CertificateTrust {
public:
    virtual ~CertificateTrust() = default;
    /// The CAs (DER) that count for an organisation today; nothing if the chain does not know the organisation.
    virtual std::optional<std::vector<Bytes>> cas_of(std::string_view organisation) const = 0;
    /// Whether the organisation has revoked the certificate or key with this SHA-256.
    virtual bool is_revoked(std::string_view organisation, const Hash256& id) const = 0;
};

} // namespace cairn::zone
