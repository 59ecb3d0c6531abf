#include "node/own_batch.hpp"

#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "ledger/consensus_block.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cairn::node {
namespace {

constexpr std::size_t kHeaderBytes = 256; // version of the purpose key, wrapped key, zeros
constexpr std::size_t kFileBytesMax = ledger::kBatchBytesMax + 4096;
constexpr std::string_view kContext = "consensus-own-batch";

std::unexpected<Error> io_error(ErrorCode code, const std::string& what) {
    return fail(code, what + ": " + std::strerror(errno)); // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

Status write_all(int file, BytesView bytes, off_t offset) {
    while (!bytes.empty()) {
        const auto count = ::pwrite(file, bytes.data(), bytes.size(), offset);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return io_error(error::StorageIo, "own batch");
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        offset += count;
    }
    return {};
}

Bytes read_all(int file) {
    struct stat status{};
    if (::fstat(file, &status) != 0 || static_cast<std::size_t>(status.st_size) > kFileBytesMax) return {};
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    if (::pread(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
    return bytes;
}

/// The key in the header of a file; nothing if it has none or the vault does not open it.
std::optional<storage::DataKey> key_in(BytesView file, storage::KeyVault& vault) {
    if (file.size() < kHeaderBytes) return std::nullopt;
    codec::WireReader in{file.first(kHeaderBytes)};
    storage::WrappedKey wrapped{{in.u32()}, to_bytes(in.string(storage::kWrappedKeyBytesMax))};
    if (in.failed()) return std::nullopt;
    auto key = vault.unwrap(storage::KeyPurpose::storage, as_bytes(kContext), wrapped);
    if (!key) return std::nullopt;
    return std::move(*key);
}

crypto::AeadNonce nonce_of(std::uint64_t writes) {
    crypto::AeadNonce out;
    for (std::size_t i = 0; i < 8; ++i) out[4 + i] = static_cast<std::uint8_t>(writes >> (56 - 8 * i));
    return out;
}

} // namespace

Result<OwnBatchFile> OwnBatchFile::open(const std::string& path, storage::KeyVault* vault,
                                        const std::atomic<std::uint64_t>& rotations) {
    std::optional<Bytes> kept;
    if (const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW); file >= 0) {
        OwnBatchFile old{file, vault != nullptr ? key_in(read_all(file), *vault) : std::nullopt};
        if (vault == nullptr || old.key_) kept = old.read_content();
    }
    // Made beside and put in its place, so that a crash leaves the old file or the whole new one.
    const auto fresh = path + ".new";
    const int file = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return io_error(error::StorageOpen, fresh);
    OwnBatchFile out{file, std::nullopt};
    out.path_ = path;
    out.vault_ = vault;
    out.rotations_ = &rotations;
    out.rotation_ = rotations; // before the key is wrapped: a rotation meanwhile is followed at the next write
    Bytes header(kHeaderBytes);
    if (vault != nullptr) {
        out.key_ = storage::DataKey::generate();
        CRN_TRY(wrapped, vault->wrap(storage::KeyPurpose::storage, as_bytes(kContext), *out.key_));
        codec::WireWriter head;
        head.u32(wrapped.version.value);
        head.string(wrapped.bytes);
        std::copy(head.bytes().begin(), head.bytes().end(), header.begin());
    }
    CRN_CHECK(write_all(file, header, 0));
    CRN_CHECK(out.write_content(kept.value_or(Bytes{})));
    if (::rename(fresh.c_str(), path.c_str()) != 0) return io_error(error::StorageIo, path);
    return out;
}

OwnBatchFile::OwnBatchFile(OwnBatchFile&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      key_(std::move(other.key_)),
      writes_(other.writes_),
      path_(std::move(other.path_)),
      vault_(other.vault_),
      rotations_(other.rotations_),
      rotation_(other.rotation_) {}
OwnBatchFile& OwnBatchFile::operator=(OwnBatchFile&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(key_, other.key_);
    std::swap(writes_, other.writes_);
    std::swap(path_, other.path_);
    std::swap(vault_, other.vault_);
    std::swap(rotations_, other.rotations_);
    std::swap(rotation_, other.rotation_);
    return *this;
}
OwnBatchFile::~OwnBatchFile() {
    if (file_ >= 0) ::close(file_);
}

Status OwnBatchFile::follow_rotation() {
    if (vault_ == nullptr || rotation_ == *rotations_) return {};
    CRN_TRY(fresh, open(path_, vault_, *rotations_));
    *this = std::move(fresh);
    return {};
}

Status OwnBatchFile::write(Position position, const consensus::LocalBatch& batch) {
    CRN_CHECK(follow_rotation());
    codec::WireWriter content;
    content.number(position);
    content.u64(batch.gas_limit_sum);
    const std::vector<BytesView> transactions{batch.transactions.begin(), batch.transactions.end()};
    content.string(ledger::encode_batch_body(transactions));
    return write_content(content.bytes());
}

Status OwnBatchFile::write_content(BytesView content) {
    codec::WireWriter out;
    out.fixed(crypto::sha256(content));
    out.u64(++writes_);
    if (key_) {
        Bytes sealed(content.size() + crypto::kAeadTagBytes);
        crypto::aead_seal(*key_, nonce_of(writes_), as_bytes(kContext), content, sealed);
        out.string(sealed);
    } else
        out.string(content);
    CRN_CHECK(write_all(file_, out.bytes(), kHeaderBytes));
    if (::fdatasync(file_) != 0) return io_error(error::StorageIo, "own batch");
    return {};
}

std::optional<Bytes> OwnBatchFile::read_content() const {
    const auto bytes = read_all(file_);
    if (bytes.size() < kHeaderBytes) return std::nullopt;
    codec::WireReader in{BytesView{bytes}.subspan(kHeaderBytes)};
    const auto digest = in.fixed<Hash256>();
    const auto writes = in.u64();
    auto content = to_bytes(in.string(kFileBytesMax));
    if (in.failed()) return std::nullopt;
    if (key_) {
        if (content.size() < crypto::kAeadTagBytes) return std::nullopt;
        Bytes plain(content.size() - crypto::kAeadTagBytes);
        if (!crypto::aead_open(*key_, nonce_of(writes), as_bytes(kContext), content, plain)) return std::nullopt;
        content = std::move(plain);
    }
    if (digest != crypto::sha256(content)) return std::nullopt;
    return content;
}

std::optional<OwnBatch> OwnBatchFile::read() const {
    const auto content = read_content();
    if (!content) return std::nullopt;
    codec::WireReader inner{*content};
    OwnBatch out;
    out.position = inner.number<Position>();
    out.batch.gas_limit_sum = inner.u64();
    const auto body = inner.string(ledger::kBatchBytesMax);
    const auto transactions = ledger::split_batch_body(body);
    if (!inner.finish() || !transactions) return std::nullopt;
    for (const auto& transaction : *transactions) out.batch.transactions.push_back(to_bytes(transaction));
    return out;
}

} // namespace cairn::node
