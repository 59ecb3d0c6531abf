#include "node/account_organisation.hpp"

namespace cairn::node {

AccountOrganisation::AccountOrganisation(const std::vector<system::OrganisationShare>& shares, const std::string& own,
                                         IdentityLookup identities)
    : identities_(std::move(identities)) {
    for (std::size_t i = 0; i < shares.size(); ++i) {
        by_name_.emplace(shares[i].name, i);
        administrators_.emplace(shares[i].account, i);
    }
    if (const auto found = by_name_.find(own); found != by_name_.end()) own_ = found->second;
}

std::size_t AccountOrganisation::operator()(const Address& account) const {
    if (identities_)
        if (const auto name = identities_(account))
            if (const auto found = by_name_.find(*name); found != by_name_.end()) return found->second;
    const auto found = administrators_.find(account);
    return found == administrators_.end() ? own_ : found->second;
}

} // namespace cairn::node
