// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Parameters of the chain
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000CA03. Genesis writes the values; more
/// than half of the active organisations (see IMembers) change one together, from a block that they name.
/// Names: chainId, fixedGasPrice (0: gas is free), blockGasLimit, transactionGasCap (never above blockGasLimit in effect),
/// codeBytesMax, historyBlocks, minBlockIntervalMs, accountBinding (1: who sends must be bound to an identity, for ever as genesis has it), suite (accounts that may send: 1 secp256k1 keys, 2 SM2 keys, 3 both).
/// @dev The node runs it natively and reads it through typed accessors. Storage is laid out as Solidity would:
///   slot 0  mapping(string name => Parameter) with struct Parameter { uint256 current; uint256 next; uint64 activation; }
///   slot 1  mapping(bytes32 change => uint256) bit i: organisation i approves
///   slot 2  uint256 round, grows with each change decided
/// From block `activation` on `next` counts, before that `current`. Calls with value, and delegatecalls, are refused.
interface IParameters {
    /// @notice `organisation` approves a change; `approvals` of `needed` active organisations now do.
    event ChangeApproved(bytes32 indexed change, uint256 indexed organisation, uint256 approvals, uint256 needed);
    /// @notice From block `activation` on, `name` is `value`.
    event ParameterChanged(string name, uint256 value, uint256 activation);

    /// @notice The caller administers no active organisation.
    error NotAuthorised(address caller);
    error ParameterUnknown(string name);
    /// @notice chainId and historyBlocks are given for ever; the others only take values from `min` to `max`.
    error ValueRefused(string name, uint256 min, uint256 max);
    /// @notice The activation must be after the current block.
    error ActivationTooEarly(uint256 activation, uint256 earliest);
    /// @notice An earlier change of this parameter waits for its activation.
    error ChangePending(string name, uint256 activation);
    error AlreadyApproved(bytes32 change);

    /// @notice The value that counts in the current block.
    function get(string calldata name) external view returns (uint256 value);
    /// @notice The change that waits: its value and its block; activation 0 if none waits.
    function pending(string calldata name) external view returns (uint256 value, uint256 activation);
    /// @notice Active organisations that approve `change`.
    function approvals(bytes32 change) external view returns (uint256);
    /// @notice Number of changes decided; part of each change's identity.
    function round() external view returns (uint256);

    /// @notice Approves a change; the approval that reaches the majority decides it.
    /// @return change keccak256(abi.encode(round, name, value, activation))
    function approveChange(string calldata name, uint256 value, uint256 activation) external returns (bytes32 change);
}
