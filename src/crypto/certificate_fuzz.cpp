// Certificates as they come from a peer (DER) or a file (PEM), and requests for some: whatever the bytes are, they are judged without harm, and nothing
// that the trusted CA has not signed is accepted.
#include "base/assert.hpp"
#include "crypto/certificate_request.hpp"

using namespace cairn;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;

const std::vector<Bytes>& cas() {
    static const std::vector<Bytes> list = [] {
        const auto ca = crypto::create_ca("Alpha", {kNow - 1000, kNow + 1000}, crypto::system_random());
        CRN_ASSERT(ca.has_value());
        return std::vector<Bytes>{*crypto::certificate_der(ca->certificate_pem)};
    }();
    return list;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView bytes{data, size};
    CRN_ASSERT(!crypto::verify_node_certificate(bytes, cas(), kNow)); // its key was made a moment ago
    CRN_ASSERT(!crypto::verify_client_certificate(bytes, cas(), kNow));
    static_cast<void>(crypto::claimed_consensus_key(bytes));
    if (const auto info = crypto::inspect_certificate_der(bytes)) {
        CRN_ASSERT(size <= 8 * 1024);
        CRN_ASSERT(!(info->consensus_key && info->client));
        // As a CA it vouches for nobody but those it signed.
        const std::vector<Bytes> odd{to_bytes(bytes)};
        static_cast<void>(crypto::verify_node_certificate(cas().front(), odd, kNow));
    }
    static_cast<void>(crypto::inspect_certificate(as_text(bytes)));
    if (const auto request = crypto::inspect_request(as_text(bytes)))
        CRN_ASSERT(request->consensus_key.has_value() + request->client.has_value() + request->person.has_value() == 1);
    return 0;
}
