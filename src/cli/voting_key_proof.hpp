// The public file with which a new voting key asks for a validator's seat: `cairn signer` makes it where the secret is, `cairn validator`
// puts it before the organisations.
#pragma once

#include "cli/invocation.hpp"
#include "crypto/voting_key.hpp"
#include "ledger/key_claim.hpp"

namespace cairn::cli {

struct VotingKeyProof {
    std::uint64_t chain_id = 0;
    std::string validator;
    crypto::VotingKey key;
    crypto::Signature claim; // under ledger::KeyClaim
};
std::string to_json(const VotingKeyProof& proof);
/// CliFileInvalid; SignatureInvalid if the key did not sign the claim.
Result<VotingKeyProof> read_voting_key_proof(const std::string& path);
/// Makes a voting key sealed in `file`, which must not exist, with its memory beside it; the proof is for FILE.proof.
Result<VotingKeyProof> make_voting_key(const std::string& file, const ledger::KeyClaim& claim,
                                       crypto::VotingAlgorithm algorithm, std::string passphrase);
/// To the file, and what is in it to the terminal.
Status write_voting_key_proof(Invocation& invocation, const std::string& path, const VotingKeyProof& proof);

} // namespace cairn::cli
