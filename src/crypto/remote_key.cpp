// An OpenSSL provider of our own, in a library context of its own, so that nothing else ever finds it. It has two kinds of keys and
// their signatures, and of each only what TLS and certificate requests ask for.
#include "crypto/remote_key.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/openssl_handle.hpp"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/provider.h>

#include <algorithm>

namespace cairn::crypto {
namespace {

constexpr const char* kName = "cairn-remote";
constexpr const char* kProperties = "provider=cairn-remote";
constexpr const char* kSignerParameter = "cairn-signer";
constexpr std::size_t kSignatureBytesMax = 72; // ECDSA over P-256 in DER
constexpr unsigned char kEd25519Identifier[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr unsigned char kEcdsaSha256Identifier[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86,
                                                    0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

using SignerHolder = std::shared_ptr<HandshakeSigner>;

struct RemoteKey {
    TlsPublicKey public_key;
    SignerHolder signer; // null: a public key that another one is compared with
    bool is_ed25519() const { return algorithm_of(public_key) == CertificateKey::ed25519; }
};
RemoteKey* key_of(void* key) { return static_cast<RemoteKey*>(key); }
const RemoteKey* key_of(const void* key) { return static_cast<const RemoteKey*>(key); }

// NOLINTBEGIN(cppcoreguidelines-owning-memory): OpenSSL owns what these make, by pointers to void.
void* make_key(void*) { return new RemoteKey; }
void free_key(void* key) { delete key_of(key); }

int key_has(const void* key, int selection) {
    const auto* one = key_of(key);
    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && one->public_key.empty()) return 0;
    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || one->signer ? 1 : 0;
}

int keys_match(const void* a, const void* b, int) { return key_of(a)->public_key == key_of(b)->public_key ? 1 : 0; }

int import_key(void* key, int, const OSSL_PARAM parameters[]) {
    const auto* bytes = OSSL_PARAM_locate_const(parameters, OSSL_PKEY_PARAM_PUB_KEY);
    const void* data = nullptr;
    std::size_t size = 0;
    if (bytes == nullptr || OSSL_PARAM_get_octet_string_ptr(bytes, &data, &size) != 1) return 0;
    key_of(key)->public_key.assign(static_cast<const std::uint8_t*>(data),
                                   static_cast<const std::uint8_t*>(data) + size);
    const auto* holder = OSSL_PARAM_locate_const(parameters, kSignerParameter);
    if (holder == nullptr) return 1;
    if (OSSL_PARAM_get_octet_ptr(holder, &data, &size) != 1 || size != sizeof(SignerHolder)) return 0;
    key_of(key)->signer = *static_cast<const SignerHolder*>(data);
    return 1;
}
const OSSL_PARAM* imported_parameters(int) {
    static const OSSL_PARAM list[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                      OSSL_PARAM_octet_ptr(kSignerParameter, nullptr, 0), OSSL_PARAM_END};
    return list;
}

int get_key_parameters(void* key, OSSL_PARAM parameters[]) {
    const bool ed25519 = key_of(key)->is_ed25519();
    const auto set = [&](const char* name, int value) {
        auto* one = OSSL_PARAM_locate(parameters, name);
        return one == nullptr || OSSL_PARAM_set_int(one, value) == 1;
    };
    const auto set_text = [&](const char* name, const char* value) {
        auto* one = OSSL_PARAM_locate(parameters, name);
        return one == nullptr || OSSL_PARAM_set_utf8_string(one, value) == 1;
    };
    const bool good = set(OSSL_PKEY_PARAM_BITS, ed25519 ? 253 : 256) && set(OSSL_PKEY_PARAM_SECURITY_BITS, 128) &&
                      set(OSSL_PKEY_PARAM_MAX_SIZE, ed25519 ? 64 : static_cast<int>(kSignatureBytesMax)) &&
                      (ed25519 ? set_text(OSSL_PKEY_PARAM_MANDATORY_DIGEST, "")
                               : set_text(OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1") &&
                                     set_text(OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256"));
    return good ? 1 : 0;
}
const OSSL_PARAM* gettable_key_parameters(void*) {
    static const OSSL_PARAM list[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
                                      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
                                      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
                                      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
                                      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
                                      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, nullptr, 0),
                                      OSSL_PARAM_END};
    return list;
}
const char* signature_of_ec(int) { return "ECDSA"; }
const char* signature_of_ed25519(int) { return "ED25519"; }

struct Signing {
    const RemoteKey* key = nullptr;
};
Signing* signing_of(void* context) { return static_cast<Signing*>(context); }

void* make_signing(void*, const char*) { return new Signing; }
void free_signing(void* context) { delete signing_of(context); }
void* copy_signing(void* context) { return new Signing(*signing_of(context)); }

int begin_signing(void* context, const char* digest, void* key, const OSSL_PARAM[]) {
    auto* signing = signing_of(context);
    if (key != nullptr) signing->key = key_of(static_cast<const void*>(key));
    if (signing->key == nullptr || !signing->key->signer) return 0;
    // ECDSA is with SHA-256 always, which whoever signs computes; Ed25519 is with no digest.
    const std::string_view name = digest != nullptr ? digest : "";
    return signing->key->is_ed25519() ? name.empty() : name.empty() || name == "SHA256" || name == "SHA2-256";
}

int sign(void* context, unsigned char* out, std::size_t* length, std::size_t room, const unsigned char* message,
         std::size_t size) {
    const auto* key = signing_of(context)->key;
    if (out == nullptr) {
        *length = kSignatureBytesMax;
        return 1;
    }
    const auto signature = key->signer->sign_handshake({message, size});
    if (!signature || signature->size() > room) return 0;
    std::ranges::copy(*signature, out);
    *length = signature->size();
    return 1;
}

int get_signing_parameters(void* context, OSSL_PARAM parameters[]) {
    auto* one = OSSL_PARAM_locate(parameters, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
    const auto* key = signing_of(context)->key;
    if (one == nullptr || key == nullptr) return 1;
    return key->is_ed25519() ? OSSL_PARAM_set_octet_string(one, kEd25519Identifier, sizeof kEd25519Identifier)
                             : OSSL_PARAM_set_octet_string(one, kEcdsaSha256Identifier, sizeof kEcdsaSha256Identifier);
}
const OSSL_PARAM* gettable_signing_parameters(void*, void*) {
    static const OSSL_PARAM list[] = {OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
                                      OSSL_PARAM_END};
    return list;
}
// NOLINTEND(cppcoreguidelines-owning-memory)

template <class Function>
OSSL_DISPATCH entry(int id, Function* function) {
    return {id, reinterpret_cast<void (*)()>(function)}; // NOLINT: how OpenSSL wants them
}

using NameOf = const char*(int);
template <NameOf* Name>
const OSSL_DISPATCH* key_functions() {
    static const OSSL_DISPATCH list[] = {entry(OSSL_FUNC_KEYMGMT_NEW, make_key),
                                         entry(OSSL_FUNC_KEYMGMT_FREE, free_key),
                                         entry(OSSL_FUNC_KEYMGMT_HAS, key_has),
                                         entry(OSSL_FUNC_KEYMGMT_MATCH, keys_match),
                                         entry(OSSL_FUNC_KEYMGMT_IMPORT, import_key),
                                         entry(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, imported_parameters),
                                         entry(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_key_parameters),
                                         entry(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, gettable_key_parameters),
                                         entry(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, Name),
                                         {0, nullptr}};
    return list;
}

const OSSL_DISPATCH* signature_functions() {
    static const OSSL_DISPATCH list[] = {
        entry(OSSL_FUNC_SIGNATURE_NEWCTX, make_signing),
        entry(OSSL_FUNC_SIGNATURE_FREECTX, free_signing),
        entry(OSSL_FUNC_SIGNATURE_DUPCTX, copy_signing),
        entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, begin_signing),
        entry(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
        entry(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_signing_parameters),
        entry(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, gettable_signing_parameters),
        {0, nullptr}};
    return list;
}

const OSSL_ALGORITHM* algorithms(void*, int operation, int* no_cache) {
    static const OSSL_ALGORITHM keys[] = {
        {"ED25519:1.3.101.112", kProperties, key_functions<signature_of_ed25519>(), "elsewhere"},
        {"EC:id-ecPublicKey:1.2.840.10045.2.1", kProperties, key_functions<signature_of_ec>(), "elsewhere"},
        {nullptr, nullptr, nullptr, nullptr}};
    static const OSSL_ALGORITHM signatures[] = {
        {"ED25519:1.3.101.112", kProperties, signature_functions(), "elsewhere"},
        {"ECDSA", kProperties, signature_functions(), "elsewhere"},
        {nullptr, nullptr, nullptr, nullptr}};
    *no_cache = 0;
    if (operation == OSSL_OP_KEYMGMT) return keys;
    return operation == OSSL_OP_SIGNATURE ? signatures : nullptr;
}

int start_provider(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH*, const OSSL_DISPATCH** out, void** context) {
    static const OSSL_DISPATCH list[] = {entry(OSSL_FUNC_PROVIDER_QUERY_OPERATION, algorithms), {0, nullptr}};
    *out = list;
    *context = const_cast<OSSL_CORE_HANDLE*>(handle); // NOLINT: not looked at, but it must not be null
    return 1;
}

/// Lives as long as the process: keys may outlive anything else.
OSSL_LIB_CTX* context_of_remote_keys() {
    static OSSL_LIB_CTX* const context = [] {
        auto* out = OSSL_LIB_CTX_new();
        if (out != nullptr && OSSL_PROVIDER_add_builtin(out, kName, start_provider) == 1) OSSL_PROVIDER_load(out, kName);
        return out;
    }();
    return context;
}

} // namespace

Result<std::shared_ptr<evp_pkey_st>> remote_key(std::shared_ptr<HandshakeSigner> signer) {
    const ErrorScope errors;
    auto public_key = signer->handshake_public_key();
    const auto algorithm = algorithm_of(public_key);
    if (!algorithm) return fail(error::KeyInvalid, "the signer's TLS key is neither P-256 nor Ed25519");
    const KeyContext context(EVP_PKEY_CTX_new_from_name(
        context_of_remote_keys(), *algorithm == CertificateKey::ed25519 ? "ED25519" : "EC", kProperties));
    void* holder = &signer;
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public_key.data(), public_key.size()),
        OSSL_PARAM_construct_octet_ptr(kSignerParameter, &holder, sizeof signer), OSSL_PARAM_construct_end()};
    EVP_PKEY* made = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, parameters) != 1)
        return fail(error::KeyInvalid, "OpenSSL refused it");
    return std::shared_ptr<EVP_PKEY>(made, EVP_PKEY_free);
}

} // namespace cairn::crypto
