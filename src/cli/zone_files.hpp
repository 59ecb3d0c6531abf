// Certificates of an organisation for the zones of its nodes and for the persons who may enter them.
//
//     validators/NODE/{ca.pem,client.pem,client.key}, and management and regulation likewise     for the node's machine
//     administrators/NAME/ or regulators/NAME/: {ca.pem,identity.pem,identity.key}             for the person
#pragma once

#include "cli/ca_key.hpp"
#include "crypto/zone_certificate.hpp"
#include "zone/tls_server.hpp"

#include <string>

namespace cairn::cli {

/// Listener certificates of one node; `host` is where it is reached besides loopback.
Status issue_node_zones(const std::string& organisation_directory, const std::string& organisation,
                        const std::string& node, const std::string& host, const crypto::CertifiedKey& ca,
                        std::int64_t days, std::int64_t now);

/// The files that issue_node_zones wrote for the listener of this kind.
zone::ListenerFilesConfig listener_files(const std::string& validator_folder, crypto::ZoneRole role);

/// The role of this name, if it is that of an administrator or a regulator.
std::optional<crypto::ZoneRole> person_role(std::string_view name);
/// "administrators" or "regulators": all administrators are in one place, for nobody is two kinds of them.
std::string persons_folder(crypto::ZoneRole role);

/// Folder made for the person: a regulator or one of the three administrators. CliFileExists if there is one of this name, of
/// whichever kind of administrator; errors of read_ca.
Result<std::string> enrol_person(const std::string& organisation_directory, crypto::ZoneRole role,
                                 const std::string& name, std::int64_t days, std::int64_t now,
                                 const CaPassphrase& passphrase = {});

} // namespace cairn::cli
