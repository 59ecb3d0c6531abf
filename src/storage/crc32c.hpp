// CRC-32C (Castagnoli), the checksum of log records.
#pragma once

#include "base/bytes.hpp"

namespace cairn::storage {

/// `crc`: the result for what comes before `data`, to compute in parts. Thread-safe.
std::uint32_t crc32c(BytesView data, std::uint32_t crc = 0);
/// The same without the processor's instruction; slower.
std::uint32_t crc32c_portable(BytesView data, std::uint32_t crc = 0);

} // namespace cairn::storage
