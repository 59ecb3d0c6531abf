// A small document that is replaced as a whole, sealed, and kept twice: the vault's keys and the registry of file keys.
//
// Two files, PATH.a and PATH.b, each: magic (8 bytes), u64 sequence number, u32 key version, u16 length and the wrapped key
// (both zero where the sealing key is the caller's own), nonce (12), u32 length, cipher text and tag. Everything before the
// cipher text is authenticated with it. Integers are little-endian.
//
// A copy is replaced by writing PATH.a.new, syncing it, renaming it, and syncing the directory; then the same for b. So at
// every moment one complete copy stands there, and the greater sequence number is the newer one. Every save has a fresh
// random nonce, and 2^32 saves under one key do not happen. Not thread-safe: the owner locks.
#pragma once

#include "crypto/aead.hpp"
#include "storage/file.hpp"
#include "storage/key_vault.hpp"

#include <functional>
#include <optional>

namespace cairn::storage {

inline constexpr std::size_t kSealedDocumentBytesMax = 64u << 20;

/// What one copy says in clear.
struct SealedHeader {
    std::uint64_t sequence = 0;
    WrappedKey key;
};

struct SealedDocument {
    SealedHeader header;
    Bytes content;
};

Bytes seal_document(std::string_view magic, const SealedHeader& header, const crypto::SecretKey& key,
                    BytesView content);
/// The clear part only; nothing if it is not of this form.
std::optional<SealedHeader> read_sealed_header(std::string_view magic, BytesView file);
/// Nothing if anything was altered.
std::optional<Bytes> open_document(std::string_view magic, const crypto::SecretKey& key, BytesView file);

/// Gives the key of a copy, by its clear header.
using KeyOfCopy = std::function<Result<crypto::SecretKey>(const SealedHeader&)>;

struct LoadedPair {
    std::optional<SealedDocument> newest; // nothing if no copy exists
    bool whole = false;                   // both copies are there, good and of one sequence number
};
/// `damaged` if copies exist and none is good; the error of `key_of` if that is why.
Result<LoadedPair> load_pair(FileSystem& files, const std::string& path, std::string_view magic,
                             const KeyOfCopy& key_of, ErrorCode damaged);
/// Durable on return. After an error the old or the new document is there.
Status save_pair(FileSystem& files, const std::string& directory, const std::string& name, BytesView file);

} // namespace cairn::storage
