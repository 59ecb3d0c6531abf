#include "cli/voting_key_proof.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/files.hpp"
#include "signer/sealed_keys.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "cairn-voting-key-v1";
constexpr std::size_t kProofBytesMax = 4096;

} // namespace

std::string to_json(const VotingKeyProof& proof) {
    return json{{"format", kFormat},
                {"chain_id", proof.chain_id},
                {"validator", proof.validator},
                {"key", text_of(proof.key)},
                {"claim", to_hex(proof.claim)}}
               .dump(2) +
           "\n";
}

Result<VotingKeyProof> read_voting_key_proof(const std::string& path) {
    const auto malformed = [&](const char* what) { return fail(error::CliFileInvalid, path + ": " + what); };
    CRN_TRY(text, read_file(path, kProofBytesMax));
    const auto object = json::parse(text, nullptr, false);
    const auto member = [&](const char* name) -> std::string {
        return object.contains(name) && object[name].is_string() ? object[name].get<std::string>() : std::string{};
    };
    if (!object.is_object() || member("format") != kFormat) return malformed("no proof of a voting key");
    if (!object.contains("chain_id") || !object["chain_id"].is_number_unsigned()) return malformed("no chain id");
    const auto key = crypto::voting_key_from_text(member("key"));
    const auto claim = fixed_from_hex<crypto::Signature>(member("claim"));
    if (!key || !claim) return malformed("key or claim is malformed");
    VotingKeyProof out{object["chain_id"].get<std::uint64_t>(), member("validator"), *key, *claim};
    if (!crypto::verify(out.key, signed_bytes(ledger::KeyClaim{out.chain_id, out.validator}), out.claim))
        return fail(error::SignatureInvalid, path + ": the key did not sign this claim");
    return out;
}

Result<VotingKeyProof> make_voting_key(const std::string& file, const ledger::KeyClaim& claim,
                                       crypto::VotingAlgorithm algorithm, std::string passphrase) {
    if (passphrase.empty()) return fail(error::CliUsage, "the passphrase is empty");
    CRN_TRY(secrets, signer::Secrets::generate(crypto::system_random(), algorithm));
    CRN_TRY(secret, crypto::VotingSecret::from(algorithm, secrets.voting_secret()));
    CRN_TRY(signature, secret.sign(signed_bytes(claim)));
    const auto keys = signer::create_sealed_keys(file, secrets, as_bytes(passphrase), {}, crypto::system_random());
    wipe(passphrase);
    if (!keys) return std::unexpected(keys.error());
    return VotingKeyProof{claim.chain_id, claim.validator, keys->consensus, signature};
}

Status write_voting_key_proof(Invocation& invocation, const std::string& path, const VotingKeyProof& proof) {
    CRN_CHECK(write_file(path, to_json(proof), Access::shared, Existing::refuse));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"validator", proof.validator}, {"key", text_of(proof.key)}, {"proof", path}}.dump(2)
                     << '\n';
        return {};
    }
    print_fields(terminal, {{"validator", proof.validator}, {"voting key", text_of(proof.key)}, {"proof", path}});
    return {};
}

} // namespace cairn::cli
