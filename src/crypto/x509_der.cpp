#include "crypto/x509_der.hpp"

#include <openssl/x509.h>

namespace cairn::crypto {

Bytes der_of(x509_st* certificate) {
    unsigned char* der = nullptr;
    const auto length = i2d_X509(certificate, &der);
    if (length <= 0) return {};
    Bytes out(der, der + length);
    OPENSSL_free(der);
    return out;
}

} // namespace cairn::crypto
