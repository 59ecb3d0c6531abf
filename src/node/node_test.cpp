#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/ledger.hpp"
#include "base/errors/network.hpp"
#include "base/errors/node.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "ledger/key_claim.hpp"
#include "node/test_network.hpp"

#include "codec/abi.hpp"
#include "consensus/messages.hpp"
#include "consensus/signing.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "crypto/p256_key.hpp"
#include "ledger/selector.hpp"
#include "network/network.hpp"
#include "node/backup.hpp"
#include "node/data_at_rest.hpp"
#include "node/epochs.hpp"
#include "node/executed_chain.hpp"
#include "signer/ceremony.hpp"
#include "signer/journal.hpp"
#include "signer/memory_search.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/serve.hpp"
#include "storage/segment_log.hpp"
#include "system/addresses.hpp"
#include "system/keys.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <mutex>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cairn::node {
namespace {

constexpr std::uint64_t kChainId = 20261;
constexpr std::int64_t kYear = 365 * 24 * 3600;

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

/// Of the keys that were sealed last.
Bytes last_tls_scalar, last_storage_root;

crypto::ValidatorSeed voting_seed(const std::string& network, std::size_t i) {
    return *crypto::ValidatorSeed::from(crypto::keccak256(as_bytes("org" + std::to_string(i) + "-1" + network)));
}

void seal_keys(const std::string& path, const crypto::ValidatorSeed& seed, std::string_view tls_pem,
               crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519) {
    auto secrets = signer::Secrets::generate(crypto::system_random(), algorithm);
    ASSERT_TRUE(secrets);
    std::ranges::copy(seed, secrets->bytes().begin());
    last_tls_scalar = crypto::P256Key::from_pem(tls_pem)->scalar();
    ASSERT_TRUE(secrets->set_tls_scalar(last_tls_scalar));
    last_storage_root = to_bytes(secrets->storage_root());
    ASSERT_TRUE(signer::create_sealed_keys(path, *secrets, as_bytes("a passphrase"), signer::kCostForRandomPassphrase,
                                           crypto::system_random()));
}

Bytes claim_of(const crypto::VotingSecret& secret, const std::string& validator) {
    return to_bytes(*secret.sign(signed_bytes(ledger::KeyClaim{kChainId, validator})));
}

} // namespace

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
        seal_keys(folder + "/keys.sealed", validator_seed, leaf->key_pem.view(), algorithm);
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
    seal_keys(folder + "/keys.sealed", seed, leaf->key_pem.view());
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

namespace {

/// Submits transfers from `nonce` on, one after the other, each until it is final on node `i`.
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

} // namespace

TEST(Node, four_validators_agree_and_one_that_was_away_catches_up) {
    TestNetwork network(4, "agree");
    for (std::size_t i = 0; i < 4; ++i) {
        const auto started = network.start(i);
        ASSERT_TRUE(started) << started.error().text();
    }
    transfer_until_final(network, 0, 0, 3);
    auto height = network.chain(0).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);

    network.stop(3);
    transfer_until_final(network, 1, 3, 8);
    ASSERT_TRUE(network.start(3));
    transfer_until_final(network, 2, 8, 9);
    height = network.chain(2).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);
}

TEST(Node, with_a_certificate_of_an_ed25519_ca_joins) {
    TestNetwork network(2, "ed25519-ca", 0, ledger::Suite::international, crypto::CertificateKey::ed25519);
    for (const auto& organisation : network.genesis().organisations)
        ASSERT_EQ(crypto::inspect_certificate(organisation.ca_certificate_pem)->key, crypto::CertificateKey::ed25519);
    for (std::size_t i = 0; i < 2; ++i) ASSERT_TRUE(network.start(i));
    // Of two neither goes on without the other.
    ASSERT_TRUE(network.chain(0).submit(network.transfer(0)));
    EXPECT_TRUE(network.wait_for_height(1));
}

TEST(Node, four_validators_of_the_national_suite_vote_with_sm2_and_certify_with_it) {
    TestNetwork network(4, "national", 0, ledger::Suite::national);
    for (std::size_t i = 0; i < 4; ++i) {
        const auto started = network.start(i);
        ASSERT_TRUE(started) << started.error().text();
    }
    transfer_until_final(network, 0, 0, 3);
    network.stop(2); // its memory and its votes are read again
    transfer_until_final(network, 1, 3, 5);
    ASSERT_TRUE(network.start(2));
    transfer_until_final(network, 2, 5, 6);
    const auto height = network.chain(2).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);
    const auto certificate = network.chain(3).certificate(Height{height});
    ASSERT_TRUE(certificate);
    const auto& set = network.genesis().validators;
    for (const auto& member : set.members) EXPECT_EQ(member.key.algorithm, crypto::VotingAlgorithm::sm2);
    EXPECT_TRUE(ledger::verify_certificate(kChainId, set, *certificate));
    // An account of the other algorithm is not of this chain.
    EXPECT_FALSE(network.chain(0).submit(network.call_by_organisation(0, 0, Address{}, {})));
}

TEST(Node, two_of_four_stopped_stop_the_chain_and_nothing_acknowledged_is_lost_when_one_returns) {
    TestNetwork network(4, "halt");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    transfer_until_final(network, 0, 0, 3);
    const auto height = network.chain(0).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    network.stop(2);
    network.stop(3);
    const auto waiting = network.chain(0).submit(network.transfer(3));
    ASSERT_TRUE(waiting);
    std::this_thread::sleep_for(std::chrono::seconds{2});
    EXPECT_FALSE(network.chain(0).find_transaction(*waiting));
    ASSERT_TRUE(network.start(2));
    bool found = false;
    for (int wait = 0; wait < 600 && !found; ++wait) {
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        found = network.chain(2).find_transaction(*waiting).has_value();
    }
    EXPECT_TRUE(found);
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 3, height);
}

TEST(Node, all_stopped_and_started_again_have_everything) {
    TestNetwork network(4, "restart");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    transfer_until_final(network, 3, 0, 5);
    const auto height = network.chain(3).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    const auto hash = network.chain(0).block(Height{height})->hash;
    for (std::size_t i = 0; i < 4; ++i) network.stop(i);
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    EXPECT_EQ(network.chain(1).block(Height{height})->hash, hash);
    transfer_until_final(network, 0, 5, 7);
}

TEST(Node, parameters_that_the_organisations_vote_for_hold_from_their_block_on) {
    TestNetwork network(1, "vote");
    ASSERT_TRUE(network.start(0));
    constexpr std::uint64_t kActivation = 6;
    const auto vote = [&](std::uint64_t nonce, std::string_view name, std::uint64_t value) {
        const auto change = ledger::selector_of("change(string,uint256,uint256)");
        Bytes data{change.begin(), change.end()};
        append(data, *codec::abi_encode("(string,uint256,uint256)", {name, value, kActivation}));
        const auto propose = ledger::selector_of("propose(address,bytes,string)");
        Bytes proposal{propose.begin(), propose.end()};
        append(proposal, *codec::abi_encode("(address,bytes,string)",
                                            {system::kParametersAddress, std::move(data), "as agreed"}));
        const auto hash = network.chain(0).submit(
            network.call_by_organisation(0, nonce, system::kProposalsAddress, std::move(proposal)));
        ASSERT_TRUE(hash) << hash.error().text();
    };
    vote(0, "blockGasLimit", 40'000'000);
    vote(1, "fixedGasPrice", 1);
    std::uint64_t nonce = 0;
    const auto pay_and_wait = [&] {
        const auto before = network.chain(0).head().value;
        const auto hash = network.chain(0).submit(network.transfer(nonce++, 1));
        ASSERT_TRUE(hash) << hash.error().text();
        ASSERT_TRUE(network.wait_for_height(before + 1));
    };
    while (network.chain(0).head().value < kActivation) ASSERT_NO_FATAL_FAILURE(pay_and_wait());

    const auto header = [&](std::uint64_t height) { return network.chain(0).block(Height{height})->block.header; };
    EXPECT_EQ(header(kActivation - 1).gas_limit, 500'000'000u);
    EXPECT_EQ(header(kActivation - 1).base_fee_per_gas, U256{0});
    EXPECT_EQ(header(kActivation).gas_limit, 40'000'000u);
    EXPECT_EQ(header(kActivation).base_fee_per_gas, U256{1});
    const auto free = network.chain(0).submit(network.transfer(nonce));
    ASSERT_FALSE(free) << "the pool knows the price too";
    EXPECT_EQ(free.error().code, error::FeeBelowBase);
    pay_and_wait();
    network.stop(0);

    // The state is lost: executing the stored blocks again gives the same roots only with the same parameters.
    std::filesystem::remove_all(network.config(0).data_dir + "/state");
    const auto at_rest = *open_at_rest(network.config(0), network.genesis());
    const auto again =
        ExecutedChain::open(network.config(0).data_dir, network.genesis(), system::native_contracts(), at_rest.get());
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_GT((*again)->height().value, kActivation);
}

// Epochs ---------------------------------------------------------------------------------------------------------------

Bytes call(std::string_view signature, std::string_view types, const codec::AbiValue::List& arguments) {
    const auto selector = ledger::selector_of(signature);
    Bytes out{selector.begin(), selector.end()};
    append(out, *codec::abi_encode(types, arguments));
    return out;
}

/// Decides as the first three of four organisations: they propose, approve, and carry out after the delay.
class Decisions {
public:
    explicit Decisions(TestNetwork& network, std::size_t through) : network_(network), through_(through) {}

    void decide(Bytes change) {
        const auto id = codec::AbiValue{next_id_++};
        send(0, call("propose(address,bytes,string)", "(address,bytes,string)",
                     {system::kMembersAddress, std::move(change), "as agreed"}));
        send(1, call("approve(uint256)", "(uint256)", {id}));
        send(2, call("approve(uint256)", "(uint256)", {id}));
        constexpr std::uint64_t kDelay = 2;
        auto& chain = network_.chain(through_); // others may wait at the door
        const auto ready = chain.head().value + kDelay;
        for (int wait = 0; wait < 1'200 && chain.head().value < ready; ++wait)
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
        ASSERT_GE(chain.head().value, ready);
        send(0, call("execute(uint256)", "(uint256)", {id}));
    }

private:
    void send(std::size_t organisation, Bytes data) {
        const auto hash = network_.chain(through_).submit(network_.call_by_organisation(
            organisation, nonces_[organisation]++, system::kProposalsAddress, std::move(data), 5'000'000));
        ASSERT_TRUE(hash) << hash.error().text();
        auto& chain = network_.chain(through_);
        for (int wait = 0; wait < 30'000 && !chain.find_transaction(*hash); ++wait)
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        const auto where = chain.find_transaction(*hash);
        ASSERT_TRUE(where);
        EXPECT_TRUE(chain.block(where->height)->receipts[where->index].success);
    }
    TestNetwork& network_;
    const std::size_t through_;
    std::uint64_t next_id_ = 1;
    std::map<std::size_t, std::uint64_t> nonces_;
};

bool wait_for_epoch(TestNetwork& network, const std::vector<std::size_t>& nodes, std::uint64_t epoch) {
    for (int wait = 0; wait < 600; ++wait) {
        if (std::ranges::all_of(nodes, [&](auto i) { return network.chain(i).epoch().value >= epoch; })) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
    return false;
}

/// A sealed file with a voting key of its own.
crypto::VotingSecret seal_voting_key(const std::string& path, std::string_view seed_text,
                                     crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519) {
    const auto tls = crypto::create_ca("nobody", {0, kYear}, crypto::system_random());
    const auto seed = *crypto::ValidatorSeed::from(crypto::keccak256(as_bytes(seed_text)));
    seal_keys(path, seed, tls->key_pem.view(), algorithm);
    return *crypto::VotingSecret::from(algorithm, seed);
}

Bytes replace_key_call(const std::string& validator, const crypto::VotingSecret& secret) {
    const auto& key = secret.public_key();
    return call(
        "replaceValidatorKey(string,bytes32,uint8,bytes)", "(string,bytes32,uint8,bytes)",
        {validator, *Hash256::from(key.bytes), static_cast<std::uint8_t>(key.algorithm), claim_of(secret, validator)});
}

TEST(Epochs, voting_key_is_replaced_under_load_without_loss_and_the_new_one_is_needed_afterwards) {
    TestNetwork network(4, "newkey");
    const auto path = network.config(1).keys_file + ".next";
    const auto secret = seal_voting_key(path, "the next key of node 1");
    const auto& key = secret.public_key();
    network.config(1).voting_keys_files = {path};
    for (std::size_t i = 0; i < 4; ++i) {
        const auto started = network.start(i);
        ASSERT_TRUE(started) << started.error().text();
    }
    transfer_until_final(network, 0, 0, 1);
    network.stop(3); // away while the key changes

    std::atomic<bool> enough = false;
    std::atomic<std::uint64_t> paid = 1;
    std::thread load([&] { // each is final, or the test fails
        while (!enough) {
            transfer_until_final(network, 0, paid, paid + 1);
            if (testing::Test::HasFailure()) return;
            ++paid;
        }
    });
    Decisions decisions(network, 2);
    decisions.decide(replace_key_call("org1-1", secret));
    const bool changed = wait_for_epoch(network, {0, 1, 2}, 1);
    const auto before = paid.load();
    for (int wait = 0; wait < 600 && paid < before + 5; ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    enough = true;
    load.join();
    ASSERT_TRUE(changed);
    ASSERT_GE(paid.load(), before + 5) << "the load went on in the new epoch";
    EXPECT_EQ(network.chain(0).validators(Epoch{1})->members[1].key, key);
    EXPECT_NE(network.chain(0).validators(Epoch{0})->members[1].key, key);
    // One of three that were up must have voted with it: two are no quorum.
    const auto certificate = network.chain(0).certificate(network.chain(0).head());
    ASSERT_TRUE(certificate);
    EXPECT_EQ(certificate->statement.epoch, Epoch{1});
    EXPECT_TRUE(ledger::verify_certificate(kChainId, *network.chain(0).validators(Epoch{1}), *certificate));
    EXPECT_FALSE(ledger::verify_certificate(kChainId, *network.chain(0).validators(Epoch{0}), *certificate));

    // The one that was away comes over the handover; those that were there find their epoch again.
    ASSERT_TRUE(network.start(3));
    ASSERT_TRUE(wait_for_epoch(network, {3}, 1));
    for (const std::size_t i : {1u, 2u}) {
        network.stop(i);
        const auto started = network.start(i);
        ASSERT_TRUE(started) << started.error().text();
        EXPECT_EQ(network.chain(i).epoch(), Epoch{1});
        transfer_until_final(network, 0, paid, paid + 2);
        paid += 2;
    }
    const auto height = network.chain(0).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);

    // Without the new key's file the node says what it lacks.
    network.stop(1);
    network.config(1).voting_keys_files.clear();
    const auto without = network.start(1);
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().code, error::ValidatorLeft);
}

TEST(Epochs, new_organisations_validator_joins_and_a_founder_leaves) {
    TestNetwork network(4, "join");
    const auto added = network.add_stranger("Org4", "org4-1");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    transfer_until_final(network, 0, 0, 3);
    Decisions decisions(network, 1);
    decisions.decide(call("addOrganisation(string,address,bytes32,string)", "(string,address,bytes32,string)",
                          {"Org4", added.account, *Hash256::from(BytesView{added.key}), added.ca_certificate_pem}));
    // It waits at the door until the chain has made it a validator.
    const auto early = network.start(4);
    ASSERT_TRUE(early) << early.error().text();
    decisions.decide(call("addValidator(string,string,bytes32,uint8,bytes,string)",
                          "(string,string,bytes32,uint8,bytes,string)",
                          {"org4-1", "Org4", *Hash256::from(BytesView{added.key}), 0, added.claim, added.address}));
    ASSERT_TRUE(wait_for_epoch(network, {0, 1, 2, 3, 4}, 1));
    EXPECT_EQ(network.chain(4).validators(Epoch{1})->size(), 5u);
    transfer_until_final(network, 1, 3, 6);
    ASSERT_TRUE(network.wait_for_height(network.chain(1).head().value));

    // Four of five are a quorum: without one founder the new one's votes are needed.
    network.stop(3);
    transfer_until_final(network, 1, 6, 9);
    ASSERT_TRUE(network.start(3));

    // A founder leaves: all indices change, and it stops with a code that says so.
    decisions.decide(call("removeOrganisation(string)", "(string)", {"Org0"}));
    ASSERT_TRUE(wait_for_epoch(network, {1, 2, 3, 4}, 2));
    EXPECT_EQ(network.chain(4).validators(Epoch{2})->members.front().name, "org1-1");
    for (int wait = 0; wait < 300 && !network.node(0).fatal(); ++wait)
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
    ASSERT_TRUE(network.node(0).fatal());
    EXPECT_EQ(network.node(0).fatal()->code, error::ValidatorLeft);
    // Its connections ended with the network of its epoch.
    for (const std::size_t i : {1u, 2u, 3u, 4u}) {
        auto peers = network.chain(i).status().peers;
        for (int wait = 0; wait < 600 && peers.size() != 3; ++wait) { // the network of the new epoch is being made
            std::this_thread::sleep_for(std::chrono::milliseconds{50});
            peers = network.chain(i).status().peers;
        }
        EXPECT_EQ(peers.size(), 3u) << "itself not counted";
        EXPECT_TRUE(std::ranges::none_of(peers, [](const auto& peer) { return peer.organisation == "Org0"; }))
            << "node " << i << " keeps a connection for who has left";
    }
    network.stop(0);
    transfer_until_final(network, 4, 9, 12);
    network.stop(4);
    ASSERT_TRUE(network.start(4));
    transfer_until_final(network, 2, 12, 14);
    const auto height = network.chain(1).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    for (std::size_t i = 2; i < 5; ++i)
        EXPECT_EQ(network.chain(1).block(Height{height})->hash, network.chain(i).block(Height{height})->hash);
}

/// Changes the genesis file of `network` without its organisations' knowledge.
void rewrite_genesis(TestNetwork& network, const std::function<void(ledger::Genesis&)>& change) {
    auto genesis = network.genesis();
    change(genesis);
    std::ofstream{network.config(0).genesis_file} << ledger::to_json(genesis);
}

namespace {

/// Holds copies of a validator's keys: says Amen to every vote that it hears, and so takes part wherever it is let in.
class Thief {
public:
    Thief(const TestNetwork& victims, std::size_t i, const crypto::ValidatorSeed& seed)
        : self_{static_cast<std::uint16_t>(i)}, signer_(crypto::ValidatorKey::from_seed(seed), kChainId) {
        class Copied final : public crypto::HandshakeSigner {
        public:
            Result<Bytes> sign_handshake(const Hash256& digest) override {
                const std::lock_guard lock(mutex_);
                return key_.sign(digest);
            }
            Bytes handshake_public_key() const override { return key_.public_point(); }

        private:
            std::mutex mutex_;
            crypto::P256Key key_ = *crypto::P256Key::from_scalar(last_tls_scalar);
        };
        const auto& config = victims.config(i);
        auto started = network::start_network({.listen_port = config.listen_port,
                                               .certificate_file = config.tls_certificate_file,
                                               .handshake_signer = std::make_shared<Copied>(),
                                               .self = self_},
                                              victims.genesis(),
                                              {.on_frame =
                                                   [this](ValidatorIndex, network::Stream, network::Frame frame) {
                                                       ++heard_;
                                                       echo(frame);
                                                   },
                                               .on_connected = [](ValidatorIndex) {},
                                               .on_disconnected = [](ValidatorIndex) {}});
        EXPECT_TRUE(started) << started.error().text();
        const std::lock_guard lock(mutex_);
        network_ = std::move(*started);
    }
    ~Thief() {
        std::unique_ptr<network::Network> last;
        const std::lock_guard lock(mutex_);
        last = std::move(network_);
    }
    std::size_t connected() const {
        return static_cast<std::size_t>(std::ranges::count_if(network_->peers(), &network::PeerState::connected));
    }
    std::uint64_t heard() const { return heard_; }

private:
    void echo(const network::Frame& frame) {
        if (static_cast<consensus::MessageType>(frame.type) != consensus::MessageType::vote) return;
        const auto heard = consensus::decode_vote_message(*frame.payload);
        if (!heard) return;
        const ledger::Vote own{heard->statement, self_, *signer_.sign_vote(heard->statement)};
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (!lock || !network_) return;
        network_->broadcast(network::Stream::consensus,
                            {frame.type, std::make_shared<const Bytes>(consensus::encode_vote(own))});
    }

    ValidatorIndex self_;
    consensus::KeySigner signer_;
    std::atomic<std::uint64_t> heard_ = 0;
    std::mutex mutex_;
    std::unique_ptr<network::Network> network_; // guarded by mutex_ against its own callbacks
};

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
    for (const auto end = std::chrono::steady_clock::now() + limit; std::chrono::steady_clock::now() < end;) {
        if (condition()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return condition();
}

} // namespace

TEST(Node, a_thief_with_a_validators_keys_is_cut_off_and_its_votes_count_nowhere_after_the_quarantine) {
    constexpr std::size_t kVictim = 3;
    TestNetwork network(4, "thief");
    for (std::size_t i = 0; i < kVictim; ++i) ASSERT_TRUE(network.start(i));
    auto thief = std::make_unique<Thief>(network, kVictim, voting_seed("thief", kVictim));
    const auto uses = [&](std::size_t i, std::uint64_t from) {
        std::size_t out = 0;
        for (auto h = from; h <= network.chain(i).head().value; ++h) {
            const auto certificate = network.chain(i).certificate(Height{h});
            if (!certificate) continue;
            out += static_cast<std::size_t>(
                std::ranges::count(certificate->entries, ValidatorIndex{kVictim}, &ledger::Certificate::Entry::voter));
        }
        return out;
    };
    std::uint64_t nonce = 0;
    const auto go_on = [&](std::uint64_t transfers) {
        transfer_until_final(network, 0, nonce, nonce + transfers);
        nonce += transfers;
    };
    for (int i = 0; i < 40 && uses(0, 1) + uses(1, 1) + uses(2, 1) == 0; ++i) ASSERT_NO_FATAL_FAILURE(go_on(3));
    ASSERT_GT(uses(0, 1) + uses(1, 1) + uses(2, 1), 0u) << "a test of nothing: the thief's votes never counted";
    ASSERT_TRUE(eventually([&] { return thief->connected() == kVictim; }, std::chrono::seconds{30}));

    const auto open = ledger::selector_of("openIncident(bytes32,uint64,string)");
    Bytes data{open.begin(), open.end()};
    append(data,
           *codec::abi_encode("(bytes32,uint64,string)",
                              {system::key_id(network.genesis().validators.members[kVictim].key.bytes), 0, "stolen"}));
    const auto before = network.chain(0).head().value;
    const auto hash = network.chain(0).submit(network.call_by_organisation(kVictim, 0, system::kKeysAddress, data));
    ASSERT_TRUE(hash) << hash.error().text();
    const auto start = std::chrono::steady_clock::now();
    ASSERT_TRUE(
        eventually([&] { return network.chain(0).find_transaction(*hash).has_value(); }, std::chrono::seconds{30}));
    const auto quarantine = network.chain(0).find_transaction(*hash)->height.value;
    EXPECT_TRUE(eventually([&] { return thief->connected() == 0; }, std::chrono::seconds{30}));
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    std::printf("from the command to the last cut connection: %lld ms, %llu blocks\n",
                static_cast<long long>(took.count()), static_cast<unsigned long long>(quarantine - before));

    // It comes again and again, and is let in nowhere; the others go on without it.
    const auto heard = thief->heard();
    ASSERT_NO_FATAL_FAILURE(go_on(20));
    EXPECT_EQ(thief->connected(), 0u);
    EXPECT_EQ(thief->heard(), heard);
    ASSERT_TRUE(network.wait_for_height(network.chain(0).head().value));
    for (std::size_t i = 0; i < kVictim; ++i) EXPECT_EQ(uses(i, quarantine + 3), 0u) << "node " << i;

    // A restart knows it, too.
    for (std::size_t i = 0; i < kVictim; ++i) network.stop(i);
    for (std::size_t i = 0; i < kVictim; ++i) ASSERT_TRUE(network.start(i));
    ASSERT_NO_FATAL_FAILURE(go_on(5));
    EXPECT_EQ(thief->connected(), 0u);
    EXPECT_EQ(thief->heard(), heard);
    for (std::size_t i = 0; i < kVictim; ++i) EXPECT_EQ(uses(i, quarantine + 3), 0u) << "node " << i;
    expect_same_blocks(network, kVictim, quarantine);
}

TEST(Epochs, validator_whose_key_was_stopped_votes_again_with_a_new_one_of_another_algorithm) {
    constexpr std::size_t kVictim = 3;
    TestNetwork network(4, "stopped", 0, ledger::Suite::mixed);
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    std::uint64_t nonce = 0;
    const auto go_on = [&](std::uint64_t transfers) {
        transfer_until_final(network, 0, nonce, nonce + transfers);
        nonce += transfers;
    };
    ASSERT_NO_FATAL_FAILURE(go_on(2));
    const auto peer_is_connected = [&] {
        return std::ranges::any_of(network.chain(0).status().peers,
                                   [](const auto& peer) { return peer.name == "org3-1" && peer.connected; });
    };
    EXPECT_TRUE(eventually(peer_is_connected, std::chrono::seconds{30}));
    const auto hash = network.chain(0).submit(network.call_by_organisation(
        kVictim, 0, system::kKeysAddress,
        call("openIncident(bytes32,uint64,string)", "(bytes32,uint64,string)",
             {system::key_id(network.genesis().validators.members[kVictim].key.bytes), 0, "stolen"})));
    ASSERT_TRUE(hash) << hash.error().text();
    EXPECT_TRUE(eventually([&] { return !peer_is_connected(); }, std::chrono::seconds{30}));
    const auto votes_of_victim = [&](std::uint64_t from, std::uint64_t to) {
        std::size_t out = 0;
        for (auto h = from; h <= to; ++h)
            if (const auto certificate = network.chain(0).certificate(Height{h}))
                out += static_cast<std::size_t>(std::ranges::count(certificate->entries, ValidatorIndex{kVictim},
                                                                   &ledger::Certificate::Entry::voter));
        return out;
    };
    ASSERT_TRUE(network.chain(0).find_transaction(*hash));
    const auto quarantine = network.chain(0).find_transaction(*hash)->height.value;

    // The owner makes a new key; its node starts with it although the seat's key is stopped, and waits.
    const auto path = network.config(kVictim).keys_file + ".next";
    const auto secret = seal_voting_key(path, "the key after the theft", crypto::VotingAlgorithm::sm2);
    network.stop(kVictim);
    network.config(kVictim).voting_keys_files = {path};
    const auto started = network.start(kVictim);
    ASSERT_TRUE(started) << started.error().text();
    ASSERT_NO_FATAL_FAILURE(go_on(3));
    EXPECT_EQ(votes_of_victim(quarantine + 3, network.chain(0).head().value), 0u);
    Decisions decisions(network, 0);
    ASSERT_NO_FATAL_FAILURE(decisions.decide(replace_key_call("org3-1", secret)));
    ASSERT_TRUE(wait_for_epoch(network, {0, 1, 2, 3}, 1));
    EXPECT_EQ(network.chain(0).validators(Epoch{1})->members[kVictim].key, secret.public_key());

    // Three of four are a quorum: without another one, its votes are needed.
    network.stop(2);
    const auto from = network.chain(0).head().value + 3;
    ASSERT_NO_FATAL_FAILURE(go_on(5));
    EXPECT_GT(votes_of_victim(from, network.chain(0).head().value), 0u);
    ASSERT_TRUE(network.start(2));
    ASSERT_NO_FATAL_FAILURE(go_on(1));
    const auto height = network.chain(0).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);
}

TEST(Epochs, backup_over_a_change_is_proven_with_the_validators_of_each_epoch) {
    TestNetwork network(4, "changed");
    const auto secret = seal_voting_key(network.config(1).keys_file + ".next", "for the backup");
    network.config(1).voting_keys_files = {network.config(1).keys_file + ".next"};
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    transfer_until_final(network, 0, 0, 2);
    Decisions decisions(network, 0);
    ASSERT_NO_FATAL_FAILURE(decisions.decide(replace_key_call("org1-1", secret)));
    ASSERT_TRUE(wait_for_epoch(network, {0, 1, 2, 3}, 1));
    transfer_until_final(network, 0, 2, 5);
    ASSERT_TRUE(network.wait_for_height(network.chain(0).head().value));
    network.stop(1);

    const auto& config = network.config(1);
    const auto& genesis = network.genesis();
    const auto path = config.data_dir + ".backup", lacking = config.data_dir + ".lacking";
    const auto go_on = [](std::uint64_t, std::uint64_t) { return true; };
    {
        const auto signer = *start_own_signer(config, genesis.parameters.chain_id);
        {
            const auto at_rest = *DataAtRest::open(config, genesis, signer);
            const auto chain =
                *ExecutedChain::open(config.data_dir, genesis, system::native_contracts(), at_rest.get());
            const auto log = *storage::open_segment_log_on(at_rest->files(), config.data_dir + "/ordered",
                                                           {.record_bytes_max = 64u << 20});
            const auto ordered = *OrderedStore::open(*log, chain->store(), chain->blocks());
            const auto genesis_header = chain->blocks().hash_of(Height{0});
            const auto known = *Epochs::open(chain->store(), genesis, genesis_header);
            const auto nothing = storage::make_memory_store();
            const auto unknown = *Epochs::open(*nothing, genesis, genesis_header);
            const auto create = [&](const std::string& to, const Epochs& epochs) {
                return create_backup(to, "org1-1", genesis, *ordered, chain->blocks(), epochs, *signer,
                                     at_rest->suite(), 0, go_on);
            };
            const auto made = create(path, *known);
            ASSERT_TRUE(made) << made.error().text();
            EXPECT_GT(made->height, known->current()->start.height) << "the backup does not cross the epoch";
            ASSERT_TRUE(create(lacking, *unknown));
        }
        const auto verified = verify_backup(path, genesis, *signer, go_on);
        ASSERT_TRUE(verified) << verified.error().text();
        // Without the set that the last block of epoch 0 names, nothing after it is proven.
        const auto refused = verify_backup(lacking, genesis, *signer, go_on);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, error::BackupUnproven);

        std::filesystem::remove_all(config.data_dir);
        const auto restored = restore_backup(path, config, genesis, signer, Behind::accept, go_on);
        ASSERT_TRUE(restored) << restored.error().text();
    }
    const auto started = network.start(1);
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_EQ(network.chain(1).epoch(), Epoch{1});
    transfer_until_final(network, 0, 5, 7);
    const auto height = network.chain(0).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);
}

TEST(Node, refuses_a_data_directory_of_another_network) {
    TestNetwork network(1, "first");
    ASSERT_TRUE(network.start(0));
    network.stop(0);
    // Another network of the same keys and chain id: its data opens, and is not this network's.
    const auto seed = *crypto::ValidatorSeed::from(crypto::keccak256(as_bytes(std::string{"Org0first"})));
    rewrite_genesis(network, [&](ledger::Genesis& genesis) {
        genesis.timestamp -= 1;
        genesis.signatures["Org0"] =
            crypto::ValidatorKey::from_seed(seed).sign(ledger::genesis_signed_bytes(ledger::hash_of(genesis)));
    });
    const auto node = network.start(0);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code, error::ForeignData) << node.error().text();
}

TEST(Node, refuses_a_port_in_use) {
    TestNetwork network(2, "port");
    ASSERT_TRUE(network.start(0));
    auto config = network.config(1);
    config.listen_port = network.config(0).listen_port;
    const auto second = Node::start(config);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, error::PortInUse);
}

TEST(Node, refuses_to_run_twice) {
    TestNetwork network(1, "lock");
    ASSERT_TRUE(network.start(0));
    const auto second = Node::start(network.config(0));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, error::SignerBusy);
}

TEST(Node, refuses_a_genesis_that_lacks_a_signature_and_names_who_must_sign) {
    TestNetwork network(4, "unsigned");
    rewrite_genesis(network, [](ledger::Genesis& genesis) { genesis.signatures.erase("Org2"); });
    const auto node = network.start(0);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code, error::GenesisUnsigned);
    EXPECT_NE(node.error().detail.find("Org2"), std::string::npos) << node.error().detail;
}

TEST(Node, refuses_a_genesis_that_was_changed_after_it_was_signed) {
    TestNetwork network(4, "changed");
    rewrite_genesis(network, [](ledger::Genesis& genesis) { genesis.parameters.block_gas_limit += 1; });
    const auto node = network.start(0);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code, error::GenesisUnsigned);
}

TEST(Node, refuses_a_key_that_is_no_validator) {
    TestNetwork network(1, "stranger");
    auto config = network.config(0);
    config.keys_file += ".stranger";
    const auto ca = crypto::create_ca("Stranger", {0, kYear}, crypto::system_random());
    ASSERT_TRUE(ca);
    seal_keys(config.keys_file, *crypto::ValidatorSeed::from(crypto::keccak256(as_bytes("stranger"))),
              ca->key_pem.view());
    const auto node = Node::start(config);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code, error::NotAValidator);
}

TEST(Node, refuses_to_start_without_its_certificate_and_with_that_of_another_node) {
    TestNetwork network(2, "certificate");
    auto config = network.config(0);
    config.tls_certificate_file += ".missing";
    EXPECT_FALSE(Node::start(config));
    config = network.config(0);
    config.tls_certificate_file = network.config(1).tls_certificate_file;
    const auto foreign = Node::start(config);
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code, error::KeyInvalid);
}

TEST(Node, stops_before_the_disk_is_full_and_goes_on_from_there_when_there_is_room) {
    TestNetwork network(1, "disk");
    ASSERT_TRUE(network.start(0));
    transfer_until_final(network, 0, 0, 2);
    network.stop(0);
    auto config = network.config(0);
    config.disk_reserve_bytes = std::uint64_t{1} << 62;
    {
        const auto full = Node::start(config);
        ASSERT_TRUE(full);
        for (int i = 0; i < 200 && !(*full)->fatal(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{50});
        ASSERT_TRUE((*full)->fatal());
        EXPECT_EQ((*full)->fatal()->code, error::StorageFull);
    }
    ASSERT_TRUE(network.start(0));
    transfer_until_final(network, 0, 2, 4);
}

TEST(Node, refuses_to_start_when_the_clock_is_before_genesis) {
    TestNetwork network(1, "clock", 24 * 3600);
    const auto node = network.start(0);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error().code, error::ClockWrong);
}

TEST(Node, abstains_when_its_votes_were_lost_and_still_follows_the_chain) {
    TestNetwork network(4, "amnesia");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    transfer_until_final(network, 0, 0, 4);
    network.stop(3);
    std::filesystem::remove_all(network.config(3).data_dir + "/consensus");
    ASSERT_TRUE(network.start(3));
    transfer_until_final(network, 1, 4, 8);
    const auto height = network.chain(1).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    expect_same_blocks(network, 4, height);
}

TEST(Node, halts_with_the_first_difference_when_its_result_is_not_the_certified_one) {
    TestNetwork network(4, "diverge");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    transfer_until_final(network, 0, 0, 2);
    const auto height = network.chain(0).head().value;
    ASSERT_TRUE(network.wait_for_height(height));
    network.stop(3);
    std::uint64_t wrong = 0;
    {
        // A block that the others will never make: the same height, another content.
        const auto at_rest = *open_at_rest(network.config(3), network.genesis());
        auto alone = ExecutedChain::open(network.config(3).data_dir, network.genesis(), system::native_contracts(),
                                         at_rest.get());
        ASSERT_TRUE(alone) << alone.error().text();
        ASSERT_TRUE((*alone)->extend(4'000'000'000'000, {}, {}, {}));
        wrong = (*alone)->height().value;
    }
    transfer_until_final(network, 0, 2, 3);
    ASSERT_TRUE(network.start(3));
    for (int i = 0; i < 600 && !network.node(3).fatal(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    ASSERT_TRUE(network.node(3).fatal());
    EXPECT_EQ(network.node(3).fatal()->code, error::ResultDiffers) << network.node(3).fatal()->text();
    const auto path = network.config(3).data_dir + "/divergence-" + std::to_string(wrong) + ".json";
    network.stop(3);
    const auto at_rest = *open_at_rest(network.config(3), network.genesis());
    const auto file = at_rest->files().open(path);
    ASSERT_TRUE(file) << file.error().text();
    std::string dump(*(*file)->size(), ' ');
    ASSERT_TRUE((*file)->read_at(0, {reinterpret_cast<std::uint8_t*>(dump.data()), dump.size()}));
    EXPECT_NE(dump.find("\"firstDifference\": \"header beneficiary"), std::string::npos) << path << ": " << dump;
    // The others go on.
    transfer_until_final(network, 1, 3, 4);
}

/// Processes that `process` started and that run.
std::vector<pid_t> children_of(pid_t process) {
    std::vector<pid_t> out;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
        std::ifstream children(task.path() / "children");
        for (pid_t child = 0; children >> child;) out.push_back(child);
    }
    return out;
}

/// The storage keys that the signer of these keys holds by now, as its memory says.
std::vector<Bytes> storage_keys_of(const NodeConfig& config) {
    const auto secrets = signer::open_for_ceremony(config.keys_file, as_bytes("a passphrase"));
    EXPECT_TRUE(secrets);
    const auto wrapping = crypto::SecretKey::from(secrets->storage_root())->derive("cairn-signer-purpose-keys-v1");
    // A copy of the files, because the signer has locked its own.
    const auto copy = config.data_dir + ".memory";
    for (const char* end : {".0", ".1"}) std::filesystem::copy_file(config.keys_file + ".state" + end, copy + end);
    std::vector<signer::Entry> entries;
    EXPECT_TRUE(signer::Journal::open(copy, signer::state_key(*secrets), entries));
    std::vector<Bytes> out;
    for (const auto& entry : entries)
        if (entry.kind == signer::EntryKind::key_made) {
            Bytes key(32);
            ::crypto_stream_xchacha20_xor(key.data(), entry.detail.data() + crypto_stream_xchacha20_NONCEBYTES,
                                          key.size(), entry.detail.data(), wrapping.view().data());
            out.push_back(std::move(key));
        }
    return out;
}

TEST(Node, never_has_a_private_key_in_its_memory_but_its_signer_has) {
    TestNetwork network(1, "memory");
    const auto seed = to_bytes(crypto::keccak256(as_bytes(std::string{"org0-1"} + "memory")));
    std::vector<std::pair<std::string, Bytes>> secrets{
        {"consensus seed", seed}, {"TLS scalar", last_tls_scalar}, {"root of storage", last_storage_root}};
    const auto& config = network.config(0);
    const auto ready = config.data_dir + ".ready";
    // A node in a process of its own, which has never seen the keys.
    const auto process = ::fork();
    if (process == 0) {
        const auto port = std::to_string(config.listen_port);
        ::execl("/proc/self/exe", "node_test", "node", config.data_dir.c_str(), config.genesis_file.c_str(),
                config.keys_file.c_str(), config.passphrase_file.c_str(), config.tls_certificate_file.c_str(),
                port.c_str(), ready.c_str(), nullptr);
        ::_exit(1);
    }
    for (int i = 0; i < 6'000 && !std::filesystem::exists(ready); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    const auto storage_keys = storage_keys_of(config);
    ASSERT_FALSE(storage_keys.empty());
    for (const auto& key : storage_keys) secrets.emplace_back("storage key", key);
    const auto children = children_of(process);
    ASSERT_EQ(children.size(), 1u);
    for (const auto& [name, key] : secrets) {
        auto reversed = key;
        std::ranges::reverse(reversed);
        const auto in_node = signer::memory_contains(process, key);
        ASSERT_TRUE(in_node) << "the memory of the node cannot be read: run this test as root";
        EXPECT_FALSE(*in_node) << name;
        EXPECT_FALSE(*signer::memory_contains(process, reversed)) << name << " in OpenSSL's order";
        const auto in_signer = signer::memory_contains(children.front(), key);
        ASSERT_TRUE(in_signer) << "the memory of the signer cannot be read: run this test as root";
        EXPECT_TRUE(*in_signer) << name;
    }
    ::kill(process, SIGTERM);
    ::waitpid(process, nullptr, 0);
}

TEST(Node, stops_when_its_signer_dies_and_has_lost_nothing_when_it_starts_again) {
    TestNetwork network(1, "orphan");
    ASSERT_TRUE(network.start(0));
    transfer_until_final(network, 0, 0, 3);
    const auto head = network.chain(0).head();
    const auto hash = network.chain(0).block(head)->hash;
    const auto children = children_of(::getpid());
    ASSERT_EQ(children.size(), 1u);
    ASSERT_EQ(::kill(children.front(), SIGKILL), 0);
    for (int i = 0; i < 600 && !network.node(0).fatal(); ++i) {
        (void)network.chain(0).submit(network.transfer(3));
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    ASSERT_TRUE(network.node(0).fatal());
    EXPECT_EQ(network.node(0).fatal()->code, error::SignerUnavailable) << network.node(0).fatal()->text();
    network.stop(0);
    const auto started = network.start(0);
    ASSERT_TRUE(started) << started.error().text();
    ASSERT_GE(network.chain(0).head(), head);
    EXPECT_EQ(network.chain(0).block(head)->hash, hash);
    for (int i = 0; i < 600 && network.chain(0).head() == head; ++i) {
        (void)network.chain(0).submit(network.transfer(3));
        std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    EXPECT_GT(network.chain(0).head(), head) << "it goes on";
}

} // namespace cairn::node

/// The nodes of these tests start this very program as their signers; one test starts it as a node.
int main(int count, char** words) {
    if (count > 1 && std::string_view{words[1]} == "signer") return cairn::signer::serve() ? 0 : 1;
    if (count == 9 && std::string_view{words[1]} == "node") {
        const auto node = cairn::node::Node::start({.data_dir = words[2],
                                                    .genesis_file = words[3],
                                                    .keys_file = words[4],
                                                    .passphrase_file = words[5],
                                                    .tls_certificate_file = words[6],
                                                    .listen_port = static_cast<std::uint16_t>(std::stoi(words[7]))});
        if (!node) return 1;
        std::ofstream{words[8]} << "ready";
        ::pause();
        return 0;
    }
    ::testing::InitGoogleTest(&count, words);
    return RUN_ALL_TESTS();
}
