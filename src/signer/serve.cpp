#include "signer/serve.hpp"

#include "base/errors/signer.hpp"
#include "crypto/hash.hpp"
#include "signer/passphrase.hpp"
#include "signer/sandbox.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/service.hpp"
#include "signer/token.hpp"
#include "signer/tpm.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

constexpr int kPassphraseTries = 3;
/// A group is what has arrived; of long requests fewer fit.
constexpr std::size_t kGroupBytesMax = 1u << 20;

bool is_our_socket(int descriptor) {
    int type = 0;
    socklen_t length = sizeof type;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

/// Nothing at the end of the connection.
std::optional<Bytes> receive(int flags, Bytes& buffer) {
    while (true) {
        // MSG_TRUNC: the true length, so that a request that is too long is seen as such.
        const auto count =
            ::recvfrom(kSocketDescriptor, buffer.data(), buffer.size(), flags | MSG_TRUNC, nullptr, nullptr);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return std::nullopt;
        const auto length = std::min(static_cast<std::size_t>(count), buffer.size());
        return Bytes(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
    }
}

bool send(BytesView bytes) {
    while (true) {
        const auto count = ::sendto(kSocketDescriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL, nullptr, 0);
        if (count < 0 && errno == EINTR) continue;
        return count == static_cast<ssize_t>(bytes.size());
    }
}

std::optional<int> passphrase_descriptor(const StartRequest& start) {
    return start.has_passphrase_descriptor ? std::optional{kPassphraseDescriptor} : std::nullopt;
}

/// Opened keys: what this process holds, and who signs with the others.
struct Opened {
    Secrets secrets;
    std::unique_ptr<Backend> backend;
    std::optional<crypto::ValidatorPublicKey> sealer; // its audit key
};

/// The audit key in the sealer's file, if this passphrase opens it: so the node, which only names the file, cannot put a key of its
/// own in its place. Nothing if there is none, it is on a token, or another passphrase protects it: then these keys do not vouch for it.
std::optional<crypto::ValidatorPublicKey> sealer_key(const std::string& file, BytesView passphrase) {
    if (file.empty()) return std::nullopt;
    const auto keys = read_sealed_keys(file);
    if (!keys || keys->on_token()) return std::nullopt;
    LockedBytes share;
    if (!keys->protection.tpm_blob.empty()) {
        auto tpm = Tpm::open(keys->protection.tpm_interface);
        if (!tpm) return std::nullopt;
        auto released = (*tpm)->unseal(keys->protection.tpm_blob);
        if (!released) return std::nullopt;
        share = std::move(*released);
    }
    const auto secrets = unseal(*keys, passphrase, share.view());
    if (!secrets) return std::nullopt;
    const auto public_keys = secrets->public_keys();
    if (!public_keys) return std::nullopt;
    return public_keys->audit;
}

Result<Opened> open_file(const SealedKeys& keys, const StartRequest& start, BytesView tpm_share) {
    for (int i = 1;; ++i) {
        CRN_TRY(passphrase, read_passphrase(passphrase_descriptor(start), "Passphrase of " + start.keys_file + ": "));
        auto secrets = unseal(keys, passphrase.view(), tpm_share);
        if (!secrets && passphrase.asked && i < kPassphraseTries) continue;
        if (!secrets) return std::unexpected(secrets.error());
        // The clear part says which keys it holds; what it holds decides.
        CRN_TRY(public_keys, secrets->public_keys());
        if (public_keys != keys.public_keys) return fail(error::SealedKeysInvalid, "its public keys are of other keys");
        CRN_TRY(backend, memory_backend(*secrets));
        return Opened{std::move(*secrets), std::move(backend), sealer_key(start.sealer_file, passphrase.view())};
    }
}

/// A wrong PIN is not tried again by itself: the token counts.
Result<Opened> open_token(const SealedKeys& keys, const StartRequest& start) {
    CRN_TRY(pin, read_passphrase(passphrase_descriptor(start), "PIN of token " + keys.token_label + ": "));
    CRN_TRY(token, start_token({keys.token_module, keys.token_label}, pin.view()));
    if (crypto::VotingKey{token->keys().consensus} != keys.public_keys.consensus ||
        token->keys().tls != keys.public_keys.tls)
        return fail(error::TokenKeyMissing, "the token has other keys than " + start.keys_file + " names");
    CRN_TRY(passphrase, token_passphrase(*token));
    CRN_TRY(secrets, unseal(keys, passphrase.view(), {}));
    return Opened{std::move(secrets), std::move(token), sealer_key(start.sealer_file, pin.view())};
}

struct Begun {
    std::unique_ptr<Service> service;
    std::string sandbox;
};

Result<Begun> begin(const StartRequest& start) {
    if (::sodium_init() < 0) return fail(error::SandboxFailed, "libsodium cannot be used");
    CRN_TRY(keys, read_sealed_keys(start.keys_file));
    std::unique_ptr<Tpm> tpm;
    LockedBytes tpm_share;
    if (!keys.protection.tpm_blob.empty()) {
        CRN_TRY(found, Tpm::open(keys.protection.tpm_interface));
        tpm = std::move(found);
        CRN_TRY(share, tpm->unseal(keys.protection.tpm_blob));
        tpm_share = std::move(share);
    }
    CRN_TRY(opened, keys.on_token() ? open_token(keys, start) : open_file(keys, start, tpm_share.view()));
    auto& [secrets, backend, sealer] = opened;
    // From here on a Ctrl-C that is meant for the node must not end the signer before it: the node hangs up.
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_IGN);
    // Once before the sandbox: OpenSSL's generator opens what it needs.
    CRN_TRY(first, backend->sign_handshake(crypto::certificate_verify(crypto::TlsSide::server, Hash256{})));
    static_cast<void>(first);
    std::uint64_t starts = 0;
    const auto authorization = counter_authorization(secrets);
    const auto counter = keys.protection.tpm_counter;
    if (tpm && counter != 0) {
        CRN_TRY(counted, tpm->read_counter(counter, authorization.view()));
        starts = counted;
    }
    CRN_TRY(service, Service::open({state_path(start.keys_file), start.chain_id, start.witness, starts, sealer},
                                   std::move(secrets), keys.public_keys, std::move(backend)));
    // After the memory has noted this start: a crash in between leaves it one ahead, which is no harm.
    if (tpm && counter != 0) CRN_CHECK(tpm->count(counter, authorization.view()));
    tpm.reset();
    CRN_TRY(report, enter_sandbox(Sandbox::strict));
    return Begun{std::move(service), std::move(report)};
}

/// The node tells the person; two reports of one fault would only confuse.
Status refuse(const Error& error) {
    Reply reply;
    reply.error = error;
    if (!send(encode(reply))) return std::unexpected(error);
    return {};
}

/// Until the node hangs up.
void answer_requests(Service& service, Bytes& buffer) {
    std::vector<Bytes> group;
    while (true) {
        auto next = receive(0, buffer);
        if (!next) return;
        group.clear();
        std::size_t bytes = 0;
        while (next) {
            bytes += next->size();
            group.push_back(std::move(*next));
            if (group.size() == kGroupMax || bytes > kGroupBytesMax) break;
            next = receive(MSG_DONTWAIT, buffer);
        }
        for (const auto& reply : service.handle(group))
            if (!send(reply)) return;
    }
}

} // namespace

Status serve() {
    if (!is_our_socket(kSocketDescriptor)) return fail(error::SignerByHand);
    Bytes buffer(kRequestBytesMax + 1);
    const auto first = receive(0, buffer);
    if (!first) return {};
    const auto request = decode_request(*first);
    if (!request) return refuse(request.error());
    const auto* start = std::get_if<StartRequest>(&*request);
    if (start == nullptr) return refuse({error::SignerRequestInvalid, "the first request is not a start"});
    auto begun = begin(*start);
    if (!begun) return refuse(begun.error());
    auto& service = *begun->service;
    if (send(service.reply(encode(Started{service.keys(), begun->sandbox, service.uses()}))))
        answer_requests(service, buffer);
    begun->service.reset(); // wipes the keys
    // Handlers of exit() would want what the sandbox forbids.
    std::_Exit(0);
}

} // namespace cairn::signer
