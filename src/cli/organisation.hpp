// An organisation's keys and certificates, its public description, and the genesis file made of several of
// these.
//
// Directory of an organisation (private, never leaves it):
//     ca.key ca.pem              its certificate authority (ca_key.hpp)
//     signing.key                signs genesis files
//     administrator.key          account that administers the organisation on chain, unless one was given
//     ROLE-administrator.key     one for each of the three administrators that the network needs: system,
//                                security, audit; genesis takes each from another organisation where it can
//     validators/NAME/           for the machine of that validator: keys.sealed with the signer's memory, tls.pem
//     organisation.json          the only file for the others: names, addresses, public keys and the CA
//     certificate
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/certificate_key.hpp"
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
    bool offers_officers = true; // accounts for the three administrators of the network
    /// Seals the validators' private keys; the caller wipes it.
    std::string passphrase;
    signer::SealCost seal_cost;
    /// Seals the CA's private key; empty for one in the clear, as in a development network. The caller wipes it.
    std::string ca_passphrase;
    /// Of the keys that are made: national for SM2 votes and accounts, otherwise Ed25519 and secp256k1.
    ledger::Suite suite = ledger::Suite::international;
    crypto::CertificateKey ca_key = crypto::CertificateKey::p256;
    crypto::CertificateKey tls_key = crypto::CertificateKey::p256; // of the validators
    std::uint64_t days = 90; // validity of the validators' certificates; the CA's is 3650
};

/// The public description.
struct Invitation {
    ledger::Organisation organisation;
    std::vector<ledger::Validator> validators;
    std::map<ledger::Role, Address> officers;
};
std::string to_json(const Invitation& invitation);
/// CliFileInvalid, CertificateInvalid.
Result<Invitation> invitation_from_json(std::string_view text, std::int64_t now);

/// CliFileExists if the directory has an organisation already.
Result<Invitation> create_organisation(const std::string& directory, const OrganisationPlan& plan, Random& random,
                                       std::int64_t now);

/// Organisations' accounts become validator and deployer. Administrators that `roles` does not name come from the organisations'
/// officers in turn: system from the first, security from the second, audit from the third (and from the first again, if there
/// are fewer).
/// Unsigned; CliPrecondition if names, keys or addresses clash, or there are too few or many.
Result<ledger::Genesis> assemble_genesis(std::vector<Invitation> invitations, ledger::ChainParameters parameters,
                                         std::map<Address, ledger::GenesisAccount> accounts, std::uint64_t timestamp,
                                         std::map<Address, ledger::RoleMask> roles = {});
/// Adds the signature of the organisation whose directory this is, after checking that genesis says of it
/// what its own organisation.json says. Returns its name.
Result<std::string> sign_genesis(ledger::Genesis& genesis, const std::string& organisation_directory, std::int64_t now);

} // namespace cairn::cli
