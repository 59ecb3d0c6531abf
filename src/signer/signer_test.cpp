#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "crypto/hash.hpp"
#include "ledger/key_claim.hpp"
#include "signer/audit_keys.hpp"
#include "signer/checker.hpp"
#include "signer/journal.hpp"
#include "signer/protocol.hpp"
#include "signer/rules.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/service.hpp"
#include "storage/test_directory.hpp"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

using ledger::VoteKind;
using storage::TestDirectory;

Hash256 digest(std::uint8_t which) { return crypto::sha256(Bytes{which}); }
HandshakeRequest handshake(std::uint8_t which) {
    return {crypto::certificate_verify(crypto::TlsSide::server, digest(which))};
}

Entry vote(VoteKind kind, std::uint64_t number, std::uint8_t which = 1, std::uint16_t lane = 0,
           std::uint64_t epoch = 0) {
    return entry_of(
        ledger::VoteStatement{kind, Epoch{epoch}, number, lane, kind == VoteKind::nullify ? Hash256{} : digest(which)});
}

ErrorCode refusal(const Rules& rules, const Entry& entry) {
    const auto verdict = rules.check(entry);
    return verdict ? ErrorCode{} : verdict.error().code;
}

struct Pair {
    Entry first, second;
    const char* what;
};

TEST(SignerRules, refuse_the_second_of_every_contradicting_pair_in_both_orders) {
    auto proposal = [](std::uint8_t which) {
        ledger::ConsensusBlock block;
        block.view = View{5};
        block.parent = digest(which);
        return entry_of(block);
    };
    auto batch = [](std::uint8_t which) {
        ledger::BatchHeader header;
        header.position = Position{5};
        header.body_hash = digest(which);
        return entry_of(header);
    };
    const Pair pairs[] = {
        {vote(VoteKind::notarize, 5, 1), vote(VoteKind::notarize, 5, 2), "two notarize"},
        {vote(VoteKind::finalize, 5, 1), vote(VoteKind::finalize, 5, 2), "two finalize"},
        {vote(VoteKind::finalize, 5, 1), vote(VoteKind::nullify, 5), "finalize and nullify"},
        {vote(VoteKind::notarize, 5, 1), vote(VoteKind::finalize, 5, 2), "notarize and another finalize"},
        {vote(VoteKind::lane, 5, 1, 2), vote(VoteKind::lane, 5, 2, 2), "two digests in a lane"},
        {vote(VoteKind::execution, 5, 1), vote(VoteKind::execution, 5, 2), "two results"},
        {vote(VoteKind::execution, 5, 1), vote(VoteKind::execution, 5, 2, 0, 1), "two results in two epochs"},
        {proposal(1), proposal(2), "two proposals"},
        {batch(1), batch(2), "two own batches"},
    };
    for (const auto& pair : pairs)
        for (const bool swapped : {false, true}) {
            Rules rules;
            const auto& first = swapped ? pair.second : pair.first;
            const auto& second = swapped ? pair.first : pair.second;
            ASSERT_EQ(*rules.check(first), Verdict::fresh) << pair.what;
            rules.apply(first);
            EXPECT_EQ(refusal(rules, second), error::SignatureContradicts) << pair.what << swapped;
            EXPECT_EQ(*rules.check(first), Verdict::repeat) << pair.what;
        }
}

TEST(SignerRules, never_go_back_to_a_lower_view_or_lane_position) {
    Rules rules;
    rules.apply(vote(VoteKind::nullify, 9));
    rules.apply(vote(VoteKind::lane, 9, 1, 3));
    EXPECT_EQ(refusal(rules, vote(VoteKind::notarize, 8)), error::SignatureTooOld);
    EXPECT_EQ(refusal(rules, vote(VoteKind::nullify, 8)), error::SignatureTooOld);
    EXPECT_EQ(refusal(rules, vote(VoteKind::lane, 8, 1, 3)), error::SignatureTooOld);
    EXPECT_EQ(*rules.check(vote(VoteKind::lane, 8, 1, 2)), Verdict::fresh);
    // A notarization may be complete only after the view was left.
    EXPECT_EQ(*rules.check(vote(VoteKind::finalize, 8)), Verdict::fresh);
}

TEST(SignerRules, refuse_what_has_left_the_window_whatever_was_signed) {
    Rules rules;
    for (std::uint64_t i = 1; i <= 3 * kViewsRemembered; ++i) {
        rules.apply(vote(VoteKind::notarize, i));
        rules.apply(vote(VoteKind::lane, i, 1, 1));
        rules.apply(vote(VoteKind::execution, i));
    }
    for (const auto kind : {VoteKind::notarize, VoteKind::finalize, VoteKind::execution}) {
        EXPECT_EQ(refusal(rules, vote(kind, 1)), error::SignatureTooOld);
        EXPECT_EQ(refusal(rules, vote(kind, 2 * kViewsRemembered)), error::SignatureTooOld);
    }
    EXPECT_EQ(refusal(rules, vote(VoteKind::lane, 3 * kViewsRemembered - kPositionsRemembered, 1, 1)),
              error::SignatureTooOld);
    EXPECT_LT(rules.snapshot().size(), 4 * kViewsRemembered);
}

TEST(SignerRules, an_old_epoch_stays_closed) {
    Rules rules;
    for (const std::uint64_t epoch : {3, 4, 5}) rules.apply(vote(VoteKind::notarize, 1, 1, 0, epoch));
    EXPECT_EQ(refusal(rules, vote(VoteKind::notarize, 2, 1, 0, 3)), error::SignatureTooOld);
    EXPECT_EQ(*rules.check(vote(VoteKind::notarize, 2, 1, 0, 4)), Verdict::fresh);
}

TEST(SignerRules, a_snapshot_decides_as_the_original) {
    // Small domains, so that everything meets everything.
    std::uint64_t state = 7;
    const auto pick = [&](std::uint64_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % below;
    };
    const auto any = [&] {
        const auto kind = static_cast<VoteKind>(1 + pick(5));
        auto out = vote(kind, 1 + pick(600), static_cast<std::uint8_t>(pick(3)),
                        static_cast<std::uint16_t>(kind == VoteKind::lane ? pick(3) : 0), pick(60) == 0 ? pick(4) : 0);
        if (pick(8) == 0) out.kind = pick(2) == 0 ? EntryKind::batch : EntryKind::proposal;
        return out;
    };
    Rules rules;
    for (int i = 0; i < 20'000; ++i) {
        const auto entry = any();
        if (rules.check(entry) == Verdict::fresh) rules.apply(entry);
    }
    Rules copy;
    for (const auto& entry : rules.snapshot()) copy.apply(entry);
    for (int i = 0; i < 20'000; ++i) {
        const auto entry = any();
        const auto one = rules.check(entry), two = copy.check(entry);
        ASSERT_EQ(one.has_value(), two.has_value());
        if (one) {
            EXPECT_EQ(*one, *two);
            if (*one == Verdict::fresh) {
                rules.apply(entry);
                copy.apply(entry);
            }
        }
    }
}

class SignerJournal : public ::testing::Test {
protected:
    SignerJournal() { key_.bytes.fill(7); }
    std::vector<Entry> reopen(Status* status = nullptr) {
        std::vector<Entry> entries;
        auto journal = Journal::open(path_, key_, entries);
        if (status) *status = journal ? Status{} : std::unexpected(journal.error());
        return entries;
    }
    void flip(int file, std::uint64_t offset) {
        const int fd = ::open((path_ + "." + std::to_string(file)).c_str(), O_RDWR);
        std::uint8_t byte = 0;
        ASSERT_EQ(::pread(fd, &byte, 1, static_cast<off_t>(offset)), 1);
        byte ^= 1;
        ASSERT_EQ(::pwrite(fd, &byte, 1, static_cast<off_t>(offset)), 1);
        ::close(fd);
    }
    TestDirectory directory_;
    std::string path_ = directory_ / "keys.state";
    SlotKey key_;
};

TEST_F(SignerJournal, gives_back_what_was_appended_and_counts_it) {
    ASSERT_TRUE(Journal::create(path_, key_, {}));
    std::vector<Entry> expected;
    {
        std::vector<Entry> entries;
        auto journal = Journal::open(path_, key_, entries);
        ASSERT_TRUE(journal) << journal.error().text();
        for (std::uint64_t i = 1; i <= 5'000; ++i) {
            expected.push_back(vote(VoteKind::notarize, i));
            if (i % 60 != 0) continue;
            ASSERT_TRUE(journal->append(std::span{expected}.last(60)));
        }
        EXPECT_EQ(journal->counter(), 4'980u);
    }
    expected.resize(4'980);
    EXPECT_EQ(reopen(), expected);
}

TEST_F(SignerJournal, a_rewrite_replaces_everything_and_keeps_the_counter) {
    ASSERT_TRUE(Journal::create(path_, key_, {}));
    for (int round = 0; round < 5; ++round) {
        std::vector<Entry> entries;
        auto journal = Journal::open(path_, key_, entries);
        ASSERT_TRUE(journal);
        EXPECT_EQ(entries.size(), round == 0 ? 0u : 2u);
        EXPECT_EQ(journal->counter(), static_cast<std::uint64_t>(round));
        const auto kept = vote(VoteKind::lane, static_cast<std::uint64_t>(round) + 1, 1, 1);
        ASSERT_TRUE(journal->rewrite({&kept, 1}));
        const auto next = vote(VoteKind::notarize, 7);
        ASSERT_TRUE(journal->append({&next, 1}));
    }
}

TEST_F(SignerJournal, tells_its_counter_only_of_what_is_durable) {
    ASSERT_TRUE(Journal::create(path_, key_, {}));
    std::vector<Entry> entries;
    {
        auto journal = Journal::open(path_, key_, entries);
        ASSERT_TRUE(journal);
        const auto used = entry_of(ledger::KeyUse::handshake, digest(1));
        for (std::size_t i = 0; i < kUnsyncedMax; ++i) ASSERT_TRUE(journal->append({&used, 1}, Sync::later));
        EXPECT_EQ(journal->counter(), 0u);
        ASSERT_TRUE(journal->append({&used, 1}, Sync::later));
        EXPECT_EQ(journal->counter(), kUnsyncedMax + 1) << "they do not pile up";
        ASSERT_TRUE(journal->append({&used, 1}, Sync::later));
        ASSERT_TRUE(journal->append({&used, 1}));
        EXPECT_EQ(journal->counter(), kUnsyncedMax + 3);
        ASSERT_TRUE(journal->append({&used, 1}, Sync::later));
    }
    EXPECT_EQ(reopen().size(), kUnsyncedMax + 4) << "a kill takes nothing back";
}

TEST_F(SignerJournal, a_missing_file_is_amnesia_and_a_second_owner_is_refused) {
    Status status;
    reopen(&status);
    EXPECT_EQ(status.error().code, error::SignerAmnesia);
    ASSERT_TRUE(Journal::create(path_, key_, {}));
    EXPECT_FALSE(Journal::create(path_, key_, {}));
    std::vector<Entry> entries;
    const auto owner = Journal::open(path_, key_, entries);
    ASSERT_TRUE(owner);
    reopen(&status);
    EXPECT_EQ(status.error().code, error::SignerBusy);
}

TEST_F(SignerJournal, refuses_a_flipped_byte_and_drops_only_a_torn_end) {
    ASSERT_TRUE(Journal::create(path_, key_, {}));
    std::vector<Entry> many(200, vote(VoteKind::notarize, 1));
    {
        std::vector<Entry> entries;
        auto journal = Journal::open(path_, key_, entries);
        ASSERT_TRUE(journal);
        for (std::size_t i = 0; i < many.size(); i += 50) ASSERT_TRUE(journal->append(std::span{many}.subspan(i, 50)));
    }
    Status status;
    const std::uint64_t first = 2; // after header and complete
    flip(0, (first + 199) * kSlotBytes + 20);
    EXPECT_EQ(reopen(&status).size(), 199u);
    EXPECT_TRUE(status);
    flip(0, (first + 10) * kSlotBytes + 20);
    reopen(&status);
    EXPECT_EQ(status.error().code, error::SignerStateDamaged);
    flip(0, (first + 10) * kSlotBytes + 20);
    key_.bytes[0] ^= 1;
    reopen(&status);
    EXPECT_EQ(status.error().code, error::SignerStateDamaged);
}

TEST_F(SignerJournal, a_damaged_generation_is_not_replaced_by_an_older_one) {
    ASSERT_TRUE(Journal::create(path_, key_, {}));
    const std::vector<Entry> many(5, vote(VoteKind::notarize, 1));
    {
        std::vector<Entry> entries;
        auto journal = Journal::open(path_, key_, entries);
        ASSERT_TRUE(journal);
        ASSERT_TRUE(journal->rewrite(entries));
        ASSERT_TRUE(journal->append(many));
    }
    EXPECT_EQ(reopen().size(), 5u);
    Status status;
    flip(1, 20);
    reopen(&status);
    EXPECT_EQ(status.error().code, error::SignerStateDamaged);
}

class SignerService : public ::testing::Test {
protected:
    SignerService() {
        auto secrets = Secrets::generate(crypto::system_random());
        keys_file_ = directory_ / "keys.sealed";
        keys_ = *create_sealed_keys(keys_file_, *secrets, as_bytes("secret"), kCostForRandomPassphrase,
                                    crypto::system_random());
    }
    Result<std::unique_ptr<Service>> open(std::uint64_t witness = 0, std::uint64_t tpm = 0, std::uint64_t chain = 5) {
        auto sealed = read_sealed_keys(keys_file_);
        auto secrets = unseal(*sealed, as_bytes("secret"), {});
        auto backend = memory_backend(*secrets);
        return Service::open({state_path(keys_file_), chain, witness, tpm}, std::move(*secrets), keys_,
                             std::move(*backend));
    }
    static Result<Bytes> ask(Service& service, const Request& request) {
        const Bytes encoded = encode(request);
        const auto reply = decode_reply(service.handle({&encoded, 1}).at(0));
        if (reply->error) return std::unexpected(*reply->error);
        return reply->content;
    }
    static Request notarize(std::uint64_t view, std::uint8_t which = 1) {
        return VoteRequest{{VoteKind::notarize, Epoch{0}, view, 0, digest(which)}};
    }
    TestDirectory directory_;
    std::string keys_file_;
    PublicKeys keys_;
};

TEST_F(SignerService, puts_in_the_domain_and_the_chain) {
    auto service = open();
    ASSERT_TRUE(service) << service.error().text();
    const ledger::VoteStatement statement{VoteKind::notarize, Epoch{0}, 3, 0, digest(1)};
    const auto answer = ask(**service, VoteRequest{statement});
    ASSERT_TRUE(answer);
    EXPECT_TRUE(crypto::verify(keys_.consensus, ledger::signed_bytes(5, statement), *crypto::Signature::from(*answer)));
}

TEST_F(SignerService, signs_every_statement_with_sm2_under_the_same_rules) {
    auto secrets = Secrets::generate(crypto::system_random(), crypto::VotingAlgorithm::sm2);
    keys_file_ = directory_ / "sm2.sealed";
    keys_ = *create_sealed_keys(keys_file_, *secrets, as_bytes("secret"), kCostForRandomPassphrase,
                                crypto::system_random());
    auto service = open();
    ASSERT_TRUE(service) << service.error().text();
    Checker checker{keys_.consensus, 5};
    ledger::BatchHeader header;
    header.position = Position{1};
    header.transaction_count = 1;
    ledger::ConsensusBlock block;
    block.view = View{9};
    for (const auto& request : {notarize(3), Request{VoteRequest{{VoteKind::execution, Epoch{0}, 2, 0, digest(1)}}},
                                Request{BatchRequest{header}}, Request{ProposalRequest{block}}}) {
        const auto answer = ask(**service, request);
        ASSERT_TRUE(answer) << answer.error().text();
        EXPECT_EQ(checker.take(request, *answer), "");
    }
    const auto claim = ask(**service, ClaimRequest{"alpha-1"});
    ASSERT_TRUE(claim);
    EXPECT_TRUE(crypto::verify(keys_.consensus, ledger::signed_bytes(ledger::KeyClaim{5, "alpha-1"}),
                               *crypto::Signature::from(*claim)));
    const auto seal_key = ask(**service, SealKeyRequest{"alpha-1", keys_.audit});
    ASSERT_TRUE(seal_key);
    EXPECT_TRUE(crypto::verify(keys_.consensus,
                               ledger::signed_bytes(ledger::SealKeyStatement{5, "alpha-1", keys_.audit}),
                               *crypto::Signature::from(*seal_key)));
    EXPECT_EQ(ask(**service, notarize(3, 2)).error().code, error::SignatureContradicts);
    EXPECT_TRUE(ask(**service, notarize(3))) << "the same statement again, with another signature";
}

TEST_F(SignerService, vouches_for_no_audit_key_that_a_hostile_node_names) {
    auto service = open();
    for (const auto& key : {crypto::ValidatorPublicKey{}, *crypto::ValidatorPublicKey::from(digest(4))}) {
        const auto answer = ask(**service, SealKeyRequest{"alpha-1", key});
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().code, error::SignerRequestInvalid);
    }
    EXPECT_EQ((*service)->uses().of(ledger::KeyUse::seal_key), 0u);
    EXPECT_TRUE(ask(**service, SealKeyRequest{"alpha-1", keys_.audit}));
}

TEST_F(SignerService, remembers_over_restarts_and_judges_a_group_as_a_whole) {
    {
        auto service = open();
        const Bytes group[] = {encode(notarize(4, 1)), encode(notarize(4, 2)), encode(notarize(4, 1))};
        const auto replies = (*service)->handle(group);
        EXPECT_FALSE(decode_reply(replies[0])->error);
        EXPECT_EQ(decode_reply(replies[1])->error->code, error::SignatureContradicts);
        EXPECT_FALSE(decode_reply(replies[2])->error);
        EXPECT_EQ((*service)->counter(), 2u) << "the repetition is a use too";
    }
    for (int i = 0; i < 3; ++i) {
        auto service = open();
        EXPECT_EQ(ask(**service, notarize(4, 2)).error().code, error::SignatureContradicts);
        EXPECT_TRUE(ask(**service, notarize(4, 1)));
    }
}

TEST_F(SignerService, counts_every_use_of_every_key_and_says_so_in_every_seal) {
    using ledger::KeyUse;
    ledger::BatchHeader header;
    header.position = Position{1};
    header.transaction_count = 1;
    ledger::ConsensusBlock block;
    block.view = View{9};
    VaultRequest wrap;
    wrap.purpose = 1;
    wrap.context = {1};
    wrap.key = Bytes(32, 5);
    auto list = wrap;
    list.operation = VaultRequest::Operation::list;
    list.context.clear();
    list.key.clear();
    const std::pair<Request, std::optional<KeyUse>> requests[] = {
        {BatchRequest{header}, KeyUse::batch},
        {ProposalRequest{block}, KeyUse::proposal},
        {handshake(4), KeyUse::handshake},
        {AnchorRequest{"alpha-1", 3, digest(5)}, KeyUse::anchor},
        {SealKeyRequest{"alpha-1", keys_.audit}, KeyUse::seal_key},
        {wrap, KeyUse::storage},
        {list, std::nullopt},
        {LastExecutionRequest{}, std::nullopt},
    };
    ledger::KeyUses expected;
    Hash256 chain;
    for (std::uint64_t round = 1; round <= 4; ++round) {
        // Ends without a word to its memory, as after a kill.
        auto service = open();
        ASSERT_TRUE(service) << service.error().text();
        EXPECT_EQ((*service)->uses().counts, expected.counts);
        EXPECT_EQ((*service)->uses().chain, chain) << "the same chain goes on";
        std::vector<Bytes> group;
        for (const auto& [request, use] : requests) {
            group.push_back(encode(request));
            if (use) ++expected.of(*use);
        }
        group.push_back(encode(notarize(10 * round)));
        group.push_back(encode(notarize(10 * round, 2))); // refused: not a use
        group.push_back(encode(notarize(10 * round)));    // again: a use
        group.push_back({9, 9, 9});
        expected.of(KeyUse::vote) += 2;
        const SealRequest seal{"alpha-1", round, digest(6), 7, 8};
        group.push_back(encode(seal));
        ++expected.of(KeyUse::seal);
        group.push_back(encode(Request{handshake(9)})); // behind the seal: in the next one
        const auto replies = (*service)->handle(group);
        for (std::size_t i = 0; i < std::size(requests); ++i)
            EXPECT_EQ(decode_reply(replies[i])->use, requests[i].second) << i;
        EXPECT_FALSE(decode_reply(replies[9])->use);
        EXPECT_EQ(decode_reply(replies[10])->use, KeyUse::vote);
        const auto answer = decode_reply(replies[replies.size() - 2])->content;
        codec::WireReader in{answer};
        const auto signature = in.fixed<crypto::Signature>();
        const auto uses = ledger::decode_key_uses(in);
        ASSERT_TRUE(in.finish());
        EXPECT_EQ(uses.counts, expected.counts);
        codec::WireWriter message;
        message.raw(as_bytes("cairn-audit-seal-v2"));
        message.u64(5);
        message.text(seal.node);
        message.u64(seal.sequence);
        message.fixed(seal.head);
        message.u64(seal.time_ms);
        message.u64(seal.height);
        encode(message, uses);
        EXPECT_TRUE(crypto::verify(keys_.audit, message.bytes(), signature));
        ++expected.of(KeyUse::handshake);
        EXPECT_NE((*service)->uses().chain, chain);
        chain = (*service)->uses().chain;
    }
}

TEST_F(SignerService, refuses_an_old_copy_of_its_memory) {
    const auto copy = directory_ / "copy";
    std::filesystem::create_directory(copy);
    const auto copy_all = [&](const std::string& from, const std::string& to) {
        for (const auto* suffix : {".0", ".1"})
            std::filesystem::copy_file(from + suffix, to + suffix, std::filesystem::copy_options::overwrite_existing);
    };
    std::uint64_t seen = 0;
    {
        auto service = open();
        ASSERT_TRUE(ask(**service, notarize(1)));
        copy_all(state_path(keys_file_), copy + "/state");
        ASSERT_TRUE(ask(**service, notarize(2)));
        seen = (*service)->counter();
    }
    EXPECT_TRUE(open(seen));
    copy_all(copy + "/state", state_path(keys_file_));
    EXPECT_EQ(open(seen).error().code, error::SignerRolledBack);
    EXPECT_TRUE(open(seen - 1));
}

TEST_F(SignerService, refuses_a_memory_of_before_the_start_that_the_tpm_counts) {
    EXPECT_TRUE(open(0, 0));
    // Its counter was put to use later: the first start with it cannot know better than the operator.
    EXPECT_EQ(open(0, 9).error().code, error::SignerRolledBack);
}

TEST_F(SignerService, serves_one_chain_for_ever) {
    ASSERT_TRUE(open(0, 0, 5));
    EXPECT_EQ(open(0, 0, 6).error().code, error::SignerWrongChain);
    EXPECT_TRUE(open(0, 0, 5));
}

TEST_F(SignerService, keeps_purpose_keys_and_forgets_a_destroyed_one_on_disk) {
    using Operation = VaultRequest::Operation;
    const auto request = [](Operation operation, std::uint32_t version = 0, Bytes key = {}) {
        VaultRequest out;
        out.operation = operation;
        out.purpose = 1;
        out.version = version;
        out.context = {1, 2, 3};
        out.key = std::move(key);
        return out;
    };
    const Bytes key(32, 9);
    Bytes wrapped;
    {
        auto service = open();
        const auto answer = ask(**service, request(Operation::wrap, 0, key));
        ASSERT_TRUE(answer) << answer.error().text();
        codec::WireReader in{*answer};
        EXPECT_EQ(in.u32(), 1u);
        wrapped = to_bytes(in.string(storage::kWrappedKeyBytesMax));
    }
    auto service = open();
    EXPECT_EQ(*ask(**service, request(Operation::unwrap, 1, wrapped)), key);
    auto elsewhere = request(Operation::unwrap, 1, wrapped);
    elsewhere.context[0] ^= 1;
    EXPECT_EQ(ask(**service, elsewhere).error().code, error::VaultKeyWrong);
    auto altered = wrapped;
    altered.back() ^= 1;
    EXPECT_EQ(ask(**service, request(Operation::unwrap, 1, altered)).error().code, error::VaultKeyWrong);
    EXPECT_EQ(ask(**service, request(Operation::unwrap, 2, wrapped)).error().code, error::VaultKeyUnknown);
    EXPECT_EQ(ask(**service, request(Operation::retire, 1)).error().code, error::VaultState);
    ASSERT_TRUE(ask(**service, request(Operation::make)));
    EXPECT_EQ(*ask(**service, request(Operation::unwrap, 1, wrapped)), key);
    EXPECT_EQ(ask(**service, request(Operation::destroy, 1)).error().code, error::VaultState);
    ASSERT_TRUE(ask(**service, request(Operation::retire, 1)));
    EXPECT_EQ(ask(**service, request(Operation::unwrap, 1, wrapped)).error().code, error::VaultKeyRetired);
    ASSERT_TRUE(ask(**service, request(Operation::destroy, 1)));
    const auto before = decode_versions(*ask(**service, request(Operation::list)));
    service->reset();
    service = open();
    EXPECT_EQ(ask(**service, request(Operation::unwrap, 1, wrapped)).error().code, error::VaultKeyRetired);
    const auto after = decode_versions(*ask(**service, request(Operation::list)));
    ASSERT_EQ(after->size(), 2u);
    EXPECT_EQ(after->at(0).state, storage::KeyState::destroyed);
    EXPECT_EQ(after->at(1).state, storage::KeyState::current);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(after->at(i).check, before->at(i).check);
}

TEST(SealedKeys, open_only_with_the_passphrase_and_unaltered) {
    const auto secrets = Secrets::generate(crypto::system_random());
    Protection protection;
    protection.cost = kCostForRandomPassphrase;
    const auto keys =
        seal(*secrets, *secrets->public_keys(), as_bytes("right"), {}, protection, {}, {}, crypto::system_random());
    ASSERT_TRUE(keys);
    const auto read = sealed_keys_from_json(to_json(*keys));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_TRUE(std::ranges::equal(unseal(*read, as_bytes("right"), {})->view(), secrets->view()));
    EXPECT_EQ(unseal(*read, as_bytes("wrong"), {}).error().code, error::SealedKeysWrong);
    EXPECT_EQ(unseal(*read, as_bytes("right"), Bytes(32, 1)).error().code, error::SealedKeysWrong);
    auto altered = *read;
    altered.public_keys.consensus.bytes[0] ^= 1;
    EXPECT_EQ(unseal(altered, as_bytes("right"), {}).error().code, error::SealedKeysWrong);
    altered = *read;
    altered.sealed[40] ^= 1;
    EXPECT_EQ(unseal(altered, as_bytes("right"), {}).error().code, error::SealedKeysWrong);
}

TEST(SealedKeys, hold_an_sm2_voting_key_and_which_algorithm_it_is_of) {
    const auto secrets = Secrets::generate(crypto::system_random(), crypto::VotingAlgorithm::sm2);
    ASSERT_TRUE(secrets) << secrets.error().text();
    Protection protection;
    protection.cost = kCostForRandomPassphrase;
    const auto public_keys = *secrets->public_keys();
    EXPECT_EQ(public_keys.consensus.algorithm, crypto::VotingAlgorithm::sm2);
    auto keys = *seal(*secrets, public_keys, as_bytes("right"), {}, protection, {}, {}, crypto::system_random());
    const auto read = sealed_keys_from_json(to_json(keys));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->public_keys, public_keys);
    const auto opened = unseal(*read, as_bytes("right"), {});
    ASSERT_TRUE(opened);
    EXPECT_TRUE(std::ranges::equal(opened->view(), secrets->view()));
    EXPECT_EQ(*opened->public_keys(), public_keys);
    // The clear part may call it another algorithm: what is sealed decides, and the two are compared at every start.
    keys.public_keys.consensus.algorithm = crypto::VotingAlgorithm::ed25519;
    EXPECT_NE(*unseal(keys, as_bytes("right"), {})->public_keys(), keys.public_keys);
    // Ed25519 keys are sealed as they always were, without a byte for the algorithm.
    const auto before = Secrets::generate(crypto::system_random());
    EXPECT_EQ(before->stored().size() + 1, secrets->stored().size());
}

TEST(SealedKeys, change_the_tls_key_alone) {
    const TestDirectory folder;
    const auto path = folder.path() + "/keys.sealed";
    const auto secrets = Secrets::generate(crypto::system_random());
    const auto before =
        create_sealed_keys(path, *secrets, as_bytes("right"), kCostForRandomPassphrase, crypto::system_random());
    ASSERT_TRUE(before);
    using crypto::CertificateKey;
    const auto key_of = [](CertificateKey algorithm, BytesView secret) {
        return *crypto::TlsKey::from_secret(algorithm, secret);
    };
    const auto fresh = key_of(CertificateKey::ed25519, Bytes(32, 7));
    EXPECT_EQ(replace_tls_key(path, as_bytes("wrong"), fresh, crypto::system_random()).error().code,
              error::SealedKeysWrong);
    for (const auto other : {secrets->voting_secret(), secrets->audit_seed()})
        EXPECT_EQ(replace_tls_key(path, as_bytes("right"), key_of(CertificateKey::ed25519, other),
                                  crypto::system_random())
                      .error()
                      .code,
                  error::KeyInvalid)
            << "a key of votes or seals must sign no handshakes";
    EXPECT_EQ(read_sealed_keys(path)->public_keys, *before) << "a refusal changes nothing";
    for (const auto algorithm : {CertificateKey::ed25519, CertificateKey::p256}) {
        const auto key = key_of(algorithm, Bytes(32, 7));
        const auto after = replace_tls_key(path, as_bytes("right"), key, crypto::system_random());
        ASSERT_TRUE(after) << after.error().text();
        EXPECT_EQ(after->tls, key.public_key());
        EXPECT_EQ(after->consensus, before->consensus);
        EXPECT_EQ(after->audit, before->audit);
        EXPECT_EQ(read_sealed_keys(path)->public_keys, *after);
        const auto opened = unseal(*read_sealed_keys(path), as_bytes("right"), {});
        ASSERT_TRUE(opened) << opened.error().text();
        EXPECT_EQ(*opened->public_keys(), *after);
        EXPECT_TRUE(std::ranges::equal(opened->storage_root(), secrets->storage_root()));
        EXPECT_EQ(opened->stored().size(), algorithm == CertificateKey::p256 ? 128u : 130u);
    }
}

TEST(SealedKeys, change_the_audit_key_alone_and_the_old_one_introduces_it) {
    const TestDirectory folder;
    const auto path = folder.path() + "/keys.sealed";
    auto& random = crypto::system_random();
    const auto secrets = Secrets::generate(random);
    const auto before = create_sealed_keys(path, *secrets, as_bytes("right"), kCostForRandomPassphrase, random);
    ASSERT_TRUE(before);
    EXPECT_EQ(replace_audit_key(path, as_bytes("wrong"), random).error().code, error::SealedKeysWrong);
    EXPECT_EQ(read_sealed_keys(path)->public_keys, *before) << "a refusal changes nothing";
    EXPECT_TRUE(read_successions(path)->empty());
    std::filesystem::copy_file(path, path + ".first");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(replace_audit_key(path, as_bytes("right"), random));
    const auto after = read_sealed_keys(path)->public_keys;
    EXPECT_NE(after.audit, before->audit);
    EXPECT_EQ(after.consensus, before->consensus);
    EXPECT_EQ(after.tls, before->tls);
    const auto opened = unseal(*read_sealed_keys(path), as_bytes("right"), {});
    ASSERT_TRUE(opened) << opened.error().text();
    EXPECT_EQ(*opened->public_keys(), after);
    EXPECT_TRUE(std::ranges::equal(opened->storage_root(), secrets->storage_root()));
    const auto chain = ledger::between(*read_successions(path), before->audit, after.audit);
    EXPECT_EQ(chain.size(), 3u);
    EXPECT_TRUE(ledger::leads_to(chain, after.audit));
    EXPECT_FALSE(ledger::leads_to(chain, before->audit));
    for (std::size_t i = 0; i < 3; ++i) {
        auto altered = chain;
        altered[i].signature.bytes[5] ^= 1;
        EXPECT_FALSE(ledger::leads_to(altered, after.audit));
    }
    EXPECT_FALSE(ledger::leads_to(std::vector{chain[0], chain[2]}, after.audit));

    // A crash between the two files: the introduction is there, the key is not. The command is given again.
    std::filesystem::rename(path + ".first", path);
    const auto again = replace_audit_key(path, as_bytes("right"), random);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->before, before->audit);
    const auto only = ledger::between(*read_successions(path), before->audit, again->after);
    EXPECT_EQ(only, std::vector{*again});

    // The list never grows beyond what a record has room for, and keeps the latest.
    for (std::size_t i = 0; i <= ledger::kSealSuccessionsMax; ++i)
        ASSERT_TRUE(replace_audit_key(path, as_bytes("right"), random));
    EXPECT_EQ(read_successions(path)->size(), ledger::kSealSuccessionsMax);
    EXPECT_TRUE(ledger::leads_to(*read_successions(path), read_sealed_keys(path)->public_keys.audit));

    for (const std::string text : {"words", "00 11 22\n", "\n"}) {
        std::ofstream(successions_path(path)) << text;
        EXPECT_EQ(read_successions(path).error().code, error::SealedKeysInvalid) << text;
    }
    std::ofstream(successions_path(path)) << std::string(100'000, 'a');
    EXPECT_EQ(read_successions(path).error().code, error::SealedKeysInvalid);
}

TEST(SealedKeys, refuse_costs_over_the_limit_and_what_is_not_such_a_file) {
    const auto secrets = Secrets::generate(crypto::system_random());
    Protection protection;
    protection.cost = kCostForRandomPassphrase;
    auto keys =
        *seal(*secrets, *secrets->public_keys(), as_bytes("p"), {}, protection, {}, {}, crypto::system_random());
    keys.protection.cost.memory_kib = kSealMemoryKibMax + 1;
    EXPECT_EQ(sealed_keys_from_json(to_json(keys)).error().code, error::SealedKeysInvalid);
    keys.protection.cost = {kSealPassesMax + 1, 64};
    EXPECT_EQ(sealed_keys_from_json(to_json(keys)).error().code, error::SealedKeysInvalid);
    for (const auto* text : {"", "{}", "[]", "{\"format\":\"cairn-sealed-keys-v1\"}", "\xff"})
        EXPECT_EQ(sealed_keys_from_json(text).error().code, error::SealedKeysInvalid);
}

TEST(SignerProtocol, has_one_encoding_and_refuses_fields_that_cannot_be) {
    const Request votes[] = {
        VoteRequest{{VoteKind::nullify, Epoch{0}, 1, 0, digest(1)}},  // says nothing about a block
        VoteRequest{{VoteKind::notarize, Epoch{0}, 1, 3, digest(1)}}, // not about a lane
        VoteRequest{{VoteKind::lane, Epoch{0}, 1, 100, digest(1)}},   // no such lane
        VoteRequest{{static_cast<VoteKind>(6), Epoch{0}, 1, 0, digest(1)}},
    };
    for (const auto& request : votes)
        EXPECT_EQ(decode_request(encode(request)).error().code, error::SignerRequestInvalid);
    auto good = encode(Request{handshake(1)});
    EXPECT_TRUE(decode_request(good));
    good.push_back(0);
    EXPECT_EQ(decode_request(good).error().code, error::SignerRequestInvalid);
    EXPECT_EQ(decode_request(Bytes(kRequestBytesMax + 1)).error().code, error::SignerRequestInvalid);
    EXPECT_EQ(decode_request({}).error().code, error::SignerRequestInvalid);
}

TEST(SignerProtocol, has_the_tls_key_sign_nothing_but_handshakes) {
    const auto statement = ledger::signed_bytes(5, {VoteKind::notarize, Epoch{0}, 1, 0, digest(1)});
    for (const auto& message :
         {Bytes{}, to_bytes(digest(1)), statement, crypto::certificate_verify(crypto::TlsSide::server, Bytes(33, 1)),
          crypto::certificate_verify(crypto::TlsSide::client, statement)})
        EXPECT_EQ(decode_request(encode(Request{HandshakeRequest{message}})).error().code, error::SignerRequestInvalid);
}

} // namespace
} // namespace cairn::signer
