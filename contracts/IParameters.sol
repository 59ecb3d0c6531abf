// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Parameters of the chain
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000CA03. Genesis writes the values;
/// the organisations change one together, from a block that they name (see IProposals, matter "parameters").
/// Names: chainId, fixedGasPrice (0: gas is free), blockGasLimit, transactionGasCap (never above blockGasLimit in effect),
/// codeBytesMax, historyBlocks, minBlockIntervalMs, accountBinding (1: who sends must be bound to an identity), suite (accounts that may send: 1 secp256k1 keys, 2 SM2 keys, 3 both);
/// "share:NAME", an active organisation's part of the network when others want
/// it too (1 to 10000, 100 at first); "quota:ADDRESS:calls", "quota:ADDRESS:SELECTOR:calls" (only where the contract has a quota
/// of calls), "quota:ADDRESS:slots", "quota:ADDRESS:logs": what a contract may use of one block (0, as at first: no limit;
/// lower-case "0x" hex).
/// @dev The node runs it natively and reads it through typed accessors. Storage is laid out as Solidity would:
///   slot 0  mapping(string name => Parameter) with struct Parameter { uint256 current; uint256 next; uint64 activation; }
///   slot 2  uint256 changes, grows with each change decided
///   slot 3  uint256 quotas, grows with each quota decided; slot 0 has an entry "quota:ADDRESS" for each contract with one
/// From block `activation` on `next` counts, before that `current`. Calls with value, and delegatecalls, are refused.
interface IParameters {
    /// @notice From block `activation` on, `name` is `value`.
    event ParameterChanged(string name, uint256 value, uint256 activation);

    /// @notice The caller is not the contract Proposals.
    error NotAuthorised(address caller);
    error ParameterUnknown(string name);
    /// @notice chainId and historyBlocks are given for ever; the others only take values from `min` to `max`.
    error ValueRefused(string name, uint256 min, uint256 max);
    /// @notice The activation must be after the current block.
    error ActivationTooEarly(uint256 activation, uint256 earliest);
    /// @notice An earlier change of this parameter waits for its activation.
    error ChangePending(string name, uint256 activation);

    /// @notice The value that counts in the current block.
    function get(string calldata name) external view returns (uint256 value);
    /// @notice The change that waits: its value and its block; activation 0 if none waits.
    function pending(string calldata name) external view returns (uint256 value, uint256 activation);

    /// @notice Decides a change. Only by a proposal.
    function change(string calldata name, uint256 value, uint256 activation) external;
}
