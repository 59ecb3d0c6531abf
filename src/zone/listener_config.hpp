// Where a listener's certificate comes from, and whom it admits.
#pragma once

#include "base/clock.hpp"
#include "crypto/zone_certificate.hpp"
#include "zone/certificate_trust.hpp"

#include <memory>
#include <string>

namespace cairn::zone {

struct ListenerFilesConfig {
    std::string zone;             // for the log
    crypto::ZoneRole role{};      // what the certificate has to be for
    std::string certificate, key; // PEM
    /// PEM; one of these CAs has to have issued the certificate. A listener that asks for certificates takes those of these
    /// CAs' organisations: of one that is on chain, the chain says which CAs count.
    std::string authorities;
    /// What the chain says of CAs and revocations. Null: the CAs of the file are trusted, and nothing is revoked.
    std::shared_ptr<const CertificateTrust> trust;
    Milliseconds check{1000}; // how often a change of the files is looked for
};

} // namespace cairn::zone
