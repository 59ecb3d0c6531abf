// Storage of Proposals, entry by entry: contracts/IProposals.sol lists the slots. Private to this folder.
#pragma once

#include "system/governance.hpp"

namespace cairn::system {

/// Written states; an open or approved proposal past its expiry counts as expired.
enum class ProposalState : std::uint8_t { unknown, open, approved, executed, rejected, withdrawn, expired };
inline constexpr std::array<std::string_view, 7> kProposalStateNames{"unknown",  "open",      "approved", "executed",
                                                                     "rejected", "withdrawn", "expired"};

inline constexpr std::size_t kProposalDataBytesMax = 8 * 1024;

struct Proposal {
    Address proposer;
    Matter matter = Matter::membership;
    ProposalState state = ProposalState::unknown;
    std::uint64_t created = 0;
    std::uint64_t expires = 0; // last block in which it can be approved or carried out
    std::uint64_t ready = 0;   // first block in which it can be carried out; 0 before it is approved
    Address target;
    U256 organisations;  // bit i: organisation i approves
    U256 administrators; // bit i: security administrator i approves
    U256 objections;     // bit i: organisation i objects

    ProposalState state_at(std::uint64_t block) const {
        const bool waits = state == ProposalState::open || state == ProposalState::approved;
        return waits && block > expires ? ProposalState::expired : state;
    }
};

/// Proposals have numbers from 1 on.
class ProposalStorage {
public:
    explicit ProposalStorage(Slots& slots) : slots_(slots) {}

    std::uint64_t count();
    Proposal load(std::uint64_t id);
    void store(std::uint64_t id, const Proposal& proposal);
    std::uint64_t append(const Proposal& proposal, BytesView data, std::string_view reason);
    Bytes data(std::uint64_t id);
    std::string reason(std::uint64_t id);

private:
    Slots& slots_;
};

} // namespace cairn::system
