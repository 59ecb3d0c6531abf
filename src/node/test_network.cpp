#include "node/test_network.hpp"

#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "crypto/tls_key.hpp"
#include "ledger/key_claim.hpp"
#include "signer/sealed_keys.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace cairn::node {
namespace {

/// Ports that were free a moment ago.
std::vector<std::uint16_t> free_ports(std::size_t count) {
    std::vector<int> sockets;
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i < count; ++i) {
        const int s = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(s, reinterpret_cast<sockaddr*>(&address), length), 0);
        EXPECT_EQ(::getsockname(s, reinterpret_cast<sockaddr*>(&address), &length), 0);
        sockets.push_back(s);
        ports.push_back(ntohs(address.sin_port));
    }
    for (const int s : sockets) ::close(s);
    return ports;
}

crypto::AccountKey organisation_key(std::size_t i) {
    return *crypto::AccountKey::from(crypto::keccak256(as_bytes("organisation " + std::to_string(i))));
}

} // namespace

crypto::ValidatorSeed voting_seed(const std::string& network, std::size_t i) {
    return *crypto::ValidatorSeed::from(crypto::keccak256(as_bytes("org" + std::to_string(i) + "-1" + network)));
}

SealedKeys seal_keys(const std::string& path, const crypto::ValidatorSeed& seed, std::string_view tls_pem,
                     crypto::VotingAlgorithm algorithm) {
    auto secrets = signer::Secrets::generate(crypto::system_random(), algorithm);
    EXPECT_TRUE(secrets);
    std::ranges::copy(seed, secrets->bytes().begin());
    const auto tls = crypto::TlsKey::from_pem(tls_pem);
    SealedKeys out{tls->secret(), to_bytes(secrets->storage_root())};
    secrets->set_tls_key(*tls);
    EXPECT_TRUE(signer::create_sealed_keys(path, *secrets, as_bytes("a passphrase"), signer::kCostForRandomPassphrase,
                                           crypto::system_random()));
    return out;
}

Bytes claim_of(const crypto::VotingSecret& secret, const std::string& validator) {
    return to_bytes(*secret.sign(signed_bytes(ledger::KeyClaim{kChainId, validator})));
}

TestNetwork::TestNetwork(std::size_t nodes, std::string name, int genesis_delay_s, ledger::Suite suite,
                         crypto::CertificateKey ca_key, const U256& gas_price)
    : directory_(std::filesystem::temp_directory_path() /
                 ("cairn-node-test-" + std::to_string(::getpid()) + "-" + name)),
      key_(*crypto::AccountKey::from(crypto::keccak256(as_bytes("a funded account")))) {
    std::filesystem::remove_all(directory_);
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall()).count();
    const auto ports = free_ports(nodes);
    genesis_.parameters.chain_id = kChainId;
    genesis_.parameters.suite = suite;
    if (gas_price) genesis_.parameters.fee_mode = ledger::FeeMode::fixed;
    genesis_.parameters.fixed_gas_price = gas_price;
    const auto algorithm =
        suite == ledger::Suite::national ? crypto::VotingAlgorithm::sm2 : crypto::VotingAlgorithm::ed25519;
    genesis_.timestamp = static_cast<std::uint64_t>(now - 1 + genesis_delay_s);
    std::vector<crypto::ValidatorSeed> org_seeds;
    for (std::size_t i = 0; i < nodes; ++i) {
        const std::string organisation = "Org" + std::to_string(i);
        const std::string node = "org" + std::to_string(i) + "-1";
        const auto folder = directory_ + "/" + node;
        std::filesystem::create_directories(folder);
        const auto validator_seed = voting_seed(name, i);
        org_seeds.push_back(*crypto::ValidatorSeed::from(crypto::keccak256(as_bytes(organisation + name))));
        const auto key = crypto::VotingSecret::from(algorithm, validator_seed).value();
        const auto ca = crypto::create_ca(organisation, {now - 60, now + kYear}, crypto::system_random(), ca_key);
        EXPECT_TRUE(ca);
        const auto leaf = crypto::issue_node_certificate(*ca, {organisation, node, key.public_key()},
                                                         {now - 60, now + kYear / 2}, crypto::system_random());
        EXPECT_TRUE(leaf);
        std::ofstream{folder + "/tls.pem"} << leaf->certificate_pem << ca->certificate_pem;
        sealed_.push_back(seal_keys(folder + "/keys.sealed", validator_seed, leaf->key_pem.view(), algorithm));
        EXPECT_TRUE(crypto::write_secret_file(folder + "/passphrase", "a passphrase\n"));
        genesis_.organisations.push_back({.name = organisation,
                                          .ca_certificate_pem = ca->certificate_pem,
                                          .signing_key = crypto::ValidatorKey::from_seed(org_seeds[i]).public_key(),
                                          .account = crypto::address_of(*crypto::public_key(organisation_key(i)))});
        genesis_.validators.members.push_back(
            {node, organisation, key.public_key(), "127.0.0.1:" + std::to_string(ports[i])});
        configs_.push_back({.data_dir = folder + "/data",
                            .genesis_file = directory_ + "/genesis.json",
                            .keys_file = folder + "/keys.sealed",
                            .passphrase_file = folder + "/passphrase",
                            .tls_certificate_file = folder + "/tls.pem",
                            .listen_port = ports[i]});
    }
    const auto rich = suite == ledger::Suite::national
                          ? crypto::sm2_address(*crypto::sm2_public_key(*crypto::Sm2Key::from(key_)))
                          : crypto::address_of(*crypto::public_key(key_));
    genesis_.accounts[rich].balance = U256{1} << 100;
    genesis_.roles[rich] = mask_of(ledger::Role::deployer);
    for (std::uint8_t role = 0; role < 3; ++role) {
        Address administrator;
        administrator.bytes.fill(static_cast<std::uint8_t>(0xd0 + role));
        genesis_.roles[administrator] = mask_of(static_cast<ledger::Role>(role));
    }
    for (std::size_t i = 0; i < nodes; ++i)
        genesis_.signatures[genesis_.organisations[i].name] =
            crypto::ValidatorKey::from_seed(org_seeds[i]).sign(ledger::genesis_signed_bytes(ledger::hash_of(genesis_)));
    std::ofstream{directory_ + "/genesis.json"} << ledger::to_json(genesis_);
    nodes_.resize(nodes);
}

TestNetwork::Stranger TestNetwork::add_stranger(const std::string& organisation, const std::string& node) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall()).count();
    const auto folder = directory_ + "/" + node;
    std::filesystem::create_directories(folder);
    const auto port = free_ports(1).front();
    const auto seed = *crypto::ValidatorSeed::from(crypto::keccak256(as_bytes(folder)));
    Stranger out;
    out.key = crypto::ValidatorKey::from_seed(seed).public_key();
    out.claim = claim_of(crypto::ValidatorKey::from_seed(seed), node);
    out.account = crypto::address_of(*crypto::public_key(organisation_key(nodes_.size())));
    out.address = "127.0.0.1:" + std::to_string(port);
    const auto ca = crypto::create_ca(organisation, {now - 60, now + kYear}, crypto::system_random());
    EXPECT_TRUE(ca);
    const auto leaf = crypto::issue_node_certificate(*ca, {organisation, node, out.key}, {now - 60, now + kYear / 2},
                                                     crypto::system_random());
    EXPECT_TRUE(leaf);
    out.ca_certificate_pem = ca->certificate_pem;
    std::ofstream{folder + "/tls.pem"} << leaf->certificate_pem << ca->certificate_pem;
    sealed_.push_back(seal_keys(folder + "/keys.sealed", seed, leaf->key_pem.view()));
    EXPECT_TRUE(crypto::write_secret_file(folder + "/passphrase", "a passphrase\n"));
    configs_.push_back({.data_dir = folder + "/data",
                        .genesis_file = directory_ + "/genesis.json",
                        .keys_file = folder + "/keys.sealed",
                        .join = true,
                        .passphrase_file = folder + "/passphrase",
                        .tls_certificate_file = folder + "/tls.pem",
                        .listen_port = port});
    nodes_.emplace_back();
    return out;
}

TestNetwork::~TestNetwork() {
    nodes_.clear();
    std::filesystem::remove_all(directory_);
}

Status TestNetwork::start(std::size_t i) {
    CRN_TRY(node, Node::start(configs_[i]));
    nodes_[i] = std::move(node);
    return {};
}

Bytes TestNetwork::transfer(std::uint64_t nonce, std::uint64_t max_fee) const {
    ledger::Transaction transaction{.type = ledger::TransactionType::dynamic_fee,
                                    .chain_id = U256{kChainId},
                                    .nonce = nonce,
                                    .max_fee_per_gas = U256{max_fee},
                                    .gas_limit = 21'000,
                                    .to = *Address::from(BytesView{crypto::keccak256(as_bytes("someone"))}.first(20)),
                                    .value = 1};
    if (genesis_.parameters.suite == ledger::Suite::national) {
        transaction.type = ledger::TransactionType::sm2;
        EXPECT_TRUE(ledger::sign_transaction(transaction, *crypto::Sm2Key::from(key_)));
    } else {
        EXPECT_TRUE(ledger::sign_transaction(transaction, key_));
    }
    return ledger::encode_transaction(transaction);
}

Bytes TestNetwork::call_by_organisation(std::size_t i, std::uint64_t nonce, const Address& contract, Bytes data,
                                        std::uint64_t gas) const {
    ledger::Transaction transaction{.type = ledger::TransactionType::dynamic_fee,
                                    .chain_id = U256{kChainId},
                                    .nonce = nonce,
                                    .gas_limit = gas,
                                    .to = contract,
                                    .data = std::move(data)};
    EXPECT_TRUE(ledger::sign_transaction(transaction, organisation_key(i)));
    return ledger::encode_transaction(transaction);
}

bool TestNetwork::wait_for_height(std::uint64_t height, int seconds) const {
    for (int i = 0; i < seconds * 20; ++i) {
        bool all = true;
        for (const auto& node : nodes_) all &= !node || node->chain().head().value >= height;
        if (all) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    return false;
}

void transfer_until_final(TestNetwork& network, std::size_t i, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t nonce = from; nonce < to; ++nonce) {
        const auto hash = network.chain(i).submit(network.transfer(nonce));
        ASSERT_TRUE(hash) << hash.error().text();
        bool found = false;
        for (int wait = 0; wait < 60'000 && !found; ++wait) {
            found = network.chain(i).find_transaction(*hash).has_value();
            // In a block or waiting for one, also between its execution and the certificate: never unknown.
            ASSERT_TRUE(found || network.chain(i).pending(*hash)) << "nonce " << nonce;
            if (!found) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        ASSERT_TRUE(found) << "nonce " << nonce << " is not final after a minute";
    }
}

void expect_same_blocks(TestNetwork& network, std::size_t nodes, std::uint64_t height) {
    for (std::uint64_t h = 0; h <= height; ++h)
        for (std::size_t i = 1; i < nodes; ++i)
            if (network.runs(i)) {
                EXPECT_EQ(network.chain(0).block(Height{h})->hash, network.chain(i).block(Height{h})->hash);
            }
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return condition();
}

} // namespace cairn::node
