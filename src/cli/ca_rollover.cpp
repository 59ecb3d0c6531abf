#include "cli/ca_rollover.hpp"

#include "base/errors/cli.hpp"
#include "cli/certificate_verbs.hpp"
#include "cli/files.hpp"
#include "cli/identity_chain.hpp"

#include <algorithm>
#include <filesystem>

namespace cairn::cli {
namespace {

namespace fs = std::filesystem;

/// A crash came between the renames below.
bool is_half_exchanged(const std::string& directory) {
    return exists(directory + "/ca-old.key") && exists(directory + "/ca-next.pem");
}

/// Key and certificate get other names, those of them that an earlier run has left.
void move_ca(const std::string& directory, const std::string& from, const std::string& to) {
    for (const char* end : {".key", ".pem"})
        if (const auto file = directory + "/" + from + end; exists(file)) fs::rename(file, directory + "/" + to + end);
}

/// The second CA takes the place of the first.
void exchange_cas(const std::string& directory) {
    if (!exists(directory + "/ca-old.pem")) move_ca(directory, "ca", "ca-old");
    move_ca(directory, "ca-next", "ca");
}

struct TrustedCas {
    bool founding = false; // that stands in Members
    std::vector<Hash256> added;

    bool has(const Hash256& fingerprint) const { return std::ranges::find(added, fingerprint) != added.end(); }
};
Result<TrustedCas> trusted_cas(RpcClient& rpc, const std::string& organisation) {
    CRN_TRY(index, organisation_index(rpc, organisation));
    CRN_TRY(values, ask(rpc, ledger::kIdentitiesContract, "caCertificates(uint256)", {index},
                        "(bool,(bytes32,uint64,bytes)[])"));
    TrustedCas out{.founding = values[0].as_bool(), .added = {}};
    for (const auto& ca : values[1].list()) out.added.push_back(ca.list()[0].as_hash());
    return out;
}

Status trust_certificate(const Invocation& invocation, RpcClient& rpc, const Sender& sender, const Bytes& der) {
    CRN_TRY(receipt, tell_identities(invocation, rpc, sender, identity_call("trustCa(bytes)", {der})));
    static_cast<void>(receipt);
    return {};
}

/// What is to be the file of the next CA's key: sealed under the same passphrase if the present CA's is.
Result<crypto::SecretText> in_the_form_of_the_present(const Invocation& invocation, const std::string& directory,
                                                      const crypto::SecretText& key_pem) {
    const auto file = directory + "/ca.key";
    CRN_TRY(present, crypto::read_secret_file(file));
    if (!is_sealed_ca_key(present.view())) return crypto::SecretText{std::string{key_pem.view()}};
    CRN_TRY(passphrase, ca_passphrase(invocation)());
    const auto right = open_ca_key(present.view(), passphrase);
    auto sealed = right ? seal_ca_key(key_pem.view(), passphrase, {}) : std::string{};
    wipe(passphrase);
    if (!right) return fail(right.error().code, file);
    return crypto::SecretText{std::move(sealed)};
}

} // namespace

Status trust_next_ca(const Invocation& invocation, const std::string& directory, RpcClient& rpc, const Sender& sender) {
    CRN_TRY(current, read_file(directory + "/ca.pem", crypto::kPemBytesMax));
    CRN_TRY(info, crypto::inspect_certificate(current));
    if (exists(directory + "/ca-old.pem")) {
        CRN_TRY(trusted, trusted_cas(rpc, info.organisation));
        if (trusted.has(info.fingerprint))
            return fail(error::CliPrecondition, "the last roll-over is not finished: rotate-ca --stage remove");
        // Reissued off line while the chain stood still: it learns of the new CA now.
        CRN_TRY(der, crypto::certificate_der(current));
        return trust_certificate(invocation, rpc, sender, der);
    }
    if (!exists(directory + "/ca-next.pem")) {
        const auto now = now_seconds();
        CRN_TRY(made, crypto::create_ca(info.organisation, {now - 300, now + 3650 * kDaySeconds},
                                        crypto::system_random(), info.key.value_or(crypto::CertificateKey::p256)));
        CRN_TRY(key_file, in_the_form_of_the_present(invocation, directory, made.key_pem));
        CRN_CHECK(write_file(directory + "/ca-next.key", key_file.view(), Access::secret, Existing::replace));
        CRN_CHECK(write_file(directory + "/ca-next.pem", made.certificate_pem, Access::shared, Existing::refuse));
    }
    CRN_TRY(next, read_file(directory + "/ca-next.pem", crypto::kPemBytesMax));
    CRN_TRY(next_info, crypto::inspect_certificate(next));
    CRN_TRY(trusted, trusted_cas(rpc, info.organisation));
    if (trusted.has(next_info.fingerprint)) return {};
    CRN_TRY(der, crypto::certificate_der(next));
    return trust_certificate(invocation, rpc, sender, der);
}

Result<std::vector<CertificateFolder>> reissue_by_next_ca(const Invocation& invocation, const std::string& directory,
                                                          RpcClient* rpc, std::uint64_t days) {
    if (is_half_exchanged(directory)) {
        exchange_cas(directory);
        return certificate_folders(directory);
    }
    CRN_TRY(next, read_ca(directory, ca_passphrase(invocation), "ca-next"));
    CRN_TRY(info, crypto::inspect_certificate(next.certificate_pem));
    if (rpc != nullptr) {
        CRN_TRY(trusted, trusted_cas(*rpc, info.organisation));
        if (!trusted.has(info.fingerprint))
            return fail(error::CliPrecondition, "the chain does not trust ca-next.pem yet: --stage trust");
    }
    CRN_TRY(folders, certificate_folders(directory));
    // First who is to be believed: while the certificates change, both ends meet those of both CAs.
    CRN_TRY(current_pem, read_file(directory + "/ca.pem", crypto::kPemBytesMax));
    CRN_CHECK(write_zone_authorities(folders, {next.certificate_pem, current_pem}));
    for (auto& folder : folders) {
        CRN_TRY(renewed, renew_certificate(folder, next, days, Keys::renew, crypto::system_random(), now_seconds()));
        folder.info = std::move(renewed);
    }
    exchange_cas(directory);
    return folders;
}

Status remove_old_ca(const Invocation& invocation, const std::string& directory, RpcClient& rpc, const Sender& sender) {
    if (is_half_exchanged(directory)) exchange_cas(directory);
    if (!exists(directory + "/ca-old.pem"))
        return fail(error::CliPrecondition, "there is no old CA: --stage trust and --stage reissue come before");
    CRN_TRY(old_pem, read_file(directory + "/ca-old.pem", crypto::kPemBytesMax));
    CRN_TRY(old_ca, crypto::inspect_certificate(old_pem));
    CRN_TRY(old_der, crypto::certificate_der(old_pem));
    CRN_TRY(folders, certificate_folders(directory));
    for (const auto& folder : folders) {
        CRN_TRY(pem, read_file(folder.certificate_file(), crypto::kPemBytesMax));
        CRN_TRY(der, crypto::certificate_der(pem));
        if (folder.info.validity.not_after > now_seconds() && crypto::is_signed_by(der, old_der))
            return fail(error::CliPrecondition, folder.certificate_file() + " is still the old CA's: --stage reissue");
    }
    CRN_TRY(trusted, trusted_cas(rpc, old_ca.organisation));
    // The founders' CA is named by zero. If neither is there, an earlier run has removed it.
    if (const bool is_added = trusted.has(old_ca.fingerprint); is_added || trusted.founding) {
        const auto name = is_added ? old_ca.fingerprint : Hash256{};
        CRN_TRY(receipt, tell_identities(invocation, rpc, sender, identity_call("removeCa(bytes32)", {name})));
        static_cast<void>(receipt);
    }
    CRN_TRY(current_pem, read_file(directory + "/ca.pem", crypto::kPemBytesMax));
    CRN_CHECK(write_zone_authorities(folders, {current_pem}));
    move_ca(directory, "ca-old", "ca-removed-" + to_hex(old_ca.fingerprint).substr(2, 16));
    return {};
}

} // namespace cairn::cli
