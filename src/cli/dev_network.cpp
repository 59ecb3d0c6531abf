#include "cli/dev_network.hpp"

#include "base/descriptor.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/network.hpp"
#include "cli/config.hpp"
#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "cli/node_zones.hpp"
#include "cli/organisation.hpp"
#include "cli/process.hpp"
#include "cli/rpc_client.hpp"
#include "cli/transact.hpp"
#include "cli/zone_files.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace cairn::cli {
namespace {

constexpr const char* kNames[] = {"Alpha", "Beta",  "Gamma",  "Delta",   "Epsilon", "Zeta", "Eta",     "Theta",
                                  "Iota",  "Kappa", "Lambda", "Mu",      "Nu",      "Xi",   "Omicron", "Pi",
                                  "Rho",   "Sigma", "Tau",    "Upsilon", "Phi",     "Chi",  "Psi",     "Omega"};
constexpr std::string_view kHeartbeat = "heartbeat.key";
constexpr std::int64_t kDevPersonDays = 365;
/// Two of each kind of administrator, because the highest commands take two.
const std::pair<crypto::ZoneRole, std::vector<const char*>> kDevPersons[] = {
    {crypto::ZoneRole::system_administrator, {"system-1", "system-2"}},
    {crypto::ZoneRole::security_administrator, {"security-1", "security-2"}},
    {crypto::ZoneRole::audit_administrator, {"audit-1", "audit-2"}},
    {crypto::ZoneRole::regulator, {"developer"}}};
constexpr std::chrono::seconds kStopPatience{10};
constexpr std::size_t kLastWords = 4; // lines of the log
constexpr std::string_view kPassphrase = "signer.passphrase";
constexpr const char* kState = "state.json";
/// Stands in the directory from before the first file until state.json: what it stands beside without that file is of no use to anybody.
constexpr const char* kHalfMade = "half-made";
/// All that creation and nodes write, but for these two.
constexpr const char* kMade[] = {"nodes", "organisations", "genesis.json", "heartbeat.key", "signer.passphrase"};

/// The same bytes for the same seed: SHA-256 of seed and counter.
class SeededRandom : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : seed_(seed) {}
    void fill(std::span<std::uint8_t> out) override {
        while (!out.empty()) {
            const auto text = "cairn-dev-seed " + std::to_string(seed_) + " " + std::to_string(counter_++);
            const auto block = crypto::sha256(as_bytes(text));
            const auto count = std::min(out.size(), block.size());
            std::copy_n(block.begin(), count, out.begin());
            out = out.subspan(count);
        }
    }

private:
    std::uint64_t seed_;
    std::uint64_t counter_ = 0;
};

std::string organisation_name(std::size_t index) {
    return index < std::size(kNames) ? kNames[index] : "Org" + std::to_string(index + 1);
}

std::uint16_t port_of(const DevPlan& plan, std::size_t node, std::size_t which) {
    return static_cast<std::uint16_t>(plan.base_port + 2 * node + which);
}

/// Behind those of clients and peers, so that their numbers do not depend on it.
std::uint16_t zone_port_of(const DevPlan& plan, std::size_t node, std::size_t which) {
    return static_cast<std::uint16_t>(plan.base_port + 2 * plan.nodes + 2 * node + which);
}

/// Held against the other commands until it is destroyed or this process ends. CliDevAbsent, CliInterrupted.
Result<Descriptor> lock_directory(const std::string& directory) {
    while (true) {
        Descriptor lock{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (lock.get() < 0 && errno == ENOENT) return fail(error::CliDevAbsent, directory);
        if (lock.get() < 0) return fail(error::CliFileUnreadable, directory);
        while (::flock(lock.get(), LOCK_EX) != 0) {
            if (errno != EINTR) return fail(error::CliFileUnwritable, directory + " cannot be locked");
            if (interrupted()) return fail(error::CliInterrupted);
        }
        // Another command may have removed the directory that this one waited for.
        struct stat held{}, named{};
        if (::fstat(lock.get(), &held) == 0 && ::stat(directory.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
            held.st_ino == named.st_ino)
            return Result<Descriptor>{std::move(lock)};
    }
}

Status remove_file(const std::string& path) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (error) return fail(error::CliFileUnwritable, path + " (" + error.message() + ")");
    return {};
}

/// `name` itself, and what write_file leaves beside it when it is killed.
bool is_of(const std::string& entry, std::string_view name) {
    return entry == name || entry.starts_with(std::string{name} + ".new-");
}

/// All of a network but state.json, which goes last: while it or the mark is there, the rest can be removed again.
Status remove_made(const std::string& directory) {
    std::error_code error;
    std::vector<std::string> found;
    for (std::filesystem::directory_iterator it{directory, error}, end; !error && it != end; it.increment(error)) {
        const auto name = it->path().filename().string();
        const bool is_ours = std::ranges::any_of(kMade, [&](const char* one) { return is_of(name, one); }) ||
                             (name != kState && is_of(name, kState)) || (name != kHalfMade && is_of(name, kHalfMade));
        if (is_ours) found.push_back(it->path().string());
    }
    if (error) return fail(error::CliFileUnwritable, directory + " (" + error.message() + ")");
    for (const auto& path : found) CRN_CHECK(remove_file(path));
    return remove_file(directory + "/" + kHalfMade);
}

/// Goes if nothing of the user's is in it.
void remove_if_empty(const std::string& directory) {
    std::error_code ignored;
    std::filesystem::remove(directory, ignored);
}

/// What there is of a network's files; empty if none.
std::string made_in(const std::string& directory) {
    for (const char* name : kMade)
        if (exists(directory + "/" + name)) return name;
    return {};
}

} // namespace

std::size_t faults_tolerated(std::size_t nodes) { return nodes == 0 ? 0 : (nodes - 1) / 3; }
std::size_t quorum_of(std::size_t nodes) { return (nodes + faults_tolerated(nodes)) / 2 + 1; }

namespace {

Result<DevState> make_network(const DevPlan& plan) {
    std::optional<SeededRandom> seeded;
    if (plan.seed) seeded.emplace(*plan.seed);
    Random& random = seeded ? static_cast<Random&>(*seeded) : crypto::system_random();
    const auto now = system_clock().wall().count() / 1000;

    DevState state;
    state.directory = plan.directory;
    state.chain_id = plan.chain_id;
    state.boot_id = current_boot_id();
    state.genesis = plan.directory + "/genesis.json";

    // Accounts first, so that a seed gives the same ones whatever the number of nodes.
    // The last three are the administrators, and an administrator is nothing else.
    std::map<Address, ledger::GenesisAccount> accounts;
    std::map<Address, ledger::RoleMask> roles{{Address{}, mask_of(ledger::Role::deployer)}}; // everybody deploys
    U256 balance{1'000'000};
    for (int i = 0; i < 18; ++i) balance = balance * U256{10};
    for (std::size_t i = 0; i <= kDevAccounts; ++i) {
        const auto key = new_account_secret(plan.suite, random);
        CRN_TRY(address, address_of(key));
        accounts[address].balance = balance;
        accounts[address].organisation = organisation_name(i % plan.nodes);
        accounts[address].is_registrar = i < kDevAccounts; // so that tests and examples can bind accounts of their own
        if (i < kDevAccounts) {
            const auto role =
                i + 3 < kDevAccounts ? ledger::Role::deployer : static_cast<ledger::Role>(i + 3 - kDevAccounts);
            roles[address] = mask_of(role);
            state.accounts.push_back({checksummed(address), text_of(key), std::string(name_of(role))});
        } else
            CRN_CHECK(write_file(plan.directory + "/" + std::string{kHeartbeat}, text_of(key) + "\n", Access::secret,
                                 Existing::refuse));
    }

    // Development only: whoever reads this file can open the sealed keys. Random, so that guessing needs no slowing down.
    FixedBytes<32, struct PassphraseTag> entropy;
    random.fill(entropy.bytes);
    const auto passphrase = to_hex_digits(entropy);
    const auto passphrase_file = plan.directory + "/" + std::string{kPassphrase};
    CRN_CHECK(write_file(passphrase_file, passphrase + "\n", Access::secret, Existing::refuse));

    std::vector<Invitation> invitations;
    for (std::size_t i = 0; i < plan.nodes; ++i) {
        const auto name = organisation_name(i);
        const auto node = dev_folder_name(name) + "-1";
        OrganisationPlan organisation;
        organisation.name = name;
        organisation.passphrase = passphrase;
        organisation.seal_cost = signer::kCostForRandomPassphrase;
        organisation.validators = {{node, "127.0.0.1:" + std::to_string(port_of(plan, i, 1))}};
        organisation.offers_officers = false;
        organisation.suite = plan.suite;
        const auto folder = plan.directory + "/organisations/" + dev_folder_name(name);
        CRN_TRY(invitation, create_organisation(folder, organisation, random, now));
        invitations.push_back(std::move(invitation));

        NodeSettings settings;
        const auto home = plan.directory + "/nodes/" + node;
        const auto keys = folder + "/validators/" + node;
        settings.node.data_dir = home + "/data";
        settings.node.genesis_file = state.genesis;
        settings.node.keys_file = keys + "/keys.sealed";
        settings.node.passphrase_file = passphrase_file;
        settings.node.tls_certificate_file = keys + "/tls.pem";
        settings.node.listen_port = port_of(plan, i, 1);
        settings.rpc.port = port_of(plan, i, 0);
        if (plan.tls) settings.rpc.tls = listener_files(keys, crypto::ZoneRole::client);
        settings.rpc.cors_origins = plan.cors_origins;
        settings.rpc.rpc.traces = true;
        settings.management.emplace();
        settings.management->tls = {.port = zone_port_of(plan, i, 0),
                                    .files = listener_files(keys, crypto::ZoneRole::management)};
        settings.regulator.emplace();
        settings.regulator->tls = {.port = zone_port_of(plan, i, 1),
                                   .files = listener_files(keys, crypto::ZoneRole::regulation)};
        for (const auto& [role, names] : kDevPersons)
            for (const auto* person : names) CRN_CHECK(enrol_person(folder, role, person, kDevPersonDays, now));
        CRN_CHECK(make_directory(home, Access::secret));
        const auto config = home + "/node.toml";
        CRN_CHECK(write_file(config, to_toml(settings), Access::shared, Existing::refuse));
        const auto endpoint = "127.0.0.1:" + std::to_string(settings.rpc.port);
        state.nodes.push_back({.name = node,
                               .organisation = name,
                               .rpc = client_url(settings.rpc),
                               .ws = (plan.tls ? "wss://" : "ws://") + endpoint,
                               .config = config,
                               .log = home + "/node.log"});
    }
    ledger::ChainParameters parameters;
    parameters.chain_id = plan.chain_id;
    parameters.suite = plan.suite;
    parameters.account_binding = ledger::AccountBinding::required;
    if (plan.gas_price) {
        parameters.fee_mode = ledger::FeeMode::fixed;
        parameters.fixed_gas_price = plan.gas_price;
    }
    CRN_TRY(genesis, assemble_genesis(std::move(invitations), std::move(parameters), std::move(accounts),
                                      static_cast<std::uint64_t>(now), std::move(roles)));
    for (std::size_t i = 0; i < plan.nodes; ++i) {
        CRN_TRY(name,
                sign_genesis(genesis, plan.directory + "/organisations/" + dev_folder_name(organisation_name(i)), now));
        static_cast<void>(name);
    }
    CRN_CHECK(write_file(state.genesis, ledger::to_json(genesis), Access::shared, Existing::refuse));
    CRN_CHECK(write_dev_state(state));
    return state;
}

} // namespace

Result<DevState> create_dev_network(const DevPlan& plan) {
    CRN_CHECK(make_directory(plan.directory, Access::secret));
    const auto lock = lock_directory(plan.directory);
    if (!lock && lock.error().code == error::CliDevAbsent) return create_dev_network(plan); // removed meanwhile
    if (!lock) return std::unexpected(lock.error());
    if (exists(plan.directory + "/" + kState))
        return fail(error::CliPrecondition,
                    "another command has made a network in " + plan.directory + " meanwhile: cairn dev status");
    const auto mark = plan.directory + "/" + kHalfMade;
    if (exists(mark)) CRN_CHECK(remove_made(plan.directory)); // of a command that was killed
    if (const auto found = made_in(plan.directory); !found.empty())
        return fail(error::CliFileExists, plan.directory + "/" + found + ", in a folder without " + kState);
    CRN_CHECK(write_file(mark, "cairn dev up makes a network here, or was killed while it did.\n", Access::secret,
                         Existing::refuse));
    auto made = make_network(plan);
    if (!made) {
        CRN_CHECK(remove_made(plan.directory));
        remove_if_empty(plan.directory);
        return made;
    }
    CRN_CHECK(remove_file(mark));
    return made;
}

Status check_plan_ports(const DevPlan& plan) {
    std::string taken;
    for (std::size_t i = 0; i < 4 * plan.nodes; ++i) {
        const auto port = static_cast<std::uint16_t>(plan.base_port + i);
        if (!port_is_free("127.0.0.1", port))
            taken += (taken.empty() ? "127.0.0.1:" : ", 127.0.0.1:") + std::to_string(port);
    }
    if (taken.empty()) return {};
    return fail(error::PortInUse, taken);
}

Status check_dev_ports(std::span<const DevNode> nodes) {
    std::string taken;
    for (const auto& node : nodes) {
        if (is_running(node)) continue;
        CRN_TRY(settings, read_node_config(node.config));
        for (const auto& listener : listeners_of(settings))
            if (!port_is_free(listener.address, listener.port))
                taken += (taken.empty() ? "" : ", ") + listener.address + ":" + std::to_string(listener.port) + " (" +
                         node.name + ")";
    }
    if (taken.empty()) return {};
    return fail(error::PortInUse, taken);
}

Status note_process(const std::string& directory, DevNode& node, std::int64_t pid, std::uint64_t started_ticks) {
    const auto lock = lock_directory(directory); // for as long as it takes to write a file
    if (!lock) return std::unexpected(lock.error());
    CRN_TRY(state, read_dev_state(directory));
    const auto found = std::ranges::find(state.nodes, node.name, &DevNode::name);
    if (found == state.nodes.end()) return fail(error::CliNotFound, "node " + node.name + " in " + directory);
    const bool is_ours = found->pid == node.pid && found->started_ticks == node.started_ticks;
    if (!is_ours && is_running(*found))
        return fail(error::CliDevRunning, "another command has started " + node.name + " meanwhile (process " +
                                              std::to_string(found->pid) + ")");
    found->pid = pid;
    found->started_ticks = started_ticks;
    state.boot_id = current_boot_id();
    CRN_CHECK(write_dev_state(state));
    CRN_CHECK(remove_file(directory + "/" + kHalfMade)); // its maker was killed when all was made
    node.pid = pid;
    node.started_ticks = started_ticks;
    return {};
}

Status start_dev_node(const DevState& state, DevNode& node) {
    CRN_TRY(started, start_self({"node", "run", "--config", node.config}, node.log, [&](const Started& process) {
                return note_process(state.directory, node, process.pid, process.started_ticks);
            }));
    static_cast<void>(started);
    return {};
}

namespace {

Status stop_by(const DevState& state, DevNode& node, Microseconds end) {
    const auto left = std::chrono::duration_cast<Milliseconds>(end - system_clock().monotonic());
    if (!wait_for_end(node, std::max(left, Milliseconds{0}))) {
        signal_node(node, SIGKILL);
        if (!wait_for_end(node, Milliseconds{5'000}))
            return fail(error::CliTimedOut,
                        "process " + std::to_string(node.pid) + " (" + node.name + ") does not end");
    }
    return note_process(state.directory, node, 0, 0);
}

} // namespace

Status stop_dev_node(const DevState& state, DevNode& node) {
    signal_node(node, SIGTERM);
    return stop_by(state, node, system_clock().monotonic() + kStopPatience);
}

std::unexpected<Error> ended(const DevNode& node) {
    const auto how = reap(node.pid);
    auto said = tail(node.log, kLastWords);
    if (!said.empty()) said.pop_back();
    return fail(error::CliDevStart, node.name + " ended" + (how ? " " + *how : "") + "; " + node.log +
                                        (said.empty() ? " is empty" : " ends with\n" + said));
}

std::optional<std::uint64_t> height_of(const DevNode& node) {
    auto rpc = RpcClient::open(node.rpc, {}, 2);
    if (!rpc) return std::nullopt;
    const auto answer = rpc->call("eth_blockNumber");
    if (!answer) return std::nullopt;
    const auto height = quantity_u64(*answer, "the height");
    if (!height) return std::nullopt;
    return *height;
}

Status nudge(const DevState& state) {
    CRN_TRY(text, read_secret_file(state.directory + "/" + std::string{kHeartbeat}));
    CRN_TRY(key, parse_account_secret(text));
    CRN_TRY(address, address_of(key));
    Status last = fail(error::CliRpcUnreachable, "no node of the development network");
    for (const auto& node : state.nodes) {
        if (!is_running(node)) continue;
        auto rpc = RpcClient::open(node.rpc, {}, 5);
        if (!rpc) continue;
        const auto hash =
            submit(*rpc, {address, key}, {.to = address, .data = {}, .value = {}, .gas = 21'000, .nonce = {}});
        if (hash) return {};
        last = std::unexpected(hash.error());
    }
    return last;
}

Status wait_for_quorum(const DevState& state, Progress& progress, std::uint64_t timeout_seconds) {
    const auto& clock = system_clock();
    const auto end = clock.monotonic() + std::chrono::seconds(timeout_seconds);
    const auto quorum = quorum_of(state.nodes.size());
    // A network that goes on after a stop must show that it still makes blocks, not that it has some.
    std::optional<std::uint64_t> base;
    bool nudged = false;
    Status nudge_status;
    while (true) {
        std::size_t answering = 0, advanced = 0;
        std::uint64_t highest = 0;
        for (const auto& node : state.nodes) {
            if (!is_running(node)) return ended(node);
            const auto height = height_of(node);
            if (!height) continue;
            ++answering;
            highest = std::max(highest, *height);
            if (base && *height > *base) ++advanced;
        }
        if (interrupted()) return fail(error::CliInterrupted);
        if (advanced >= quorum && answering == state.nodes.size()) return {};
        if (answering >= quorum && !base) base = highest;
        if (base && !nudged) {
            nudge_status = nudge(state);
            nudged = nudge_status.has_value();
        }
        progress.update(std::to_string(answering) + " of " + std::to_string(state.nodes.size()) + " answer, " +
                        std::to_string(advanced) + " have the next block");
        if (clock.monotonic() >= end) {
            auto detail = std::to_string(answering) + " of " + std::to_string(state.nodes.size()) + " nodes answer, " +
                          std::to_string(advanced) + " have the next block, " + std::to_string(quorum) +
                          " are needed, after " + std::to_string(timeout_seconds) + " s";
            if (!nudge_status) detail += "; the first transaction was refused: " + nudge_status.error().text();
            return fail(error::CliDevStart, detail);
        }
        std::this_thread::sleep_for(Milliseconds{50});
    }
}

Status stop_dev_network(DevState& state, Progress& progress) {
    progress.stage("Stopping " + std::to_string(state.nodes.size()) + " nodes");
    for (const auto& node : state.nodes) signal_node(node, SIGTERM);
    const auto end = system_clock().monotonic() + kStopPatience;
    for (auto& node : state.nodes) CRN_CHECK(stop_by(state, node, end));
    progress.done();
    return {};
}

Status wipe_dev_network(const DevState& state) {
    const auto lock = lock_directory(state.directory);
    if (!lock) return std::unexpected(lock.error());
    CRN_CHECK(remove_made(state.directory));
    CRN_CHECK(remove_file(state.directory + "/" + kState));
    remove_if_empty(state.directory);
    return {};
}

Status wipe_half_made_network(const std::string& directory) {
    const auto lock = lock_directory(directory); // a command that is still making it comes first
    if (!lock) return std::unexpected(lock.error());
    if (exists(directory + "/" + kState))
        return fail(error::CliPrecondition,
                    "another command has made a network in " + directory + " meanwhile: the same command again");
    if (!exists(directory + "/" + kHalfMade)) {
        const auto found = made_in(directory);
        return fail(error::CliDevAbsent,
                    directory + (found.empty() ? ""
                                               : ": " + found + " is there without " + kState +
                                                     ", and nothing is removed that may be somebody else's; if a "
                                                     "command that was killed has left it, remove the folder by hand"));
    }
    CRN_CHECK(remove_made(directory));
    remove_if_empty(directory);
    return {};
}

std::string tail(const std::string& path, std::size_t lines) {
    const auto text = read_file(path);
    if (!text) return {};
    auto end = text->size();
    if (end > 0 && text->back() == '\n') --end;
    auto begin = end;
    while (lines > 0 && begin > 0) {
        const auto previous = text->rfind('\n', begin - 1);
        --lines;
        if (previous == std::string::npos) {
            begin = 0;
            break;
        }
        begin = previous;
    }
    if (begin > 0 || text->starts_with('\n')) ++begin;
    return begin >= end ? std::string{} : text->substr(begin, end - begin) + "\n";
}

} // namespace cairn::cli
