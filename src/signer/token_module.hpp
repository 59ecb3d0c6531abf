// One session with a PKCS#11 module, in whatever process loads it. Private to token.cpp.
#pragma once

#include "signer/token.hpp"

#include <p11-kit/pkcs11.h>

namespace cairn::signer {

class TokenModule {
public:
    static Result<std::unique_ptr<TokenModule>> open(const TokenSetup& setup, BytesView pin);
    ~TokenModule();
    TokenModule(const TokenModule&) = delete;
    TokenModule& operator=(const TokenModule&) = delete;

    /// TokenKeyMissing.
    Status find_keys();
    Status create_keys(crypto::CertificateKey tls);
    const TokenKeys& keys() const { return keys_; }
    // 64 bytes: an Ed25519 signature, or r and s of P-256 with SHA-256.
    Result<Bytes> sign_consensus(BytesView message) { return sign(CKM_EDDSA, consensus_, message); }
    Result<Bytes> sign_tls(BytesView message);

private:
    TokenModule() = default;
    Result<CK_OBJECT_HANDLE> find(CK_OBJECT_CLASS kind, CK_KEY_TYPE type, const char* label);
    Result<Bytes> sign(CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, BytesView message);
    Result<Bytes> public_point(CK_KEY_TYPE type, const char* label);

    void* library_ = nullptr;
    CK_FUNCTION_LIST_PTR calls_ = nullptr;
    bool started_ = false;
    CK_SESSION_HANDLE session_ = 0;
    CK_OBJECT_HANDLE consensus_ = 0, tls_ = 0;
    TokenKeys keys_;
};

} // namespace cairn::signer
