// What the files about an organisation's certificates share.
#pragma once

#include "cli/certificates.hpp"
#include "cli/command.hpp"
#include "cli/invocation.hpp"

#include <initializer_list>

namespace cairn::cli {

std::int64_t now_seconds();
/// Whether a name in a certificate can be that of a folder.
bool is_folder_name(const std::string& text);
void print_certificates(const Invocation& invocation, const std::vector<CertificateFolder>& folders);
/// CliPrecondition if the organisation has no certificate of this name (CertificateFolder::name).
Result<CertificateFolder> folder_named(const std::string& directory, const std::string& name);
/// That of this file.
Result<CertificateFolder> folder_at(const std::string& directory, const std::string& certificate_file);
/// From now on for so many days, within the CA's own time.
Result<crypto::Validity> validity_of(const crypto::CertifiedKey& ca, std::uint64_t days);

/// --days and --algorithm.
FlagSpec days_flag();
FlagSpec algorithm_flag();
Result<crypto::CertificateKey> algorithm_of(const Invocation& invocation);

/// `identity request` and `identity sign`.
void declare_requests(CommandList& out);

} // namespace cairn::cli
