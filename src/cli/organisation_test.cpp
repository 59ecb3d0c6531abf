#include "base/errors/cli.hpp"
#include "base/errors/ledger.hpp"
#include "cli/organisation.hpp"

#include "cli/config.hpp"
#include "cli/dev_network.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/load.hpp"
#include "cli/process.hpp"
#include "cli/test_terminal.hpp"
#include "crypto/certificate.hpp"
#include "crypto/ed25519.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>

namespace cairn::cli {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

Invitation make(const TestDirectory& directory, const std::string& name, std::uint16_t port,
                crypto::CertificateKey tls_key = crypto::CertificateKey::p256) {
    OrganisationPlan plan;
    plan.name = name;
    plan.tls_key = tls_key;
    plan.validators = {{name + "-1", "127.0.0.1:" + std::to_string(port)}};
    plan.passphrase = "a passphrase";
    plan.seal_cost = signer::kCostForRandomPassphrase;
    auto made = create_organisation(directory.file(name), plan, crypto::system_random(), kNow);
    EXPECT_TRUE(made) << made.error().text();
    return *made;
}

ledger::ChainParameters chain() {
    ledger::ChainParameters parameters;
    parameters.chain_id = 77;
    return parameters;
}

TEST(Organisation, keeps_every_private_key_to_its_owner) {
    const TestDirectory directory;
    make(directory, "Alpha", 1000);
    for (const auto* name : {"ca.key", "signing.key", "administrator.key", "validators/Alpha-1/keys.sealed",
                             "validators/Alpha-1/keys.sealed.state.0"}) {
        struct stat info{};
        ASSERT_EQ(::stat(directory.file("Alpha/" + std::string{name}).c_str(), &info), 0) << name;
        EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
    }
    const auto text = read_file(directory.file("Alpha/organisation.json")).value();
    EXPECT_EQ(text.find("PRIVATE"), std::string::npos);
}

TEST(Organisation, public_file_reads_back_the_same) {
    const TestDirectory directory;
    const auto made = make(directory, "Alpha", 1000);
    const auto read = invitation_from_json(read_file(directory.file("Alpha/organisation.json")).value(), kNow);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->organisation, made.organisation);
    EXPECT_EQ(read->validators, made.validators);
}

TEST(Organisation, certificate_names_the_validators_key) {
    const TestDirectory directory;
    const auto made = make(directory, "Alpha", 1000);
    const auto pem = read_file(directory.file("Alpha/validators/Alpha-1/tls.pem")).value();
    const auto der = crypto::certificate_der(pem).value();
    EXPECT_EQ(crypto::verify_node_certificate(der, made.organisation.ca_certificate_pem, kNow).value(),
              made.validators[0].key);
    EXPECT_FALSE(crypto::verify_node_certificate(der, made.organisation.ca_certificate_pem, kNow + 900 * 86'400));
}

TEST(Organisation, has_tls_keys_of_the_algorithm_that_was_asked_for) {
    for (const auto algorithm : {crypto::CertificateKey::p256, crypto::CertificateKey::ed25519}) {
        const TestDirectory directory;
        make(directory, "Alpha", 1000, algorithm);
        const auto pem = read_file(directory.file("Alpha/validators/Alpha-1/tls.pem")).value();
        EXPECT_EQ(crypto::inspect_certificate(pem)->key, algorithm);
        EXPECT_EQ(crypto::certificate_tls_key(pem).value(),
                  signer::read_sealed_keys(directory.file("Alpha/validators/Alpha-1/keys.sealed"))->public_keys.tls);
    }
}

TEST(Organisation, is_never_made_over_another) {
    const TestDirectory directory;
    make(directory, "Alpha", 1000);
    OrganisationPlan plan;
    plan.name = "Alpha";
    plan.validators = {{"Alpha-1", "127.0.0.1:1000"}};
    EXPECT_EQ(create_organisation(directory.file("Alpha"), plan, crypto::system_random(), kNow).error().code,
              error::CliFileExists);
}

TEST(Organisation, refuses_malformed_public_files) {
    const TestDirectory directory;
    make(directory, "Alpha", 1000);
    const auto good = read_file(directory.file("Alpha/organisation.json")).value();
    const auto changed = [&](const std::string& from, const std::string& to) {
        auto text = good;
        text.replace(text.find(from), from.size(), to);
        return text;
    };
    for (const auto& text :
         {std::string{}, std::string{"[]"}, std::string{"{}"}, changed("organisation-v1", "organisation-v2"),
          changed("\"signing_key\"", "\"key_of_signing\""),
          changed("\"validators\": [", "\"validators\": 7, \"x\": [")})
        EXPECT_FALSE(invitation_from_json(text, kNow)) << text;
    EXPECT_FALSE(invitation_from_json(good, kNow + 4000ll * 86'400)) << "expired CA";
}

TEST(GenesisFile, is_signed_by_all_and_only_by_those_it_describes_truly) {
    const TestDirectory directory;
    std::vector<Invitation> invitations = {make(directory, "Beta", 1001), make(directory, "Alpha", 1000)};
    auto genesis = assemble_genesis(invitations, chain(), {}, 5).value();
    EXPECT_EQ(genesis.organisations[0].name, "Alpha");
    EXPECT_EQ(ledger::verify_signatures(genesis).error().code, error::GenesisUnsigned);
    ASSERT_TRUE(sign_genesis(genesis, directory.file("Alpha"), kNow));
    EXPECT_FALSE(ledger::verify_signatures(genesis));
    ASSERT_TRUE(sign_genesis(genesis, directory.file("Beta"), kNow));
    EXPECT_TRUE(ledger::verify_signatures(genesis));

    auto forged = genesis;
    forged.validators.members[0].address = "127.0.0.1:6666";
    EXPECT_FALSE(ledger::verify_signatures(forged));
    EXPECT_EQ(sign_genesis(forged, directory.file("Alpha"), kNow).error().code, error::CliPrecondition);
    const TestDirectory elsewhere;
    make(elsewhere, "Gamma", 1002);
    EXPECT_EQ(sign_genesis(genesis, elsewhere.file("Gamma"), kNow).error().code, error::CliPrecondition);
}

TEST(GenesisFile, refuses_two_members_of_one_name) {
    const TestDirectory one, two;
    EXPECT_FALSE(assemble_genesis({make(one, "Alpha", 1000), make(two, "Alpha", 1001)}, chain(), {}, 5));
}

TEST(Config, reads_back_what_it_wrote) {
    NodeSettings settings;
    settings.node.data_dir = "/a/data";
    settings.node.genesis_file = "/a/\"odd\" name.json";
    settings.node.keys_file = "/a/keys.sealed";
    settings.node.passphrase_file = "/a/p";
    settings.node.tls_certificate_file = "/a/t.pem";
    settings.node.listen_address = "::1";
    settings.node.listen_port = 30'300;
    settings.rpc.port = 9000;
    settings.rpc.websocket_port = 9001;
    settings.rpc.cors_origins = {"https://a.example"};
    settings.log_level = LogLevel::debug;
    const auto read = parse_node_config(to_toml(settings), "/etc/node.toml");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->node.genesis_file, settings.node.genesis_file);
    EXPECT_EQ(read->node.keys_file, "/a/keys.sealed");
    EXPECT_EQ(read->node.passphrase_file, "/a/p");
    EXPECT_EQ(read->node.listen_address, "::1");
    EXPECT_EQ(read->node.listen_port, 30'300);
    EXPECT_EQ(read->rpc.websocket_port, 9001);
    EXPECT_EQ(read->rpc.cors_origins, settings.rpc.cors_origins);
    EXPECT_EQ(read->log_level, LogLevel::debug);
}

TEST(Config, tells_all_problems_at_once_with_their_lines) {
    const auto read = parse_node_config(
        "[node]\ndata_dir = 7\nvalidator_kye = \"x\"\n[network]\nlisten = \"nowhere\"\n[rcp]\nport = 1\n",
        "/etc/node.toml");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, error::CliConfigInvalid);
    for (const auto* part :
         {"node.toml:2: node.data_dir", "node.genesis is missing", "node.toml:3: node.validator_kye is not a known key",
          "node.toml:5: network.listen", "node.toml:6: rcp is not a known section", "node.keys is missing"})
        EXPECT_NE(read.error().detail.find(part), std::string::npos) << part << "\n" << read.error().detail;
    EXPECT_NE(parse_node_config("[node\n", "x").error().detail.find("x:1:"), std::string::npos);
}

TEST(Config, takes_paths_relative_to_its_folder) {
    const auto read = parse_node_config("[node]\ndata_dir=\"data\"\ngenesis=\"../g.json\"\nkeys=\"/"
                                        "k\"\n[network]\nlisten=\"127.0.0.1:1\"\n"
                                        "tls_certificate=\"c\"\n",
                                        "/srv/cairn/node.toml");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->node.data_dir, "/srv/cairn/data");
    EXPECT_EQ(read->node.genesis_file, "/srv/g.json");
    EXPECT_EQ(read->node.keys_file, "/k");
}

TEST(HostPort, is_strict) {
    EXPECT_EQ(parse_host_port("a.example:80")->port, 80);
    EXPECT_EQ(parse_host_port("[::1]:80")->host, "::1");
    for (const auto* text : {"", ":80", "a", "a:", "a:x", "a:65536", "::1:80", "a:80x"})
        EXPECT_FALSE(parse_host_port(text)) << text;
}

TEST(DevNetwork, with_a_seed_has_the_same_accounts_and_validators_again) {
    const TestDirectory one, two;
    DevPlan plan;
    plan.seed = 7;
    plan.nodes = 2;
    plan.directory = one.file("net");
    const auto first = create_dev_network(plan);
    plan.directory = two.file("net");
    const auto second = create_dev_network(plan);
    ASSERT_TRUE(first && second);
    ASSERT_EQ(first->accounts.size(), kDevAccounts);
    EXPECT_EQ(first->accounts[0].private_key, second->accounts[0].private_key);
    const auto genesis = [](const DevState& state) {
        return ledger::genesis_from_json(read_file(state.genesis).value()).value();
    };
    EXPECT_EQ(genesis(*first).validators, genesis(*second).validators);
    EXPECT_TRUE(ledger::verify_signatures(genesis(*first)));
    plan.seed.reset();
    plan.directory = two.file("other");
    EXPECT_NE(create_dev_network(plan)->accounts[0].private_key, first->accounts[0].private_key);
    for (const auto& node : first->nodes) EXPECT_TRUE(read_node_config(node.config)) << node.config;
}

TEST(DevNetwork, wipes_only_what_it_made) {
    const TestDirectory directory;
    DevPlan plan;
    plan.nodes = 1;
    plan.directory = directory.file("net");
    const auto state = create_dev_network(plan).value();
    ASSERT_TRUE(write_file(directory.file("net/mine.txt"), "x", Access::shared, Existing::refuse));
    ASSERT_TRUE(wipe_dev_network(state));
    EXPECT_FALSE(exists(directory.file("net/state.json")));
    EXPECT_TRUE(exists(directory.file("net/mine.txt")));
    EXPECT_EQ(read_dev_state(plan.directory).error().code, error::CliDevAbsent);
}

TEST(DevNetwork, made_by_two_commands_at_once_is_made_by_one) {
    const TestDirectory directory;
    DevPlan plan;
    plan.nodes = 2;
    plan.directory = directory.file("net");
    std::array<std::optional<Result<DevState>>, 4> made;
    {
        std::vector<std::jthread> commands;
        for (auto& one : made) commands.emplace_back([&plan, &one] { one = create_dev_network(plan); });
    }
    const auto winner = std::ranges::find_if(made, [](const auto& one) { return one->has_value(); });
    ASSERT_NE(winner, made.end());
    EXPECT_EQ(std::ranges::count_if(made, [](const auto& one) { return one->has_value(); }), 1);
    for (const auto& one : made) {
        if (*one) continue;
        EXPECT_EQ(one->error().code, error::CliPrecondition) << one->error().text();
    }
    // All files are the winner's: genesis names the keys, and the passphrase opens them.
    const auto state = read_dev_state(plan.directory).value();
    EXPECT_EQ(state.accounts[0].private_key, (*winner)->value().accounts[0].private_key);
    const auto genesis = ledger::genesis_from_json(read_file(state.genesis).value()).value();
    EXPECT_TRUE(ledger::verify_signatures(genesis));
    const auto passphrase = read_file(directory.file("net/signer.passphrase")).value();
    for (std::size_t i = 0; i < plan.nodes; ++i) {
        const auto config = read_node_config(state.nodes[i].config).value();
        const auto keys = signer::read_sealed_keys(config.node.keys_file).value();
        EXPECT_EQ(keys.public_keys.consensus, genesis.validators.members[i].key);
        EXPECT_TRUE(signer::unseal(keys, as_bytes(passphrase.substr(0, passphrase.find('\n'))), {}));
    }
    EXPECT_FALSE(exists(directory.file("net/half-made")));
}

/// A command that is killed when the second organisation begins.
void kill_while_making(const DevPlan& plan) {
    const auto maker = ::fork();
    ASSERT_GE(maker, 0);
    if (maker == 0) {
        static_cast<void>(!create_dev_network(plan));
        ::_exit(0);
    }
    while (!exists(plan.directory + "/organisations/beta") && start_ticks(maker) != 0) std::this_thread::yield();
    ::kill(maker, SIGKILL);
    int status = 0;
    ::waitpid(maker, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was faster";
    ASSERT_FALSE(exists(plan.directory + "/state.json"));
}

TEST(DevNetwork, killed_while_it_is_made_can_be_made_or_wiped) {
    const TestDirectory directory;
    DevPlan plan;
    plan.nodes = 8;
    plan.directory = directory.file("net");
    kill_while_making(plan);
    plan.nodes = 1;
    const auto made = create_dev_network(plan);
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_TRUE(read_node_config(made->nodes[0].config));
    EXPECT_FALSE(exists(directory.file("net/organisations/beta")));

    plan.nodes = 8;
    plan.directory = directory.file("other");
    kill_while_making(plan);
    TestTerminal terminal;
    EXPECT_EQ(run({"dev", "down", "--wipe", "--dir", plan.directory}, terminal.terminal), 0) << terminal.err.str();
    EXPECT_FALSE(exists(plan.directory));
}

TEST(DevNetwork, leaves_alone_what_no_command_of_it_has_made) {
    const TestDirectory directory;
    DevPlan plan;
    plan.nodes = 1;
    plan.directory = directory.path();
    ASSERT_TRUE(make_directory(directory.file("organisations"), Access::shared));
    ASSERT_TRUE(write_file(directory.file("organisations/mine.txt"), "x", Access::shared, Existing::refuse));
    const auto made = create_dev_network(plan);
    EXPECT_EQ(made.error().code, error::CliFileExists);
    TestTerminal terminal;
    EXPECT_NE(run({"dev", "down", "--wipe", "--dir", plan.directory}, terminal.terminal), 0);
    EXPECT_TRUE(terminal.err.str().contains("remove the folder by hand")) << terminal.err.str();
    EXPECT_TRUE(exists(directory.file("organisations/mine.txt")));
    EXPECT_FALSE(exists(directory.file("signer.passphrase")));
}

TEST(DevNetwork, takes_no_other_process_for_its_own) {
    const auto pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        ::pause();
        ::_exit(0);
    }
    DevNode node;
    node.pid = pid;
    node.started_ticks = start_ticks(pid);
    EXPECT_TRUE(is_running(node));
    node.started_ticks += 1; // the pid of a process that began at another time
    EXPECT_FALSE(is_running(node));
    node.started_ticks -= 1;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    EXPECT_FALSE(is_running(node));
}

/// What a process of this program leaves behind that lists the tests when it is let go on.
const std::vector<std::string> kListTests{"--gtest_list_tests"};

void wait_until_gone(const Started& process) {
    DevNode node;
    node.pid = process.pid;
    node.started_ticks = process.started_ticks;
    EXPECT_TRUE(wait_for_end(node, Milliseconds{20'000}));
}

TEST(DevNetwork, a_node_begins_only_when_it_is_noted) {
    const TestDirectory directory;
    std::string seen = "not asked";
    const auto started = start_self(kListTests, directory.file("log"), [&](const Started& process) -> Status {
        EXPECT_NE(process.started_ticks, 0u);
        EXPECT_EQ(start_ticks(process.pid), process.started_ticks);
        seen = *read_file(directory.file("log"));
        return {};
    });
    ASSERT_TRUE(started);
    wait_until_gone(*started);
    EXPECT_EQ(seen, "");
    EXPECT_TRUE(read_file(directory.file("log"))->contains("a_node_begins_only_when_it_is_noted"));
}

TEST(DevNetwork, nothing_runs_that_could_not_be_noted) {
    const TestDirectory directory;
    Started process;
    const auto refused = start_self(kListTests, directory.file("log"), [&](const Started& started) -> Status {
        process = started;
        return fail(error::CliDevRunning);
    });
    EXPECT_EQ(refused.error().code, error::CliDevRunning);
    EXPECT_EQ(start_ticks(process.pid), 0u);
    EXPECT_EQ(read_file(directory.file("log")), "");
}

TEST(DevNetwork, nothing_runs_whose_starter_was_killed_before_it_noted_it) {
    const TestDirectory directory;
    int report[2];
    ASSERT_EQ(::pipe(report), 0);
    const auto starter = ::fork();
    ASSERT_GE(starter, 0);
    if (starter == 0) {
        static_cast<void>(!start_self(kListTests, directory.file("log"), [&](const Started& started) -> Status {
            static_cast<void>(!::write(report[1], &started, sizeof started));
            ::kill(::getpid(), SIGKILL);
            return {};
        }));
        ::_exit(1);
    }
    Started process;
    ASSERT_EQ(::read(report[0], &process, sizeof process), static_cast<ssize_t>(sizeof process));
    ::waitpid(starter, nullptr, 0);
    wait_until_gone(process);
    EXPECT_EQ(read_file(directory.file("log")), "");
    ::close(report[0]);
    ::close(report[1]);
}

TEST(DevNetwork, commands_that_note_processes_at_once_do_not_undo_each_other) {
    const TestDirectory directory;
    DevPlan plan;
    plan.nodes = 2;
    plan.directory = directory.file("net");
    auto one = create_dev_network(plan).value(), other = one;
    const auto self = ::getpid();
    ASSERT_TRUE(note_process(plan.directory, one.nodes[0], self, start_ticks(self)));
    ASSERT_TRUE(note_process(plan.directory, other.nodes[1], 7, 8));
    const auto both = read_dev_state(plan.directory).value();
    EXPECT_EQ(both.nodes[0].pid, self);
    EXPECT_EQ(both.nodes[1].pid, 7);
    // Another command has started it since `other` was read.
    EXPECT_EQ(note_process(plan.directory, other.nodes[0], 9, 10).error().code, error::CliDevRunning);
    EXPECT_EQ(read_dev_state(plan.directory)->nodes[0].pid, self);
    ASSERT_TRUE(note_process(plan.directory, one.nodes[0], 0, 0));
    EXPECT_EQ(read_dev_state(plan.directory)->nodes[0].pid, 0);
}

TEST(DevNetwork, says_how_a_node_ended_and_what_it_said_last) {
    const TestDirectory directory;
    DevNode node;
    node.name = "alpha-1";
    node.log = directory.file("log");
    node.pid = ::fork();
    ASSERT_GE(node.pid, 0);
    if (node.pid == 0) ::_exit(3);
    while (start_ticks(node.pid) != 0) std::this_thread::yield();
    EXPECT_EQ(ended(node).error().detail, "alpha-1 ended with exit code 3; " + node.log + " is empty");
    ASSERT_TRUE(write_file(node.log, "the port is taken\n", Access::shared, Existing::refuse));
    EXPECT_EQ(ended(node).error().detail, "alpha-1 ended; " + node.log + " ends with\nthe port is taken");
}

TEST(DevNetwork, a_node_runs_until_its_last_thread_has_ended) {
    int gate[2];
    ASSERT_EQ(::pipe(gate), 0);
    const auto pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        ::close(gate[1]);
        std::thread([&] {
            char byte = 0;
            static_cast<void>(!::read(gate[0], &byte, 1));
            ::_exit(0);
        }).detach();
        ::syscall(SYS_exit, 0); // the first thread alone
    }
    ::close(gate[0]);
    while (!read_file("/proc/" + std::to_string(pid) + "/stat")->contains(") Z ")) std::this_thread::yield();
    EXPECT_NE(start_ticks(pid), 0u);
    ::close(gate[1]);
    ::waitpid(pid, nullptr, 0);
    EXPECT_EQ(start_ticks(pid), 0u);
}

TEST(DevNetwork, counts_quorums_as_consensus_does) {
    const std::pair<std::size_t, std::size_t> expected[] = {{1, 1}, {2, 2}, {3, 2},  {4, 3},   {5, 4},
                                                            {6, 4}, {7, 5}, {10, 7}, {100, 67}};
    for (const auto& [nodes, quorum] : expected) EXPECT_EQ(quorum_of(nodes), quorum) << nodes;
}

TEST(Tail, gives_the_last_lines) {
    const TestDirectory directory;
    const auto path = directory.file("log");
    ASSERT_TRUE(write_file(path, "a\nb\nc\n", Access::shared, Existing::refuse));
    EXPECT_EQ(tail(path, 2), "b\nc\n");
    EXPECT_EQ(tail(path, 9), "a\nb\nc\n");
    ASSERT_TRUE(write_file(path, "a\nb", Access::shared, Existing::replace));
    EXPECT_EQ(tail(path, 1), "b\n");
    EXPECT_EQ(tail(directory.file("absent"), 1), "");
}

TEST(Percentile, is_the_smallest_value_that_covers_the_share) {
    std::vector<double> values;
    for (int i = 1; i <= 100; ++i) values.push_back(i);
    EXPECT_EQ(percentile(values, 0.50), 50);
    EXPECT_EQ(percentile(values, 0.99), 99);
    EXPECT_EQ(percentile({3}, 0.99), 3);
    EXPECT_EQ(percentile({}, 0.5), 0);
}

} // namespace
} // namespace cairn::cli
