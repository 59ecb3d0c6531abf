#include "system/identity_storage.hpp"

#include "ledger/slot_layout.hpp"

namespace cairn::system {
namespace {

// contracts/IIdentities.sol
constexpr std::string_view kVersion = "version";
constexpr std::string_view kFoundingRemoved = "no-founding";
constexpr std::string_view kFingerprint = "ca-print";
constexpr std::string_view kSince = "ca-since";
constexpr std::string_view kCertificate = "ca-der";
constexpr std::string_view kRevoked = "revoked";

U256 ca_slot(std::string_view tag, std::uint64_t organisation, std::uint64_t place) {
    return ledger::tagged_slot(tag, U256{organisation * kTrustedCasMax + place});
}

U256 revocation_slot(std::uint64_t organisation, const Hash256& id) {
    return ledger::mapping_slot(id, ledger::tagged_slot(kRevoked, U256{organisation}));
}

} // namespace

std::optional<ledger::AccountIdentity> IdentityStorage::identity(const Address& account) {
    return ledger::unpack_identity(slots_.load(ledger::identity_slot(account)));
}

Hash256 IdentityStorage::commitment(const Address& account) {
    return to_big_endian(slots_.load(ledger::commitment_slot(account)));
}

void IdentityStorage::bind(const Address& account, const ledger::AccountIdentity& identity, const Hash256& commitment) {
    change(account, identity);
    slots_.store(ledger::commitment_slot(account), from_big_endian(commitment));
}

void IdentityStorage::change(const Address& account, const ledger::AccountIdentity& identity) {
    slots_.store(ledger::identity_slot(account), ledger::pack_identity(identity));
}

void IdentityStorage::unbind(const Address& account) {
    slots_.store(ledger::identity_slot(account), {});
    slots_.store(ledger::commitment_slot(account), {});
}

bool IdentityStorage::founding_ca_removed(std::uint64_t organisation) {
    return static_cast<bool>(slots_.load(ledger::tagged_slot(kFoundingRemoved, U256{organisation})));
}

void IdentityStorage::remove_founding_ca(std::uint64_t organisation) {
    slots_.store(ledger::tagged_slot(kFoundingRemoved, U256{organisation}), U256{1});
}

Hash256 IdentityStorage::fingerprint(std::uint64_t organisation, std::uint64_t place) {
    return to_big_endian(slots_.load(ca_slot(kFingerprint, organisation, place)));
}

TrustedCa IdentityStorage::ca(std::uint64_t organisation, std::uint64_t place) {
    const auto der = load_text(slots_, ca_slot(kCertificate, organisation, place), kCaDerBytesMax);
    return {.fingerprint = fingerprint(organisation, place),
            .der = to_bytes(as_bytes(der)),
            .since = Height{slots_.load(ca_slot(kSince, organisation, place)).low()}};
}

void IdentityStorage::trust(std::uint64_t organisation, std::uint64_t place, const TrustedCa& ca) {
    slots_.store(ca_slot(kFingerprint, organisation, place), from_big_endian(ca.fingerprint));
    slots_.store(ca_slot(kSince, organisation, place), U256{ca.since.value});
    store_text(slots_, ca_slot(kCertificate, organisation, place), as_text(ca.der));
}

void IdentityStorage::remove(std::uint64_t organisation, std::uint64_t place) {
    slots_.store(ca_slot(kFingerprint, organisation, place), {});
    slots_.store(ca_slot(kSince, organisation, place), {});
    store_text(slots_, ca_slot(kCertificate, organisation, place), {});
}

std::optional<Revocation> IdentityStorage::revocation(std::uint64_t organisation, const Hash256& id) {
    const U256 word = slots_.load(revocation_slot(organisation, id));
    if (!word) return std::nullopt;
    return Revocation{.reason = static_cast<std::uint8_t>(word.limb[0]), .height = Height{word.limb[1]}};
}

void IdentityStorage::revoke(std::uint64_t organisation, const Hash256& id, const Revocation& revocation) {
    slots_.store(revocation_slot(organisation, id), U256{revocation.reason, revocation.height.value, 0, 1});
}

std::uint64_t IdentityStorage::version() { return slots_.load(ledger::tagged_slot(kVersion, U256{})).low(); }
void IdentityStorage::next_version() { slots_.store(ledger::tagged_slot(kVersion, U256{}), U256{version()} + U256{1}); }

} // namespace cairn::system
