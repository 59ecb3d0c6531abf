// `cairn compliance`: runs the checks that can run against a live network, keeps what each of them said, and seals it for an auditor.
// The rows are those of docs/security/compliance.md.
#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/compliance_pack.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/known_chain.hpp"
#include "cli/sender.hpp"
#include "cli/tls_probe.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <sstream>

namespace cairn::cli {

int run(const std::vector<std::string>& words, Terminal& terminal);

namespace {

using nlohmann::json;

constexpr auto kProbeLimit = Milliseconds{3'000};

struct Outcome {
    std::string name;
    std::vector<int> rows;
    std::string shows;
    bool passed = false;
    json evidence;
};

class Report {
public:
    Report(Invocation& invocation, std::string directory, ledger::Genesis genesis)
        : invocation_(invocation), directory_(std::move(directory)), genesis_(std::move(genesis)) {}

    void run_all(Progress& progress);
    const std::vector<Outcome>& outcomes() const { return outcomes_; }
    Status write() const;

private:
    void add(Outcome outcome) { outcomes_.push_back(std::move(outcome)); }
    /// Runs another verb of this program; passes if it ends as expected.
    json run_verb(std::vector<std::string> words, int expected, bool& passed) const;
    void verb(std::string name, std::vector<int> rows, std::string shows, std::vector<std::string> words,
              int expected = 0);
    void check_genesis();
    void check_epochs();
    void check_agreement();
    void check_node_ports();
    void check_evidence_drill();

    Invocation& invocation_;
    std::string directory_;
    ledger::Genesis genesis_;
    ledger::ValidatorSet validators_ = genesis_.validators; // of the present epoch
    std::vector<Outcome> outcomes_;
};

json Report::run_verb(std::vector<std::string> words, int expected, bool& passed) const {
    std::ostringstream out, err;
    Terminal terminal{out, err};
    auto shown = words;
    words.push_back("--json");
    const int exit = run(words, terminal);
    passed = passed && exit == expected;
    const auto document = json::parse(out.str(), nullptr, false);
    return {{"command", shown},
            {"exit", exit},
            {"expected_exit", expected},
            {"output", document.is_discarded() ? json(out.str()) : document},
            {"errors", err.str()}};
}

void Report::verb(std::string name, std::vector<int> rows, std::string shows, std::vector<std::string> words,
                  int expected) {
    bool passed = true;
    auto evidence = run_verb(std::move(words), expected, passed);
    add({std::move(name), std::move(rows), std::move(shows), passed, std::move(evidence)});
}

void Report::check_genesis() {
    const auto complete = ledger::verify_signatures(genesis_);
    add({"genesis",
         {76},
         "the genesis file is signed by every organisation",
         complete.has_value(),
         {{"hash", to_hex(ledger::hash_of(genesis_))},
          {"organisations", genesis_.organisations.size()},
          {"error", complete ? std::string{} : complete.error().text()}}});
}

/// Keeps the handovers in the pack: whoever verifies it has the validators of every epoch then.
void Report::check_epochs() {
    const auto follow = [&]() -> Result<std::vector<ledger::KnownEpoch>> {
        CRN_TRY(rpc, open_rpc(invocation_));
        CRN_TRY(chain, fetch_handovers(rpc));
        CRN_TRY(epochs, ledger::follow_handovers(genesis_, chain));
        CRN_CHECK(write_file(directory_ + "/" + std::string{kPackHandovers}, ledger::to_json(chain), Access::shared,
                             Existing::replace));
        return epochs;
    };
    const auto epochs = follow();
    if (epochs) validators_ = epochs->back().validators;
    json validators = json::array();
    for (const auto& one : validators_.members)
        validators.push_back({{"name", one.name}, {"organisation", one.organisation}, {"key", text_of(one.key)}});
    add({"epochs",
         {61, 76},
         "every change of validators since genesis is signed by a quorum of those before it",
         epochs.has_value(),
         {{"epoch", validators_.epoch.value},
          {"validators", std::move(validators)},
          {"error", epochs ? std::string{} : epochs.error().text()}}});
}

/// The same block at a height that all have: one ledger, one result.
void Report::check_agreement() {
    const auto state = read_dev_state(dev_dir(invocation_));
    std::vector<std::string> urls = invocation_.all("rpc");
    if (urls.empty() && state)
        for (const auto& node : state->nodes) urls.push_back(node.rpc);
    std::uint64_t lowest = ~std::uint64_t{0};
    json evidence = json::array();
    std::vector<std::pair<std::string, RpcClient>> nodes;
    for (const auto& url : urls) {
        auto rpc = RpcClient::open(url, {}, 10);
        if (!rpc) continue;
        const auto answer = rpc->call("eth_blockNumber");
        const auto height =
            answer ? quantity_u64(*answer, "height") : Result<std::uint64_t>{std::unexpected(answer.error())};
        evidence.push_back({{"node", url}, {"height", height ? json(*height) : json(height.error().text())}});
        if (!height) continue;
        lowest = std::min(lowest, *height);
        nodes.emplace_back(url, std::move(*rpc));
    }
    std::string agreed;
    bool same = nodes.size() >= validators_.quorum() || nodes.size() == urls.size();
    for (auto& [url, rpc] : nodes) {
        std::ostringstream number;
        number << "0x" << std::hex << lowest;
        const auto block = rpc.call("eth_getBlockByNumber", {number.str(), false});
        const auto hash = block ? text_of(*block, "hash") : std::string{};
        if (agreed.empty()) agreed = hash;
        same = same && !hash.empty() && hash == agreed;
    }
    add({"agreement",
         {57, 61},
         "all nodes show the same block at the same height",
         same && !nodes.empty(),
         {{"nodes", evidence}, {"height", lowest}, {"hash", agreed}}});
}

void Report::check_node_ports() {
    bool passed = true;
    json evidence = json::array();
    for (const auto& validator : validators_.members) {
        const auto address = parse_host_port(validator.address);
        if (!address) continue;
        const auto seen = probe_tls(address->host, address->port, kProbeLimit);
        const bool good = seen.reachable && seen.speaks_tls_1_3 && !seen.answers_plaintext && !seen.accepts_tls_1_2 &&
                          !seen.serves_without_certificate;
        passed = passed && good;
        evidence.push_back({{"validator", validator.name},
                            {"address", validator.address},
                            {"reachable", seen.reachable},
                            {"speaks_tls_1_3", seen.speaks_tls_1_3},
                            {"accepts_tls_1_2_or_older", seen.accepts_tls_1_2},
                            {"answers_plaintext", seen.answers_plaintext},
                            {"serves_without_certificate", seen.serves_without_certificate}});
    }
    add({"node-ports",
         {4, 5, 8, 54, 55, 80},
         "nodes speak TLS 1.3 alone, and to members alone",
         passed,
         std::move(evidence)});
}

/// Records a file, proves it, verifies the proof without a node, and sees a changed file refused.
void Report::check_evidence_drill() {
    const auto folder = directory_ + "/drill";
    const auto document = folder + "/document.txt", changed = folder + "/changed.txt", bundle = folder + "/bundle.json";
    const auto text = "compliance drill of " + std::to_string(system_clock().wall().count()) + "\n";
    bool passed = make_directory(folder, Access::shared).has_value() &&
                  write_file(document, text, Access::shared, Existing::replace).has_value() &&
                  write_file(changed, "C" + text.substr(1), Access::shared, Existing::replace).has_value();
    const auto genesis = invocation_.flag_or("genesis", "");
    json steps = json::array();
    steps.push_back(run_verb({"record", "add", document}, 0, passed));
    steps.push_back(run_verb({"record", "prove", document, "--out", bundle}, 0, passed));
    steps.push_back(run_verb({"record", "verify", document, bundle, "--genesis", genesis}, 0, passed));
    steps.push_back(run_verb({"record", "verify", changed, bundle, "--genesis", genesis},
                             static_cast<int>(Exit::verification), passed));
    add({"evidence",
         {56, 77, 86},
         "a document is recorded, proved and verified off line; one changed byte is refused",
         passed,
         std::move(steps)});
}

void Report::run_all(Progress& progress) {
    const auto stage = [&](const char* name) { progress.stage(name); };
    stage("Genesis");
    check_genesis();
    stage("Validators since genesis");
    check_epochs();
    stage("Agreement of the nodes");
    check_agreement();
    stage("Ports of the nodes");
    check_node_ports();
    stage("Machine, certificates, disk, peers");
    verb("doctor", {1, 46, 74}, "certificates, keys, clock, disk and peers are in order", {"doctor"});
    stage("Parts and version");
    verb("version", {29, 50}, "which program this is", {"version"});
    stage("Evidence drill");
    check_evidence_drill();
}

Status Report::write() const {
    CRN_CHECK(make_directory(directory_ + "/checks", Access::shared));
    json list = json::array();
    std::ostringstream page;
    page << "# Compliance report\n\nThe rows are those of docs/security/compliance.md. Each check's evidence is in "
            "checks/NAME.json.\n\n"
            "| check | rows | what it shows | result |\n| --- | --- | --- | --- |\n";
    for (const auto& one : outcomes_) {
        json rows = one.rows;
        const json document{{"check", one.name},
                            {"rows", rows},
                            {"shows", one.shows},
                            {"passed", one.passed},
                            {"evidence", one.evidence}};
        CRN_CHECK(write_file(directory_ + "/checks/" + one.name + ".json", document.dump(2) + "\n", Access::shared,
                             Existing::replace));
        list.push_back({{"check", one.name}, {"rows", rows}, {"shows", one.shows}, {"passed", one.passed}});
        std::string numbers;
        for (const int row : one.rows) numbers += (numbers.empty() ? "" : ", ") + std::to_string(row);
        page << "| " << one.name << " | " << numbers << " | " << one.shows << " | "
             << (one.passed ? "passed" : "FAILED") << " |\n";
    }
    CRN_CHECK(write_file(directory_ + "/report.json", json{{"version", CAIRN_VERSION}, {"checks", list}}.dump(2) + "\n",
                         Access::shared, Existing::replace));
    return write_file(directory_ + "/report.md", page.str(), Access::shared, Existing::replace);
}

Result<ledger::Genesis> read_genesis(const std::string& path) {
    CRN_TRY(text, read_file(path));
    return ledger::genesis_from_json(text);
}

Status report(Invocation& invocation) {
    if (!invocation.has("out")) return fail(error::CliUsage, "--out is needed: where to write the pack");
    const auto directory = absolute(*invocation.flag("out"));
    if (exists(directory) && !std::filesystem::is_empty(directory))
        return fail(error::CliFileExists, directory + " is not empty");
    const auto state = read_dev_state(dev_dir(invocation));
    if (!invocation.has("genesis") && state) invocation.set("genesis", state->genesis);
    if (!invocation.has("genesis"))
        return fail(error::CliUsage, "--genesis is needed: there is no development network here");
    if (!invocation.has("org") && state)
        invocation.set("org",
                       state->directory + "/organisations/" + dev_folder_name(state->nodes.front().organisation));
    if (!invocation.has("org")) return fail(error::CliUsage, "--org is needed: whose key shall sign the pack");
    CRN_TRY(genesis, read_genesis(*invocation.flag("genesis")));
    // Whose key it is is settled before the work, not after it.
    CRN_TRY(seed, crypto::read_ed25519_key(*invocation.flag("org") + "/signing.key"));
    const auto key = crypto::ValidatorKey::from_seed(seed);
    const auto organisation =
        std::ranges::find(genesis.organisations, key.public_key(), &ledger::Organisation::signing_key);
    if (organisation == genesis.organisations.end())
        return fail(error::KeyInvalid, *invocation.flag("org") +
                                           "/signing.key is no key of an organisation that founded the "
                                           "network: only those stand in the genesis file that a pack is checked with");

    CRN_CHECK(make_directory(directory, Access::shared));
    Report work{invocation, directory, genesis};
    const auto& terminal = invocation.terminal();
    {
        Progress progress(terminal, system_clock());
        work.run_all(progress);
        progress.done();
    }
    CRN_CHECK(work.write());
    CRN_TRY(seal, seal_pack(directory, genesis, organisation->name, key, system_clock().wall().count() / 1000));

    std::size_t failed = 0;
    Table table({"CHECK", "RESULT", "WHAT IT SHOWS"});
    json list = json::array();
    for (const auto& one : work.outcomes()) {
        failed += one.passed ? 0 : 1;
        table.row({one.name, one.passed ? "passed" : "FAILED", one.shows});
        list.push_back({{"check", one.name}, {"passed", one.passed}, {"rows", one.rows}});
    }
    if (terminal.json)
        terminal.out << json{{"pack", directory},
                             {"organisation", seal.organisation},
                             {"files", seal.files},
                             {"failed", failed},
                             {"checks", list}}
                            .dump(2)
                     << '\n';
    else
        table.print(terminal);
    if (failed > 0)
        return fail(error::CliFindings, std::to_string(failed) + " of " + std::to_string(list.size()) + " checks");
    return {};
}

Status verify(Invocation& invocation) {
    if (!invocation.has("genesis")) return fail(error::CliUsage, "--genesis is needed: which network's pack is this");
    CRN_TRY(genesis, read_genesis(*invocation.flag("genesis")));
    CRN_TRY(seal, verify_pack(invocation.argument(0), genesis));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"organisation", seal.organisation},
                             {"created", seal.created},
                             {"files", seal.files},
                             {"epoch", seal.epoch ? json(seal.epoch->value) : json()}}
                            .dump(2)
                     << '\n';
    else
        print_fields(terminal, {{"pack", "complete and unchanged"},
                                {"signed by", seal.organisation},
                                {"files", std::to_string(seal.files)},
                                {"validators",
                                 seal.epoch ? "every handover holds, up to epoch " + std::to_string(seal.epoch->value)
                                            : "the pack does not say"}});
    return {};
}

} // namespace

void declare_compliance(CommandList& out) {
    auto flags = rpc_flags();
    flags.insert(flags.begin(),
                 {{.name = "out",
                   .value = "DIR",
                   .help = "folder of the pack; must be empty or new",
                   .completes = Completes::directory},
                  {.name = "genesis",
                   .value = "FILE",
                   .help = "genesis file (default: the development network's)",
                   .completes = Completes::file},
                  {.name = "org",
                   .value = "DIR",
                   .help = "organisation whose key signs the pack (default: the development network's first)",
                   .completes = Completes::directory}});
    out.push_back(
        {.noun = "compliance",
         .verb = "report",
         .summary = "run the checks of a live network and write a signed evidence pack",
         .details = "Looks at genesis, the validators since, agreement, ports, certificates, and makes a drill of "
                    "recording, proving and "
                    "verifying a "
                    "document. Writes report.md, report.json and one file of evidence per check, and signs their "
                    "digests. Exit code 1 if "
                    "a check failed; the pack is written all the same.",
         .flags = std::move(flags),
         .examples =
             {{"cairn compliance report --out pack", "the development network"},
              {"cairn compliance report --out pack --genesis genesis.json --org alpha --rpc http://10.0.0.1:8545",
               "a member's own check"}},
         .run = report});
    out.push_back(
        {.noun = "compliance",
         .verb = "verify",
         .summary = "check an evidence pack without a node",
         .details =
             "Compares every file with the manifest and the manifest with the signature of a member of the "
             "genesis file, and checks each handover to later validators that the pack holds (handovers.json, good "
             "for --handovers of other commands, too).",
         .arguments = {{.name = "DIR", .help = "the pack", .completes = Completes::directory}},
         .flags = {{.name = "genesis",
                    .value = "FILE",
                    .help = "genesis file of the network",
                    .completes = Completes::file}},
         .examples = {{"cairn compliance verify pack --genesis genesis.json", "is the pack as it was signed?"}},
         .run = verify});
}

} // namespace cairn::cli
