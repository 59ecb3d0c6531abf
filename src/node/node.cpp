#include "node/node.hpp"

#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "codec/wire.hpp"
#include "crypto/certificate.hpp"
#include "node/core_loop.hpp"
#include "node/divergence.hpp"
#include "node/evidence_store.hpp"
#include "node/executor.hpp"
#include "system/system_contracts.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sys/statvfs.h>

namespace cairn::node {
namespace {

constexpr std::size_t kCachedTransactionsMax = 1u << 17;
constexpr std::size_t kCachedBytesMax = 64u << 20;
constexpr std::chrono::milliseconds kDiskCheckInterval{1'000};
constexpr auto kInquiryPatience = std::chrono::seconds{3};
constexpr Microseconds kResultRequestInterval{1'000'000};
constexpr const char* kVersion = "0.1.0";

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    std::ifstream in{path, std::ios::binary};
    if (!in) return fail(error::NodeConfigInvalid, path + " cannot be read");
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    if (text.size() > limit) return fail(error::NodeConfigInvalid, path + " is too long");
    return text;
}

/// A node that has voted once may not start with an empty log as if it were new.
class StartMark {
public:
    explicit StartMark(std::string path) : path_(std::move(path)) {}
    bool exists() const { return std::filesystem::exists(path_); }
    Status set() const {
        std::ofstream out{path_};
        out << "this validator has run; its write-ahead log must not be empty\n";
        out.close();
        if (!out) return fail(error::StorageIo, path_);
        return {};
    }

private:
    std::string path_;
};

class ValidatorNode final : public Node {
public:
    ~ValidatorNode() override {
        stopping_ = true;
        inbox_.close();
        // Each ends before what it uses.
        loop_.reset();
        executor_.reset();
        network_.reset();
        live_.reset();
    }

    Status open(const NodeConfig& config);

    Chain& chain() override { return *live_; }
    std::optional<Error> fatal() const override {
        const std::lock_guard lock(fatal_mutex_);
        return fatal_;
    }

private:
    Result<consensus::Core> recover_core(const NodeConfig& config, ValidatorIndex self);
    CoreLoop::Ports ports();
    NodeStatus status() const;
    void set_fatal(const Error& error);
    void receive(ValidatorIndex from, network::Stream stream, network::Frame frame);
    void watch_disk(std::stop_token stop);
    void report_divergence(const Error& error);
    void answer_result_request(ValidatorIndex from, BytesView payload);

    ledger::Genesis genesis_;
    NodeConfig config_;
    ValidatorIndex self_;
    TransactionCache cache_{kCachedTransactionsMax, kCachedBytesMax};
    Inbox inbox_;
    std::unique_ptr<ExecutedChain> executed_;
    std::unique_ptr<storage::RecordLog> ordered_log_, wal_;
    std::unique_ptr<OrderedStore> ordered_;
    std::unique_ptr<consensus::KeySigner> signer_;
    std::unique_ptr<LiveChain> live_;
    std::unique_ptr<Executor> executor_;
    std::unique_ptr<network::Network> network_;
    std::unique_ptr<CoreLoop> loop_;
    Inquiry inquiry_;
    std::map<ValidatorIndex, Microseconds> last_result_request_; // network thread only
    std::atomic<bool> ready_ = false;                            // everything below `open` is in place
    std::atomic<bool> stopping_ = false;

    mutable std::mutex fatal_mutex_;
    std::optional<Error> fatal_; // guarded by fatal_mutex_
    std::mutex disk_mutex_;
    std::condition_variable_any disk_pause_;
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

    CRN_TRY(seed, crypto::read_ed25519_key(config.validator_key_file));
    const auto key = crypto::ValidatorKey::from_seed(seed);
    const auto self = genesis_.validators.index_of(key.public_key());
    if (!self) return fail(error::NotAValidator, to_hex(key.public_key()) + " from " + config.validator_key_file);
    self_ = *self;
    signer_ = std::make_unique<consensus::KeySigner>(key, genesis_.parameters.chain_id);

    CRN_TRY(executed, ExecutedChain::open(config.data_dir, genesis_, system::native_contracts()));
    executed_ = std::move(executed);
    CRN_TRY(ordered_log, storage::open_segment_log(config.data_dir + "/ordered", {.record_bytes_max = 64u << 20}));
    ordered_log_ = std::move(ordered_log);
    CRN_TRY(ordered, OrderedStore::open(*ordered_log_, executed_->store(), executed_->blocks()));
    ordered_ = std::move(ordered);
    CRN_TRY(wal, storage::open_segment_log(config.data_dir + "/consensus"));
    wal_ = std::move(wal);
    CRN_TRY(core, recover_core(config, *self));

    live_ = std::make_unique<LiveChain>(
        *executed_, cache_, system::native_contracts(),
        LiveChain::Hooks{.transactions_ready = [this] { inbox_.wake(); }, .status = [this] { return status(); }});
    const auto on_failure = [this](const Error& error) { set_fatal(error); };
    CRN_TRY(network, network::start_network(
                         {.listen_address = config.listen_address,
                          .listen_port = config.listen_port,
                          .certificate_file = config.tls_certificate_file,
                          .key_file = config.tls_key_file,
                          .self = self_},
                         genesis_,
                         {.on_frame = [this](ValidatorIndex from, network::Stream stream,
                                             network::Frame frame) { receive(from, stream, std::move(frame)); },
                          .on_connected =
                              [this](ValidatorIndex peer) { (void)inbox_.push_urgent(consensus::PeerConnected{peer}); },
                          .on_disconnected = [](ValidatorIndex) {}}));
    network_ = std::move(network);
    executor_ = std::make_unique<Executor>(*ordered_, *executed_, *live_, cache_, inbox_, on_failure);
    loop_ = std::make_unique<CoreLoop>(std::move(core), *wal_, inbox_, system_clock(), ports());
    ready_ = true;
    disk_watch_ = std::jthread([this](std::stop_token stop) { watch_disk(stop); });
    log(LogLevel::info, "node", "started",
        {{"name", genesis_.validators.members[self_.value].name},
         {"chain_id", std::to_string(genesis_.parameters.chain_id)},
         {"height", std::to_string(executed_->height().value)},
         {"port", std::to_string(network_->port())}});
    return {};
}

Result<consensus::Core> ValidatorNode::recover_core(const NodeConfig& config, ValidatorIndex self) {
    std::vector<Bytes> records;
    CRN_CHECK(wal_->replay({}, [&](storage::RecordPosition, BytesView record) {
        records.push_back(to_bytes(record));
        return true;
    }));
    const StartMark mark{config.data_dir + "/consensus/started"};
    // Without the mark no vote has left, whatever a crash during the first start may have written.
    auto memory = records.empty() ? consensus::Memory::lost : consensus::Memory::complete;
    if (!mark.exists() && ordered_->tip().value == 0) {
        memory = consensus::Memory::fresh;
        records.clear();
    }
    if (memory == consensus::Memory::lost)
        log(LogLevel::warning, "node",
            "the write-ahead log of votes is gone: abstaining until it is safe to vote again");

    consensus::CoreConfig core_config{.chain_id = genesis_.parameters.chain_id,
                                      .validators = genesis_.validators,
                                      .self = self,
                                      .genesis_hash = executed_->blocks().hash_of(Height{0}),
                                      .timing = {},
                                      .limits = {}};
    core_config.timing.min_block_interval = std::chrono::milliseconds{genesis_.parameters.min_block_interval_ms};
    core_config.limits.block_gas_max = genesis_.parameters.block_gas_limit;
    consensus::Core core{core_config, *signer_, *ordered_};
    std::vector<BytesView> views{records.begin(), records.end()};
    CRN_CHECK(core.recover(views, memory));
    if (memory != consensus::Memory::complete) {
        // The log is never empty again once the mark is set, so an empty log beside a mark is a lost one.
        for (const auto& record : core.checkpoint()) {
            CRN_TRY(position, wal_->append(*record));
            (void)position;
        }
        CRN_CHECK(wal_->sync());
        CRN_CHECK(mark.set());
    }
    return core;
}

CoreLoop::Ports ValidatorNode::ports() {
    return {
        .send =
            [this](const consensus::Outgoing& message) {
                const auto stream = static_cast<network::Stream>(message.channel);
                if (message.to)
                    network_->send(*message.to, stream, {message.type, message.payload});
                else
                    network_->broadcast(stream, {message.type, message.payload});
            },
        .deliver = [this](consensus::FinalizedBlockPtr block) { executor_->deliver(std::move(block)); },
        .certified = [this](const ledger::Certificate& certificate) -> Status {
            const Height height{certificate.statement.number};
            CRN_CHECK(executed_->certify(height, certificate));
            live_->certified(height);
            return {};
        },
        .take_batch = [this](std::size_t bytes) -> consensus::LocalBatch {
            consensus::LocalBatch batch;
            for (const auto& transaction : live_->take_batch(
                     {.bytes = bytes, .transactions = ledger::kBatchTransactionsMax, .gas = UINT64_MAX})) {
                batch.transactions.push_back(transaction->raw);
                batch.gas_limit_sum += transaction->body.gas_limit;
            }
            return batch;
        },
        .has_ready = [this] { return live_->has_ready(); },
        .on_failure = [this](const Error& error) { set_fatal(error); },
        .on_evidence =
            [this](const consensus::Evidence& evidence) {
                return EvidenceStore{config_.data_dir + "/evidence"}.put(evidence, genesis_.parameters.chain_id);
            },
        .on_divergence = [this](const Error& error) { report_divergence(error); },
    };
}

void ValidatorNode::report_divergence(const Error& error) {
    // All certificates up to the head agreed with this node.
    const auto height = std::min(live_->head().next(), executed_->height());
    const auto here = executed_->blocks().block(height);
    if (!here) return;
    codec::WireWriter request;
    request.number(height);
    network_->broadcast(network::Stream::sync, {kResultRequest, std::make_shared<const Bytes>(request.take())});
    // f+1 equal answers contain an honest one.
    const auto there = inquiry_.wait(height, genesis_.validators.faults_tolerated() + 1, kInquiryPatience);
    log(LogLevel::error, "node", "result differs from the certified one",
        {{"dump", write_divergence_dump(config_.data_dir, *here, there, error)},
         {"first_difference", there ? first_difference(*here, *there) : "unknown: the peers did not answer"}});
}

void ValidatorNode::answer_result_request(ValidatorIndex from, BytesView payload) {
    const auto now = system_clock().monotonic();
    const auto [last, is_first] = last_result_request_.try_emplace(from, now);
    if (!is_first && now - last->second < kResultRequestInterval) return;
    last->second = now;
    codec::WireReader in{payload};
    const auto height = in.number<Height>();
    if (!in.finish()) return;
    const auto stored = executed_->blocks().block(height);
    auto answer = std::make_shared<Bytes>(stored ? encode_stored_block(*stored) : Bytes{});
    if (answer->size() <= kResultAnswerBytesMax)
        network_->send(from, network::Stream::sync, {kResultAnswer, std::move(answer)});
}

void ValidatorNode::receive(ValidatorIndex from, network::Stream stream, network::Frame frame) {
    if (frame.type == kResultRequest && !ready_) return;
    if (frame.type == kResultRequest) return answer_result_request(from, *frame.payload);
    if (frame.type == kResultAnswer) return inquiry_.answer(from, *frame.payload);
    const auto bytes = frame.payload->size();
    consensus::MessageReceived message{from, frame.type, std::move(frame.payload)};
    if (stream == network::Stream::consensus)
        (void)inbox_.push_urgent(std::move(message));
    else
        (void)inbox_.push_bulk(std::move(message), bytes);
}

NodeStatus ValidatorNode::status() const {
    NodeStatus out;
    const auto& members = genesis_.validators.members;
    out.name = members[self_.value].name;
    out.organisation = members[self_.value].organisation;
    out.version = kVersion;
    if (loop_) {
        const auto core = loop_->status();
        out.view = core.view;
        out.syncing = core.highest_claimed.value > core.executed.value + 16;
    }
    if (network_)
        for (const auto& peer : network_->peers())
            out.peers.push_back({peer.name, members[peer.index.value].organisation, peer.connected});
    return out;
}

void ValidatorNode::set_fatal(const Error& error) {
    if (stopping_) return;
    log(LogLevel::error, "node", error.text());
    const std::lock_guard lock(fatal_mutex_);
    if (!fatal_) fatal_ = error;
    inbox_.close();
}

void ValidatorNode::watch_disk(std::stop_token stop) {
    while (!stop.stop_requested()) {
        struct statvfs space{};
        if (::statvfs(config_.data_dir.c_str(), &space) == 0 &&
            space.f_bavail * space.f_frsize < config_.disk_reserve_bytes && !fatal())
            set_fatal({error::StorageFull, config_.data_dir + " has " +
                                               std::to_string(space.f_bavail * space.f_frsize >> 20) + " MiB left"});
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
