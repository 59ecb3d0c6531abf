#include "node/peers.hpp"

#include "codec/wire.hpp"
#include "consensus/messages.hpp"

#include <algorithm>

namespace cairn::node {
namespace {

constexpr auto kInquiryPatience = std::chrono::milliseconds{1'500};
constexpr int kInquiries = 10;
constexpr Microseconds kResultRequestInterval{1'000'000};
constexpr Rate kRequestsPerPeer{200, 1'000}; // fetch messages; a peer that lags asks a few dozen times a second

Microseconds now() { return system_clock().monotonic(); }

/// Small questions with large answers.
bool asks_for_much(std::uint8_t type) {
    switch (static_cast<consensus::MessageType>(type)) {
    case consensus::MessageType::fetch_blocks:
    case consensus::MessageType::fetch_batches:
    case consensus::MessageType::fetch_certificates:
    case consensus::MessageType::fetch_proposal: return true;
    default: return false;
    }
}

audit::Event peer_event(std::string action, const ledger::Validator& peer, std::string reason = {}) {
    return {.subject = "peer " + peer.name,
            .identity = peer.organisation,
            .origin = "peer " + peer.address,
            .object = "peer listener",
            .action = std::move(action),
            .reason = std::move(reason)};
}

std::string reason_of(const FormerValidator& former) {
    return "validator until epoch " + std::to_string(former.last.value);
}

} // namespace

Peers::Peers(Parts parts, std::shared_ptr<const Session> session)
    : parts_(std::move(parts)),
      session_(std::move(session)),
      door_(parts_.ordered, [this](const consensus::Outgoing& message) { send(message); }) {}

Result<std::unique_ptr<Peers>> Peers::open(Parts parts, std::shared_ptr<const Session> session) {
    std::unique_ptr<Peers> out{new Peers(std::move(parts), session)};
    const auto& config = out->parts_.config;
    out->door_.seat(session->set().size(), former_validators(out->parts_.epochs));
    CRN_TRY(network, network::start_network({.listen_address = config.listen_address,
                                             .listen_port = config.listen_port,
                                             .certificate_file = config.tls_certificate_file,
                                             .handshake_signer = out->parts_.signer,
                                             .seating = out->seating_of(*session),
                                             .trust = out->parts_.trust},
                                            out->parts_.genesis, out->handler()));
    const std::unique_lock lock(out->mutex_);
    out->network_ = std::move(network);
    return out;
}

Peers::~Peers() {
    std::unique_ptr<network::Network> last; // ends outside the lock, which its thread may want
    const std::unique_lock lock(mutex_);
    last = std::move(network_);
}

network::Seating Peers::seating_of(const Session& session) const {
    network::Seating out{.validators = session.set(), .self = session.self, .former = {}};
    for (const auto& former : former_validators(parts_.epochs)) out.former.push_back(former.validator);
    return out;
}

network::Handler Peers::handler() {
    return {.on_frame = [this](ValidatorIndex from, network::Stream stream,
                               network::Frame frame) { receive(from, stream, std::move(frame)); },
            .on_connected = [this](ValidatorIndex peer) { connected(peer); },
            .on_disconnected = [this](ValidatorIndex peer) { disconnected(peer); },
            .on_refused =
                [this](const std::string& remote, const std::string& peer, const Error& error) {
                    parts_.audit.note({.subject = peer.empty() ? "unknown" : "peer " + peer,
                                       .origin = "peer " + remote.substr(0, remote.rfind(':')),
                                       .object = "peer listener",
                                       .action = "peer.refused",
                                       .outcome = audit::Outcome::refused,
                                       .reason = error.text()});
                }};
}

std::shared_ptr<const Session> Peers::session() const {
    const std::shared_lock lock(mutex_);
    return session_;
}

Status Peers::begin_epoch(std::shared_ptr<const Session> session) {
    // Without the lock: the network's thread takes it before this returns, and the pointer does not change while a core runs.
    CRN_CHECK(network_->seat(seating_of(*session), [&] { seated(session); }));
    for (const auto& peer : network_->peers())
        if (peer.connected) (void)parts_.inbox.push_urgent(consensus::PeerConnected{peer.index}, 0, peer.index);
    return {};
}

void Peers::seated(std::shared_ptr<const Session> session) {
    parts_.inbox.drop_messages();
    last_result_request_.clear();
    {
        const std::lock_guard lock(requests_mutex_);
        requests_.clear();
    }
    door_.seat(session->set().size(), former_validators(parts_.epochs));
    {
        const std::unique_lock lock(mutex_);
        session_ = std::move(session);
    }
    // Who has just left is connected still.
    for (const auto former : network_->visitors()) door_.greet(former, now());
}

void Peers::connected(ValidatorIndex peer) {
    if (const auto* former = door_.find(peer)) {
        parts_.audit.note(peer_event("peer.connected", former->validator, reason_of(*former)));
        return door_.greet(peer, now());
    }
    const auto session = this->session();
    const auto& member = session->set().members[peer.value];
    parts_.met(member);
    (void)parts_.inbox.push_urgent(consensus::PeerConnected{peer}, 0, peer);
    parts_.audit.note(peer_event("peer.connected", member));
}

void Peers::disconnected(ValidatorIndex peer) {
    if (const auto* former = door_.find(peer))
        return parts_.audit.note(peer_event("peer.disconnected", former->validator, reason_of(*former)));
    parts_.audit.note(peer_event("peer.disconnected", session()->set().members[peer.value]));
}

void Peers::receive(ValidatorIndex from, network::Stream stream, network::Frame frame) {
    if (door_.find(from) != nullptr) return door_.receive(from, frame.type, *frame.payload, now());
    if (frame.type == kResultRequest && !answers_results_) return;
    if (frame.type == kResultRequest) return answer_result_request(from, *frame.payload);
    if (asks_for_much(frame.type) && !may_ask(from)) return;
    if (frame.type == kResultAnswer) return inquiry_.answer(from, *frame.payload);
    const auto bytes = frame.payload->size();
    consensus::MessageReceived message{from, frame.type, std::move(frame.payload)};
    if (stream == network::Stream::consensus)
        (void)parts_.inbox.push_urgent(std::move(message), bytes, from);
    else
        (void)parts_.inbox.push_bulk(std::move(message), bytes, from);
}

void Peers::answer_result_request(ValidatorIndex from, BytesView payload) {
    const auto time = now();
    const auto [last, is_first] = last_result_request_.try_emplace(from, time);
    if (!is_first && time - last->second < kResultRequestInterval) return;
    last->second = time;
    codec::WireReader in{payload};
    const auto height = in.number<Height>();
    if (!in.finish()) return;
    const auto stored = parts_.blocks.block(height);
    auto answer = std::make_shared<Bytes>(stored ? encode_stored_block(*stored) : Bytes{});
    if (answer->size() <= kResultAnswerBytesMax)
        with_network([&](auto& network) { network.send(from, network::Stream::sync, {kResultAnswer, answer}); });
}

bool Peers::may_ask(ValidatorIndex from) {
    const auto time = now();
    const std::lock_guard lock(requests_mutex_);
    auto& budget = requests_.try_emplace(from, kRequestsPerPeer, time).first->second;
    if (budget.bucket.take(1, time)) return true;
    ++budget.refused;
    return false;
}

void Peers::send(const consensus::Outgoing& message) {
    const auto stream = static_cast<network::Stream>(message.channel);
    with_network([&](auto& network) {
        if (message.to)
            network.send(*message.to, stream, {message.type, message.payload});
        else
            network.broadcast(stream, {message.type, message.payload});
    });
}

void Peers::accuse(ValidatorIndex peer, const Error& error) {
    with_network([&](auto& network) { network.accuse(peer, error); });
}

void Peers::judge_again() {
    with_network([](auto& network) { network.judge_again(); });
}

std::optional<StoredBlock> Peers::ask_result(Height height, const std::atomic<bool>& stopping) {
    codec::WireWriter request;
    request.number(height);
    const auto question = std::make_shared<const Bytes>(request.take());
    std::optional<StoredBlock> out;
    for (int attempt = 0; attempt < kInquiries && !out && !stopping; ++attempt) {
        with_network([&](auto& network) { network.broadcast(network::Stream::sync, {kResultRequest, question}); });
        // f+1 equal answers contain an honest one. Who has not executed the block yet answers nothing, and is asked again.
        out = inquiry_.wait(height, session()->set().faults_tolerated() + 1, kInquiryPatience);
    }
    return out;
}

network::OwnCertificate Peers::certificate() const {
    network::OwnCertificate out;
    with_network([&](const auto& network) { out = network.certificate(); });
    return out;
}

std::uint16_t Peers::port() const {
    std::uint16_t out = 0;
    with_network([&](const auto& network) { out = network.port(); });
    return out;
}

void Peers::add_to(NodeStatus& status) const {
    with_network([&](const auto& network) {
        const auto counters = network.counters();
        status.certificate_not_after = network.certificate().not_after;
        status.certificates_refused = counters.certificates_refused;
        status.certificates_cut = counters.certificates_cut;
        status.certificate_renewals = counters.renewals;
        for (const auto& peer : network.peers()) status.peers.push_back({peer.name, peer.organisation, peer.connected});
    });
}

void Peers::add_to(FlowStatus& flow) const {
    with_network([&](const auto& network) {
        const auto refused = parts_.inbox.refused();
        for (const auto& peer : network.peers()) {
            PeerFlow one{.name = peer.name, .paused = peer.read_pauses, .score = peer.ban_score};
            if (const auto found = refused.find(peer.index); found != refused.end()) one.inbox_refused = found->second;
            const std::lock_guard lock(requests_mutex_);
            if (const auto found = requests_.find(peer.index); found != requests_.end())
                one.requests_refused = found->second.refused;
            flow.peers.push_back(std::move(one));
        }
        for (const auto& ban : network.bans())
            flow.bans.push_back({.kind = Ban::Kind::peer,
                                 .name = ban.name,
                                 .address = ban.address,
                                 .reason = ban.reason,
                                 .seconds_left = ban.seconds_left});
        for (const auto& source : network.throttled())
            flow.bans.push_back({.kind = Ban::Kind::source,
                                 .name = {},
                                 .address = source.address,
                                 .reason = std::to_string(source.refused) + " handshakes over the budget",
                                 .seconds_left = 0});
        const auto counters = network.counters();
        flow.handshakes_accepted = counters.accepted;
        flow.handshakes_throttled = counters.handshakes_throttled;
        flow.half_open_evicted = counters.half_open_evicted;
    });
}

} // namespace cairn::node
