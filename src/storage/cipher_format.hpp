// The format of an encrypted file: pure functions on bytes.
//
// Header, 64 bytes, in clear and authenticated: "CRNENC1" and a zero byte, u16 cipher suite, u16 zero, u32 page bytes, u32
// version of the purpose key under which the file's key was made, u32 zero, file id (16), zeros (8), tag (16). The tag is
// HMAC-SHA-256, cut to 16 bytes, of the 48 bytes before, under a key derived from the file's key.
//
// Then pages of `page bytes` each (the last may be shorter). A page holds frames without gaps; what is left of it when the
// next frame does not fit is zero. Frame: u32 length, u64 logical offset of its first byte, nonce (12), u32 CRC-32C of the
// 24 bytes before, cipher text, tag (16). Suite 1 is AES-256-GCM, suite 2 SM4-GCM (file_cipher.hpp); the associated data is
// the frame's physical offset (u64), then length and logical offset. Integers are little-endian.
//
// Why this form, and what holds:
//
// 1. A frame is written once, at the end of the file, and never changed: a write that is torn by a crash can damage nothing
//    that was there before. (An encrypted page that is rewritten as it fills would be lost as a whole when torn.)
// 2. A key serves one file. A nonce is 8 random bytes, drawn whenever the file is opened for writing, and a count of the
//    frames since. So no nonce comes twice: not within one opening (the count; 2^32 frames end it), and not over openings,
//    also where the file was cut and the same place is written again with other content (the 8 bytes).
// 3. A frame opens only in its file (the key), at its place (physical offset) and for its meaning (logical offset), so
//    frames that were exchanged, moved or repeated do not open.
// 4. Frames do not cross pages and logical offsets ascend, so the page of a logical offset is found by bisection: no index.
// 5. The end. After a crash the last frame may be incomplete: the file ends inside it, or a part of it that fills a sector
//    of the disk reads as zeros. Only that is a torn end. Anything else that does not open is damage: the check in the
//    frame's header keeps a flipped length from looking like a short file.
// 6. Not seen: a file that is cut at a frame, or replaced as a whole by an older state of itself. The layers above find
//    that where it matters: segments by the first record of the next, tables by their own end, blocks by their hashes.
#pragma once

#include "base/result.hpp"
#include "storage/file_cipher.hpp"

#include <functional>

namespace cairn::storage {

using FileId = FixedBytes<16, struct FileIdTag>;

inline constexpr std::size_t kCipherHeaderBytes = 64;
inline constexpr std::size_t kFrameHeaderBytes = 28;
inline constexpr std::size_t kFrameOverheadBytes = kFrameHeaderBytes + crypto::kAeadTagBytes;
/// For files that grow by records, and for tables that are written once and read at random.
inline constexpr std::uint32_t kLogPageBytes = 64u << 10;
inline constexpr std::uint32_t kTablePageBytes = (4u << 10) + kFrameOverheadBytes;
inline constexpr std::uint32_t kPageBytesMin = 256;
inline constexpr std::uint32_t kPageBytesMax = 1u << 20;

struct CipherHeader {
    CipherSuite suite = CipherSuite::aes_256_gcm;
    std::uint32_t page_bytes = kLogPageBytes;
    std::uint32_t key_version = 0;
    FileId id;
    bool operator==(const CipherHeader&) const = default;
};

Bytes encode_cipher_header(const CipherHeader& header, const crypto::SecretKey& key);
/// The clear part, not authenticated. Nothing if it is not of this form; the suite may be one that is not known.
std::optional<CipherHeader> decode_cipher_header(BytesView bytes);
bool cipher_header_is_authentic(BytesView bytes, const crypto::SecretKey& key);
/// Whether it claims to be an encrypted file, however damaged.
bool has_cipher_magic(BytesView bytes);

struct FrameHeader {
    std::uint32_t length = 0; // of the content
    std::uint64_t offset = 0; // logical
    crypto::AeadNonce nonce;
    std::uint64_t bytes() const { return kFrameOverheadBytes + length; }
};
/// Nothing if its check fails or it cannot stand in a page. `bytes`: at least kFrameHeaderBytes.
std::optional<FrameHeader> decode_frame_header(BytesView bytes, std::uint32_t page_bytes);
/// Appends the frame to `out`; it is to stand at `physical`.
void append_frame(Bytes& out, const FileCipher& cipher, const crypto::AeadNonce& nonce, std::uint64_t physical,
                  std::uint64_t offset, BytesView content);
/// `frame`: header, cipher text and tag; `out`: header.length bytes.
[[nodiscard]] bool open_frame(const FileCipher& cipher, const FrameHeader& header, std::uint64_t physical,
                              BytesView frame, std::span<std::uint8_t> out);

/// Where pages begin and how much of one is left.
constexpr std::uint64_t page_start(std::uint64_t page, std::uint32_t page_bytes) {
    return kCipherHeaderBytes + page * page_bytes;
}
constexpr std::uint64_t page_of(std::uint64_t physical, std::uint32_t page_bytes) {
    return (physical - kCipherHeaderBytes) / page_bytes;
}
constexpr std::uint64_t room_in_page(std::uint64_t physical, std::uint32_t page_bytes) {
    return page_bytes - (physical - kCipherHeaderBytes) % page_bytes;
}

/// Whether `bytes`, which stand at `physical` at the end of a file and do not open, are what a crash leaves (5 above).
bool is_torn_end(BytesView bytes, std::uint64_t physical, std::uint32_t page_bytes);

} // namespace cairn::storage
