// The genesis file: what all organisations agree on and sign before the first block.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"
#include "ledger/block.hpp"
#include "ledger/role.hpp"
#include "ledger/validators.hpp"

#include <map>
#include <string>
#include <vector>

namespace cairn::ledger {

enum class FeeMode : std::uint8_t { free, fixed };
/// Whether an account must be bound to an identity of a member organisation before it may send (ledger/account_binding.hpp).
enum class AccountBinding : std::uint8_t { open, required };

/// Which accounts may send: secp256k1 keys (international), SM2 keys (national), or both (mixed). The numbers are stored.
enum class Suite : std::uint8_t { international = 1, national = 2, mixed = 3 };
constexpr bool accepts_secp256k1(Suite suite) { return suite != Suite::national; }
constexpr bool accepts_sm2(Suite suite) { return suite != Suite::international; }
/// What the founding validators vote with: Ed25519 (international), SM2 (national), or either (mixed).
constexpr bool may_vote(Suite suite, crypto::VotingAlgorithm algorithm) {
    return algorithm == crypto::VotingAlgorithm::sm2 ? accepts_sm2(suite) : accepts_secp256k1(suite);
}

/// Rules of the chain that execution needs.
struct ChainParameters {
    std::uint64_t chain_id = 0;
    FeeMode fee_mode = FeeMode::free;
    U256 fixed_gas_price; // used with FeeMode::fixed
    std::uint64_t block_gas_limit = 500'000'000;
    std::uint64_t transaction_gas_cap = 16'777'216; // EIP-7825
    std::uint32_t code_bytes_max = 24'576;          // EIP-170
    std::uint64_t history_blocks = 10'000;          // state kept for queries
    std::uint32_t min_block_interval_ms = 50;
    Suite suite = Suite::international;
    AccountBinding account_binding = AccountBinding::open; // `network genesis` and `dev up` ask for required
    bool operator==(const ChainParameters&) const = default;
};

std::string_view name_of(Suite suite);
std::optional<Suite> suite_from_name(std::string_view name);

struct GenesisAccount {
    U256 balance;
    std::uint64_t nonce = 0;
    Bytes code;
    std::map<U256, U256> storage;
    /// Bound from the start to this founding organisation; empty: not bound.
    std::string organisation;
    bool is_registrar = false; // may bind further accounts to it
    bool operator==(const GenesisAccount&) const = default;
};

/// An organisation of the founding consortium. Its CA certificate vouches for its nodes' TLS certificates; its key signs genesis.
struct Organisation {
    std::string name;
    std::string ca_certificate_pem;
    crypto::ValidatorPublicKey signing_key; // Ed25519
    Address account;                        // organisation's administrator on chain
    bool operator==(const Organisation&) const = default;
};

struct Genesis {
    ChainParameters parameters;
    std::uint64_t timestamp = 0;             // seconds
    std::vector<Organisation> organisations; // by name, ascending
    ValidatorSet validators;                 // epoch 0
    std::map<Address, GenesisAccount> accounts;
    /// Who may do what from block 1 on; at least one of each administrator. The zero address stands for everybody and can only
    /// be a deployer.
    std::map<Address, RoleMask> roles;
    /// organisation name -> signature over "cairn-genesis-v1" and hash_of(genesis)
    std::map<std::string, crypto::Signature> signatures;
};

inline constexpr std::size_t kOrganisationsMax = 100;
inline constexpr std::size_t kGenesisAccountsMax = 1'000'000;
inline constexpr std::size_t kGenesisRolesMax = 10'000;
inline constexpr std::size_t kGenesisSlotsMax = 1'000'000;
inline constexpr std::size_t kGenesisBytesMax = std::size_t{64} << 20; // of the JSON form

/// The rules between the fields: limits, distinct names, keys and addresses, organisations that exist, sums that do not
/// overflow, administrators that are disjoint. GenesisInvalid with the path of the bad field: "validators[3].organisation: is not among the organisations".
Status check_genesis(const Genesis& genesis);

/// JSON with sorted keys; human-readable; the form on disk.
std::string to_json(const Genesis& genesis);
/// Strict: a missing, unknown or repeated member is refused. The result has passed check_genesis, not verify_signatures.
Result<Genesis> genesis_from_json(std::string_view json);
/// Keccak-256 over the canonical binary form, without signatures. It is block 0's mix_hash, so the block 0 hash binds everything.
Hash256 hash_of(const Genesis& genesis);
/// What an organisation signs with its signing key: "cairn-genesis-v1", then the hash.
Bytes genesis_signed_bytes(const Hash256& genesis_hash);
/// GenesisUnsigned names organisations whose signature is missing or wrong.
Status verify_signatures(const Genesis& genesis);
/// Header of block 0 for the state root of the genesis accounts.
BlockHeader genesis_header(const Genesis& genesis, const Hash256& state_root);

} // namespace cairn::ledger
