#include "ledger/genesis.hpp"

#include "base/errors/ledger.hpp"
#include "codec/wire.hpp"
#include "crypto/hash.hpp"

#include <algorithm>
#include <limits>
#include <set>

namespace cairn::ledger {
namespace {

/// Domain of the hash and of the signatures.
constexpr std::string_view kDomain = "cairn-genesis-v1";
/// Largest id that wallets accept: floor(2^53 / 2) - 36, so that v = 2 * id + 36 stays exact in JavaScript.
constexpr std::uint64_t kChainIdMax = 4'503'599'627'370'476;
constexpr std::uint64_t kBlockGasMax = std::uint64_t{1} << 53;
constexpr std::uint64_t kTransactionGasMin = 21'000;
constexpr std::uint32_t kCodeBytesMax = 1u << 20;
constexpr std::uint64_t kHistoryBlocksMax = 1'000'000'000;
constexpr std::uint32_t kBlockIntervalMsMax = 60'000;
constexpr std::uint64_t kTimestampMax = std::uint64_t{1} << 40;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kAddressBytesMax = 255 + 6;
constexpr std::size_t kCertificateBytesMax = 16 * 1024;

std::unexpected<Error> bad(const std::string& path, std::string_view why) {
    return fail(error::GenesisInvalid, path + ": " + std::string(why));
}

bool is_name(std::string_view text) {
    const auto letter = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    if (text.empty() || text.size() > kNameBytesMax || !letter(text.front()) || !letter(text.back())) return false;
    return std::ranges::all_of(text, [&](char c) { return letter(c) || c == '-' || c == '_' || c == '.' || c == ' '; });
}

bool is_host_and_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (text.size() > kAddressBytesMax || colon == std::string_view::npos || colon == 0) return false;
    const auto port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.front() == '0') return false;
    unsigned number = 0;
    for (const char c : port) {
        if (c < '0' || c > '9') return false;
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    const auto printable = [](char c) { return c > ' ' && c < 0x7f; };
    return number <= 65535 && std::ranges::all_of(text.substr(0, colon), printable);
}

bool is_pem(std::string_view text) {
    const auto plain = [](char c) { return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r'; };
    return text.size() <= kCertificateBytesMax && text.starts_with("-----BEGIN CERTIFICATE-----") &&
           std::ranges::all_of(text, plain);
}

Status check_parameters(const ChainParameters& p) {
    const auto within = [](const char* name, std::uint64_t value, std::uint64_t low, std::uint64_t high) -> Status {
        if (value >= low && value <= high) return {};
        return bad(std::string("parameters.") + name,
                   "is " + std::to_string(value) + ", not in " + std::to_string(low) + ".." + std::to_string(high));
    };
    CRN_CHECK(within("chain_id", p.chain_id, 1, kChainIdMax));
    CRN_CHECK(within("block_gas_limit", p.block_gas_limit, kTransactionGasMin, kBlockGasMax));
    CRN_CHECK(within("transaction_gas_cap", p.transaction_gas_cap, kTransactionGasMin, p.block_gas_limit));
    CRN_CHECK(within("code_bytes_max", p.code_bytes_max, 1, kCodeBytesMax));
    CRN_CHECK(within("history_blocks", p.history_blocks, 1, kHistoryBlocksMax));
    CRN_CHECK(within("min_block_interval_ms", p.min_block_interval_ms, 0, kBlockIntervalMsMax));
    if ((p.fee_mode == FeeMode::free) != !p.fixed_gas_price)
        return bad("parameters.fixed_gas_price", "must be 0 with fee_mode free and above 0 with fixed");
    return {};
}

Status check_organisations(const Genesis& genesis) {
    const auto& all = genesis.organisations;
    if (all.empty() || all.size() > kOrganisationsMax) return bad("organisations", "must be 1 to 100");
    std::set<std::string_view> certificates;
    std::set<crypto::ValidatorPublicKey> keys;
    std::set<Address> accounts;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto path = "organisations[" + std::to_string(i) + "]";
        if (!is_name(all[i].name))
            return bad(path + ".name", "is not a name of 1 to 64 letters, digits and - _ . space");
        if (i > 0 && all[i - 1].name >= all[i].name)
            return bad(path + ".name", "is not after the name before it; list organisations in ascending order");
        if (!is_pem(all[i].ca_certificate_pem))
            return bad(path + ".ca_certificate_pem", "is not a PEM certificate of at most 16 KiB");
        if (!certificates.insert(all[i].ca_certificate_pem).second)
            return bad(path + ".ca_certificate_pem", "is another organisation's");
        if (!keys.insert(all[i].signing_key).second) return bad(path + ".signing_key", "is another organisation's");
        if (all[i].account.is_zero()) return bad(path + ".account", "is the zero address");
        if (!accounts.insert(all[i].account).second) return bad(path + ".account", "is another organisation's");
    }
    return {};
}

const Organisation* find_organisation(const Genesis& genesis, std::string_view name) {
    for (const auto& organisation : genesis.organisations)
        if (organisation.name == name) return &organisation;
    return nullptr;
}

Status check_validators(const Genesis& genesis) {
    const auto& all = genesis.validators.members;
    if (genesis.validators.epoch != Epoch{0}) return bad("validators", "must be of epoch 0");
    if (all.empty() || all.size() > kValidatorsMax) return bad("validators", "must be 1 to 100");
    std::set<std::string_view> names;
    std::set<std::string_view> addresses;
    std::set<decltype(crypto::VotingKey::bytes)> keys;
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto path = "validators[" + std::to_string(i) + "]";
        if (!is_name(all[i].name))
            return bad(path + ".name", "is not a name of 1 to 64 letters, digits and - _ . space");
        if (!names.insert(all[i].name).second) return bad(path + ".name", "is another validator's");
        if (find_organisation(genesis, all[i].organisation) == nullptr)
            return bad(path + ".organisation", "is not among the organisations");
        if (!keys.insert(all[i].key.bytes).second) return bad(path + ".key", "is another validator's");
        if (!may_vote(genesis.parameters.suite, all[i].key.algorithm))
            return bad(path + ".algorithm", "is " + std::string(crypto::name_of(all[i].key.algorithm)) +
                                                ", which the suite " + std::string(name_of(genesis.parameters.suite)) +
                                                " does not vote with");
        if (all[i].key.algorithm == crypto::VotingAlgorithm::sm2 && !crypto::sm2_point_of(all[i].key))
            return bad(path + ".key", "is not the x of a point on the SM2 curve");
        if (!is_host_and_port(all[i].address)) return bad(path + ".address", "is not host:port");
        if (!addresses.insert(all[i].address).second) return bad(path + ".address", "is another validator's");
    }
    return {};
}

Status check_accounts(const Genesis& genesis) {
    if (genesis.accounts.size() > kGenesisAccountsMax) return bad("accounts", "are more than 1,000,000");
    U256 total;
    std::size_t slots = 0;
    for (const auto& [address, account] : genesis.accounts) {
        const auto path = "accounts." + to_hex(address);
        const auto sum = total + account.balance;
        if (sum < total) return bad(path + ".balance", "makes the sum of all balances overflow 256 bits");
        total = sum;
        if (account.nonce == std::numeric_limits<std::uint64_t>::max())
            return bad(path + ".nonce", "is the largest value");
        if (account.code.size() > genesis.parameters.code_bytes_max)
            return bad(path + ".code", "is longer than parameters.code_bytes_max");
        slots += account.storage.size();
        if (slots > kGenesisSlotsMax) return bad(path + ".storage", "makes more than 1,000,000 slots in all");
        for (const auto& [slot, value] : account.storage)
            if (!value) return bad(path + ".storage." + to_hex(to_big_endian(slot)), "is zero; leave it out");
        if (!account.organisation.empty() && find_organisation(genesis, account.organisation) == nullptr)
            return bad(path + ".organisation", "is not among the organisations");
        if (account.is_registrar && account.organisation.empty())
            return bad(path + ".registrar", "is true without an organisation");
        if (!account.organisation.empty() && !account.code.empty())
            return bad(path + ".organisation", "is for accounts without code");
        if (!account.balance && account.nonce == 0 && account.code.empty())
            return bad(path, "is empty (EIP-161); leave it out");
    }
    return {};
}

/// Only if there is something to say, so that a genesis without bindings keeps the form that it always had.
void write_identities(codec::WireWriter& out, const Genesis& genesis) {
    std::uint32_t bound = 0;
    for (const auto& [address, account] : genesis.accounts) bound += account.organisation.empty() ? 0 : 1;
    if (bound == 0 && genesis.parameters.account_binding == AccountBinding::open) return;
    out.text("identities");
    out.u8(static_cast<std::uint8_t>(genesis.parameters.account_binding));
    out.u32(bound);
    for (const auto& [address, account] : genesis.accounts) {
        if (account.organisation.empty()) continue;
        out.fixed(address);
        out.text(account.organisation);
        out.u8(account.is_registrar ? 1 : 0);
    }
}

/// For the same reason only if not all vote with Ed25519.
void write_voting_algorithms(codec::WireWriter& out, const Genesis& genesis) {
    if (all_vote_with_ed25519(genesis.validators)) return;
    out.text("voting-algorithms");
    for (const auto& validator : genesis.validators.members) out.u8(static_cast<std::uint8_t>(validator.key.algorithm));
}

Status check_roles(const Genesis& genesis) {
    if (genesis.roles.size() > kGenesisRolesMax) return bad("roles", "are for more than 10,000 accounts");
    RoleMask held = 0;
    for (const auto& [account, roles] : genesis.roles) {
        const auto path = "roles." + to_hex(account);
        if (account.is_zero() && roles != mask_of(Role::deployer))
            return bad(path, "is the zero address, which stands for everybody and can only be a deployer");
        if (roles == 0 || roles >= RoleMask{1u << kRoleNames.size()}) return bad(path, "has no role that exists");
        held |= roles;
        if ((roles & kAdministratorRoles) == 0) continue;
        if ((roles & (roles - 1)) != 0) return bad(path, "has another role besides that of an administrator");
        for (const auto& organisation : genesis.organisations)
            if (organisation.account == account)
                return bad(path, "is an administrator and the account of organisation " + organisation.name);
    }
    for (const auto role : {Role::system_administrator, Role::security_administrator, Role::audit_administrator})
        if ((held & mask_of(role)) == 0) return bad("roles", "name no " + std::string(name_of(role)));
    return {};
}

} // namespace

std::string_view name_of(Suite suite) {
    switch (suite) {
    case Suite::international: return "international";
    case Suite::national: return "national";
    case Suite::mixed: return "mixed";
    }
    return "unknown";
}

std::optional<Suite> suite_from_name(std::string_view name) {
    for (const auto suite : {Suite::international, Suite::national, Suite::mixed})
        if (name == name_of(suite)) return suite;
    return std::nullopt;
}

Status check_genesis(const Genesis& genesis) {
    CRN_CHECK(check_parameters(genesis.parameters));
    if (genesis.timestamp > kTimestampMax) return bad("timestamp", "is not in seconds");
    CRN_CHECK(check_organisations(genesis));
    CRN_CHECK(check_validators(genesis));
    CRN_CHECK(check_accounts(genesis));
    CRN_CHECK(check_roles(genesis));
    for (const auto& [name, signature] : genesis.signatures)
        if (find_organisation(genesis, name) == nullptr) return bad("signatures." + name, "is no organisation's");
    return {};
}

Hash256 hash_of(const Genesis& genesis) {
    const auto& p = genesis.parameters;
    codec::WireWriter out;
    const auto u256 = [&](const U256& value) { out.fixed(to_big_endian(value)); };
    out.text(kDomain);
    out.u64(p.chain_id);
    out.u8(static_cast<std::uint8_t>(p.fee_mode));
    u256(p.fixed_gas_price);
    out.u64(p.block_gas_limit);
    out.u64(p.transaction_gas_cap);
    out.u32(p.code_bytes_max);
    out.u64(p.history_blocks);
    out.u32(p.min_block_interval_ms);
    out.u8(static_cast<std::uint8_t>(p.suite));
    out.u64(genesis.timestamp);
    out.u32(static_cast<std::uint32_t>(genesis.organisations.size()));
    for (const auto& organisation : genesis.organisations) {
        out.text(organisation.name);
        out.text(organisation.ca_certificate_pem);
        out.fixed(organisation.signing_key);
        out.fixed(organisation.account);
    }
    out.number(genesis.validators.epoch);
    out.u32(static_cast<std::uint32_t>(genesis.validators.members.size()));
    for (const auto& validator : genesis.validators.members) {
        out.text(validator.name);
        out.text(validator.organisation);
        out.fixed(validator.key.bytes);
        out.text(validator.address);
    }
    out.u32(static_cast<std::uint32_t>(genesis.accounts.size()));
    for (const auto& [address, account] : genesis.accounts) {
        out.fixed(address);
        u256(account.balance);
        out.u64(account.nonce);
        out.string(account.code);
        out.u32(static_cast<std::uint32_t>(account.storage.size()));
        for (const auto& [slot, value] : account.storage) {
            u256(slot);
            u256(value);
        }
    }
    out.u32(static_cast<std::uint32_t>(genesis.roles.size()));
    for (const auto& [account, roles] : genesis.roles) {
        out.fixed(account);
        out.u16(roles);
    }
    write_identities(out, genesis);
    write_voting_algorithms(out, genesis);
    return crypto::keccak256(out.bytes());
}

Bytes genesis_signed_bytes(const Hash256& genesis_hash) {
    auto out = to_bytes(as_bytes(kDomain));
    append(out, genesis_hash);
    return out;
}

Status verify_signatures(const Genesis& genesis) {
    const auto message = genesis_signed_bytes(hash_of(genesis));
    std::string missing;
    for (const auto& organisation : genesis.organisations) {
        const auto found = genesis.signatures.find(organisation.name);
        const bool there = found != genesis.signatures.end();
        if (there && crypto::verify(organisation.signing_key, message, found->second)) continue;
        missing += (missing.empty() ? "" : ", ") + organisation.name + (there ? " (wrong)" : " (missing)");
    }
    if (!missing.empty()) return fail(error::GenesisUnsigned, missing);
    if (genesis.organisations.empty()) return bad("organisations", "must be 1 to 100");
    return {};
}

} // namespace cairn::ledger
