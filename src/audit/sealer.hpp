// The key that seals an audit log. An interface, so that it can live in the signer process.
#pragma once

#include "base/result.hpp"
#include "crypto/ed25519.hpp"
#include "ledger/audit_statement.hpp"
#include "ledger/key_uses.hpp"
#include "ledger/seal_succession.hpp"

#include <memory>
#include <string>
#include <vector>

namespace cairn::audit {

/// What a seal says: the log of this node, up to this record, is mine. Signed bytes: "cairn-audit-seal-v1", chain id,
/// node (u32 length, text), sequence, head, time in ms, height. With the uses of keys: "cairn-audit-seal-v2", the same, their
/// numbers, the chain.
struct SealStatement {
    std::uint64_t chain_id = 0;
    std::string node;
    std::uint64_t sequence = 0; // of the last event before the seal
    Hash256 head;               // hash of the record before the seal
    std::uint64_t time_ms = 0;
    std::uint64_t height = 0; // acts on the chain are in the log up to this block
    std::optional<ledger::KeyUses> uses;
};
Bytes signed_bytes(const SealStatement& statement);

struct Sealed {
    crypto::Signature signature;
    std::optional<ledger::KeyUses> uses; // that the sealer put into the statement
};

/// Typed, so that an implementation can refuse a seal that contradicts an earlier one. Thread-safe.
class Sealer {
public:
    virtual ~Sealer() = default;
    virtual crypto::ValidatorPublicKey key() const = 0;
    /// How earlier keys introduced later ones, up to the present one.
    virtual std::vector<ledger::SealSuccession> successions() const { return {}; }
    /// Adds what it has counted itself, if it counts.
    virtual Result<Sealed> seal(const SealStatement& statement) = 0;
    /// How often the keys of the sealer were used, by the count of this process, which asks for all uses: what the log accounts
    /// for. First what the sealer said when it started; then with all since, up to the last seal and with it. Nothing for a
    /// sealer that does not count.
    virtual std::optional<ledger::KeyUses> uses_at_start() const { return {}; }
    virtual std::optional<ledger::KeyUses> uses() const { return {}; }
    virtual Result<crypto::Signature> anchor(const ledger::AnchorStatement& statement) = 0;
};

/// Holds the key in this process, in a file of its own (mode 0600) that is made when there is none.
Result<std::unique_ptr<Sealer>> open_file_sealer(const std::string& path);

} // namespace cairn::audit
