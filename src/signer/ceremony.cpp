#include "signer/ceremony.hpp"

#include "base/errors/signer.hpp"
#include "signer/token.hpp"
#include "signer/tpm.hpp"

#include <sodium.h>

namespace cairn::signer {

Result<Secrets> open_for_ceremony(const std::string& path, BytesView passphrase) {
    CRN_TRY(keys, read_sealed_keys(path));
    if (keys.on_token()) {
        CRN_TRY(token, start_token({keys.token_module, keys.token_label}, passphrase));
        CRN_TRY(token_secret, token_passphrase(*token));
        CRN_TRY(secrets, unseal(keys, token_secret.view(), {}));
        ::sodium_memzero(secrets.bytes().data(), 64);
        return std::move(secrets);
    }
    LockedBytes share;
    if (!keys.protection.tpm_blob.empty()) {
        CRN_TRY(tpm, Tpm::open(keys.protection.tpm_interface));
        CRN_TRY(released, tpm->unseal(keys.protection.tpm_blob));
        share = std::move(released);
    }
    CRN_TRY(secrets, unseal(keys, passphrase, share.view()));
    CRN_TRY(public_keys, secrets.public_keys());
    if (public_keys != keys.public_keys)
        return fail(error::SealedKeysInvalid, path + ": its public keys are of other keys");
    return std::move(secrets);
}

} // namespace cairn::signer
