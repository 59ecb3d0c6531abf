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

Result<crypto::CertifiedKey> read_ca(const std::string& directory, const CaPassphrase& passphrase,
                                     const std::string& prefix) {
    CRN_TRY(certificate, read_file(directory + "/" + prefix + ".pem", crypto::kPemBytesMax));
    CRN_TRY(key, read_ca_key(directory + "/" + prefix + ".key", passphrase));
    CRN_CHECK(crypto::verify_key_pair(certificate, key.view()));
    return crypto::CertifiedKey{std::move(certificate), std::move(key)};
}

Result<std::vector<CertificateFolder>> certificate_folders(const std::string& directory) {
    struct Kind {
        const char* folder;
        const char* stem;
        const char* suffix; // of the name
        bool named_by_kind; // persons of the zones, whose names others may have too
    };
    std::vector<CertificateFolder> out;
    for (const auto& kind :
         {Kind{"validators", "tls", "", false}, Kind{"identities", "tls", "", false},
          Kind{"validators", "client", "/client", false}, Kind{"validators", "management", "/management", false},
          Kind{"validators", "regulation", "/regulation", false}, Kind{"administrators", "identity", "", true},
          Kind{"regulators", "identity", "", true}}) {
        std::error_code problem;
        for (const auto& entry : fs::directory_iterator(directory + "/" + kind.folder, problem)) {
            const auto own_name = entry.path().filename().string();
            CertificateFolder found{.name = kind.named_by_kind ? std::string{kind.folder} + "/" + own_name
                                                               : own_name + kind.suffix,
                                    .path = entry.path().string(),
                                    .info = {},
                                    .stem = kind.stem};
            const auto file = found.certificate_file();
            if (!exists(file)) continue;
            CRN_TRY(pem, read_file(file, crypto::kPemBytesMax));
            auto info = crypto::inspect_certificate(pem);
            if (!info) return fail(info.error().code, file + ": " + info.error().detail);
            found.info = *std::move(info);
            if (found.stem != "tls") {
                CRN_TRY(der, crypto::certificate_der(pem));
                auto identity = crypto::zone_identity_of(der);
                if (!identity) return fail(identity.error().code, file + ": " + identity.error().detail);
                found.zone = *std::move(identity);
            }
            out.push_back(std::move(found));
        }
    }
    std::ranges::sort(out, {}, &CertificateFolder::certificate_file);
    return out;
}

std::string replaced_certificate_file(const std::string& certificate_file, const Hash256& key_id) {
    const fs::path file{certificate_file};
    return (file.parent_path() / (file.stem().string() + "-replaced-" + to_hex(key_id).substr(2, 16) + ".pem"))
        .string();
}

Status keep_replaced_certificate(const std::string& certificate_file, const Hash256& next) {
    CRN_TRY(pem, read_file(certificate_file, crypto::kPemBytesMax));
    CRN_TRY(info, crypto::inspect_certificate(pem));
    if (info.key_id == next) return {};
    return write_file(replaced_certificate_file(certificate_file, info.key_id), pem, Access::shared, Existing::replace);
}

Status write_zone_authorities(const std::vector<CertificateFolder>& folders, const std::vector<std::string>& cas_pem) {
    std::string text;
    for (const auto& pem : cas_pem) text += pem;
    for (const auto& folder : folders)
        if (folder.zone) CRN_CHECK(write_file(folder.path + "/ca.pem", text, Access::shared, Existing::replace));
    return {};
}

Result<crypto::CertificateInfo> renew_certificate(const CertificateFolder& folder, const crypto::CertifiedKey& ca,
                                                  std::uint64_t days, Keys keys, Random& random, std::int64_t now) {
    CRN_TRY(ca_info, crypto::inspect_certificate(ca.certificate_pem));
    const crypto::Validity validity{
        std::max(now - kClockSlack, ca_info.validity.not_before),
        std::min(now + static_cast<std::int64_t>(days) * kDaySeconds, ca_info.validity.not_after)};
    if (ca_info.validity.not_after <= now)
        return fail(error::CertificateExpired, "the CA itself; see docs/how-to/everything-expired.md");
    // A key that was made elsewhere, for which only a request came, cannot be replaced here.
    if (folder.zone) {
        crypto::CertifiedKey made;
        if (keys == Keys::keep || !exists(folder.key_file())) {
            CRN_TRY(old, read_file(folder.certificate_file(), crypto::kPemBytesMax));
            CRN_TRY(again, crypto::reissue_zone_certificate(ca, old, validity, random));
            made.certificate_pem = std::move(again);
        } else {
            CRN_TRY(issued, crypto::issue_zone_certificate(ca, *folder.zone, validity, random));
            made = std::move(issued);
            CRN_TRY(fresh, crypto::inspect_certificate(made.certificate_pem));
            CRN_CHECK(keep_replaced_certificate(folder.certificate_file(), fresh.key_id));
            CRN_CHECK(write_file(folder.key_file(), made.key_pem.view(), Access::secret, Existing::replace));
        }
        CRN_CHECK(write_file(folder.certificate_file(), made.certificate_pem, Access::shared, Existing::replace));
        return crypto::inspect_certificate(made.certificate_pem);
    }
    std::string pem;
    if (keys == Keys::keep || folder.info.consensus_key || !exists(folder.path + "/tls.key")) {
        CRN_TRY(old, read_file(folder.path + "/tls.pem", crypto::kPemBytesMax));
        CRN_TRY(made, crypto::reissue_certificate(ca, old, validity, random));
        pem = std::move(made);
    } else {
        const auto& info = folder.info;
        if (!info.client) return fail(error::CertificateNameWrong, folder.path);
        CRN_TRY(made, crypto::issue_client_certificate(ca, info.organisation, info.common_name, *info.client, validity,
                                                       random, info.key.value_or(crypto::CertificateKey::p256)));
        CRN_TRY(fresh, crypto::inspect_certificate(made.certificate_pem));
        CRN_CHECK(keep_replaced_certificate(folder.certificate_file(), fresh.key_id));
        CRN_CHECK(write_file(folder.path + "/tls.key", made.key_pem.view(), Access::secret, Existing::replace));
        pem = made.certificate_pem;
    }
    CRN_CHECK(write_file(folder.path + "/tls.pem", pem + ca.certificate_pem, Access::shared, Existing::replace));
    return crypto::inspect_certificate(pem);
}

} // namespace cairn::cli
