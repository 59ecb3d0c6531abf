#include "cli/certificates.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/files.hpp"

#include <algorithm>
#include <ctime>
#include <filesystem>

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;

/// Certificates begin a little earlier, for machines whose clock is behind.
constexpr std::int64_t kClockSlack = 300;

} // namespace

std::string day_text(std::int64_t seconds) {
    const auto time = static_cast<std::time_t>(seconds);
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[24];
    std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
    return text;
}

Result<crypto::CertifiedKey> read_ca(const std::string& directory, const std::string& prefix) {
    CRN_TRY(certificate, read_file(directory + "/" + prefix + ".pem", crypto::kPemBytesMax));
    CRN_TRY(key, crypto::read_secret_file(directory + "/" + prefix + ".key"));
    CRN_CHECK(crypto::verify_key_pair(certificate, key.view()));
    return crypto::CertifiedKey{std::move(certificate), std::move(key)};
}

Result<std::vector<CertificateFolder>> certificate_folders(const std::string& directory) {
    std::vector<CertificateFolder> out;
    for (const char* kind : {"validators", "identities"}) {
        std::error_code problem;
        for (const auto& entry : fs::directory_iterator(directory + "/" + kind, problem)) {
            const auto file = entry.path().string() + "/tls.pem";
            if (!exists(file)) continue;
            CRN_TRY(pem, read_file(file, crypto::kPemBytesMax));
            auto info = crypto::inspect_certificate(pem);
            if (!info) return fail(info.error().code, file + ": " + info.error().detail);
            out.push_back({entry.path().filename().string(), entry.path().string(), *std::move(info)});
        }
    }
    std::ranges::sort(out, {}, &CertificateFolder::path);
    return out;
}

Result<crypto::CertificateInfo> renew_certificate(const CertificateFolder& folder, const crypto::CertifiedKey& ca,
                                                  std::uint64_t days, Keys keys, Random& random, std::int64_t now) {
    CRN_TRY(ca_info, crypto::inspect_certificate(ca.certificate_pem));
    const crypto::Validity validity{
        std::max(now - kClockSlack, ca_info.validity.not_before),
        std::min(now + static_cast<std::int64_t>(days) * kDaySeconds, ca_info.validity.not_after)};
    if (ca_info.validity.not_after <= now)
        return fail(error::CertificateExpired, "the CA itself; see docs/how-to/everything-expired.md");
    std::string pem;
    if (keys == Keys::keep || folder.info.consensus_key) {
        CRN_TRY(old, read_file(folder.path + "/tls.pem", crypto::kPemBytesMax));
        CRN_TRY(made, crypto::reissue_certificate(ca, old, validity, random));
        pem = std::move(made);
    } else {
        const auto& info = folder.info;
        if (!info.client) return fail(error::CertificateNameWrong, folder.path);
        CRN_TRY(made, crypto::issue_client_certificate(ca, info.organisation, info.common_name, *info.client, validity,
                                                       random));
        CRN_CHECK(write_file(folder.path + "/tls.key", made.key_pem.view(), Access::secret, Existing::replace));
        pem = made.certificate_pem;
    }
    CRN_CHECK(write_file(folder.path + "/tls.pem", pem + ca.certificate_pem, Access::shared, Existing::replace));
    return crypto::inspect_certificate(pem);
}

} // namespace cairn::cli
