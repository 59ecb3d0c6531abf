// Changes that organisations decide together: each approves the same change, and the approval that makes more than half of the
// active organisations carries it out. Private to this folder.
#pragma once

#include "system/call.hpp"
#include "system/member_storage.hpp"

namespace cairn::system {

inline constexpr Event kChangeApproved{
    .name = "ChangeApproved", .indexed = "bytes32,uint256", .data = "uint256,uint256"};
inline constexpr std::string_view kNotAuthorised = "NotAuthorised(address)";
inline constexpr std::string_view kAlreadyApproved = "AlreadyApproved(bytes32)";

/// More than half.
std::uint64_t approvals_needed(MemberStorage& members);
/// Active organisations whose bit is set in the word at `approvals_slot`[change].
std::uint64_t approvals_of(Slots& slots, const U256& approvals_slot, const Hash256& change, MemberStorage& members);

/// Notes the approval of the caller's organisation and emits ChangeApproved. True if the change is now decided: its approvals
/// are cleared. Reverts with NotAuthorised or AlreadyApproved.
std::expected<bool, Bytes> approve(Call& call, const U256& approvals_slot, const Hash256& change,
                                   MemberStorage& members);

/// Keccak-256 of the ABI encoding; names a change.
Hash256 change_id(Call& call, std::string_view types, const AbiValue::List& values);

} // namespace cairn::system
