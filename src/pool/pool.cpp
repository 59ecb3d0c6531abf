#include "pool/inside.hpp"

#include "base/errors/execution.hpp"
#include "base/errors/pool.hpp"
#include "ledger/account_key.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <ranges>

namespace cairn::pool {
namespace {

constexpr std::size_t kMissesMax = 64;
/// What a byte weighs against gas in an organisation's turn: calldata's price (EIP-2028).
constexpr std::uint64_t kGasPerByte = 16;

} // namespace

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

    auto& group = groups[sender.group];
    const std::size_t now_queued = sender.entries.size() - (sender.next_nonce - sender.facts.nonce);
    if (now_queued != sender.queued) {
        if (sender.queued != 0) group.queued_by.erase({sender.queued, sender.address});
        if (now_queued != 0) group.queued_by.emplace(now_queued, sender.address);
        queued += now_queued - sender.queued;
        group.queued += now_queued - sender.queued;
        sender.queued = now_queued;
    }
    const std::size_t now_waiting = sender.entries.size() - now_in_flight;
    if (now_waiting != sender.waiting) {
        if (sender.waiting != 0) group.waiting_by.erase({sender.waiting, sender.address});
        if (now_waiting != 0) group.waiting_by.emplace(now_waiting, sender.address);
        sender.waiting = now_waiting;
    }

    const bool has_offer = sender.next_offer < sender.next_nonce;
    if (has_offer && !sender.ready) {
        sender.ready = group.ready.insert(group.ready.end(), &sender);
    } else if (!has_offer && sender.ready) {
        group.ready.erase(*sender.ready);
        sender.ready.reset();
    }
}

void Pool::Inside::insert(Sender& sender, SharedTransaction transaction, const U256& cost) {
    const auto nonce = transaction->body.nonce;
    const auto usage = usage_of(*transaction);
    const auto age = ages.insert(ages.end(), Place{&sender, nonce});
    index.emplace(transaction->hash, Place{&sender, nonce});
    sender.entries.emplace(nonce, Entry{std::move(transaction), cost, height, 0, age});
    sender.cost += cost;
    sender.bytes += usage.bytes;
    bytes += usage.bytes;
    gas += usage.gas;
    groups[sender.group].used += usage;
    settle(sender);
}

/// Leaves `sender` unsettled: the entries behind it may have lost their predecessor.
Pool::Inside::Entries::iterator Pool::Inside::remove(Sender& sender, Entries::iterator entry) {
    const auto& transaction = *entry->second.transaction;
    const auto usage = usage_of(transaction);
    sender.cost -= entry->second.cost;
    sender.bytes -= usage.bytes;
    bytes -= usage.bytes;
    gas -= usage.gas;
    groups[sender.group].used -= usage;
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
    CRN_ASSERT(!sender.ready && sender.queued == 0 && sender.waiting == 0 && sender.in_flight == 0);
    senders.erase(Address(sender.address)); // a copy: the key goes with its element
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
    const auto organisation = sender != nullptr ? sender->group : group_of(transaction->sender);
    auto room = find_room(organisation, sender, replaced, *transaction, executable);
    if (!room) {
        ++groups[organisation].refused;
        return std::unexpected(room.error());
    }

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
    evict(*room, sender, out.evicted);
    if (replaced != nullptr) {
        out.replaced = replaced->transaction->hash;
        remove(*sender, sender->entries.find(body.nonce));
    }
    if (sender == nullptr) {
        sender = &senders.try_emplace(transaction->sender).first->second;
        sender->address = transaction->sender;
        sender->facts = facts;
        sender->group = organisation;
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
    for (auto& group : groups) group.misses = 0;
    const auto waits = [&](std::size_t i) {
        const auto& group = groups[i];
        return !group.ready.empty() && group.misses < std::min(kMissesMax, group.ready.size());
    };
    while (out.size() < limits.transactions) {
        const auto turn_of = turns.next(waits);
        if (!turn_of) break;
        auto& group = groups[*turn_of];
        auto& sender = *group.ready.front();
        auto entry = sender.entries.find(sender.next_offer);
        std::size_t turn = 0;
        std::uint64_t cost = 0;
        while (turn < config.turn_transactions && sender.next_offer < sender.next_nonce &&
               out.size() < limits.transactions && fits(entry->second)) {
            used_bytes += batch_bytes(entry->second);
            used_gas += entry->second.transaction->body.gas_limit;
            cost += entry->second.transaction->body.gas_limit + kGasPerByte * batch_bytes(entry->second);
            entry->second.taken = height;
            out.push_back(entry->second.transaction);
            ++sender.next_offer;
            ++entry;
            ++turn;
        }
        turns.charge(*turn_of, cost);
        group.misses = turn == 0 ? group.misses + 1 : 0;
        if (turn != 0) taken.emplace_back(height, sender.address);
        group.ready.splice(group.ready.end(), group.ready, group.ready.begin());
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
void Pool::set_waiting_max(std::size_t transactions) { inside_->waiting_max = transactions; }
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
    out.gas = inside_->gas;
    return out;
}

void Pool::set_organisations(std::vector<OrganisationShare> shares, OrganisationOf organisation_of) {
    inside_->regroup(std::move(shares), std::move(organisation_of));
}
std::vector<OrganisationCounts> Pool::organisations() const { return inside_->organisations(); }

bool Pool::has_ready() const {
    return std::ranges::any_of(inside_->groups, [](const auto& group) { return !group.ready.empty(); });
}
Height Pool::height() const { return Height{inside_->height}; }

} // namespace cairn::pool
