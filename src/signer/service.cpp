#include "signer/service.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "consensus/signing.hpp"
#include "crypto/hash.hpp"
#include "ledger/key_claim.hpp"

#include <functional>
#include <sodium.h>

namespace cairn::signer {
namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
    using Visitors::operator()...;
};

// The signed bytes of audit/sealer.hpp, with the signer's own tag, chain id and uses of keys.
Bytes seal_bytes(std::uint64_t chain_id, const SealRequest& request, const ledger::KeyUses& uses) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-audit-seal-v2"));
    out.u64(chain_id);
    out.text(request.node);
    out.u64(request.sequence);
    out.fixed(request.head);
    out.u64(request.time_ms);
    out.u64(request.height);
    encode(out, uses);
    return out.take();
}

Bytes anchor_bytes(std::uint64_t chain_id, const AnchorRequest& request) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-audit-anchor-v1"));
    out.u64(chain_id);
    out.text(request.node);
    out.u64(request.sequence);
    out.fixed(request.head);
    return out.take();
}

Bytes seal_key_bytes(std::uint64_t chain_id, const std::string& node, const crypto::ValidatorPublicKey& seal_key) {
    codec::WireWriter out;
    out.raw(as_bytes("cairn-audit-key-v1"));
    out.u64(chain_id);
    out.text(node);
    out.fixed(seal_key);
    return out.take();
}

/// What the chain of uses remembers of a request. The key that is to be wrapped stays out of it.
Hash256 hash_of(const Request& request) {
    if (const auto* vault = std::get_if<VaultRequest>(&request)) {
        auto bare = *vault;
        bare.key.clear();
        return crypto::sha256(encode(Request{std::move(bare)}));
    }
    return crypto::sha256(encode(request));
}

crypto::SecretKey root_of(const Secrets& secrets) { return *crypto::SecretKey::from(secrets.storage_root()); }

} // namespace

/// A request that was considered: what to remember, and how to answer once that is durable.
struct Service::Pending {
    std::optional<Entry> entry;
    std::function<Result<Bytes>()> answer;
};

Service::Service(Journal journal, Secrets secrets, const PublicKeys& keys, std::unique_ptr<Backend> backend)
    : journal_(std::move(journal)),
      secrets_(std::move(secrets)),
      keys_(keys),
      backend_(std::move(backend)),
      purpose_keys_(root_of(secrets_)),
      audit_key_(crypto_sign_SECRETKEYBYTES) {}

Result<std::unique_ptr<Service>> Service::open(const Setup& setup, Secrets secrets, const PublicKeys& keys,
                                               std::unique_ptr<Backend> backend) {
    std::vector<Entry> entries;
    CRN_TRY(journal, Journal::open(setup.state, state_key(secrets), entries));
    auto out = std::unique_ptr<Service>(new Service(std::move(journal), std::move(secrets), keys, std::move(backend)));
    if (out->audit_key_.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    out->sealer_ = setup.sealer;
    crypto::ValidatorPublicKey ignored;
    ::crypto_sign_seed_keypair(ignored.data(), out->audit_key_.bytes().data(), out->secrets_.audit_seed().data());

    bool adopt = false;
    for (const auto& entry : entries) switch (entry.kind) {
        case EntryKind::chain: out->chain_id_ = entry.number; break;
        case EntryKind::session: out->session_ = entry.number; break;
        case EntryKind::adopt: adopt = true; break;
        case EntryKind::key_made:
        case EntryKind::key_retired:
        case EntryKind::key_destroyed: CRN_CHECK(out->purpose_keys_.apply(entry)); break;
        case EntryKind::used: count(entry, out->uses_); break;
        case EntryKind::uses:
            // Stands behind what else a file begins with, and replaces what was counted of that.
            if (entry.lane >= ledger::kKeyUses) break;
            out->uses_.of(static_cast<ledger::KeyUse>(entry.lane)) = entry.number;
            out->uses_.chain = entry.digest();
            break;
        default: out->rules_.apply(entry); count(entry, out->uses_);
        }
    if (adopt) out->journal_.raise_counter(setup.witness);
    if (out->journal_.counter() < setup.witness)
        return fail(error::SignerRolledBack, "its counter is " + std::to_string(out->journal_.counter()) +
                                                 ", the node has seen " + std::to_string(setup.witness));
    if (out->session_ < setup.tpm_counter && !adopt)
        return fail(error::SignerRolledBack, "it is of start " + std::to_string(out->session_) + ", the TPM counts " +
                                                 std::to_string(setup.tpm_counter));
    if (out->chain_id_ != 0 && out->chain_id_ != setup.chain_id)
        return fail(error::SignerWrongChain,
                    "chain " + std::to_string(out->chain_id_) + ", not " + std::to_string(setup.chain_id));
    out->chain_id_ = setup.chain_id;
    if (setup.tpm_counter > 0) out->session_ = setup.tpm_counter + 1;
    CRN_CHECK(out->rewrite(false));
    return out;
}

std::vector<Entry> Service::snapshot() const {
    auto out = rules_.snapshot();
    out.insert(out.begin(), {EntryKind::chain, 0, 0, chain_id_, {}});
    if (session_ > 0) out.push_back({EntryKind::session, 0, 0, session_, {}});
    const auto keys = purpose_keys_.snapshot();
    out.insert(out.end(), keys.begin(), keys.end());
    for (std::uint16_t i = 0; i < ledger::kKeyUses; ++i) {
        auto total = entry_of(static_cast<ledger::KeyUse>(i), uses_.chain);
        total.kind = EntryKind::uses;
        total.number = uses_.counts[i];
        out.push_back(total);
    }
    return out;
}

Status Service::rewrite(bool erase) { return journal_.rewrite(snapshot(), erase); }

Bytes Service::reply(Result<Bytes> content, std::optional<ledger::KeyUse> use) const {
    Reply out;
    out.use = use;
    out.counter = journal_.counter();
    if (content)
        out.content = std::move(*content);
    else
        out.error = content.error();
    return encode(out);
}

Result<Bytes> Service::consensus(BytesView message) {
    CRN_TRY(signature, backend_->sign_consensus(message));
    return to_bytes(signature);
}

Result<Bytes> Service::seal(BytesView message) const {
    crypto::Signature out;
    ::crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), audit_key_.view().data());
    return to_bytes(out);
}

Result<Bytes> Service::vault(const VaultRequest& request) {
    while (true) {
        CRN_TRY(outcome, purpose_keys_.perform(request));
        if (!outcome.change) return std::move(outcome.content);
        CRN_CHECK(journal_.append({&*outcome.change, 1}));
        CRN_CHECK(purpose_keys_.apply(*outcome.change));
        // Twice, because the keys lie in both files.
        if (request.operation == VaultRequest::Operation::destroy) CRN_CHECK(rewrite(true));
        if (request.operation != VaultRequest::Operation::wrap) return std::move(outcome.content);
    }
}

Service::Pending Service::consider(const Bytes& bytes) {
    auto request = decode_request(bytes);
    if (!request) return {{}, [error = request.error()]() -> Result<Bytes> { return std::unexpected(error); }};
    const auto statement = [&](const Entry& entry, Bytes message) -> Pending {
        const auto verdict = rules_.check(entry);
        if (!verdict) return {{}, [error = verdict.error()]() -> Result<Bytes> { return std::unexpected(error); }};
        // At once, so that a later request of the same group is judged beside it.
        if (*verdict == Verdict::fresh) rules_.apply(entry);
        Pending out;
        out.entry = *verdict == Verdict::fresh ? entry : entry_of(*use_of(entry), hash_of(*request));
        count(*out.entry, uses_);
        out.answer = [this, message = std::move(message)] { return consensus(message); };
        return out;
    };
    const auto use = [&](ledger::KeyUse what, std::function<Result<Bytes>()> answer) -> Pending {
        Pending out{entry_of(what, hash_of(*request)), std::move(answer)};
        count(*out.entry, uses_);
        return out;
    };
    using ledger::KeyUse;
    return std::visit(
        Overloaded{
            [](const StartRequest&) -> Pending {
                return {{}, []() -> Result<Bytes> {
                            return fail(error::SignerRequestInvalid, "the signer has started already");
                        }};
            },
            [&](const VoteRequest& vote) {
                return statement(entry_of(vote.statement), ledger::signed_bytes(chain_id_, vote.statement));
            },
            [&](const BatchRequest& batch) {
                return statement(entry_of(batch.header),
                                 ledger::batch_signed_bytes(chain_id_, digest_of(batch.header)));
            },
            [&](const ProposalRequest& proposal) {
                return statement(entry_of(proposal.block), consensus::proposal_signed_bytes(chain_id_, proposal.block));
            },
            [&](const HandshakeRequest& handshake) {
                return use(KeyUse::handshake,
                           [this, message = handshake.message] { return backend_->sign_handshake(message); });
            },
            [&](const SealRequest& request_) {
                auto pending = use(KeyUse::seal, {});
                // As they are now: later requests of the group are in the next seal.
                pending.answer = [this, request_, uses = uses_]() -> Result<Bytes> {
                    CRN_TRY(signature, seal(seal_bytes(chain_id_, request_, uses)));
                    codec::WireWriter out;
                    out.raw(signature);
                    encode(out, uses);
                    return out.take();
                };
                return pending;
            },
            [&](const AnchorRequest& request_) {
                return use(KeyUse::anchor,
                           [this, message = anchor_bytes(chain_id_, request_)] { return seal(message); });
            },
            [&](const SealKeyRequest& request_) -> Pending {
                if (request_.seal_key != keys_.audit && request_.seal_key != sealer_)
                    return {{}, []() -> Result<Bytes> {
                                return fail(error::SignerRequestInvalid, "an audit key that is not this validator's");
                            }};
                return use(KeyUse::seal_key,
                           [this, message = seal_key_bytes(chain_id_, request_.node, request_.seal_key)] {
                               return consensus(message);
                           });
            },
            [&](const ClaimRequest& request_) {
                return use(KeyUse::claim,
                           [this, message = signed_bytes(ledger::KeyClaim{chain_id_, request_.validator})] {
                               return consensus(message);
                           });
            },
            [this](const LastExecutionRequest&) -> Pending {
                return {{}, [this]() -> Result<Bytes> {
                            const auto [height, header] = rules_.last_execution();
                            codec::WireWriter out;
                            out.u64(height);
                            out.fixed(header);
                            return out.take();
                        }};
            },
            [&](const VaultRequest& request_) -> Pending {
                const auto answer = [this, request_] { return vault(request_); };
                if (request_.operation == VaultRequest::Operation::list) return {{}, answer};
                return use(KeyUse::storage, answer);
            }},
        *request);
}

std::vector<Bytes> Service::handle(std::span<const Bytes> requests) {
    std::vector<Pending> pending;
    std::vector<Entry> entries;
    auto sync = Sync::later;
    for (const auto& request : requests.first(std::min(requests.size(), kGroupMax))) {
        pending.push_back(consider(request));
        const auto& entry = pending.back().entry;
        if (!entry) continue;
        entries.push_back(*entry);
        if (entry->kind != EntryKind::used || use_of(*entry) == ledger::KeyUse::seal) sync = Sync::now;
    }
    if (!failed_) {
        auto durable = journal_.append(entries, sync);
        if (durable && journal_.is_long()) durable = rewrite(false);
        if (!durable) failed_ = durable.error();
    }
    std::vector<Bytes> out;
    for (const auto& one : pending) {
        auto answer = failed_ ? std::unexpected(*failed_) : one.answer();
        out.push_back(reply(std::move(answer), one.entry ? use_of(*one.entry) : std::nullopt));
    }
    return out;
}

} // namespace cairn::signer
