#include "ledger/audit_statement.hpp"

#include "codec/wire.hpp"

namespace cairn::ledger {

Bytes signed_bytes(const AnchorStatement& statement) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-audit-anchor-v1"));
    out.u64(statement.chain_id);
    out.text(statement.node);
    out.u64(statement.sequence);
    out.fixed(statement.head);
    return out.take();
}

Bytes signed_bytes(const SealKeyStatement& statement) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-audit-key-v1"));
    out.u64(statement.chain_id);
    out.text(statement.node);
    out.fixed(statement.seal_key);
    return out.take();
}

} // namespace cairn::ledger
