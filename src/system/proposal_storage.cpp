#include "system/proposal_storage.hpp"

namespace cairn::system {

namespace {

// contracts/IProposals.sol
constexpr std::uint64_t kCountSlot = 0;
constexpr std::uint64_t kProposalTag = 1;
constexpr unsigned kTagShift = 248;
constexpr unsigned kFieldBits = 8;

constexpr std::uint64_t kHead = 0;
constexpr std::uint64_t kTarget = 1;
constexpr std::uint64_t kOrganisations = 2;
constexpr std::uint64_t kAdministrators = 3;
constexpr std::uint64_t kObjections = 4;
constexpr std::uint64_t kData = 5;
constexpr std::uint64_t kReason = 6;

constexpr unsigned kMatter = 160;
constexpr unsigned kState = 164;
constexpr unsigned kHeightBits = 30; // heights relative to `created`
constexpr unsigned kExpires = 168;
constexpr unsigned kReady = kExpires + kHeightBits;

U256 field_slot(std::uint64_t id, std::uint64_t field) {
    return U256{kProposalTag} << kTagShift | U256{id} << kFieldBits | U256{field};
}

Address address_in(const U256& word) { return *Address::from(BytesView{to_big_endian(word)}.last(Address::kSize)); }

} // namespace

std::uint64_t ProposalStorage::count() { return slots_.load(kCountSlot).low(); }

Proposal ProposalStorage::load(std::uint64_t id) {
    const U256 head = slots_.load(field_slot(id, kHead));
    const U256 target = slots_.load(field_slot(id, kTarget));
    const auto field = [&](unsigned at, unsigned bits) {
        return (head >> at).low() & ((std::uint64_t{1} << bits) - 1);
    };
    Proposal out;
    out.proposer = address_in(head);
    out.matter = static_cast<Matter>(field(kMatter, 4));
    out.state = static_cast<ProposalState>(field(kState, 4));
    out.created = (target >> 160).low();
    out.expires = out.created + field(kExpires, kHeightBits);
    const std::uint64_t ready = field(kReady, kHeightBits);
    out.ready = ready == 0 ? 0 : out.created + ready - 1;
    out.target = address_in(target);
    out.organisations = slots_.load(field_slot(id, kOrganisations));
    out.administrators = slots_.load(field_slot(id, kAdministrators));
    out.objections = slots_.load(field_slot(id, kObjections));
    return out;
}

void ProposalStorage::store(std::uint64_t id, const Proposal& proposal) {
    const std::uint64_t ready = proposal.ready == 0 ? 0 : proposal.ready - proposal.created + 1;
    slots_.store(field_slot(id, kHead),
                 from_big_endian(proposal.proposer) | U256{static_cast<std::uint64_t>(proposal.matter)} << kMatter |
                     U256{static_cast<std::uint64_t>(proposal.state)} << kState |
                     U256{proposal.expires - proposal.created} << kExpires | U256{ready} << kReady);
    slots_.store(field_slot(id, kTarget), from_big_endian(proposal.target) | U256{proposal.created} << 160);
    slots_.store(field_slot(id, kOrganisations), proposal.organisations);
    slots_.store(field_slot(id, kAdministrators), proposal.administrators);
    slots_.store(field_slot(id, kObjections), proposal.objections);
}

std::uint64_t ProposalStorage::append(const Proposal& proposal, BytesView data, std::string_view reason) {
    const std::uint64_t id = count() + 1;
    slots_.store(kCountSlot, U256{id});
    store(id, proposal);
    store_text(slots_, field_slot(id, kData), as_text(data));
    store_text(slots_, field_slot(id, kReason), reason);
    return id;
}

Bytes ProposalStorage::data(std::uint64_t id) {
    return to_bytes(as_bytes(load_text(slots_, field_slot(id, kData), kProposalDataBytesMax)));
}

std::string ProposalStorage::reason(std::uint64_t id) {
    return load_text(slots_, field_slot(id, kReason), kReasonBytesMax);
}

} // namespace cairn::system
