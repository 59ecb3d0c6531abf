// The signer's mind: takes requests, decides, remembers, signs. No socket and no sandbox, so that tests can hold it.
#pragma once

#include "signer/backend.hpp"
#include "signer/journal.hpp"
#include "signer/protocol.hpp"
#include "signer/purpose_keys.hpp"
#include "signer/rules.hpp"
#include "signer/sealed_keys.hpp"

#include <memory>

namespace cairn::signer {

/// Requests that share one sync.
inline constexpr std::size_t kGroupMax = kAppendMax;

class Service {
public:
    struct Setup {
        std::string state;             // path of the memory
        std::uint64_t chain_id = 0;    // the first one binds the keys for ever
        std::uint64_t witness = 0;     // the highest counter that the node has seen
        std::uint64_t tpm_counter = 0; // what the TPM counts, before this start; 0 without
        /// An audit key of another signer of this node that these keys vouch for, as the owner's passphrase showed.
        std::optional<crypto::ValidatorPublicKey> sealer = {};
    };
    /// SignerAmnesia, SignerBusy, SignerStateDamaged, SignerRolledBack, SignerWrongChain.
    static Result<std::unique_ptr<Service>> open(const Setup& setup, Secrets secrets, const PublicKeys& keys,
                                                 std::unique_ptr<Backend> backend);

    /// At most kGroupMax encoded requests; as many encoded replies. Every statement that is signed is durable when it returns;
    /// that a key was used otherwise is written, and durable before a seal says so.
    std::vector<Bytes> handle(std::span<const Bytes> requests);
    const PublicKeys& keys() const { return keys_; }
    std::uint64_t counter() const { return journal_.counter(); }
    const ledger::KeyUses& uses() const { return uses_; }
    /// What a start request, or one that could not be taken, is answered with.
    Bytes reply(Result<Bytes> content, std::optional<ledger::KeyUse> use = {}) const;

private:
    Service(Journal journal, Secrets secrets, const PublicKeys& keys, std::unique_ptr<Backend> backend);
    std::vector<Entry> snapshot() const;
    Status rewrite(bool erase);

    struct Pending;
    Pending consider(const Bytes& request);
    Result<Bytes> vault(const VaultRequest& request);
    Result<Bytes> consensus(BytesView message);
    Result<Bytes> seal(BytesView message) const;

    Journal journal_;
    Rules rules_;
    Secrets secrets_;
    PublicKeys keys_;
    std::unique_ptr<Backend> backend_;
    PurposeKeys purpose_keys_;
    LockedBytes audit_key_;
    std::optional<crypto::ValidatorPublicKey> sealer_;
    ledger::KeyUses uses_;
    std::uint64_t chain_id_ = 0;
    std::uint64_t session_ = 0;
    std::optional<Error> failed_; // the memory could not be written: nothing is signed any more
};

} // namespace cairn::signer
