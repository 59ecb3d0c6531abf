#include "node/backup_file.hpp"

#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <filesystem>

namespace cairn::node {
namespace {

constexpr std::string_view kMagic = "CRNBKP1\n";
constexpr std::size_t kNodeNameMax = 64;
constexpr std::size_t kFrameHeaderBytes = 5;
constexpr std::string_view kPartial = ".partial";

std::string directory_of(const std::string& path) {
    const auto parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

crypto::AeadNonce nonce_of(std::uint64_t record) {
    crypto::AeadNonce out;
    for (std::size_t i = 0; i < 8; ++i) out[4 + i] = static_cast<std::uint8_t>(record >> (56 - 8 * i));
    return out;
}

Bytes associated(const Hash256& header_hash, std::uint8_t last) {
    auto out = to_bytes(header_hash);
    out.push_back(last);
    return out;
}

} // namespace

Bytes backup_key_context(const Hash256& genesis) {
    auto out = to_bytes(as_bytes("cairn-backup-v1"));
    append(out, genesis);
    return out;
}

Bytes encode_backup_header(const BackupHeader& header) {
    codec::WireWriter body;
    body.u16(static_cast<std::uint16_t>(header.suite));
    body.u32(header.key.version.value);
    body.string(header.key.bytes);
    body.u64(header.chain_id);
    body.fixed(header.genesis);
    body.text(header.node);
    body.number(header.height);
    body.fixed(header.block);
    body.u64(header.time_ms);
    codec::WireWriter out;
    out.raw(as_bytes(kMagic));
    out.string(body.bytes());
    return out.take();
}

Result<BackupHeader> decode_backup_header(BytesView bytes, std::size_t& size) {
    if (bytes.size() < kMagic.size() || as_text(bytes.first(kMagic.size())) != kMagic)
        return fail(error::BackupInvalid, "it does not begin with the mark of a backup");
    codec::WireReader outer{bytes.subspan(kMagic.size())};
    const auto body = outer.string(kBackupHeaderBytesMax);
    if (outer.failed()) return fail(error::BackupTruncated, "in its header");
    size = kMagic.size() + 4 + body.size();
    codec::WireReader in{body};
    BackupHeader out;
    out.suite = static_cast<storage::CipherSuite>(in.u16());
    out.key.version = {in.u32()};
    out.key.bytes = to_bytes(in.string(storage::kWrappedKeyBytesMax));
    out.chain_id = in.u64();
    out.genesis = in.fixed<Hash256>();
    out.node = in.text(kNodeNameMax);
    out.height = in.number<Height>();
    out.block = in.fixed<Hash256>();
    out.time_ms = in.u64();
    if (!in.finish()) return fail(error::BackupInvalid, "its header is malformed");
    if (!storage::is_known(out.suite))
        return fail(error::CipherSuiteUnknown, std::to_string(static_cast<std::uint16_t>(out.suite)));
    return out;
}

Result<BackupWriter> BackupWriter::create(const std::string& path, BackupHeader header, storage::KeyVault& vault) {
    if (std::filesystem::exists(path)) return fail(error::BackupInTheWay, path);
    auto key = std::make_shared<storage::DataKey>(storage::DataKey::generate());
    CRN_TRY(wrapped, vault.wrap(storage::KeyPurpose::backup, backup_key_context(header.genesis), *key));
    header.key = std::move(wrapped);
    auto& disk = storage::posix_file_system();
    BackupWriter out;
    out.key_version_ = header.key.version;
    out.path_ = path;
    const auto partial = path + std::string{kPartial};
    if (std::filesystem::exists(partial)) CRN_CHECK(disk.remove(partial)); // of a creation that was killed
    CRN_TRY(file, disk.create(partial));
    out.file_ = std::move(file);
    out.cipher_ = std::make_unique<storage::FileCipher>(header.suite, std::move(key));
    const auto encoded = encode_backup_header(header);
    out.header_hash_ = crypto::sha256(encoded);
    CRN_CHECK(out.file_->write_at(0, encoded));
    out.end_ = encoded.size();
    return out;
}

Status BackupWriter::put(BytesView record, std::uint8_t last) {
    const auto length = static_cast<std::uint32_t>(record.size() + crypto::kAeadTagBytes);
    codec::WireWriter head;
    head.u32(length);
    head.u8(last);
    auto frame = head.take();
    frame.resize(kFrameHeaderBytes + length);
    cipher_->seal(nonce_of(records_), associated(header_hash_, last), record,
                  std::span{frame}.subspan(kFrameHeaderBytes));
    CRN_CHECK(file_->write_at(end_, frame));
    ++records_;
    end_ += frame.size();
    return {};
}

Status BackupWriter::add(BytesView record) { return put(record, 0); }

Status BackupWriter::finish(BytesView record) {
    CRN_CHECK(put(record, 1));
    CRN_CHECK(file_->sync());
    auto& disk = storage::posix_file_system();
    CRN_CHECK(disk.rename(path_ + std::string{kPartial}, path_));
    return disk.sync_directory(directory_of(path_));
}

Result<BackupReader> BackupReader::open(const std::string& path, const Hash256& genesis, storage::KeyVault& vault) {
    BackupReader out;
    out.path_ = path;
    CRN_TRY(file, storage::posix_file_system().open(path));
    out.file_ = std::move(file);
    CRN_TRY(size, out.file_->size());
    out.size_ = size;
    Bytes head(kBackupHeaderBytesMax);
    CRN_TRY(read, out.file_->read_at(0, head));
    head.resize(read);
    std::size_t header_bytes = 0;
    auto header = decode_backup_header(head, header_bytes);
    if (!header) return fail(header.error().code, path + ": " + header.error().detail);
    out.header_ = std::move(*header);
    if (out.header_.genesis != genesis)
        return fail(error::BackupForeign, path + " is of chain " + std::to_string(out.header_.chain_id));
    out.header_hash_ = crypto::sha256(BytesView{head}.first(header_bytes));
    out.at_ = header_bytes;
    auto key = vault.unwrap(storage::KeyPurpose::backup, backup_key_context(genesis), out.header_.key);
    if (!key) return fail(key.error().code, path + ": " + key.error().detail);
    out.cipher_ = std::make_unique<storage::FileCipher>(out.header_.suite,
                                                        std::make_shared<const storage::DataKey>(std::move(*key)));
    return out;
}

Result<BackupReader::Record> BackupReader::next() {
    const auto cut = [&] { return fail(error::BackupTruncated, path_ + " at offset " + std::to_string(at_)); };
    const auto damaged = [&] { return fail(error::BackupDamaged, path_ + " at offset " + std::to_string(at_)); };
    Bytes head(kFrameHeaderBytes);
    CRN_TRY(got, file_->read_at(at_, head));
    if (got < head.size()) return cut();
    codec::WireReader in{head};
    const auto length = in.u32();
    const auto last = in.u8();
    if (length < crypto::kAeadTagBytes || length > kBackupRecordBytesMax || last > 1) return damaged();
    if (at_ + kFrameHeaderBytes + length > size_) return cut();
    Bytes sealed(length);
    CRN_TRY(filled, file_->read_at(at_ + kFrameHeaderBytes, sealed));
    if (filled < sealed.size()) return cut();
    Record out{Bytes(length - crypto::kAeadTagBytes), last == 1};
    if (!cipher_->open(nonce_of(records_), associated(header_hash_, last), sealed, out.content)) return damaged();
    ++records_;
    at_ += kFrameHeaderBytes + length;
    if (out.is_last && at_ != size_) return damaged();
    return out;
}

} // namespace cairn::node
