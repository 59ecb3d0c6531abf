#include "crypto/hash.hpp"

#include "base/assert.hpp"

#include <openssl/evp.h>

namespace cairn::crypto {
namespace {

template <class Digest>
Digest evp_digest(const EVP_MD* algorithm, BytesView data) {
    Digest out;
    unsigned length = 0;
    CRN_ASSERT(EVP_Digest(data.data(), data.size(), out.data(), &length, algorithm, nullptr) == 1);
    CRN_ASSERT(length == Digest::kSize);
    return out;
}

} // namespace

Hash256 sha256(BytesView data) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    return evp_digest<Hash256>(algorithm, data);
}

FixedBytes<20, struct RipemdTag> ripemd160(BytesView data) {
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "RIPEMD-160", nullptr);
    return evp_digest<FixedBytes<20, struct RipemdTag>>(algorithm, data);
}

} // namespace cairn::crypto
