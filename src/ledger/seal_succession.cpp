#include "ledger/seal_succession.hpp"

#include "codec/wire.hpp"

namespace cairn::ledger {

Bytes signed_bytes(const SealSuccession& succession) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-audit-successor-v1"));
    out.fixed(succession.before);
    out.fixed(succession.after);
    return out.take();
}

bool leads_to(std::span<const SealSuccession> chain, const crypto::ValidatorPublicKey& to) {
    if (chain.empty() || chain.size() > kSealSuccessionsMax || chain.back().after != to) return false;
    for (std::size_t i = 0; i < chain.size(); ++i) {
        if (i > 0 && chain[i].before != chain[i - 1].after) return false;
        if (!crypto::verify(chain[i].before, signed_bytes(chain[i]), chain[i].signature)) return false;
    }
    return true;
}

std::vector<SealSuccession> between(std::span<const SealSuccession> chain, const crypto::ValidatorPublicKey& from,
                                    const crypto::ValidatorPublicKey& to) {
    std::vector<SealSuccession> out;
    for (const auto& one : chain) {
        if (one.before != (out.empty() ? from : out.back().after)) continue;
        out.push_back(one);
        if (one.after == to) return out;
    }
    return {};
}

} // namespace cairn::ledger
