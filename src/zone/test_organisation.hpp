// For tests: an organisation with a CA of its own, and what it issues.
#pragma once

#include "base/clock.hpp"
#include "crypto/zone_certificate.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cairn::zone {

inline constexpr auto kSystem = crypto::ZoneRole::system_administrator;
inline constexpr auto kSecurity = crypto::ZoneRole::security_administrator;
inline constexpr auto kAudit = crypto::ZoneRole::audit_administrator;

inline Bytes der_of(const crypto::CertifiedKey& pair) { return crypto::certificate_der(pair.certificate_pem).value(); }

struct TestOrganisation {
    explicit TestOrganisation(const std::string& name_)
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

} // namespace cairn::zone
