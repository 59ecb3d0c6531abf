// `cairn evidence`: proofs that a validator signed what no honest validator signs. A node keeps them; anyone checks them.
#include "base/errors/cli.hpp"
#include "base/errors/consensus.hpp"
#include "cli/files.hpp"
#include "cli/known_chain.hpp"
#include "cli/node_data.hpp"
#include "cli/rpc_client.hpp"
#include "consensus/evidence.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

struct Proof {
    std::uint64_t chain_id = 0;
    consensus::Evidence evidence;
};

/// A file that somebody handed over, or one in the directory of a running node, which decrypts it.
Result<std::string> read_evidence(const std::string& path) {
    constexpr std::size_t kProofBytesMax = 4 * consensus::kEvidenceBytesMax;
    CRN_TRY(text, read_file(path, kProofBytesMax));
    if (!storage::has_cipher_magic(as_bytes(text))) return std::move(text);
    const std::filesystem::path file{absolute(path)};
    CRN_TRY(answer,
            ask_control(file.parent_path().parent_path().string(), "evidence-file " + file.filename().string()));
    return text_of(answer, "text");
}

Result<Proof> read_proof(const std::string& path) {
    CRN_TRY(text, read_evidence(path));
    const auto object = json::parse(text, nullptr, false);
    if (!object.is_object() || !object.contains("evidence") || !object["evidence"].is_string() ||
        !object.contains("chain_id") || !object["chain_id"].is_number_unsigned())
        return fail(error::EvidenceInvalid, path + " is no evidence file");
    const auto bytes = from_hex(object["evidence"].get_ref<const std::string&>());
    if (!bytes || bytes->size() > consensus::kEvidenceBytesMax)
        return fail(error::EvidenceInvalid, path + ": the evidence is not hex of a sensible length");
    auto evidence = consensus::decode_evidence(*bytes);
    if (!evidence) return fail(error::EvidenceInvalid, path + ": " + evidence.error().text());
    return Proof{object["chain_id"].get<std::uint64_t>(), *std::move(evidence)};
}

Status evidence_list(Invocation& invocation) {
    const auto directory = invocation.argument(0) + "/evidence";
    const auto& terminal = invocation.terminal();
    std::vector<std::string> paths;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator{directory, none})
        if (entry.path().extension() == ".json") paths.push_back(entry.path());
    if (none && std::filesystem::exists(directory)) return fail(error::CliFileUnreadable, directory);
    if (!std::filesystem::is_directory(invocation.argument(0)))
        return fail(error::CliFileUnreadable, invocation.argument(0) + " is not a data directory");
    std::ranges::sort(paths);
    const auto out = invocation.flag("out");
    if (out) CRN_CHECK(make_directory(*out, Access::shared));
    json list = json::array();
    Table table{{"validator", "what it did", "file"}};
    for (const auto& path : paths) {
        CRN_TRY(proof, read_proof(path));
        const std::string kind{kind_of(proof.evidence)};
        list.push_back({{"validator", proof.evidence.offender.value}, {"kind", kind}, {"file", path}});
        table.row({std::to_string(proof.evidence.offender.value), kind, path});
        if (!out) continue;
        CRN_TRY(text, read_evidence(path));
        CRN_CHECK(write_file(*out + "/" + std::filesystem::path(path).filename().string(), text, Access::shared,
                             Existing::refuse));
    }
    if (terminal.json) {
        terminal.out << json{{"evidence", list}}.dump(2) << '\n';
        return {};
    }
    if (paths.empty())
        terminal.out << "No validator has been found guilty.\n";
    else
        table.print(terminal);
    return {};
}

Status evidence_verify(Invocation& invocation) {
    CRN_TRY(proof, read_proof(invocation.argument(0)));
    CRN_TRY(known, known_chain(invocation));
    const auto chain_id = known.genesis.parameters.chain_id;
    if (proof.chain_id != chain_id)
        return fail(error::EvidenceInvalid, "it is of chain " + std::to_string(proof.chain_id) +
                                                ", the genesis file of " + std::to_string(chain_id));
    const auto epoch = consensus::epoch_of(proof.evidence);
    CRN_TRY(validators, known.of(epoch));
    if (!consensus::proves_guilt(proof.evidence, chain_id, validators, consensus::voting_verifier()))
        return fail(error::EvidenceInvalid, "the signatures do not hold, or an honest validator may have made them");
    const auto& offender = validators.members[proof.evidence.offender.value];
    const std::string kind{kind_of(proof.evidence)};
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"guilty", true},
                             {"validator", offender.name},
                             {"organisation", offender.organisation},
                             {"epoch", epoch.value},
                             {"kind", kind}}
                            .dump(2)
                     << '\n';
        return {};
    }
    terminal.out << terminal.styled(Style::green, "Proved:") << " validator " << offender.name << " of "
                 << offender.organisation << " signed " << kind << " in epoch " << epoch.value << ".\n";
    return {};
}

} // namespace

void declare_evidence(CommandList& out) {
    out.push_back({.noun = "evidence",
                   .verb = "list",
                   .summary = "list the proofs against validators that a node has found or been told",
                   .details =
                       "They lie encrypted in the node's data directory: the node must run, and reads them out to its "
                       "own user and root. With --out they are written in the clear, for whoever is to check them.",
                   .arguments = {{"DIR", "data directory of the node", Need::one, {}, Completes::directory}},
                   .flags = {{.name = "out",
                              .value = "FOLDER",
                              .help = "also copy them there, in the clear",
                              .completes = Completes::directory}},
                   .examples = {{"cairn evidence list /srv/cairn/data", ""},
                                {"cairn evidence list /srv/cairn/data --out proofs", ""}},
                   .run = evidence_list});
    out.push_back(
        {.noun = "evidence",
         .verb = "verify",
         .summary = "check a proof against a validator, without any node",
         .details =
             "The file holds what the validator signed: two messages that contradict each other, or a batch "
             "with an invalid transaction. Exit code 8 if it proves nothing. Whose signature it is follows from the "
             "validators of its epoch. Those of the first are in the genesis file; for later ones give --handovers, "
             "which anybody gets from any node (`cairn validator handovers --out handovers.json`) and nobody has to "
             "believe: each set of validators has signed for the next.",
         .arguments = {{"FILE", "evidence file from a node's data directory", Need::one, {}, Completes::file}},
         .flags = {{.name = "genesis",
                    .value = "GENESIS",
                    .help = "the network's genesis file (required)",
                    .completes = Completes::file},
                   handovers_flag()},
         .examples = {{"cairn evidence verify proofs/epoch-0-validator-2-0.json --genesis genesis.json", ""},
                      {"cairn evidence verify proofs/epoch-3-validator-1-0.json --genesis genesis.json --handovers "
                       "handovers.json",
                       "of a later epoch"}},
         .run = evidence_verify});
}

} // namespace cairn::cli
