#include "crypto/sm3.hpp"

#include "base/assert.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <memory>

namespace cairn::crypto {
namespace {

struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Digest = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

/// Fetched once: looking the algorithm up for each message costs more than a short message.
const EVP_MD* algorithm() {
    static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SM3", nullptr);
    CRN_ASSERT(fetched != nullptr);
    return fetched;
}

} // namespace

Hash256 sm3(BytesView data) { return sm3({data}); }

Hash256 sm3(std::initializer_list<BytesView> parts) {
    thread_local const Digest context{EVP_MD_CTX_new()};
    CRN_ASSERT(context != nullptr && EVP_DigestInit_ex2(context.get(), algorithm(), nullptr) == 1);
    for (const auto part : parts) CRN_ASSERT(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
    Hash256 out;
    unsigned length = 0;
    CRN_ASSERT(EVP_DigestFinal_ex(context.get(), out.data(), &length) == 1 && length == out.size());
    return out;
}

Hash256 hmac_sm3(BytesView key, BytesView data) {
    Hash256 out;
    unsigned length = 0;
    // OpenSSL takes a null key for "the key of the last call".
    const std::uint8_t nothing = 0;
    const auto* start = key.empty() ? &nothing : key.data();
    CRN_ASSERT(HMAC(algorithm(), start, static_cast<int>(key.size()), data.data(), data.size(), out.data(), &length) !=
               nullptr);
    CRN_ASSERT(length == out.size());
    return out;
}

} // namespace cairn::crypto
