#include "cli/compliance_pack.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/ledger.hpp"
#include "cli/files.hpp"
#include "cli/test_terminal.hpp"
#include "cli/tls_probe.hpp"
#include "ledger/consensus_block.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cairn::cli {
namespace {

using testing::HasSubstr;

class CompliancePack : public testing::Test {
protected:
    CompliancePack() {
        genesis_.parameters.chain_id = 7;
        genesis_.organisations.push_back({"Alpha", "certificate", key_.public_key(), {}});
        std::filesystem::create_directory(dir_.file("checks"));
        put("report.md", "all is well\n");
        put("checks/ports.json", "{}");
    }

    void put(const std::string& name, std::string_view text) {
        ASSERT_TRUE(write_file(dir_.file(name), text, Access::shared, Existing::replace));
    }
    void seal() { ASSERT_TRUE(seal_pack(dir_.path(), genesis_, "Alpha", key_, 1'800'000'000)); }
    void expect_refused(const std::string& why) {
        const auto verdict = verify_pack(dir_.path(), genesis_);
        ASSERT_FALSE(verdict);
        EXPECT_EQ(verdict.error().code, error::CliPackInvalid);
        EXPECT_THAT(verdict.error().detail, HasSubstr(why));
    }

    TestDirectory dir_;
    crypto::ValidatorKey key_ = crypto::ValidatorKey::from_seed(crypto::ValidatorSeed{{1}});
    ledger::Genesis genesis_;
};

TEST_F(CompliancePack, holds_as_it_was_sealed) {
    seal();
    const auto verdict = verify_pack(dir_.path(), genesis_);
    ASSERT_TRUE(verdict) << verdict.error().text();
    EXPECT_EQ(verdict->organisation, "Alpha");
    EXPECT_EQ(verdict->created, 1'800'000'000);
    EXPECT_EQ(verdict->files, 2u);
}

TEST_F(CompliancePack, names_what_was_changed_removed_or_added) {
    seal();
    put("report.md", "all is Well\n");
    expect_refused("report.md was changed");
    put("report.md", "all is well\n");
    put("checks/more.json", "{}");
    expect_refused("checks/more.json was added");
    std::filesystem::remove(dir_.file("checks/more.json"));
    std::filesystem::remove(dir_.file("checks/ports.json"));
    expect_refused("checks/ports.json is missing");
    put("checks/ports.json", "{}");
    std::filesystem::create_symlink("/etc/hostname", dir_.file("link"));
    expect_refused("link is not a plain file");
}

TEST_F(CompliancePack, of_another_signer_network_or_format_is_refused) {
    seal();
    auto manifest = read_file(dir_.file("manifest.json")).value();
    const auto signature = read_file(dir_.file("manifest.sig")).value();
    put("manifest.json", manifest + " ");
    expect_refused("is not Alpha's signature");
    put("manifest.json", "[]");
    expect_refused("not a JSON object");
    put("manifest.json", "{}");
    expect_refused("not of the format");
    put("manifest.json", manifest);
    put("manifest.sig", std::string(200, 'x'));
    expect_refused("is not Alpha's signature");
    put("manifest.sig", signature);
    genesis_.parameters.chain_id = 8;
    expect_refused("another network");
    genesis_.parameters.chain_id = 7;
    EXPECT_TRUE(verify_pack(dir_.path(), genesis_));
}

TEST_F(CompliancePack, says_up_to_which_epoch_it_proves_the_validators_and_a_forged_handover_has_its_own_code) {
    const auto secret =
        crypto::VotingSecret::from(crypto::VotingAlgorithm::ed25519, crypto::ValidatorSeed{{2}}).value();
    genesis_.validators.members = {{"alpha-1", "Alpha", secret.public_key(), "127.0.0.1:1"}};
    seal();
    EXPECT_FALSE(verify_pack(dir_.path(), genesis_)->epoch);
    auto next = genesis_.validators;
    next.epoch = Epoch{1};
    next.members[0].name = "alpha-2";
    ledger::ConsensusBlock block;
    block.height = Height{9};
    block.next_validators = ledger::hash_of(next);
    codec::WireWriter out;
    encode(out, block);
    ledger::VoteStatement statement;
    statement.kind = ledger::VoteKind::finalize;
    statement.digest = digest_of(block);
    ledger::HandoverChain chain{
        .chain_id = 7,
        .genesis = ledger::hash_of(genesis_),
        .handovers = {
            {out.bytes(), 0, {{{0}, secret.sign(signed_bytes(7, statement)).value()}}, encode_validator_set(next)}}};
    put("handovers.json", ledger::to_json(chain));
    seal();
    EXPECT_EQ(verify_pack(dir_.path(), genesis_)->epoch, Epoch{1});
    chain.handovers[0].votes[0].signature[0] ^= 1;
    put("handovers.json", ledger::to_json(chain));
    seal(); // a member signs the pack all the same
    EXPECT_EQ(verify_pack(dir_.path(), genesis_).error().code, error::HandoverInvalid);
}

TEST(TlsProbe, of_a_port_without_a_listener_says_so) {
    EXPECT_FALSE(probe_tls("127.0.0.1", 1, Milliseconds{200}).reachable);
    EXPECT_FALSE(probe_tls("not an address", 1, Milliseconds{200}).reachable);
}

} // namespace
} // namespace cairn::cli
