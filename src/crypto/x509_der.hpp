// From OpenSSL's certificates, as its TLS hands them over, to bytes.
#pragma once

#include "base/bytes.hpp"

struct x509_st; // OpenSSL's X509

namespace cairn::crypto {

/// DER; empty if OpenSSL cannot encode it.
Bytes der_of(x509_st* certificate);

} // namespace cairn::crypto
