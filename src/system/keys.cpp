// Keys and their states. Interface: contracts/IKeys.sol; accounts and their keys: account_keys.cpp; incidents: key_incidents.cpp.
#include "system/keys.hpp"

#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/key_book.hpp"

namespace cairn::system {

static_assert(system_address(0x06) == ledger::kKeysContract);
static_assert(kKeysAddress == ledger::kKeysContract);

namespace {

constexpr std::uint64_t kHistoryPageMax = 100;

AbiValue number_of(KeyState state) { return static_cast<std::uint8_t>(state); }

/// Index of the last change at or before `height` plus one. Heights ascend.
std::uint64_t changes_until(KeyStorage& storage, const Hash256& id, std::uint64_t height) {
    std::uint64_t low = 0;
    std::uint64_t high = storage.history_length(id);
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (storage.change(id, middle).height <= height)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/// State after block `height`. An account key had none before it was touched, and was good.
KeyState state_after(KeyStorage& storage, const Hash256& id, std::uint64_t height) {
    const std::uint64_t index = changes_until(storage, id, height);
    if (index != 0) return storage.change(id, index - 1).to;
    if (!is_account_key_id(id)) return KeyState::none;
    return storage.history_length(id) == 0 ? KeyState::active : storage.change(id, 0).from;
}

bool good_at(KeyStorage& storage, const Hash256& id, std::uint64_t height) {
    const auto terms = storage.key(id).terms;
    if (terms.compromised_at != 0 && height >= terms.compromised_at) return false;
    if (height < terms.originator_from) return false;
    if (terms.originator_until != 0 && height >= terms.originator_until) return false;
    const KeyState after = state_after(storage, id, height);
    if (ledger::signs(after)) return true;
    // The block that retires a key in good order contains the last things it signed.
    return after == KeyState::deactivated && height != 0 && ledger::signs(state_after(storage, id, height - 1));
}

AbiValue value_of(const KeyEntry& entry) {
    return AbiValue::List{entry.head.owner,
                          static_cast<std::uint8_t>(entry.head.key_class),
                          number_of(entry.head.state),
                          entry.head.version,
                          entry.terms.originator_from,
                          entry.terms.originator_until,
                          entry.terms.recipient_until,
                          entry.terms.compromised_at,
                          entry.previous,
                          entry.next};
}

Reply key(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Hash256 id = arguments[0].as_hash();
    const KeyEntry entry = book.entry(id);
    if (entry.head.state == KeyState::none) return revert(kKeyUnknown, {id});
    return AbiValue::List{value_of(entry)};
}

Reply state_at_height(Call& call, const AbiValue::List& arguments) {
    KeyStorage storage{call.own()};
    return AbiValue::List{number_of(state_after(storage, arguments[0].as_hash(), arguments[1].number().low()))};
}

Reply good_at_height(Call& call, const AbiValue::List& arguments) {
    KeyStorage storage{call.own()};
    return AbiValue::List{good_at(storage, arguments[0].as_hash(), arguments[1].number().low()) ? 1 : 0};
}

Reply history(Call& call, const AbiValue::List& arguments) {
    KeyStorage storage{call.own()};
    const Hash256 id = arguments[0].as_hash();
    const U256 length = storage.history_length(id);
    const U256 offset = std::min(arguments[1].number(), length);
    const U256 limit = std::min({arguments[2].number(), U256{kHistoryPageMax}, length - offset});
    AbiValue::List page;
    for (std::uint64_t i = 0; i < limit.low() && !call.exhausted(); ++i) {
        const auto change = storage.change(id, offset.low() + i);
        page.push_back(AbiValue::List{change.height, number_of(change.from), number_of(change.to), change.by});
    }
    AbiValue::List out;
    out.emplace_back(std::move(page));
    return out;
}

Reply round(Call& call, const AbiValue::List& arguments) {
    return AbiValue::List{KeyStorage{call.own()}.round(arguments[0].as_hash())};
}

bool is_class(const U256& number) {
    return number != U256{} && number < U256{ledger::kKeyClasses} &&
           number != U256{static_cast<std::uint8_t>(ledger::KeyClass::account)};
}

/// What a registration says of the spans: later than now, the recipient's not before the originator's.
std::optional<std::string_view> wrong_span(const KeyBook& book, std::uint64_t originator, std::uint64_t recipient) {
    if (originator != 0 && originator <= book.now()) return "originatorUntil";
    if (recipient != 0 && (originator == 0 || recipient < originator)) return "recipientUntil";
    return std::nullopt;
}

Reply register_key(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Hash256 id = arguments[0].as_hash();
    const std::uint64_t originator = arguments[2].number().low();
    const std::uint64_t recipient = arguments[3].number().low();
    if (!book.members().administered_by(call.caller())) return revert(kNotAuthorised, {call.caller()});
    if (id.is_zero() || is_account_key_id(id)) return revert(kFieldRefused, {"id"});
    if (!is_class(arguments[1].number())) return revert(kFieldRefused, {"keyClass"});
    if (const auto field = wrong_span(book, originator, recipient)) return revert(kFieldRefused, {*field});
    if (book.has_entry(id)) return revert(kKeyTaken, {id});
    KeyEntry entry;
    entry.head = {.owner = call.caller(),
                  .key_class = static_cast<ledger::KeyClass>(arguments[1].number().low()),
                  .state = arguments[4].as_bool() ? KeyState::active : KeyState::pre_activation,
                  .version = 1};
    entry.terms = {.originator_from = book.now(), .originator_until = originator, .recipient_until = recipient};
    book.add(id, entry, call.caller());
    return AbiValue::List{};
}

/// Active from now on. Whatever was entered under the id before, and whatever was proposed or opened about that, is over.
void enter_anew(KeyBook& book, const Hash256& id, ledger::KeyClass key_class, const Address& owner) {
    if (book.has_entry(id)) {
        book.storage().store_open_incident(id, 0);
        book.storage().next_round(id);
    }
    KeyEntry entry;
    entry.head = {.owner = owner, .key_class = key_class, .state = KeyState::active, .version = 1};
    entry.terms.originator_from = book.now();
    book.add(id, entry, book.call().caller());
}

/// A key that begins to vote has an entry from that block on, and it is its organisation's, whoever had entered it before.
Reply enter_voting_key(Call& call, const AbiValue::List& arguments) {
    if (call.caller() != kMembersAddress) return revert(kNotAuthorised, {call.caller()});
    KeyBook book{call};
    const Hash256 key = arguments[0].as_hash();
    const Address owner = arguments[1].as_address();
    call.charge_words(key.size());
    const Hash256 id = key_id(key);
    KeyEntry entry = book.entry(id);
    const KeyState state = entry.head.state;
    if (state != KeyState::none && entry.head.owner == owner) {
        if (state != KeyState::pre_activation && !ledger::signs(state))
            return revert(kTransitionRefused, {number_of(state), number_of(KeyState::active)});
        if (entry.head.key_class == ledger::KeyClass::consensus) {
            if (ledger::signs(state)) return AbiValue::List{};
            if (const auto changed = book.change(id, entry, KeyState::active, Asker::owner, 0, "votes"); !changed)
                return std::unexpected(changed.error());
            return AbiValue::List{};
        }
    }
    enter_anew(book, id, ledger::KeyClass::consensus, owner);
    return AbiValue::List{};
}

/// Who registers an id first is believed, until the organisations decide that the key is another's.
Reply award(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    KeyBook book{call};
    const Hash256 id = arguments[0].as_hash();
    const Address owner = arguments[1].as_address();
    if (is_account_key_id(id) || !book.has_entry(id)) return revert(kKeyUnknown, {id});
    if (!book.members().administered_by(owner) || owner == book.entry(id).head.owner)
        return revert(kFieldRefused, {"owner"});
    // Members decides who votes, and with that whose a voting key is.
    const auto key_class = static_cast<ledger::KeyClass>(arguments[2].number().low());
    if (!is_class(arguments[2].number()) || key_class == ledger::KeyClass::consensus)
        return revert(kFieldRefused, {"keyClass"});
    if (book.votes(id)) return revert(kFieldRefused, {"id"});
    enter_anew(book, id, key_class, owner);
    book.storage().note_change();
    return AbiValue::List{};
}

/// The new key takes over from the old one, which then only opens and verifies what it protected before.
Reply replace_key(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const Hash256 old_id = arguments[0].as_hash();
    const Hash256 new_id = arguments[1].as_hash();
    if (new_id.is_zero() || is_account_key_id(new_id)) return revert(kFieldRefused, {"newId"});
    KeyEntry old_entry = book.entry(old_id);
    if (old_entry.head.state == KeyState::none || is_account_key_id(old_id)) return revert(kKeyUnknown, {old_id});
    if (call.caller() != old_entry.head.owner) return revert(kNotAuthorised, {call.caller()});
    // Votes are checked against the validator set, which names its keys itself until the set changes.
    if (old_entry.head.key_class == ledger::KeyClass::consensus) return revert(kFieldRefused, {"keyClass"});
    if (!old_entry.next.is_zero()) return revert(kKeyTaken, {old_entry.next});
    if (book.has_entry(new_id)) return revert(kKeyTaken, {new_id});
    if (old_entry.head.state != KeyState::compromised && old_entry.head.state != KeyState::destroyed) {
        if (const auto changed =
                book.change(old_id, old_entry, KeyState::deactivated, Asker::procedure, 0, "replacement");
            !changed)
            return std::unexpected(changed.error());
    }
    KeyEntry entry;
    entry.head = old_entry.head;
    entry.head.state = KeyState::active;
    entry.head.version = old_entry.head.version + 1;
    entry.terms.originator_from = book.now();
    entry.previous = old_id;
    old_entry.next = new_id;
    book.store(old_id, old_entry);
    book.add(new_id, entry, call.caller());
    call.emit(kKeyReplaced, {old_entry.head.owner, old_id, new_id}, {entry.head.version});
    return AbiValue::List{};
}

struct StateRequest {
    Hash256 id;
    KeyState to = KeyState::none;
    std::uint64_t since = 0;
    std::string reason;
};

/// `to`, `since` and `reason`, from `first` on.
std::expected<StateRequest, Bytes> state_request(const KeyBook& book, const AbiValue::List& arguments,
                                                 std::size_t first) {
    const U256& to = arguments[first].number();
    if (to >= U256{ledger::kKeyStates}) return revert(kFieldRefused, {"to"});
    if (!is_reason(arguments[first + 2], kKeyReasonBytesMax)) return revert(kFieldRefused, {"reason"});
    StateRequest out{.id = arguments[0].as_hash(),
                     .to = static_cast<KeyState>(to.low()),
                     .since = arguments[first + 1].number().low(),
                     .reason = arguments[first + 2].as_text()};
    if (out.since > book.now()) return revert(kFieldRefused, {"since"});
    if (out.since == 0) out.since = std::max<std::uint64_t>(book.now(), 1);
    return out;
}

Reply change_state(Call& call, const AbiValue::List& arguments) {
    KeyBook book{call};
    const auto request = state_request(book, arguments, 1);
    if (!request) return std::unexpected(request.error());
    KeyEntry entry = book.entry(request->id);
    if (entry.head.state == KeyState::none) return revert(kKeyUnknown, {request->id});
    if (call.caller() != entry.head.owner) return revert(kNotAuthorised, {call.caller()});
    // An account that is locked by mistake or malice waits for the organisations; it does not lock itself as lost.
    const auto asker = Asker::owner;
    if (entry.head.key_class == ledger::KeyClass::account && request->to == KeyState::lost)
        return revert(kTransitionRefused,
                      {static_cast<std::uint8_t>(entry.head.state), static_cast<std::uint8_t>(request->to)});
    if (const auto changed = book.change(request->id, entry, request->to, asker, request->since, request->reason);
        !changed)
        return std::unexpected(changed.error());
    return AbiValue::List{};
}

/// What the owner may not do alone. A round is over with each decision about the key: what was approved for one situation does
/// not count in the next.
Reply decide_state(Call& call, const AbiValue::List& arguments) {
    if (const auto allowed = only_by_proposal(call); !allowed) return std::unexpected(allowed.error());
    KeyBook book{call};
    const auto request = state_request(book, arguments, 2);
    if (!request) return std::unexpected(request.error());
    KeyEntry entry = book.entry(request->id);
    if (entry.head.state == KeyState::none) return revert(kKeyUnknown, {request->id});
    const std::uint64_t round = book.storage().round(request->id);
    if (arguments[1].number() != U256{round}) return revert(kRoundOver, {request->id, round});
    if (request->to == KeyState::quarantined && entry.quarantine.until != 0) { // it lasts
        entry.quarantine = {};
        book.storage().drop_last(request->id);
        book.store(request->id, entry);
    } else if (const auto changed =
                   book.change(request->id, entry, request->to, Asker::organisations, request->since, request->reason);
               !changed) {
        return std::unexpected(changed.error());
    }
    book.storage().next_round(request->id);
    book.storage().store_lone_quarantines(request->id, {});
    return AbiValue::List{};
}

std::optional<Hash256> topic_at(const ledger::Log& log, std::size_t index) {
    if (index >= log.topics.size()) return std::nullopt;
    return log.topics[index];
}

} // namespace

const Contract& keys_contract() {
    constexpr std::string_view kKey = "((address,uint8,uint8,uint32,uint64,uint64,uint64,uint64,bytes32,bytes32))";
    static const Contract contract{
        "IKeys",
        kKeysAddress,
        {
            {"key", "(bytes32)", kKey, Access::view, key},
            {"keyOf", "(address)", "(address,uint32)", Access::view, key_of},
            {"accountOf", "(address)", "(address,uint8)", Access::view, account_of},
            {"stateAt", "(bytes32,uint64)", "(uint8)", Access::view, state_at_height},
            {"goodAt", "(bytes32,uint64)", "(bool)", Access::view, good_at_height},
            {"history", "(bytes32,uint256,uint256)", "((uint64,uint8,uint8,address)[])", Access::view, history},
            {"possession", "(address,address)", "(bytes32)", Access::view, possession},
            {"resetOf", "(address)", "(address,uint64)", Access::view, reset_of},
            {"incidentCount", "()", "(uint256)", Access::view, incident_count},
            {"incident", "(uint256)", "((bytes32,address,uint64,uint64,uint64,uint64,bytes32))", Access::view,
             incident},
            {"round", "(bytes32)", "(uint256)", Access::view, round},
            {"register", "(bytes32,uint8,uint64,uint64,bool)", "()", Access::write, register_key},
            {"enterVotingKey", "(bytes32,address)", "()", Access::write, enter_voting_key},
            {"award", "(bytes32,address,uint8)", "()", Access::write, award},
            {"replaceKey", "(bytes32,bytes32)", "()", Access::write, replace_key},
            {"changeState", "(bytes32,uint8,uint64,string)", "()", Access::write, change_state},
            {"decideState", "(bytes32,uint256,uint8,uint64,string)", "()", Access::write, decide_state},
            {"rotate", "(address,uint8,bytes32,bytes32)", "()", Access::write, rotate},
            {"decideReset", "(address,uint256,address,uint64,uint8,bytes32,bytes32)", "()", Access::write,
             decide_reset},
            {"objectReset", "(address)", "()", Access::write, object_reset},
            {"finishReset", "(address)", "()", Access::write, finish_reset},
            {"openIncident", "(bytes32,uint64,string)", "(uint256)", Access::write, open_incident},
            {"noteIncident", "(uint256,string,bytes32)", "()", Access::write, note_incident},
            {"closeIncident", "(uint256,bytes32)", "()", Access::write, close_incident},
        },
        {kKeyRegistered, kKeyStateChanged, kKeyReplaced, kResetApproved, kResetObjected, kIncidentOpened, kIncidentStep,
         kIncidentClosed},
        {kKeyUnknown, kKeyTaken, kTransitionRefused, kFieldRefused, kPossessionInvalid, kKeyInUse, kNotDirect,
         kQuorumLost, kResetUnknown, kResetPending, kTooEarly, kIncidentUnknown, kIncidentOpen, kStillSigns,
         kQuarantineUsed, kRoundOver, kNotAuthorised}};
    return contract;
}

Hash256 key_id(BytesView public_key) { return crypto::keccak256(public_key); }

Hash256 authority_id(std::string_view ca_pem) {
    const auto der = crypto::certificate_der(ca_pem);
    return key_id(der ? as_bytes(crypto::certificate_pem_of(*der)) : as_bytes(ca_pem));
}

std::optional<KeyFacts> key_facts(const ledger::StateView& view, const Hash256& id, std::uint64_t height) {
    ViewSlots slots{view, kKeysAddress};
    KeyEntry entry = KeyStorage{slots}.key(id);
    if (entry.head.state == KeyState::none) {
        if (!is_account_key_id(id)) return std::nullopt;
        entry.head = {.owner = address_of_id(id),
                      .key_class = ledger::KeyClass::account,
                      .state = KeyState::active,
                      .version = 1};
    }
    entry.head.state = ledger::state_at(entry.head, entry.quarantine, height);
    return KeyFacts{entry.head, entry.terms, entry.previous, entry.next};
}

Address key_of_account(const ledger::StateView& view, const Address& account) {
    ViewSlots slots{view, kKeysAddress};
    const auto entry = KeyStorage{slots}.account(account);
    return entry.key.is_zero() ? account : entry.key;
}

ledger::KeyState key_state_at(const ledger::StateView& view, const Hash256& id, std::uint64_t height) {
    ViewSlots slots{view, kKeysAddress};
    KeyStorage storage{slots};
    return state_after(storage, id, height);
}

bool key_was_good_at(const ledger::StateView& view, const Hash256& id, std::uint64_t height) {
    ViewSlots slots{view, kKeysAddress};
    KeyStorage storage{slots};
    return good_at(storage, id, height);
}

std::vector<crypto::VotingKey> stopped_keys(const ledger::StateView& view,
                                            const std::vector<ledger::Validator>& validators) {
    std::vector<crypto::VotingKey> out;
    for (const auto& validator : validators)
        if (is_stopped(view, validator.organisation, key_id(validator.key.bytes))) out.push_back(validator.key);
    return out;
}

bool is_stopped(const ledger::StateView& view, std::string_view organisation, const Hash256& id) {
    if (is_account_key_id(id)) return false;
    ViewSlots slots{view, kKeysAddress};
    const auto head = KeyStorage{slots}.head(id);
    if (head.state == KeyState::none || ledger::signs(head.state)) return false;
    // Anybody with an organisation can register an id: it says nothing about the keys of others.
    ViewSlots member_slots{view, kMembersAddress};
    MemberStorage members{member_slots};
    const auto index = members.find_organisation(organisation);
    return index && members.account(*index) == head.owner;
}

std::uint64_t key_changes_of(const ledger::StateView& view) {
    ViewSlots slots{view, kKeysAddress};
    return KeyStorage{slots}.changes();
}

Hash256 key_state_topic() {
    static const Hash256 topic = ledger::event_topic(kKeyStateChanged.signature());
    return topic;
}

std::optional<KeyStateChange> key_state_change(const ledger::Log& log) {
    const Hash256 topic = key_state_topic();
    if (log.address != kKeysAddress || topic_at(log, 0) != topic || log.topics.size() != 3 || log.data.size() < 96)
        return std::nullopt;
    const auto byte_at = [&](std::size_t word) { return log.data[word * 32 + 31]; };
    return KeyStateChange{.id = log.topics[1],
                          .owner = address_of_id(log.topics[2]),
                          .key_class = static_cast<ledger::KeyClass>(byte_at(0)),
                          .from = static_cast<KeyState>(byte_at(1)),
                          .to = static_cast<KeyState>(byte_at(2))};
}

std::optional<Address> account_in_event(const ledger::Log& log) {
    const auto change = key_state_change(log);
    if (!change || change->key_class != ledger::KeyClass::account) return std::nullopt;
    return change->owner;
}

void write_keys(Slots& slots, const ledger::Genesis& genesis) {
    KeyStorage storage{slots};
    const auto put = [&](const Hash256& id, ledger::KeyClass key_class, const Address& owner) {
        if (storage.head(id).state != KeyState::none) return; // one key in two places is one key
        KeyEntry entry;
        entry.head = {.owner = owner, .key_class = key_class, .state = KeyState::active, .version = 1};
        storage.store(id, entry);
        storage.append(id, {.height = 0, .from = KeyState::none, .to = KeyState::active, .by = owner});
    };
    // First those that vote: what stops them must be theirs.
    for (const auto& validator : genesis.validators.members)
        for (const auto& organisation : genesis.organisations)
            if (organisation.name == validator.organisation)
                put(key_id(validator.key.bytes), ledger::KeyClass::consensus, organisation.account);
    for (const auto& organisation : genesis.organisations) {
        put(key_id(organisation.signing_key), ledger::KeyClass::organisation, organisation.account);
        put(authority_id(organisation.ca_certificate_pem), ledger::KeyClass::authority, organisation.account);
    }
}

} // namespace cairn::system
