#include "node/own_signer.hpp"

#include <filesystem>

namespace cairn::node {

Result<std::shared_ptr<signer::Client>> start_own_signer(const NodeConfig& config, std::uint64_t chain_id) {
    std::error_code ignored;
    std::filesystem::create_directories(config.data_dir, ignored); // whoever opens it next says what is wrong with it
    return signer::Client::start({.keys_file = config.keys_file,
                                  .passphrase_file = config.passphrase_file,
                                  .chain_id = chain_id,
                                  .witness_file = config.data_dir + "/signer.witness"});
}

std::string witness_of_voting_key(const std::string& file) { return file + ".witness"; }

Result<std::vector<std::shared_ptr<signer::Client>>>
start_voting_signers(std::shared_ptr<signer::Client> own, const NodeConfig& config, std::uint64_t chain_id) {
    std::vector<std::shared_ptr<signer::Client>> out{std::move(own)};
    for (const auto& file : config.voting_keys_files) {
        CRN_TRY(client, signer::Client::start({.keys_file = file,
                                               .sealer_file = config.keys_file,
                                               .passphrase_file = config.passphrase_file,
                                               .chain_id = chain_id,
                                               .witness_file = witness_of_voting_key(file)}));
        out.push_back(std::move(client));
    }
    return out;
}

Result<signer::LastExecution> last_execution_of(std::span<const std::shared_ptr<signer::Client>> signers) {
    signer::LastExecution out;
    for (const auto& signer : signers) {
        CRN_TRY(last, signer->last_execution());
        if (last.height > out.height) out = last;
    }
    return out;
}

} // namespace cairn::node
