// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Decisions that several take together
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000CA05. A proposal is a call of a governed
/// function of a system contract. Enough approvals decide it; after a delay, in which organisations can object, it is carried out
/// in the name of this contract. Without a delay the approval that is enough carries it out.
///
///   matter (number)        proposed by                              decided by                             delay
///   membership (0)         organisation                             majority of organisations              2
///   parameters (1)         organisation, system administrator       majority of organisations              0
///   administrators (2)     organisation, security administrator     majority of organisations              2
///   rules (3)              organisation                             majority of organisations              2
///   rights (4)             security administrator                   2 of organisations and security administrators   0
///   policy (5)             security administrator                   2 of the same                          0
///   freeze (6)             security administrator, regulator        2 of the same                          0
///   labels (7)             security administrator                   2 of the same                          0
///   declassification (8)   security administrator                   2 of the same                          2
///   retirement (9)         security administrator                   majority of organisations              2
///   keys (10)              organisation                             majority of organisations              0
///
/// Majority is more than half of the active organisations. `setRule` changes the numbers, but never below a majority or two.
/// Proposals lapse after 50,000 blocks. More than a third of the active organisations reject by objecting. Who is frozen, or has
/// left, does not count, also in what he approved before.
/// @dev The node runs it natively. Slots:
///   slot 0  uint256 count; proposals have numbers from 1 on
///   1 << 248 | id << 8 | field   field 0: proposer 160, matter 4, state 4, expiry 30, ready + 1 30 (blocks after creation);
///                                1: target 160, block of creation; 2: bit i: organisation i approves; 3: bit i: administrator i
///                                approves; 4: bit i: organisation i objects; 5: bytes data; 6: string reason
///   2 << 248 | matter            threshold 40, delay 40, expiry 40, set 1
/// Calls with value, and delegatecalls, are refused.
interface IProposals {
    struct Proposal {
        address proposer;
        address target;
        bytes data;
        string reason;
        uint8 matter;
        /// 1 open, 2 approved and waiting for its delay, 3 executed, 4 rejected, 5 withdrawn, 6 expired.
        uint8 state;
        uint256 created;
        /// Last block in which it can be approved or carried out.
        uint256 expires;
        /// First block in which it can be carried out; 0 before it is approved.
        uint256 ready;
        uint256 approvals;
        uint256 needed;
        uint256 objections;
        uint256 objectionsNeeded;
    }

    event Proposed(
        uint256 indexed id, address indexed proposer, address indexed target, uint8 matter, bytes data, string reason
    );
    event Approved(uint256 indexed id, address indexed voter, uint256 approvals, uint256 needed);
    event Objected(uint256 indexed id, address indexed voter, uint256 objections, uint256 needed, string reason);
    /// @notice Enough approvals; it can be carried out from block `ready` on.
    event Decided(uint256 indexed id, uint256 ready);
    event Executed(uint256 indexed id);
    event Rejected(uint256 indexed id);
    event Withdrawn(uint256 indexed id);
    event RuleChanged(uint8 indexed matter, uint256 threshold, uint256 delay, uint256 expiry);

    /// @notice The caller may not propose, vote or carry out in this matter.
    error NotAuthorised(address caller);
    error ProposalUnknown(uint256 id);
    /// @notice No function that is decided here.
    error NotGoverned(address target, bytes4 method);
    error WrongState(uint256 id, string state);
    error AlreadyApproved(uint256 id);
    error AlreadyObjected(uint256 id);
    error TooEarly(uint256 id, uint256 ready);
    error FieldInvalid(string field);
    /// @notice After this change some decision could never be taken again.
    error WouldLockOut(string reason);

    function count() external view returns (uint256);
    function proposal(uint256 id) external view returns (Proposal memory);
    /// @notice Accounts that approve.
    function approvers(uint256 id) external view returns (address[] memory);
    /// @notice Approvals needed, voters there are, blocks of delay, blocks until a proposal lapses.
    function rule(uint8 matter)
        external
        view
        returns (uint256 needed, uint256 voters, uint256 delay, uint256 expiry);
    function mayPropose(address account, uint8 matter) external view returns (bool);

    /// @notice Proposes to call `target` with `data` (at most 8,192 bytes). What could not be carried out now is refused with its
    /// own error. A proposer who may vote approves with it.
    function propose(address target, bytes calldata data, string calldata reason) external returns (uint256 id);
    function approve(uint256 id) external;
    /// @notice Only organisations. It takes back an approval.
    function object(uint256 id, string calldata reason) external;
    /// @notice Only the proposer.
    function withdraw(uint256 id) external;
    /// @notice Only the proposer and who may vote.
    function execute(uint256 id) external;
    /// @notice Only by a proposal. Threshold 0: the majority.
    function setRule(uint8 matter, uint256 threshold, uint256 delay, uint256 expiry) external;
}
