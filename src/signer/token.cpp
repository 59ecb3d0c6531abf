#include "signer/token.hpp"

#include "base/errors/signer.hpp"
#include "crypto/certificate.hpp"
#include "signer/journal.hpp"
#include "signer/protocol.hpp"
#include "signer/sandbox.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/token_module.hpp"

#include <cerrno>
#include <csignal>
#include <mutex>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

constexpr std::size_t kMessageMax = 4096;
enum class Ask : std::uint8_t { consensus = 1, tls = 2 };

bool send_all(int socket, BytesView bytes) {
    return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

Bytes reply_of(Result<Bytes> content) {
    Reply out;
    if (content)
        out.content = std::move(*content);
    else
        out.error = content.error();
    return encode(out);
}

/// The helper's whole life.
Status run_helper(int socket, const TokenSetup& setup, BytesView pin) {
    const auto opened = [&]() -> Result<std::unique_ptr<TokenModule>> {
        CRN_TRY(module, TokenModule::open(setup, pin));
        CRN_CHECK(module->find_keys());
        CRN_TRY(report, enter_sandbox(Sandbox::token));
        static_cast<void>(report);
        return std::move(module);
    }();
    if (!opened) {
        send_all(socket, reply_of(std::unexpected(opened.error())));
        return {};
    }
    auto& module = **opened;
    Bytes keys = to_bytes(module.keys().consensus);
    append(keys, module.keys().tls);
    send_all(socket, reply_of(keys));
    Bytes buffer(kMessageMax + 1);
    while (true) {
        const auto count = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return {};
        const BytesView message{buffer.data() + 1, static_cast<std::size_t>(count) - 1};
        send_all(socket, reply_of(static_cast<Ask>(buffer[0]) == Ask::consensus ? module.sign_consensus(message)
                                                                                : module.sign_tls(message)));
    }
}

/// DER of r and s, each a positive integer without leading zeros.
Bytes der_signature(BytesView raw) {
    Bytes body;
    for (const auto part : {raw.first(32), raw.subspan(32)}) {
        auto value = part;
        while (value.size() > 1 && value[0] == 0) value = value.subspan(1);
        const bool pad = (value[0] & 0x80) != 0;
        body.push_back(0x02);
        body.push_back(static_cast<std::uint8_t>(value.size() + (pad ? 1 : 0)));
        if (pad) body.push_back(0);
        append(body, value);
    }
    Bytes out{0x30, static_cast<std::uint8_t>(body.size())};
    append(out, body);
    return out;
}

class HelperBackend final : public TokenBackend {
public:
    HelperBackend(int socket, pid_t helper) : socket_(socket), helper_(helper), buffer_(kMessageMax) {}
    ~HelperBackend() override { ::close(socket_); } // at its end the helper ends too

    Status greet() {
        CRN_TRY(content, receive());
        if (content.size() > 32) {
            keys_.consensus = *crypto::ValidatorPublicKey::from(BytesView{content}.first(32));
            keys_.tls = to_bytes(BytesView{content}.subspan(32));
        }
        if (!crypto::algorithm_of(keys_.tls))
            return fail(error::TokenModuleInvalid, "the helper's answer is malformed");
        // The TLS key must sign nothing but handshakes.
        if (std::ranges::equal(keys_.tls, keys_.consensus))
            return fail(error::TokenKeyMissing, "one key has both labels");
        return {};
    }
    const TokenKeys& keys() const override { return keys_; }

    Result<crypto::Signature> sign_consensus(BytesView message) override {
        CRN_TRY(raw, ask(Ask::consensus, message));
        const auto signature = crypto::Signature::from(raw);
        if (!signature || !crypto::verify(keys_.consensus, message, *signature)) return fail(error::TokenFault);
        return *signature;
    }
    Result<Bytes> sign_handshake(BytesView message) override {
        CRN_TRY(raw, ask(Ask::tls, message));
        if (raw.size() != 64) return fail(error::TokenFault);
        auto out = crypto::algorithm_of(keys_.tls) == crypto::CertificateKey::p256 ? der_signature(raw) : raw;
        if (!crypto::verify_tls(keys_.tls, message, out)) return fail(error::TokenFault);
        return out;
    }

private:
    Result<Bytes> receive() {
        ssize_t count = 0;
        do count = ::recvfrom(socket_, buffer_.data(), buffer_.size(), 0, nullptr, nullptr);
        while (count < 0 && errno == EINTR);
        if (count <= 0) return fail(error::TokenRemoved, "its helper process has ended");
        CRN_TRY(reply, decode_reply({buffer_.data(), static_cast<std::size_t>(count)}));
        if (reply.error) return std::unexpected(*reply.error);
        return std::move(reply.content);
    }
    Result<Bytes> ask(Ask what, BytesView message) {
        if (message.size() >= kMessageMax) return fail(error::SignerRequestInvalid, "too long for the token");
        Bytes request{static_cast<std::uint8_t>(what)};
        append(request, message);
        if (::sendto(socket_, request.data(), request.size(), MSG_NOSIGNAL, nullptr, 0) !=
            static_cast<ssize_t>(request.size()))
            return fail(error::TokenRemoved, "its helper process has ended");
        return receive();
    }

    int socket_;
    [[maybe_unused]] pid_t helper_;
    Bytes buffer_;
    TokenKeys keys_;
};

class TokenHandshakes final : public crypto::HandshakeSigner {
public:
    explicit TokenHandshakes(std::unique_ptr<TokenBackend> token) : token_(std::move(token)) {}
    Result<Bytes> sign_handshake(BytesView message) override {
        const std::lock_guard guard(mutex_);
        return token_->sign_handshake(message);
    }
    crypto::TlsPublicKey handshake_public_key() const override { return token_->keys().tls; }

private:
    std::mutex mutex_; // a backend is for one thread, a key of OpenSSL for all
    std::unique_ptr<TokenBackend> token_;
};

} // namespace

std::shared_ptr<crypto::HandshakeSigner> handshakes_of(std::unique_ptr<TokenBackend> token) {
    return std::make_shared<TokenHandshakes>(std::move(token));
}

Result<std::unique_ptr<TokenBackend>> start_token(const TokenSetup& setup, BytesView pin) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(error::TokenModuleInvalid, "no socket for its helper");
    const auto helper = ::fork();
    if (helper < 0) return fail(error::TokenModuleInvalid, "no process for its helper");
    if (helper == 0) {
        // The node's socket is the signer's alone: the helper must end with the signer, not keep it alive.
        for (int fd = 3; fd < 256; ++fd)
            if (fd != pair[1]) ::close(fd);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_IGN);
        static_cast<void>(run_helper(pair[1], setup, pin));
        ::_exit(0);
    }
    ::close(pair[1]);
    auto out = std::make_unique<HelperBackend>(pair[0], helper);
    CRN_CHECK(out->greet());
    return out;
}

Result<TokenKeys> create_token_keys(const TokenSetup& setup, BytesView pin, crypto::CertificateKey tls) {
    CRN_TRY(module, TokenModule::open(setup, pin));
    CRN_CHECK(module->create_keys(tls));
    return module->keys();
}

Result<PublicKeys> create_token_keys_file(const std::string& path, const TokenSetup& setup, BytesView pin,
                                          Random& random, crypto::CertificateKey tls) {
    CRN_TRY(made, create_token_keys(setup, pin, tls));
    static_cast<void>(made);
    CRN_TRY(token, start_token(setup, pin));
    CRN_TRY(secrets, Secrets::generate(random));
    CRN_TRY(public_keys, restore_token_keys_file(path, setup, *token, secrets, random));
    CRN_CHECK(Journal::create(state_path(path), state_key(secrets), {}));
    return public_keys;
}

Result<PublicKeys> restore_token_keys_file(const std::string& path, const TokenSetup& setup, TokenBackend& token,
                                           const Secrets& secrets, Random& random) {
    CRN_TRY(passphrase, token_passphrase(token));
    // Only the audit seal and the root of storage are ever used; in the place of the others stands nothing of meaning.
    CRN_TRY(sealed_secrets, Secrets::generate(random));
    std::ranges::copy(secrets.view().subspan(64, 64), sealed_secrets.bytes().subspan(64).begin());
    CRN_TRY(public_keys, sealed_secrets.public_keys());
    public_keys.consensus = token.keys().consensus;
    public_keys.tls = token.keys().tls;
    Protection protection;
    protection.cost = kCostForRandomPassphrase;
    CRN_TRY(sealed,
            seal(sealed_secrets, public_keys, passphrase.view(), {}, protection, setup.module, setup.label, random));
    CRN_CHECK(crypto::write_secret_file(path, to_json(sealed)));
    return public_keys;
}

Result<LockedBytes> token_passphrase(Backend& token) {
    CRN_TRY(signature, token.sign_consensus(as_bytes("cairn-sealed-beside-token-v1")));
    LockedBytes out(signature.size());
    if (out.empty()) return fail(error::SignerPassphraseMissing, "no memory that can be locked");
    std::ranges::copy(signature, out.bytes().begin());
    crypto::wipe(signature.bytes);
    return out;
}

} // namespace cairn::signer
