#include "signer/sealed_keys.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/signer.hpp"
#include "codec/wire.hpp"
#include "crypto/certificate.hpp"
#include "signer/journal.hpp"

#include <nlohmann/json.hpp>
#include <sodium.h>

namespace cairn::signer {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "cairn-sealed-keys-v1";
constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kTpmBlobMax = 4096;
constexpr std::size_t kTextMax = 1024;

std::unexpected<Error> invalid(const std::string& why) { return fail(error::SealedKeysInvalid, why); }

Bytes clear_part(const SealedKeys& keys) {
    codec::WireWriter out;
    out.text(kFormat);
    out.fixed(keys.public_keys.consensus.bytes); // its algorithm is in the sealed part
    out.raw(keys.public_keys.tls); // as said of the other
    out.fixed(keys.public_keys.audit);
    out.u32(keys.protection.cost.passes);
    out.u32(keys.protection.cost.memory_kib);
    out.fixed(keys.protection.salt);
    out.string(keys.protection.tpm_blob);
    out.text(keys.protection.tpm_interface);
    out.u32(keys.protection.tpm_counter);
    out.text(keys.token_module);
    out.text(keys.token_label);
    return out.take();
}

/// Argon2id of the passphrase, then keyed with what the TPM released, if it did.
Result<LockedBytes> file_key(const Protection& protection, BytesView passphrase, BytesView tpm_share) {
    LockedBytes out(32);
    if (out.empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    if (::crypto_pwhash(out.bytes().data(), out.bytes().size(), reinterpret_cast<const char*>(passphrase.data()),
                        passphrase.size(), protection.salt.data(), protection.cost.passes,
                        std::size_t{protection.cost.memory_kib} * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return fail(error::KeyInvalid, "not enough memory for Argon2id");
    if (!tpm_share.empty()) {
        LockedBytes both(32);
        if (both.empty() || tpm_share.size() < 16 || tpm_share.size() > 64)
            return fail(error::KeyInvalid, "the TPM's share has a wrong length");
        ::crypto_generichash(both.bytes().data(), both.bytes().size(), out.view().data(), out.view().size(),
                             tpm_share.data(), tpm_share.size());
        return both;
    }
    return out;
}

template <class T>
bool read_fixed(const json& object, const char* name, T& out) {
    if (!object.contains(name) || !object[name].is_string()) return false;
    const auto value = fixed_from_hex<T>(object[name].get_ref<const std::string&>());
    if (value) out = *value;
    return value.has_value();
}

bool read_bytes(const json& object, const char* name, std::size_t limit, Bytes& out) {
    if (!object.contains(name) || !object[name].is_string()) return false;
    auto value = from_hex(object[name].get_ref<const std::string&>());
    if (!value || value->size() > limit) return false;
    out = std::move(*value);
    return true;
}

bool read_number(const json& object, const char* name, std::uint32_t low, std::uint32_t high, std::uint32_t& out) {
    if (!object.contains(name) || !object[name].is_number_unsigned()) return false;
    const auto value = object[name].get<std::uint64_t>();
    if (value < low || value > high) return false;
    out = static_cast<std::uint32_t>(value);
    return true;
}

bool read_text(const json& object, const char* name, std::string& out) {
    if (!object.contains(name) || !object[name].is_string()) return false;
    out = object[name].get<std::string>();
    return !out.empty() && out.size() <= kTextMax;
}

} // namespace

Result<SealedKeys> seal(const Secrets& secrets, const PublicKeys& public_keys, BytesView passphrase,
                        BytesView tpm_share, Protection protection, const std::string& token_module,
                        const std::string& token_label, Random& random) {
    SealedKeys out;
    out.public_keys = public_keys;
    out.protection = std::move(protection);
    random.fill(out.protection.salt.bytes);
    out.token_module = token_module;
    out.token_label = token_label;
    CRN_TRY(key, file_key(out.protection, passphrase, tpm_share));
    const auto clear = clear_part(out);
    const auto stored = secrets.stored();
    out.sealed.resize(kNonceBytes + stored.size() + kTagBytes);
    random.fill({out.sealed.data(), kNonceBytes});
    unsigned long long length = 0;
    ::crypto_aead_xchacha20poly1305_ietf_encrypt(out.sealed.data() + kNonceBytes, &length, stored.data(), stored.size(),
                                                 clear.data(), clear.size(), nullptr, out.sealed.data(),
                                                 key.view().data());
    return out;
}

Result<Secrets> unseal(const SealedKeys& keys, BytesView passphrase, BytesView tpm_share) {
    CRN_TRY(key, file_key(keys.protection, passphrase, tpm_share));
    Secrets out;
    if (out.view().empty()) return fail(error::KeyInvalid, "no memory that can be locked");
    const auto clear = clear_part(keys);
    unsigned long long length = 0;
    const auto stored = keys.sealed.size() - std::min(keys.sealed.size(), kNonceBytes + kTagBytes);
    if (stored < Secrets::kBytesMin || stored > Secrets::kBytes ||
        ::crypto_aead_xchacha20poly1305_ietf_decrypt(
            out.bytes().data(), &length, nullptr, keys.sealed.data() + kNonceBytes, keys.sealed.size() - kNonceBytes,
            clear.data(), clear.size(), keys.sealed.data(), key.view().data()) != 0)
        return fail(error::SealedKeysWrong);
    return out;
}

std::string to_json(const SealedKeys& keys) {
    json out = {{"format", kFormat},
                {"consensus_key", text_of(keys.public_keys.consensus)},
                {"tls_key", to_hex(keys.public_keys.tls)},
                {"audit_key", to_hex(keys.public_keys.audit)},
                {"kdf",
                 {{"name", "argon2id"},
                  {"passes", keys.protection.cost.passes},
                  {"memory_kib", keys.protection.cost.memory_kib},
                  {"salt", to_hex(keys.protection.salt)}}},
                {"sealed", to_hex(keys.sealed)}};
    if (!keys.protection.tpm_blob.empty())
        out["tpm"] = {{"interface", keys.protection.tpm_interface},
                      {"blob", to_hex(keys.protection.tpm_blob)},
                      {"counter", keys.protection.tpm_counter}};
    if (keys.on_token()) out["token"] = {{"module", keys.token_module}, {"label", keys.token_label}};
    return out.dump(2) + "\n";
}

Result<SealedKeys> sealed_keys_from_json(std::string_view text) {
    if (text.size() > kSealedBytesMax) return invalid("longer than 64 KiB");
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object() || document.value("format", json{}) != kFormat)
        return invalid("not of the form " + std::string{kFormat});
    SealedKeys out;
    std::string consensus;
    const auto voting_key =
        read_text(document, "consensus_key", consensus) ? crypto::voting_key_from_text(consensus) : std::nullopt;
    if (!voting_key || !read_bytes(document, "tls_key", crypto::kTlsPublicKeyBytesMax, out.public_keys.tls) ||
        !crypto::algorithm_of(out.public_keys.tls) ||
        !read_fixed(document, "audit_key", out.public_keys.audit))
        return invalid("a public key is missing or malformed");
    out.public_keys.consensus = *voting_key;
    const auto kdf = document.value("kdf", json{});
    auto& protection = out.protection;
    if (!kdf.is_object() || kdf.value("name", json{}) != "argon2id" || !read_fixed(kdf, "salt", protection.salt) ||
        !read_number(kdf, "passes", 1, kSealPassesMax, protection.cost.passes) ||
        !read_number(kdf, "memory_kib", 8, kSealMemoryKibMax, protection.cost.memory_kib))
        return invalid("kdf is malformed or over a limit");
    if (!read_bytes(document, "sealed", 1024, out.sealed)) return invalid("the sealed part is malformed");
    if (document.contains("tpm")) {
        const auto& tpm = document["tpm"];
        if (!tpm.is_object() || !read_bytes(tpm, "blob", kTpmBlobMax, protection.tpm_blob) ||
            !read_text(tpm, "interface", protection.tpm_interface) ||
            !read_number(tpm, "counter", 0, UINT32_MAX, protection.tpm_counter) || protection.tpm_blob.empty())
            return invalid("tpm is malformed");
    }
    if (document.contains("token")) {
        const auto& token = document["token"];
        if (!token.is_object() || !read_text(token, "module", out.token_module) ||
            !read_text(token, "label", out.token_label))
            return invalid("token is malformed");
    }
    return out;
}

Result<SealedKeys> read_sealed_keys(const std::string& path) {
    const auto text = crypto::read_secret_file(path);
    if (!text) return invalid(text.error().detail);
    auto keys = sealed_keys_from_json(text->view());
    if (!keys) return invalid(path + ": " + keys.error().detail);
    return keys;
}

SlotKey state_key(const Secrets& secrets) {
    constexpr std::string_view kUse = "cairn-signer-state-v1";
    SlotKey out;
    ::crypto_generichash(out.data(), out.size(), as_bytes(kUse).data(), kUse.size(), secrets.storage_root().data(),
                         secrets.storage_root().size());
    return out;
}

std::string state_path(const std::string& sealed_keys_path) { return sealed_keys_path + ".state"; }

Result<PublicKeys> restore_sealed_keys(const std::string& path, const Secrets& secrets, BytesView passphrase,
                                       const SealCost& cost, Random& random) {
    if (::sodium_init() < 0) return fail(error::KeyInvalid, "libsodium cannot be used");
    CRN_TRY(public_keys, secrets.public_keys());
    Protection protection;
    protection.cost = cost;
    CRN_TRY(sealed, seal(secrets, public_keys, passphrase, {}, protection, {}, {}, random));
    CRN_CHECK(crypto::write_secret_file(path, to_json(sealed)));
    return public_keys;
}

Result<PublicKeys> create_sealed_keys(const std::string& path, const Secrets& secrets, BytesView passphrase,
                                      const SealCost& cost, Random& random) {
    CRN_TRY(public_keys, restore_sealed_keys(path, secrets, passphrase, cost, random));
    CRN_CHECK(Journal::create(state_path(path), state_key(secrets), {}));
    return public_keys;
}

} // namespace cairn::signer
