#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "crypto/certificate.hpp"
#include "signer/journal.hpp"
#include "signer/reseal.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/tpm.hpp"

#include <cstdio>
#include <sodium.h>
#include <unistd.h>

namespace cairn::signer {

LockedBytes counter_authorization(const Secrets& secrets) {
    constexpr std::string_view kUse = "cairn-signer-tpm-counter-v1";
    LockedBytes out(32);
    if (!out.empty())
        ::crypto_generichash(out.bytes().data(), out.bytes().size(), as_bytes(kUse).data(), kUse.size(),
                             secrets.storage_root().data(), secrets.storage_root().size());
    return out;
}

Status bind_to_tpm(const std::string& path, BytesView passphrase, const std::string& interface, Random& random) {
    CRN_TRY(keys, read_sealed_keys(path));
    if (keys.on_token() || !keys.protection.tpm_blob.empty())
        return fail(error::SealedKeysInvalid, path + ": its keys are on a token, or bound to a TPM already");
    CRN_TRY(secrets, unseal(keys, passphrase, {}));
    CRN_TRY(tpm, Tpm::open(interface));
    LockedBytes share(32);
    const auto authorization = counter_authorization(secrets);
    if (share.empty() || authorization.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    random.fill(share.bytes());
    CRN_TRY(blob, tpm->seal(share.view()));
    CRN_TRY(counter, tpm->create_counter(authorization.view()));
    CRN_TRY(counted, tpm->read_counter(counter, authorization.view()));

    // First the memory, then the file: with the old file the session is of no meaning.
    std::vector<Entry> entries;
    CRN_TRY(journal, Journal::open(state_path(path), state_key(secrets), entries));
    entries.push_back({EntryKind::session, 0, 0, counted, {}});
    CRN_CHECK(journal.rewrite(entries));

    Protection protection = keys.protection;
    protection.tpm_blob = std::move(blob);
    protection.tpm_interface = interface;
    protection.tpm_counter = counter;
    CRN_TRY(sealed, seal(secrets, keys.public_keys, passphrase, share.view(), protection, {}, {}, random));
    CRN_CHECK(crypto::write_secret_file(path + ".new", to_json(sealed)));
    if (::link(path.c_str(), (path + ".recovery").c_str()) != 0 ||
        ::rename((path + ".new").c_str(), path.c_str()) != 0) {
        ::unlink((path + ".new").c_str());
        return fail(error::KeyFileRefused, path + ".recovery exists, or the folder cannot be written");
    }
    return {};
}

Result<PublicKeys> replace_tls_key(const std::string& path, BytesView passphrase, const crypto::TlsKey& key,
                                   Random& random) {
    CRN_TRY(keys, read_sealed_keys(path));
    if (keys.on_token()) return fail(error::SealedKeysInvalid, path + ": make the new TLS key on the token");
    CRN_TRY(share, release_share(keys));
    CRN_TRY(secrets, unseal(keys, passphrase, share.view()));
    secrets.set_tls_key(key);
    CRN_TRY(public_keys, secrets.public_keys());
    CRN_TRY(sealed, seal(secrets, public_keys, passphrase, share.view(), keys.protection, {}, {}, random));
    CRN_CHECK(replace_sealed_keys(path, sealed));
    return public_keys;
}

} // namespace cairn::signer
