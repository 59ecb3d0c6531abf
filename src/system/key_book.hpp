// One call's view of the keys: reads entries, changes states by the table of transitions, keeps history and events. Private to
// this folder.
#pragma once

#include "system/addresses.hpp"
#include "system/call.hpp"
#include "system/governance.hpp"
#include "system/key_storage.hpp"
#include "system/key_transitions.hpp"
#include "system/member_storage.hpp"

namespace cairn::system {

inline constexpr Event kKeyRegistered{
    .name = "KeyRegistered", .indexed = "bytes32,address", .data = "uint8,uint64,uint64,uint32"};
inline constexpr Event kKeyStateChanged{
    .name = "KeyStateChanged", .indexed = "bytes32,address", .data = "uint8,uint8,uint8,uint64,string"};
inline constexpr Event kKeyReplaced{.name = "KeyReplaced", .indexed = "address,bytes32,bytes32", .data = "uint32"};
inline constexpr Event kResetApproved{.name = "ResetApproved", .indexed = "address,address", .data = "uint64"};
inline constexpr Event kResetObjected{.name = "ResetObjected", .indexed = "address,address", .data = ""};
inline constexpr Event kIncidentOpened{.name = "IncidentOpened", .indexed = "uint256,bytes32", .data = "uint64,string"};
inline constexpr Event kIncidentStep{.name = "IncidentStep", .indexed = "uint256", .data = "string,bytes32"};
inline constexpr Event kIncidentClosed{.name = "IncidentClosed", .indexed = "uint256,bytes32", .data = "bytes32"};

inline constexpr std::string_view kKeyUnknown = "KeyUnknown(bytes32)";
inline constexpr std::string_view kKeyTaken = "KeyTaken(bytes32)";
inline constexpr std::string_view kTransitionRefused = "TransitionRefused(uint8,uint8)";
inline constexpr std::string_view kFieldRefused = "FieldInvalid(string)";
inline constexpr std::string_view kPossessionInvalid = "PossessionInvalid(address)";
inline constexpr std::string_view kKeyInUse = "KeyInUse(address)";
inline constexpr std::string_view kNotDirect = "NotDirect()";
inline constexpr std::string_view kQuorumLost = "QuorumLost(uint256,uint256)";
inline constexpr std::string_view kResetUnknown = "ResetUnknown(address)";
inline constexpr std::string_view kResetPending = "ResetPending(address)";
inline constexpr std::string_view kTooEarly = "TooEarly(uint256,uint256)";
inline constexpr std::string_view kIncidentUnknown = "IncidentUnknown(uint256)";
inline constexpr std::string_view kIncidentOpen = "IncidentIsOpen(uint256)";
inline constexpr std::string_view kStillSigns = "KeyStillSigns(bytes32)";
inline constexpr std::string_view kRoundOver = "RoundOver(bytes32,uint256)";
inline constexpr std::string_view kQuarantineUsed = "QuarantineUsed(bytes32)";

using Done = std::expected<void, Bytes>;

class KeyBook {
public:
    explicit KeyBook(Call& call) : call_(call), storage_(call.own()), members_(call.of(kMembersAddress)) {}

    Call& call() { return call_; }
    KeyStorage& storage() { return storage_; }
    MemberStorage& members() { return members_; }
    std::uint64_t now() const { return call_.block().number; }

    /// As it counts in this block: an untouched account key is active, a quarantine that has run out is over.
    KeyEntry entry(const Hash256& id);
    bool has_entry(const Hash256& id) { return storage_.head(id).state != KeyState::none; }
    /// TransitionRefused, or QuorumLost if too few validators would keep a key that signs. `since`: for compromised.
    Done change(const Hash256& id, KeyEntry& entry, KeyState to, Asker asker, std::uint64_t since,
                std::string_view reason);
    /// The end of a provisional quarantine that has not come yet will not come.
    void drop_coming_end(const Hash256& id);
    /// Whether it is the key of a validator.
    bool votes(const Hash256& id);
    /// A new key with its first state.
    void add(const Hash256& id, KeyEntry entry, const Address& by);
    /// Writes the entry without another change of state.
    void store(const Hash256& id, const KeyEntry& entry);

private:
    Done check_quorum(const Hash256& id);

    Call& call_;
    KeyStorage storage_;
    MemberStorage members_;
};

/// An id whose first twelve bytes are zero is the address of an account key.
bool is_account_key_id(const Hash256& id);
Address address_of_id(const Hash256& id);
bool is_reason(const AbiValue& value, std::size_t limit);

// The functions of the contract, by what they are about.
Reply decide_reset(Call& call, const AbiValue::List& arguments);
Reply object_reset(Call& call, const AbiValue::List& arguments);
Reply finish_reset(Call& call, const AbiValue::List& arguments);
Reply reset_of(Call& call, const AbiValue::List& arguments);
Reply rotate(Call& call, const AbiValue::List& arguments);
Reply possession(Call& call, const AbiValue::List& arguments);
Reply key_of(Call& call, const AbiValue::List& arguments);
Reply account_of(Call& call, const AbiValue::List& arguments);
Reply open_incident(Call& call, const AbiValue::List& arguments);
Reply note_incident(Call& call, const AbiValue::List& arguments);
Reply close_incident(Call& call, const AbiValue::List& arguments);
Reply incident_count(Call& call, const AbiValue::List& arguments);
Reply incident(Call& call, const AbiValue::List& arguments);

} // namespace cairn::system
