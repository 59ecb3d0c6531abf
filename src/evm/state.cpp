#include "evm/state.hpp"

#include "base/assert.hpp"
#include "evm/machine.hpp"
#include "evm/program.hpp"

#include <deque>
#include <unordered_map>
#include <utility>

namespace cairn::evm {
namespace {

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Keys are chosen by contracts, so the hash is keyed: a contract cannot aim at one bucket. Nothing below depends on the
// order of these maps, hence the seed (an address in memory) cannot change a result.
struct KeyHash {
    std::uint64_t seed;

    std::size_t operator()(const U256& key) const noexcept {
        const auto upper = mix(key.limb[2] ^ 0xa0761d6478bd642f, key.limb[3] ^ seed);
        return mix(key.limb[0] ^ upper ^ 0xe7037ed1a0b428db, key.limb[1] ^ seed ^ 0x8ebc6af09c88c6e3);
    }
    std::size_t operator()(const Address& key) const noexcept {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
        std::uint32_t third = 0;
        std::memcpy(&first, key.data(), 8);
        std::memcpy(&second, key.data() + 8, 8);
        std::memcpy(&third, key.data() + 16, 4);
        return (*this)(U256{first, second, third, 0});
    }
};

struct Slot {
    U256 base;     // in the base view
    U256 original; // before this transaction
    U256 current;
    std::uint64_t transaction = 0; // the last one that looked at this slot
    bool warm = false;
};
using Slots = std::unordered_map<U256, Slot, KeyHash>;

struct Entry {
    Entry(const Address& a, std::optional<ledger::Account> b, std::uint64_t seed)
        : address(a),
          base(std::move(b)),
          account(base.value_or(ledger::Account{})),
          exists(base.has_value()),
          slots(0, KeyHash{seed}),
          transient(0, KeyHash{seed}) {}

    Address address;
    std::optional<ledger::Account> base;
    ledger::Account account; // empty while the account does not exist
    bool exists;
    bool storage_cleared = false; // the slots of the base view are gone
    // Of the transaction `transaction`:
    bool warm = false;
    bool touched = false;
    bool created = false;
    bool destroyed = false;
    std::uint64_t transaction = 0;

    std::shared_ptr<const Bytes> code; // null until asked for
    std::shared_ptr<const Program> program;
    Slots slots;
    std::unordered_map<U256, U256, KeyHash> transient;
};

enum class Change : std::uint8_t {
    balance,
    nonce,
    whole,
    touched,
    destroyed,
    warm_account,
    warm_slot,
    storage,
    transient,
    log,
    refund
};

struct Record {
    Change change;
    bool existed = false;
    Entry* entry = nullptr;
    union {
        Slot* slot;
        U256* transient;
    };
    U256 value; // the previous one
};

// An account before its code was replaced or it was created.
struct Saved {
    ledger::Account account;
    bool exists;
    bool created;
    bool storage_cleared;
    std::shared_ptr<const Bytes> code;
    std::shared_ptr<const Program> program;
    std::optional<Slots> slots; // if the storage was replaced
};

} // namespace

struct State::Data {
    explicit Data(const ledger::StateView& view)
        : base(view), seed(mix(reinterpret_cast<std::uintptr_t>(this), 0x9e3779b97f4a7c15)), index(16, KeyHash{seed}) {}

    const ledger::StateView& base;
    const std::uint64_t seed;
    std::unordered_map<Address, Entry*, KeyHash> index;
    std::deque<Entry> entries; // in order of first use
    Entry* recent = nullptr;

    std::uint64_t transaction = 1;
    std::vector<Record> journal;
    std::vector<Saved> saved; // one for each record `whole`
    std::vector<Entry*> with_transient;
    std::vector<ledger::Log> logs;
    std::int64_t refund = 0;

    Entry& at(const Address& address) {
        if (recent == nullptr || recent->address != address) {
            auto [place, added] = index.try_emplace(address, nullptr);
            if (added) place->second = &entries.emplace_back(address, base.account(address), seed);
            recent = place->second;
        }
        if (recent->transaction != transaction) {
            recent->transaction = transaction;
            recent->warm = recent->touched = recent->created = recent->destroyed = false;
        }
        return *recent;
    }

    Slot& slot(Entry& entry, const U256& key) {
        auto [place, added] = entry.slots.try_emplace(key);
        auto& slot = place->second;
        if (added && entry.base && !entry.storage_cleared) slot.base = slot.current = base.storage(entry.address, key);
        if (slot.transaction != transaction) {
            slot.transaction = transaction;
            slot.original = slot.current;
            slot.warm = false;
        }
        return slot;
    }

    Record& note(Change change, Entry* entry) {
        auto& record = journal.emplace_back();
        record.change = change;
        record.entry = entry;
        record.slot = nullptr;
        if (entry != nullptr) record.existed = entry->exists;
        return record;
    }

    Saved& note_whole(Entry& entry) {
        note(Change::whole, &entry);
        return saved.emplace_back(Saved{entry.account, entry.exists, entry.created, entry.storage_cleared, entry.code,
                                        entry.program, std::nullopt});
    }

    void assign_balance(Entry& entry, const U256& balance) {
        note(Change::balance, &entry).value = entry.account.balance;
        entry.account.balance = balance;
        entry.exists = true;
    }

    void touch(Entry& entry) {
        if (entry.touched) return;
        note(Change::touched, &entry);
        entry.touched = true;
    }

    bool storage_may_exist(const Entry& entry) const {
        for (const auto& [key, slot] : entry.slots)
            if (slot.current) return true;
        return entry.base && !entry.storage_cleared && base.has_storage(entry.address);
    }

    void load_code(Entry& entry) {
        if (!entry.code) entry.code = base.code(entry.account.code_hash);
    }

    void undo(const Record& record);
    void erase(Entry& entry);
};

void State::Data::undo(const Record& record) {
    switch (record.change) {
    case Change::balance:
        record.entry->account.balance = record.value;
        record.entry->exists = record.existed;
        break;
    case Change::nonce:
        record.entry->account.nonce = record.value.low();
        record.entry->exists = record.existed;
        break;
    case Change::whole: {
        auto& entry = *record.entry;
        auto& before = saved.back();
        entry.account = before.account;
        entry.exists = before.exists;
        entry.created = before.created;
        entry.storage_cleared = before.storage_cleared;
        entry.code = std::move(before.code);
        entry.program = std::move(before.program);
        if (before.slots) entry.slots = std::move(*before.slots);
        saved.pop_back();
        break;
    }
    case Change::touched: record.entry->touched = false; break;
    case Change::destroyed: record.entry->destroyed = false; break;
    case Change::warm_account: record.entry->warm = false; break;
    case Change::warm_slot: record.slot->warm = false; break;
    case Change::storage: record.slot->current = record.value; break;
    case Change::transient: *record.transient = record.value; break;
    case Change::log: logs.pop_back(); break;
    case Change::refund: refund = static_cast<std::int64_t>(record.value.low()); break;
    }
}

void State::Data::erase(Entry& entry) {
    entry.exists = false;
    entry.account = {};
    entry.code.reset();
    entry.program.reset();
    entry.slots.clear();
    entry.storage_cleared = true;
}

State::State(const ledger::StateView& base) : data_(std::make_unique<Data>(base)) {}
State::~State() = default;

bool State::exists(const Address& address) { return data_->at(address).exists; }
bool State::is_empty(const Address& address) { return data_->at(address).account.is_empty(); }
std::uint64_t State::nonce(const Address& address) { return data_->at(address).account.nonce; }
U256 State::balance(const Address& address) { return data_->at(address).account.balance; }

Hash256 State::code_hash(const Address& address) {
    const auto& entry = data_->at(address);
    return entry.exists ? entry.account.code_hash : Hash256{};
}

std::shared_ptr<const Bytes> State::code(const Address& address) {
    auto& entry = data_->at(address);
    data_->load_code(entry);
    return entry.code;
}

std::shared_ptr<const Program> State::program(const Address& address) {
    auto& entry = data_->at(address);
    if (!entry.program) {
        if (entry.account.code_hash == crypto::kEmptyKeccak) {
            entry.program = empty_program();
        } else {
            data_->load_code(entry);
            entry.program = cached_program(entry.account.code_hash, *entry.code);
        }
    }
    return entry.program;
}

std::optional<Address> State::delegation(const Address& address) {
    auto& entry = data_->at(address);
    if (entry.account.code_hash == crypto::kEmptyKeccak) return std::nullopt;
    data_->load_code(entry);
    return delegation_target(*entry.code);
}

bool State::has_storage(const Address& address) { return data_->storage_may_exist(data_->at(address)); }

void State::set_nonce(const Address& address, std::uint64_t nonce) {
    auto& entry = data_->at(address);
    data_->note(Change::nonce, &entry).value = entry.account.nonce;
    entry.account.nonce = nonce;
    entry.exists = true;
}

void State::set_balance(const Address& address, const U256& balance) {
    data_->assign_balance(data_->at(address), balance);
}

void State::add_balance(const Address& address, const U256& amount) {
    auto& entry = data_->at(address);
    if (!amount) return data_->touch(entry);
    data_->assign_balance(entry, entry.account.balance + amount);
}

bool State::subtract_balance(const Address& address, const U256& amount) {
    auto& entry = data_->at(address);
    if (entry.account.balance < amount) return false;
    if (amount) data_->assign_balance(entry, entry.account.balance - amount);
    return true;
}

void State::set_code(const Address& address, Bytes code) {
    auto& entry = data_->at(address);
    data_->note_whole(entry);
    entry.account.code_hash = code.empty() ? crypto::kEmptyKeccak : crypto::keccak256(code);
    entry.code = std::make_shared<const Bytes>(std::move(code));
    entry.program.reset();
    entry.exists = true;
}

void State::touch(const Address& address) { data_->touch(data_->at(address)); }

void State::create(const Address& address) {
    auto& entry = data_->at(address);
    auto& before = data_->note_whole(entry);
    if (data_->storage_may_exist(entry)) {
        Slots fresh(0, KeyHash{data_->seed});
        for (const auto& [key, slot] : entry.slots) {
            if (!slot.warm || slot.transaction != data_->transaction) continue;
            auto& kept = fresh[key];
            kept.transaction = data_->transaction;
            kept.warm = true;
        }
        before.slots = std::move(entry.slots);
        entry.slots = std::move(fresh);
        entry.storage_cleared = true;
    }
    entry.account.nonce = 0;
    entry.account.code_hash = crypto::kEmptyKeccak;
    entry.code.reset();
    entry.program.reset();
    entry.exists = true;
    entry.created = true;
}

bool State::was_created_in_transaction(const Address& address) { return data_->at(address).created; }

void State::destroy(const Address& address) {
    auto& entry = data_->at(address);
    if (entry.destroyed) return;
    data_->note(Change::destroyed, &entry);
    entry.destroyed = true;
}

bool State::is_destroyed(const Address& address) { return data_->at(address).destroyed; }

U256 State::storage(const Address& address, const U256& slot) { return data_->slot(data_->at(address), slot).current; }

U256 State::original_storage(const Address& address, const U256& slot) {
    return data_->slot(data_->at(address), slot).original;
}

void State::set_storage(const Address& address, const U256& slot, const U256& value) {
    auto& entry = data_->at(address);
    auto& place = data_->slot(entry, slot);
    if (place.current == value) return;
    auto& record = data_->note(Change::storage, &entry);
    record.slot = &place;
    record.value = place.current;
    place.current = value;
}

State::SlotAccess State::access_storage(const Address& address, const U256& slot) {
    auto& entry = data_->at(address);
    auto& place = data_->slot(entry, slot);
    const bool was_cold = !place.warm;
    if (was_cold) {
        data_->note(Change::warm_slot, nullptr).slot = &place;
        place.warm = true;
    }
    return {place.current, place.original, was_cold};
}

U256 State::transient(const Address& address, const U256& slot) {
    const auto& entry = data_->at(address);
    const auto place = entry.transient.find(slot);
    return place == entry.transient.end() ? U256{} : place->second;
}

void State::set_transient(const Address& address, const U256& slot, const U256& value) {
    auto& entry = data_->at(address);
    if (entry.transient.empty()) data_->with_transient.push_back(&entry);
    auto& place = entry.transient[slot];
    auto& record = data_->note(Change::transient, nullptr);
    record.transient = &place;
    record.value = place;
    place = value;
}

bool State::warm_up(const Address& address) {
    auto& entry = data_->at(address);
    if (entry.warm) return false;
    data_->note(Change::warm_account, nullptr).entry = &entry;
    entry.warm = true;
    return true;
}

bool State::warm_up(const Address& address, const U256& slot) { return access_storage(address, slot).was_cold; }
bool State::is_warm(const Address& address) { return data_->at(address).warm; }

void State::add_log(ledger::Log log) {
    data_->note(Change::log, nullptr);
    data_->logs.push_back(std::move(log));
}

const std::vector<ledger::Log>& State::logs() const { return data_->logs; }

void State::add_refund(std::int64_t gas) {
    data_->note(Change::refund, nullptr).value = static_cast<std::uint64_t>(data_->refund);
    data_->refund += gas;
}

std::int64_t State::refund() const { return data_->refund; }

std::size_t State::checkpoint() const { return data_->journal.size(); }

void State::revert_to(std::size_t checkpoint) {
    CRN_ASSERT(checkpoint <= data_->journal.size());
    while (data_->journal.size() > checkpoint) {
        data_->undo(data_->journal.back());
        data_->journal.pop_back();
    }
}

std::vector<ledger::Log> State::finish_transaction() {
    for (const auto& record : data_->journal) {
        const bool is_touch = record.change <= Change::destroyed;
        if (!is_touch) continue;
        auto& entry = *record.entry;
        // An account deleted by an earlier record is absent and empty by now: doing it again changes nothing.
        if (entry.destroyed || entry.account.is_empty()) data_->erase(entry);
    }
    data_->journal.clear();
    data_->saved.clear();
    for (auto* entry : data_->with_transient) entry->transient.clear();
    data_->with_transient.clear();
    data_->refund = 0;
    ++data_->transaction;
    return std::exchange(data_->logs, {});
}

ledger::StateDiff State::diff() const {
    ledger::StateDiff out;
    for (const auto& entry : data_->entries) {
        ledger::AccountDiff changes;
        if (entry.exists) changes.account = entry.account;
        changes.storage_cleared = entry.storage_cleared && entry.base && data_->base.has_storage(entry.address);
        if (entry.exists) {
            for (const auto& [key, slot] : entry.slots)
                if (slot.current != (entry.storage_cleared ? U256{} : slot.base)) changes.storage[key] = slot.current;
            const auto before = entry.base ? entry.base->code_hash : crypto::kEmptyKeccak;
            if (entry.account.code_hash != before && entry.account.code_hash != crypto::kEmptyKeccak)
                changes.code = entry.code;
        }
        if (changes.account != entry.base || changes.storage_cleared || !changes.storage.empty())
            out.emplace(entry.address, std::move(changes));
    }
    return out;
}

} // namespace cairn::evm
