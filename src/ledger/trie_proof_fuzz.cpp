// Nodes from outside never prove a value under a root that they do not hash to, and never crash the verifier.
#include "base/assert.hpp"
#include "crypto/hash.hpp"
#include "ledger/trie_proof.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t key_length = data[0] % 33;
    const std::size_t node_length = data[1];
    BytesView rest{data + 2, size - 2};
    if (rest.size() < key_length) return 0;
    const auto key = rest.first(key_length);
    rest = rest.subspan(key_length);
    std::vector<Bytes> nodes;
    while (!rest.empty() && nodes.size() < 70) {
        const auto length = std::min(rest.size(), node_length + 1);
        nodes.push_back(to_bytes(rest.first(length)));
        rest = rest.subspan(length);
    }
    // With the right root the walk goes past the first hash.
    if (!nodes.empty()) (void)ledger::verify_trie_proof(crypto::keccak256(nodes[0]), key, nodes);
    const auto proved = ledger::verify_trie_proof(Hash256{}, key, nodes);
    CRN_ASSERT(!proved);
    return 0;
}
