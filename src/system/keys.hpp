// What the node reads from the system contract Keys: which keys there are, in what state, and when each was good. Interface and
// storage: contracts/IKeys.sol. Which account a key signs for: ledger/account_key.hpp.
#pragma once

#include "ledger/account_key.hpp"
#include "ledger/genesis.hpp"
#include "ledger/receipt.hpp"
#include "system/slots.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace cairn::system {

inline constexpr std::size_t kKeyReasonBytesMax = 256;
inline constexpr std::size_t kIncidentStepBytesMax = 64;
/// A quarantine of a foreign account key by one organisation alone ends after so many blocks, unless more than half agree.
inline constexpr std::uint64_t kLoneQuarantineBlocks = 1'000;
/// A reset of a key that still signs waits at least so long for an objection.
inline constexpr std::uint64_t kResetDelayMin = 5;
inline constexpr std::uint64_t kResetDelayMax = 10'000'000;

/// Keccak-256 of the public key's bytes (consensus, organisation, seal keys).
Hash256 key_id(BytesView public_key);
/// Of a CA: Keccak-256 of its certificate in PEM form as OpenSSL writes it, whatever stands around it in the text.
Hash256 authority_id(std::string_view ca_pem);

/// A key as a state says, in block `height` (a provisional quarantine may have ended by itself).
struct KeyFacts {
    ledger::KeyHead head;
    ledger::KeyTerms terms;
    Hash256 previous;
    Hash256 next;
};
/// Nothing for a key without entry that is no account's either. An untouched account key is active, version 1.
std::optional<KeyFacts> key_facts(const ledger::StateView& view, const Hash256& id, std::uint64_t height);
/// The key that signs for the account, whatever its state.
Address key_of_account(const ledger::StateView& view, const Address& account);
/// State of the key at the end of block `height`, by its history.
ledger::KeyState key_state_at(const ledger::StateView& view, const Hash256& id, std::uint64_t height);
/// True if a signature by this key that block `height` contains is good: see goodAt in IKeys.sol.
bool key_was_good_at(const ledger::StateView& view, const Hash256& id, std::uint64_t height);

/// Those of these validators' keys that do not sign.
std::vector<crypto::VotingKey> stopped_keys(const ledger::StateView& view,
                                            const std::vector<ledger::Validator>& validators);
/// Whether the organisation that owns this key, which is no account's, has stopped it, or others have.
bool is_stopped(const ledger::StateView& view, std::string_view organisation, const Hash256& id);
/// Rises with every change of state of keys that are no accounts'.
std::uint64_t key_changes_of(const ledger::StateView& view);

/// Topic 0 of KeyStateChanged.
Hash256 key_state_topic();
/// Event KeyStateChanged of this contract.
struct KeyStateChange {
    Hash256 id;
    Address owner;
    ledger::KeyClass key_class = ledger::KeyClass::none;
    ledger::KeyState from = ledger::KeyState::none;
    ledger::KeyState to = ledger::KeyState::none;
};
/// Nothing for other logs.
std::optional<KeyStateChange> key_state_change(const ledger::Log& log);
/// The account whose key an event of this contract changed.
std::optional<Address> account_in_event(const ledger::Log& log);

/// Consensus keys of the validators, CA and signing keys of the organisations: active from block 0.
void write_keys(Slots& slots, const ledger::Genesis& genesis);

} // namespace cairn::system
