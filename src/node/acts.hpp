// The acts of an executed block that somebody is answerable for, as events of the audit log.
#pragma once

#include "audit/event.hpp"
#include "node/chain.hpp"

#include <string>
#include <vector>

namespace cairn::node {

/// Whether a transaction is a privileged act: a call of a system contract other than Records and Anchors. What a contract
/// calls on behalf of a sender shows in the block only.
bool is_privileged(const ledger::Transaction& transaction);

/// One event for each transaction that calls a system contract (other than Records: its entries are business, and the chain
/// is their log), directly or as far as its logs show through another contract, and for each contract that is deployed.
/// Anchors count only if they are those of `node`. `organisation_of` names whom an account acts for; empty if nobody.
std::vector<audit::Event> acts_of(const StoredBlock& block, const std::string& node,
                                  const std::function<std::string(const Address&)>& organisation_of);

} // namespace cairn::node
