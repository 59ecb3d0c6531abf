// Which change of a key's state is allowed, and to whom: one table, every other change is refused. Source: NIST SP 800-57
// part 1, section 7 (figure 3), with escrowed, lost and quarantined added. Private to this folder.
#pragma once

#include "ledger/account_key.hpp"

namespace cairn::system {

using ledger::KeyState;

/// Who asks. The owner of an account key is the account itself, of other keys the account that administers the owner.
enum class Asker : std::uint8_t {
    owner,
    organisations, // more than half of the active ones together
    procedure      // a rotation, a replacement or a reset of this contract
};

bool is_allowed(KeyState from, KeyState to, Asker asker);

/// Account keys need care: a change by which an account locks itself out, or its leaked key frees itself, is not its own to
/// make. The same table with these cells taken out.
bool is_allowed_for_account_key(KeyState from, KeyState to, Asker asker);

} // namespace cairn::system
