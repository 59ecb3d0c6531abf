#include "node/evidence_store.hpp"

#include "base/bytes.hpp"

#include <filesystem>

namespace cairn::node {

std::string evidence_json(const consensus::Evidence& evidence, std::uint64_t chain_id) {
    return "{\n  \"chain_id\": " + std::to_string(chain_id) +
           ",\n  \"epoch\": " + std::to_string(epoch_of(evidence).value) +
           ",\n  \"validator\": " + std::to_string(evidence.offender.value) + ",\n  \"kind\": \"" +
           std::string{kind_of(evidence)} + "\",\n  \"evidence\": \"" + to_hex(consensus::encode_evidence(evidence)) +
           "\"\n}\n";
}

Status EvidenceStore::put(const consensus::Evidence& evidence, std::uint64_t chain_id) const {
    auto& files = files_;
    const auto path = directory_ + "/epoch-" + std::to_string(epoch_of(evidence).value) + "-validator-" +
                      std::to_string(evidence.offender.value) + "-" + std::to_string(evidence.proof.index()) + ".json";
    if (std::filesystem::exists(path)) return {};
    CRN_CHECK(files.make_directory(directory_));
    // Only a whole proof gets the name.
    const auto beside = path + ".new";
    if (std::filesystem::exists(beside)) CRN_CHECK(files.remove(beside));
    CRN_TRY(file, files.create(beside));
    CRN_CHECK(file->write_at(0, as_bytes(evidence_json(evidence, chain_id))));
    CRN_CHECK(file->sync());
    CRN_CHECK(files.rename(beside, path));
    return files.sync_directory(directory_);
}

} // namespace cairn::node
