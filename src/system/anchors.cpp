// Anchors of audit logs. Interface: contracts/IAnchors.sol. What authorises an entry is the signature in it, not the sender.
#include "system/anchors.hpp"

#include "crypto/hash.hpp"
#include "ledger/audit_statement.hpp"
#include "ledger/slot_layout.hpp"
#include "system/addresses.hpp"
#include "system/contract.hpp"
#include "system/key_storage.hpp"
#include "system/keys.hpp"
#include "system/member_storage.hpp"
#include "system/vote_signature.hpp"

#include <functional>

namespace cairn::system {
namespace {

// contracts/IAnchors.sol
constexpr std::uint64_t kAnchorsSlot = 0;
constexpr std::uint64_t kSealKeysSlot = 1;
constexpr std::uint64_t kEntrySlots = 2;
constexpr std::uint64_t kPageMax = 100;
/// Checking an Ed25519 signature takes about as long as ECRECOVER and a half (3000 gas), hashing included.

constexpr Event kAnchored{.name = "Anchored", .indexed = "bytes32", .data = "string,uint64,bytes32"};
constexpr Event kKeyIntroduced{.name = "KeyIntroduced", .indexed = "bytes32", .data = "string,bytes32"};
constexpr std::string_view kNodeUnknown = "NodeUnknown(string)";
constexpr std::string_view kSignatureInvalid = "SignatureInvalid()";
constexpr std::string_view kNotNewer = "NotNewer(uint64,uint64)";
constexpr std::string_view kNoSealKey = "NoSealKey(string)";
constexpr std::string_view kSealKeyStopped = "SealKeyStopped(string)";

Hash256 id_of(std::string_view node) { return crypto::keccak256(as_bytes(node)); }

/// A list per node of entries of two words: numbers packed in the first, 32 bytes in the second.
class EntryList {
public:
    EntryList(Slots& slots, std::string_view node, std::uint64_t variable)
        : slots_(slots), slot_(ledger::mapping_slot(node, U256{variable})) {}

    std::uint64_t count() { return slots_.load(slot_).low(); }
    U256 numbers(std::uint64_t index) { return slots_.load(at(index)); }
    Hash256 content(std::uint64_t index) { return to_big_endian(slots_.load(at(index) + U256{1})); }
    void append(const U256& numbers, const Hash256& content) {
        const auto index = count();
        slots_.store(slot_, U256{index + 1});
        slots_.store(at(index), numbers);
        slots_.store(at(index) + U256{1}, from_big_endian(content));
    }

private:
    U256 at(std::uint64_t index) { return ledger::content_slot(slot_) + U256{index * kEntrySlots}; }
    Slots& slots_;
    U256 slot_;
};

/// struct Anchor { uint64 sequence; uint48 blockNumber; uint48 timestamp; bytes32 head; }: Solidity fills words from the
/// low end.
U256 pack(std::uint64_t sequence, const evm::BlockEnvironment& block) {
    return U256{sequence} | U256{block.number} << 64 | U256{block.timestamp} << 112;
}
AnchorEntry unpack(const U256& word, const Hash256& head) {
    constexpr std::uint64_t kMask48 = (std::uint64_t{1} << 48) - 1;
    return {.sequence = word.low(),
            .block_number = (word >> 64).low() & kMask48,
            .timestamp = (word >> 112).low() & kMask48,
            .head = head};
}

struct AnchoringNode {
    crypto::VotingKey key;
    bool is_active = false;
    Address owner; // administrator of its organisation
};
std::optional<AnchoringNode> anchoring_node(Slots& member_slots, std::string_view name) {
    if (name.size() > kMemberNameBytesMax) return std::nullopt;
    MemberStorage members{member_slots};
    const auto index = members.find_validator(name);
    if (!index) return std::nullopt;
    const auto entry = members.validator(*index);
    return AnchoringNode{entry.voting_key(), entry.active, members.account(entry.organisation)};
}
std::optional<AnchoringNode> active_node(Call& call, std::string_view name) {
    auto found = anchoring_node(call.of(kMembersAddress), name);
    return found && found->is_active ? found : std::nullopt;
}

/// Whether its organisation, or others, have stopped the key: anybody may have registered the id, which says nothing of the node's.
bool is_seal_key_stopped(Slots& key_slots, const AnchoringNode& node, const Hash256& key) {
    const auto head = KeyStorage{key_slots}.head(key_id(key));
    return head.state != ledger::KeyState::none && !ledger::signs(head.state) && head.owner == node.owner;
}

/// What a stopped key has sealed does not count: whoever copied it may have anchored an event that never was, and kept away all
/// that come before it. It stays on chain, for whoever verifies the log.
std::optional<AnchorEntry> newest_counting(EntryList& anchors, EntryList& keys, Slots& key_slots,
                                           const std::optional<AnchoringNode>& node,
                                           const std::function<bool(std::size_t)>& may_go_on) {
    auto end = anchors.count();
    for (auto k = keys.count(); k-- > 0 && end > 0 && may_go_on(crypto::ValidatorPublicKey::kSize);) {
        // Those of this key: they begin in the block that introduced it.
        const auto introduced = keys.numbers(k).low();
        std::uint64_t first = 0, last = end;
        while (first < last) {
            const auto middle = first + (last - first) / 2;
            if (unpack(anchors.numbers(middle), {}).block_number < introduced)
                first = middle + 1;
            else
                last = middle;
        }
        if (first < end && !(node && is_seal_key_stopped(key_slots, *node, keys.content(k))))
            return unpack(anchors.numbers(end - 1), anchors.content(end - 1));
        end = first;
    }
    return std::nullopt;
}

Reply introduce_key(Call& call, const AbiValue::List& arguments) {
    const auto node = arguments[0].as_text();
    const auto key = arguments[1].as_hash();
    const auto owner = active_node(call, node);
    if (!owner) return revert(kNodeUnknown, {arguments[0]});
    call.charge_words(key.size());
    if (is_seal_key_stopped(call.of(kKeysAddress), *owner, key)) return revert(kSealKeyStopped, {node});
    const ledger::SealKeyStatement statement{
        .chain_id = call.block().chain_id.low(), .node = node, .seal_key = *crypto::ValidatorPublicKey::from(key)};
    if (!is_signed_by(call, owner->key, signed_bytes(statement), arguments[2].bytes()))
        return revert(kSignatureInvalid, {});
    EntryList keys{call.own(), node, kSealKeysSlot};
    if (const auto count = keys.count(); count != 0 && keys.content(count - 1) == key) return AbiValue::List{};
    keys.append(U256{call.block().number}, key);
    call.emit(kKeyIntroduced, {id_of(node)}, {node, key});
    return AbiValue::List{};
}

Reply anchor(Call& call, const AbiValue::List& arguments) {
    const auto node = arguments[0].as_text();
    const std::uint64_t sequence = arguments[1].number().low();
    const auto head = arguments[2].as_hash();
    const auto owner = active_node(call, node);
    if (!owner) return revert(kNodeUnknown, {arguments[0]});
    EntryList keys{call.own(), node, kSealKeysSlot};
    const auto key_count = keys.count();
    if (key_count == 0) return revert(kNoSealKey, {node});
    EntryList anchors{call.own(), node, kAnchorsSlot};
    const auto sealed_by = keys.content(key_count - 1);
    call.charge_words(sealed_by.size());
    if (is_seal_key_stopped(call.of(kKeysAddress), *owner, sealed_by)) return revert(kSealKeyStopped, {node});
    const auto newest = newest_counting(anchors, keys, call.of(kKeysAddress), owner, [&](std::size_t hashed) {
        call.charge_words(hashed);
        return !call.exhausted();
    });
    if (newest && sequence <= newest->sequence) return revert(kNotNewer, {sequence, newest->sequence});
    const auto key = *crypto::ValidatorPublicKey::from(sealed_by);
    const ledger::AnchorStatement statement{
        .chain_id = call.block().chain_id.low(), .node = node, .sequence = sequence, .head = head};
    if (!is_signed_by(call, key, signed_bytes(statement), arguments[3].bytes())) return revert(kSignatureInvalid, {});
    anchors.append(pack(sequence, call.block()), head);
    call.emit(kAnchored, {id_of(node)}, {node, sequence, head});
    return AbiValue::List{};
}

Reply count(Call& call, const AbiValue::List& arguments) {
    return AbiValue::List{EntryList{call.own(), arguments[0].as_text(), kAnchorsSlot}.count()};
}

/// Indices of a page: never more than the limit, whatever the caller says.
std::pair<std::uint64_t, std::uint64_t> page_of(std::uint64_t entries, const U256& offset, const U256& limit) {
    const U256 first = std::min(offset, U256{entries});
    const U256 size = std::min({limit, U256{kPageMax}, U256{entries} - first});
    return {first.low(), first.low() + size.low()};
}

Reply anchors(Call& call, const AbiValue::List& arguments) {
    EntryList list{call.own(), arguments[0].as_text(), kAnchorsSlot};
    const auto [first, end] = page_of(list.count(), arguments[1].number(), arguments[2].number());
    AbiValue::List page;
    for (auto i = first; i < end && !call.exhausted(); ++i) {
        const auto entry = unpack(list.numbers(i), list.content(i));
        page.push_back(AbiValue::List{entry.sequence, entry.block_number, entry.timestamp, entry.head});
    }
    AbiValue::List out;
    out.emplace_back(std::move(page));
    return out;
}

Reply seal_keys(Call& call, const AbiValue::List& arguments) {
    EntryList list{call.own(), arguments[0].as_text(), kSealKeysSlot};
    const auto [first, end] = page_of(list.count(), arguments[1].number(), arguments[2].number());
    AbiValue::List page;
    for (auto i = first; i < end && !call.exhausted(); ++i)
        page.push_back(AbiValue::List{list.numbers(i).low(), list.content(i)});
    AbiValue::List out;
    out.emplace_back(std::move(page));
    return out;
}

} // namespace

const Contract& anchors_contract() {
    static const Contract contract{
        "IAnchors",
        kAnchorsAddress,
        {
            {"introduceKey", "(string,bytes32,bytes)", "()", Access::write, introduce_key},
            {"anchor", "(string,uint64,bytes32,bytes)", "()", Access::write, anchor},
            {"count", "(string)", "(uint256)", Access::view, count},
            {"anchors", "(string,uint256,uint256)", "((uint64,uint48,uint48,bytes32)[])", Access::view, anchors},
            {"sealKeys", "(string,uint256,uint256)", "((uint48,bytes32)[])", Access::view, seal_keys},
        },
        {kAnchored, kKeyIntroduced},
        {kNodeUnknown, kSignatureInvalid, kNotNewer, kNoSealKey, kSealKeyStopped}};
    return contract;
}

std::optional<AnchorEntry> latest_anchor(const ledger::StateView& view, std::string_view node) {
    ViewSlots slots{view, kAnchorsAddress}, key_slots{view, kKeysAddress}, member_slots{view, kMembersAddress};
    EntryList anchors{slots, node, kAnchorsSlot}, keys{slots, node, kSealKeysSlot};
    return newest_counting(anchors, keys, key_slots, anchoring_node(member_slots, node),
                           [](std::size_t) { return true; });
}

std::optional<crypto::ValidatorPublicKey> seal_key_of(const ledger::StateView& view, std::string_view node) {
    ViewSlots slots{view, kAnchorsAddress};
    EntryList list{slots, node, kSealKeysSlot};
    const auto count = list.count();
    if (count == 0) return std::nullopt;
    return crypto::ValidatorPublicKey::from(list.content(count - 1));
}

} // namespace cairn::system
