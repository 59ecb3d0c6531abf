#include "cli/organisation.hpp"

#include "cli/config.hpp"
#include "cli/zone_files.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/account_secret.hpp"
#include "cli/ca_key.hpp"
#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "crypto/certificate.hpp"
#include "crypto/tls_key.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "cairn-organisation-v1";
constexpr std::array kAdministrators{ledger::Role::system_administrator, ledger::Role::security_administrator,
                                     ledger::Role::audit_administrator};
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kCaDays = 3650;
/// Certificates begin a little earlier, for machines whose clock is behind.
constexpr std::int64_t kClockSlack = 300;

std::unexpected<Error> malformed(const std::string& what) {
    return fail(error::CliFileInvalid, "organisation file: " + what);
}

Status write_secret(const std::string& path, std::string_view text) {
    return write_file(path, text, Access::secret, Existing::refuse);
}

crypto::VotingAlgorithm voting_algorithm_of(ledger::Suite suite) {
    return suite == ledger::Suite::national ? crypto::VotingAlgorithm::sm2 : crypto::VotingAlgorithm::ed25519;
}

Result<ledger::Validator> create_validator(const std::string& directory, const OrganisationPlan& plan,
                                           const ValidatorPlan& validator, const crypto::CertifiedKey& ca,
                                           Random& random, std::int64_t now) {
    const auto folder = directory + "/validators/" + validator.name;
    CRN_CHECK(make_directory(folder, Access::secret));
    CRN_TRY(secrets, signer::Secrets::generate(random, voting_algorithm_of(plan.suite)));
    CRN_TRY(public_keys, secrets.public_keys());
    const auto key = public_keys.consensus;
    const auto days = std::min<std::int64_t>(static_cast<std::int64_t>(plan.days), kCaDays);
    CRN_TRY(tls, crypto::issue_node_certificate(ca, {plan.name, validator.name, key},
                                                {now - kClockSlack, now + days * kDay - kClockSlack}, random,
                                                plan.tls_key));
    CRN_TRY(tls_key, crypto::TlsKey::from_pem(tls.key_pem.view()));
    secrets.set_tls_key(tls_key);
    CRN_TRY(sealed, signer::create_sealed_keys(folder + "/keys.sealed", secrets, as_bytes(plan.passphrase),
                                               plan.seal_cost, random));
    static_cast<void>(sealed);
    CRN_CHECK(
        write_file(folder + "/tls.pem", tls.certificate_pem + ca.certificate_pem, Access::shared, Existing::refuse));
    const auto reached_at = parse_host_port(validator.address);
    CRN_CHECK(
        issue_node_zones(directory, plan.name, validator.name, reached_at ? reached_at->host : "", ca, days, now));
    return ledger::Validator{validator.name, plan.name, key, validator.address};
}

Result<std::string> text_member(const json& object, const char* name) {
    if (!object.is_object() || !object.contains(name) || !object[name].is_string())
        return malformed(std::string{"no text member "} + name);
    return object[name].get<std::string>();
}

template <class T>
Result<T> hex_member(const json& object, const char* name) {
    CRN_TRY(text, text_member(object, name));
    const auto value = fixed_from_hex<T>(text);
    if (!value) return malformed(std::string{name} + " is not hex of the right length");
    return *value;
}

} // namespace

std::string to_json(const Invitation& invitation) {
    json validators = json::array();
    for (const auto& validator : invitation.validators)
        validators.push_back(
            {{"name", validator.name}, {"key", text_of(validator.key)}, {"address", validator.address}});
    json officers = json::object();
    for (const auto& [role, account] : invitation.officers) officers[ledger::name_of(role)] = checksummed(account);
    const auto& organisation = invitation.organisation;
    return json{{"format", kFormat},
                {"name", organisation.name},
                {"ca_certificate", organisation.ca_certificate_pem},
                {"signing_key", to_hex(organisation.signing_key)},
                {"administrator", checksummed(organisation.account)},
                {"validators", validators},
                {"officers", officers}}
               .dump(2) +
           "\n";
}

Result<Invitation> invitation_from_json(std::string_view text, std::int64_t now) {
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return malformed("not a JSON object");
    CRN_TRY(format, text_member(document, "format"));
    if (format != kFormat) return malformed("format is not " + std::string{kFormat});
    Invitation out;
    CRN_TRY(name, text_member(document, "name"));
    CRN_TRY(certificate, text_member(document, "ca_certificate"));
    CRN_TRY(signing_key, hex_member<crypto::ValidatorPublicKey>(document, "signing_key"));
    CRN_TRY(administrator, hex_member<Address>(document, "administrator"));
    out.organisation = {name, certificate, signing_key, administrator};
    CRN_CHECK(crypto::verify_ca_certificate(certificate, now));
    if (!document.contains("validators") || !document["validators"].is_array()) return malformed("no validators");
    for (const auto& entry : document["validators"]) {
        CRN_TRY(validator, text_member(entry, "name"));
        CRN_TRY(key_text, text_member(entry, "key"));
        const auto key = crypto::voting_key_from_text(key_text);
        if (!key) return malformed("key of " + validator + " is no voting key");
        CRN_TRY(address, text_member(entry, "address"));
        out.validators.push_back({validator, name, *key, address});
    }
    if (!document.contains("officers")) return out;
    if (!document["officers"].is_object()) return malformed("officers are no object");
    for (const auto& [role_name, unused] : document["officers"].items()) {
        const auto role = ledger::role_of(role_name);
        if (!role || (mask_of(*role) & ledger::kAdministratorRoles) == 0)
            return malformed("officers: " + role_name + " is no administrator");
        CRN_TRY(account, hex_member<Address>(document["officers"], role_name.c_str()));
        out.officers.emplace(*role, account);
    }
    return out;
}

Result<Invitation> create_organisation(const std::string& directory, const OrganisationPlan& plan, Random& random,
                                       std::int64_t now) {
    if (exists(directory + "/organisation.json")) return fail(error::CliFileExists, directory + "/organisation.json");
    CRN_CHECK(make_directory(directory, Access::secret));
    CRN_TRY(ca, crypto::create_ca(plan.name, {now - kClockSlack, now + kCaDays * kDay}, random, plan.ca_key));
    CRN_CHECK(write_secret(directory + "/ca.key", plan.ca_passphrase.empty()
                                                      ? std::string{ca.key_pem.view()}
                                                      : seal_ca_key(ca.key_pem.view(), plan.ca_passphrase, {})));
    CRN_CHECK(write_file(directory + "/ca.pem", ca.certificate_pem, Access::shared, Existing::refuse));

    crypto::ValidatorSeed signing_seed;
    random.fill(signing_seed.bytes);
    CRN_CHECK(crypto::write_ed25519_key(directory + "/signing.key", signing_seed));

    Invitation out;
    out.organisation = {plan.name, ca.certificate_pem, crypto::ValidatorKey::from_seed(signing_seed).public_key(), {}};
    if (plan.administrator) {
        out.organisation.account = *plan.administrator;
    } else {
        const auto key = new_account_secret(plan.suite, random);
        CRN_TRY(address, address_of(key));
        out.organisation.account = address;
        CRN_CHECK(write_secret(directory + "/administrator.key", text_of(key) + "\n"));
    }
    for (const auto& validator : plan.validators) {
        CRN_TRY(made, create_validator(directory, plan, validator, ca, random, now));
        out.validators.push_back(std::move(made));
    }
    if (plan.offers_officers) {
        for (const auto role : kAdministrators) {
            const auto key = new_account_secret(plan.suite, random);
            CRN_TRY(address, address_of(key));
            out.officers.emplace(role, address);
            CRN_CHECK(write_secret(directory + "/" + std::string(ledger::name_of(role)) + ".key", text_of(key) + "\n"));
        }
    }
    CRN_CHECK(write_file(directory + "/organisation.json", to_json(out), Access::shared, Existing::refuse));
    return out;
}

Result<ledger::Genesis> assemble_genesis(std::vector<Invitation> invitations, ledger::ChainParameters parameters,
                                         std::map<Address, ledger::GenesisAccount> accounts, std::uint64_t timestamp,
                                         std::map<Address, ledger::RoleMask> roles) {
    std::ranges::sort(invitations, {}, [](const Invitation& one) { return one.organisation.name; });
    ledger::Genesis genesis;
    genesis.parameters = std::move(parameters);
    genesis.timestamp = timestamp;
    genesis.accounts = std::move(accounts);
    ledger::RoleMask held = 0;
    for (const auto& [account, mask] : roles) held |= mask;
    genesis.roles = std::move(roles);
    for (std::size_t i = 0; i < kAdministrators.size() && !invitations.empty(); ++i) {
        if ((held & mask_of(kAdministrators[i])) != 0) continue;
        const auto& from = invitations[i % invitations.size()];
        const auto officer = from.officers.find(kAdministrators[i]);
        if (officer == from.officers.end())
            return fail(error::CliPrecondition, "organisation \"" + from.organisation.name + "\" offers no " +
                                                    std::string(ledger::name_of(kAdministrators[i])) +
                                                    "; name one with --role");
        genesis.roles[officer->second] |= mask_of(kAdministrators[i]);
    }
    for (auto& invitation : invitations) {
        genesis.roles[invitation.organisation.account] |= ledger::mask_of(ledger::Role::deployer);
        if (!invitation.validators.empty())
            genesis.roles[invitation.organisation.account] |= ledger::mask_of(ledger::Role::validator);
        genesis.organisations.push_back(invitation.organisation);
        for (auto& validator : invitation.validators) genesis.validators.members.push_back(std::move(validator));
    }
    CRN_CHECK(ledger::check_genesis(genesis));
    return genesis;
}

Result<std::string> sign_genesis(ledger::Genesis& genesis, const std::string& organisation_directory,
                                 std::int64_t now) {
    CRN_TRY(text, read_file(organisation_directory + "/organisation.json"));
    CRN_TRY(own, invitation_from_json(text, now));
    const auto& name = own.organisation.name;
    const auto listed = std::ranges::find(genesis.organisations, name, &ledger::Organisation::name);
    if (listed == genesis.organisations.end())
        return fail(error::CliPrecondition, "organisation \"" + name + "\" is not in the genesis file");
    if (*listed != own.organisation)
        return fail(error::CliPrecondition,
                    "the genesis file gives other keys for \"" + name + "\" than its own organisation.json");
    std::vector<ledger::Validator> validators;
    for (const auto& validator : genesis.validators.members)
        if (validator.organisation == name) validators.push_back(validator);
    if (validators != own.validators)
        return fail(error::CliPrecondition,
                    "the genesis file lists other validators for \"" + name + "\" than its own organisation.json");
    CRN_TRY(seed, crypto::read_ed25519_key(organisation_directory + "/signing.key"));
    const auto key = crypto::ValidatorKey::from_seed(seed);
    if (key.public_key() != own.organisation.signing_key)
        return fail(error::KeyInvalid, organisation_directory + "/signing.key is not the organisation's key");
    genesis.signatures[name] = key.sign(ledger::genesis_signed_bytes(ledger::hash_of(genesis)));
    return name;
}

} // namespace cairn::cli
