#include "ledger/selector.hpp"

#include "crypto/hash.hpp"

namespace cairn::ledger {

Selector selector_of(std::string_view signature) {
    const Hash256 hash = crypto::keccak256(as_bytes(signature));
    return {hash[0], hash[1], hash[2], hash[3]};
}

Hash256 event_topic(std::string_view signature) { return crypto::keccak256(as_bytes(signature)); }

} // namespace cairn::ledger
