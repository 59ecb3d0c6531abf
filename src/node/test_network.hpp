// A real network of validators in one process, for tests: certificates, genesis, data directories and ports of its own.
#pragma once

#include "crypto/certificate_key.hpp"
#include "crypto/secp256k1.hpp"
#include "node/data_at_rest.hpp"
#include "node/own_signer.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace cairn::node {

inline constexpr std::uint64_t kChainId = 20261;
inline constexpr std::int64_t kYear = 365 * 24 * 3600;

/// What a sealed file holds beside the voting key that it was made with.
struct SealedKeys {
    Bytes tls_scalar, storage_root;
};
/// Seals a voting key and the TLS key of `tls_pem` with a new root of storage keys, under the passphrase "a passphrase".
SealedKeys seal_keys(const std::string& path, const crypto::ValidatorSeed& seed, std::string_view tls_pem,
                     crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519);
/// Of validator `i` of the network with this name.
crypto::ValidatorSeed voting_seed(const std::string& network, std::size_t i);
/// Of a voting key to the seat of `validator`.
Bytes claim_of(const crypto::VotingSecret& secret, const std::string& validator);

class TestNetwork {
public:
    /// National: the validators vote with SM2 and the funded account is an SM2 one.
    TestNetwork(std::size_t nodes, std::string name, int genesis_delay_s = 0,
                ledger::Suite suite = ledger::Suite::international,
                crypto::CertificateKey ca_key = crypto::CertificateKey::p256, const U256& gas_price = {});
    ~TestNetwork();

    /// Starts or restarts node `i`.
    Status start(std::size_t i);
    void stop(std::size_t i) { nodes_[i].reset(); }
    Chain& chain(std::size_t i) { return nodes_[i]->chain(); }
    Node& node(std::size_t i) { return *nodes_[i]; }
    bool runs(std::size_t i) const { return nodes_[i] != nullptr; }
    const NodeConfig& config(std::size_t i) const { return configs_[i]; }
    NodeConfig& config(std::size_t i) { return configs_[i]; }
    const ledger::Genesis& genesis() const { return genesis_; }
    const SealedKeys& sealed(std::size_t i) const { return sealed_[i]; }
    /// A funded account.
    const crypto::AccountKey& key() const { return key_; }
    /// Raw transaction of organisation `i`'s account, which owns nothing.
    Bytes call_by_organisation(std::size_t i, std::uint64_t nonce, const Address& contract, Bytes data,
                               std::uint64_t gas = 500'000) const;
    /// A node of an organisation that genesis does not know, with keys and a configuration that asks to join. It becomes the last node.
    struct Stranger {
        crypto::ValidatorPublicKey key;
        Bytes claim; // of the key to the seat
        Address account;
        std::string ca_certificate_pem, address;
    };
    Stranger add_stranger(const std::string& organisation, const std::string& node);
    /// Raw transfer of 1 wei with the given nonce.
    Bytes transfer(std::uint64_t nonce, std::uint64_t max_fee = 0) const;
    /// Waits until all running nodes have `height` at least; false after `seconds`.
    bool wait_for_height(std::uint64_t height, int seconds = 60) const;

private:
    std::string directory_;
    ledger::Genesis genesis_;
    crypto::AccountKey key_;
    std::vector<NodeConfig> configs_;
    std::vector<SealedKeys> sealed_;
    std::vector<std::unique_ptr<Node>> nodes_;
};

/// Submits transfers from nonce `from` to before `to`, one after the other, each until it is final on node `i`.
void transfer_until_final(TestNetwork& network, std::size_t i, std::uint64_t from, std::uint64_t to);
/// All of the first `nodes` that run have node 0's blocks up to `height`.
void expect_same_blocks(TestNetwork& network, std::size_t nodes, std::uint64_t height);
bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit);

/// The data of a node that does not run, with a signer of its own.
inline Result<std::unique_ptr<DataAtRest>> open_at_rest(const NodeConfig& config, const ledger::Genesis& genesis) {
    CRN_TRY(signer, start_own_signer(config, genesis.parameters.chain_id));
    return DataAtRest::open(config, genesis, std::move(signer));
}

} // namespace cairn::node
