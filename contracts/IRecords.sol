// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Evidence that a document existed
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000cA02. It keeps, for the digest of a
/// document, who recorded it and when. Entries are never changed or removed; recording a digest again appends to its history.
/// @dev The node runs it natively. Storage is laid out as Solidity would:
///   slot 0  mapping(bytes32 digest => Entry[]) history
/// so that eth_getProof proves any entry. There is no counter over all digests: recording different digests touches different
/// slots and can run in parallel. Calls with value, and delegatecalls, are refused.
interface IRecords {
    struct Entry {
        /// Account that called `record`.
        address sender;
        /// Block in which it was recorded.
        uint48 blockNumber;
        /// Time of that block, seconds since 1970 UTC.
        uint48 timestamp;
        /// UTF-8 text of at most 1024 bytes.
        string metadata;
    }

    /// @notice A digest was recorded.
    /// @param digest what was recorded
    /// @param sender who recorded it
    /// @param index position in the history of this digest; 0 is the first time
    event Recorded(bytes32 indexed digest, address indexed sender, uint256 index, string metadata);

    /// @notice The digest has no entry at this index.
    error RecordUnknown(bytes32 digest, uint256 index);
    /// @notice A digest of zero is not the digest of anything.
    error DigestZero();
    /// @notice Metadata is longer than `limit` bytes.
    error MetadataTooLong(uint256 length, uint256 limit);
    /// @notice Metadata is not valid UTF-8.
    error MetadataNotText();

    /// @notice Appends an entry to the history of `digest`.
    /// @param digest for documents: SHA-256 of the file
    /// @param metadata any text, public for ever
    /// @return index of the new entry
    function record(bytes32 digest, string calldata metadata) external returns (uint256 index);

    /// @notice The first entry of `digest`: the proof of earliest existence. Reverts with RecordUnknown if there is none.
    function get(bytes32 digest) external view returns (Entry memory first);

    /// @notice How often `digest` was recorded.
    function count(bytes32 digest) external view returns (uint256);

    /// @notice Entries `offset` to `offset + limit - 1` of `digest`, oldest first; fewer at the end; at most 100.
    function history(bytes32 digest, uint256 offset, uint256 limit) external view returns (Entry[] memory page);
}
