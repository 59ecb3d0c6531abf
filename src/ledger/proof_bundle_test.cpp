#include "base/errors/ledger.hpp"
#include "base/sanitized.hpp"
#include "ledger/handovers.hpp"

#include "codec/abi.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/consensus_block.hpp"
#include "ledger/selector.hpp"
#include "ledger/slot_layout.hpp"
#include "ledger/trie_root.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

namespace cairn::ledger {
namespace {

using crypto::ValidatorKey;
using crypto::ValidatorSeed;

template <class T>
T filled(std::uint8_t byte) {
    T out;
    out.bytes.fill(byte);
    return out;
}

ValidatorKey organisation_key(std::uint8_t i) { return ValidatorKey::from_seed(filled<ValidatorSeed>(i)); }
/// What the validators of the next Scene vote with.
crypto::VotingAlgorithm voting = crypto::VotingAlgorithm::ed25519;

crypto::VotingSecret validator_key(std::uint8_t i) {
    return crypto::VotingSecret::from(voting, filled<ValidatorSeed>(static_cast<std::uint8_t>(i + 50))).value();
}

Genesis signed_genesis() {
    Genesis out;
    if (voting == crypto::VotingAlgorithm::sm2) out.parameters.suite = Suite::national;
    out.parameters.chain_id = 20260;
    out.timestamp = 1'700'000'000;
    const std::array names{"Alpha", "Beta", "Delta", "Gamma"};
    for (std::uint8_t i = 0; i < 4; ++i) {
        const auto pem = "-----BEGIN CERTIFICATE-----\n" + std::to_string(i) + "\n-----END CERTIFICATE-----\n";
        out.organisations.push_back(
            {names[i], pem, organisation_key(i).public_key(), filled<Address>(static_cast<std::uint8_t>(i + 1))});
        out.validators.members.push_back({std::string(names[i]) + "-1", names[i], validator_key(i).public_key(),
                                          "127.0.0.1:" + std::to_string(30300 + i)});
    }
    for (std::uint8_t role = 0; role < 3; ++role)
        out.roles[filled<Address>(static_cast<std::uint8_t>(0xd0 + role))] = mask_of(static_cast<Role>(role));
    out.roles[filled<Address>(1)] = mask_of(Role::validator) | mask_of(Role::deployer);
    const auto message = genesis_signed_bytes(hash_of(out));
    for (std::uint8_t i = 0; i < 4; ++i) out.signatures[names[i]] = organisation_key(i).sign(message);
    return out;
}

/// A secure trie: entries under the hash of their keys.
class SecureTrie {
public:
    void put(BytesView key, Bytes value) { entries_[to_bytes(crypto::keccak256(key))] = std::move(value); }
    Hash256 root() const { return trie_root(views()); }
    std::vector<Bytes> prove(BytesView key) const { return trie_proof(views(), crypto::keccak256(key)); }

private:
    std::vector<TrieEntry> views() const {
        std::vector<TrieEntry> out;
        for (const auto& [key, value] : entries_) out.push_back({key, value});
        return out;
    }
    std::map<Bytes, Bytes> entries_;
};

Bytes rlp_of(const U256& value) {
    codec::RlpWriter out;
    out.put(value);
    return out.take();
}

std::vector<Certificate::Entry> votes_on(const VoteStatement& statement, std::uint64_t chain_id,
                                         const std::vector<std::uint8_t>& voters) {
    std::vector<Certificate::Entry> out;
    for (const auto voter : voters)
        out.push_back({ValidatorIndex{voter}, validator_key(voter).sign(signed_bytes(chain_id, statement)).value()});
    return out;
}

/// A chain of one block that holds a record, and evidence for it.
struct Scene {
    Genesis genesis = signed_genesis();
    Hash256 digest = filled<Hash256>(0xd1);
    Record record{.sender = filled<Address>(0x77), .block_number = 9, .timestamp = 1'700'000'100, .metadata = {}};
    ProofBundle bundle;

    explicit Scene(std::string metadata = "a short note") {
        record.metadata = std::move(metadata);
        SecureTrie storage;
        const U256 entry = record_entry_slot(digest, 0);
        std::map<U256, U256> slots{{entry, pack_record_head(record)},
                                   {entry + U256{1}, string_word(as_bytes(record.metadata))}};
        U256 at = content_slot(entry + U256{1});
        for (const auto& word : string_content(as_bytes(record.metadata))) {
            slots[at] = word;
            at += U256{1};
        }
        slots[record_count_slot(digest)] = 1;
        for (int i = 0; i < 20; ++i)
            slots[U256{1000u + static_cast<std::uint64_t>(i)}] = 5; // other contracts' worth of nodes
        for (const auto& [slot, value] : slots)
            if (value) storage.put(to_big_endian(slot), rlp_of(value));

        SecureTrie accounts;
        codec::RlpWriter fields;
        fields.put(std::uint64_t{1});
        fields.put(U256{});
        fields.put(storage.root());
        fields.put(filled<Hash256>(0xc0));
        accounts.put(kRecordsContract, fields.as_list());
        for (std::uint8_t i = 0; i < 40; ++i) accounts.put(filled<Address>(i), fields.as_list());

        BlockHeader header = genesis_header(genesis, accounts.root());
        header.number = 12;
        header.timestamp = 1'700'000'200;
        header.receipts_root = ordered_trie_root(receipts());

        bundle.chain_id = genesis.parameters.chain_id;
        bundle.genesis = hash_of(genesis);
        bundle.digest = digest;
        RecordStorageProof proof;
        proof.account_proof = accounts.prove(kRecordsContract);
        const auto needed = record_slots(digest, 0, [&](const U256& slot) { return slots[slot]; });
        EXPECT_TRUE(needed);
        for (const auto& slot : needed.value_or(std::vector<U256>{}))
            proof.storage_proofs.push_back(storage.prove(to_big_endian(slot)));
        bundle.proof = proof;
        certify(header, {0, 1, 3});
    }

    void certify(const BlockHeader& header, const std::vector<std::uint8_t>& voters, Epoch epoch = Epoch{0}) {
        bundle.header = encode_header(header);
        const VoteStatement statement{VoteKind::execution, epoch, header.number, 0, hash_of(header)};
        bundle.votes = votes_on(statement, genesis.parameters.chain_id, voters);
    }

    BlockHeader header() const { return *decode_header(bundle.header); }

    std::vector<Bytes> receipts() const {
        Log log{.address = kRecordsContract,
                .topics = {event_topic(kRecordedEvent), digest, to_big_endian(from_big_endian(record.sender))},
                .data = *codec::abi_encode("(uint256,string)", {0, record.metadata})};
        Receipt other;
        other.success = true;
        other.cumulative_gas_used = 21'000;
        Receipt with_log = other;
        with_log.cumulative_gas_used = 99'000;
        with_log.logs = {Log{}, log};
        return {encode_receipt(other), encode_receipt(with_log), encode_receipt(other)};
    }

    void prove_by_receipt() {
        bundle.proof =
            RecordReceiptProof{.transaction_index = 1, .log_index = 1, .proof = prove_ordered_item(receipts(), 1)};
    }

    /// Epoch 0 ends; validators 3, 2, 1, 0 of epoch 0 make up epoch 1.
    /// `later`: views after its own in which the last block was finalized.
    void hand_over(std::uint64_t later = 0) {
        ValidatorSet next = genesis.validators;
        next.epoch = Epoch{1};
        ConsensusBlock block{.epoch = Epoch{0},
                             .view = View{7},
                             .height = Height{11},
                             .parent = {},
                             .parent_view = View{6},
                             .cut = {},
                             .executed = {},
                             .timestamp_ms = 1,
                             .leader = {},
                             .next_validators = hash_of(next)};
        codec::WireWriter out;
        encode(out, block);
        const VoteStatement statement{VoteKind::finalize, Epoch{0}, 7 + later, 0, digest_of(block)};
        bundle.handovers = {{out.bytes(), 7 + later, votes_on(statement, genesis.parameters.chain_id, {1, 2, 3}),
                             encode_validator_set(next)}};
        certify(header(), {0, 1, 2}, Epoch{1});
    }

    Result<ProvenRecord> verify() const { return verify_bundle(genesis, to_json(bundle), digest); }

    void expect_refused(std::string_view step) const {
        const auto proven = verify();
        ASSERT_FALSE(proven);
        EXPECT_EQ(proven.error().code, error::ProofInvalid);
        EXPECT_TRUE(proven.error().detail.starts_with(step)) << proven.error().detail;
    }
};

TEST(ProofBundle, proves_who_recorded_what_and_when) {
    for (const std::size_t bytes : {0u, 5u, 31u, 32u, 200u, 1024u}) {
        const Scene scene{std::string(bytes, 'x')};
        const auto proven = scene.verify();
        ASSERT_TRUE(proven) << proven.error().text();
        EXPECT_EQ(proven->record, scene.record);
        EXPECT_EQ(proven->digest, scene.digest);
        EXPECT_EQ(proven->index, 0u);
        EXPECT_EQ(proven->proven_at, Height{12});
        EXPECT_EQ(proven->header_hash, hash_of(scene.header()));
        EXPECT_EQ(proven->votes, 3u);
        EXPECT_EQ(proven->validators, 4u);
    }
}

TEST(ProofBundle, proves_what_sm2_votes_certified_also_over_a_handover) {
    voting = crypto::VotingAlgorithm::sm2;
    Scene scene;
    EXPECT_TRUE(scene.verify());
    scene.hand_over();
    EXPECT_TRUE(scene.verify());
    auto bent = scene;
    bent.bundle.votes[1].signature[63] ^= 1;
    bent.expect_refused("certificate: ");
    bent = scene;
    bent.bundle.handovers[0].votes[1].signature[63] ^= 1;
    bent.expect_refused("handover 0: ");
    voting = crypto::VotingAlgorithm::ed25519;
    // A genesis of Ed25519 keys with the same names is another one.
    EXPECT_FALSE(verify_bundle(signed_genesis(), to_json(scene.bundle), scene.digest));
}

TEST(ProofBundle, proves_by_the_receipt_of_the_block_itself) {
    Scene scene;
    scene.prove_by_receipt();
    const auto proven = scene.verify();
    ASSERT_TRUE(proven) << proven.error().text();
    EXPECT_EQ(proven->record.sender, scene.record.sender);
    EXPECT_EQ(proven->record.metadata, scene.record.metadata);
    EXPECT_EQ(proven->record.block_number, 12u);
    EXPECT_EQ(proven->record.timestamp, 1'700'000'200u);
}

TEST(ProofBundle, follows_the_validators_over_epochs) {
    Scene scene;
    scene.hand_over();
    const auto proven = scene.verify();
    ASSERT_TRUE(proven) << proven.error().text();
    scene.certify(scene.header(), {0, 1, 2}, Epoch{0});
    scene.expect_refused("certificate");
}

TEST(ProofBundle, the_last_block_of_an_epoch_may_be_final_in_a_later_view) {
    Scene scene{"metadata"};
    scene.hand_over(3);
    EXPECT_TRUE(scene.verify());
    scene.bundle.handovers[0].view = 6; // below the block's own
    scene.expect_refused("handover 0: finalized before its view");
}

TEST(ProofBundle, refuses_a_handover_that_the_old_set_did_not_finalize) {
    Scene scene;
    scene.hand_over();
    const auto good = scene.bundle;
    scene.bundle.handovers[0].votes.pop_back();
    scene.expect_refused("handover 0");
    scene.bundle = good;
    scene.bundle.handovers[0].view += 1;
    scene.expect_refused("handover 0");
    scene.bundle = good;
    scene.bundle.handovers[0].validators.back() ^= 1;
    scene.expect_refused("handover 0");
    scene.bundle = good;
    scene.bundle.handovers[0].block[8] ^= 1;
    scene.expect_refused("handover 0");
    scene.bundle = good;
    scene.bundle.handovers.push_back(good.handovers[0]);
    scene.expect_refused("handover 1");
    scene.bundle = good;
    scene.bundle.handovers.clear();
    scene.expect_refused("certificate");
}

class Handovers : public testing::Test {
protected:
    Handovers() { scene_.hand_over(); }
    HandoverChain chain() const { return {scene_.bundle.chain_id, scene_.bundle.genesis, scene_.bundle.handovers}; }
    /// As a file is read.
    Result<std::vector<KnownEpoch>> follow(const HandoverChain& chain) const {
        CRN_TRY(read, handovers_from_json(to_json(chain)));
        return follow_handovers(scene_.genesis, read);
    }
    void expect_refused(const HandoverChain& chain, std::string_view why) const {
        const auto epochs = follow(chain);
        ASSERT_FALSE(epochs);
        EXPECT_EQ(epochs.error().code, error::HandoverInvalid);
        EXPECT_TRUE(epochs.error().detail.starts_with(why)) << epochs.error().detail;
    }
    Scene scene_;
};

TEST_F(Handovers, lead_from_genesis_to_each_later_set) {
    const auto epochs = follow(chain());
    ASSERT_TRUE(epochs) << epochs.error().text();
    ASSERT_EQ(epochs->size(), 2u);
    EXPECT_EQ((*epochs)[0].validators, scene_.genesis.validators);
    EXPECT_EQ((*epochs)[0].start, Height{0});
    EXPECT_EQ((*epochs)[1].validators.epoch, Epoch{1});
    EXPECT_EQ((*epochs)[1].start, Height{11});
    EXPECT_EQ(follow({scene_.bundle.chain_id, scene_.bundle.genesis, {}})->size(), 1u);
}

TEST_F(Handovers, that_are_forged_or_of_another_chain_have_a_code_of_their_own) {
    auto bent = chain();
    bent.handovers[0].votes[1].signature[5] ^= 1;
    expect_refused(bent, "handover 0: vote of validator 2");
    bent = chain();
    bent.handovers[0].votes.pop_back();
    expect_refused(bent, "handover 0: 2 of 3 votes");
    bent = chain();
    bent.handovers[0].validators.back() ^= 1;
    expect_refused(bent, "handover 0: the next validators are not those that the block names");
    bent = chain();
    bent.handovers.push_back(bent.handovers[0]);
    expect_refused(bent, "handover 1: the block is of another epoch");
    bent = chain();
    bent.genesis[0] ^= 1;
    expect_refused(bent, "the handovers are of the chain with genesis");
    bent = chain();
    ++bent.chain_id;
    expect_refused(bent, "the handovers are of the chain with genesis");
}

TEST_F(Handovers, in_a_file_have_one_text) {
    const auto good = to_json(chain());
    ASSERT_TRUE(handovers_from_json(good));
    for (std::size_t size = 0; size < good.size(); ++size)
        ASSERT_EQ(handovers_from_json(std::string_view{good}.substr(0, size)).error().code, error::HandoverInvalid);
    for (const auto& other : {good + " ", to_json(scene_.bundle), std::string{"[]"}, std::string(100, '[')})
        EXPECT_EQ(handovers_from_json(other).error().code, error::HandoverInvalid);
    auto changed = good;
    for (std::size_t i = 0; i < good.size(); ++i) {
        changed[i] = static_cast<char>(good[i] ^ 1);
        const auto read = handovers_from_json(changed);
        ASSERT_FALSE(read && follow_handovers(scene_.genesis, *read)) << "byte " << i;
        changed[i] = good[i];
    }
}

// Every byte of every kind of bundle, changed in its lowest and in a higher bit; with a sanitizer every seventh.
TEST(ProofBundle, refuses_one_changed_byte_anywhere) {
    Scene storage;
    Scene receipt;
    receipt.prove_by_receipt();
    Scene later;
    later.hand_over();
    for (const auto* scene : {&storage, &receipt, &later}) {
        const std::string good = to_json(scene->bundle);
        ASSERT_TRUE(verify_bundle(scene->genesis, good, scene->digest));
        std::string text = good;
        for (std::size_t i = 0; i < text.size(); i += kIsSanitized ? 7 : 1) {
            for (const char flip : {'\x01', '\x20'}) {
                text[i] = static_cast<char>(good[i] ^ flip);
                const auto proven = verify_bundle(scene->genesis, text, scene->digest);
                ASSERT_FALSE(proven) << "byte " << i << " '" << good[i] << "' -> '" << text[i] << "'";
                ASSERT_EQ(proven.error().code, error::ProofInvalid);
            }
            text[i] = good[i];
        }
    }
}

TEST(ProofBundle, refuses_every_truncation_and_any_addition) {
    const Scene scene;
    const std::string good = to_json(scene.bundle);
    for (std::size_t size = 0; size < good.size(); ++size)
        ASSERT_FALSE(bundle_from_json(std::string_view{good}.substr(0, size))) << size;
    EXPECT_FALSE(bundle_from_json(good + " "));
    EXPECT_FALSE(bundle_from_json(good + "\n"));
    std::string twice = good;
    twice.replace(1, 0, "\n  \"chain_id\": 20260,");
    EXPECT_FALSE(bundle_from_json(twice));
    std::string unknown = good;
    unknown.replace(1, 0, "\n  \"a\": 1,");
    EXPECT_FALSE(bundle_from_json(unknown));
}

TEST(ProofBundle, refuses_another_document) {
    const Scene scene;
    const auto proven = verify_bundle(scene.genesis, scene.bundle, filled<Hash256>(0xd2));
    ASSERT_FALSE(proven);
    EXPECT_TRUE(proven.error().detail.starts_with("digest")) << proven.error().detail;
}

TEST(ProofBundle, refuses_a_bundle_that_claims_another_document_with_the_same_proof) {
    Scene scene;
    scene.digest = filled<Hash256>(0xd2);
    scene.bundle.digest = scene.digest;
    scene.expect_refused("storage proof 0");
    scene.prove_by_receipt(); // the receipt is of the new digest, but not the header's receipts root
    scene.expect_refused("receipt proof");
}

TEST(ProofBundle, refuses_another_genesis) {
    Scene scene;
    Genesis other = signed_genesis();
    other.timestamp += 1;
    auto proven = verify_bundle(other, scene.bundle, scene.digest);
    ASSERT_FALSE(proven);
    EXPECT_TRUE(proven.error().detail.starts_with("genesis")) << proven.error().detail;

    scene.genesis.signatures.erase("Beta");
    scene.expect_refused("genesis: not signed by Beta");
}

TEST(ProofBundle, refuses_a_certificate_below_quorum_or_by_others) {
    Scene scene;
    const auto header = scene.header();
    scene.certify(header, {0, 1});
    scene.expect_refused("certificate: 2 of 3 votes");
    scene.certify(header, {0, 1, 1});
    scene.expect_refused("certificate");
    scene.certify(header, {3, 1, 0});
    scene.expect_refused("certificate");
    scene.certify(header, {0, 1, 2});
    scene.bundle.votes[2].voter = ValidatorIndex{3}; // signed by 2
    scene.expect_refused("certificate");
    scene.bundle.votes[2].voter = ValidatorIndex{4};
    scene.expect_refused("certificate");
}

TEST(ProofBundle, refuses_votes_for_anything_but_the_execution_of_this_header) {
    Scene scene;
    const auto header = scene.header();
    const auto chain_id = scene.genesis.parameters.chain_id;
    const VoteStatement right{VoteKind::execution, Epoch{0}, header.number, 0, hash_of(header)};
    for (const auto& wrong : {VoteStatement{VoteKind::finalize, right.epoch, right.number, 0, right.digest},
                              VoteStatement{right.kind, Epoch{1}, right.number, 0, right.digest},
                              VoteStatement{right.kind, right.epoch, right.number + 1, 0, right.digest},
                              VoteStatement{right.kind, right.epoch, right.number, 1, right.digest}}) {
        scene.bundle.votes = votes_on(wrong, chain_id, {0, 1, 2});
        scene.expect_refused("certificate");
    }
    scene.bundle.votes = votes_on(right, chain_id + 1, {0, 1, 2});
    scene.expect_refused("certificate");
    scene.bundle.votes = votes_on(right, chain_id, {0, 1, 2});
    EXPECT_TRUE(scene.verify());
}

TEST(ProofBundle, refuses_missing_surplus_and_swapped_proofs) {
    Scene scene{std::string(100, 'm')};
    const auto good = std::get<RecordStorageProof>(scene.bundle.proof);
    ASSERT_EQ(good.storage_proofs.size(), 6u);
    auto proof = good;
    proof.storage_proofs.pop_back();
    scene.bundle.proof = proof;
    scene.expect_refused("storage proof 5: is missing");
    proof = good;
    proof.storage_proofs.push_back(good.storage_proofs[0]);
    scene.bundle.proof = proof;
    scene.expect_refused("storage proof: there are more");
    proof = good;
    std::swap(proof.storage_proofs[2], proof.storage_proofs[3]);
    scene.bundle.proof = proof;
    scene.expect_refused("storage proof 2");
    proof = good;
    proof.account_proof.push_back(good.account_proof[0]);
    scene.bundle.proof = proof;
    scene.expect_refused("account proof");
    proof = good;
    proof.index = 1;
    scene.bundle.proof = proof;
    scene.expect_refused("storage proof 0");
}

TEST(ProofBundle, refuses_the_log_of_another_contract_or_event) {
    Scene scene;
    scene.prove_by_receipt();
    auto proof = std::get<RecordReceiptProof>(scene.bundle.proof);
    proof.log_index = 0;
    scene.bundle.proof = proof;
    scene.expect_refused("log: another contract");
    proof.log_index = 2;
    scene.bundle.proof = proof;
    scene.expect_refused("log: the receipt has no such log");
    proof.transaction_index = 7;
    scene.bundle.proof = proof;
    scene.expect_refused("receipt proof");
}

TEST(ProofBundle, refuses_what_is_over_its_limits) {
    EXPECT_FALSE(bundle_from_json(std::string(kBundleBytesMax + 1, ' ')));
    EXPECT_FALSE(bundle_from_json(std::string(100'000, '[')));
    Scene scene;
    scene.bundle.votes.assign(kValidatorsMax + 1, scene.bundle.votes[0]);
    EXPECT_FALSE(bundle_from_json(to_json(scene.bundle)));
}

// The examples with which the independent checker of tests/clients is tested. This program wrote them; after a wanted change of a format
// CAIRN_WRITE_EXAMPLES=1 writes them anew, and the difference is for the review to judge.
TEST(ProofBundle, examples_in_the_client_tests_are_what_this_code_writes) {
    const auto agrees = [](const std::string& name, const std::string& text) {
        const auto path = std::string{CAIRN_SOURCE_DIR} + "/tests/clients/data/" + name;
        if (std::getenv("CAIRN_WRITE_EXAMPLES") != nullptr) std::ofstream{path} << text;
        std::ifstream file{path};
        EXPECT_EQ(text, (std::string{std::istreambuf_iterator<char>{file}, {}})) << name;
    };
    Scene scene{"an example of metadata that is longer than a slot"};
    agrees("genesis.json", to_json(scene.genesis));
    agrees("storage.proof", to_json(scene.bundle));
    scene.hand_over();
    agrees("handover.proof", to_json(scene.bundle));
    scene.prove_by_receipt();
    agrees("receipt.proof", to_json(scene.bundle));
}

} // namespace
} // namespace cairn::ledger
