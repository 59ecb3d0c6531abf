// SPDX-License-Identifier: Apache-2.0
pragma solidity >=0.8.20 <0.9.0;

/// @title Keys, their states, and the accounts they sign for
/// @notice System contract of every Cairn chain at 0x000000000000000000000000000000000000ca06. It knows every key of the
/// consortium by its id, says in which state the key is and was, and lets an account change its key while its address stays.
///
/// Ids: of an account key its address as a word; of consensus and organisation keys Keccak-256 of the public key; of a
/// certificate authority Keccak-256 of its certificate as IMembers has it; of TLS keys and persons' keys SHA-256 of the
/// SubjectPublicKeyInfo in their certificates; of any other key Keccak-256 of the public key or of
/// the key check value. An account key without entry is active and signs for the account of the same address.
///
/// Classes: 1 consensus, 2 TLS, 3 account, 4 person, 5 storage root, 6 audit seal, 7 certificate authority, 8 token,
/// 9 organisation. States: 1 pre-activation, 2 active, 3 suspended, 4 deactivated, 5 compromised, 6 destroyed, 7 escrowed
/// (active, its share set complete), 8 lost, 9 quarantined. Only active and escrowed keys sign.
///
/// Allowed changes (o: the owner; g: a proposal of the matter keys; p: rotation, replacement, reset):
///   pre-activation  active o, compromised og, destroyed og
///   active          suspended og, deactivated op, compromised og, escrowed o, lost ogp, quarantined og
///   escrowed        active o, suspended og, deactivated op, compromised og, lost ogp, quarantined og
///   suspended       active og, deactivated op, compromised og, lost ogp, quarantined og
///   lost            active gp, deactivated op, compromised og, quarantined og
///   quarantined     active g, deactivated gp, compromised og
///   deactivated     compromised og, destroyed og
///   compromised     destroyed og
/// Of account keys, deactivated is reached by p alone and lost never by o.
/// @dev The node runs it natively. Storage is laid out as Solidity would:
///   slot 0  mapping(bytes32 id => Key), five words: owner (160 bits), class (8), state (8), version (32), "the next words limit
///           it" (8); originatorFrom, originatorUntil, recipientUntil, compromisedAt (uint64 each); quarantine's end and the
///           state after it (uint64 each); previous; next
///   slot 1  uint256 account keys that have an entry
///   slot 2  mapping(address account => (address key, uint32 version)); key 0: that of the same address
///   slot 3  mapping(bytes32 id => Change[]), one word each: by (160), from (8), to (8), unused (16), height (64)
///   slot 4  mapping(bytes32 id => uint256) round
///   slot 5  mapping(address account => (address newKey, uint64 finishAt))
///   slot 6  Incident[], four words each: key; opener; openedAt, closedAt, since, steps (uint64 each); evidence
///   slot 7  mapping(bytes32 id => uint256) index plus one of the key's open incident
///   slot 8  mapping(bytes32 id => uint256) bit i: organisation i has quarantined this key alone
///   slot 9  uint256 changes of state of keys that are no accounts'
/// Calls with value, and delegatecalls, are refused.
interface IKeys {
    struct Key {
        /// Account keys: the account. Other keys: the account that administers the owning organisation.
        address owner;
        uint8 keyClass;
        uint8 state;
        uint32 version;
        /// May protect new data in blocks [originatorFrom, originatorUntil); 0 as an end: open.
        uint64 originatorFrom;
        uint64 originatorUntil;
        /// May open and verify old data before this block; 0: open.
        uint64 recipientUntil;
        /// First block at which somebody else may have held it; 0: not known to be so.
        uint64 compromisedAt;
        bytes32 previous;
        bytes32 next;
    }
    struct Change {
        uint64 height;
        uint8 from;
        uint8 to;
        /// Who caused it (of a decision the contract Proposals); zero where a provisional quarantine ends by itself (its height may lie ahead).
        address by;
    }
    struct Incident {
        bytes32 key;
        address opener;
        uint64 openedAt;
        /// 0: open.
        uint64 closedAt;
        uint64 since;
        uint64 steps;
        /// evidence = keccak256(evidence . keccak256(step) . digest) over all steps; the last one is "closed".
        bytes32 evidence;
    }

    event KeyRegistered(
        bytes32 indexed id, address indexed owner, uint8 keyClass, uint64 originatorUntil, uint64 recipientUntil, uint32 version
    );
    /// @notice From block `since` on (in the compromised state: from the block of the leak) the key is `to`.
    event KeyStateChanged(
        bytes32 indexed id, address indexed owner, uint8 keyClass, uint8 from, uint8 to, uint64 since, string reason
    );
    /// @notice `newKey` takes over from `oldKey`. For account keys `owner` is the account, whose address stays.
    event KeyReplaced(address indexed owner, bytes32 indexed oldKey, bytes32 indexed newKey, uint32 version);
    event ResetApproved(address indexed account, address indexed newKey, uint64 finishAt);
    event ResetObjected(address indexed account, address indexed newKey);
    event IncidentOpened(uint256 indexed incident, bytes32 indexed key, uint64 since, string reason);
    event IncidentStep(uint256 indexed incident, string step, bytes32 digest);
    event IncidentClosed(uint256 indexed incident, bytes32 indexed key, bytes32 manifest);

    error KeyUnknown(bytes32 id);
    /// @notice There is an entry with this id already, or the key has been replaced by it already.
    error KeyTaken(bytes32 id);
    error TransitionRefused(uint8 from, uint8 to);
    error FieldInvalid(string field);
    /// @notice The signature is not one by `key` over the message of `possession`.
    error PossessionInvalid(address key);
    /// @notice The address of the new key is an account with a nonce or code of its own.
    error KeyInUse(address key);
    /// @notice Only the account's own transaction may do this, not code that runs for it.
    error NotDirect();
    /// @notice Too few validators would keep a key that signs. A proposal may do it all the same; then the chain stands still.
    error QuorumLost(uint256 remaining, uint256 needed);
    error ResetUnknown(address account);
    error ResetPending(address account);
    error TooEarly(uint256 height, uint256 earliest);
    error IncidentUnknown(uint256 incident);
    error IncidentIsOpen(uint256 incident);
    /// @notice The key's quarantine would end by itself: confirm it, replace the key, or make it active again.
    error KeyStillSigns(bytes32 id);
    /// @notice This organisation has quarantined this key alone before; now more than half must agree.
    error QuarantineUsed(bytes32 id);
    error NotAuthorised(address caller);
    /// @notice Something else was decided about this key since this was proposed: propose it anew.
    error RoundOver(bytes32 id, uint256 round);

    function key(bytes32 id) external view returns (Key memory);
    /// @notice The key that signs for `account`, whatever its state.
    function keyOf(address account) external view returns (address key, uint32 version);
    /// @notice The account for which `key` signs, and the key's state.
    function accountOf(address key) external view returns (address account, uint8 state);
    /// @notice State at the end of block `height`.
    function stateAt(bytes32 id, uint64 height) external view returns (uint8 state);
    /// @notice True if a signature by this key that block `height` contains is good: the key might sign in that block, or was
    /// deactivated in good order by it, and `height` is before the block of a leak. The chain is the time stamp.
    function goodAt(bytes32 id, uint64 height) external view returns (bool good);
    /// @notice Changes `offset` to `offset + limit - 1`, oldest first; fewer at the end; at most 100.
    function history(bytes32 id, uint256 offset, uint256 limit) external view returns (Change[] memory page);
    /// @notice What `newKey` signs (EIP-191, signMessage) to show that somebody holds it, before it may sign for `account`.
    function possession(address account, address newKey) external view returns (bytes32 message);
    function resetOf(address account) external view returns (address newKey, uint64 finishAt);
    function incidentCount() external view returns (uint256);
    function incident(uint256 index) external view returns (Incident memory);
    /// @notice Number of decisions about this key so far. A decision names it.
    function round(bytes32 id) external view returns (uint256);

    /// @notice An organisation's administrator registers a key that is no account's.
    function register(bytes32 id, uint8 keyClass, uint64 originatorUntil, uint64 recipientUntil, bool active) external;
    /// @notice Only by IMembers, when `key` begins to vote: it is active, and its validator's organisation (`owner`) has its entry, also
    /// where another had registered its id. TransitionRefused if that organisation itself has stopped this key before.
    function enterVotingKey(bytes32 key, address owner) external;
    /// @notice The key is `owner`'s, an organisation's account, from now on, and active: where another had registered its id first. Only
    /// by a proposal; not for keys of validators and accounts.
    function award(bytes32 id, address owner, uint8 keyClass) external;
    /// @notice The owner replaces a key that is neither an account's nor a validator's; the old one is deactivated.
    function replaceKey(bytes32 id, bytes32 newId) external;
    /// @notice The owner changes the state. `since`: for compromised, the block of the leak; 0: now.
    function changeState(bytes32 id, uint8 to, uint64 since, string calldata reason) external;
    /// @notice Only by a proposal. Quarantined, for a key whose quarantine would end by itself, makes it last.
    function decideState(bytes32 id, uint256 round, uint8 to, uint64 since, string calldata reason) external;

    /// @notice The calling account moves to `newKey`; its present key signs nothing any more from here on. A delegation of the account
    /// (EIP-7702) ends, here and with a reset: the new key makes another one if it wants to.
    function rotate(address newKey, uint8 v, bytes32 r, bytes32 s) external;
    /// @notice Only by a proposal: a new key for an account whose key is lost or stopped. A key that still signs becomes lost,
    /// which locks the account, and after `delay` blocks (at least 5 if the key could object) finishReset may be called.
    /// `round`: of the key that signs for the account. A key that nobody ever used may take over, whatever incidents others opened about it.
    function decideReset(address account, uint256 round, address newKey, uint64 delay, uint8 v, bytes32 r, bytes32 s)
        external;
    /// @notice The account's old key, the one thing it may still sign: the reset is off and the account free.
    function objectReset(address account) external;
    /// @notice Anybody, once the delay is over.
    function finishReset(address account) external;

    /// @notice Stops the key at once: its owner for good, one organisation alone a foreign account key for 1000 blocks and once. A lost
    /// key signs nothing but an objection: that one organisation alone does not stop. IncidentIsOpen if one is open that this one could add nothing to: the key is stopped.
    function openIncident(bytes32 id, uint64 since, string calldata reason) external returns (uint256 incident);
    function noteIncident(uint256 incident, string calldata step, bytes32 digest) external;
    /// @notice By the organisation that opened it or the key's owner; what an account opened itself, or an organisation that is no member
    /// any more, by any organisation.
    function closeIncident(uint256 incident, bytes32 manifest) external;
}
