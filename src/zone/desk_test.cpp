#include "audit/test_log.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/errors/zone.hpp"
#include "crypto/hash.hpp"
#include "storage/faulty_files.hpp"
#include "zone/management.hpp"
#include "zone/test_organisation.hpp"

#include <nlohmann/json.hpp>

#include <fstream>
#include <random>
#include <set>

namespace cairn::zone {
namespace {

using audit::TestClock;
using audit::TestSealer;
using nlohmann::json;

constexpr std::int64_t kNow = 1'800'000'000;

class Desk : public testing::Test {
protected:
    void SetUp() override {
        clock_.now = kNow * 1000;
        auto opened = audit::open_trail(files_, audit::test_config("audit"), sealer_, clock_);
        ASSERT_TRUE(opened);
        trail_ = std::move(opened->trail);
        std::vector<Command> commands;
        commands.push_back({"look", "", Level::read, {kSystem, kSecurity, kAudit}, {}, [](const Person&, const auto&) {
                                return Result<std::string>{"{}"};
                            }});
        commands.push_back(
            {"change", "", Level::act, {kSystem}, {"what"}, [this](const Person&, const auto& arguments) {
                 ++changes_;
                 last_ = arguments.contains("what") ? arguments.at("what") : "";
                 return Result<std::string>{"{}"};
             }});
        commands.push_back({"stop", "", Level::highest, {kSystem}, {}, [this](const Person&, const auto&) {
                                ++stops_;
                                return Result<std::string>{"{}"};
                            }});
        commands.push_back(
            {"destroy", "", Level::two, {kSystem}, {"what"}, [this](const Person& who, const auto& arguments) {
                 ++destroyed_;
                 last_ = who.name + " " + (arguments.contains("what") ? arguments.at("what") : "");
                 return Result<std::string>{"{}"};
             }});
        commands.push_back(
            {"break", "", Level::act, {kSystem}, {}, [](const Person&, const auto&) -> Result<std::string> {
                 return fail(error::ZoneFileInvalid, "it broke");
             }});
        ManagementConfig config;
        config.node = "alpha-1";
        config.organisation = "Alpha";
        config.directory = directory_ / "management";
        config.tls.files.trust = trust_;
        auto desk = CommandDesk::open(config, std::move(commands), *trail_, clock_);
        ASSERT_TRUE(desk) << desk.error().text();
        desk_ = std::move(*desk);
    }

    CommandRequest request(const std::string& command, const std::string& code = {}) {
        std::uint8_t nonce[16];
        crypto::system_random().fill(nonce);
        return {
            .command = command, .arguments = {}, .nonce = to_hex_digits(nonce), .time = clock_.wall(), .code = code};
    }
    TlsRequest signed_by(const crypto::CertifiedKey& person, const CommandRequest& request,
                         const std::string& node = "alpha-1") {
        TlsRequest out{
            .remote = "127.0.0.1", .certificate = der_of(person), .path = "/command", .body = to_json(request)};
        out.signature = to_hex(crypto::sign_p256(person.key_pem.view(), signed_bytes(node, out.body)).value());
        return out;
    }
    ErrorCode refusal(const TlsRequest& request) {
        const auto result = desk_->take(request);
        EXPECT_FALSE(result);
        return result ? ErrorCode{} : result.error().code;
    }
    std::string enrol(const crypto::CertifiedKey& person) {
        const auto answer = desk_->take(signed_by(person, request("enrol-second-factor")));
        EXPECT_TRUE(answer) << answer.error().text();
        return answer ? json::parse(*answer)["authenticator"].get<std::string>() : "";
    }
    std::string code(const std::string& uri) { return code_of(uri, clock_.wall().count() / 1000).value(); }
    std::vector<audit::Event> events() {
        EXPECT_TRUE(trail_->flush());
        std::vector<audit::Event> out;
        const auto report =
            audit::verify_log(files_, "audit", {}, [&](const audit::Event& event) { out.push_back(event); });
        EXPECT_TRUE(report && report->findings_total == 0);
        return out;
    }

    storage::TestDirectory directory_;
    storage::FaultyFileSystem files_{1};
    TestSealer sealer_;
    TestClock clock_;
    std::unique_ptr<audit::Trail> trail_;
    struct Revocations final : CertificateTrust {
        std::optional<std::vector<Bytes>> cas_of(std::string_view) const override { return std::nullopt; }
        bool is_revoked(std::string_view, const Hash256& id) const override { return revoked == id; }
        std::optional<Hash256> revoked;
    };
    std::shared_ptr<Revocations> trust_ = std::make_shared<Revocations>();
    std::unique_ptr<CommandDesk> desk_;
    TestOrganisation alpha_{"Alpha"}, beta_{"Beta"};
    crypto::CertifiedKey alice_ = alpha_.issue(kSystem, "alice");
    crypto::CertifiedKey bob_ = alpha_.issue(kSystem, "bob");
    int changes_ = 0, stops_ = 0, destroyed_ = 0;
    std::string last_;
};

TEST_F(Desk, does_what_an_administrator_signed_and_records_it_first) {
    auto wanted = request("change");
    wanted.arguments["what"] = "this";
    ASSERT_TRUE(desk_->take(signed_by(alice_, wanted)));
    EXPECT_EQ(last_, "this");
    const auto all = events();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].action, "admin.change");
    EXPECT_EQ(all[0].subject, "system-administrator alice");
    EXPECT_EQ(all[0].identity, "Alpha");
    EXPECT_EQ(all[0].origin, "management 127.0.0.1");
    EXPECT_EQ(all[0].reason, "what=this; nonce " + wanted.nonce);
}

TEST_F(Desk, refuses_a_replay) {
    const auto sent = signed_by(alice_, request("change"));
    ASSERT_TRUE(desk_->take(sent));
    EXPECT_EQ(refusal(sent), error::ZoneReplay);
    clock_.now += 20'000;
    EXPECT_EQ(refusal(sent), error::ZoneReplay);
    clock_.now += 30'000;
    EXPECT_EQ(refusal(sent), error::ZoneRequestStale);
    EXPECT_EQ(changes_, 1);
}

TEST_F(Desk, refuses_another_time) {
    for (const std::int64_t shift : {-30'001, 30'001}) {
        auto wanted = request("change");
        wanted.time += Milliseconds{shift};
        EXPECT_EQ(refusal(signed_by(alice_, wanted)), error::ZoneRequestStale);
    }
    auto wanted = request("change");
    wanted.time += Milliseconds{30'000};
    EXPECT_TRUE(desk_->take(signed_by(alice_, wanted)));
}

TEST_F(Desk, refuses_a_signature_for_another_node_body_or_key) {
    EXPECT_EQ(refusal(signed_by(alice_, request("change"), "beta-1")), error::ZoneSignatureInvalid);
    auto changed = signed_by(alice_, request("look"));
    changed.body.replace(changed.body.find("look"), 4, "stop");
    EXPECT_EQ(refusal(changed), error::ZoneSignatureInvalid);
    auto borrowed = signed_by(alice_, request("change"));
    borrowed.certificate = der_of(bob_);
    EXPECT_EQ(refusal(borrowed), error::ZoneSignatureInvalid);
    EXPECT_EQ(changes_, 0);
}

TEST_F(Desk, admits_only_administrators_of_its_organisation_from_listed_terminals) {
    EXPECT_EQ(refusal(signed_by(alpha_.issue(crypto::ZoneRole::regulator, "alice"), request("look"))),
              error::ZoneIdentityRefused);
    EXPECT_EQ(refusal(signed_by(alpha_.issue(crypto::ZoneRole::management, "alpha-1"), request("look"))),
              error::ZoneIdentityRefused);
    EXPECT_EQ(refusal(signed_by(beta_.issue(kSystem, "alice"), request("look"))), error::ZoneIdentityRefused);
    auto foreign = signed_by(alice_, request("look"));
    foreign.remote = "10.0.0.1";
    EXPECT_EQ(refusal(foreign), error::ZoneOriginRefused);
    foreign.certificate.clear();
    foreign.remote = "127.0.0.1";
    EXPECT_EQ(refusal(foreign), error::ZoneIdentityRefused);
}

TEST_F(Desk, knows_a_closed_list_of_commands) {
    for (const auto* command : {"shell", "look ", "LOOK", "exec", "../look"})
        EXPECT_EQ(refusal(signed_by(alice_, request(command))), error::ZoneCommandUnknown) << command;
    auto wanted = request("change");
    wanted.arguments["file"] = "/etc/passwd";
    EXPECT_EQ(refusal(signed_by(alice_, wanted)), error::ZoneRequestInvalid);
    const auto list = desk_->take(signed_by(alice_, request("commands")));
    ASSERT_TRUE(list);
    EXPECT_EQ(json::parse(*list).size(), 10u);
    for (const auto& event : events())
        EXPECT_EQ(event.outcome, event.action == "admin.commands" ? audit::Outcome::accepted : audit::Outcome::refused);
}

TEST_F(Desk, the_highest_commands_need_both_factors) {
    EXPECT_EQ(refusal(signed_by(alice_, request("stop"))), error::ZoneSecondFactor);
    const auto uri = enrol(alice_);
    EXPECT_EQ(refusal(signed_by(alice_, request("stop"))), error::ZoneSecondFactor);
    EXPECT_EQ(refusal(signed_by(alice_, request("stop", "000000"))), error::ZoneSecondFactor);
    EXPECT_EQ(refusal(signed_by(bob_, request("stop", code(uri)))), error::ZoneSecondFactor) << "the code of another";
    EXPECT_EQ(stops_, 0);
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("stop", code(uri)))));
    EXPECT_EQ(stops_, 1);
    EXPECT_EQ(refusal(signed_by(alice_, request("stop", code(uri)))), error::ZoneSecondFactor) << "a code works once";
    clock_.now += 60'000;
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("stop", code(uri)))));
}

TEST_F(Desk, a_second_factor_is_replaced_only_by_who_has_it) {
    const auto uri = enrol(alice_);
    EXPECT_EQ(refusal(signed_by(alice_, request("enrol-second-factor"))), error::ZoneEnrolled);
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("enrol-second-factor", code(uri)))));
    clock_.now += 60'000;
    EXPECT_EQ(refusal(signed_by(alice_, request("stop", code(uri)))), error::ZoneSecondFactor) << "the old one";
}

TEST_F(Desk, n_wrong_tries_lock_out_and_another_person_unlocks) {
    const auto bob = alpha_.issue(kSecurity, "sec");
    const auto uri = enrol(bob);
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(refusal(signed_by(alice_, request("look"), "beta-1")), error::ZoneSignatureInvalid);
    EXPECT_EQ(refusal(signed_by(alice_, request("look"))), error::ZoneLocked);
    EXPECT_TRUE(desk_->take(signed_by(bob, request("look")))) << "others go on";
    auto unlock = request("unlock", code(uri));
    unlock.arguments["name"] = "alice";
    EXPECT_TRUE(desk_->take(signed_by(bob, unlock)));
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("look"))));
    for (int i = 0; i < 5; ++i) (void)refusal(signed_by(alice_, request("look"), "beta-1"));
    EXPECT_EQ(refusal(signed_by(alice_, request("look"))), error::ZoneLocked);
    clock_.now += 15 * 60'000 + 1;
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("look"))));
}

TEST_F(Desk, each_command_is_given_by_the_administrators_it_names_and_by_nobody_else) {
    std::map<crypto::ZoneRole, std::set<std::string>> allowed;
    allowed[kSystem] = {
        "look", "change", "stop", "destroy", "break", "commands", "pending", "confirm", "enrol-second-factor"};
    allowed[kSecurity] = {"look", "commands", "pending", "confirm", "enrol-second-factor", "unlock"};
    allowed[kAudit] = {"look", "commands", "pending", "confirm", "enrol-second-factor"};
    const auto list = json::parse(desk_->take(signed_by(alice_, request("commands"))).value());
    int cells = 0;
    for (const auto role : {crypto::ZoneRole::client, crypto::ZoneRole::management, crypto::ZoneRole::regulation,
                            kSystem, kSecurity, kAudit, crypto::ZoneRole::regulator})
        for (const auto& command : list) {
            const auto name = command["name"].get<std::string>();
            // A new person each time, so that nobody is locked out.
            const auto person = alpha_.issue(role, "p" + std::to_string(++cells));
            const auto result = desk_->take(signed_by(person, request(name)));
            const auto code = result ? ErrorCode{} : result.error().code;
            if (!allowed.contains(role))
                EXPECT_EQ(code, error::ZoneIdentityRefused) << name << " by " << crypto::name_of(role);
            else if (!allowed[role].contains(name))
                EXPECT_EQ(code, error::ZoneRoleRefused) << name << " by " << crypto::name_of(role);
            else if (const auto level = command["level"].get<std::string>();
                     level == "highest" || level == "two persons")
                EXPECT_EQ(code, error::ZoneSecondFactor) << name << " by " << crypto::name_of(role);
            else
                EXPECT_EQ(code, name == "break" ? error::ZoneFileInvalid : ErrorCode{}) << name;
        }
    EXPECT_EQ(cells, 70);
    std::map<audit::Outcome, int> outcomes;
    for (const auto& event : events()) ++outcomes[event.outcome];
    EXPECT_EQ(outcomes[audit::Outcome::refused], 4 * 10 + (1 + 4 + 5) + (3 + 2 + 1))
        << "wrong doors, wrong powers, no code";
}

TEST_F(Desk, a_name_is_one_kind_of_administrator) {
    enrol(alice_);
    for (const auto role : {kSecurity, kAudit})
        EXPECT_EQ(refusal(signed_by(alpha_.issue(role, "alice"), request("look"))), error::ZoneRolesDisjoint);
    EXPECT_TRUE(desk_->take(signed_by(alice_, request("look"))));
}

TEST_F(Desk, the_highest_commands_take_two_persons_of_one_kind) {
    const auto eve = alpha_.issue(kSecurity, "eve");
    const auto first = enrol(alice_), second = enrol(bob_), other = enrol(eve);
    auto wanted = request("destroy", code(first));
    wanted.arguments["what"] = "it";
    const auto sent = signed_by(alice_, wanted);
    const auto answer = desk_->take(sent);
    ASSERT_TRUE(answer) << answer.error().text();
    const auto digest = json::parse(*answer)["waits"].get<std::string>();
    EXPECT_EQ(digest, to_hex(crypto::sha256(signed_bytes("alpha-1", sent.body)))) << "of what the first person signed";
    EXPECT_EQ(destroyed_, 0);
    EXPECT_EQ(json::parse(desk_->take(signed_by(eve, request("pending"))).value())[0]["by"],
              "system-administrator alice");
    const auto confirm = [&](const std::string& with_code) {
        auto out = request("confirm", with_code);
        out.arguments["digest"] = digest;
        return out;
    };
    EXPECT_EQ(refusal(sent), error::ZoneReplay);
    EXPECT_EQ(refusal(signed_by(bob_, confirm(""))), error::ZoneSecondFactor);
    clock_.now += 30'000;
    EXPECT_EQ(refusal(signed_by(alice_, confirm(code(first)))), error::ZoneSecondPerson) << "the same person";
    clock_.now += 30'000;
    const auto again = alpha_.issue(kSystem, "alice");
    EXPECT_EQ(refusal(signed_by(again, confirm(code(first)))), error::ZoneSecondPerson) << "with another key";
    EXPECT_EQ(refusal(signed_by(eve, confirm(code(other)))), error::ZoneRoleRefused) << "of another kind";
    EXPECT_EQ(destroyed_, 0);
    const auto confirmed = signed_by(bob_, confirm(code(second)));
    ASSERT_TRUE(desk_->take(confirmed));
    EXPECT_EQ(destroyed_, 1);
    EXPECT_EQ(last_, "alice it");
    EXPECT_EQ(refusal(confirmed), error::ZoneReplay);
    clock_.now += 30'000;
    EXPECT_EQ(refusal(signed_by(bob_, confirm(code(second)))), error::ZoneNothingToConfirm) << "done once";
    std::vector<std::string> done;
    for (const auto& event : events())
        if (event.outcome == audit::Outcome::accepted &&
            (event.action == "admin.destroy" || event.action == "admin.confirm"))
            done.push_back(event.subject + ": " + event.action);
    EXPECT_EQ(done, (std::vector<std::string>{"system-administrator alice: admin.destroy",
                                              "system-administrator bob: admin.confirm"}));
}

TEST_F(Desk, a_request_for_two_ends_after_ten_minutes_and_with_its_certificate) {
    const auto first = enrol(alice_), second = enrol(bob_);
    const auto ask = [&] {
        clock_.now += 30'000;
        return json::parse(desk_->take(signed_by(alice_, request("destroy", code(first)))).value())["waits"]
            .get<std::string>();
    };
    const auto confirm = [&](const std::string& digest) {
        auto out = request("confirm", code(second));
        out.arguments["digest"] = digest;
        return signed_by(bob_, out);
    };
    const auto late = ask();
    clock_.now += kConfirmWithin.count() + 1;
    EXPECT_EQ(refusal(confirm(late)), error::ZoneNothingToConfirm);
    const auto in_time = ask();
    clock_.now += kConfirmWithin.count();
    EXPECT_TRUE(desk_->take(confirm(in_time)));
    const auto revoked = ask();
    trust_->revoked = crypto::inspect_certificate(alice_.certificate_pem)->key_id;
    EXPECT_EQ(refusal(confirm(revoked)), error::CertificateRevoked);
    EXPECT_EQ(destroyed_, 1);
}

TEST_F(Desk, every_request_is_an_event) {
    std::mt19937_64 random{7};
    std::uint64_t requests = 0, accepted = 0, failed = 0;
    for (int i = 0; i < 200; ++i) {
        clock_.now += 16 * 60'000; // nobody stays locked out
        auto wanted =
            signed_by(alice_, request(std::array{"look", "change", "stop", "break", "nonsense"}[random() % 5]));
        if (random() % 4 == 0) wanted.remote = "10.1.1.1";
        if (random() % 4 == 0) wanted.body += " ";
        const auto broke = wanted.body.find("\"break\"") != std::string::npos;
        ++requests;
        const auto result = desk_->take(wanted);
        if (result) ++accepted;
        if (!result && broke && result.error().code == error::ZoneFileInvalid) ++failed;
    }
    std::map<audit::Outcome, std::uint64_t> counts;
    for (const auto& event : events()) ++counts[event.outcome];
    EXPECT_EQ(counts[audit::Outcome::accepted], accepted + failed);
    EXPECT_EQ(counts[audit::Outcome::refused], requests - accepted - failed);
    EXPECT_EQ(counts[audit::Outcome::failed], failed);
    EXPECT_GT(failed, 0u);
}

TEST_F(Desk, a_dead_audit_sink_stops_all_commands) {
    ASSERT_TRUE(desk_->take(signed_by(alice_, request("change"))));
    files_.syncs_until_error = 0;
    EXPECT_EQ(refusal(signed_by(alice_, request("change"))), error::AuditSinkFailed);
    EXPECT_EQ(refusal(signed_by(alice_, request("change"))), error::AuditSinkFailed);
    EXPECT_EQ(changes_, 1);
}

TEST(Request, refuses_what_is_malformed) {
    const std::string good =
        R"({"command":"look","arguments":{},"nonce":"00112233445566778899aabbccddeeff","time":1800000000000})";
    EXPECT_TRUE(request_from_json(good));
    const auto with = [&](const char* from, const char* to) {
        auto text = good;
        text.replace(text.find(from), std::strlen(from), to);
        return text;
    };
    for (const auto& bad :
         {std::string{}, std::string{"[]"}, with("look", ""), with("\"look\"", "7"), with("0011", "00XX"),
          with("0011", "00"), with("1800000000000", "-1"), with("1800000000000", "0"), with("{}", "{\"a\":1}"),
          with("{}", "{\"a\":{\"b\":{\"c\":{}}}}"), with("}", ",\"x\":1}"), good + std::string(kRequestBytesMax, ' ')})
        EXPECT_FALSE(request_from_json(bad)) << bad.substr(0, 100);
}

TEST(Request, origins_are_addresses_and_networks) {
    EXPECT_TRUE(origin_listed("127.0.0.1", {"127.0.0.0/8"}));
    EXPECT_TRUE(origin_listed("10.0.0.7", {"10.0.0.7"}));
    EXPECT_TRUE(origin_listed("::ffff:10.0.0.7", {"10.0.0.0/24"}));
    EXPECT_TRUE(origin_listed("fd00::1", {"fd00::/64"}));
    EXPECT_FALSE(origin_listed("10.0.1.7", {"10.0.0.0/24"}));
    EXPECT_FALSE(origin_listed("10.0.0.7", {"10.0.0.8", "10.0.0.0/33", "10.0.0.0/x", "nonsense", "fd00::/64"}));
    EXPECT_FALSE(origin_listed("10.0.0.7", {}));
}

TEST(SecondFactor, fits_rfc_6238_and_is_sealed) {
    // Appendix B, SHA-1, T = 59 and 1111111109, six digits.
    const std::string uri = "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&digits=6";
    EXPECT_EQ(code_of(uri, 59), "287082");
    EXPECT_EQ(code_of(uri, 1'111'111'109), "081804");
    storage::TestDirectory directory;
    const auto path = directory / "factors";
    {
        auto factors = SecondFactors::open(path);
        ASSERT_TRUE(factors);
        const auto authenticator = (*factors)->enrol("alice", kSystem, "alpha-1", crypto::system_random());
        ASSERT_TRUE(authenticator);
        const std::string text{authenticator->uri.view()};
        EXPECT_TRUE((*factors)->check("alice", *code_of(text, kNow), kNow));
        std::ifstream in{path + "/alice.factor", std::ios::binary};
        const std::string stored{std::istreambuf_iterator<char>{in}, {}};
        const auto secret = text.substr(text.find("secret=") + 7, 32);
        EXPECT_EQ(stored.find(secret), std::string::npos);
    }
    {
        auto factors = SecondFactors::open(path);
        ASSERT_TRUE(factors);
        EXPECT_TRUE((*factors)->check_role("alice", kSystem));
        EXPECT_TRUE((*factors)->check_role("nobody", kAudit));
        EXPECT_EQ((*factors)->check_role("alice", kAudit).error().code, error::ZoneRolesDisjoint);
    }
    // One person's factor does not serve another, and a flipped byte is noticed.
    std::filesystem::copy_file(path + "/alice.factor", path + "/bob.factor");
    auto factors = SecondFactors::open(path);
    ASSERT_TRUE(factors);
    EXPECT_EQ((*factors)->check("bob", "123456", kNow).error().code, error::ZoneFileInvalid);
    std::fstream file{path + "/alice.factor", std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(40);
    file.put('\x01');
    file.close();
    EXPECT_EQ((*factors)->check("alice", "123456", kNow + 90).error().code, error::ZoneFileInvalid);
}

} // namespace
} // namespace cairn::zone
