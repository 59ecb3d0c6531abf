#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/organisation.hpp"
#include "cli/test_terminal.hpp"
#include "consensus/evidence.hpp"
#include "crypto/certificate.hpp"
#include "crypto/ed25519.hpp"
#include "ledger/genesis.hpp"
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
