#include "storage/cipher_format.hpp"

#include "base/assert.hpp"
#include "codec/wire.hpp"
#include "storage/crc32c.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace cairn::storage {
namespace {

constexpr std::string_view kMagic{"CRNENC1\0", 8};
constexpr std::size_t kAuthenticatedBytes = 48;
constexpr std::size_t kSectorBytes = 512;

using HeaderTag = FixedBytes<16, struct HeaderTagTag>;

HeaderTag header_tag(BytesView authenticated, const crypto::SecretKey& key) {
    const auto mac_key = key.derive("cairn cipher header");
    std::array<std::uint8_t, 32> full{};
    unsigned length = 0;
    CRN_ASSERT(HMAC(EVP_sha256(), mac_key.view().data(), static_cast<int>(mac_key.view().size()), authenticated.data(),
                    authenticated.size(), full.data(), &length) != nullptr);
    return *HeaderTag::from(BytesView{full}.first(HeaderTag::kSize));
}

std::array<std::uint8_t, 20> associated_data(std::uint64_t physical, std::uint32_t length, std::uint64_t offset) {
    std::array<std::uint8_t, 20> out{};
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(physical >> (8 * i));
    for (std::size_t i = 0; i < 4; ++i) out[8 + i] = static_cast<std::uint8_t>(length >> (8 * i));
    for (std::size_t i = 0; i < 8; ++i) out[12 + i] = static_cast<std::uint8_t>(offset >> (8 * i));
    return out;
}

bool all_zero(BytesView bytes) {
    return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

} // namespace

Bytes encode_cipher_header(const CipherHeader& header, const crypto::SecretKey& key) {
    codec::WireWriter out;
    out.raw(as_bytes(kMagic));
    out.u16(static_cast<std::uint16_t>(header.suite));
    out.u16(0);
    out.u32(header.page_bytes);
    out.u32(header.key_version);
    out.u32(0);
    out.fixed(header.id);
    out.u64(0);
    CRN_ASSERT(out.bytes().size() == kAuthenticatedBytes);
    out.fixed(header_tag(out.bytes(), key));
    return out.take();
}

std::optional<CipherHeader> decode_cipher_header(BytesView bytes) {
    if (!has_cipher_magic(bytes) || bytes.size() < kCipherHeaderBytes) return std::nullopt;
    codec::WireReader in{bytes.subspan(kMagic.size(), kAuthenticatedBytes - kMagic.size())};
    CipherHeader out;
    out.suite = static_cast<CipherSuite>(in.u16());
    const auto zeros = in.u16();
    out.page_bytes = in.u32();
    out.key_version = in.u32();
    const auto more_zeros = in.u32();
    out.id = in.fixed<FileId>();
    const auto last_zeros = in.u64();
    if (in.failed() || zeros != 0 || more_zeros != 0 || last_zeros != 0 || out.page_bytes < kPageBytesMin ||
        out.page_bytes > kPageBytesMax)
        return std::nullopt;
    return out;
}

bool cipher_header_is_authentic(BytesView bytes, const crypto::SecretKey& key) {
    if (bytes.size() < kCipherHeaderBytes) return false;
    const auto expected = header_tag(bytes.first(kAuthenticatedBytes), key);
    return CRYPTO_memcmp(expected.data(), bytes.data() + kAuthenticatedBytes, expected.size()) == 0;
}

bool has_cipher_magic(BytesView bytes) {
    return bytes.size() >= kMagic.size() && std::ranges::equal(bytes.first(kMagic.size()), as_bytes(kMagic));
}

std::optional<FrameHeader> decode_frame_header(BytesView bytes, std::uint32_t page_bytes) {
    codec::WireReader in{bytes.first(kFrameHeaderBytes)};
    FrameHeader out;
    out.length = in.u32();
    out.offset = in.u64();
    out.nonce = in.fixed<crypto::AeadNonce>();
    const auto check = in.u32();
    if (in.failed() || out.length == 0 || out.length > page_bytes - kFrameOverheadBytes) return std::nullopt;
    if (check != crc32c(bytes.first(kFrameHeaderBytes - 4))) return std::nullopt;
    return out;
}

void append_frame(Bytes& out, const FileCipher& cipher, const crypto::AeadNonce& nonce, std::uint64_t physical,
                  std::uint64_t offset, BytesView content) {
    const auto start = out.size();
    const auto length = static_cast<std::uint32_t>(content.size());
    codec::WireWriter header;
    header.u32(length);
    header.u64(offset);
    header.fixed(nonce);
    header.u32(crc32c(header.bytes()));
    append(out, header.bytes());
    out.resize(start + kFrameOverheadBytes + content.size());
    cipher.seal(nonce, associated_data(physical, length, offset), content,
                std::span{out}.subspan(start + kFrameHeaderBytes));
}

bool open_frame(const FileCipher& cipher, const FrameHeader& header, std::uint64_t physical, BytesView frame,
                std::span<std::uint8_t> out) {
    if (frame.size() != header.bytes()) return false;
    return cipher.open(header.nonce, associated_data(physical, header.length, header.offset),
                       frame.subspan(kFrameHeaderBytes), out);
}

bool is_torn_end(BytesView bytes, std::uint64_t physical, std::uint32_t page_bytes) {
    // The file ends inside the first frame that does not open.
    if (bytes.size() < kFrameHeaderBytes) return true;
    const auto header = decode_frame_header(bytes, page_bytes);
    if (header && header->bytes() > bytes.size()) return true;
    // Or the file was made longer before its content came: a whole part of a sector reads as zeros. Cipher text does not;
    // parts of less than eight bytes prove nothing.
    for (std::uint64_t at = 0; at < bytes.size();) {
        const auto length = std::min<std::uint64_t>(kSectorBytes - (physical + at) % kSectorBytes, bytes.size() - at);
        if (length >= 8 && all_zero(bytes.subspan(at, length))) return true;
        at += length;
    }
    return false;
}

} // namespace cairn::storage
