// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Certificates and accounts of the member organisations
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000ca07. Nodes judge each other's TLS
/// certificates by it: whose CAs are trusted, which certificates are revoked. And it says which organisation answers for an
/// account; on a chain whose parameter `accountBinding` is 1, an account that is bound to none cannot send.
/// @dev The node runs it natively. The real name behind an account is not here, only a salted commitment to it, which the
/// organisation opens to the regulator off the chain. Storage: a tag of at most 12 bytes, filled with zeros to 12, then 20 bytes,
/// is the slot of one word:
///   "binding" . account       organisation (32 bits), kind (8), suspended (1), registrar (1), 22 bits of zero,
///                             block (64), expiry (64), 1 (64); zero if not bound
///   "commitment" . account
///   "ca-print", "ca-since", "ca-der" . (organisation * 4 + place)    the last as `bytes`
///   "no-founding" . organisation                                      1 if the CA in Members is not trusted any more
///   "version" . 0
/// A revocation stands at keccak256(id . slot "revoked" . organisation): reason (64), block (64), 0, 1.
/// Calls with value, and delegatecalls, are refused.
interface IIdentities {
    struct Binding {
        /// Index in Members.
        uint32 organisation;
        /// 0 not bound, 1 person, 2 application, 3 node.
        uint8 kind;
        bool suspended;
        /// May bind accounts to its organisation.
        bool registrar;
        /// Block of the binding; 0: genesis.
        uint64 boundAt;
        /// Seconds since 1970 UTC; 0: never.
        uint64 expires;
        bytes32 commitment;
    }

    struct Ca {
        /// SHA-256 of `der`.
        bytes32 fingerprint;
        uint64 since;
        bytes der;
    }

    event AccountBound(address indexed account, uint256 indexed organisation, uint8 kind, bytes32 commitment, uint64 expires);
    event AccountUnbound(address indexed account, uint256 indexed organisation);
    event AccountSuspended(address indexed account, uint256 indexed organisation, bool suspended);
    event RegistrarSet(address indexed account, uint256 indexed organisation, bool registrar);
    event CaTrusted(uint256 indexed organisation, bytes32 indexed fingerprint, bytes der);
    /// @notice `fingerprint` 0 is the CA that Members keeps.
    event CaRemoved(uint256 indexed organisation, bytes32 indexed fingerprint);
    event CertificateRevoked(uint256 indexed organisation, bytes32 indexed id, uint8 reason);

    /// @notice Only the organisation's administrator, or a registrar that it has appointed and that may send.
    error NotRegistrar(address caller);
    /// @notice Only the organisation's administrator.
    error NotAdministrator(address caller);
    error FieldInvalid(string field);
    /// @notice Another member organisation answers for the account; it must unbind it first.
    error AlreadyBound(address account, uint256 organisation);
    error NotBoundHere(address account);
    error CaKnown(bytes32 fingerprint);
    error CaUnknown(bytes32 fingerprint);
    error TooManyCas(uint256 limit);
    /// @notice Without a trusted CA no node of the organisation could connect.
    error LastCa();
    error AlreadyRevoked(bytes32 id, uint64 atBlock);
    error OrganisationUnknown(uint256 organisation);
    error NotAuthorised(address caller);

    /// @notice Binds an account to the caller's organisation. Callers: its administrator or registrars.
    /// @param kind 1 person, 2 application, 3 node
    /// @param commitment SHA-256 of a salt and the real name; see `cairn identity show --reveal`
    /// @param expires seconds since 1970 UTC, in the future; 0: never
    function bind(address account, uint8 kind, bytes32 commitment, uint64 expires) external;

    /// @notice Up to 200 accounts, all or none.
    function bindMany(address[] calldata accounts, uint8 kind, bytes32[] calldata commitments, uint64 expires) external;

    /// @notice Ends a binding of the caller's organisation. A registrar's is ended by the administrator alone.
    function unbind(address account) external;

    /// @notice Ends whatever binding the account has, where an organisation bound one that is not its own. Only by a proposal.
    function release(address account) external;

    /// @notice A suspended account (dormant, or its owner left) cannot send until it is taken back.
    function setSuspended(address account, bool suspended) external;

    /// @notice Appoints an account of the organisation as registrar, or dismisses it. Caller: the administrator.
    function setRegistrar(address account, bool registrar) external;

    function bindingOf(address account) external view returns (Binding memory binding);

    /// @return value 0 may send, 1 not bound, 2 suspended, 3 expired, 4 its organisation has left
    function standing(address account) external view returns (uint8 value);

    /// @notice Trusts a further CA certificate (DER) of the caller's organisation; at most 4 beside the one in Members.
    function trustCa(bytes calldata der) external returns (bytes32 fingerprint);

    /// @notice Ends the trust in a CA of the caller's organisation. 0: the one in Members.
    function removeCa(bytes32 fingerprint) external;

    /// @return founding whether the CA in Members is trusted
    /// @return cas the others
    function caCertificates(uint256 organisation) external view returns (bool founding, Ca[] memory cas);

    /// @notice Revokes for ever: nodes of the organisation that show the certificate are cut off.
    /// @param id SHA-256 of the certificate, or of its public key (SubjectPublicKeyInfo)
    /// @param reason RFC 5280, 5.3.1: 0 unspecified, 1 key compromise, 3 affiliation changed, 4 superseded, 5 out of operation
    function revoke(bytes32 id, uint8 reason) external;

    function revocation(uint256 organisation, bytes32 id) external view returns (bool revoked, uint8 reason, uint64 atBlock);

    /// @notice Rises whenever a trusted CA or a revocation changes.
    function version() external view returns (uint256);
}
