// Epochs: validators join, leave and get new keys while the chain runs.
#include "base/errors/node.hpp"
#include "node/test_network.hpp"

#include "codec/abi.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "ledger/selector.hpp"
#include "node/backup.hpp"
#include "node/epochs.hpp"
#include "node/executed_chain.hpp"
#include "storage/segment_log.hpp"
#include "system/addresses.hpp"
#include "system/keys.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <thread>

namespace cairn::node {
namespace {

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
    // It is a peer of nobody's.
    for (const std::size_t i : {1u, 2u, 3u, 4u}) {
        auto peers = network.chain(i).status().peers;
        for (int wait = 0; wait < 600 && peers.size() != 3; ++wait) { // the new epoch is beginning there
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

TEST(Epochs, connections_of_those_who_stay_outlive_a_change) {
    TestNetwork network(4, "keep");
    const auto path = network.config(1).keys_file + ".next";
    const auto secret = seal_voting_key(path, "the next key of node 1");
    network.config(1).voting_keys_files = {path};
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    const auto all_connected = [&] {
        for (std::size_t i = 0; i < 4; ++i)
            if (!std::ranges::all_of(network.chain(i).status().peers, &PeerStatus::connected)) return false;
        return true;
    };
    ASSERT_TRUE(eventually(all_connected, std::chrono::seconds{60}));
    const auto accepted = [&] {
        std::uint64_t out = 0;
        for (std::size_t i = 0; i < 4; ++i) out += network.chain(i).flow().handshakes_accepted;
        return out;
    };
    const auto before = accepted();
    ASSERT_GE(before, 18u) << "six pairs with three streams each";
    Decisions decisions(network, 0);
    ASSERT_NO_FATAL_FAILURE(decisions.decide(replace_key_call("org1-1", secret)));
    ASSERT_TRUE(wait_for_epoch(network, {0, 1, 2, 3}, 1));
    transfer_until_final(network, 0, 0, 5);
    EXPECT_TRUE(all_connected());
    EXPECT_EQ(accepted(), before) << "somebody had to come again";
}

TEST(Epochs, validator_that_was_removed_while_it_was_away_learns_it_and_nothing_else) {
    TestNetwork network(4, "away");
    // Its organisation joined later and leaves altogether; its name is the last one, so that in its epoch all others dial it.
    const auto added = network.add_stranger("Org4", "org4-1");
    for (std::size_t i = 0; i < 4; ++i) ASSERT_TRUE(network.start(i));
    Decisions decisions(network, 0);
    decisions.decide(call("addOrganisation(string,address,bytes32,string)", "(string,address,bytes32,string)",
                          {"Org4", added.account, *Hash256::from(BytesView{added.key}), added.ca_certificate_pem}));
    ASSERT_TRUE(network.start(4));
    decisions.decide(call("addValidator(string,string,bytes32,uint8,bytes,string)",
                          "(string,string,bytes32,uint8,bytes,string)",
                          {"org4-1", "Org4", *Hash256::from(BytesView{added.key}), 0, added.claim, added.address}));
    ASSERT_TRUE(wait_for_epoch(network, {0, 1, 2, 3, 4}, 1));
    network.stop(4);
    ASSERT_NO_FATAL_FAILURE(decisions.decide(call("removeOrganisation(string)", "(string)", {"Org4"})));
    ASSERT_TRUE(wait_for_epoch(network, {0, 1, 2, 3}, 2));
    transfer_until_final(network, 0, 0, 3);
    const auto set = network.chain(0).validators(Epoch{2});
    ASSERT_TRUE(set);
    EXPECT_EQ(set->size(), 4u);

    const auto started = network.start(4);
    ASSERT_TRUE(started) << started.error().text();
    EXPECT_TRUE(eventually([&] { return network.node(4).fatal().has_value(); }, std::chrono::seconds{60}));
    ASSERT_TRUE(network.node(4).fatal()) << "it never hears of its removal";
    EXPECT_EQ(network.node(4).fatal()->code, error::ValidatorLeft) << network.node(4).fatal()->text();
    // All that it has is the chain up to the block that took its seat away.
    const auto last = network.chain(0).certificate(network.chain(0).head());
    ASSERT_TRUE(last);
    EXPECT_EQ(last->statement.epoch, Epoch{2});
    const auto head = network.chain(4).head().value;
    EXPECT_LT(head, network.chain(0).head().value);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(network.chain(i).status().peers.size(), 3u) << "no peer of anyone's";

    network.stop(4);
    const auto again = network.start(4);
    ASSERT_FALSE(again) << "it knows now";
    EXPECT_EQ(again.error().code, error::ValidatorLeft);
    transfer_until_final(network, 1, 3, 5);
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

} // namespace
} // namespace cairn::node
