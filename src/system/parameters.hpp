// What the node reads from the system contract Parameters: the rules of the chain as they stand at a block. Interface and
// storage: contracts/IParameters.sol.
#pragma once

#include "base/types.hpp"
#include "ledger/account.hpp"
#include "ledger/genesis.hpp"
#include "system/slots.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cairn::system {

/// Parameters of block `height`, read from the state of its parent (or a later state that knows no more of that height: a
/// change is decided before its activation, so both give the same).
ledger::ChainParameters parameters_of(const ledger::StateView& view, Height height);

/// Of block `height`, for other system contracts.
ledger::Suite suite_of(Slots& parameters, std::uint64_t height);

/// What an organisation may use of the network when others want it too: its part of the sum of all. Parameter "share:NAME".
inline constexpr std::uint64_t kShareDefault = 100;
inline constexpr std::uint64_t kShareMax = 10'000;
struct OrganisationShare {
    std::string name;
    Address account; // of its administrator
    std::uint64_t share = kShareDefault;
    bool operator==(const OrganisationShare&) const = default;
};

/// The shares of the active organisations in the order of Members, and until when they are known to hold.
class Shares {
public:
    /// For block `height`, as parameters_of. Reads a few dozen slots for each organisation.
    static Shares read(const ledger::StateView& view, Height height);
    /// Whether read() would give the same. Two slots.
    bool is_current(const ledger::StateView& view, Height height) const;

    const std::vector<OrganisationShare>& organisations() const { return organisations_; }

private:
    std::vector<OrganisationShare> organisations_;
    U256 members_round_, parameters_round_;
    std::uint64_t from_ = 0, until_ = 0; // heights; a change that is decided takes effect at `until_`
};

// Quotas of one contract for each block: parameters "quota:ADDRESS:calls", "quota:ADDRESS:slots", "quota:ADDRESS:logs" and
// "quota:ADDRESS:SELECTOR:calls", with lower-case "0x" hex. 0, as at first: no limit.
inline constexpr std::string_view kQuotaCalls = "calls"; // messages to the contract, or to one of its methods
inline constexpr std::string_view kQuotaSlots = "slots"; // storage slots that become used
inline constexpr std::string_view kQuotaLogs = "logs";   // bytes of log data and topics
/// False as long as no quota was ever decided.
bool has_quotas(const ledger::StateView& view);
/// The same for one contract. One slot.
bool has_quotas(const ledger::StateView& view, const Address& contract);
/// `what`: "calls", "slots", "logs" or "SELECTOR:calls".
std::uint64_t quota_of(const ledger::StateView& view, Height height, const Address& contract, std::string_view what);

void write_parameters(Slots& slots, const ledger::ChainParameters& parameters);

} // namespace cairn::system
