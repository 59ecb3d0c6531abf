// What the node reads from the system contract Roles: who may do what, what is frozen, how things are labelled. Interface and
// storage: contracts/IRoles.sol; the rules: system/policy.hpp.
#pragma once

#include "base/result.hpp"
#include "base/types.hpp"
#include "ledger/account.hpp"
#include "ledger/genesis.hpp"
#include "system/slots.hpp"
#include "system/subject.hpp"

#include <vector>

namespace cairn::system {

/// `height` is the block for which the answer counts; read from the state of its parent or of itself.
bool has_role(const ledger::StateView& view, const Address& account, ledger::Role role, Height height);
Subject subject_of(const ledger::StateView& view, const Address& address);
/// Accounts that hold one of the three administrators' roles, in order of their first grant.
std::vector<Address> holders_of(const ledger::StateView& view, ledger::Role administrator, Height height);

/// Whether anything has ever been labelled.
bool has_labels(const ledger::StateView& view);
Label record_label_of(const ledger::StateView& view, const Hash256& digest, Height height);

/// Genesis: the roles of the file, which also turns enforcement on. A Genesis without roles (never one that was read from a
/// file) leaves a chain without these rules.
Status write_roles(Slots& slots, const ledger::Genesis& genesis);

} // namespace cairn::system
