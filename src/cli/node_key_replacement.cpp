// The keys with which a node itself acts beside its voting key: TLS, and the seal of its audit log.
#include "cli/replacement.hpp"

#include "base/clock.hpp"
#include "base/errors/crypto.hpp"
#include "cli/audit_anchors.hpp"
#include "cli/certificate_verbs.hpp"
#include "cli/files.hpp"
#include "cli/node_data.hpp"
#include "crypto/certificate_request.hpp"
#include "signer/audit_keys.hpp"
#include "signer/ceremony.hpp"
#include "system/keys.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;

struct Certified {
    std::string pem;
    crypto::CertificateInfo info;
    crypto::TlsPublicKey key;
};
Result<Certified> read_certified(const std::string& file) {
    CRN_TRY(pem, read_file(file, crypto::kPemBytesMax));
    CRN_TRY(info, crypto::inspect_certificate(pem));
    CRN_TRY(key, crypto::certificate_tls_key(pem));
    return Certified{std::move(pem), std::move(info), std::move(key)};
}

Result<crypto::TlsKey> new_tls_key(crypto::CertificateKey algorithm) {
    Bytes secret(crypto::TlsKey::kSecretBytes);
    // One scalar of P-256 in 2^32 is none.
    for (;;) {
        crypto::system_random().fill(secret);
        auto key = crypto::TlsKey::from_secret(algorithm, secret);
        crypto::wipe(secret);
        if (key || algorithm != crypto::CertificateKey::p256 || key.error().code != error::KeyInvalid) return key;
    }
}

class TlsKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;

    bool run() {
        std::optional<Certified> stopped;
        auto local = local_node([&](const Local& one) {
            stopped = stopped_certificate(one.settings.node.tls_certificate_file);
            return stopped.has_value();
        });
        const auto by_hand =
            std::string{"cairn signer renew-tls-key --keys DIR --org DIR, start the node again, then "} + kAgain;
        if (!local)
            return leave("new TLS key", "the operator of the node and the organisation's registrar, who has its CA key",
                         "no configuration on this machine names the certificate of the stopped key", by_hand);
        const auto& name = stopped->info.common_name;
        const bool had_it = local->keys.public_keys.tls == stopped->key;
        if (had_it ? !make(*local, *stopped) : !done("new TLS key", local->file)) return false;
        if (!certify(*local, *stopped)) return false;
        const bool is_taken_up = !plan_.key.next.is_zero() || (!had_it && is_connected(name));
        if (!restart(local->config, name, is_taken_up) || !wait_for_connection(name)) return false;
        const auto now = read_certified(local->settings.node.tls_certificate_file);
        return now ? enter_new_key(now->info.key_id) : give_up("entered in the register", now.error());
    }

private:
    /// What the node has, or had before the key was replaced here.
    std::optional<Certified> stopped_certificate(const std::string& file) const {
        for (const auto& one : {file, replaced_certificate_file(file, plan_.key.id)})
            if (auto found = read_certified(one); found && found->info.key_id == plan_.key.id) return *std::move(found);
        return std::nullopt;
    }

    bool make(Local& local, const Certified& stopped) {
        const std::string step = "new TLS key";
        if (local.keys.on_token())
            return leave(
                step, "whoever has the token", "the key is on the token " + local.keys.token_label,
                "cairn signer token --module " + local.keys.token_module +
                    " --token LABEL --out keys.sealed, cairn signer request, cairn identity sign, a new voting "
                    "key with it (cairn signer prove-key)");
        if (!is_own_file(step, local.file)) return false;
        const auto made = [&]() -> Status {
            // First what tells the next run that the key was here.
            const auto& file = local.settings.node.tls_certificate_file;
            if (exists(file)) CRN_CHECK(keep_replaced_certificate(file, {}));
            CRN_TRY(key, new_tls_key(stopped.info.key.value_or(crypto::CertificateKey::p256)));
            CRN_TRY(passphrase, passphrase_of(local.settings.node));
            auto replaced = signer::replace_tls_key(local.file, as_bytes(passphrase), key, crypto::system_random());
            wipe(passphrase);
            if (!replaced) return std::unexpected(std::move(replaced).error());
            local.keys.public_keys = *std::move(replaced);
            return {};
        }();
        return made ? done(step, local.file) : give_up(step, made.error());
    }

    bool certify(const Local& local, const Certified& stopped) {
        const std::string step = "certificate of the new TLS key";
        const auto& file = local.settings.node.tls_certificate_file;
        if (const auto present = read_certified(file); present && present->key == local.keys.public_keys.tls)
            return done(step, file);
        const auto request = [&]() -> Result<std::string> {
            CRN_TRY(passphrase, passphrase_of(local.settings.node));
            auto secrets = signer::open_for_ceremony(local.file, as_bytes(passphrase));
            wipe(passphrase);
            if (!secrets) return std::unexpected(secrets.error());
            CRN_TRY(tls, secrets->tls_key());
            return crypto::request_node_certificate(
                {stopped.info.organisation, stopped.info.common_name, local.keys.public_keys.consensus}, tls);
        }();
        if (!request) return give_up(step, request.error());
        const auto folder = organisation_folder(stopped.info.organisation);
        if (!folder) {
            const auto path = (fs::path{local.file}.parent_path() / "tls-request.pem").string();
            if (const auto written = write_file(path, *request, Access::shared, Existing::replace); !written)
                return give_up(step, written.error());
            return leave(step, "the registrar of " + stopped.info.organisation + ", who has its CA key",
                         "the CA is not on this machine; the request is " + path,
                         "cairn identity sign tls-request.pem --role node --org DIR, its tls.pem in the place of " +
                             file + ", then " + kAgain);
        }
        const auto issued = [&]() -> Status {
            CRN_TRY(ca, read_ca(*folder, ca_passphrase(invocation_)));
            CRN_TRY(validity, validity_of(ca, kCertificateDays));
            CRN_TRY(pem, crypto::issue_from_request(ca, *request, validity, crypto::system_random()));
            pem += ca.certificate_pem;
            // Where the next renewal looks for it.
            const auto known = *folder + "/validators/" + stopped.info.common_name + "/tls.pem";
            if (known != file && exists(known)) CRN_CHECK(write_file(known, pem, Access::shared, Existing::replace));
            return write_file(file, pem, Access::shared, Existing::replace);
        }();
        return issued ? done(step, file) : give_up(step, issued.error());
    }
};

class SealKeyReplacement : public Replacement {
public:
    using Replacement::Replacement;

    bool run() {
        const std::string step = "new seal key";
        auto local = local_node([&](const Local& one) { return has(one) || had(one); });
        if (!local)
            return leave(step, "the operator of the node", "no configuration on this machine names the stopped key",
                         std::string{"cairn signer replace-audit-key --keys keys.sealed, start the node again, then "} +
                             kAgain + " there with --config FILE");
        const bool had_it = has(*local);
        if (had_it) {
            if (!is_own_file(step, local->file)) return false;
            auto passphrase = passphrase_of(local->settings.node);
            if (!passphrase) return give_up(step, passphrase.error());
            const auto made = signer::replace_audit_key(local->file, as_bytes(*passphrase), crypto::system_random());
            wipe(*passphrase);
            if (!made) return give_up(step, made.error());
            local->keys.public_keys.audit = made->after;
        }
        done(step, local->file);
        const auto certificate = read_certified(local->settings.node.tls_certificate_file);
        if (!certificate) return give_up("node started again with the new key", certificate.error());
        const auto& name = certificate->info.common_name;
        // A node that was started again since an earlier run vouches for the key as soon as it is asked.
        if (!had_it && !is_introduced(*local, name)) {
            static_cast<void>(ask_control(local->settings.node.data_dir, "audit-anchor"));
            std::this_thread::sleep_for(20 * kReplacementPause);
        }
        return restart(local->config, name, is_introduced(*local, name)) && introduce(*local, name) &&
               enter_new_key(system::key_id(local->keys.public_keys.audit));
    }

private:
    bool is_stopped(const crypto::ValidatorPublicKey& key) const { return system::key_id(key) == plan_.key.id; }
    bool has(const Local& one) const { return is_stopped(one.keys.public_keys.audit); }
    bool had(const Local& one) const {
        const auto replaced = signer::read_successions(one.file);
        return replaced &&
               std::ranges::any_of(*replaced, [&](const auto& succession) { return is_stopped(succession.before); });
    }

    bool is_introduced(const Local& local, const std::string& name) const {
        const auto known = fetch_seal_keys(rpc_, name);
        return known && !known->empty() && known->back() == local.keys.public_keys.audit;
    }
    /// The voting key vouches for the new one with the next anchor, which need not be waited for.
    bool introduce(const Local& local, const std::string& name) {
        const std::string step = "vouched for on chain";
        const auto end = system_clock().monotonic() + kConnectPatience;
        Result<nlohmann::json> asked = nlohmann::json{};
        while (!is_introduced(local, name)) {
            if (system_clock().monotonic() >= end)
                return asked ? wait(step, "not in a block yet") : give_up(step, asked.error());
            asked = ask_control(local.settings.node.data_dir, "audit-anchor");
            std::this_thread::sleep_for(5 * kReplacementPause);
        }
        return done(step, to_hex(local.keys.public_keys.audit));
    }
};

} // namespace

std::vector<ReplacementStep> replace_tls_key(const ReplacementCase& of) {
    TlsKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
}

std::vector<ReplacementStep> replace_seal_key(const ReplacementCase& of) {
    SealKeyReplacement out{of};
    out.run();
    return std::move(out).steps();
}

} // namespace cairn::cli
