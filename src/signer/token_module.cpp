#include "signer/token_module.hpp"

#include "base/errors/signer.hpp"
#include "crypto/hash.hpp"

#include <cstdio>
#include <cstring>
#include <dlfcn.h>

namespace cairn::signer {
namespace {

// DER of the object identifiers 1.2.840.10045.3.1.7 (P-256) and, as PKCS#11 2.40 tokens want it, the name of Ed25519.
constexpr std::uint8_t kP256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
constexpr std::uint8_t kEd25519[] = {0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'};

std::string number(CK_RV result) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%08lx", result);
    return text;
}

Error error_of(CK_RV result, const std::string& what) {
    const auto detail = what + " gives " + number(result);
    switch (result) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_INVALID: return {error::TokenPinWrong, detail};
    case CKR_PIN_LOCKED: return {error::TokenPinLocked, detail};
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SLOT_ID_INVALID: return {error::TokenMissing, detail};
    // Modules differ in how they say that the device has gone away under an open session.
    case CKR_DEVICE_REMOVED:
    case CKR_DEVICE_ERROR:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_SESSION_CLOSED:
    case CKR_OBJECT_HANDLE_INVALID:
    case CKR_KEY_HANDLE_INVALID:
    case CKR_GENERAL_ERROR: return {error::TokenRemoved, detail};
    default: return {error::TokenModuleInvalid, detail};
    }
}

std::unexpected<Error> failed(CK_RV result, const std::string& what) { return std::unexpected(error_of(result, what)); }

template <class T>
CK_ATTRIBUTE attribute(CK_ATTRIBUTE_TYPE type, T& value) {
    return {type, &value, sizeof value};
}
CK_ATTRIBUTE bytes_attribute(CK_ATTRIBUTE_TYPE type, const void* bytes, std::size_t size) {
    return {type, const_cast<void*>(bytes), size}; // NOLINT: the interface has no const
}
CK_ATTRIBUTE text_attribute(CK_ATTRIBUTE_TYPE type, const char* text) {
    return bytes_attribute(type, text, std::strlen(text));
}

} // namespace

Result<std::unique_ptr<TokenModule>> TokenModule::open(const TokenSetup& setup, BytesView pin) {
    auto out = std::unique_ptr<TokenModule>(new TokenModule());
    out->library_ = ::dlopen(setup.module.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (out->library_ == nullptr) return fail(error::TokenModuleInvalid, setup.module + ": " + ::dlerror());
    CK_C_GetFunctionList list = nullptr;
    auto* symbol = ::dlsym(out->library_, "C_GetFunctionList");
    std::memcpy(&list, &symbol, sizeof list);
    if (list == nullptr || list(&out->calls_) != CKR_OK)
        return fail(error::TokenModuleInvalid, setup.module + " is no PKCS#11 module");
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    if (const auto result = out->calls_->C_Initialize(&arguments); result != CKR_OK)
        return fail(error::TokenModuleInvalid, setup.module + ": C_Initialize gives " + number(result));
    out->started_ = true;

    CK_ULONG count = 0;
    if (const auto result = out->calls_->C_GetSlotList(CK_TRUE, nullptr, &count); result != CKR_OK)
        return failed(result, "C_GetSlotList");
    std::vector<CK_SLOT_ID> slots(count);
    if (count > 0 && out->calls_->C_GetSlotList(CK_TRUE, slots.data(), &count) != CKR_OK) count = 0;
    slots.resize(count);
    std::optional<CK_SLOT_ID> slot;
    for (const auto candidate : slots) {
        CK_TOKEN_INFO info{};
        if (out->calls_->C_GetTokenInfo(candidate, &info) != CKR_OK) continue;
        std::string label(reinterpret_cast<const char*>(info.label), sizeof info.label);
        label.erase(label.find_last_not_of(' ') + 1);
        if (label == setup.label && (info.flags & CKF_TOKEN_INITIALIZED) != 0) slot = candidate;
    }
    if (!slot) return fail(error::TokenMissing, "no token \"" + setup.label + "\"");
    if (const auto result =
            out->calls_->C_OpenSession(*slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &out->session_);
        result != CKR_OK)
        return failed(result, "C_OpenSession");
    auto* text = const_cast<std::uint8_t*>(pin.data()); // NOLINT: the interface has no const
    if (const auto result = out->calls_->C_Login(out->session_, CKU_USER, text, pin.size());
        result != CKR_OK && result != CKR_USER_ALREADY_LOGGED_IN)
        return failed(result, "C_Login");
    return out;
}

TokenModule::~TokenModule() {
    if (started_) calls_->C_Finalize(nullptr);
    if (library_ != nullptr) ::dlclose(library_);
}

Result<CK_OBJECT_HANDLE> TokenModule::find(CK_OBJECT_CLASS kind, CK_KEY_TYPE type, const char* label) {
    CK_ATTRIBUTE wanted[] = {attribute(CKA_CLASS, kind), attribute(CKA_KEY_TYPE, type),
                             text_attribute(CKA_LABEL, label)};
    if (const auto result = calls_->C_FindObjectsInit(session_, wanted, std::size(wanted)); result != CKR_OK)
        return failed(result, "C_FindObjectsInit");
    CK_OBJECT_HANDLE found[2] = {};
    CK_ULONG count = 0;
    const auto result = calls_->C_FindObjects(session_, found, 2, &count);
    calls_->C_FindObjectsFinal(session_);
    if (result != CKR_OK) return failed(result, "C_FindObjects");
    if (count != 1)
        return fail(error::TokenKeyMissing, std::string{label} + (count == 0 ? " is not there" : " is there twice"));
    return found[0];
}

Result<Bytes> TokenModule::public_point(CK_KEY_TYPE type, const char* label) {
    CRN_TRY(handle, find(CKO_PUBLIC_KEY, type, label));
    Bytes value(256);
    CK_ATTRIBUTE point{CKA_EC_POINT, value.data(), value.size()};
    if (const auto result = calls_->C_GetAttributeValue(session_, handle, &point, 1); result != CKR_OK)
        return failed(result, "C_GetAttributeValue");
    value.resize(std::min<std::size_t>(point.ulValueLen, value.size()));
    // The point is wrapped in a DER octet string; some tokens leave the wrapping out.
    if (value.size() > 2 && value[0] == 0x04 && value[1] == value.size() - 2)
        value.erase(value.begin(), value.begin() + 2);
    return value;
}

Status TokenModule::find_keys() {
    CRN_TRY(consensus, find(CKO_PRIVATE_KEY, CKK_EC_EDWARDS, kTokenConsensusLabel));
    // Whichever is there; one that is there twice is neither.
    auto type = CKK_EC_EDWARDS;
    auto tls = find(CKO_PRIVATE_KEY, type, kTokenTlsLabel);
    if (const auto p256 = find(CKO_PRIVATE_KEY, CKK_EC, kTokenTlsLabel); p256 || !tls) {
        if (tls) return fail(error::TokenKeyMissing, std::string{kTokenTlsLabel} + " is there twice");
        type = CKK_EC;
        tls = p256;
    }
    if (!tls) return std::unexpected(tls.error());
    consensus_ = consensus;
    tls_ = *tls;
    CRN_TRY(consensus_point, public_point(CKK_EC_EDWARDS, kTokenConsensusLabel));
    CRN_TRY(tls_point, public_point(type, kTokenTlsLabel));
    const auto one = crypto::ValidatorPublicKey::from(consensus_point);
    const auto algorithm = type == CKK_EC ? crypto::CertificateKey::p256 : crypto::CertificateKey::ed25519;
    if (!one || crypto::algorithm_of(tls_point) != algorithm)
        return fail(error::TokenKeyMissing, "a public key is of another curve");
    keys_ = {*one, std::move(tls_point)};
    return {};
}

Status TokenModule::create_keys(crypto::CertificateKey tls) {
    for (const auto& [type, label] :
         {std::pair{CKK_EC_EDWARDS, kTokenConsensusLabel}, std::pair{CKK_EC_EDWARDS, kTokenTlsLabel},
          std::pair{CKK_EC, kTokenTlsLabel}})
        if (find(CKO_PRIVATE_KEY, type, label))
            return fail(error::TokenKeyMissing, std::string{label} + " exists already");
    const auto create = [&](CK_MECHANISM_TYPE mechanism, BytesView curve, const char* label) -> Status {
        CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
        CK_ATTRIBUTE open[] = {attribute(CKA_TOKEN, yes), attribute(CKA_VERIFY, yes), text_attribute(CKA_LABEL, label),
                               bytes_attribute(CKA_EC_PARAMS, curve.data(), curve.size())};
        CK_ATTRIBUTE secret[] = {attribute(CKA_TOKEN, yes),     attribute(CKA_PRIVATE, yes),
                                 attribute(CKA_SENSITIVE, yes), attribute(CKA_EXTRACTABLE, no),
                                 attribute(CKA_SIGN, yes),      text_attribute(CKA_LABEL, label)};
        CK_MECHANISM how{mechanism, nullptr, 0};
        CK_OBJECT_HANDLE public_key = 0, private_key = 0;
        const auto result = calls_->C_GenerateKeyPair(session_, &how, open, std::size(open), secret, std::size(secret),
                                                      &public_key, &private_key);
        return result == CKR_OK ? Status{} : failed(result, "C_GenerateKeyPair");
    };
    CRN_CHECK(create(CKM_EC_EDWARDS_KEY_PAIR_GEN, kEd25519, kTokenConsensusLabel));
    CRN_CHECK(tls == crypto::CertificateKey::ed25519 ? create(CKM_EC_EDWARDS_KEY_PAIR_GEN, kEd25519, kTokenTlsLabel)
                                                     : create(CKM_EC_KEY_PAIR_GEN, kP256, kTokenTlsLabel));
    return find_keys();
}

Result<Bytes> TokenModule::sign_tls(BytesView message) {
    if (crypto::algorithm_of(keys_.tls) == crypto::CertificateKey::ed25519) return sign(CKM_EDDSA, tls_, message);
    return sign(CKM_ECDSA, tls_, crypto::sha256(message));
}

Result<Bytes> TokenModule::sign(CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, BytesView message) {
    CK_MECHANISM how{mechanism, nullptr, 0};
    if (const auto result = calls_->C_SignInit(session_, &how, key); result != CKR_OK)
        return failed(result, "C_SignInit");
    Bytes out(128);
    CK_ULONG length = out.size();
    auto* data = const_cast<std::uint8_t*>(message.data()); // NOLINT: the interface has no const
    if (const auto result = calls_->C_Sign(session_, data, message.size(), out.data(), &length); result != CKR_OK)
        return failed(result, "C_Sign");
    out.resize(std::min<std::size_t>(length, out.size()));
    if (out.size() != 64) return fail(error::TokenFault, "a signature of " + std::to_string(out.size()) + " bytes");
    return out;
}

} // namespace cairn::signer
