// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Roles, policies, freezes and labels
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000cA04. It says who may do what. The node
/// asks it before every message runs: transaction, internal call of any kind, creation, delegation. Every change counts from the
/// next block on, so that all transactions of a block see the same rules.
///
/// Roles by number: 0 system administrator, 1 security administrator, 2 audit administrator, 3 validator, 4 deployer, 5 data
/// provider, 6 regulator, 7 auditor. An account that holds one of the first three holds nothing else and administers no
/// organisation. Each of the three has a holder at any time. The zero address stands for everybody; it can only be a deployer.
///
/// A message is refused, by the first of these that applies, with PolicyDenied:
///   1. its transaction's sender, its acting account or its target is frozen (also the code that the target delegates to)
///   2. the method is frozen
///   3. sender or acting account do not dominate the label of the target, or of the record that a call of Records is about
///   4. what the message may change (the target; the record; a new contract) does not dominate the label of sender or acting account
///   5. a policy denies it to the sender or the acting account; of the policies that match the one that names most decides, and
///      among those that name equally many "deny" beats "allow"
///   6. it deploys, or calls upgradeTo(address) or upgradeToAndCall(address,bytes), and neither sender nor acting account may: by
///      the role deployer, or by a policy that allows it and names it (the contract zero for deployment, contract and method for
///      an upgrade); a call without a sender (eth_call from the zero address) is not asked
/// The acting account is the message's sender; for delegatecall and callcode the contract that runs foreign code. Roles and
/// Proposals are out of reach of 2 to 6.
/// @dev The node runs it natively and reads it through typed accessors. Slots (Solidity has no words for the second half, whose
/// values are found without hashing):
///   slot 0  summary, bits that once set stay: 0 enforced, 1 freezes, 2 freezes of methods, 3 labels, 8 + n policies of shape n
///   slot 1  address[] subjects
///   slot 2  struct { address account; uint8 shape; uint256 contract; uint256 method; }[] policies that ever were
///   slot 3  mapping(bytes key => Pending) verdict, key: shape, account, contract, method packed
///   slot 4  struct { address contract; bytes4 method; }[] methods that ever were frozen
///   slot 5  address[] administrators that ever were
///   slot 6  mapping(bytes32 digest => Pending) label of a record: level * 2^32 + compartments
///   1 << 248 | address            the subject, from the lowest bit: roles 16, roles before 16, label 40, label before 40, since
///                                 40, frozen from 40, frozen until 40, named as account 1, named as contract 1
///   2 << 248 | address            string, why it was frozen
///   3 << 248 | method << 160 | address   frozen from 40, frozen until 40
///   4 << 248 | method << 160 | address   string, why
///   5 << 248 | address            index + 1 in `administrators`
/// Pending: value 40, value before 40, since 40. Calls with value, and delegatecalls, are refused.
interface IRoles {
    struct Subject {
        address account;
        /// Bit n: role n.
        uint256 roles;
        uint8 level;
        uint32 compartments;
        /// Frozen from this block on, up to but not including `frozenUntil`; 2^40 - 1 is for ever.
        uint256 frozenFrom;
        uint256 frozenUntil;
        string reason;
    }

    struct MethodFreeze {
        address target;
        bytes4 method;
        uint256 frozenFrom;
        uint256 frozenUntil;
        string reason;
    }

    struct Policy {
        address account;
        address target;
        bytes4 method;
        /// What it names: 1 account, 2 contract, 4 method, added up. What is not named is zero and matches everything.
        uint8 shape;
        /// 0 none (it was removed), 1 allow, 2 deny.
        uint8 verdict;
    }

    /// @notice Counts from block `since` on.
    event RoleGranted(address indexed account, uint8 indexed role, uint256 since);
    event RoleRevoked(address indexed account, uint8 indexed role, uint256 since);
    event PolicySet(
        address indexed account, address indexed target, bytes4 method, uint8 shape, uint8 verdict, uint256 since
    );
    event Frozen(address indexed account, uint256 from, uint256 until, string reason);
    event Unfrozen(address indexed account, uint256 since);
    event MethodFrozen(address indexed target, bytes4 method, uint256 from, uint256 until, string reason);
    event MethodUnfrozen(address indexed target, bytes4 method, uint256 since);
    event LabelSet(address indexed account, uint8 level, uint32 compartments, uint256 since);
    event RecordLabelSet(bytes32 indexed digest, uint8 level, uint32 compartments, uint256 since);

    /// @notice The rules refuse a message. Any call of any contract may revert with it.
    /// @param rule which rule, in words: "policy: deny ACCOUNT CONTRACT *"
    /// @param account whose right is missing, or what is frozen
    /// @param target what was called; zero for a deployment
    error PolicyDenied(string rule, address account, address target, bytes4 method);
    /// @notice Only Proposals changes anything here.
    error NotAuthorised(address caller);
    /// @notice The account holds `held`, which excludes the new role.
    error RoleConflict(address account, string held);
    /// @notice After this change some decision could never be taken again.
    error WouldLockOut(string reason);
    error FieldInvalid(string field);
    error NothingToChange();
    error IndexOutOfRange(uint256 index, uint256 count);
    error LimitReached();

    function has(address account, uint8 role) external view returns (bool);
    /// @notice Bit n: role n.
    function rolesOf(address account) external view returns (uint256 roles);
    function labelOf(address account) external view returns (uint8 level, uint32 compartments);
    function labelOfRecord(bytes32 digest) external view returns (uint8 level, uint32 compartments);
    function frozen(address account) external view returns (uint256 from, uint256 until, string memory reason);
    function methodFrozen(address target, bytes4 method)
        external
        view
        returns (uint256 from, uint256 until, string memory reason);
    /// @notice Everything that has or ever had a role, a label, a freeze or a policy.
    function subjectCount() external view returns (uint256);
    function subject(uint256 index) external view returns (Subject memory);
    function methodFreezeCount() external view returns (uint256);
    function methodFreeze(uint256 index) external view returns (MethodFreeze memory);
    function policyCount() external view returns (uint256);
    function policy(uint256 index) external view returns (Policy memory);
    /// @notice Whether `account` may call `target` with `data` in a transaction of this block; the zero address stands for
    /// deployment.
    function check(address account, address target, bytes calldata data)
        external
        view
        returns (bool allowed, string memory rule);

    /// @notice The caller gives up a role; refused to the last holder of an administrator's role.
    function renounce(uint8 role) external;

    // All that follow: only by a proposal.

    /// @notice Matter "rights": roles 3 to 7.
    function grant(address account, uint8 role) external;
    function revoke(address account, uint8 role) external;
    /// @notice Matter "administrators": roles 0 to 2.
    function grantAdministrator(address account, uint8 role) external;
    function revokeAdministrator(address account, uint8 role) external;
    /// @notice Matter "policy".
    function setPolicy(address account, address target, bytes4 method, uint8 shape, uint8 verdict) external;
    /// @notice Matter "freeze". It ends by itself before block `until`.
    function freeze(address account, uint256 until, string calldata reason) external;
    function unfreeze(address account) external;
    function freezeMethod(address target, bytes4 method, uint256 until, string calldata reason) external;
    function unfreezeMethod(address target, bytes4 method) external;
    /// @notice Matter "retirement": a freeze without end that nobody can lift.
    function retire(address account, string calldata reason) external;
    /// @notice Matter "labels": the new label dominates the old one.
    function raiseLabel(address account, uint8 level, uint32 compartments) external;
    function raiseRecordLabel(bytes32 digest, uint8 level, uint32 compartments) external;
    /// @notice Matter "declassification": any other change of a label.
    function declassify(address account, uint8 level, uint32 compartments) external;
    function declassifyRecord(bytes32 digest, uint8 level, uint32 compartments) external;
}
