#include "node/node.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/node.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "crypto/certificate.hpp"
#include "node/audit_watch.hpp"
#include "node/backup_job.hpp"
#include "node/chain_trust.hpp"
#include "node/control.hpp"
#include "node/control_commands.hpp"
#include "node/core_loop.hpp"
#include "node/data_at_rest.hpp"
#include "node/divergence.hpp"
#include "node/epochs.hpp"
#include "node/evidence_store.hpp"
#include "node/executor.hpp"
#include "node/info_log.hpp"
#include "node/own_signer.hpp"
#include "node/peers.hpp"
#include "node/session.hpp"
#include "node/signer_sealer.hpp"
#include "node/voting_keys.hpp"
#include "storage/segment_log.hpp"
#include "system/keys.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sys/statvfs.h>
#include <thread>

namespace cairn::node {
namespace {

constexpr std::size_t kCachedTransactionsMax = 1u << 17;
constexpr std::size_t kCachedBytesMax = 64u << 20;
constexpr std::chrono::milliseconds kDiskCheckInterval{1'000};
constexpr std::int64_t kExpiryWarning = 30 * 86'400; // seconds before the end of the certificate
constexpr std::size_t kCertificateBytesMax = 64 * 1024;
constexpr const char* kVersion = "0.1.0";

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    std::ifstream in{path, std::ios::binary};
    if (!in) return fail(error::NodeConfigInvalid, path + " cannot be read");
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    if (text.size() > limit) return fail(error::NodeConfigInvalid, path + " is too long");
    return text;
}

class ValidatorNode final : public Node {
public:
    ~ValidatorNode() override {
        stopping_ = true;
        disk_watch_ = {}; // ends it: it looks at the network's certificate
        control_.reset();
        backups_.reset();
        inbox_.close();
        // Each ends before what it uses.
        if (audit_) audit_->stop();
        loop_.reset();
        executor_.reset();
        {
            const std::lock_guard lock(judging_mutex_);
            judging_ended_ = true;
        }
        peers_.reset();
        // The data goes on asking it for keys until it is closed.
        for (const auto& signer : signers_) signer->on_failure({});
        signers_.clear();
        signer_.reset();
        live_.reset();
        if (audit_ && ready_)
            (void)audit_->trail().append(own_event("node.stop", config_.data_dir), audit::Durability::durable);
    }

    Status open(const NodeConfig& config);

    Chain& chain() override { return *live_; }
    AuditWatch& audit() override { return *audit_; }
    storage::FileSystem& files() override { return at_rest_->files(); }
    BackupJob& backups() override { return *backups_; }
    const ChainTrust& trust() const override { return *trust_; }
    Result<std::string> retire_storage_key(std::uint32_t version) override {
        return node::retire_storage_key(*at_rest_, *live_, version);
    }
    Result<std::string> retire_backup_key(std::uint32_t version) override {
        return node::retire_backup_key(*at_rest_, version);
    }
    void on_trust_changed(std::function<void()> changed) override {
        const std::lock_guard lock(judging_mutex_);
        trust_changed_ = std::move(changed);
    }
    std::optional<Error> fatal() const override {
        const std::lock_guard lock(fatal_mutex_);
        return fatal_;
    }

private:
    Status start_signer(const NodeConfig& config);
    Status find_identity(const NodeConfig& config);
    Result<std::shared_ptr<const Session>> session_of(const std::shared_ptr<const EpochRecord>& epoch,
                                                      const Session* before);
    Result<consensus::Core> change_epoch();
    CoreParts core_parts() const {
        return {genesis_, config_.data_dir, at_rest_->files(), *wal_, *ordered_, *voting_keys_};
    }
    CoreLoop::Ports ports();
    /// A batch that fills a block alone would wait for an empty one: a lane's share of the block, or one transaction.
    std::uint64_t batch_gas_max() const {
        const auto& parameters = genesis_.parameters;
        return std::max(parameters.block_gas_limit / peers_->session()->set().size(), parameters.transaction_gas_cap);
    }
    NodeStatus status() const;
    Status open_audit();
    audit::Event own_event(std::string action, std::string object, std::string reason = {}) const;
    FlowStatus flow() const;
    void set_fatal(const Error& error);
    void watch_disk(std::stop_token stop);
    void warn_of_expiry();
    void report_divergence(const Error& error, Height height);
    void note_own_keys(std::string_view tls_certificate);
    void note_session(const ledger::Validator& peer);

    ledger::Genesis genesis_;
    NodeConfig config_;
    ledger::Validator me_; // name and organisation; the key is that of the own signer, whichever votes
    Hash256 tls_key_;      // its id in the index of keys and in the contract Keys
    TransactionCache cache_{kCachedTransactionsMax, kCachedBytesMax};
    Inbox inbox_;
    std::unique_ptr<DataAtRest> at_rest_; // before all that writes
    std::unique_ptr<InfoLog> info_log_;   // null: config.keeps_log
    std::unique_ptr<ExecutedChain> executed_;
    std::unique_ptr<storage::RecordLog> ordered_log_, wal_;
    std::unique_ptr<OrderedStore> ordered_;
    std::unique_ptr<Epochs> epochs_;
    std::shared_ptr<signer::Client> signer_; // the first of signers_
    std::vector<std::shared_ptr<signer::Client>> signers_;
    std::unique_ptr<VotingKeys> voting_keys_;
    std::unique_ptr<AuditWatch> audit_;
    std::shared_ptr<ChainTrust> trust_;
    std::unique_ptr<LiveChain> live_;
    std::unique_ptr<Executor> executor_;
    std::unique_ptr<Peers> peers_;
    std::unique_ptr<CoreLoop> loop_;
    std::unique_ptr<BackupJob> backups_;
    std::unique_ptr<ControlSocket> control_;
    std::atomic<bool> ready_ = false; // everything below `open` is in place
    std::atomic<bool> stopping_ = false;

    mutable std::mutex fatal_mutex_;
    std::optional<Error> fatal_; // guarded by fatal_mutex_
    std::mutex disk_mutex_;
    std::condition_variable_any disk_pause_;
    std::int64_t expiry_warned_ = -1'000'000; // disk_watch_ only: days that were left
    std::mutex judging_mutex_;
    std::function<void()> trust_changed_; // guarded by judging_mutex_
    bool judging_ended_ = false;          // guarded by judging_mutex_: the network goes away before the publisher does
    std::jthread disk_watch_;
};

Status ValidatorNode::open(const NodeConfig& config) {
    config_ = config;
    CRN_TRY(genesis_text, read_file(config.genesis_file, ledger::kGenesisBytesMax));
    CRN_TRY(genesis, ledger::genesis_from_json(genesis_text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    genesis_ = std::move(genesis);
    const auto now_s = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall()).count();
    if (now_s + 60 < static_cast<std::int64_t>(genesis_.timestamp))
        return fail(error::ClockWrong, "the time here is before the genesis time");

    CRN_CHECK(start_signer(config));
    CRN_TRY(at_rest, DataAtRest::open(config, genesis_, signer_));
    at_rest_ = std::move(at_rest);
    if (config.keeps_log) {
        CRN_TRY(info_log, InfoLog::open(at_rest_->files(), config.data_dir + "/log"));
        info_log_ = std::move(info_log);
    }
    CRN_TRY(executed, ExecutedChain::open(config.data_dir, genesis_, system::native_contracts(), at_rest_.get()));
    executed_ = std::move(executed);
    CRN_TRY(ordered_log, storage::open_segment_log_on(at_rest_->files(), config.data_dir + "/ordered",
                                                      {.record_bytes_max = 64u << 20}));
    ordered_log_ = std::move(ordered_log);
    CRN_TRY(ordered, OrderedStore::open(*ordered_log_, executed_->store(), executed_->blocks()));
    ordered_ = std::move(ordered);
    CRN_TRY(last_execution, last_execution_of(signers_));
    CRN_CHECK(check_not_rolled_back(at_rest_->files(), config.data_dir, executed_->blocks(), last_execution));
    CRN_TRY(epochs, Epochs::open(executed_->store(), genesis_, executed_->blocks().hash_of(Height{0})));
    epochs_ = std::move(epochs);
    CRN_CHECK(find_identity(config));
    CRN_TRY(wal, storage::open_segment_log_on(at_rest_->files(), config.data_dir + "/consensus", {}));
    wal_ = std::move(wal);
    CRN_CHECK(open_audit());
    CRN_TRY(session, session_of(epochs_->current(), nullptr));
    CRN_TRY(core, recover_core(core_parts(), *session));

    live_ = std::make_unique<LiveChain>(
        *executed_, *epochs_, cache_, system::native_contracts(),
        LiveChain::Hooks{.transactions_ready = [this] { inbox_.wake(); },
                         .status = [this] { return status(); },
                         .admit = [this](const auto& transaction) { return audit_->submitted(transaction); },
                         .flow = [this] { return flow(); },
                         .organisation = me_.organisation});
    CRN_TRY(tls_certificate, read_file(config.tls_certificate_file, kCertificateBytesMax));
    note_own_keys(tls_certificate);
    const auto on_failure = [this](const Error& error) { set_fatal(error); };
    CRN_TRY(trust, ChainTrust::open(*executed_, config.extra_trust_file));
    trust_ = std::move(trust);
    CRN_TRY(peers, Peers::open({.config = config_,
                                .genesis = genesis_,
                                .signer = signer_,
                                .trust = trust_,
                                .epochs = *epochs_,
                                .ordered = *ordered_,
                                .blocks = executed_->blocks(),
                                .inbox = inbox_,
                                .audit = *audit_,
                                .met = [this](const ledger::Validator& peer) { note_session(peer); }},
                               std::move(session)));
    peers_ = std::move(peers);
    // Publisher's thread: a revocation or a removed CA cuts connections as soon as its block is final.
    live_->listen({.on_block =
                       [this, known = trust_->version()](const auto&) mutable {
                           const auto before = std::exchange(known, trust_->version());
                           const std::lock_guard lock(judging_mutex_);
                           if (before == known || judging_ended_) return;
                           peers_->judge_again();
                           if (trust_changed_) trust_changed_();
                       },
                   .on_pending = {}});
    executor_ = std::make_unique<Executor>(*ordered_, *executed_, *epochs_, *live_, cache_, inbox_, on_failure);
    CRN_TRY(own_batch,
            OwnBatchFile::open(config.data_dir + "/consensus-own-batch", at_rest_->vault(), at_rest_->rotations()));
    loop_ = std::make_unique<CoreLoop>(std::move(core), *wal_, std::move(own_batch), inbox_, system_clock(), ports());
    audit_->follow(*live_, *voting_keys_);
    backups_ = std::make_unique<BackupJob>(BackupJob::Parts{.node = me_.name,
                                                            .genesis = genesis_,
                                                            .ordered = *ordered_,
                                                            .blocks = executed_->blocks(),
                                                            .epochs = *epochs_,
                                                            .at_rest = *at_rest_,
                                                            .trail = audit_->trail()});
    CRN_TRY(control, ControlSocket::listen(config.data_dir, [this](const std::string& line) {
                return answer_control_command({.data_dir = config_.data_dir,
                                               .at_rest = *at_rest_,
                                               .audit = *audit_,
                                               .backups = *backups_,
                                               .log = info_log_.get()},
                                              line);
            }));
    control_ = std::move(control);
    ready_ = true;
    peers_->answer_results();
    disk_watch_ = std::jthread([this](std::stop_token stop) {
        name_thread("disk watch");
        watch_disk(stop);
    });
    log(LogLevel::info, "node", "started",
        {{"name", me_.name},
         {"chain_id", std::to_string(genesis_.parameters.chain_id)},
         {"epoch", std::to_string(epochs_->current()->validators.epoch.value)},
         {"height", std::to_string(executed_->height().value)},
         {"port", std::to_string(peers_->port())}});
    return {};
}

/// Which validator this node is, by its keys in the epochs that it knows; who joins is what its certificate says.
Status ValidatorNode::find_identity(const NodeConfig& config) {
    const auto current = epochs_->current()->validators.epoch;
    for (auto epoch = epochs_->of(current); epoch; epoch = epochs_->of(epoch->validators.epoch.previous())) {
        const auto& set = epoch->validators;
        if (const auto self = voting_keys_->choose(set)) {
            if (set.epoch != current)
                return fail(error::ValidatorLeft,
                            set.members[self->value].name + " was one until epoch " + std::to_string(set.epoch.value));
            me_ = set.members[self->value];
            me_.key = signer_->keys().consensus;
            return {};
        }
        if (set.epoch == genesis_.validators.epoch) break;
    }
    const auto key = crypto::text_of(signer_->keys().consensus);
    if (!config.join) return fail(error::NotAValidator, key + " from " + config.keys_file);
    CRN_TRY(text, read_file(config.tls_certificate_file, kCertificateBytesMax));
    CRN_TRY(certificate, crypto::inspect_certificate(text));
    me_ = {certificate.common_name, certificate.organisation, signer_->keys().consensus, {}};
    log(LogLevel::info, "node", "follows the chain until it has made this node a validator",
        {{"name", me_.name}, {"organisation", me_.organisation}, {"key", key}});
    return {};
}

Result<std::shared_ptr<const Session>> ValidatorNode::session_of(const std::shared_ptr<const EpochRecord>& epoch,
                                                                 const Session* before) {
    const auto self = voting_keys_->choose(epoch->validators);
    const ValidatorIndex none{static_cast<std::uint16_t>(epoch->validators.size())};
    if (!self && ((before && before->is_member()) || !config_.join))
        return fail(error::ValidatorLeft,
                    "epoch " + std::to_string(epoch->validators.epoch.value) + " has begun without " + me_.name);
    return std::make_shared<const Session>(Session{epoch, self.value_or(none)});
}

/// Core's thread. The block that ended the last epoch is final, executed and durable.
Result<consensus::Core> ValidatorNode::change_epoch() {
    const auto epoch = epochs_->current();
    const auto number = std::to_string(epoch->validators.epoch.value);
    CRN_TRY(session, session_of(epoch, peers_->session().get()));
    CRN_CHECK(peers_->begin_epoch(session));
    // What the old lane still held is offered again.
    live_->give_back();
    CRN_TRY(core, recover_core(core_parts(), *session));
    audit_->note(own_event("epoch.begin", "epoch " + number,
                           std::to_string(epoch->validators.size()) + " validators, own key " +
                               text_of(voting_keys_->in_use())));
    log(LogLevel::info, "node", "epoch begins",
        {{"epoch", number},
         {"validators", std::to_string(epoch->validators.size())},
         {"after_height", std::to_string(epoch->start.height.value)}});
    return std::move(core);
}

/// The first thing in the log is who starts with what.
Status ValidatorNode::open_audit() {
    CRN_TRY(watch, AuditWatch::open(
                       at_rest_->files(), config_.data_dir + "/audit", std::make_unique<SignerSealer>(signer_),
                       genesis_, executed_->blocks().hash_of(Height{0}), me_,
                       {.retention_days = config_.audit_retention_days,
                        .anchor_seconds = config_.audit_anchor_seconds,
                        .anchor_account_file = config_.audit_anchor_account_file,
                        .alarms = {config_.audit_alarms, config_.audit_alarms_ca_file, config_.audit_alarm_rules}}));
    audit_ = std::move(watch);
    CRN_TRY(certificate_text, read_file(config_.tls_certificate_file, crypto::kPemBytesMax));
    CRN_TRY(certificate, crypto::inspect_certificate(certificate_text));
    auto& trail = audit_->trail();
    CRN_CHECK(trail.append(own_event("node.start", config_.data_dir, std::string{"version "} + kVersion),
                           audit::Durability::grouped));
    CRN_CHECK(trail.append(own_event("configuration.load",
                                     config_.settings_digest.empty() ? "built in" : config_.settings_digest,
                                     "genesis " + to_hex(executed_->blocks().hash_of(Height{0}))),
                           audit::Durability::grouped));
    return trail.append(own_event("certificate.load", "peer certificate " + certificate.serial,
                                  certificate.subject + ", valid until " +
                                      std::to_string(certificate.validity.not_after) + ", key " +
                                      to_hex(certificate.key_id)),
                        audit::Durability::durable);
}

audit::Event ValidatorNode::own_event(std::string action, std::string object, std::string reason) const {
    return {.subject = "node",
            .identity = me_.organisation,
            .origin = "local",
            .object = std::move(object),
            .action = std::move(action),
            .reason = std::move(reason)};
}

/// The only process with this validator's private keys and the root of its storage keys.
Status ValidatorNode::start_signer(const NodeConfig& config) {
    CRN_TRY(client, start_own_signer(config, genesis_.parameters.chain_id));
    signer_ = std::move(client);
    CRN_TRY(signers, start_voting_signers(signer_, config, genesis_.parameters.chain_id));
    signers_ = std::move(signers);
    for (const auto& signer : signers_) signer->on_failure([this](const Error& error) { set_fatal(error); });
    voting_keys_ = std::make_unique<VotingKeys>(signers_);
    log(LogLevel::info, "signer", "started",
        {{"pid", std::to_string(signer_->process())}, {"sandbox", signer_->sandbox()}});
    return {};
}

CoreLoop::Ports ValidatorNode::ports() {
    return {
        .send = [this](const consensus::Outgoing& message) { peers_->send(message); },
        .deliver = [this](consensus::FinalizedBlockPtr block) { executor_->deliver(std::move(block)); },
        .certified = [this](const ledger::Certificate& certificate) -> Status {
            const Height height{certificate.statement.number};
            CRN_CHECK(executed_->certify(height, certificate));
            live_->certified(height, certificate.statement.digest);
            return {};
        },
        .take_batch = [this](std::size_t bytes, std::size_t transactions) -> consensus::LocalBatch {
            consensus::LocalBatch batch;
            for (const auto& transaction :
                 live_->take_batch({.bytes = bytes,
                                    .transactions = std::min(ledger::kBatchTransactionsMax, transactions),
                                    .gas = batch_gas_max()})) {
                batch.transactions.push_back(transaction->raw);
                batch.gas_limit_sum += transaction->body.gas_limit;
            }
            return batch;
        },
        .has_ready = [this] { return live_->has_ready(); },
        .on_failure = [this](const Error& error) { set_fatal(error); },
        .on_evidence =
            [this](const consensus::Evidence& evidence) {
                return EvidenceStore{at_rest_->files(), config_.data_dir + "/evidence"}.put(
                    evidence, genesis_.parameters.chain_id);
            },
        .on_report =
            [this](const consensus::PeerReport& report) {
                if (report.error.code == error::SignatureInvalid) peers_->accuse(report.peer, report.error);
            },
        .on_divergence = [this](const Error& error, Height height) { report_divergence(error, height); },
        .epoch = [this] { return epochs_->current()->validators.epoch; },
        .next_core = [this] { return change_epoch(); },
    };
}

/// Which keys lie here, and which authority vouches for this node.
void ValidatorNode::note_own_keys(std::string_view tls_certificate) {
    if (const auto info = crypto::inspect_certificate(tls_certificate)) tls_key_ = info->key_id;
    const auto& self = me_;
    const auto note = [&](keys::Touch kind, const Hash256& key, std::string subject, const Hash256& other = {}) {
        live_->touches().record({.kind = kind, .key = key, .other = other, .subject = std::move(subject)});
    };
    note(keys::Touch::stored, system::key_id(self.key.bytes), self.name + ": " + config_.keys_file);
    note(keys::Touch::stored, tls_key_, self.name + ": " + config_.keys_file);
    for (const auto& organisation : genesis_.organisations)
        if (organisation.name == self.organisation)
            note(keys::Touch::issued, system::authority_id(organisation.ca_certificate_pem), self.name + " TLS",
                 tls_key_);
}

/// TLS 1.3 alone: every session has forward secrecy.
void ValidatorNode::note_session(const ledger::Validator& peer) {
    const auto height = live_->head().value;
    live_->touches().record({.kind = keys::Touch::session,
                             .key = tls_key_,
                             .other = {},
                             .height = height,
                             .last_height = height,
                             .forward_secret = true,
                             .subject = peer.name});
}

void ValidatorNode::report_divergence(const Error& error, Height height) {
    if (height == Height{}) height = std::min(live_->head().next(), executed_->height());
    const auto here = executed_->blocks().block(height);
    if (!here) return;
    const auto there = peers_->ask_result(height, stopping_);
    log(LogLevel::error, "node", "result differs from the certified one",
        {{"dump", write_divergence_dump(at_rest_->files(), config_.data_dir, *here, there, error)},
         {"first_difference", there ? first_difference(*here, *there) : "unknown: the peers did not answer"}});
}

FlowStatus ValidatorNode::flow() const {
    FlowStatus out;
    if (peers_) peers_->add_to(out);
    return out;
}

NodeStatus ValidatorNode::status() const {
    NodeStatus out;
    out.name = me_.name;
    out.organisation = me_.organisation;
    out.version = kVersion;
    if (loop_) {
        const auto core = loop_->status();
        out.view = core.view;
        out.syncing = core.highest_claimed.value > core.executed.value + 16;
    }
    if (peers_) peers_->add_to(out);
    return out;
}

void ValidatorNode::set_fatal(const Error& error) {
    if (stopping_) return;
    log(LogLevel::error, "node", error.text());
    if (audit_) {
        auto event = own_event("node.halt", config_.data_dir, error.text());
        event.outcome = audit::Outcome::failed;
        audit_->note(std::move(event));
    }
    const std::lock_guard lock(fatal_mutex_);
    // Who asked the vault for a key may be here before who noticed that the signer, which is the vault, has ended.
    if (!fatal_) fatal_ = error.code == error::VaultUnavailable ? Error{error::SignerUnavailable, error.detail} : error;
    inbox_.close();
}

void ValidatorNode::warn_of_expiry() {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(system_clock().wall()).count();
    const auto left = peers_->certificate().not_after - now;
    const auto days = left / 86'400;
    if (left >= kExpiryWarning || days == expiry_warned_) return; // once for each day that is left
    expiry_warned_ = days;
    log(left > 0 ? LogLevel::warning : LogLevel::error, "node",
        left > 0 ? "the node's certificate expires soon" : "the node's certificate has expired",
        {{"days_left", std::to_string(days)}, {"next", "cairn org renew"}});
}

void ValidatorNode::watch_disk(std::stop_token stop) {
    while (!stop.stop_requested()) {
        struct statvfs space{};
        if (::statvfs(config_.data_dir.c_str(), &space) == 0 &&
            space.f_bavail * space.f_frsize < config_.disk_reserve_bytes && !fatal())
            set_fatal({error::StorageFull, config_.data_dir + " has " +
                                               std::to_string(space.f_bavail * space.f_frsize >> 20) + " MiB left"});
        warn_of_expiry();
        std::unique_lock lock(disk_mutex_);
        disk_pause_.wait_for(lock, stop, kDiskCheckInterval, [] { return false; });
    }
}

} // namespace

Result<std::unique_ptr<Node>> Node::start(const NodeConfig& config) {
    auto node = std::make_unique<ValidatorNode>();
    CRN_CHECK(node->open(config));
    return node;
}

} // namespace cairn::node
