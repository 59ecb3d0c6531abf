// The authenticated encryption of one file: its key, made ready for the file's cipher suite.
//
// Both suites have a nonce of 12 bytes and a tag of 16, so files of both have one layout. A key serves one file and one
// suite: AES-256-GCM (NIST SP 800-38D) takes the file's 32 bytes as they are; SM4-GCM (GB/T 32907-2016, RFC 8998) takes the
// first 16 bytes of a key that is derived from them. Thread-safe.
#pragma once

#include "crypto/aead.hpp"
#include "crypto/sm4.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace cairn::storage {

/// The values are stored. A value from a file may be none of these: ask is_known.
enum class CipherSuite : std::uint16_t { aes_256_gcm = 1, sm4_gcm = 2 };

bool is_known(CipherSuite suite);
/// "AES-256-GCM", "SM4-GCM".
std::string_view name_of(CipherSuite suite);

class FileCipher {
public:
    /// `suite` must be known.
    FileCipher(CipherSuite suite, std::shared_ptr<const crypto::SecretKey> key);
    FileCipher(const FileCipher&) = delete;
    FileCipher& operator=(const FileCipher&) = delete;
    ~FileCipher();

    /// As crypto::aead_seal and aead_open.
    void seal(const crypto::AeadNonce& nonce, BytesView associated, BytesView plain, std::span<std::uint8_t> out) const;
    [[nodiscard]] bool open(const crypto::AeadNonce& nonce, BytesView associated, BytesView sealed,
                            std::span<std::uint8_t> out) const;

private:
    const CipherSuite suite_;
    const std::shared_ptr<const crypto::SecretKey> key_;
    crypto::Sm4Key sm4_key_; // zeros with the other suite
};

} // namespace cairn::storage
