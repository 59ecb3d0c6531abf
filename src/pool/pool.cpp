#include "pool/pool.hpp"

#include "base/errors/execution.hpp"
#include "base/errors/pool.hpp"
#include "ledger/account_key.hpp"
#include "pool/admission.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <ranges>
#include <set>
#include <unordered_map>

namespace cairn::pool {
namespace {

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
    AccountFacts facts; // as of the last look into the state
    std::map<std::uint64_t, Entry> entries;
    U256 cost;             // of all entries
    std::size_t bytes = 0; // of all entries
    std::uint64_t next_offer = 0;
    std::uint64_t next_nonce = 0;
    // What the pool's totals and orders hold for this sender; see settle.
    std::size_t in_flight = 0;
    std::size_t queued = 0;
    std::optional<std::list<Sender*>::iterator> ready;
    std::uint64_t seen_in_block = 0;

    bool is_in_flight(std::uint64_t nonce) const { return nonce < next_offer; }
};

/// Room that one transaction takes in a batch body.
std::size_t batch_bytes(const Entry& entry) { return entry.transaction->raw.size() + 4; }

constexpr std::size_t kMissesMax = 64;

} // namespace

struct Pool::Inside {
    explicit Inside(const PoolConfig& c)
        : config(c), senders(64, SaltedHash{c.hash_salt}), index(1024, SaltedHash{c.hash_salt}) {}

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
    Status check_room(const Sender* sender, const Entry* replaced, const SharedTransaction& transaction,
                      bool executable);
    bool can_make_room(std::size_t needed) const;
    void make_room(std::size_t new_bytes, const Entry* replaced, const Sender* keep, std::vector<Hash256>& evicted);
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

    PoolConfig config;
    std::uint64_t height = 0;
    std::uint64_t blocks_seen = 0;
    std::unordered_map<Address, Sender, SaltedHash> senders;
    std::unordered_map<Hash256, Place, SaltedHash> index;
    std::list<Place> ages;                               // oldest first
    std::list<Sender*> ready;                            // whose turn is next
    std::set<std::pair<std::size_t, Address>> queued_by; // (queued transactions, sender), without zeros
    std::deque<std::pair<std::uint64_t, Address>> taken; // (height, sender), ascending
    std::vector<Address> doubtful;                       // to be looked at with the next block
    std::size_t bytes = 0;
    std::size_t in_flight = 0;
    std::size_t queued = 0;
};

/// Brings next_nonce, the totals and the orders up to date after any change to `sender`.
void Pool::Inside::settle(Sender& sender) {
    sender.next_nonce = std::max(sender.next_nonce, sender.facts.nonce);
    auto next = sender.entries.find(sender.next_nonce);
    while (next != sender.entries.end() && next->first == sender.next_nonce) {
        ++sender.next_nonce;
        ++next;
    }
    sender.next_offer = std::clamp(sender.next_offer, sender.facts.nonce, sender.next_nonce);

    const std::size_t now_in_flight = sender.next_offer - sender.facts.nonce;
    in_flight += now_in_flight - sender.in_flight;
    sender.in_flight = now_in_flight;

    const std::size_t now_queued = sender.entries.size() - (sender.next_nonce - sender.facts.nonce);
    if (now_queued != sender.queued) {
        if (sender.queued != 0) queued_by.erase({sender.queued, sender.address});
        if (now_queued != 0) queued_by.emplace(now_queued, sender.address);
        queued += now_queued - sender.queued;
        sender.queued = now_queued;
    }

    const bool has_offer = sender.next_offer < sender.next_nonce;
    if (has_offer && !sender.ready) {
        sender.ready = ready.insert(ready.end(), &sender);
    } else if (!has_offer && sender.ready) {
        ready.erase(*sender.ready);
        sender.ready.reset();
    }
}

void Pool::Inside::insert(Sender& sender, SharedTransaction transaction, const U256& cost) {
    const auto nonce = transaction->body.nonce;
    const auto size = transaction->raw.size();
    const auto age = ages.insert(ages.end(), Place{&sender, nonce});
    index.emplace(transaction->hash, Place{&sender, nonce});
    sender.entries.emplace(nonce, Entry{std::move(transaction), cost, height, 0, age});
    sender.cost += cost;
    sender.bytes += size;
    bytes += size;
    settle(sender);
}

/// Leaves `sender` unsettled: the entries behind it may have lost their predecessor.
Pool::Inside::Entries::iterator Pool::Inside::remove(Sender& sender, Entries::iterator entry) {
    const auto& transaction = *entry->second.transaction;
    sender.cost -= entry->second.cost;
    sender.bytes -= transaction.raw.size();
    bytes -= transaction.raw.size();
    ages.erase(entry->second.age);
    index.erase(transaction.hash);
    return sender.entries.erase(entry);
}

/// Removes an entry that is still to come; those behind it become queued.
void Pool::Inside::remove_behind(Sender& sender, Entries::iterator entry) {
    sender.next_nonce = std::min(sender.next_nonce, entry->first);
    sender.next_offer = std::min(sender.next_offer, entry->first);
    remove(sender, entry);
    settle(sender);
}

void Pool::Inside::forget_if_empty(Sender& sender) {
    if (!sender.entries.empty()) return;
    // No entries, no offer, nothing queued: settle has taken it out of all orders.
    CRN_ASSERT(!sender.ready && sender.queued == 0 && sender.in_flight == 0);
    senders.erase(Address(sender.address)); // a copy: the key goes with its element
}

Status Pool::Inside::check_room(const Sender* sender, const Entry* replaced, const SharedTransaction& transaction,
                                bool executable) {
    const auto size = transaction->raw.size();
    const auto old = replaced != nullptr ? replaced->transaction->raw.size() : 0;
    const std::size_t more = replaced != nullptr ? 0 : 1;
    if (sender != nullptr) {
        if (sender->entries.size() + more > config.sender_transactions_max)
            return fail(error::PoolFull, "this sender has " + std::to_string(sender->entries.size()) + " waiting");
        if (sender->bytes - old + size > config.sender_bytes_max)
            return fail(error::PoolFull, "this sender has " + std::to_string(sender->bytes) + " bytes waiting");
    }
    if (!executable && queued + more > config.queued_max)
        return fail(error::PoolFull, std::to_string(queued) + " transactions wait for an earlier nonce");
    const bool count_fits = index.size() + more <= config.transactions_max;
    const bool bytes_fit = bytes - old + size <= config.bytes_max;
    if (count_fits && bytes_fit) return {};
    // What cannot run gives way to what can, never the reverse: filling the pool costs an attacker transactions that run.
    const auto needed = bytes_fit ? 0 : bytes - old + size - config.bytes_max;
    if (!executable || queued == 0 || !can_make_room(needed))
        return fail(error::PoolFull, std::to_string(index.size()) + " transactions wait");
    return {};
}

/// True if the queued transactions have that many bytes together: nothing is evicted for what is then refused.
bool Pool::Inside::can_make_room(std::size_t needed) const {
    std::size_t found = 0;
    for (const auto& [count, address] : queued_by) {
        const auto& sender = senders.at(address);
        for (auto entry = sender.entries.rbegin(); entry->first > sender.next_nonce; ++entry) {
            found += entry->second.transaction->raw.size();
            if (found >= needed) return true;
            if (std::next(entry) == sender.entries.rend()) break;
        }
    }
    return false;
}

/// Evicts queued transactions, from the sender that has most of them, the highest nonce first.
void Pool::Inside::make_room(std::size_t new_bytes, const Entry* replaced, const Sender* keep,
                             std::vector<Hash256>& evicted) {
    const auto old = replaced != nullptr ? replaced->transaction->raw.size() : 0;
    const std::size_t more = replaced != nullptr ? 0 : 1;
    while (!queued_by.empty() &&
           (index.size() + more > config.transactions_max || bytes - old + new_bytes > config.bytes_max)) {
        auto& victim = *find_sender(queued_by.rbegin()->second);
        const auto last = std::prev(victim.entries.end());
        evicted.push_back(last->second.transaction->hash);
        remove(victim, last);
        settle(victim);
        if (&victim != keep) forget_if_empty(victim);
    }
}

Result<Added> Pool::Inside::add(SharedTransaction transaction, std::uint64_t intrinsic_gas,
                                const ledger::StateView& state) {
    const auto& body = transaction->body;
    CRN_TRY(cost, check_alone(config, *transaction, intrinsic_gas));
    if (index.contains(transaction->hash)) return fail(error::AlreadyKnown);

    auto* sender = find_sender(transaction->sender);
    auto facts = sender != nullptr ? sender->facts : look_up(state, transaction->sender);
    const auto next_nonce = sender != nullptr ? sender->next_nonce : facts.nonce;
    CRN_CHECK(check_sender(config, facts, next_nonce, *transaction));

    const Entry* replaced = nullptr;
    if (sender != nullptr) {
        if (const auto found = sender->entries.find(body.nonce); found != sender->entries.end()) {
            if (sender->is_in_flight(body.nonce))
                return fail(error::ReplacementUnderpriced, "the first one is on its way into a block");
            CRN_CHECK(check_replacement(config, found->second.transaction->body, body));
            replaced = &found->second;
        }
    }
    const bool executable = body.nonce <= next_nonce;
    CRN_CHECK(check_room(sender, replaced, transaction, executable));

    const auto waiting = sender != nullptr ? sender->cost - (replaced != nullptr ? replaced->cost : U256{}) : U256{};
    auto paid = check_funds(facts, waiting, cost);
    if (!paid && sender != nullptr) {
        // The balance may have grown since we looked: contracts pay without naming the account in a transaction.
        facts = look_up(state, transaction->sender);
        if (facts.nonce == sender->facts.nonce) sender->facts.balance = facts.balance;
        paid = check_funds(facts, waiting, cost);
    }
    CRN_CHECK(std::move(paid));

    Added out;
    make_room(transaction->raw.size(), replaced, sender, out.evicted);
    if (replaced != nullptr) {
        out.replaced = replaced->transaction->hash;
        remove(*sender, sender->entries.find(body.nonce));
    }
    if (sender == nullptr) {
        sender = &senders.try_emplace(transaction->sender).first->second;
        sender->address = transaction->sender;
        sender->facts = facts;
    }
    insert(*sender, std::move(transaction), cost);
    out.executable = body.nonce < sender->next_nonce;
    return out;
}

std::vector<SharedTransaction> Pool::Inside::take_batch(const BatchLimits& limits) {
    std::vector<SharedTransaction> out;
    std::size_t used_bytes = 0;
    std::uint64_t used_gas = 0;
    const auto fits = [&](const Entry& entry) {
        return used_bytes + batch_bytes(entry) <= limits.bytes &&
               entry.transaction->body.gas_limit <= limits.gas - used_gas;
    };
    // A sender whose next transaction does not fit is passed over; a few misses in a row mean that the batch is full.
    std::size_t misses = 0;
    while (!ready.empty() && misses < std::min(kMissesMax, ready.size()) && out.size() < limits.transactions) {
        auto& sender = *ready.front();
        auto entry = sender.entries.find(sender.next_offer);
        std::size_t turn = 0;
        while (turn < config.turn_transactions && sender.next_offer < sender.next_nonce &&
               out.size() < limits.transactions && fits(entry->second)) {
            used_bytes += batch_bytes(entry->second);
            used_gas += entry->second.transaction->body.gas_limit;
            entry->second.taken = height;
            out.push_back(entry->second.transaction);
            ++sender.next_offer;
            ++entry;
            ++turn;
        }
        misses = turn == 0 ? misses + 1 : 0;
        if (turn != 0) taken.emplace_back(height, sender.address);
        ready.splice(ready.end(), ready, ready.begin());
        settle(sender);
    }
    return out;
}

/// Looks at the account again: drops what the chain has, and from the end what the sender can no longer pay.
void Pool::Inside::refresh(Sender& sender, const ledger::StateView& state) {
    const auto facts = look_up(state, sender.address);
    // An older view than the last one would be the caller's mistake; the offers start over from it.
    if (facts.nonce < sender.facts.nonce) sender.next_nonce = sender.next_offer = facts.nonce;
    sender.facts = facts;
    auto entry = sender.entries.begin();
    while (entry != sender.entries.end() && entry->first < sender.facts.nonce) entry = remove(sender, entry);
    sender.next_nonce = std::max(sender.next_nonce, sender.facts.nonce);
    while (!sender.entries.empty() && sender.cost > sender.facts.balance) {
        const auto last = std::prev(sender.entries.end());
        if (sender.is_in_flight(last->first)) break; // execution will judge it
        sender.next_nonce = std::min(sender.next_nonce, last->first);
        remove(sender, last);
    }
    settle(sender);
    forget_if_empty(sender);
}

void Pool::Inside::on_block(Height at, std::span<const SharedTransaction> included, const ledger::StateView& state) {
    height = std::max(height, at.value);
    ++blocks_seen;
    const auto touch = [&](const Address& address) {
        auto* sender = find_sender(address);
        if (sender == nullptr || sender->seen_in_block == blocks_seen) return;
        sender->seen_in_block = blocks_seen;
        refresh(*sender, state);
    };
    for (const auto& transaction : included) {
        touch(transaction->sender);
        if (transaction->body.to) touch(*transaction->body.to);
    }
    for (const auto& address : doubtful) touch(address);
    doubtful.clear();
    offer_overdue_again();
    expire();
}

void Pool::Inside::offer_overdue_again() {
    while (!taken.empty() && taken.front().first + config.in_flight_heights <= height) {
        auto* sender = find_sender(taken.front().second);
        taken.pop_front();
        if (sender == nullptr || sender->in_flight == 0) continue;
        // Taken in nonce order, so the first is the oldest.
        if (sender->entries.begin()->second.taken + config.in_flight_heights <= height)
            offer_again(*sender, sender->facts.nonce);
    }
}

void Pool::Inside::expire() {
    while (!ages.empty()) {
        auto& sender = *ages.front().sender;
        const auto entry = sender.entries.find(ages.front().nonce);
        if (entry->second.added + config.expiry_heights > height) return;
        if (sender.is_in_flight(entry->first)) {
            entry->second.added = height;
            ages.splice(ages.end(), ages, ages.begin());
            continue;
        }
        remove_behind(sender, entry);
        forget_if_empty(sender);
    }
}

void Pool::Inside::on_dropped(const Hash256& hash, ErrorCode reason) {
    const auto found = index.find(hash);
    if (found == index.end()) return;
    const auto [sender, nonce] = found->second;
    // Execution saw another account than we did, for example after an authorization (EIP-7702) used up a nonce.
    if (doubtful.empty() || doubtful.back() != sender->address) doubtful.push_back(sender->address);
    const auto entry = sender->entries.find(nonce);
    const bool block_was_full =
        reason == error::GasOverBlock && entry->second.transaction->body.gas_limit <= config.block_gas_limit;
    if (reason == error::NonceTooHigh || block_was_full) return offer_again(*sender, nonce);
    remove_behind(*sender, entry);
    forget_if_empty(*sender);
}

void Pool::Inside::on_keys_changed(const Address& account, const ledger::StateView& state) {
    auto* sender = find_sender(account);
    if (sender == nullptr) return;
    std::map<Address, bool> may_sign;
    std::vector<std::uint64_t> refused;
    for (const auto& [nonce, entry] : sender->entries) {
        const auto& key = ledger::signing_key_of(*entry.transaction);
        const auto [known, is_new] = may_sign.try_emplace(key, false);
        if (is_new) {
            const auto signs_for = ledger::account_of_key(key, nullptr, height + 1, state);
            known->second = signs_for && *signs_for == account;
        }
        if (!known->second && !ledger::is_objection(entry.transaction->body)) refused.push_back(nonce);
    }
    for (const auto nonce : refused | std::views::reverse) remove_behind(*sender, sender->entries.find(nonce));
    forget_if_empty(*sender);
}

std::vector<SharedTransaction> Pool::Inside::list(bool executable) const {
    std::vector<const Sender*> ordered;
    for (const auto& [address, sender] : senders) ordered.push_back(&sender);
    std::ranges::sort(ordered, {}, [](const Sender* sender) { return sender->address; });
    std::vector<SharedTransaction> out;
    for (const auto* sender : ordered)
        for (const auto& [nonce, entry] : sender->entries)
            if ((nonce < sender->next_nonce) == executable) out.push_back(entry.transaction);
    return out;
}

Pool::Pool(const PoolConfig& config) : inside_(std::make_unique<Inside>(config)) {
    CRN_ASSERT(config.turn_transactions > 0);
}
Pool::~Pool() = default;
Pool::Pool(Pool&&) noexcept = default;
Pool& Pool::operator=(Pool&&) noexcept = default;

Result<Added> Pool::add(SharedTransaction transaction, std::uint64_t intrinsic_gas, const ledger::StateView& state) {
    return inside_->add(std::move(transaction), intrinsic_gas, state);
}
std::vector<SharedTransaction> Pool::take_batch(const BatchLimits& limits) { return inside_->take_batch(limits); }
void Pool::on_block(Height height, std::span<const SharedTransaction> included, const ledger::StateView& state) {
    inside_->on_block(height, included, state);
}
void Pool::set_rules(const ledger::ChainParameters& parameters) { apply_rules(inside_->config, parameters); }
void Pool::on_dropped(const Hash256& hash, ErrorCode reason) { inside_->on_dropped(hash, reason); }

void Pool::on_keys_changed(const Address& account, const ledger::StateView& state) {
    inside_->on_keys_changed(account, state);
}

void Pool::give_back() {
    // In the order of ages, not of the hash table: the same history gives the same turns.
    for (const auto& place : inside_->ages)
        if (place.sender->in_flight != 0) inside_->offer_again(*place.sender, place.sender->facts.nonce);
    inside_->taken.clear();
}

SharedTransaction Pool::find(const Hash256& hash) const {
    const auto found = inside_->index.find(hash);
    return found == inside_->index.end() ? nullptr : found->second.sender->entries.at(found->second.nonce).transaction;
}

std::optional<std::uint64_t> Pool::pending_nonce(const Address& sender) const {
    const auto* found = inside_->find_sender(sender);
    if (found == nullptr) return std::nullopt;
    return found->next_nonce;
}

std::vector<SharedTransaction> Pool::pending() const { return inside_->list(true); }
std::vector<SharedTransaction> Pool::queued() const { return inside_->list(false); }

PoolCounts Pool::counts() const {
    PoolCounts out;
    out.pending = inside_->index.size() - inside_->queued;
    out.queued = inside_->queued;
    out.in_flight = inside_->in_flight;
    out.senders = inside_->senders.size();
    out.bytes = inside_->bytes;
    return out;
}

bool Pool::has_ready() const { return !inside_->ready.empty(); }
Height Pool::height() const { return Height{inside_->height}; }

} // namespace cairn::pool
