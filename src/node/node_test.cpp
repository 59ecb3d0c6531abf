// Starting and stopping: agreement, recovery, what is refused at the start, and what stops a node.
#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/execution.hpp"
#include "base/errors/keys.hpp"
#include "base/errors/ledger.hpp"
#include "base/errors/network.hpp"
#include "base/errors/node.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "node/lane_pacer.hpp"
#include "node/test_network.hpp"
#include "system/keys.hpp"

#include "codec/abi.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "ledger/selector.hpp"
#include "node/executed_chain.hpp"
#include "signer/ceremony.hpp"
#include "signer/journal.hpp"
#include "signer/memory_search.hpp"
#include "signer/serve.hpp"
#include "system/addresses.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sodium.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cairn::node {
namespace {

/// Changes the genesis file of `network` without its organisations' knowledge.
void rewrite_genesis(TestNetwork& network, const std::function<void(ledger::Genesis&)>& change) {
    auto genesis = network.genesis();
    change(genesis);
    std::ofstream{network.config(0).genesis_file} << ledger::to_json(genesis);
}

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

TEST(Node, begins_with_a_pool_of_some_windows_and_knows_a_key_that_touched_nothing) {
    TestNetwork network(1, "begins");
    ASSERT_TRUE(network.start(0));
    const auto flow = network.chain(0).flow();
    ASSERT_EQ(flow.organisations.size(), 1u);
    EXPECT_EQ(flow.organisations[0].transactions_guaranteed, LanePacer::kWaitingWindows * LanePacer::kWindowMin);
    const auto signing = system::key_id(network.genesis().organisations[0].signing_key);
    const auto impact = network.chain(0).key_impact(signing, Height{0});
    ASSERT_TRUE(impact) << impact.error().text();
    EXPECT_TRUE(impact->findings.empty());
    EXPECT_EQ(network.chain(0).key_impact(system::key_id(Bytes{1}), Height{0}).error().code, error::KeyUnknown);
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

TEST(Node, says_at_the_start_on_which_port_it_listens_also_if_the_system_chose_it) {
    TestNetwork network(1, "chosen");
    network.config(0).listen_port = 0;
    ::testing::internal::CaptureStderr();
    const auto started = network.start(0);
    const auto text = ::testing::internal::GetCapturedStderr();
    ASSERT_TRUE(started) << started.error().text();
    const auto line = text.find("node: started");
    ASSERT_NE(line, std::string::npos) << text;
    const auto port = text.find(" port=", line);
    ASSERT_NE(port, std::string::npos) << text;
    EXPECT_NE(text[port + 6], '0') << text.substr(line, port + 12 - line);
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
    const auto why = network.node(3).fatal()->text();
    EXPECT_EQ(network.node(3).fatal()->code, error::ResultDiffers) << why;
    // The certificate of a later block may come first: that one differs by its parent.
    const auto number = why.find("height ");
    ASSERT_NE(number, std::string::npos) << why;
    const auto differs_at = std::stoull(why.substr(number + 7));
    ASSERT_GE(differs_at, wrong) << why;
    EXPECT_LT(network.chain(3).head().value, wrong) << "told to nobody";
    const auto path = network.config(3).data_dir + "/divergence-" + std::to_string(differs_at) + ".json";
    network.stop(3);
    const auto at_rest = *open_at_rest(network.config(3), network.genesis());
    const auto file = at_rest->files().open(path);
    ASSERT_TRUE(file) << file.error().text();
    std::string dump(*(*file)->size(), ' ');
    ASSERT_TRUE((*file)->read_at(0, {reinterpret_cast<std::uint8_t*>(dump.data()), dump.size()}));
    const std::string_view what = differs_at == wrong ? "header beneficiary" : "header parent hash";
    EXPECT_NE(dump.find("\"firstDifference\": \"" + std::string{what}), std::string::npos) << path << ": " << dump;
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
    std::vector<std::pair<std::string, Bytes>> secrets{{"consensus seed", seed},
                                                       {"TLS scalar", network.sealed(0).tls_scalar},
                                                       {"root of storage", network.sealed(0).storage_root}};
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

} // namespace
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
