// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Organisations of the consortium and their validators
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000ca01. Genesis writes the founders.
/// Later, organisations and validators come and go, and voting keys are replaced, by decisions of the organisations (see IProposals,
/// matter "membership"). Consensus takes over the set that results with the next epoch, which begins a few blocks later.
/// @dev The node runs it natively and reads it through typed accessors. Storage is laid out as Solidity would:
///   slot 0  Organisation[] organisations
///   slot 1  Validator[] validators
///   slot 2  mapping(string name => uint256) organisation index + 1
///   slot 3  mapping(string name => uint256) validator index + 1
///   slot 4  is not used; slot 5  uint256 changes, grows whenever a member joins or leaves
///   slot 6  mapping(address => uint256) index + 1 of the active organisation that this account administers
///   slot 7  mapping(bytes32 => uint256) 1 for voting keys that were replaced, or whose validator left
///   slot 8  mapping(bytes32 key => uint256) algorithm of voting keys that are not Ed25519
/// Indices are never used again: who leaves stays listed as inactive. Calls with value, and delegatecalls, are refused.
interface IMembers {
    struct Organisation {
        /// 1 to 64 bytes of UTF-8, unique for ever.
        string name;
        /// The administrator: acts for the organisation on chain.
        address account;
        /// False once the organisation was removed.
        bool active;
        /// Ed25519 key that signs genesis files and changes.
        bytes32 signingKey;
        /// PEM certificate of the authority that vouches for its nodes' TLS certificates.
        string caCertificate;
    }

    struct Validator {
        /// 1 to 64 bytes of UTF-8, unique for ever.
        string name;
        /// Index of its organisation.
        uint32 organisation;
        bool active;
        /// Ed25519 key, or the x coordinate of the SM2 point whose y is even.
        bytes32 key;
        /// "host:port" where other nodes reach it.
        string networkAddress;
        /// What it votes with: 0 Ed25519, 1 SM2. Not part of the entry in storage, see slot 8.
        uint8 algorithm;
    }

    event NetworkAddressChanged(uint256 indexed validator, string networkAddress);
    event OrganisationAdded(uint256 indexed organisation, string name, address account);
    event OrganisationRemoved(uint256 indexed organisation, string name);

    event ValidatorAdded(uint256 indexed validator, string name, bytes32 key);
    event ValidatorKeyReplaced(uint256 indexed validator, string name, bytes32 oldKey, bytes32 newKey);
    event ValidatorRemoved(uint256 indexed validator, string name);

    /// @notice The caller is not the contract Proposals, or does not administer the organisation concerned.
    error NotAuthorised(address caller);
    error OrganisationUnknown(string name);
    error ValidatorUnknown(string name);
    /// @notice The name is taken, now or by one who left.
    error NameTaken(string name);
    /// @notice The account administers another active organisation, or holds an administrator's role.
    error AccountTaken(address account);
    /// @notice The voting key is another validator's, or was one's before.
    error KeyTaken(bytes32 key);
    /// @notice The proof is not this key's signature under the claim to vote as this validator.
    error KeyUnproven(bytes32 key);
    /// @notice A field is empty, too long or malformed.
    error FieldInvalid(string field);
    error IndexOutOfRange(uint256 index, uint256 count);
    /// @notice Neither the last organisation nor the last validator can leave; 256 is the greatest number of organisations ever, 100
    /// that of validators, 1000 that of validators ever.
    error LimitReached();
    /// @notice After this change some decision could never be taken again.
    error WouldLockOut(string reason);

    /// @notice Number of organisations, those that left included.
    function organisationCount() external view returns (uint256);
    function organisation(uint256 index) external view returns (Organisation memory);
    function organisationByName(string calldata name) external view returns (uint256 index, Organisation memory found);
    /// @notice Name of the active organisation that `account` administers; empty if none.
    function organisationOf(address account) external view returns (string memory name);
    /// @notice Number of validators, those that left included.
    function validatorCount() external view returns (uint256);
    function validator(uint256 index) external view returns (Validator memory);
    function validatorByName(string calldata name) external view returns (uint256 index, Validator memory found);

    /// @notice Sets the address of a validator. Only by its organisation's account.
    function setNetworkAddress(string calldata validatorName, string calldata networkAddress) external;
    /// @notice Admits an organisation. Only by a proposal.
    function addOrganisation(string calldata name, address account, bytes32 signingKey, string calldata caCertificate)
        external;
    /// @notice Removes an organisation and its validators. Only by a proposal.
    function removeOrganisation(string calldata name) external;
    /// @notice Admits a validator of an organisation that is there. Only by a proposal. `algorithm` is one that the chain's suite
    /// votes with. `proof` is the key's own signature of 64 bytes under: "cairn-voting-key-v1", chain id (8 bytes), length of
    /// the name (4 bytes), name; both numbers with the lowest byte first.
    function addValidator(
        string calldata name,
        string calldata organisationName,
        bytes32 key,
        uint8 algorithm,
        bytes calldata proof,
        string calldata networkAddress
    ) external;
    /// @notice Removes a validator. Only by a proposal.
    function removeValidator(string calldata name) external;
    /// @notice Replaces the key with which a validator votes. Only by a proposal.
    /// `algorithm` and `proof` as for addValidator.
    /// Both enter the key in IKeys as its organisation's, and fail with IKeys.TransitionRefused if that one has stopped it before.
    function replaceValidatorKey(string calldata name, bytes32 key, uint8 algorithm, bytes calldata proof) external;
}
