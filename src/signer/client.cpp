#include "signer/client.hpp"

#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "signer/audit_keys.hpp"
#include "signer/purpose_keys.hpp"
#include "signer/serve.hpp"
#include "signer/service.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

std::string system_error() { return std::strerror(errno); } // NOLINT(concurrency-mt-unsafe): glibc's is safe

std::unexpected<Error> unavailable(const std::string& why) { return fail(error::SignerUnavailable, why); }

/// The very file that this process runs, even if an upgrade has put another in its place.
constexpr const char* kOwnProgram = "/proc/self/exe";

/// -1 for an empty path.
Result<int> open_passphrase(const std::string& path) {
    if (path.empty()) return -1;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status{};
    if (file < 0 || ::fstat(file, &status) != 0) return fail(error::SignerPassphraseMissing, path);
    if ((status.st_mode & 077) != 0) {
        ::close(file);
        return fail(error::SignerPassphraseMissing, path + " may be read by others than its owner: chmod 600");
    }
    return file;
}

Result<std::uint64_t> read_witness(int file) {
    std::uint8_t bytes[8];
    const auto count = ::pread(file, bytes, sizeof bytes, 0);
    if (count == 0) return 0;
    if (count != sizeof bytes) return unavailable("the witness file has a wrong length");
    return codec::WireReader{{bytes, sizeof bytes}}.u64();
}

} // namespace

Result<std::shared_ptr<Client>> Client::start(const ClientConfig& config) {
    auto out = std::shared_ptr<Client>(new Client());
    out->buffer_.resize(kReplyBytesMax);
    StartRequest request;
    request.keys_file = config.keys_file;
    request.sealer_file = config.sealer_file;
    request.chain_id = out->chain_id_ = config.chain_id;
    if (!config.witness_file.empty()) {
        out->witness_file_ = ::open(config.witness_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (out->witness_file_ < 0) return unavailable(config.witness_file + ": " + system_error());
        CRN_TRY(seen, read_witness(out->witness_file_));
        request.witness = out->witnessed_ = seen;
    }
    CRN_TRY(passphrase, open_passphrase(config.passphrase_file));
    request.has_passphrase_descriptor = passphrase >= 0;
    const auto launched = out->launch(config, passphrase);
    if (passphrase >= 0) ::close(passphrase);
    if (!launched) return std::unexpected(launched.error());
    CRN_TRY(content, out->ask(request));
    CRN_TRY(started, decode_started(content));
    CRN_CHECK(out->limit_waiting(config.patience)); // from here on no person types
    out->started_ = std::move(started);
    out->uses_.counts = out->started_.uses.counts;
    CRN_TRY(successions, read_successions(config.keys_file));
    out->successions_ = std::move(successions);
    return out;
}

Status Client::launch(const ClientConfig& config, int passphrase) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return unavailable(system_error());
    socket_ = pair[0];
    const std::string program = config.program.empty() ? kOwnProgram : config.program;
    std::string words[] = {"cairn", "signer", "serve"};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    // Both to high numbers first: either may lie where the other must go.
    constexpr int kAside = 200;
    ::posix_spawn_file_actions_adddup2(&files, pair[1], kAside);
    if (passphrase >= 0) ::posix_spawn_file_actions_adddup2(&files, passphrase, kAside + 1);
    ::posix_spawn_file_actions_adddup2(&files, kAside, kSocketDescriptor);
    if (passphrase >= 0) ::posix_spawn_file_actions_adddup2(&files, kAside + 1, kPassphraseDescriptor);
    ::posix_spawn_file_actions_addclosefrom_np(&files,
                                               passphrase >= 0 ? kPassphraseDescriptor + 1 : kSocketDescriptor + 1);
    sigset_t none, usual;
    ::sigemptyset(&none);
    ::sigemptyset(&usual);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::sigaddset(&usual, signal);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    const int failure = ::posix_spawn(&process_, program.c_str(), &files, &attributes, arguments, environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    ::close(pair[1]);
    if (failure == 0) return {};
    process_ = -1;
    errno = failure;
    return unavailable(program + ": " + system_error());
}

Status Client::limit_waiting(Milliseconds patience) const {
    const timeval limit{.tv_sec = patience.count() / 1000, .tv_usec = patience.count() % 1000 * 1000};
    for (const int direction : {SO_RCVTIMEO, SO_SNDTIMEO})
        if (::setsockopt(socket_, SOL_SOCKET, direction, &limit, sizeof limit) != 0) return unavailable(system_error());
    return {};
}

Client::~Client() {
    if (socket_ >= 0) ::close(socket_);
    if (witness_file_ >= 0) ::close(witness_file_);
    if (process_ <= 0) return;
    // It ends when the node hangs up, unless it is waiting for a person.
    for (int i = 0; i < 200; ++i) {
        if (::waitpid(process_, nullptr, WNOHANG) != 0) return;
        const timespec pause{0, 10'000'000};
        ::nanosleep(&pause, nullptr);
    }
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

void Client::on_failure(std::function<void(const Error&)> handler) {
    const std::lock_guard lock(handler_mutex_);
    handler_ = std::move(handler);
}

void Client::failed(const Error& error) const {
    std::function<void(const Error&)> handler;
    {
        const std::lock_guard lock(handler_mutex_);
        if (has_failed_) return;
        has_failed_ = true;
        handler = handler_;
    }
    if (handler) handler(error);
}

void Client::witness(std::uint64_t counter) const {
    if (counter <= witnessed_ || witness_file_ < 0) return;
    witnessed_ = counter;
    codec::WireWriter out;
    out.u64(counter);
    // Not synced: after a power cut an older witness is only a weaker one.
    static_cast<void>(!::pwrite(witness_file_, out.bytes().data(), out.bytes().size(), 0));
}

Result<Reply> Client::receive() const {
    if (is_broken_) return unavailable("it has ended, or given no answer");
    ssize_t count = 0;
    do count = ::recv(socket_, buffer_.data(), buffer_.size(), 0);
    while (count < 0 && errno == EINTR);
    if (count <= 0) {
        // The kernel reports a reset before the replies that are still queued: those would answer the wrong requests.
        is_broken_ = true;
        return unavailable(count == 0         ? "its process has ended"
                           : errno == EAGAIN ? "it gives no answer: it or its token hangs"
                                             : system_error());
    }
    CRN_TRY(reply, decode_reply({buffer_.data(), static_cast<std::size_t>(count)}));
    ::explicit_bzero(buffer_.data(), static_cast<std::size_t>(count)); // data keys
    witness(reply.counter);
    if (reply.use) ++uses_.of(*reply.use);
    if (reply.use == ledger::KeyUse::seal) uses_at_seal_ = uses_;
    return reply;
}

Result<Reply> Client::exchange(BytesView request) const {
    const std::lock_guard lock(mutex_);
    if (is_broken_) return unavailable("it has ended, or given no answer");
    if (::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
        return unavailable(errno == EPIPE || errno == ECONNRESET ? "its process has ended" : system_error());
    return receive();
}

Result<Bytes> Client::ask(const Request& request) const {
    auto encoded = encode(request);
    auto content = ask_encoded(encoded);
    ::explicit_bzero(encoded.data(), encoded.size()); // data keys
    return content;
}

Result<Bytes> Client::ask_encoded(BytesView encoded) const {
    auto reply = exchange(encoded);
    if (!reply) {
        failed(reply.error());
        return std::unexpected(reply.error());
    }
    if (!reply->error) return std::move(reply->content);
    if (reply->error->code == error::SignerStateIo) failed(*reply->error);
    return std::unexpected(*reply->error);
}

std::vector<Result<Bytes>> Client::ask_together(std::span<const Request> requests) const {
    std::vector<Result<Bytes>> out;
    const std::lock_guard lock(mutex_);
    while (!requests.empty()) {
        // Never more in flight than the signer takes at once, or both sides could wait for room.
        const auto group = requests.first(std::min(requests.size(), kGroupMax));
        requests = requests.subspan(group.size());
        std::size_t sent = 0;
        for (const auto& request : group) {
            const auto bytes = encode(request);
            if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) break;
            ++sent;
        }
        for (std::size_t i = 0; i < group.size(); ++i) {
            auto reply = i < sent ? receive() : unavailable("its process has ended");
            if (!reply)
                out.push_back(std::unexpected(reply.error()));
            else if (reply->error)
                out.push_back(std::unexpected(*reply->error));
            else
                out.push_back(std::move(reply->content));
        }
    }
    for (const auto& answer : out)
        if (!answer && answer.error().code == error::SignerUnavailable) failed(answer.error());
    return out;
}

Result<crypto::Signature> Client::ask_signature(const Request& request) const {
    CRN_TRY(content, ask(request));
    const auto signature = crypto::Signature::from(content);
    if (!signature) return unavailable("a signature of wrong length");
    return *signature;
}

std::optional<crypto::Signature> Client::statement(const Request& request) const {
    const auto signature = ask_signature(request);
    if (signature) return *signature;
    const auto text = signature.error().text();
    const std::lock_guard lock(handler_mutex_);
    if (text != last_refusal_) log(LogLevel::warning, "signer", text);
    last_refusal_ = text;
    return std::nullopt;
}

std::optional<crypto::Signature> Client::sign_vote(const ledger::VoteStatement& statement_) const {
    return statement(VoteRequest{statement_});
}
std::optional<crypto::Signature> Client::sign_batch(const ledger::BatchHeader& header) const {
    return statement(BatchRequest{header});
}
std::optional<crypto::Signature> Client::sign_seal_key(const ledger::SealKeyStatement& asked) const {
    if (asked.chain_id != chain_id_) return std::nullopt;
    return statement(SealKeyRequest{asked.node, asked.seal_key});
}
std::optional<crypto::Signature> Client::sign_proposal(const ledger::ConsensusBlock& block) const {
    return statement(ProposalRequest{block});
}

Result<crypto::Signature> Client::claim_seat(const std::string& validator) const {
    return ask_signature(ClaimRequest{validator});
}

ledger::KeyUses Client::uses_at_seal() const {
    const std::lock_guard lock(mutex_);
    return uses_at_seal_;
}

Result<Bytes> Client::sign_handshake(BytesView message) { return ask(HandshakeRequest{to_bytes(message)}); }

// The vault's callers know one code for a signer that is gone.
namespace {
std::unexpected<Error> vault_error(const Error& error) {
    if (error.code == error::SignerUnavailable) return fail(error::VaultUnavailable, error.detail);
    return std::unexpected(error);
}
VaultRequest vault_request(VaultRequest::Operation operation, storage::KeyPurpose purpose) {
    VaultRequest out;
    out.operation = operation;
    out.purpose = static_cast<std::uint8_t>(purpose);
    return out;
}
} // namespace

Result<storage::WrappedKey> Client::wrap(storage::KeyPurpose purpose, BytesView context, const storage::DataKey& key) {
    auto request = vault_request(VaultRequest::Operation::wrap, purpose);
    request.context = to_bytes(context);
    request.key = to_bytes(key.view());
    auto content = ask(request);
    crypto::wipe(request.key);
    if (!content) return vault_error(content.error());
    codec::WireReader in{*content};
    storage::WrappedKey out;
    out.version.value = in.u32();
    out.bytes = to_bytes(in.string(storage::kWrappedKeyBytesMax));
    if (!in.finish()) return fail(error::VaultUnavailable, "its answer is malformed");
    return out;
}

Result<storage::DataKey> Client::unwrap(storage::KeyPurpose purpose, BytesView context,
                                        const storage::WrappedKey& key) {
    auto request = vault_request(VaultRequest::Operation::unwrap, purpose);
    request.version = key.version.value;
    request.context = to_bytes(context);
    request.key = key.bytes;
    auto content = ask(request);
    if (!content) return vault_error(content.error());
    auto out = crypto::SecretKey::from(*content);
    crypto::wipe(*content);
    if (!out) return fail(error::VaultUnavailable, "its answer is malformed");
    return std::move(*out);
}

Result<storage::KeyVersion> Client::make_version(storage::KeyPurpose purpose) {
    const auto content = ask(vault_request(VaultRequest::Operation::make, purpose));
    if (!content) return vault_error(content.error());
    return storage::KeyVersion{codec::WireReader{*content}.u32()};
}

Status Client::retire(storage::KeyPurpose purpose, storage::KeyVersion version) {
    auto request = vault_request(VaultRequest::Operation::retire, purpose);
    request.version = version.value;
    if (const auto done = ask(request); !done) return vault_error(done.error());
    return {};
}

Status Client::destroy(storage::KeyPurpose purpose, storage::KeyVersion version) {
    auto request = vault_request(VaultRequest::Operation::destroy, purpose);
    request.version = version.value;
    if (const auto done = ask(request); !done) return vault_error(done.error());
    return {};
}

Result<std::vector<storage::KeyVersionInfo>> Client::versions(storage::KeyPurpose purpose) const {
    const auto content = ask(vault_request(VaultRequest::Operation::list, purpose));
    if (!content) return vault_error(content.error());
    return decode_versions(*content);
}

Result<LastExecution> Client::last_execution() const {
    CRN_TRY(content, ask(LastExecutionRequest{}));
    codec::WireReader in{content};
    LastExecution out{in.u64(), in.fixed<Hash256>()};
    if (!in.finish()) return fail(error::SignerUnavailable, "its answer is malformed");
    return out;
}

} // namespace cairn::signer
