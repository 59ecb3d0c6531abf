#include "cli/zone_files.hpp"

#include "base/errors/cli.hpp"
#include "cli/certificates.hpp"
#include "cli/files.hpp"
#include "cli/organisation.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

constexpr std::int64_t kDay = 86'400;
/// Clocks of the machines may differ by this much.
constexpr std::int64_t kSlack = 300;

/// Within the CA's own time.
Result<crypto::Validity> validity_for(const crypto::CertifiedKey& ca, std::int64_t days, std::int64_t now) {
    CRN_TRY(info, crypto::inspect_certificate(ca.certificate_pem));
    return crypto::Validity{std::max(now - kSlack, info.validity.not_before),
                            std::min(now + days * kDay - kSlack, info.validity.not_after)};
}

Status write_pair(const std::string& stem, const crypto::CertifiedKey& pair) {
    CRN_CHECK(crypto::write_secret_file(stem + ".key", pair.key_pem.view()));
    return write_file(stem + ".pem", pair.certificate_pem, Access::shared, Existing::refuse);
}

} // namespace

Status issue_node_zones(const std::string& organisation_directory, const std::string& organisation,
                        const std::string& node, const std::string& host, const crypto::CertifiedKey& ca,
                        std::int64_t days, std::int64_t now) {
    const auto folder = organisation_directory + "/validators/" + node;
    std::vector<std::string> hosts{"127.0.0.1", "::1", "localhost"};
    if (!host.empty() && std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(host);
    CRN_TRY(validity, validity_for(ca, days, now));
    for (const auto role : {crypto::ZoneRole::client, crypto::ZoneRole::management, crypto::ZoneRole::regulation}) {
        CRN_TRY(pair, crypto::issue_zone_certificate(
                          ca, {.role = role, .organisation = organisation, .name = node, .hosts = hosts}, validity,
                          crypto::system_random()));
        CRN_CHECK(write_pair(folder + "/" + std::string{crypto::name_of(role)}, pair));
    }
    return write_file(folder + "/ca.pem", ca.certificate_pem, Access::shared, Existing::refuse);
}

zone::ListenerFilesConfig listener_files(const std::string& validator_folder, crypto::ZoneRole role) {
    const auto file = absolute(validator_folder + "/" + std::string{crypto::name_of(role)});
    return {.zone = std::string{crypto::name_of(role)},
            .role = role,
            .certificate = file + ".pem",
            .key = file + ".key",
            .authorities = absolute(validator_folder + "/ca.pem")};
}

std::optional<crypto::ZoneRole> person_role(std::string_view name) {
    if (name == crypto::name_of(crypto::ZoneRole::regulator)) return crypto::ZoneRole::regulator;
    for (const auto role : crypto::kAdministrators)
        if (name == crypto::name_of(role)) return role;
    return std::nullopt;
}

std::string persons_folder(crypto::ZoneRole role) {
    return role == crypto::ZoneRole::regulator ? "regulators" : "administrators";
}

Result<std::string> enrol_person(const std::string& organisation_directory, crypto::ZoneRole role,
                                 const std::string& name, std::int64_t days, std::int64_t now,
                                 const CaPassphrase& passphrase) {
    CRN_TRY(ca, read_ca(organisation_directory, passphrase));
    CRN_TRY(text, read_file(organisation_directory + "/organisation.json"));
    CRN_TRY(invitation, invitation_from_json(text, now));
    CRN_TRY(validity, validity_for(ca, days, now));
    CRN_TRY(pair, crypto::issue_zone_certificate(
                      ca, {.role = role, .organisation = invitation.organisation.name, .name = name, .hosts = {}},
                      validity, crypto::system_random()));
    const auto kind = organisation_directory + "/" + persons_folder(role);
    const auto folder = kind + "/" + name;
    if (exists(folder)) return fail(error::CliFileExists, folder);
    CRN_CHECK(make_directory(kind, Access::secret));
    CRN_CHECK(make_directory(folder, Access::secret));
    CRN_CHECK(write_pair(folder + "/identity", pair));
    CRN_CHECK(write_file(folder + "/ca.pem", ca.certificate_pem, Access::shared, Existing::refuse));
    return folder;
}

} // namespace cairn::cli
