// The identity behind an account: which organisation answers for it, and until when. The system contract Identities keeps it
// (contracts/IIdentities.sol); execution and the pool ask before a transaction may run.
//
// The words do not stand where Solidity would put a mapping, whose slot costs a Keccak: this is read for every transaction.
// The slot of a binding is the text "binding", filled with zeros to 12 bytes, and then the account's 20 bytes; "commitment"
// likewise. No hashed slot falls there but by a collision of 96 bits. eth_getProof proves them like any other slot.
#pragma once

#include "base/bytes.hpp"
#include "base/u256.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace cairn::ledger {

namespace detail {
constexpr Address contract_address(std::uint8_t number) {
    Address address;
    address.bytes[18] = 0xca;
    address.bytes[19] = number;
    return address;
}
} // namespace detail
inline constexpr Address kMembersContract = detail::contract_address(0x01);
inline constexpr Address kIdentitiesContract = detail::contract_address(0x07);
inline constexpr Address kAnchorsContract = detail::contract_address(0x08);

/// An anchor carries its own authority, the signature of a node's seal key: whose account brings it is of no weight.
inline bool needs_binding(const std::optional<Address>& to) { return to != kAnchorsContract; }

enum class IdentityKind : std::uint8_t { person = 1, application = 2, node = 3 };
std::string_view name_of(IdentityKind kind);
std::optional<IdentityKind> identity_kind_of(std::string_view name);

struct AccountIdentity {
    std::uint32_t organisation = 0; // index in Members
    IdentityKind kind = IdentityKind::person;
    bool is_suspended = false;
    bool is_registrar = false;  // may bind accounts to its organisation
    std::uint64_t bound_at = 0; // block number
    std::uint64_t expires = 0;  // seconds since 1970; 0: never
    bool operator==(const AccountIdentity&) const = default;
};
/// Never zero.
U256 pack_identity(const AccountIdentity& identity);
/// Nothing for zero and for words that pack_identity does not make.
std::optional<AccountIdentity> unpack_identity(const U256& word);

/// `tag` (at most 12 bytes) and 20 bytes of payload.
U256 tagged_slot(std::string_view tag, const U256& payload);
U256 identity_slot(const Address& account);
U256 commitment_slot(const Address& account);

/// Reads of the two contracts that decide whether an account may send: one word for the account and one for its organisation.
/// The administrator of an organisation needs no binding; to find that out costs a Keccak, so it comes last.
class IdentityReader {
public:
    virtual U256 identities(const U256& slot) = 0;
    virtual U256 members(const U256& slot) = 0;

protected:
    ~IdentityReader() = default;
};

/// Whether an account may send in a block of time `now` (seconds).
enum class Standing : std::uint8_t { good, unbound, suspended, expired, organisation_left };
Standing standing_of(IdentityReader& reader, const Address& account, std::uint64_t now);
/// "its organisation has left the consortium"
std::string_view reason_of(Standing standing);

} // namespace cairn::ledger
