// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Anchors of the nodes' audit logs
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000ca08. Every node notes here, from
/// time to time, how far its audit log goes and which hash it has there; so that a log that was cut off or written anew shows.
/// Entries are never changed or removed. What authorises a call is the signature in it: anyone may bring it.
/// @dev The node runs it natively. Storage is laid out as Solidity would:
///   slot 0  mapping(string node => Anchor[]) anchors
///   slot 1  mapping(string node => SealKey[]) sealKeys
/// Calls with value, and delegatecalls, are refused.
interface IAnchors {
    struct Anchor {
        /// Number of the last event that the seal covers.
        uint64 sequence;
        /// Block that took the anchor.
        uint48 blockNumber;
        /// Time of that block, seconds since 1970 UTC.
        uint48 timestamp;
        /// Hash of the log's last record before that seal.
        bytes32 head;
    }
    struct SealKey {
        /// Block from which on the log of the node is sealed by it.
        uint48 blockNumber;
        /// Ed25519 public key.
        bytes32 key;
    }

    /// @notice The audit log of `node` was anchored. `id` is the Keccak-256 of its name.
    event Anchored(bytes32 indexed id, string node, uint64 sequence, bytes32 head);
    /// @notice The audit log of `node` is sealed by `key` from now on.
    event KeyIntroduced(bytes32 indexed id, string node, bytes32 key);

    /// @notice There is no active validator of this name (see IMembers).
    error NodeUnknown(string node);
    /// @notice The signature is not one of the key that has to sign.
    error SignatureInvalid();
    /// @notice The node has an anchor of this event, or a later one, by a key that is not stopped.
    error NotNewer(uint64 sequence, uint64 latest);
    /// @notice The node has not introduced the key that seals its log.
    error NoSealKey(string node);
    /// @notice The seal key has been stopped (see IKeys): the node introduces another one first.
    error SealKeyStopped(string node);

    /// @notice Introduces the key that seals the log of a node.
    /// @param signature by the validator's consensus key (Ed25519) over "cairn-audit-key-v1", chain id (8 bytes), length of
    /// the name (4 bytes), name, key; numbers are little-endian
    function introduceKey(string calldata node, bytes32 key, bytes calldata signature) external;

    /// @notice Anchors the log of a node.
    /// @param signature by the seal key (Ed25519) over "cairn-audit-anchor-v1", chain id (8 bytes), length of the name
    /// (4 bytes), name, sequence (8 bytes), head; numbers are little-endian
    function anchor(string calldata node, uint64 sequence, bytes32 head, bytes calldata signature) external;

    /// @notice How many anchors a node has.
    function count(string calldata node) external view returns (uint256);

    /// @notice Anchors `offset` to `offset + limit - 1` of a node, oldest first; fewer at the end; at most 100.
    function anchors(string calldata node, uint256 offset, uint256 limit) external view returns (Anchor[] memory page);

    /// @notice Seal keys `offset` to `offset + limit - 1` of a node, oldest first; fewer at the end; at most 100.
    function sealKeys(string calldata node, uint256 offset, uint256 limit) external view returns (SealKey[] memory page);
}
