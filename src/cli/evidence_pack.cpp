#include "cli/evidence_pack.hpp"

#include "base/errors/keys.hpp"
#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "cli/rpc_client.hpp"
#include "crypto/hash.hpp"
#include "ledger/account_key.hpp"

#include <algorithm>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kManifest = "manifest.json";
constexpr std::size_t kFilesMax = 100;

/// What is signed: everything in the manifest but the signature, in its one form (sorted keys, no blanks).
Hash256 signed_digest(const json& body) { return ledger::personal_digest(crypto::keccak256(as_bytes(body.dump()))); }

/// v, r and s as Ethereum's wallets have them; of an SM2 account its public key, r and s over the digest as the message.
Result<json> sign(const Hash256& digest, const AccountSecret& secret) {
    if (const auto* key = std::get_if<crypto::AccountKey>(&secret)) {
        CRN_TRY(signature, crypto::sign(digest, *key));
        return json{{"v", 27 + signature.y_parity},
                    {"r", to_hex(to_big_endian(signature.r))},
                    {"s", to_hex(to_big_endian(signature.s))}};
    }
    const auto& key = std::get<crypto::Sm2Key>(secret);
    CRN_TRY(public_key, crypto::sm2_public_key(key));
    CRN_TRY(signature, crypto::sm2_sign(key, digest));
    return json{{"public_key", to_hex(public_key)},
                {"r", to_hex(to_big_endian(signature.r))},
                {"s", to_hex(to_big_endian(signature.s))}};
}

/// The account that signed; nothing if the signature is malformed or wrong.
std::optional<Address> signer_of(const json& signature, const Hash256& digest) {
    const auto r = fixed_from_hex<Hash256>(text_of(signature, "r"));
    const auto s = fixed_from_hex<Hash256>(text_of(signature, "s"));
    if (!r || !s) return std::nullopt;
    if (const auto public_key = fixed_from_hex<crypto::Sm2PublicKey>(text_of(signature, "public_key"))) {
        if (!crypto::sm2_verify(*public_key, digest, {from_big_endian(*r), from_big_endian(*s)})) return std::nullopt;
        return crypto::sm2_address(*public_key);
    }
    if (!signature.contains("v") || !signature["v"].is_number_unsigned()) return std::nullopt;
    const auto parity = static_cast<std::uint8_t>(signature["v"].get<std::uint64_t>() == 28 ? 1 : 0);
    const auto signer = crypto::recover_address(digest, {from_big_endian(*r), from_big_endian(*s), parity});
    if (!signer) return std::nullopt;
    return *signer;
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && name[0] != '.' && std::ranges::all_of(name, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    });
}

} // namespace

Result<Hash256> write_evidence(const std::string& directory, const std::map<std::string, json>& files,
                               const json& about, const Sender& signer) {
    CRN_CHECK(make_directory(directory, Access::secret));
    json body = {{"about", about}, {"files", json::object()}, {"signer", checksummed(signer.address)}};
    for (const auto& [name, content] : files) {
        const auto text = content.dump(2) + "\n";
        CRN_CHECK(write_file(directory + "/" + name, text, Access::secret, Existing::replace));
        body["files"][name] = {{"sha256", to_hex(crypto::sha256(as_bytes(text)))}, {"bytes", text.size()}};
    }
    CRN_TRY(signature, sign(signed_digest(body), signer.key));
    body["signature"] = signature;
    const auto text = body.dump(2) + "\n";
    CRN_CHECK(write_file(directory + "/" + std::string{kManifest}, text, Access::secret, Existing::replace));
    return crypto::sha256(as_bytes(text));
}

Result<Evidence> verify_evidence(const std::string& directory) {
    const auto invalid = [&](const std::string& what) {
        return fail(error::EvidencePackInvalid, directory + ": " + what);
    };
    CRN_TRY(text, read_file(directory + "/" + std::string{kManifest}));
    auto manifest = json::parse(text, nullptr, false);
    if (!manifest.is_object() || !manifest.contains("files") || !manifest["files"].is_object() ||
        !manifest.contains("signature") || !manifest["signature"].is_object() || manifest["files"].size() > kFilesMax)
        return invalid("the manifest is malformed");
    Evidence out{.about = manifest.value("about", json::object()),
                 .signer = {},
                 .manifest_digest = crypto::sha256(as_bytes(text)),
                 .files = manifest["files"].size()};
    for (const auto& [name, entry] : manifest["files"].items()) {
        if (!is_plain_name(name) || !entry.is_object()) return invalid("the manifest names an odd file");
        const auto content = read_file(directory + "/" + name);
        if (!content) return invalid(name + " is missing");
        if (to_hex(crypto::sha256(as_bytes(*content))) != text_of(entry, "sha256"))
            return invalid(name + " was changed");
    }
    const auto signature = manifest["signature"];
    const auto signer = fixed_from_hex<Address>(text_of(manifest, "signer"));
    manifest.erase("signature");
    if (!signer) return invalid("the manifest's signature is malformed");
    if (signer_of(signature, signed_digest(manifest)) != *signer)
        return invalid("the manifest is not signed by " + checksummed(*signer));
    out.signer = *signer;
    return out;
}

} // namespace cairn::cli
