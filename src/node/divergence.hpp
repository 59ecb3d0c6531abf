// What a node does when its result contradicts the one that a quorum certified: it asks the others for theirs, and leaves
// a dump that names the first difference.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "node/executed_chain.hpp"
#include "storage/file.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace cairn::node {

/// Frame types of the node itself on the sync stream; consensus uses lower numbers.
inline constexpr std::uint8_t kResultRequest = 0xf0; // u64 height
inline constexpr std::uint8_t kResultAnswer = 0xf1;  // encode_stored_block, or empty
inline constexpr std::size_t kResultAnswerBytesMax = 15u << 20;

/// The first field in which two executed blocks differ, in the order of the header, then of transactions and receipts:
/// "receipt 3 (0x...): gas used 21000 here, 21004 there". Empty if they are equal.
std::string first_difference(const StoredBlock& here, const StoredBlock& there);

/// Collects what peers answer about one height. Thread-safe.
class Inquiry {
public:
    void answer(ValidatorIndex peer, BytesView payload);
    /// The block that `enough` peers agree on; nothing after `patience`.
    std::optional<StoredBlock> wait(Height height, std::size_t enough, std::chrono::milliseconds patience);

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<ValidatorIndex, StoredBlock> answers_; // guarded by mutex_; one per peer
};

/// Writes `directory`/divergence-HEIGHT.json and returns its path: the error, the first difference from `there` if the
/// others' block is known, and this node's header and receipts.
std::string write_divergence_dump(storage::FileSystem& files, const std::string& directory, const StoredBlock& here,
                                  const std::optional<StoredBlock>& there, const Error& error);

} // namespace cairn::node
