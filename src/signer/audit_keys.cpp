#include "signer/audit_keys.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "signer/reseal.hpp"
#include "signer/token.hpp"

#include <filesystem>
#include <fstream>
#include <sodium.h>
#include <sstream>

namespace cairn::signer {
namespace {

constexpr std::uintmax_t kFileBytesMax = ledger::kSealSuccessionsMax * 512;

/// What is sealed, and what it opens with.
struct Opened {
    SealedKeys keys;
    Secrets secrets;
    LockedBytes passphrase, tpm_share; // the first of keys on a token alone
};

Result<Opened> open_all(const std::string& path, BytesView passphrase) {
    CRN_TRY(keys, read_sealed_keys(path));
    LockedBytes token_secret, share;
    if (keys.on_token()) {
        CRN_TRY(token, start_token({keys.token_module, keys.token_label}, passphrase));
        CRN_TRY(secret, token_passphrase(*token));
        token_secret = std::move(secret);
    } else {
        CRN_TRY(released, release_share(keys));
        share = std::move(released);
    }
    CRN_TRY(secrets, unseal(keys, token_secret.empty() ? passphrase : token_secret.view(), share.view()));
    return Opened{std::move(keys), std::move(secrets), std::move(token_secret), std::move(share)};
}

std::string text_of(const std::vector<ledger::SealSuccession>& successions) {
    std::string out;
    for (const auto& one : successions)
        out += to_hex(one.before) + ' ' + to_hex(one.after) + ' ' + to_hex(one.signature) + '\n';
    return out;
}

} // namespace

std::string successions_path(const std::string& sealed_keys_path) { return sealed_keys_path + ".successions"; }

Result<std::vector<ledger::SealSuccession>> read_successions(const std::string& sealed_keys_path) {
    const auto path = successions_path(sealed_keys_path);
    const auto malformed = [&] { return fail(error::SealedKeysInvalid, path + ": not a list of seal keys"); };
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error == std::errc::no_such_file_or_directory) return std::vector<ledger::SealSuccession>{};
    if (error || size > kFileBytesMax) return malformed();
    std::ifstream file(path);
    std::vector<ledger::SealSuccession> out;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string before, after, signature, more;
        words >> before >> after >> signature;
        const auto first = fixed_from_hex<crypto::ValidatorPublicKey>(before);
        const auto second = fixed_from_hex<crypto::ValidatorPublicKey>(after);
        const auto signed_by_first = fixed_from_hex<crypto::Signature>(signature);
        if (!first || !second || !signed_by_first || words >> more || out.size() == ledger::kSealSuccessionsMax)
            return malformed();
        out.push_back({*first, *second, *signed_by_first});
    }
    if (file.bad()) return malformed();
    return out;
}

Result<ledger::SealSuccession> replace_audit_key(const std::string& path, BytesView passphrase, Random& random) {
    if (::sodium_init() < 0) return fail(error::KeyInvalid, "libsodium cannot be used");
    CRN_TRY(opened, open_all(path, passphrase));
    auto& [keys, secrets, token_secret, tpm_share] = opened;
    CRN_TRY(successions, read_successions(path));
    // An introduction whose key never got into the file: a crash came in between.
    std::erase_if(successions, [&](const auto& one) { return one.before == keys.public_keys.audit; });
    if (successions.size() == ledger::kSealSuccessionsMax) successions.erase(successions.begin());

    ledger::SealSuccession made;
    LockedBytes old_key(crypto_sign_SECRETKEYBYTES);
    if (old_key.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    ::crypto_sign_seed_keypair(made.before.data(), old_key.bytes().data(), secrets.audit_seed().data());
    if (made.before != keys.public_keys.audit)
        return fail(error::SealedKeysInvalid, path + ": its public keys are of other keys");
    random.fill(secrets.bytes().subspan(64, 32));
    auto public_keys = keys.public_keys;
    CRN_TRY(fresh, secrets.public_keys());
    public_keys.audit = made.after = fresh.audit;
    const auto message = ledger::signed_bytes(made);
    ::crypto_sign_detached(made.signature.data(), nullptr, message.data(), message.size(), old_key.view().data());
    successions.push_back(made);

    CRN_TRY(sealed, seal(secrets, public_keys, keys.on_token() ? token_secret.view() : passphrase, tpm_share.view(),
                         keys.protection, keys.token_module, keys.token_label, random));
    // The introduction first: with the key alone the log could not go on.
    CRN_CHECK(replace_file(successions_path(path), text_of(successions)));
    CRN_CHECK(replace_sealed_keys(path, sealed));
    return made;
}

} // namespace cairn::signer
