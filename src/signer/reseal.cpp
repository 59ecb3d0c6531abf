#include "signer/reseal.hpp"

#include "base/descriptor.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "crypto/certificate.hpp"
#include "signer/tpm.hpp"

#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

/// Once it has no name any more: under another name it may be the only copy of something.
void overwrite(int file) {
    struct stat info{};
    if (file < 0 || ::fstat(file, &info) != 0 || info.st_nlink != 0) return;
    const Bytes zeros(static_cast<std::size_t>(info.st_size));
    if (::pwrite(file, zeros.data(), zeros.size(), 0) == static_cast<ssize_t>(zeros.size())) ::fsync(file);
}

/// Of a file that has been changed already there is nothing to do.
Status reseal(const std::string& path, BytesView passphrase, BytesView fresh, const SealCost& cost, Random& random) {
    CRN_TRY(keys, read_sealed_keys(path));
    if (keys.on_token())
        return fail(error::SealedKeysInvalid, path + ": the PIN of a token is changed by its own tools");
    CRN_TRY(share, release_share(keys));
    const auto secrets = unseal(keys, passphrase, share.view());
    if (!secrets) {
        if (unseal(keys, fresh, share.view())) return {};
        return std::unexpected(secrets.error());
    }
    auto protection = keys.protection;
    protection.cost = cost;
    CRN_TRY(sealed, seal(*secrets, keys.public_keys, fresh, share.view(), std::move(protection), {}, {}, random));
    return replace_sealed_keys(path, sealed);
}

} // namespace

Result<LockedBytes> release_share(const SealedKeys& keys) {
    if (keys.protection.tpm_blob.empty()) return LockedBytes{};
    CRN_TRY(tpm, Tpm::open(keys.protection.tpm_interface));
    return tpm->unseal(keys.protection.tpm_blob);
}

Status replace_sealed_keys(const std::string& path, const SealedKeys& keys) {
    return replace_file(path, to_json(keys));
}

Status replace_file(const std::string& path, std::string_view text) {
    const auto fresh = path + ".new";
    ::unlink(fresh.c_str()); // of one that was interrupted
    CRN_CHECK(crypto::write_secret_file(fresh, text));
    const Descriptor old(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(error::KeyFileRefused, path + " cannot be replaced");
    const auto parent = std::filesystem::path(path).parent_path();
    const Descriptor folder(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0)
        return fail(error::KeyFileRefused, parent.string() + " cannot be synced");
    overwrite(old.get());
    return {};
}

Status change_passphrase(const std::string& path, BytesView passphrase, BytesView fresh, const SealCost& cost,
                         Random& random) {
    if (::sodium_init() < 0) return fail(error::KeyInvalid, "libsodium cannot be used");
    const auto recovery = path + ".recovery";
    if (std::filesystem::exists(recovery)) CRN_CHECK(reseal(recovery, passphrase, fresh, cost, random));
    return reseal(path, passphrase, fresh, cost, random);
}

} // namespace cairn::signer
