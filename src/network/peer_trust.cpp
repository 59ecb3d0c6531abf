#include "network/peer_trust.hpp"

#include "crypto/certificate.hpp"

#include <map>
#include <string>

namespace cairn::network {
namespace {

class GenesisTrust final : public PeerTrust {
public:
    explicit GenesisTrust(const ledger::Genesis& genesis) {
        for (const auto& organisation : genesis.organisations)
            if (auto der = crypto::certificate_der(organisation.ca_certificate_pem))
                cas_[organisation.name].push_back(*std::move(der));
    }
    std::vector<Bytes> cas_of(std::string_view organisation) const override {
        const auto found = cas_.find(organisation);
        return found == cas_.end() ? std::vector<Bytes>{} : found->second;
    }
    bool is_revoked(std::string_view, const Hash256&) const override { return false; }

private:
    std::map<std::string, std::vector<Bytes>, std::less<>> cas_;
};

} // namespace

std::shared_ptr<const PeerTrust> trust_of_genesis(const ledger::Genesis& genesis) {
    return std::make_shared<GenesisTrust>(genesis);
}

} // namespace cairn::network
