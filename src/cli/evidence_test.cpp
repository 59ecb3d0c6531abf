#include "audit/test_log.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/organisation.hpp"
#include "cli/test_terminal.hpp"
#include "consensus/evidence.hpp"
#include "crypto/certificate.hpp"
#include "crypto/ed25519.hpp"
#include "ledger/consensus_block.hpp"
#include "ledger/handovers.hpp"
#include "node/evidence_store.hpp"
#include "signer/sealed_keys.hpp"

#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

constexpr std::uint64_t kChain = 77;

struct Ran {
    int exit = 0;
    std::string out, err;
};
Ran cairn(const std::vector<std::string>& words) {
    TestTerminal test;
    const auto exit = run(words, test.terminal);
    return {exit, test.out.str(), test.err.str()};
}

/// A chain of one organisation, and its validator's key.
class EvidenceVerbs : public testing::Test {
protected:
    void SetUp() override {
        const auto now = system_clock().wall().count() / 1000;
        OrganisationPlan plan;
        plan.name = "Alpha";
        plan.passphrase = "of the test";
        plan.validators = {{"Alpha-1", "127.0.0.1:1000"}};
        auto invitation = create_organisation(directory.file("Alpha"), plan, crypto::system_random(), now);
        ASSERT_TRUE(invitation) << invitation.error().text();
        ledger::ChainParameters parameters;
        parameters.chain_id = kChain;
        auto genesis = assemble_genesis({*invitation}, parameters, {}, 5).value();
        ASSERT_TRUE(sign_genesis(genesis, directory.file("Alpha"), now));
        ASSERT_TRUE(write_file(genesis_file, ledger::to_json(genesis), Access::shared, Existing::refuse));
        const auto sealed = signer::read_sealed_keys(directory.file("Alpha/validators/Alpha-1/keys.sealed"));
        ASSERT_TRUE(sealed) << sealed.error().text();
        auto secrets = signer::unseal(*sealed, as_bytes(plan.passphrase), {});
        ASSERT_TRUE(secrets) << secrets.error().text();
        signer.emplace(*crypto::VotingSecret::from(secrets->voting_algorithm(), secrets->voting_secret()), kChain);
    }
    /// Two finalize votes of one view.
    consensus::Evidence contradiction() const {
        consensus::VotePair pair;
        for (auto* vote : {&pair.first, &pair.second}) {
            vote->statement.kind = ledger::VoteKind::finalize;
            vote->statement.number = 5;
            vote->statement.digest[0] = vote == &pair.first ? 1 : 2;
            vote->signature = signer->sign_vote(vote->statement).value();
        }
        return {{0}, pair};
    }

    /// A file of handovers: at block 40 the validator of genesis hands over to Beta-1 and, if it stays, itself.
    std::string handovers(const consensus::KeySigner& by, bool alpha_stays = false) const {
        const auto genesis = ledger::genesis_from_json(read_file(genesis_file).value()).value();
        ledger::ValidatorSet next{.epoch = Epoch{1},
                                  .members = {{"Beta-1", "Beta", beta_secret().public_key(), "127.0.0.1:1001"}}};
        if (alpha_stays) next.members.push_back(genesis.validators.members[0]);
        ledger::ConsensusBlock block;
        block.view = View{7};
        block.height = Height{40};
        block.next_validators = ledger::hash_of(next);
        codec::WireWriter out;
        encode(out, block);
        ledger::VoteStatement statement;
        statement.kind = ledger::VoteKind::finalize;
        statement.number = 7;
        statement.digest = digest_of(block);
        const ledger::HandoverChain chain{
            .chain_id = kChain,
            .genesis = ledger::hash_of(genesis),
            .handovers = {{out.bytes(), 7, {{{0}, by.sign_vote(statement).value()}}, encode_validator_set(next)}}};
        const auto file = directory.file("handovers.json");
        EXPECT_TRUE(write_file(file, ledger::to_json(chain), Access::shared, Existing::replace));
        return file;
    }
    static crypto::VotingSecret beta_secret() {
        return crypto::VotingSecret::from(crypto::VotingAlgorithm::ed25519, crypto::ValidatorSeed{{9}}).value();
    }

    TestDirectory directory;
    std::string genesis_file = directory.file("genesis.json");
    std::optional<consensus::KeySigner> signer;
};

TEST_F(EvidenceVerbs, a_kept_proof_is_listed_and_verified_without_a_node) {
    EXPECT_NE(cairn({"evidence", "list", directory.path()}).out.find("No validator"), std::string::npos);
    ASSERT_TRUE(
        node::EvidenceStore(storage::posix_file_system(), directory.file("evidence")).put(contradiction(), kChain));
    const auto listed = cairn({"evidence", "list", directory.path()});
    EXPECT_EQ(listed.exit, 0) << listed.err;
    EXPECT_NE(listed.out.find("two votes in one view"), std::string::npos);
    const auto verified =
        cairn({"evidence", "verify", directory.file("evidence/epoch-0-validator-0-0.json"), "--genesis", genesis_file});
    EXPECT_EQ(verified.exit, 0) << verified.err;
    EXPECT_NE(verified.out.find("validator Alpha-1 of Alpha signed two votes in one view"), std::string::npos);
}

TEST_F(EvidenceVerbs, misbehaviour_of_a_validator_of_a_later_epoch_is_proved_with_the_handovers) {
    const consensus::KeySigner beta{beta_secret(), kChain};
    consensus::VotePair pair;
    for (auto* vote : {&pair.first, &pair.second}) {
        vote->statement.kind = ledger::VoteKind::finalize;
        vote->statement.epoch = Epoch{1};
        vote->statement.number = 5;
        vote->statement.digest[0] = vote == &pair.first ? 1 : 2;
        vote->signature = beta.sign_vote(vote->statement).value();
    }
    const auto file = directory.file("proof.json");
    ASSERT_TRUE(write_file(file, node::evidence_json({{0}, pair}, kChain), Access::shared, Existing::replace));
    const auto verify = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words{"evidence", "verify", file, "--genesis", genesis_file};
        words.insert(words.end(), more.begin(), more.end());
        return cairn(words);
    };
    const auto alone = verify({});
    EXPECT_NE(alone.exit, 0);
    EXPECT_NE(alone.err.find("cairn validator handovers --out FILE"), std::string::npos) << alone.err;
    const auto proved = verify({"--handovers", handovers(*signer)});
    EXPECT_EQ(proved.exit, 0) << proved.err;
    EXPECT_NE(proved.out.find("validator Beta-1 of Beta signed two votes in one view in epoch 1"), std::string::npos);
    // By whoever is in the seat in that epoch, and by nobody who was in it before.
    ASSERT_TRUE(write_file(file, node::evidence_json(contradiction(), kChain), Access::shared, Existing::replace));
    EXPECT_NE(verify({"--handovers", handovers(*signer)}).out.find("validator Alpha-1"), std::string::npos);
    // Beta has put itself in the seat: nobody of epoch 0 signed for that.
    const auto forged = verify({"--handovers", handovers(beta)});
    EXPECT_EQ(forged.exit, 8);
    EXPECT_NE(forged.err.find("CRN-LED-0008"), std::string::npos) << forged.err;
}

TEST_F(EvidenceVerbs, an_audit_log_is_a_validators_of_some_epoch_and_good_up_to_its_last) {
    audit::TestClock clock;
    audit::TestSealer sealer;
    const auto log_of = [&](const std::string& node, const std::string& organisation, std::uint64_t height) {
        const auto path = directory.file(node + std::to_string(height));
        auto opened = audit::open_trail(
            storage::posix_file_system(),
            {.directory = path, .node = node, .organisation = organisation, .chain_id = kChain}, sealer, clock);
        EXPECT_TRUE(opened) << opened.error().text();
        EXPECT_TRUE(opened->trail->append(audit::test_event(1), audit::Durability::grouped));
        opened->trail->covered(height);
        EXPECT_TRUE(opened->trail->flush());
        return path;
    };
    const auto verify = [&](const std::string& log, const std::optional<std::string>& handovers_file) {
        std::vector<std::string> words{"audit", "verify", log, "--genesis", genesis_file};
        if (handovers_file) words.insert(words.end(), {"--handovers", *handovers_file});
        return cairn(words);
    };
    const auto changed = handovers(*signer);
    const auto joined = log_of("Beta-1", "Beta", 90);
    EXPECT_EQ(verify(joined, changed).exit, 0) << verify(joined, changed).err;
    EXPECT_NE(verify(joined, std::nullopt).err.find("CRN-AUD-0005"), std::string::npos);
    EXPECT_NE(verify(log_of("Beta-2", "Beta", 90), changed).err.find("CRN-AUD-0005"), std::string::npos);
    EXPECT_NE(verify(log_of("Beta-1", "Alpha", 91), changed).err.find("CRN-AUD-0005"), std::string::npos);
    // Whoever has left: its log is good for the time that it had.
    const auto in_time = verify(log_of("Alpha-1", "Alpha", 40), changed);
    EXPECT_EQ(in_time.exit, 0) << in_time.err;
    const auto late = log_of("Alpha-1", "Alpha", 41);
    EXPECT_EQ(verify(late, changed).exit, 8);
    EXPECT_NE(verify(late, changed).err.find("up to block 40 alone"), std::string::npos) << verify(late, changed).err;
    EXPECT_EQ(verify(late, handovers(*signer, true)).exit, 0) << "it stays";
    const consensus::KeySigner beta{beta_secret(), kChain};
    EXPECT_NE(verify(joined, handovers(beta)).err.find("CRN-LED-0008"), std::string::npos);
}

TEST_F(EvidenceVerbs, what_an_honest_validator_may_sign_and_what_is_of_another_chain_proves_nothing) {
    const auto exit_for = [&](const consensus::Evidence& evidence, std::uint64_t chain_id) {
        const auto file = directory.file("proof.json");
        EXPECT_TRUE(write_file(file, node::evidence_json(evidence, chain_id), Access::shared, Existing::replace));
        return cairn({"evidence", "verify", file, "--genesis", genesis_file}).exit;
    };
    EXPECT_EQ(exit_for(contradiction(), kChain), 0);
    EXPECT_EQ(exit_for(contradiction(), kChain + 1), 8);
    auto forged = contradiction();
    std::get<consensus::VotePair>(forged.proof).second.signature[3] ^= 1;
    EXPECT_EQ(exit_for(forged, kChain), 8);
    auto harmless = contradiction();
    std::get<consensus::VotePair>(harmless.proof).second = std::get<consensus::VotePair>(harmless.proof).first;
    EXPECT_EQ(exit_for(harmless, kChain), 8);
}

} // namespace
} // namespace cairn::cli
