// Who may stay when the pool is full: guarantees of the organisations, borrowed room, and who gives way (see Pool::add).
#include "pool/inside.hpp"

#include "base/assert.hpp"
#include "base/errors/pool.hpp"

#include <algorithm>
#include <utility>

namespace cairn::pool {
namespace {

/// part / whole of `amount`, without overflow for any amount that a pool can hold.
std::uint64_t portion(std::uint64_t amount, std::uint64_t part, std::uint64_t whole) {
    return amount / whole * part + amount % whole * part / whole;
}

} // namespace

Usage Pool::Inside::limit() const {
    return {std::min(config.transactions_max, std::max(waiting_max, index.size())), config.bytes_max,
            config.gas_blocks_max * config.block_gas_limit};
}

Usage Pool::Inside::guarantee(const Group& group) const {
    const auto all = limit();
    const auto weight = group.share.weight;
    return {portion(all.count, weight, weights), portion(all.bytes, weight, weights),
            portion(all.gas, weight, weights)};
}

std::size_t Pool::Inside::queued_guarantee(const Group& group) const {
    return portion(config.queued_max, group.share.weight, weights);
}

std::size_t Pool::Inside::group_of(const Address& account) const {
    const auto found = organisation_of ? organisation_of(account) : 0;
    return found < groups.size() ? found : 0;
}

/// Looks for victims until the newcomer fits, without touching anything.
class Pool::Inside::Planner {
public:
    Planner(Inside& pool, const Usage& after, std::size_t queued_after)
        : pool_(pool), all_(after), queued_(queued_after) {
        for (const auto& group : pool_.groups) used_.push_back(group.used);
        for (const auto& group : pool_.groups) queued_by_group_.push_back(group.queued);
    }

    bool fits() const { return all_.within(pool_.limit()) && queued_ <= pool_.config.queued_max; }

    enum class What { queued, waiting };
    enum class While { needed, over_guarantee };
    /// Takes from the senders of a group, those with most first.
    void take_from(std::size_t group, What what, While condition) {
        const auto& order = what == What::queued ? pool_.groups[group].queued_by : pool_.groups[group].waiting_by;
        for (auto at = order.rbegin(); at != order.rend(); ++at) {
            auto& sender = pool_.senders.at(at->second);
            auto& gone = taken_[sender.address];
            auto entry = sender.entries.rbegin();
            std::advance(entry, static_cast<std::ptrdiff_t>(gone));
            for (; entry != sender.entries.rend(); ++entry) {
                if (fits()) return;
                const bool is_queued = entry->first > sender.next_nonce;
                if (what == What::queued ? !is_queued : sender.is_in_flight(entry->first)) break;
                if (condition == While::over_guarantee && !is_over(group)) return;
                const auto usage = usage_of(*entry->second.transaction);
                all_ -= usage;
                used_[group] -= usage;
                if (is_queued) --queued_, --queued_by_group_[group];
                ++gone;
            }
        }
    }

    /// In a measure that is short, the group holds more than is its own.
    bool is_over(std::size_t group) const {
        const auto limit = pool_.limit();
        const auto own = pool_.guarantee(pool_.groups[group]);
        const auto& used = used_[group];
        return (all_.count > limit.count && used.count > own.count) ||
               (all_.bytes > limit.bytes && used.bytes > own.bytes) || (all_.gas > limit.gas && used.gas > own.gas) ||
               (queued_ > pool_.config.queued_max &&
                queued_by_group_[group] > pool_.queued_guarantee(pool_.groups[group]));
    }
    /// Groups over their guarantee but for `except`, the one that borrowed most for its weight first.
    std::vector<std::size_t> borrowers(std::size_t except) const {
        std::vector<std::size_t> out;
        for (std::size_t i = 0; i < used_.size(); ++i)
            if (i != except && is_over(i)) out.push_back(i);
        std::ranges::sort(out, [&](std::size_t a, std::size_t b) {
            const auto of_a = used_[a].count * pool_.groups[b].share.weight;
            const auto of_b = used_[b].count * pool_.groups[a].share.weight;
            return of_a != of_b ? of_a > of_b : a < b;
        });
        return out;
    }

    Room room() const {
        Room out;
        for (const auto& [address, count] : taken_)
            if (count != 0) out.victims.emplace_back(&pool_.senders.at(address), count);
        return out;
    }

private:
    Inside& pool_;
    Usage all_;
    std::size_t queued_;
    std::vector<Usage> used_;
    std::vector<std::size_t> queued_by_group_;
    std::map<Address, std::size_t> taken_;
};

Result<Room> Pool::Inside::find_room(std::size_t group, const Sender* sender, const Entry* replaced,
                                     const ledger::SignedTransaction& transaction, bool executable) {
    const auto added = usage_of(transaction);
    const auto gone = replaced != nullptr ? usage_of(*replaced->transaction) : Usage{};
    if (sender != nullptr) {
        if (sender->entries.size() + added.count - gone.count > config.sender_transactions_max)
            return fail(error::PoolFull, "this sender has " + std::to_string(sender->entries.size()) + " waiting");
        if (sender->bytes - gone.bytes + added.bytes > config.sender_bytes_max)
            return fail(error::PoolFull, "this sender has " + std::to_string(sender->bytes) + " bytes waiting");
    }
    const bool more_queued = !executable && replaced == nullptr;
    const auto after = Usage{index.size(), bytes, gas} - gone + added;
    if (after.within(limit()) && (!more_queued || queued < config.queued_max)) return Room{};

    auto& own = groups[group];
    const bool guaranteed =
        (own.used - gone + added).within(guarantee(own)) && (!more_queued || own.queued < queued_guarantee(own));
    Planner plan(*this, after, queued + (more_queued ? 1 : 0));
    // What cannot run gives way to what can, never the reverse: filling the pool costs an attacker transactions that run.
    if (guaranteed)
        for (const auto other : plan.borrowers(group))
            plan.take_from(other, Planner::What::queued, Planner::While::over_guarantee);
    if (executable) {
        plan.take_from(group, Planner::What::queued, Planner::While::needed);
        if (guaranteed)
            for (const auto other : plan.borrowers(group))
                plan.take_from(other, Planner::What::waiting, Planner::While::over_guarantee);
    }
    if (plan.fits()) return plan.room();
    if (more_queued && queued >= config.queued_max)
        return fail(error::PoolFull, std::to_string(queued) + " transactions wait for an earlier nonce");
    if (groups.size() > 1 && !guaranteed)
        return fail(error::OrganisationShareFull,
                    own.share.name + " has " + std::to_string(own.used.count) + " waiting");
    return fail(error::PoolFull, std::to_string(index.size()) + " transactions wait");
}

void Pool::Inside::evict(const Room& room, const Sender* keep, std::vector<Hash256>& evicted) {
    for (const auto& [victim, count] : room.victims) {
        groups[victim->group].evicted += count;
        for (std::size_t i = 0; i < count; ++i) {
            const auto last = std::prev(victim->entries.end());
            evicted.push_back(last->second.transaction->hash);
            victim->next_nonce = std::min(victim->next_nonce, last->first);
            remove(*victim, last);
        }
        settle(*victim);
        if (victim != keep) forget_if_empty(*victim);
    }
}

void Pool::Inside::regroup(std::vector<OrganisationShare> shares, OrganisationOf of) {
    CRN_ASSERT(!shares.empty());
    organisation_of = std::move(of);
    std::vector<std::uint64_t> new_weights;
    std::vector<Group> fresh(shares.size());
    weights = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        weights += shares[i].weight;
        new_weights.push_back(shares[i].weight);
        for (const auto& old : groups)
            if (old.share.name == shares[i].name) fresh[i].refused = old.refused, fresh[i].evicted = old.evicted;
        fresh[i].share = std::move(shares[i]);
    }
    groups = std::move(fresh);
    turns = FairQueue(std::move(new_weights));
    // In the order of addresses, not of the hash table.
    std::map<Address, Sender*> ordered;
    for (auto& [address, sender] : senders) ordered.emplace(address, &sender);
    for (const auto& [address, sender] : ordered) {
        sender->group = group_of(address);
        sender->ready.reset();
        queued -= std::exchange(sender->queued, 0);
        sender->waiting = 0;
        for (const auto& [nonce, entry] : sender->entries) groups[sender->group].used += usage_of(*entry.transaction);
        settle(*sender);
    }
}

std::vector<OrganisationCounts> Pool::Inside::organisations() const {
    std::vector<OrganisationCounts> out;
    for (const auto& group : groups) {
        const auto own = guarantee(group);
        out.push_back({.share = group.share,
                       .transactions = group.used.count,
                       .transactions_guaranteed = own.count,
                       .bytes = group.used.bytes,
                       .bytes_guaranteed = own.bytes,
                       .gas = group.used.gas,
                       .gas_guaranteed = own.gas,
                       .queued = group.queued,
                       .queued_guaranteed = queued_guarantee(group),
                       .refused = group.refused,
                       .evicted = group.evicted});
    }
    return out;
}

} // namespace cairn::pool
