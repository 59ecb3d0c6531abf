#include "ledger/account_key.hpp"

#include "base/errors/keys.hpp"
#include "crypto/hash.hpp"
#include "ledger/selector.hpp"
#include "ledger/slot_layout.hpp"

#include <algorithm>
#include <array>

namespace cairn::ledger {
namespace {

constexpr std::array<std::string_view, kKeyClasses> kClassNames{"none",   "consensus",    "tls",        "account",
                                                                "person", "storage-root", "audit-seal", "authority",
                                                                "token",  "organisation"};
constexpr std::array<std::string_view, kKeyStates> kStateNames{
    "none",        "pre-activation", "active",   "suspended", "deactivated",
    "compromised", "destroyed",      "escrowed", "lost",      "quarantined"};

constexpr unsigned kClassBit = 160;
constexpr unsigned kStateBit = 168;
constexpr unsigned kVersionBit = 176;
constexpr unsigned kTermsBit = 208;

std::uint64_t part(const U256& word, unsigned index) { return word.limb[index]; }

} // namespace

std::string_view name_of(KeyClass of) {
    const auto index = static_cast<std::size_t>(of);
    return index < kKeyClasses ? kClassNames[index] : "unknown";
}
std::string_view name_of(KeyState state) {
    const auto index = static_cast<std::size_t>(state);
    return index < kKeyStates ? kStateNames[index] : "unknown";
}
std::optional<KeyState> key_state_of(std::string_view name) {
    const auto found = std::ranges::find(kStateNames, name);
    if (found == kStateNames.end()) return std::nullopt;
    return static_cast<KeyState>(found - kStateNames.begin());
}

KeyHead unpack_key_head(const U256& word) {
    return {.owner = *Address::from(BytesView{to_big_endian(word)}.last(Address::kSize)),
            .key_class = static_cast<KeyClass>(static_cast<std::uint8_t>((word >> kClassBit).low())),
            .state = static_cast<KeyState>(static_cast<std::uint8_t>((word >> kStateBit).low())),
            .version = static_cast<std::uint32_t>((word >> kVersionBit).low()),
            .has_terms = ((word >> kTermsBit).low() & 0xff) != 0};
}
U256 pack(const KeyHead& head) {
    return from_big_endian(head.owner) | U256{static_cast<std::uint8_t>(head.key_class)} << kClassBit |
           U256{static_cast<std::uint8_t>(head.state)} << kStateBit | U256{head.version} << kVersionBit |
           U256{head.has_terms ? 1u : 0u} << kTermsBit;
}

KeyTerms unpack_key_terms(const U256& word) {
    return {.originator_from = part(word, 0),
            .originator_until = part(word, 1),
            .recipient_until = part(word, 2),
            .compromised_at = part(word, 3)};
}
U256 pack(const KeyTerms& terms) {
    return U256{terms.originator_from, terms.originator_until, terms.recipient_until, terms.compromised_at};
}

KeyQuarantine unpack_key_quarantine(const U256& word) {
    return {.until = part(word, 0), .before = static_cast<KeyState>(static_cast<std::uint8_t>(part(word, 1)))};
}
U256 pack(const KeyQuarantine& quarantine) {
    return U256{quarantine.until, static_cast<std::uint8_t>(quarantine.before), 0, 0};
}

U256 key_slot(const Hash256& id) { return mapping_slot(id, U256{0}); }
Hash256 account_key_id(const Address& key) { return to_big_endian(from_big_endian(key)); }

KeyState state_at(const KeyHead& head, const KeyQuarantine& quarantine, std::uint64_t height) {
    const bool over = head.state == KeyState::quarantined && quarantine.until != 0 && height > quarantine.until;
    return over ? quarantine.before : head.state;
}

Result<Address> account_of_entry(const Address& key, const KeyHead& head, const KeyTerms& terms,
                                 const KeyQuarantine& quarantine, std::uint64_t height) {
    const std::string who = "key " + to_hex(key);
    switch (state_at(head, quarantine, height)) {
    case KeyState::active:
    case KeyState::escrowed:
        if (height < terms.originator_from || (terms.originator_until != 0 && height >= terms.originator_until))
            return fail(error::KeyNotActive, who);
        return head.owner;
    case KeyState::deactivated:
    case KeyState::destroyed: return fail(error::KeyRetired, who);
    case KeyState::quarantined: return fail(error::KeyQuarantined, who);
    case KeyState::compromised: return fail(error::KeyCompromised, who);
    case KeyState::suspended: return fail(error::KeySuspended, who);
    case KeyState::lost: return fail(error::AccountLocked, who);
    case KeyState::none:
    case KeyState::pre_activation: break;
    }
    return fail(error::KeyNotActive, who);
}

bool is_objection(const Transaction& transaction) {
    static const Selector selector = selector_of(kObjectReset);
    return transaction.to == kKeysContract && !transaction.value && transaction.authorization_list.empty() &&
           transaction.data.size() == selector.size() + 32 &&
           std::equal(selector.begin(), selector.end(), transaction.data.begin());
}

Result<Address> account_of_key(const Address& key, const Transaction* transaction, std::uint64_t height,
                               const StateView& state) {
    return account_of_key(key, transaction, height,
                          [&](const U256& slot) { return state.storage(kKeysContract, slot); });
}

const Address& signing_key_of(const SignedTransaction& transaction) {
    return transaction.signer.is_zero() ? transaction.sender : transaction.signer;
}

Address account_meant_by(const Address& address, const StateView& state) {
    // Whatever the key's state: an account that is locked is still the one that is meant.
    if (!state.storage(kKeysContract, U256{kAccountKeysSlot})) return address;
    const U256 head = state.storage(kKeysContract, key_slot(account_key_id(address)));
    return head ? unpack_key_head(head).owner : address;
}

Hash256 possession_message(std::uint64_t chain_id, const Address& account, const Address& key, std::uint32_t version) {
    Bytes text = to_bytes(crypto::keccak256(as_bytes("Cairn account key")));
    for (const auto& word : {U256{chain_id}, from_big_endian(account), from_big_endian(key), U256{version}})
        append(text, to_big_endian(word));
    return crypto::keccak256(text);
}

Hash256 personal_digest(const Hash256& message) {
    Bytes text = to_bytes(as_bytes("\x19"
                                   "Ethereum Signed Message:\n32"));
    append(text, message);
    return crypto::keccak256(text);
}

} // namespace cairn::ledger
