// Storage of Members, entry by entry. Private to this folder.
#pragma once

#include "system/members.hpp"

namespace cairn::system {

struct OrganisationEntry {
    std::string name;
    Address account;
    bool active = false;
    Hash256 signing_key;
    std::string ca_certificate;
};

struct ValidatorEntry {
    std::string name;
    std::uint32_t organisation = 0;
    bool active = false;
    Hash256 key;
    std::string network_address;
    crypto::VotingAlgorithm algorithm = crypto::VotingAlgorithm::ed25519; // of the key
    crypto::VotingKey voting_key() const { return {algorithm, *decltype(crypto::VotingKey::bytes)::from(key)}; }
};

/// The variables of the contract over any storage. Indices must be below the counts, except in the append functions.
class MemberStorage {
public:
    explicit MemberStorage(Slots& slots) : slots_(slots) {}

    std::uint64_t organisation_count();
    std::uint64_t validator_count();
    OrganisationEntry organisation(std::uint64_t index);
    ValidatorEntry validator(std::uint64_t index);
    bool is_active(std::uint64_t organisation);
    Address account(std::uint64_t organisation);
    std::uint64_t active_organisations();
    bool validator_is_active(std::uint64_t validator);
    std::uint64_t active_validators();
    /// Of a validator that is active, or of any before it left or got another.
    bool voting_key_is_taken(const Hash256& key);

    // By name or account; nothing if unknown.
    std::optional<std::uint64_t> find_organisation(std::string_view name);
    std::optional<std::uint64_t> find_validator(std::string_view name);
    /// Only an active organisation has an administrator.
    std::optional<std::uint64_t> administered_by(const Address& account);

    /// Grows whenever a member joins or leaves, or a voting key is replaced: what was read before still holds while it is the same.
    std::uint64_t changes();
    std::uint64_t append(const OrganisationEntry& entry);
    std::uint64_t append(const ValidatorEntry& entry);
    void set_network_address(std::uint64_t validator, std::string_view address);
    /// The organisation and its validators become inactive, its account administers nothing.
    void remove(std::uint64_t organisation);

    void remove_validator(std::uint64_t validator);
    /// The old key.
    Hash256 replace_voting_key(std::uint64_t validator, const crypto::VotingKey& key);

private:
    void note_change();
    void store_voting_key(std::uint64_t validator, const crypto::VotingKey& key);
    Hash256 retire_voting_key(std::uint64_t validator);

    Slots& slots_;
};

/// "host:port" of printable characters with a port from 1 to 65535.
bool is_network_address(std::string_view text);

} // namespace cairn::system
