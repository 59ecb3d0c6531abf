// An organisation's keys and certificates, its public description, and the genesis file made of several of
// these.
//
// Directory of an organisation (private, never leaves it):
//     ca.key ca.pem              its certificate authority
//     signing.key                signs genesis files
//     administrator.key          account that administers the organisation on chain, unless one was given
//     validators/NAME/           for the machine of that validator: keys.sealed with the signer's memory, tls.pem
//     organisation.json          the only file for the others: names, addresses, public keys and the CA
//     certificate
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "ledger/genesis.hpp"
#include "signer/sealed_keys.hpp"

#include <optional>
#include <string>
#include <vector>

namespace cairn::cli {

struct ValidatorPlan {
    std::string name;
    std::string address; // "host:port" where the other validators reach it
};
struct OrganisationPlan {
    std::string name;
    std::vector<ValidatorPlan> validators;
    std::optional<Address> administrator;
    /// Seals the validators' private keys; the caller wipes it.
    std::string passphrase;
    signer::SealCost seal_cost;
    std::uint64_t days = 825; // validity of the validators' certificates; the CA's is 3650
};

/// The public description.
struct Invitation {
    ledger::Organisation organisation;
    std::vector<ledger::Validator> validators;
};
std::string to_json(const Invitation& invitation);
/// CliFileInvalid, CertificateInvalid.
Result<Invitation> invitation_from_json(std::string_view text, std::int64_t now);

/// CliFileExists if the directory has an organisation already.
Result<Invitation> create_organisation(const std::string& directory, const OrganisationPlan& plan, Random& random,
                                       std::int64_t now);

/// Unsigned; CliPrecondition if names, keys or addresses clash, or there are too few or many.
Result<ledger::Genesis> assemble_genesis(std::vector<Invitation> invitations, ledger::ChainParameters parameters,
                                         std::map<Address, ledger::GenesisAccount> accounts, std::uint64_t timestamp);
/// Adds the signature of the organisation whose directory this is, after checking that genesis says of it
/// what its own organisation.json says. Returns its name.
Result<std::string> sign_genesis(ledger::Genesis& genesis, const std::string& organisation_directory, std::int64_t now);

} // namespace cairn::cli
