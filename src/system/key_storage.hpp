// Storage of Keys, entry by entry. Private to this folder. Layout: contracts/IKeys.sol.
#pragma once

#include "ledger/account_key.hpp"
#include "system/slots.hpp"

#include <optional>
#include <vector>

namespace cairn::system {

struct KeyEntry {
    ledger::KeyHead head;
    ledger::KeyTerms terms;
    ledger::KeyQuarantine quarantine;
    Hash256 previous; // version before, and after, this one; zero: none
    Hash256 next;
};

/// One line of a key's history: from block `height` on it is `to`. `by` is zero where a quarantine ends by itself.
struct KeyChange {
    std::uint64_t height = 0;
    ledger::KeyState from = ledger::KeyState::none;
    ledger::KeyState to = ledger::KeyState::none;
    Address by;
    bool operator==(const KeyChange&) const = default;
};

struct AccountEntry {
    Address key; // zero: the key of the same address
    std::uint32_t version = 0;
};

struct ResetEntry {
    Address new_key; // zero: no reset waits
    std::uint64_t finish_at = 0;
};

struct IncidentEntry {
    Hash256 key;
    Address opener;
    std::uint64_t opened_at = 0;
    std::uint64_t closed_at = 0; // 0: open
    std::uint64_t since = 0;     // first height at which somebody else may have held the key
    std::uint64_t steps = 0;
    Hash256 evidence; // hash chain of the steps; the last link, at closing, is the evidence pack's manifest
};

class KeyStorage {
public:
    explicit KeyStorage(Slots& slots) : slots_(slots) {}

    KeyEntry key(const Hash256& id);
    ledger::KeyHead head(const Hash256& id);
    void store(const Hash256& id, const KeyEntry& entry);

    std::uint64_t history_length(const Hash256& id);
    KeyChange change(const Hash256& id, std::uint64_t index);
    void append(const Hash256& id, const KeyChange& change);
    void drop_last(const Hash256& id);

    void count_account_key();
    AccountEntry account(const Address& account);
    void store(const Address& account, const AccountEntry& entry);
    ResetEntry reset(const Address& account);
    void store(const Address& account, const ResetEntry& entry);

    std::uint64_t round(const Hash256& id);
    void next_round(const Hash256& id);
    /// Grows with every change of the state of a key that is no account's: what was read before still holds while it is the same.
    std::uint64_t changes();
    void note_change();
    /// Organisations, one bit each, that have quarantined this key alone.
    U256 lone_quarantines(const Hash256& id);
    void store_lone_quarantines(const Hash256& id, const U256& bits);

    std::uint64_t incident_count();
    IncidentEntry incident(std::uint64_t index);
    void store(std::uint64_t index, const IncidentEntry& entry);
    std::uint64_t append(const IncidentEntry& entry);
    /// Index plus one of the open incident of this key; 0: none.
    std::uint64_t open_incident(const Hash256& id);
    void store_open_incident(const Hash256& id, std::uint64_t index_plus_one);

private:
    Slots& slots_;
};

} // namespace cairn::system
