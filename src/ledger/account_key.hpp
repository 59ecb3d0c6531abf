// Which account a key signs for, and whether it still may: the part of the system contract Keys (contracts/IKeys.sol) that
// admission, execution and every answer about a sender must agree on. It lies here so that all of them use this one function.
//
//     mapping(bytes32 id => Key) keys;  // slot 0; Key has five words, the first two are read here
//     uint256 accountKeys;              // slot 1; number of account keys that have an entry
//
// An account key's id is its Ethereum address: the last 20 bytes of Keccak-256 of the public key, as a word. A key without
// entry is the key of the account of the same address; nobody needs to register it.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "base/u256.hpp"
#include "ledger/account.hpp"
#include "ledger/transaction.hpp"

#include <concepts>
#include <optional>
#include <string_view>

namespace cairn::ledger {

/// 0x000000000000000000000000000000000000ca06
inline constexpr Address kKeysContract = [] {
    Address address;
    address.bytes[18] = 0xca;
    address.bytes[19] = 0x06;
    return address;
}();

enum class KeyClass : std::uint8_t {
    none,
    consensus,
    tls,
    account,
    person,
    storage_root,
    audit_seal,
    authority, // of certificates
    token,
    organisation // signs for the organisation: genesis, membership
};
inline constexpr std::size_t kKeyClasses = 10;
std::string_view name_of(KeyClass of);

/// NIST SP 800-57 part 1, section 7, and our own three. Numbers are part of the chain's rules.
enum class KeyState : std::uint8_t {
    none, // no entry
    pre_activation,
    active,
    suspended,
    deactivated,
    compromised,
    destroyed,
    escrowed,   // active, and its set of shares is complete
    lost,       // the owner cannot use it; not known to be leaked
    quarantined // suspected: signing stops at once
};
inline constexpr std::size_t kKeyStates = 10;
std::string_view name_of(KeyState state);
std::optional<KeyState> key_state_of(std::string_view name);
/// True if what it signs is accepted.
constexpr bool signs(KeyState state) { return state == KeyState::active || state == KeyState::escrowed; }

/// First word of an entry.
struct KeyHead {
    Address owner; // account keys: the account that the key signs for; others: the account that administers the owner
    KeyClass key_class = KeyClass::none;
    KeyState state = KeyState::none;
    std::uint32_t version = 0;
    bool has_terms = false; // the second word limits when the key signs, or the third when a quarantine ends
    bool operator==(const KeyHead&) const = default;
};
KeyHead unpack_key_head(const U256& word);
U256 pack(const KeyHead& head);

/// Second word: heights. The originator's span is [originator_from, originator_until), the recipient's ends with
/// recipient_until; 0 as an end means open. compromised_at 0: not known to be.
struct KeyTerms {
    std::uint64_t originator_from = 0;
    std::uint64_t originator_until = 0;
    std::uint64_t recipient_until = 0;
    std::uint64_t compromised_at = 0;
    bool operator==(const KeyTerms&) const = default;
};
KeyTerms unpack_key_terms(const U256& word);
U256 pack(const KeyTerms& terms);

/// Third word: a quarantine that one organisation alone imposed ends after `until` (0: it stays), back to `before`.
struct KeyQuarantine {
    std::uint64_t until = 0;
    KeyState before = KeyState::none;
    bool operator==(const KeyQuarantine&) const = default;
};
KeyQuarantine unpack_key_quarantine(const U256& word);
U256 pack(const KeyQuarantine& quarantine);

inline constexpr std::uint64_t kAccountKeysSlot = 1;
inline constexpr std::uint64_t kKeyEntryWords = 5;
/// First word of the entry of a key.
U256 key_slot(const Hash256& id);
Hash256 account_key_id(const Address& key);
/// The state that counts in block `height`, of a key whose head says otherwise if a provisional quarantine has run out.
KeyState state_at(const KeyHead& head, const KeyQuarantine& quarantine, std::uint64_t height);

/// What `load` (a slot of the Keys contract's storage -> U256) says of a key that has an entry: the account it signs for in
/// block `height`, or KeyRetired, KeyQuarantined, KeyCompromised, KeySuspended, AccountLocked, KeyNotActive.
Result<Address> account_of_entry(const Address& key, const KeyHead& head, const KeyTerms& terms,
                                 const KeyQuarantine& quarantine, std::uint64_t height);

/// While a reset waits, the old key may still say one thing: its objection.
inline constexpr std::string_view kObjectReset = "objectReset(address)";
bool is_objection(const Transaction& transaction);

/// The account for which `key` signs in block `height`. Reads one slot while no key of the chain was ever touched, two for
/// an untouched key. `transaction` may be null: then no exception for an objection is made.
template <class Load>
    requires std::invocable<Load, const U256&>
Result<Address> account_of_key(const Address& key, const Transaction* transaction, std::uint64_t height, Load&& load) {
    if (!load(U256{kAccountKeysSlot})) return key;
    const U256 slot = key_slot(account_key_id(key));
    const U256 word = load(slot);
    if (!word) return key;
    const KeyHead head = unpack_key_head(word);
    KeyTerms terms;
    KeyQuarantine quarantine;
    if (head.has_terms) {
        terms = unpack_key_terms(load(slot + U256{1}));
        quarantine = unpack_key_quarantine(load(slot + U256{2}));
    }
    if (head.state == KeyState::lost && transaction != nullptr && is_objection(*transaction)) return head.owner;
    return account_of_entry(key, head, terms, quarantine, height);
}
Result<Address> account_of_key(const Address& key, const Transaction* transaction, std::uint64_t height,
                               const StateView& state);

/// The key that recovers from the signature: `signer`, or for transactions made without a signature their sender.
const Address& signing_key_of(const SignedTransaction& transaction);
/// The account that a client means who knows only the address of its key: the account that the key signs or signed for, and
/// else the address itself. Never refuses: what a retired key may not do is refused where it acts.
Address account_meant_by(const Address& address, const StateView& state);

/// What a key signs to show that somebody holds it before an account is given into its hands: EIP-191 ("personal sign") over
/// keccak256(keccak256("Cairn account key") . chain id . account . key . version), each a word. `version` is the one that the
/// key will have. Any wallet can make it: signMessage(bytes32).
Hash256 possession_message(std::uint64_t chain_id, const Address& account, const Address& key, std::uint32_t version);
Hash256 personal_digest(const Hash256& message);

} // namespace cairn::ledger
