// One entry of the system contract Records, as it stands in that contract's storage (contracts/IRecords.sol):
//
//     mapping(bytes32 digest => Entry[]) history; // slot 0
//     struct Entry { address sender; uint48 blockNumber; uint48 timestamp; string metadata; } // two slots
//
// It lies here and not with the contract because a proof bundle is checked without a node.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "base/u256.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cairn::ledger {

/// Address of Records: 0x000000000000000000000000000000000000ca02.
extern const Address kRecordsContract;
inline constexpr std::size_t kRecordMetadataBytesMax = 1024;

/// Topic 0 is event_topic(kRecordedEvent); topics 1 and 2 are digest and sender; data is (uint256 index, string metadata).
inline constexpr std::string_view kRecordedEvent = "Recorded(bytes32,address,uint256,string)";

struct Record {
    Address sender;
    std::uint64_t block_number = 0;
    std::uint64_t timestamp = 0; // seconds, of that block
    std::string metadata;        // UTF-8
    bool operator==(const Record&) const = default;
};

/// The slot that holds the number of entries of `digest`.
U256 record_count_slot(const Hash256& digest);
/// First of the two slots of an entry.
U256 record_entry_slot(const Hash256& digest, std::uint64_t index);

/// Every slot of an entry in the order in which a proof lists them: the packed word, the metadata's slot, then the content
/// of metadata of 32 bytes and more. `load` reads a slot of Records. ProofInvalid if there is no such entry.
Result<std::vector<U256>> record_slots(const Hash256& digest, std::uint64_t index,
                                       const std::function<U256(const U256& slot)>& load);
/// The entry whose slots hold `load`'s values. ProofInvalid if there is none, or the words are not of this form.
Result<Record> load_record(const Hash256& digest, std::uint64_t index,
                           const std::function<Result<U256>(const U256& slot)>& load);

/// First word of an entry: sender | block number << 160 | timestamp << 208.
U256 pack_record_head(const Record& record);

} // namespace cairn::ledger
