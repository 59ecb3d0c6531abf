#include "node/own_batch.hpp"

#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
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

constexpr std::size_t kFileBytesMax = ledger::kBatchBytesMax + 4096;

std::unexpected<Error> io_error(ErrorCode code, const std::string& what) {
    return fail(code, what + ": " + std::strerror(errno)); // NOLINT(concurrency-mt-unsafe): glibc's is safe
}

} // namespace

Result<OwnBatchFile> OwnBatchFile::open(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return io_error(error::StorageOpen, path);
    return OwnBatchFile(file);
}

OwnBatchFile::OwnBatchFile(OwnBatchFile&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
OwnBatchFile& OwnBatchFile::operator=(OwnBatchFile&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
}
OwnBatchFile::~OwnBatchFile() {
    if (file_ >= 0) ::close(file_);
}

Status OwnBatchFile::write(Position position, const consensus::LocalBatch& batch) {
    codec::WireWriter content;
    content.number(position);
    content.u64(batch.gas_limit_sum);
    const std::vector<BytesView> transactions{batch.transactions.begin(), batch.transactions.end()};
    content.string(ledger::encode_batch_body(transactions));
    codec::WireWriter out;
    out.fixed(crypto::sha256(content.bytes()));
    out.string(content.bytes());
    BytesView rest = out.bytes();
    off_t offset = 0;
    while (!rest.empty()) {
        const auto count = ::pwrite(file_, rest.data(), rest.size(), offset);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return io_error(error::StorageIo, "own batch");
        rest = rest.subspan(static_cast<std::size_t>(count));
        offset += count;
    }
    if (::fdatasync(file_) != 0) return io_error(error::StorageIo, "own batch");
    return {};
}

std::optional<OwnBatch> OwnBatchFile::read() const {
    struct stat status{};
    if (::fstat(file_, &status) != 0 || static_cast<std::size_t>(status.st_size) > kFileBytesMax) return std::nullopt;
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    if (::pread(file_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return std::nullopt;
    codec::WireReader in{bytes};
    const auto digest = in.fixed<Hash256>();
    const auto content = in.string(kFileBytesMax);
    if (in.failed() || digest != crypto::sha256(content)) return std::nullopt;
    codec::WireReader inner{content};
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
