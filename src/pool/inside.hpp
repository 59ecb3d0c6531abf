// What a pool holds. For this folder's .cpp files only.
#pragma once

#include "pool/admission.hpp"
#include "pool/pool.hpp"

#include <cstring>
#include <deque>
#include <list>
#include <map>
#include <set>
#include <unordered_map>

namespace cairn::pool {

/// Hashes by the leading bytes, mixed with a secret number.
struct SaltedHash {
    std::uint64_t salt = 0;
    template <std::size_t N, class Tag>
    std::size_t operator()(const FixedBytes<N, Tag>& key) const {
        std::uint64_t lead = 0;
        std::memcpy(&lead, key.data(), sizeof lead);
        lead = (lead ^ salt) * 0x9e3779b97f4a7c15;
        return lead ^ (lead >> 32);
    }
};

struct Sender;
struct Place {
    Sender* sender = nullptr;
    std::uint64_t nonce = 0;
};

struct Entry {
    SharedTransaction transaction;
    U256 cost;
    std::uint64_t added = 0; // heights
    std::uint64_t taken = 0; // if in flight
    std::list<Place>::iterator age;
};

/// The transactions of one sender by nonce:
///
///   state_nonce .. next_offer   in flight: taken into batches
///   next_offer  .. next_nonce   ready: no nonce is missing before them
///   above next_nonce            queued: behind a gap, for next_nonce itself is missing
struct Sender {
    Address address;
    std::size_t group = 0; // index of the organisation
    AccountFacts facts;    // as of the last look into the state
    std::map<std::uint64_t, Entry> entries;
    U256 cost;             // of all entries
    std::size_t bytes = 0; // of all entries
    std::uint64_t next_offer = 0;
    std::uint64_t next_nonce = 0;
    // What the pool's totals and orders hold for this sender; see settle.
    std::size_t in_flight = 0;
    std::size_t queued = 0;
    std::size_t waiting = 0; // not in flight
    std::optional<std::list<Sender*>::iterator> ready;
    std::uint64_t seen_in_block = 0;

    bool is_in_flight(std::uint64_t nonce) const { return nonce < next_offer; }
};

/// What transactions take of the pool.
struct Usage {
    std::size_t count = 0;
    std::size_t bytes = 0;
    std::uint64_t gas = 0;

    Usage& operator+=(const Usage& other) {
        count += other.count;
        bytes += other.bytes;
        gas += other.gas;
        return *this;
    }
    Usage& operator-=(const Usage& other) {
        count -= other.count;
        bytes -= other.bytes;
        gas -= other.gas;
        return *this;
    }
    friend Usage operator+(Usage a, const Usage& b) { return a += b; }
    friend Usage operator-(Usage a, const Usage& b) { return a -= b; }
    bool within(const Usage& limit) const { return count <= limit.count && bytes <= limit.bytes && gas <= limit.gas; }
};
inline Usage usage_of(const ledger::SignedTransaction& transaction) {
    return {1, transaction.raw.size(), transaction.body.gas_limit};
}

/// The senders of one organisation.
struct Group {
    OrganisationShare share;
    Usage used;
    std::size_t queued = 0;
    std::list<Sender*> ready;                             // whose turn is next
    std::set<std::pair<std::size_t, Address>> queued_by;  // (queued transactions, sender), without zeros
    std::set<std::pair<std::size_t, Address>> waiting_by; // (transactions not in flight, sender), without zeros
    std::size_t misses = 0;                               // of the batch being made
    std::uint64_t refused = 0;
    std::uint64_t evicted = 0;
};

/// Who leaves so that a transaction fits: of each sender so many, from its highest nonce down.
struct Room {
    std::vector<std::pair<Sender*, std::size_t>> victims;
};

/// Room that one transaction takes in a batch body.
inline std::size_t batch_bytes(const Entry& entry) { return entry.transaction->raw.size() + 4; }

struct Pool::Inside {
    explicit Inside(const PoolConfig& c)
        : config(c), senders(64, SaltedHash{c.hash_salt}), index(1024, SaltedHash{c.hash_salt}), groups(1), turns({1}) {
        groups[0].share.weight = 1;
    }

    using Entries = std::map<std::uint64_t, Entry>;

    Result<Added> add(SharedTransaction transaction, std::uint64_t intrinsic_gas, const ledger::StateView& state);
    std::vector<SharedTransaction> take_batch(const BatchLimits& limits);
    void on_block(Height at, std::span<const SharedTransaction> included, const ledger::StateView& state);
    void on_dropped(const Hash256& hash, ErrorCode reason);
    void on_keys_changed(const Address& account, const ledger::StateView& state);

    Sender* find_sender(const Address& address) {
        const auto found = senders.find(address);
        return found == senders.end() ? nullptr : &found->second;
    }
    void insert(Sender& sender, SharedTransaction transaction, const U256& cost);
    Entries::iterator remove(Sender& sender, Entries::iterator entry);
    void remove_behind(Sender& sender, Entries::iterator entry);
    void settle(Sender& sender);
    void forget_if_empty(Sender& sender);
    void refresh(Sender& sender, const ledger::StateView& state);
    void offer_again(Sender& sender, std::uint64_t from) {
        sender.next_offer = std::min(sender.next_offer, from);
        settle(sender);
    }
    void offer_overdue_again();
    void expire();
    std::vector<SharedTransaction> list(bool executable) const;

    // room.cpp
    Usage limit() const;
    /// What the organisation has even if all others use up theirs.
    Usage guarantee(const Group& group) const;
    std::size_t queued_guarantee(const Group& group) const;
    std::size_t group_of(const Address& account) const;
    /// PoolFull, OrganisationShareFull. Changes nothing.
    Result<Room> find_room(std::size_t group, const Sender* sender, const Entry* replaced,
                           const ledger::SignedTransaction& transaction, bool executable);
    void evict(const Room& room, const Sender* keep, std::vector<Hash256>& evicted);
    void regroup(std::vector<OrganisationShare> shares, OrganisationOf of);
    std::vector<OrganisationCounts> organisations() const;

    PoolConfig config;
    std::size_t waiting_max = config.transactions_max; // see Pool::set_waiting_max
    std::uint64_t height = 0;
    std::uint64_t blocks_seen = 0;
    std::unordered_map<Address, Sender, SaltedHash> senders;
    std::unordered_map<Hash256, Place, SaltedHash> index;
    std::list<Place> ages; // oldest first
    std::vector<Group> groups;
    std::uint64_t weights = 1; // of all groups
    FairQueue turns;
    OrganisationOf organisation_of;
    std::deque<std::pair<std::uint64_t, Address>> taken; // (height, sender), ascending
    std::vector<Address> doubtful;                       // to be looked at with the next block
    std::size_t bytes = 0;
    std::uint64_t gas = 0; // sum of gas limits
    std::size_t in_flight = 0;
    std::size_t queued = 0;

private:
    class Planner;
};

} // namespace cairn::pool
