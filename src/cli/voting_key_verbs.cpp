// A validator's voting key, where its secret is: making the next one, and proving that it is here.
#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/sender.hpp"
#include "cli/signer_verbs.hpp"
#include "cli/voting_key_proof.hpp"
#include "ledger/genesis.hpp"
#include "ledger/key_claim.hpp"
#include "signer/client.hpp"
#include "signer/sealed_keys.hpp"

#include <ostream>

namespace cairn::cli {
namespace {

Result<ledger::Genesis> genesis_named(const Invocation& invocation) {
    CRN_TRY(file, required(invocation, "genesis", "GENESIS"));
    CRN_TRY(text, read_file(file, ledger::kGenesisBytesMax));
    CRN_TRY(genesis, ledger::genesis_from_json(text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    return genesis;
}

Status signer_voting_key(Invocation& invocation) {
    CRN_TRY(out, required(invocation, "out", "FILE"));
    CRN_TRY(validator, required(invocation, "validator", "NAME"));
    CRN_TRY(genesis, genesis_named(invocation));
    const auto suite =
        ledger::suite_from_name(invocation.flag_or("suite", std::string{ledger::name_of(genesis.parameters.suite)}));
    if (!suite) return fail(error::CliUsage, "--suite is international or national");
    const auto algorithm =
        *suite == ledger::Suite::national ? crypto::VotingAlgorithm::sm2 : crypto::VotingAlgorithm::ed25519;
    CRN_TRY(passphrase, read_passphrase(invocation, "Passphrase of the node's keys: ", Ask::twice));
    CRN_TRY(proof, make_voting_key(absolute(out), {genesis.parameters.chain_id, validator}, algorithm,
                                   std::move(passphrase)));
    CRN_CHECK(write_voting_key_proof(invocation, absolute(out) + ".proof", proof));
    if (!invocation.terminal().quiet)
        invocation.terminal().err
            << "Next: add " << absolute(out)
            << " to voting_keys in section [signer] of node.toml, start the node again, then `cairn validator "
               "replace-key`.\n";
    return {};
}

Status signer_prove_key(Invocation& invocation) {
    CRN_TRY(keys_file, required(invocation, "keys", "FILE"));
    CRN_TRY(validator, required(invocation, "validator", "NAME"));
    CRN_TRY(out, required(invocation, "out", "FILE"));
    CRN_TRY(genesis, genesis_named(invocation));
    const auto passphrase_file = invocation.flag("passphrase-file");
    CRN_TRY(client, signer::Client::start({.keys_file = absolute(keys_file),
                                           .passphrase_file = passphrase_file ? absolute(*passphrase_file) : "",
                                           .chain_id = genesis.parameters.chain_id}));
    CRN_TRY(signature, client->claim_seat(validator));
    return write_voting_key_proof(invocation, absolute(out),
                                  {genesis.parameters.chain_id, validator, client->keys().consensus, signature});
}

} // namespace

void declare_voting_keys(CommandList& out) {
    out.push_back(
        {.noun = "signer",
         .verb = "voting-key",
         .summary = "make the next voting key of a validator",
         .details =
             "For a key that leaked or is to be rotated. The new key is sealed in a file of its own, with a memory "
             "of its own, and serves from the epoch whose set has it; the present one serves until then. Beside it, in "
             "FILE.proof, lies what the organisations need to take it up. The passphrase is that of the node's keys, "
             "which the node hands to both.",
         .flags = {{.name = "out", .value = "FILE", .help = "the new file (required)", .completes = Completes::file},
                   {.name = "validator", .value = "NAME", .help = "whose key it will be (required)"},
                   {.name = "genesis",
                    .value = "GENESIS",
                    .help = "the network's genesis file (required)",
                    .completes = Completes::file},
                   {.name = "suite",
                    .value = "SUITE",
                    .help = "international for Ed25519, national for SM2 (default: as genesis says)"},
                   signer_passphrase_flag()},
         .examples = {{"cairn signer voting-key --out next.sealed --validator alpha-1 --genesis genesis.json", ""}},
         .run = signer_voting_key});
    out.push_back(
        {.noun = "signer",
         .verb = "prove-key",
         .summary = "prove that a voting key is here, so that it may be taken up",
         .details =
             "The organisations take up no voting key without its own signature under the chain's id and the "
             "validator's name. `cairn signer voting-key` has made the proof of a new key already; this is for a "
             "validator that joins, and for keys on a token. The file holds nothing secret.",
         .flags = {{.name = "keys",
                    .value = "FILE",
                    .help = "sealed keys of the validator (required)",
                    .completes = Completes::file},
                   {.name = "validator", .value = "NAME", .help = "whose key it will be (required)"},
                   {.name = "genesis",
                    .value = "GENESIS",
                    .help = "the network's genesis file (required)",
                    .completes = Completes::file},
                   {.name = "out", .value = "FILE", .help = "the proof (required)", .completes = Completes::file},
                   signer_passphrase_flag()},
         .examples = {{"cairn signer prove-key --keys Epsilon/validators/epsilon-1/keys.sealed --validator epsilon-1 "
                       "--genesis genesis.json --out epsilon-1.proof",
                       ""}},
         .run = signer_prove_key});
}

} // namespace cairn::cli
