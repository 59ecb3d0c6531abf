// The next batch of the own lane, written down before the signer is asked to sign it.
//
// The signer signs one batch per position, ever. Without this file a crash between its signature and the write-ahead log
// would leave the lane with a position whose content is lost, and so at its end.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "consensus/events.hpp"

#include <optional>
#include <string>

namespace cairn::node {

struct OwnBatch {
    Position position;
    consensus::LocalBatch batch;
};

/// One file, overwritten. One thread.
class OwnBatchFile {
public:
    /// StorageOpen.
    static Result<OwnBatchFile> open(const std::string& path);
    OwnBatchFile(OwnBatchFile&& other) noexcept;
    OwnBatchFile& operator=(OwnBatchFile&& other) noexcept;
    ~OwnBatchFile();

    /// Durable on success. StorageIo.
    Status write(Position position, const consensus::LocalBatch& batch);
    /// What was written last; nothing if there is none, or if a crash tore it: then it was not signed.
    std::optional<OwnBatch> read() const;

private:
    explicit OwnBatchFile(int file) : file_(file) {}
    int file_;
};

} // namespace cairn::node
