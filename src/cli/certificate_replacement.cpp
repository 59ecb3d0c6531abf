// Keys that the organisation's CA certifies for persons, applications and listeners, and the CA's own.
#include "cli/replacement.hpp"

#include "cli/ca_rollover.hpp"
#include "cli/certificate_verbs.hpp"
#include "cli/files.hpp"
#include "cli/keys_client.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <filesystem>

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;

class PersonKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;

    bool run() {
        const std::string step = "new key and certificate";
        std::string directory;
        const auto folder = holder(directory);
        if (!folder)
            return leave(
                step, "its holder, and the organisation's registrar, who has its CA key",
                "no organisation's folder on this machine has a certificate of the stopped key",
                std::string{"cairn identity request, where the new key is to be; cairn identity sign, where the CA "
                            "is; then "} +
                    kAgain + " there with --org DIR");
        if (folder->info.key_id == plan_.key.id) {
            if (!exists(folder->key_file()))
                return leave(step, "the holder of " + folder->name, "the key was made elsewhere, and so is the new one",
                             "cairn identity request KIND NAME --name " + folder->info.organisation +
                                 " --out DIR there, cairn identity sign request.pem --key-id ID --role KIND --org " +
                                 directory + " here, then " + kAgain);
            const auto renewed = [&]() -> Status {
                CRN_TRY(ca, read_ca(directory, ca_passphrase(invocation_)));
                CRN_TRY(made, renew_certificate(*folder, ca, kCertificateDays, Keys::renew, crypto::system_random(),
                                                now_seconds()));
                static_cast<void>(made);
                return {};
            }();
            if (!renewed) return give_up(step, renewed.error());
        }
        const auto now = folder_at(directory, folder->certificate_file());
        if (!now) return give_up(step, now.error());
        done(step, now->path + ", for whoever uses it elsewhere too");
        return enter_new_key(now->info.key_id);
    }

private:
    /// Whoever has the stopped key, or had it before it was replaced here.
    std::optional<CertificateFolder> holder(std::string& directory) const {
        for (const auto& one : plan_.organisations) {
            const auto folders = certificate_folders(one);
            if (!folders) continue;
            for (const auto& folder : *folders)
                if (folder.info.key_id == plan_.key.id ||
                    exists(replaced_certificate_file(folder.certificate_file(), plan_.key.id))) {
                    directory = one;
                    return folder;
                }
        }
        return std::nullopt;
    }
};

/// What a leaked CA key signs counts for nobody from the quarantine on, and neither does what it signed before: the organisation's nodes are
/// cut off until they show certificates of its next CA.
class AuthorityKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;

    bool run() {
        const auto place = place_of_stopped();
        if (!place)
            return leave("next CA", "the organisation's registrar, who has its CA key",
                         "no organisation's folder on this machine has this CA",
                         std::string{"cairn org rotate-ca --stage trust, reissue and remove, then "} + kAgain +
                             " there with --org DIR");
        const auto& [directory, name] = *place;
        const auto is_done = [&](const std::string& step, const Status& status, const std::string& detail) {
            return status ? done(step, detail) : give_up(step, status.error());
        };
        const auto next_ca = [&]() -> Status {
            return name == "ca" ? trust_next_ca(invocation_, directory, rpc_, sender_) : Status{};
        };
        if (name == "ca" && !is_next_made_since(directory)) return false;
        if (!is_done("next CA", next_ca(), "the chain trusts it")) return false;
        if (exists(directory + "/ca-next.pem")) {
            const auto reissued = reissue_by_next_ca(invocation_, directory, &rpc_, kCertificateDays);
            if (!reissued) return give_up("certificates by the next CA", reissued.error());
        }
        if (const auto copied = copy_to_nodes(directory); !copied)
            return give_up("certificates by the next CA", copied.error());
        done("certificates by the next CA", directory + ", for whoever uses them elsewhere too");
        const auto set = rpc_.call("cairn_getValidators");
        if (!set || !set->is_object()) return give_up("connected again", "the node does not tell its validators");
        const auto certificate = read_file(directory + "/ca.pem", crypto::kPemBytesMax);
        const auto ca = certificate ? crypto::inspect_certificate(*certificate)
                                    : Result<crypto::CertificateInfo>{std::unexpected(certificate.error())};
        for (const auto& member : set->value("members", nlohmann::json::array()))
            if (ca && text_of(member, "organisation") == ca->organisation &&
                !wait_for_connection(text_of(member, "name")))
                return false;
        const auto removed = name == "removed" ? Status{} : remove_old_ca(invocation_, directory, rpc_, sender_);
        if (!is_done("stopped CA removed", removed, "the chain trusts it no more")) return false;
        const auto next = authority_of(directory + "/ca.pem");
        return next ? enter_new_key(*next) : give_up("entered in the register", directory + "/ca.pem cannot be read");
    }

private:
    static std::optional<Hash256> authority_of(const std::string& file) {
        const auto certified = certified_key(file);
        if (!certified || certified->key_class != ledger::KeyClass::authority) return std::nullopt;
        return certified->id;
    }

    /// A next CA that lay beside the stopped one when that leaked may be the thief's as well.
    bool is_next_made_since(const std::string& directory) {
        const auto file = directory + "/ca-next.pem";
        if (!exists(file)) return true;
        const std::string step = "next CA";
        const auto pem = read_file(file, crypto::kPemBytesMax);
        const auto info =
            pem ? crypto::inspect_certificate(*pem) : Result<crypto::CertificateInfo>{std::unexpected(pem.error())};
        if (!info) return give_up(step, info.error());
        const auto incident = read_incident(rpc_, plan_.incident);
        const auto block = incident ? rpc_.call("eth_getBlockByNumber", {to_quantity(U256{incident->opened_at}), false})
                                    : Result<nlohmann::json>{std::unexpected(incident.error())};
        const auto opened = block && block->is_object()
                                ? quantity_u64(block->value("timestamp", nlohmann::json{}), "the time")
                                : Result<std::uint64_t>{0};
        if (!block || !opened) return give_up(step, "when the incident was opened is not known");
        constexpr std::int64_t kSlack = 300 + 60; // a CA's time begins earlier than it is made, and clocks differ
        if (info->validity.not_before + kSlack >= static_cast<std::int64_t>(*opened)) return true;
        return leave(
            step, "the organisation's registrar", file + " is older than the incident, so the thief may have it too",
            "move ca-next.key and ca-next.pem away, have the chain forget that CA if it trusts it (removeCa of the "
            "contract Identities), then " +
                std::string{kAgain});
    }

    /// Nodes of this machine may have their certificates elsewhere.
    Status copy_to_nodes(const std::string& directory) const {
        CRN_TRY(folders, certificate_folders(directory));
        for (const auto& config : plan_.configs) {
            const auto settings = read_node_config(config);
            if (!settings) continue;
            const auto& file = settings->node.tls_certificate_file;
            const auto pem = read_file(file, crypto::kPemBytesMax);
            const auto info =
                pem ? crypto::inspect_certificate(*pem) : Result<crypto::CertificateInfo>{std::unexpected(pem.error())};
            if (!info || !info->consensus_key) continue;
            for (const auto& folder : folders) {
                std::error_code problem;
                if (folder.info.common_name != info->common_name || folder.info.organisation != info->organisation ||
                    folder.info.key_id != info->key_id || fs::equivalent(folder.certificate_file(), file, problem))
                    continue;
                CRN_TRY(fresh, read_file(folder.certificate_file(), crypto::kPemBytesMax));
                CRN_CHECK(write_file(file, fresh, Access::shared, Existing::replace));
            }
        }
        return {};
    }

    struct Place {
        std::string directory;
        std::string name; // "ca", "ca-old" or "removed": how far the roll-over has come
    };
    std::optional<Place> place_of_stopped() const {
        for (const auto& directory : plan_.organisations) {
            for (const char* name : {"ca", "ca-old"})
                if (authority_of(directory + "/" + name + ".pem") == plan_.key.id) return Place{directory, name};
            std::error_code problem;
            for (const auto& entry : fs::directory_iterator(directory, problem))
                if (const auto file = entry.path().filename().string();
                    file.starts_with("ca-removed-") && file.ends_with(".pem") &&
                    authority_of(entry.path().string()) == plan_.key.id)
                    return Place{directory, "removed"};
        }
        return std::nullopt;
    }
};

} // namespace

std::vector<ReplacementStep> replace_person_key(const ReplacementCase& of) {
    PersonKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
}

std::vector<ReplacementStep> replace_authority_key(const ReplacementCase& of) {
    AuthorityKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
}

} // namespace cairn::cli
