#include "crypto/secp256k1.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/hash.hpp"

#include <secp256k1.h>
#include <secp256k1_recovery.h>

namespace cairn::crypto {
namespace {

const secp256k1_context* context() {
    // Made once and kept until the process ends.
    static const secp256k1_context* const instance =
        secp256k1_context_create(SECP256K1_CONTEXT_SIGN | SECP256K1_CONTEXT_VERIFY);
    return instance;
}

AccountPublicKey serialize(const secp256k1_pubkey& key) {
    std::uint8_t buffer[65];
    std::size_t length = sizeof buffer;
    secp256k1_ec_pubkey_serialize(context(), buffer, &length, &key, SECP256K1_EC_UNCOMPRESSED);
    AccountPublicKey out;
    std::memcpy(out.data(), buffer + 1, 64);
    return out;
}

} // namespace

Result<AccountPublicKey> recover(const Hash256& digest, const EcdsaSignature& signature) {
    if (signature.y_parity > 1) return fail(error::SignatureInvalid, "recovery id is not 0 or 1");
    if (!signature.r || !signature.s || signature.r >= kSecp256k1Order || signature.s >= kSecp256k1Order)
        return fail(error::SignatureInvalid, "r or s is out of range");
    std::uint8_t compact[64];
    const auto r = to_big_endian(signature.r);
    const auto s = to_big_endian(signature.s);
    std::memcpy(compact, r.data(), 32);
    std::memcpy(compact + 32, s.data(), 32);
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey key;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context(), &parsed, compact, signature.y_parity) != 1 ||
        secp256k1_ecdsa_recover(context(), &key, &parsed, digest.data()) != 1)
        return fail(error::SignatureInvalid, "no public key fits");
    return serialize(key);
}

Result<Address> recover_address(const Hash256& digest, const EcdsaSignature& signature) {
    CRN_TRY(key, recover(digest, signature));
    return address_of(key);
}

Result<EcdsaSignature> sign(const Hash256& digest, const AccountKey& key) {
    secp256k1_ecdsa_recoverable_signature made;
    if (secp256k1_ecdsa_sign_recoverable(context(), &made, digest.data(), key.data(), nullptr, nullptr) != 1)
        return fail(error::KeyInvalid, "account key is zero or not below the group order");
    std::uint8_t compact[64];
    int recovery_id = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(context(), compact, &recovery_id, &made);
    return EcdsaSignature{from_big_endian({compact, 32}), from_big_endian({compact + 32, 32}),
                          static_cast<std::uint8_t>(recovery_id & 1)};
}

Result<AccountPublicKey> public_key(const AccountKey& key) {
    secp256k1_pubkey point;
    if (secp256k1_ec_pubkey_create(context(), &point, key.data()) != 1)
        return fail(error::KeyInvalid, "account key is zero or not below the group order");
    return serialize(point);
}

Address address_of(const AccountPublicKey& key) {
    const auto digest = keccak256(key);
    return *Address::from(BytesView{digest}.last(20));
}

} // namespace cairn::crypto
