// The key that seals an audit log. An interface, so that it can live in the signer process.
#pragma once

#include "base/result.hpp"
#include "crypto/ed25519.hpp"
#include "ledger/audit_statement.hpp"
#include "ledger/seal_succession.hpp"

#include <memory>
#include <string>
#include <vector>

namespace cairn::audit {

/// What a seal says: the log of this node, up to this record, is mine. Signed bytes: "cairn-audit-seal-v1", chain id,
/// node (u32 length, text), sequence, head, time in ms, height.
struct SealStatement {
    std::uint64_t chain_id = 0;
    std::string node;
    std::uint64_t sequence = 0; // of the last event before the seal
    Hash256 head;               // hash of the record before the seal
    std::uint64_t time_ms = 0;
    std::uint64_t height = 0; // acts on the chain are in the log up to this block
};
Bytes signed_bytes(const SealStatement& statement);

/// Typed, so that an implementation can refuse a seal that contradicts an earlier one. Thread-safe.
class Sealer {
public:
    virtual ~Sealer() = default;
    virtual crypto::ValidatorPublicKey key() const = 0;
    /// How earlier keys introduced later ones, up to the present one.
    virtual std::vector<ledger::SealSuccession> successions() const { return {}; }
    virtual Result<crypto::Signature> seal(const SealStatement& statement) = 0;
    virtual Result<crypto::Signature> anchor(const ledger::AnchorStatement& statement) = 0;
};

/// Holds the key in this process, in a file of its own (mode 0600) that is made when there is none.
Result<std::unique_ptr<Sealer>> open_file_sealer(const std::string& path);

} // namespace cairn::audit
