// Accounts, the read-only view of a state, and the difference a run makes to it.
#pragma once

#include "base/bytes.hpp"
#include "base/u256.hpp"
#include "crypto/hash.hpp"

#include <map>
#include <memory>
#include <optional>

namespace cairn::ledger {

struct Account {
    std::uint64_t nonce = 0;
    U256 balance;
    Hash256 code_hash = crypto::kEmptyKeccak;
    bool operator==(const Account&) const = default;
    /// Empty in the sense of EIP-161.
    bool is_empty() const { return nonce == 0 && !balance && code_hash == crypto::kEmptyKeccak; }
};

/// One state, unchanging while it is looked at. Implementations are safe for concurrent readers.
class StateView {
public:
    virtual ~StateView() = default;
    virtual std::optional<Account> account(const Address& address) const = 0;
    /// Shared, never null; empty for kEmptyKeccak or an unknown hash.
    virtual std::shared_ptr<const Bytes> code(const Hash256& code_hash) const = 0;
    /// Zero for an absent slot or account.
    virtual U256 storage(const Address& address, const U256& slot) const = 0;
    /// True if the account has any non-zero slot (EIP-7610).
    virtual bool has_storage(const Address& address) const = 0;
};

/// What a run changed in one account.
struct AccountDiff {
    /// The account after the run; nothing if it no longer exists.
    std::optional<Account> account;
    /// All earlier slots are gone (destroyed or created anew) before `storage` applies.
    bool storage_cleared = false;
    std::map<U256, U256> storage; // slot -> new value; zero deletes
    /// New code, if it changed; its hash is account->code_hash.
    std::shared_ptr<const Bytes> code;
    bool operator==(const AccountDiff&) const = default;
};

/// Ordered, so that everything derived from it is deterministic.
using StateDiff = std::map<Address, AccountDiff>;

} // namespace cairn::ledger
