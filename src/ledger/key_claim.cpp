#include "ledger/key_claim.hpp"

#include "codec/wire.hpp"

namespace cairn::ledger {

Bytes signed_bytes(const KeyClaim& claim) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-voting-key-v1"));
    out.u64(claim.chain_id);
    out.text(claim.validator);
    return out.take();
}

} // namespace cairn::ledger
