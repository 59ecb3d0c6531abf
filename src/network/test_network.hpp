// A small consortium for tests: keys, certificates and genesis in a temporary directory, nodes on loopback ports that the
// system chooses, and a client that speaks TLS by hand and so can misbehave.
#pragma once

#include "crypto/certificate.hpp"
#include "crypto/remote_key.hpp"
#include "network/frame.hpp"
#include "network/network.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace cairn::network::testing {

/// Long enough for a loaded machine: reaching it is a failure, and nothing waits for it otherwise.
inline constexpr std::chrono::seconds kPatience{60};

template <class Condition>
bool eventually(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

inline Frame frame_of(std::uint8_t type, Bytes payload) {
    return {type, std::make_shared<const Bytes>(std::move(payload))};
}

/// Signs with the key that lies in the file now, so that a test can change keys under a node that runs.
class FileSigner final : public crypto::HandshakeSigner {
public:
    explicit FileSigner(std::string path) : path_(std::move(path)) {}
    Result<Bytes> sign_handshake(BytesView message) override { return signer()->sign_handshake(message); }
    crypto::TlsPublicKey handshake_public_key() const override { return signer()->handshake_public_key(); }

private:
    std::shared_ptr<crypto::HandshakeSigner> signer() const {
        return *crypto::local_handshake_signer(crypto::read_secret_file(path_)->view());
    }
    std::string path_;
};

/// Four organisations with one validator each, and a fifth CA that belongs to nobody.
class Consortium {
public:
    static constexpr std::uint16_t kNodes = 4;

    Consortium() {
        char name[] = "/tmp/cairn-network-XXXXXX";
        directory_ = ::mkdtemp(name);
        now_ = system_clock().wall().count() / 1000;
        genesis_.parameters.chain_id = 77;
        genesis_.timestamp = 1;
        for (std::uint16_t i = 0; i <= kNodes; ++i) {
            const auto organisation = std::string(1, static_cast<char>('A' + i));
            cas_.push_back(*crypto::create_ca(organisation, validity(), crypto::system_random()));
            if (i == kNodes) break;
            crypto::ValidatorPublicKey signing;
            signing.bytes.fill(static_cast<std::uint8_t>(i + 1));
            Address account;
            account.bytes.fill(static_cast<std::uint8_t>(i + 1));
            genesis_.organisations.push_back({organisation, cas_[i].certificate_pem, signing, account});
            genesis_.validators.members.push_back(
                {"node-" + organisation, organisation, consensus_key(i), "127.0.0.1:" + std::to_string(i + 1)});
        }
        for (std::uint16_t i = 0; i < kNodes; ++i) {
            const auto node = certificate(i, i);
            write(certificate_file(i), node.certificate_pem + cas_[i].certificate_pem);
            EXPECT_TRUE(crypto::write_secret_file(key_file(i), node.key_pem.view()));
        }
    }
    ~Consortium() { std::filesystem::remove_all(directory_); }

    static crypto::ValidatorPublicKey consensus_key(std::uint16_t i) {
        crypto::ValidatorSeed seed;
        seed.bytes.fill(static_cast<std::uint8_t>(100 + i));
        return crypto::ValidatorKey::from_seed(seed).public_key();
    }
    crypto::Validity validity() const { return {now_ - 3600, now_ + 86'400}; }
    std::int64_t now() const { return now_; }
    /// Issued by the CA `ca` for the consensus key of validator `key` (4 and above: nobody's).
    crypto::CertifiedKey certificate(std::uint16_t ca, std::uint16_t key) const {
        return certificate(ca, key, validity());
    }
    crypto::CertifiedKey certificate(std::uint16_t ca, std::uint16_t key, const crypto::Validity& validity,
                                     crypto::CertificateKey algorithm = crypto::CertificateKey::p256) const {
        auto out = crypto::issue_node_certificate(cas_.at(ca), {"Org", "node", consensus_key(key)}, validity,
                                                  crypto::system_random(), algorithm);
        if (!out) throw std::runtime_error(out.error().text());
        return std::move(*out);
    }
    const crypto::CertifiedKey& ca(std::uint16_t i) const { return cas_.at(i); }
    const ledger::Genesis& genesis() const { return genesis_; }
    std::string certificate_file(std::uint16_t i) const { return directory_ + "/tls-" + std::to_string(i) + ".crt"; }
    std::string key_file(std::uint16_t i) const { return directory_ + "/tls-" + std::to_string(i) + ".key"; }
    std::shared_ptr<crypto::HandshakeSigner> handshake_signer(std::uint16_t i) const {
        return std::make_shared<FileSigner>(key_file(i));
    }
    std::string path(const std::string& name) const { return directory_ + "/" + name; }
    static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

private:
    std::string directory_;
    std::int64_t now_ = 0;
    std::vector<crypto::CertifiedKey> cas_;
    ledger::Genesis genesis_;
};

/// One node and all that its handler was told.
class Node {
public:
    struct Received {
        ValidatorIndex from;
        Stream stream;
        Frame frame;
    };

    Node(const Consortium& consortium, std::uint16_t index, std::map<ValidatorIndex, std::string> peers,
         const NetworkTuning& tuning = {}, std::uint16_t port = 0, std::shared_ptr<const PeerTrust> trust = nullptr) {
        NetworkConfig config;
        config.listen_port = port;
        config.certificate_file = consortium.certificate_file(index);
        config.handshake_signer = consortium.handshake_signer(index);
        config.seating.self = {index};
        config.trust = std::move(trust);
        config.peer_addresses = std::move(peers);
        config.tuning = tuning;
        Handler handler;
        handler.on_frame = [this](ValidatorIndex from, Stream stream, Frame frame) {
            const std::lock_guard lock(mutex_);
            received_.push_back({from, stream, std::move(frame)});
        };
        handler.on_connected = [this](ValidatorIndex) { ++connects_; };
        handler.on_disconnected = [this](ValidatorIndex) { ++disconnects_; };
        handler.on_refused = [this](const std::string&, const std::string& peer, const Error& error) {
            const std::lock_guard lock(mutex_);
            refusals_.push_back(error);
            refused_peers_.push_back(peer);
        };
        auto network = start_network(config, consortium.genesis(), std::move(handler));
        if (!network) throw std::runtime_error(network.error().text());
        network_ = std::move(*network);
    }

    Network& network() { return *network_; }
    std::string address() const { return "127.0.0.1:" + std::to_string(network_->port()); }
    std::uint16_t port() const { return network_->port(); }
    bool connected_to(std::uint16_t peer) const { return state_of(peer).connected; }
    PeerState state_of(std::uint16_t peer) const {
        for (const auto& state : network_->peers())
            if (state.index.value == peer) return state;
        throw std::runtime_error("no such peer");
    }
    std::size_t received_count() const {
        const std::lock_guard lock(mutex_);
        return received_.size();
    }
    std::vector<Received> received() const {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    std::vector<Error> refusals() const {
        const std::lock_guard lock(mutex_);
        return refusals_;
    }
    /// Whom each of the refusals was said of.
    std::vector<std::string> refused_peers() const {
        const std::lock_guard lock(mutex_);
        return refused_peers_;
    }
    int connects() const { return connects_; }
    int disconnects() const { return disconnects_; }

private:
    mutable std::mutex mutex_;
    std::vector<Received> received_;
    std::vector<Error> refusals_;
    std::vector<std::string> refused_peers_;
    std::atomic<int> connects_ = 0;
    std::atomic<int> disconnects_ = 0;
    std::unique_ptr<Network> network_; // last: its thread uses the members above
};

/// All four; index i dials those above it, so they start from the top.
inline std::vector<std::unique_ptr<Node>> start_all(const Consortium& consortium, const NetworkTuning& tuning = {}) {
    std::vector<std::unique_ptr<Node>> nodes(Consortium::kNodes);
    std::map<ValidatorIndex, std::string> addresses;
    for (std::uint16_t i = Consortium::kNodes; i-- > 0;) {
        nodes[i] = std::make_unique<Node>(consortium, i, addresses, tuning);
        addresses[{i}] = nodes[i]->address();
    }
    return nodes;
}

inline bool all_connected(const std::vector<std::unique_ptr<Node>>& nodes) {
    return eventually([&] {
        for (const auto& node : nodes)
            for (const auto& peer : node->network().peers())
                if (!peer.connected) return false;
        return true;
    });
}

/// A plain TCP connection to a loopback port.
class TcpClient {
public:
    /// `source`: the loopback address to come from.
    explicit TcpClient(std::uint16_t port, int receive_buffer = 0, const char* source = "127.0.0.1")
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (receive_buffer != 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        EXPECT_EQ(::inet_pton(AF_INET, source, &address.sin_addr), 1);
        EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    ~TcpClient() { ::close(socket_); }
    TcpClient(const TcpClient&) = delete;
    TcpClient& operator=(const TcpClient&) = delete;

    int socket() const { return socket_; }
    bool connected() const { return connected_; }
    bool send(BytesView bytes) const {
        return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
    }
    /// True once the other side has closed; what it sent before is thrown away.
    bool closed_by_peer() const {
        char sink[4096];
        pollfd wait{socket_, POLLIN, 0};
        while (::poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) > 0) {
            const auto count = ::recv(socket_, sink, sizeof sink, 0);
            if (count <= 0) return true;
        }
        return false;
    }

private:
    int socket_;
    bool connected_ = false;
};

/// TLS by hand, with any certificate or none.
class TlsClient {
public:
    struct Options {
        std::string chain_pem;
        std::string key_pem;
        int version = TLS1_3_VERSION;
        int receive_buffer = 0;
        std::shared_ptr<crypto::HandshakeSigner> signer = nullptr; // instead of key_pem
    };
    TlsClient(std::uint16_t port, const Options& options) : tcp_(port, options.receive_buffer) {
        context_ = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_min_proto_version(context_, options.version);
        SSL_CTX_set_max_proto_version(context_, options.version);
        if (!options.chain_pem.empty()) {
            const auto file = "/tmp/cairn-tls-client-" + std::to_string(::getpid()) + ".pem";
            std::ofstream(file) << options.chain_pem;
            EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_, file.c_str()), 1);
            if (options.signer) {
                EXPECT_EQ(SSL_CTX_use_PrivateKey(context_, crypto::remote_key(options.signer)->get()), 1);
            } else {
                std::ofstream(file) << options.key_pem;
                EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_, file.c_str(), SSL_FILETYPE_PEM), 1);
            }
            std::filesystem::remove(file);
        }
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, tcp_.socket());
        handshaken_ = SSL_connect(ssl_) == 1;
    }
    TlsClient(std::uint16_t port, const crypto::CertifiedKey& key, int receive_buffer = 0)
        : TlsClient(port,
                    Options{key.certificate_pem, std::string(key.key_pem.view()), TLS1_3_VERSION, receive_buffer}) {}
    ~TlsClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    bool handshaken() const { return handshaken_; }
    bool send(BytesView bytes) {
        return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
    }
    /// New traffic keys for what this side sends.
    bool update_keys() {
        return SSL_key_update(ssl_, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && SSL_do_handshake(ssl_) == 1;
    }
    bool send_frame(FrameKind kind, std::uint8_t type, BytesView payload) {
        Bytes out;
        append(out, encode_frame_header({kind, type, static_cast<std::uint32_t>(payload.size())}));
        append(out, payload);
        return send(out);
    }
    /// Exactly `count` bytes; empty if the connection ended before.
    Bytes read(std::size_t count) {
        Bytes out(count);
        std::size_t got = 0;
        while (got < count) {
            const int n = SSL_read(ssl_, out.data() + got, static_cast<int>(count - got));
            if (n <= 0) return {};
            got += static_cast<std::size_t>(n);
        }
        return out;
    }
    struct ReadFrame {
        FrameHeader header;
        Bytes payload;
    };
    std::optional<ReadFrame> read_frame(Phase phase, Stream stream = Stream::sync) {
        const auto bytes = read(kFrameHeaderBytes);
        if (bytes.empty()) return std::nullopt;
        const auto header = decode_frame_header(bytes, phase, payload_max(stream));
        if (!header) return std::nullopt;
        return ReadFrame{*header, header->length == 0 ? Bytes{} : read(header->length)};
    }
    /// True if the node took the hello and answered with its own.
    bool say_hello(const Consortium& consortium, Stream stream) {
        return say_hello(Hello{Hello::kProtocol, consortium.genesis().parameters.chain_id,
                               ledger::hash_of(consortium.genesis()), stream});
    }
    bool say_hello(const Hello& hello) {
        if (!send_frame(FrameKind::hello, 0, encode_hello(hello))) return false;
        const auto answer = read_frame(Phase::awaiting_hello);
        return answer && answer->header.kind == FrameKind::hello && decode_hello(answer->payload) == hello;
    }
    /// True once the node has closed; frames that it sent before are thrown away.
    bool closed_by_peer() {
        char sink[4096];
        while (SSL_read(ssl_, sink, sizeof sink) > 0) {
        }
        return true;
    }

private:
    TcpClient tcp_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    bool handshaken_ = false;
};

} // namespace cairn::network::testing
