// The node's side of the signer: starts its process and asks it. The node never holds a private key.
#pragma once

#include "base/clock.hpp"
#include "consensus/signing.hpp"
#include "crypto/tls_key.hpp"
#include "ledger/seal_succession.hpp"
#include "signer/protocol.hpp"
#include "storage/key_vault.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cairn::signer {

struct ClientConfig {
    std::string keys_file;        // keys.sealed
    std::string sealer_file = {}; // as in StartRequest
    /// A file of mode 0600 with the passphrase, handed over as an open descriptor: this process never reads it. Empty: the
    /// signer takes the systemd credential, or asks at the terminal.
    std::string passphrase_file;
    std::uint64_t chain_id = 0;
    /// Where the highest counter that this node has seen is kept. Empty: nowhere.
    std::string witness_file;
    /// The program to run; empty: this one. It gets the words "signer" and "serve".
    std::string program = {};
    /// A signer that has started and gives no answer for so long, because its token hangs, counts as gone: who waits for it is the
    /// thread that votes, or the one that serves all peers.
    Milliseconds patience{20'000};
};

/// Thread-safe. Every call waits for the signer.
class Client final : public consensus::Signer, public crypto::HandshakeSigner, public storage::KeyVault {
public:
    /// Waits until the signer has its keys, which may take a person who types. Errors of the signer's start.
    static Result<std::shared_ptr<Client>> start(const ClientConfig& config);
    ~Client() override;
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    const PublicKeys& keys() const { return started_.keys; }
    /// How earlier audit keys introduced the present one (audit_keys.hpp).
    const std::vector<ledger::SealSuccession>& successions() const { return successions_; }
    /// What the signer had counted when it started, and that with all that it has answered since, up to the last seal and with it.
    /// Answers come in order, so both count the same then.
    const ledger::KeyUses& uses_at_start() const { return started_.uses; }
    ledger::KeyUses uses_at_seal() const;
    const std::string& sandbox() const { return started_.sandbox; }
    pid_t process() const { return process_; }
    /// Called at most once, on the thread that noticed: the signer has ended or cannot remember any more.
    void on_failure(std::function<void(const Error&)> handler);

    // consensus::Signer. A refusal is logged.
    std::optional<crypto::Signature> sign_vote(const ledger::VoteStatement& statement) const override;
    std::optional<crypto::Signature> sign_batch(const ledger::BatchHeader& header) const override;
    std::optional<crypto::Signature> sign_proposal(const ledger::ConsensusBlock& block) const override;
    /// For this signer's own audit key, and that of the sealer's file.
    std::optional<crypto::Signature> sign_seal_key(const ledger::SealKeyStatement& statement) const override;

    /// The proof with which the voting key may take a validator's seat: its signature under ledger::KeyClaim.
    Result<crypto::Signature> claim_seat(const std::string& validator) const;

    // crypto::HandshakeSigner.
    Result<Bytes> sign_handshake(BytesView message) override;
    crypto::TlsPublicKey handshake_public_key() const override { return started_.keys.tls; }

    // storage::KeyVault.
    Result<storage::WrappedKey> wrap(storage::KeyPurpose purpose, BytesView context,
                                     const storage::DataKey& key) override;
    Result<storage::DataKey> unwrap(storage::KeyPurpose purpose, BytesView context,
                                    const storage::WrappedKey& key) override;
    Result<storage::KeyVersion> make_version(storage::KeyPurpose purpose) override;
    Status retire(storage::KeyPurpose purpose, storage::KeyVersion version) override;
    Status destroy(storage::KeyPurpose purpose, storage::KeyVersion version) override;
    Result<std::vector<storage::KeyVersionInfo>> versions(storage::KeyPurpose purpose) const override;

    /// What no honest data directory of this validator is behind: a result is signed only when its block is on the disk.
    Result<LastExecution> last_execution() const;

    /// Any request but a start. Errors of the signer; SignerUnavailable.
    Result<Bytes> ask(const Request& request) const;
    /// Bytes that may or may not be a request.
    Result<Bytes> ask_encoded(BytesView request) const;
    /// Several under one sync of the signer's memory; as many answers.
    std::vector<Result<Bytes>> ask_together(std::span<const Request> requests) const;
    Result<crypto::Signature> ask_signature(const Request& request) const;

private:
    Client() = default;
    Result<Reply> exchange(BytesView request) const;
    Result<Reply> receive() const;
    Status launch(const ClientConfig& config, int passphrase);
    Status limit_waiting(Milliseconds patience) const;
    void witness(std::uint64_t counter) const;
    void failed(const Error& error) const;
    std::optional<crypto::Signature> statement(const Request& request) const;

    Started started_;
    std::vector<ledger::SealSuccession> successions_;
    std::uint64_t chain_id_ = 0;
    pid_t process_ = -1;
    mutable std::mutex mutex_; // one exchange at a time
    int socket_ = -1;
    int witness_file_ = -1;
    mutable std::uint64_t witnessed_ = 0;
    mutable ledger::KeyUses uses_, uses_at_seal_; // their numbers
    mutable Bytes buffer_;
    mutable bool is_broken_ = false;   // for good: no later reply belongs to a later request
    mutable std::string last_refusal_; // a stuck core asks again and again

    mutable std::mutex handler_mutex_;
    mutable bool has_failed_ = false;
    std::function<void(const Error&)> handler_;
};

} // namespace cairn::signer
