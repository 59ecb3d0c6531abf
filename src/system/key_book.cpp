#include "system/key_book.hpp"

#include "system/addresses.hpp"
#include "system/keys.hpp"

namespace cairn::system {

bool is_account_key_id(const Hash256& id) {
    return !id.is_zero() && std::all_of(id.begin(), id.begin() + 12, [](std::uint8_t byte) { return byte == 0; });
}
Address address_of_id(const Hash256& id) { return *Address::from(BytesView{id}.last(Address::kSize)); }

bool is_reason(const AbiValue& value, std::size_t limit) {
    return value.bytes().size() <= limit && is_utf8(value.as_text());
}

KeyEntry KeyBook::entry(const Hash256& id) {
    KeyEntry out = storage_.key(id);
    if (out.head.state == KeyState::none && is_account_key_id(id)) {
        out.head = {.owner = address_of_id(id),
                    .key_class = ledger::KeyClass::account,
                    .state = KeyState::active,
                    .version = 1};
        return out;
    }
    const auto state = ledger::state_at(out.head, out.quarantine, now());
    if (state != out.head.state) {
        out.head.state = state;
        out.quarantine = {};
    }
    return out;
}

void KeyBook::store(const Hash256& id, const KeyEntry& entry) {
    if (entry.head.key_class == ledger::KeyClass::account && !has_entry(id)) storage_.count_account_key();
    storage_.store(id, entry);
}

Done KeyBook::change(const Hash256& id, KeyEntry& entry, KeyState to, Asker asker, std::uint64_t since,
                     std::string_view reason) {
    const KeyState from = entry.head.state;
    const bool is_account = entry.head.key_class == ledger::KeyClass::account;
    if (!(is_account ? is_allowed_for_account_key(from, to, asker) : is_allowed(from, to, asker)))
        return revert(kTransitionRefused, {static_cast<std::uint8_t>(from), static_cast<std::uint8_t>(to)});
    // More than half of the organisations may bring the chain to a stand: better than a chain that thieves decide.
    if (!is_account && asker != Asker::organisations && ledger::signs(from) && !ledger::signs(to))
        if (auto quorum = check_quorum(id); !quorum) return quorum;

    entry.head.state = to;
    entry.quarantine = {};
    if (to == KeyState::compromised) entry.terms.compromised_at = since;
    if (to == KeyState::deactivated && entry.terms.originator_until == 0) entry.terms.originator_until = now() + 1;
    if (to == KeyState::active && from == KeyState::pre_activation) entry.terms.originator_from = now();
    if (to == KeyState::active && is_account) storage_.store(entry.head.owner, ResetEntry{});
    store(id, entry);
    drop_coming_end(id);
    if (!is_account) storage_.note_change();
    storage_.append(id, {.height = now(), .from = from, .to = to, .by = call_.caller()});
    call_.emit(kKeyStateChanged, {id, entry.head.owner},
               {static_cast<std::uint8_t>(entry.head.key_class), static_cast<std::uint8_t>(from),
                static_cast<std::uint8_t>(to), to == KeyState::compromised ? since : now(), reason});
    return {};
}

void KeyBook::drop_coming_end(const Hash256& id) {
    if (const auto length = storage_.history_length(id); length != 0 && storage_.change(id, length - 1).height > now())
        storage_.drop_last(id);
}

void KeyBook::add(const Hash256& id, KeyEntry entry, const Address& by) {
    const KeyState state = entry.head.state;
    store(id, entry);
    storage_.append(id, {.height = now(), .from = KeyState::none, .to = state, .by = by});
    call_.emit(kKeyRegistered, {id, entry.head.owner},
               {static_cast<std::uint8_t>(entry.head.key_class), entry.terms.originator_until,
                entry.terms.recipient_until, entry.head.version});
    call_.emit(kKeyStateChanged, {id, entry.head.owner},
               {static_cast<std::uint8_t>(entry.head.key_class), 0, static_cast<std::uint8_t>(state), now(), ""});
}

bool KeyBook::votes(const Hash256& id) {
    const std::uint64_t count = members_.validator_count();
    for (std::uint64_t i = 0; i < count && !call_.exhausted(); ++i)
        if (const auto validator = members_.validator(i); validator.active && key_id(validator.key) == id) return true;
    return false;
}

/// A chain that cannot decide cannot end the incident either: 2f+1 validators must keep a key that signs.
Done KeyBook::check_quorum(const Hash256& id) {
    std::uint64_t active = 0;
    std::uint64_t good = 0;
    bool is_validator = false;
    const std::uint64_t count = members_.validator_count();
    for (std::uint64_t i = 0; i < count && !call_.exhausted(); ++i) {
        const auto validator = members_.validator(i);
        if (!validator.active) continue;
        ++active;
        const Hash256 key = key_id(validator.key);
        if (key == id)
            is_validator = true;
        else
            good += ledger::signs(entry(key).head.state) ? 1 : 0;
    }
    const std::uint64_t faults = active == 0 ? 0 : (active - 1) / 3;
    const std::uint64_t needed = (active + faults) / 2 + 1;
    if (is_validator && good < needed) return revert(kQuorumLost, {good, needed});
    return {};
}

} // namespace cairn::system
