#include "storage/sealed_pair.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"
#include "codec/wire.hpp"
#include "crypto/ed25519.hpp"

namespace cairn::storage {
namespace {

struct Parts {
    SealedHeader header;
    crypto::AeadNonce nonce;
    std::size_t clear_bytes = 0;
    BytesView sealed;
};

std::optional<Parts> parts_of(std::string_view magic, BytesView file) {
    codec::WireReader in{file};
    Parts out;
    if (!std::ranges::equal(in.raw(magic.size()), as_bytes(magic))) return std::nullopt;
    out.header.sequence = in.u64();
    out.header.key.version = {in.u32()};
    const auto wrapped = in.u16();
    if (wrapped > kWrappedKeyBytesMax) return std::nullopt;
    out.header.key.bytes = to_bytes(in.raw(wrapped));
    out.nonce = in.fixed<crypto::AeadNonce>();
    const auto length = in.u32();
    if (in.failed() || length < crypto::kAeadTagBytes || length > kSealedDocumentBytesMax) return std::nullopt;
    out.clear_bytes = file.size() - in.rest().size();
    out.sealed = in.raw(length);
    if (!in.finish()) return std::nullopt;
    return out;
}

Status replace(FileSystem& files, const std::string& directory, const std::string& path, BytesView content) {
    const auto fresh = path + ".new";
    CRN_TRY(names, files.list(directory));
    if (std::ranges::find(names, fresh.substr(directory.size() + 1)) != names.end()) CRN_CHECK(files.remove(fresh));
    CRN_TRY(file, files.create(fresh));
    CRN_CHECK(file->write_at(0, content));
    CRN_CHECK(file->sync());
    CRN_CHECK(files.rename(fresh, path));
    return files.sync_directory(directory);
}

} // namespace

Bytes seal_document(std::string_view magic, const SealedHeader& header, const crypto::SecretKey& key,
                    BytesView content) {
    CRN_ASSERT(header.key.bytes.size() <= kWrappedKeyBytesMax);
    CRN_ASSERT(content.size() + crypto::kAeadTagBytes <= kSealedDocumentBytesMax);
    crypto::AeadNonce nonce;
    crypto::system_random().fill(nonce.bytes);
    codec::WireWriter out;
    out.raw(as_bytes(magic));
    out.u64(header.sequence);
    out.u32(header.key.version.value);
    out.u16(static_cast<std::uint16_t>(header.key.bytes.size()));
    out.raw(header.key.bytes);
    out.fixed(nonce);
    out.u32(static_cast<std::uint32_t>(content.size() + crypto::kAeadTagBytes));
    Bytes sealed(content.size() + crypto::kAeadTagBytes);
    crypto::aead_seal(key, nonce, out.bytes(), content, sealed);
    out.raw(sealed);
    return out.take();
}

std::optional<SealedHeader> read_sealed_header(std::string_view magic, BytesView file) {
    auto parts = parts_of(magic, file);
    if (!parts) return std::nullopt;
    return std::move(parts->header);
}

std::optional<Bytes> open_document(std::string_view magic, const crypto::SecretKey& key, BytesView file) {
    const auto parts = parts_of(magic, file);
    if (!parts) return std::nullopt;
    Bytes content(parts->sealed.size() - crypto::kAeadTagBytes);
    if (!crypto::aead_open(key, parts->nonce, file.first(parts->clear_bytes), parts->sealed, content))
        return std::nullopt;
    return content;
}

Result<LoadedPair> load_pair(FileSystem& files, const std::string& path, std::string_view magic,
                             const KeyOfCopy& key_of, ErrorCode damaged) {
    const auto slash = path.rfind('/');
    const auto directory = path.substr(0, slash);
    CRN_TRY(names, files.list(directory));
    LoadedPair out;
    std::size_t present = 0;
    std::size_t good = 0;
    bool equal = true;
    std::optional<Error> reason;
    for (const char* suffix : {".a", ".b"}) {
        const auto copy = path + suffix;
        if (std::ranges::find(names, copy.substr(slash + 1)) == names.end()) continue;
        ++present;
        CRN_TRY(file, files.open(copy));
        CRN_TRY(size, file->size());
        Bytes content(std::min<std::uint64_t>(size, kSealedDocumentBytesMax + 1024));
        CRN_TRY(read, file->read_at(0, content));
        content.resize(read);
        const auto header = read_sealed_header(magic, content);
        auto key = header ? key_of(*header) : Result<crypto::SecretKey>{fail(damaged, copy + " is not of its form")};
        auto opened = key ? open_document(magic, *key, content) : std::nullopt;
        if (!opened) {
            reason = key ? Error{damaged, copy + " fails its authentication"} : key.error();
            log(LogLevel::warning, "storage", "one copy of a key file is damaged", {{"file", copy}});
            continue;
        }
        ++good;
        if (out.newest && out.newest->header.sequence != header->sequence) equal = false;
        if (!out.newest || out.newest->header.sequence < header->sequence)
            out.newest = SealedDocument{*header, std::move(*opened)};
    }
    if (present != 0 && good == 0) return std::unexpected(*std::move(reason));
    out.whole = good == 2 && equal;
    return out;
}

Status save_pair(FileSystem& files, const std::string& directory, const std::string& name, BytesView file) {
    CRN_CHECK(replace(files, directory, directory + "/" + name + ".a", file));
    return replace(files, directory, directory + "/" + name + ".b", file);
}

} // namespace cairn::storage
