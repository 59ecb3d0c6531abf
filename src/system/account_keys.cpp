// An account and the key that signs for it: rotation by the account itself, and the reset of a key that is lost.
#include "crypto/secp256k1.hpp"
#include "system/addresses.hpp"
#include "system/key_book.hpp"
#include "system/keys.hpp"

namespace cairn::system {
namespace {

constexpr std::int64_t kRecoverGas = 3'000; // of the precompile that does the same

/// The key that signs for `account` now.
Address current_key(KeyBook& book, const Address& account) {
    const auto entry = book.storage().account(account);
    return entry.key.is_zero() ? account : entry.key;
}

/// Nobody's but its holder's. Anybody may have opened an incident about it: that alone keeps no key from taking over an account, or
/// one organisation could keep all of them from it.
bool is_free(KeyBook& book, const Address& key) {
    const auto head = book.storage().head(ledger::account_key_id(key));
    return head.state == KeyState::none || (head.state == KeyState::quarantined && head.owner == key);
}

/// Somebody must hold the new key, or a slip of the pen would end the account, and a malicious one somebody else's: a key can
/// sign for one account only.
Done check_new_key(KeyBook& book, const Address& account, const Address& key, std::uint32_t version, const U256& v,
                   const Hash256& r, const Hash256& s) {
    auto& call = book.call();
    const Hash256 id = ledger::account_key_id(key);
    if (key.is_zero() || key == account || !is_free(book, key)) return revert(kKeyTaken, {id});
    if (!call.is_unused(key)) return revert(kKeyInUse, {key});
    if (!call.charge(kRecoverGas)) return {};
    const auto message = ledger::possession_message(call.block().chain_id.low(), account, key, version);
    const crypto::EcdsaSignature signature{from_big_endian(r), from_big_endian(s),
                                           static_cast<std::uint8_t>(v == U256{28} ? 1 : 0)};
    if ((v != U256{27} && v != U256{28}) || signature.s > crypto::kSecp256k1HalfOrder)
        return revert(kPossessionInvalid, {key});
    const auto signer = crypto::recover_address(ledger::personal_digest(message), signature);
    if (!signer || *signer != key) return revert(kPossessionInvalid, {key});
    return {};
}

/// The account's next key takes over from its present one, whose state is `old_entry`'s already. What the old key lent the account's
/// name to goes with it: it may have been a thief who did.
void hand_over(KeyBook& book, const Address& account, const Address& old_key, KeyEntry old_entry,
               const Address& new_key) {
    const Hash256 old_id = ledger::account_key_id(old_key);
    const Hash256 new_id = ledger::account_key_id(new_key);
    const std::uint32_t version = old_entry.head.version + 1;
    old_entry.next = new_id;
    book.store(old_id, old_entry);
    KeyEntry entry;
    entry.head = {
        .owner = account, .key_class = ledger::KeyClass::account, .state = KeyState::active, .version = version};
    entry.terms.originator_from = book.now();
    entry.previous = old_id;
    book.drop_coming_end(new_id);
    book.add(new_id, entry, book.call().caller());
    book.storage().store(account, AccountEntry{.key = new_key, .version = version});
    book.storage().store(account, ResetEntry{});
    book.storage().next_round(old_id);
    book.call().end_delegation(account);
    book.call().emit(kKeyReplaced, {account, old_id, new_id}, {version});
}

} // namespace

Reply key_of(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Address account = arguments[0].as_address();
    const auto entry = book.storage().account(account);
    return AbiValue::List{current_key(book, account), entry.key.is_zero() ? 1 : entry.version};
}

Reply account_of(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const auto entry = book.entry(ledger::account_key_id(arguments[0].as_address()));
    return AbiValue::List{entry.head.owner, static_cast<std::uint8_t>(entry.head.state)};
}

Reply possession(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Address account = arguments[0].as_address();
    const auto version = book.entry(ledger::account_key_id(current_key(book, account))).head.version + 1;
    call.charge_words(6 * 160);
    return AbiValue::List{
        ledger::possession_message(call.block().chain_id.low(), account, arguments[1].as_address(), version)};
}

Reply rotate(Call& call, const AbiValue::List& arguments) {
    // Code that runs for the account (EIP-7702) may spend for it, but not take it over.
    if (!call.is_direct()) return revert(kNotDirect, {});
    KeyBook book{call};
    const Address account = call.caller();
    const Address new_key = arguments[0].as_address();
    const Address old_key = current_key(book, account);
    const Hash256 old_id = ledger::account_key_id(old_key);
    KeyEntry old_entry = book.entry(old_id);
    if (const auto checked = check_new_key(book, account, new_key, old_entry.head.version + 1, arguments[1].number(),
                                           arguments[2].as_hash(), arguments[3].as_hash());
        !checked)
        return std::unexpected(checked.error());
    if (const auto changed = book.change(old_id, old_entry, KeyState::deactivated, Asker::procedure, 0, "rotation");
        !changed)
        return std::unexpected(changed.error());
    hand_over(book, account, old_key, old_entry, new_key);
    return AbiValue::List{};
}

Reply reset_of(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const auto reset = book.storage().reset(arguments[0].as_address());
    return AbiValue::List{reset.new_key, reset.finish_at};
}

Reply decide_reset(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Address account = arguments[0].as_address();
    const U256& round = arguments[1].number();
    const Address new_key = arguments[2].as_address();
    const U256 delay = arguments[3].number();
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    // A key that was put to use meanwhile cannot take over any more: another one is approved in its place.
    if (const auto pending = book.storage().reset(account).new_key;
        !pending.is_zero() && is_free(book, pending) && call.is_unused(pending))
        return revert(kResetPending, {account});
    const Hash256 old_id = ledger::account_key_id(current_key(book, account));
    if (round != U256{book.storage().round(old_id)}) return revert(kRoundOver, {old_id, book.storage().round(old_id)});
    KeyEntry old_entry = book.entry(old_id);
    // Who can object must get the time for it.
    const bool can_object = ledger::signs(old_entry.head.state) || old_entry.head.state == KeyState::lost;
    if (delay > U256{kResetDelayMax} || (can_object && delay < U256{kResetDelayMin}))
        return revert(kFieldRefused, {"delay"});
    if (const auto checked = check_new_key(book, account, new_key, old_entry.head.version + 1, arguments[4].number(),
                                           arguments[5].as_hash(), arguments[6].as_hash());
        !checked)
        return std::unexpected(checked.error());

    if (ledger::signs(old_entry.head.state)) {
        if (const auto changed = book.change(old_id, old_entry, KeyState::lost, Asker::procedure, 0, "reset"); !changed)
            return std::unexpected(changed.error());
    } else if (old_entry.quarantine.until != 0) {
        // More than half of the organisations have looked at it: the quarantine no longer ends by itself.
        old_entry.quarantine = {};
        book.storage().drop_last(old_id);
        book.store(old_id, old_entry);
    }
    const std::uint64_t finish_at = book.now() + delay.low();
    book.storage().store(account, ResetEntry{.new_key = new_key, .finish_at = finish_at});
    book.storage().next_round(old_id);
    call.emit(kResetApproved, {account, new_key}, {finish_at});
    return AbiValue::List{};
}

Reply object_reset(Call& call, const AbiValue::List& arguments) {
    if (!call.is_direct()) return revert(kNotDirect, {});
    KeyBook book{call};
    const Address account = arguments[0].as_address();
    if (call.caller() != account) return revert(kNotAuthorised, {call.caller()});
    const auto reset = book.storage().reset(account);
    const Hash256 id = ledger::account_key_id(current_key(book, account));
    KeyEntry entry = book.entry(id);
    if (reset.new_key.is_zero() || entry.head.state != KeyState::lost) return revert(kResetUnknown, {account});
    if (const auto changed = book.change(id, entry, KeyState::active, Asker::procedure, 0, "objection"); !changed)
        return std::unexpected(changed.error());
    book.storage().next_round(id);
    call.emit(kResetObjected, {account, reset.new_key}, {});
    return AbiValue::List{};
}

Reply finish_reset(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Address account = arguments[0].as_address();
    const auto reset = book.storage().reset(account);
    if (reset.new_key.is_zero()) return revert(kResetUnknown, {account});
    if (book.now() < reset.finish_at) return revert(kTooEarly, {book.now(), reset.finish_at});
    // The key may have been put to use since it was approved.
    if (!is_free(book, reset.new_key) || !call.is_unused(reset.new_key)) return revert(kKeyInUse, {reset.new_key});
    const Address old_key = current_key(book, account);
    const Hash256 old_id = ledger::account_key_id(old_key);
    KeyEntry old_entry = book.entry(old_id);
    // A compromised key stays compromised: what it signed must still be judged by that height.
    if (old_entry.head.state != KeyState::compromised) {
        if (const auto changed = book.change(old_id, old_entry, KeyState::deactivated, Asker::procedure, 0, "reset");
            !changed)
            return std::unexpected(changed.error());
    }
    hand_over(book, account, old_key, old_entry, reset.new_key);
    return AbiValue::List{};
}

} // namespace cairn::system
