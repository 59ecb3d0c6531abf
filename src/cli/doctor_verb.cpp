// `cairn doctor`: looks at what a node needs and says what is wrong, why, and how to mend it.
#include "base/errors/cli.hpp"
#include "base/errors/network.hpp"
#include "cli/config.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/identity_chain.hpp"
#include "cli/known_chain.hpp"
#include "cli/process.hpp"
#include "cli/rpc_client.hpp"
#include "cli/rpc_trust.hpp"
#include "cli/sender.hpp"
#include "crypto/certificate.hpp"
#include "crypto/tls_key.hpp"
#include "network/peer_identity.hpp"
#include "signer/sealed_keys.hpp"
#include "system/addresses.hpp"

#include <algorithm>
#include <ostream>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace cairn::cli {
namespace {

using nlohmann::json;

enum class Grade { good, warning, bad };

struct Finding {
    Grade grade;
    std::string check;
    std::string what;
    std::string cause;
    std::string fix;
};

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kExpiryWarningDays = 30;
constexpr std::uint64_t kClockSkewSeconds = 2;

std::string_view name_of(Grade grade) {
    return grade == Grade::good ? "ok" : grade == Grade::warning ? "warning" : "problem";
}

class Doctor {
public:
    explicit Doctor(std::int64_t now) : now_(now) {}

    void good(std::string check, std::string what) { add({Grade::good, std::move(check), std::move(what), {}, {}}); }
    void warn(std::string check, std::string what, std::string cause, std::string fix) {
        add({Grade::warning, std::move(check), std::move(what), std::move(cause), std::move(fix)});
    }
    void bad(std::string check, std::string what, std::string cause, std::string fix) {
        add({Grade::bad, std::move(check), std::move(what), std::move(cause), std::move(fix)});
    }
    void bad(std::string check, const Error& error) {
        const auto& info = error_info(error.code);
        bad(std::move(check), error.text(), std::string{info.cause}, std::string{info.next});
    }

    void look_at_machine();
    /// `handovers`: a file of them, for a node that does not run.
    void look_at_node(const std::string& config, const std::optional<std::string>& handovers);
    void look_at_rpc(const std::string& label, RpcClient& rpc);

    const std::vector<Finding>& findings() const { return findings_; }

private:
    void add(Finding finding) { findings_.push_back(std::move(finding)); }
    std::optional<KnownChain> epochs_of(const std::string& label, const NodeSettings& settings, ledger::Genesis genesis,
                                        bool running, const std::optional<std::string>& handovers);
    std::optional<ledger::Validator> find_self(const std::string& config, const NodeSettings& settings,
                                               const KnownChain& chain);
    void look_at_certificate(const std::string& label, const NodeSettings& settings, const KnownChain& chain,
                             const ledger::Validator& self);
    void look_at_listener(const std::string& label, const zone::ListenerFilesConfig& files);
    void look_at_disk(const std::string& label, const NodeSettings& settings);
    void look_at_ports(const std::string& label, const NodeSettings& settings, bool running);
    void look_at_peers(const std::string& label, const ledger::ValidatorSet& set, const ledger::Validator& self);

    std::int64_t now_;
    std::vector<Finding> findings_;
};

void Doctor::look_at_machine() {
    utsname system{};
    ::uname(&system);
    good("version",
         std::string{"cairn "} + CAIRN_VERSION + " on " + system.sysname + " " + system.release + " " + system.machine);
    if (now_ < 1'700'000'000) {
        bad("clock", "the clock stands at " + std::to_string(now_) + " s after 1970",
            "It was never set: certificates look as if they were not valid yet.", "Set it: timedatectl set-ntp true");
        return;
    }
    timex clock{};
    if (::adjtimex(&clock) == TIME_ERROR || (clock.status & STA_UNSYNC) != 0)
        warn("clock", "the kernel's clock is not synchronised",
             "No time service disciplines it; validators whose clocks differ by seconds refuse each other's "
             "proposals.",
             "Run a time service: apt-get install chrony (in a container: on its host)");
    else
        good("clock", "synchronised");
}

/// Of the listener for clients, whose CA the configuration names.
std::string trusted_url(const rpc::ServerConfig& config) {
    const auto url = client_url(config);
    if (config.tls) trust_at(url, config.tls->authorities);
    return url;
}

/// What vouches for the nodes of one organisation: its CA of genesis, and what it has on the chain if the node answers.
class ShownTrust final : public network::PeerTrust {
public:
    ShownTrust(const NodeSettings& settings, const ledger::Genesis& genesis, const std::string& organisation) {
        const auto founder = std::ranges::find(genesis.organisations, organisation, &ledger::Organisation::name);
        if (founder != genesis.organisations.end())
            if (auto der = crypto::certificate_der(founder->ca_certificate_pem)) cas_.push_back(*std::move(der));
        auto rpc = RpcClient::open(trusted_url(settings.rpc), {}, 2);
        if (!rpc) return;
        if (cas_.empty())
            if (const auto joined = ask(*rpc, system::kMembersAddress, "organisationByName(string)", {organisation},
                                        "(uint256,(string,address,bool,bytes32,string))"))
                if (auto der = crypto::certificate_der((*joined)[1].list()[4].as_text()))
                    cas_.push_back(*std::move(der));
        const auto index = organisation_index(*rpc, organisation);
        if (!index) return;
        const auto found = ask(*rpc, ledger::kIdentitiesContract, "caCertificates(uint256)", {*index},
                               "(bool,(bytes32,uint64,bytes)[])");
        if (!found) return;
        for (const auto& ca : (*found)[1].list()) cas_.push_back(to_bytes(ca.list()[2].bytes()));
    }
    std::vector<Bytes> cas_of(std::string_view) const override { return cas_; }
    /// The node itself judges that, by the chain.
    bool is_revoked(std::string_view, const Hash256&) const override { return false; }

private:
    std::vector<Bytes> cas_;
};

void Doctor::look_at_certificate(const std::string& label, const NodeSettings& settings, const KnownChain& chain,
                                 const ledger::Validator& self) {
    const auto check = label + " certificate";
    const auto fix = "Issue a new one with the organisation's CA: cairn org renew (if everything has expired: "
                     "docs/how-to/everything-expired.md)";
    const auto pem = read_file(settings.node.tls_certificate_file, crypto::kPemBytesMax);
    if (!pem) return bad(check, pem.error());
    const auto keys = signer::read_sealed_keys(settings.node.keys_file);
    if (!keys) return bad(check, keys.error());
    const auto der = crypto::certificate_der(*pem);
    if (!der) return bad(check, der.error());
    // As the other nodes judge it: a certificate may name the key that the validator had before.
    const auto seat = network::identify_peer(
        *der, chain.present(), ShownTrust{settings, chain.genesis, self.organisation}, now_, network::Whose::own);
    if (!seat) return bad(check, seat.error());
    if (chain.present().members[seat->value].name != self.name)
        return bad(check, settings.node.tls_certificate_file + " names another consensus key",
                   "The certificate was issued for another validator.", fix);
    if (const auto key = crypto::certificate_tls_key(*pem); !key || *key != keys->public_keys.tls)
        return bad(check, settings.node.tls_certificate_file + " is of another TLS key than " + settings.node.keys_file,
                   "The certificate or the sealed keys were replaced alone.", fix);
    const auto info = crypto::inspect_certificate(*pem);
    if (!info) return bad(check, info.error());
    const auto days = (info->validity.not_after - now_) / kDay;
    if (days < kExpiryWarningDays)
        return warn(check, "expires in " + std::to_string(days) + " days",
                    "Certificates end; peers refuse the node from then on.", fix);
    const bool is_present = crypto::claimed_consensus_key(*der).value_or(crypto::VotingKey{}) == self.key;
    good(check, "valid for " + std::to_string(days) + " days, names this validator" +
                    (is_present ? "'s key" : " and a key that it had before; cairn org renew names the present one"));
}

void Doctor::look_at_listener(const std::string& label, const zone::ListenerFilesConfig& files) {
    const auto check = label + " certificate for " + files.zone;
    const auto* const fix = "Run cairn org renew where the organisation's CA key is, and copy the files here";
    const auto pem = read_file(files.certificate, crypto::kPemBytesMax);
    if (!pem) return bad(check, pem.error());
    const auto info = crypto::inspect_certificate(*pem);
    if (!info) return bad(check, info.error());
    const auto left = info->validity.not_after - now_;
    const auto text = std::to_string(left / kDay) + " days";
    if (left <= 0)
        return bad(check, "has expired", "Certificates end; whoever calls this listener refuses it from then on.", fix);
    if (left / kDay < kExpiryWarningDays)
        return warn(check, "expires in " + text, "Certificates end; callers refuse the listener from then on.", fix);
    good(check, "valid for " + text);
}

void Doctor::look_at_disk(const std::string& label, const NodeSettings& settings) {
    const auto check = label + " disk";
    auto folder = settings.node.data_dir;
    while (!exists(folder) && folder.size() > 1) folder = folder.substr(0, std::max<std::size_t>(folder.rfind('/'), 1));
    struct statvfs space{};
    if (::statvfs(folder.c_str(), &space) != 0)
        return bad(check, "cannot look at " + folder, "The path is not accessible.",
                   "Check data_dir in the configuration.");
    if (::access(folder.c_str(), W_OK) != 0)
        return bad(check, folder + " is not writable", "It belongs to another user.",
                   "chown it to the user that runs the node");
    const auto free_mib = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize >> 20;
    const auto reserve_mib = settings.node.disk_reserve_bytes >> 20;
    const auto text = std::to_string(free_mib) + " MiB free, the node stops at " + std::to_string(reserve_mib) + " MiB";
    if (free_mib <= reserve_mib)
        return bad(check, text, "The disk is full for the node's purposes.",
                   "Free or add space, then start the node again");
    if (free_mib < reserve_mib + 1024)
        return warn(check, text, "Less than 1 GiB is left.", "Free or add space before the node has to stop");
    good(check, text);
}

void Doctor::look_at_ports(const std::string& label, const NodeSettings& settings, bool running) {
    for (const auto& [purpose, host, port] :
         {std::tuple{"port for nodes", settings.node.listen_address, settings.node.listen_port},
          std::tuple{"port for clients", settings.rpc.address, settings.rpc.port}}) {
        const auto check = label + " " + purpose;
        const auto where = host + ":" + std::to_string(port);
        const bool is_free = port_is_free(host, port);
        if (running && is_free)
            bad(check, where + " is not listened on", "The node runs but does not serve it.",
                "Look at the node's log: cairn dev logs, or its log file");
        else if (!running && !is_free &&
                 !accepts_connections(host == "0.0.0.0" ? "127.0.0.1" : host, port, Milliseconds{500}))
            bad(check, where + " is taken by a process that does not answer", "A node that hangs, or another program.",
                "Find it: ss -ltnp 'sport = :" + std::to_string(port) + "'");
        else
            good(check, where + (is_free ? " is free" : " is listened on"));
    }
}

void Doctor::look_at_peers(const std::string& label, const ledger::ValidatorSet& set, const ledger::Validator& self) {
    std::size_t reached = 1;
    std::string lost;
    for (const auto& peer : set.members) {
        if (peer.name == self.name) continue;
        const auto address = parse_host_port(peer.address);
        if (address && accepts_connections(address->host, address->port, Milliseconds{1'000}))
            ++reached;
        else
            lost += (lost.empty() ? "" : ", ") + peer.name + " at " + peer.address;
    }
    const auto quorum = set.quorum();
    const auto text =
        std::to_string(reached) + " of " + std::to_string(set.size()) + " validators reachable, itself included";
    const auto cause = "Not reached: " + lost + ". They do not run, or a firewall is between.";
    const auto fix = "Ask their operators to run cairn doctor; let their port through the firewall";
    if (reached < quorum)
        bad(label + " peers", text + "; " + std::to_string(quorum) + " are needed", cause, fix);
    else if (!lost.empty())
        warn(label + " peers", text, cause, fix);
    else
        good(label + " peers", text);
}

/// The validators as far as the file or the running node tells, each handover checked.
std::optional<KnownChain> Doctor::epochs_of(const std::string& label, const NodeSettings& settings,
                                            ledger::Genesis genesis, bool running,
                                            const std::optional<std::string>& handovers) {
    const auto check = label + " epochs";
    auto known = known_chain(std::move(genesis), handovers);
    if (!known) return bad(check, known.error()), std::nullopt;
    if (!handovers && running) {
        std::string token;
        if (!settings.rpc.token_file.empty())
            if (const auto text = read_secret_file(settings.rpc.token_file)) token = text->substr(0, text->find('\n'));
        auto rpc = RpcClient::open(trusted_url(settings.rpc), token, 5);
        const auto told = rpc ? fetch_handovers(*rpc) : std::unexpected(rpc.error());
        if (!told) return bad(check, told.error()), std::nullopt;
        auto epochs = ledger::follow_handovers(known->genesis, *told);
        if (!epochs) return bad(check, epochs.error()), std::nullopt;
        known->epochs = *std::move(epochs);
    }
    const auto epoch = "epoch " + std::to_string(known->present().epoch.value);
    if (handovers || running)
        good(check, epoch + ", every handover since genesis is signed by the validators before it");
    else
        warn(check, "looked at with the validators of genesis", "The node does not run, so nobody tells of later ones.",
             "Start it, or give --handovers FILE (cairn validator handovers --out FILE, from any node)");
    return *std::move(known);
}

/// The seat that one of the node's voting keys has now.
std::optional<ledger::Validator> Doctor::find_self(const std::string& config, const NodeSettings& settings,
                                                   const KnownChain& chain) {
    const auto check = config + " validator key";
    std::vector<crypto::VotingKey> keys;
    auto files = settings.node.voting_keys_files;
    files.insert(files.begin(), settings.node.keys_file);
    for (const auto& file : files) {
        const auto sealed = signer::read_sealed_keys(file);
        if (!sealed) return bad(check, sealed.error()), std::nullopt;
        keys.push_back(sealed->public_keys.consensus);
    }
    const auto seat_in = [&](const ledger::ValidatorSet& set) -> const ledger::Validator* {
        for (const auto& key : keys)
            if (const auto index = set.index_of(key)) return &set.members[index->value];
        return nullptr;
    };
    if (const auto* self = seat_in(chain.present())) {
        good(self->name + " validator key", "validator " + self->name + " of " + self->organisation);
        return *self;
    }
    for (auto epoch = chain.epochs.rbegin(); epoch != chain.epochs.rend(); ++epoch) {
        const auto* before = seat_in(epoch->validators);
        if (before == nullptr) continue;
        const auto& members = chain.present().members;
        const auto seat = std::ranges::find(members, before->name, &ledger::Validator::name);
        const auto until = before->name + " until epoch " + std::to_string(epoch->validators.epoch.value);
        if (seat == members.end())
            bad(check, "its keys were those of " + until + ", which is no validator any more",
                "The organisations removed it.", "Stop the node; to come back it needs a new key and a decision");
        else
            bad(check, "its keys are those of " + until + "; since then it votes with " + text_of(seat->key),
                "The file of the new key is not named in the configuration.",
                "Add it to voting_keys in section [signer], and start the node again");
        return std::nullopt;
    }
    if (settings.node.join)
        warn(check, "no validator yet",
             "The organisations have not admitted it, or these validators are not the newest.",
             "cairn validator add, or cairn validator list on another node");
    else
        bad(check, settings.node.keys_file + " belongs to no validator",
            "The key or the genesis file is of another network.",
            "Use the files of `cairn org init` and the genesis all have signed");
    return std::nullopt;
}

void Doctor::look_at_node(const std::string& config, const std::optional<std::string>& handovers) {
    const auto settings = read_node_config(config);
    if (!settings) return bad(config + " configuration", settings.error());
    good(config + " configuration", "well-formed");
    const auto text = read_file(settings->node.genesis_file);
    if (!text) return bad(config + " genesis", text.error());
    const auto genesis = ledger::genesis_from_json(*text);
    if (!genesis) return bad(config + " genesis", genesis.error());
    if (const auto complete = ledger::verify_signatures(*genesis); !complete)
        bad(config + " genesis", complete.error());
    else
        good(config + " genesis", "signed by all " + std::to_string(genesis->organisations.size()) + " organisations");

    const bool running = accepts_connections(settings->rpc.address == "0.0.0.0" ? "127.0.0.1" : settings->rpc.address,
                                             settings->rpc.port, Milliseconds{500});
    const auto chain = epochs_of(config, *settings, *genesis, running, handovers);
    if (!chain) return;
    const auto self = find_self(config, *settings, *chain);
    if (!self) return;
    look_at_certificate(self->name, *settings, *chain, *self);
    if (settings->rpc.tls) look_at_listener(self->name, *settings->rpc.tls);
    if (settings->management) look_at_listener(self->name, settings->management->tls.files);
    if (settings->regulator) look_at_listener(self->name, settings->regulator->tls.files);
    look_at_disk(self->name, *settings);
    look_at_ports(self->name, *settings, running);
    look_at_peers(self->name, chain->present(), *self);
    if (!running)
        warn(self->name + " process", "the node does not run",
             "Nothing answers at " + settings->rpc.address + ":" + std::to_string(settings->rpc.port) + ".",
             "cairn node run --config " + config + "   or, in a development network: cairn dev restart " + self->name);
}

void Doctor::look_at_rpc(const std::string& label, RpcClient& rpc) {
    const auto answers =
        rpc.batch({{"web3_clientVersion"}, {"eth_getBlockByNumber", {"latest", false}}, {"eth_syncing"}});
    if (!answers) return bad(label + " answers", answers.error());
    for (const auto& answer : *answers)
        if (!answer) return bad(label + " answers", answer.error());
    const auto version = (*answers)[0]->is_string() ? (*answers)[0]->get<std::string>() : std::string{};
    const auto height = quantity_u64((*answers)[1]->value("number", json{}), "height");
    const auto time = quantity_u64((*answers)[1]->value("timestamp", json{}), "timestamp");
    if (!height || !time) return bad(label + " answers", (height ? time : height).error());
    good(label + " answers", version + " at block " + std::to_string(*height));
    const auto at = version.find('/');
    if (version.starts_with("Cairn/") && version.find(CAIRN_VERSION) == std::string::npos)
        warn(label + " version", version.substr(at + 1) + ", this program is " + CAIRN_VERSION,
             "Node and command line are of different releases.", "Use the same release on all machines");
    const auto now = static_cast<std::uint64_t>(system_clock().wall().count() / 1000);
    if (*time > now + kClockSkewSeconds)
        bad(label + " clock", "the newest block is " + std::to_string(*time - now) + " s in this machine's future",
            "This machine's clock is behind the network's.", "Run a time service: apt-get install chrony");
    if ((*answers)[2]->is_object())
        warn(label + " sync", "the node is catching up", "It was down or is new.",
             "Wait; watch it with cairn node status");
}

Status doctor(Invocation& invocation) {
    Doctor doctor(system_clock().wall().count() / 1000);
    const auto& terminal = invocation.terminal();
    Progress progress(terminal, system_clock());
    progress.stage("Examining");
    doctor.look_at_machine();
    auto configs = invocation.all("config");
    const auto state = read_dev_state(dev_dir(invocation));
    if (configs.empty() && state)
        for (const auto& node : state->nodes) configs.push_back(node.config);
    for (const auto& config : configs) {
        progress.update(config);
        doctor.look_at_node(config, invocation.flag("handovers"));
    }
    if (configs.empty() || invocation.has("rpc")) {
        CRN_TRY(rpc, open_rpc(invocation));
        doctor.look_at_rpc(rpc.url(), rpc);
    } else {
        for (const auto& config : configs) {
            const auto settings = read_node_config(config);
            if (!settings ||
                !accepts_connections(settings->rpc.address == "0.0.0.0" ? "127.0.0.1" : settings->rpc.address,
                                     settings->rpc.port, Milliseconds{500}))
                continue;
            std::string token;
            if (!settings->rpc.token_file.empty())
                if (const auto text = read_secret_file(settings->rpc.token_file))
                    token = text->substr(0, text->find('\n'));
            const auto url = trusted_url(settings->rpc);
            if (auto rpc = RpcClient::open(url, token, 5)) doctor.look_at_rpc(url, *rpc);
        }
    }
    progress.done();

    std::size_t problems = 0;
    json list = json::array();
    for (const auto& finding : doctor.findings()) {
        problems += finding.grade == Grade::bad ? 1 : 0;
        list.push_back({{"check", finding.check},
                        {"state", name_of(finding.grade)},
                        {"what", finding.what},
                        {"cause", finding.cause},
                        {"fix", finding.fix}});
        if (terminal.json) continue;
        const auto style = finding.grade == Grade::good      ? Style::green
                           : finding.grade == Grade::warning ? Style::yellow
                                                             : Style::red;
        if (!terminal.out_is_tty) {
            terminal.out << name_of(finding.grade) << '\t' << printable(finding.check) << '\t'
                         << printable(finding.what) << '\t' << printable(finding.cause) << '\t'
                         << printable(finding.fix) << '\n';
            continue;
        }
        terminal.out << terminal.styled(style, name_of(finding.grade)) << "  " << printable(finding.check) << ": "
                     << printable(finding.what) << '\n';
        if (!finding.cause.empty()) terminal.out << "    Why:  " << printable(finding.cause) << '\n';
        if (!finding.fix.empty()) terminal.out << "    Next: " << printable(finding.fix) << '\n';
    }
    if (terminal.json) terminal.out << json{{"problems", problems}, {"findings", list}}.dump(2) << '\n';
    if (problems > 0)
        return fail(error::CliFindings,
                    std::to_string(problems) + " of " + std::to_string(doctor.findings().size()) + " checks");
    return {};
}

} // namespace

void declare_doctor(CommandList& out) {
    auto flags = rpc_flags();
    flags.insert(flags.begin(),
                 {.name = "config",
                  .value = "FILE",
                  .help = "a node's configuration to examine (default: the development network's nodes; repeatable)",
                  .repeatable = true,
                  .completes = Completes::file});
    flags.push_back(handovers_flag());
    out.push_back({.noun = "doctor",
                   .summary = "look for what is wrong, and how to mend it",
                   .details =
                       "Examines certificates, keys, clock, ports, disk, versions, and whether the "
                       "other validators can be "
                       "reached. Who they are it learns from genesis and the handovers to later validators, which "
                       "the running node tells and doctor checks; for a node that does not run, give them with "
                       "--handovers. Exit code 1 if there is a problem; warnings do not count.",
                   .flags = std::move(flags),
                   .examples = {{"cairn doctor", "the development network"},
                                {"cairn doctor --config /srv/cairn/node.toml", "a validator's machine"}},
                   .run = doctor});
}

} // namespace cairn::cli
