// Incidents: a key is stopped at once, what was done about it is chained together, and the end names the evidence.
#include "crypto/hash.hpp"
#include "system/addresses.hpp"
#include "system/key_book.hpp"
#include "system/keys.hpp"

namespace cairn::system {
namespace {

/// Whoever may stop this key alone: its owner for good, one organisation a foreign account key for a while and once only, so
/// that nobody has to wait for others while a thief is at work, and nobody can shut others out for long.
std::expected<std::uint64_t, Bytes> quarantine_until(KeyBook& book, const Hash256& id, const KeyEntry& entry) {
    auto& call = book.call();
    if (call.caller() == entry.head.owner) return 0;
    const auto organisation = book.members().administered_by(call.caller());
    if (!organisation || entry.head.key_class != ledger::KeyClass::account)
        return revert(kNotAuthorised, {call.caller()});
    const U256 used = book.storage().lone_quarantines(id);
    const U256 own_bit = U256{1} << static_cast<unsigned>(*organisation);
    if (used & own_bit) return revert(kQuarantineUsed, {id});
    book.storage().store_lone_quarantines(id, used | own_bit);
    return book.now() + kLoneQuarantineBlocks;
}

} // namespace

Reply open_incident(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Hash256 id = arguments[0].as_hash();
    const std::uint64_t since = arguments[1].number().low();
    if (!is_reason(arguments[2], kKeyReasonBytesMax)) return revert(kFieldRefused, {"reason"});
    if (since > book.now()) return revert(kFieldRefused, {"since"});
    KeyEntry entry = book.entry(id);
    if (entry.head.state == KeyState::none) return revert(kKeyUnknown, {id});
    const KeyState before = entry.head.state;
    // A lost key signs nothing already; who holds it may still object to a reset, and nobody takes that from him alone.
    const bool stops = is_allowed(before, KeyState::quarantined, Asker::owner) &&
                       (before != KeyState::lost || call.caller() == entry.head.owner);
    // One that was opened before, and stops the key no more or never did, keeps nobody from stopping it now.
    if (const auto open = book.storage().open_incident(id); open != 0 && !stops)
        return revert(kIncidentOpen, {open - 1});
    if (stops) {
        const auto until = quarantine_until(book, id, entry);
        if (!until) return std::unexpected(until.error());
        if (const auto changed = book.change(id, entry, KeyState::quarantined, Asker::owner, 0, arguments[2].as_text());
            !changed)
            return std::unexpected(changed.error());
        if (*until != 0) {
            entry.quarantine = {.until = *until, .before = before};
            book.store(id, entry);
            book.storage().append(id,
                                  {.height = *until + 1, .from = KeyState::quarantined, .to = before, .by = Address{}});
        }
    } else if (call.caller() != entry.head.owner && !book.members().administered_by(call.caller())) {
        return revert(kNotAuthorised, {call.caller()});
    }
    const std::uint64_t index =
        book.storage().append(IncidentEntry{.key = id,
                                            .opener = call.caller(),
                                            .opened_at = book.now(),
                                            .since = since == 0 ? std::max<std::uint64_t>(book.now(), 1) : since});
    book.storage().store_open_incident(id, index + 1);
    call.emit(kIncidentOpened, {index, id}, {since, arguments[2].as_text()});
    return AbiValue::List{index};
}

namespace {

/// Nothing if the incident is open and the caller has a part in it.
std::optional<Bytes> refused(KeyBook& book, const U256& number, IncidentEntry& entry) {
    if (number >= U256{book.storage().incident_count()}) return revert(kIncidentUnknown, {number}).error();
    entry = book.storage().incident(number.low());
    if (entry.closed_at != 0) return revert(kIncidentUnknown, {number}).error();
    const auto& caller = book.call().caller();
    if (caller != entry.opener && !book.members().administered_by(caller))
        return revert(kNotAuthorised, {caller}).error();
    return std::nullopt;
}

void link(Call& call, IncidentEntry& entry, std::string_view step, const Hash256& digest) {
    Bytes text = to_bytes(entry.evidence);
    append(text, crypto::keccak256(as_bytes(step)));
    append(text, digest);
    call.charge_words(2 * (text.size() + step.size()));
    entry.evidence = crypto::keccak256(text);
    ++entry.steps;
}

} // namespace

Reply note_incident(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    IncidentEntry entry;
    if (auto error = refused(book, arguments[0].number(), entry)) return std::unexpected(std::move(*error));
    if (!is_name(arguments[1].as_text(), kIncidentStepBytesMax)) return revert(kFieldRefused, {"step"});
    link(call, entry, arguments[1].as_text(), arguments[2].as_hash());
    book.storage().store(arguments[0].number().low(), entry);
    call.emit(kIncidentStep, {arguments[0]}, {arguments[1].as_text(), arguments[2].as_hash()});
    return AbiValue::List{};
}

Reply close_incident(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    IncidentEntry entry;
    if (auto error = refused(book, arguments[0].number(), entry)) return std::unexpected(std::move(*error));
    // The manifest is the word of the organisation that opened the incident: others may add steps, not the end. An account that
    // opened it itself may be stopped with its key, and any organisation ends it.
    KeyEntry key = book.entry(entry.key);
    if (call.caller() != entry.opener && call.caller() != key.head.owner &&
        book.members().administered_by(entry.opener))
        return revert(kNotAuthorised, {call.caller()});
    const Hash256 manifest = arguments[1].as_hash();
    if (manifest.is_zero()) return revert(kFieldRefused, {"manifest"});
    // A false alarm is closed too; but then more than half of the organisations have made the key active again.
    if (key.quarantine.until != 0) return revert(kStillSigns, {entry.key});
    link(call, entry, "closed", manifest);
    entry.closed_at = book.now();
    book.storage().store(arguments[0].number().low(), entry);
    if (book.storage().open_incident(entry.key) == arguments[0].number().low() + 1)
        book.storage().store_open_incident(entry.key, 0);
    call.emit(kIncidentClosed, {arguments[0], entry.key}, {manifest});
    return AbiValue::List{};
}

Reply incident_count(Call& call, const AbiValue::List&) {
    return AbiValue::List{KeyStorage{call.own()}.incident_count()};
}

Reply incident(Call& call, const AbiValue::List& arguments) {
    KeyStorage storage{call.own()};
    if (arguments[0].number() >= U256{storage.incident_count()}) return revert(kIncidentUnknown, {arguments[0]});
    const auto entry = storage.incident(arguments[0].number().low());
    return AbiValue::List{AbiValue{AbiValue::List{entry.key, entry.opener, entry.opened_at, entry.closed_at,
                                                  entry.since, entry.steps, entry.evidence}}};
}

} // namespace cairn::system
