// Which organisation answers for an account: as its identity says, else as its administrator, else the organisation of the node
// that was asked to send its transaction.
#pragma once

#include "ledger/account.hpp"
#include "system/parameters.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cairn::node {

/// Name of the organisation to which the state binds an account, if it does.
using IdentityLookup = std::function<std::optional<std::string>(const Address& account)>;

class AccountOrganisation {
public:
    /// `own` is this node's organisation.
    AccountOrganisation(const std::vector<system::OrganisationShare>& shares, const std::string& own,
                        IdentityLookup identities);

    /// Index among the shares.
    std::size_t operator()(const Address& account) const;

private:
    std::map<std::string, std::size_t, std::less<>> by_name_;
    std::map<Address, std::size_t> administrators_;
    std::size_t own_ = 0;
    IdentityLookup identities_;
};

} // namespace cairn::node
