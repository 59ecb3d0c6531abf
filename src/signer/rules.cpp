#include "signer/rules.hpp"

#include "base/errors/signer.hpp"

namespace cairn::signer {
namespace {

std::string name_of(const Entry& entry) {
    constexpr const char* kNames[] = {"?",        "lane vote",      "notarize", "nullify",
                                      "finalize", "execution vote", "batch",    "proposal"};
    const auto kind = static_cast<std::size_t>(entry.kind);
    auto out = std::string{kind < std::size(kNames) ? kNames[kind] : "?"} + " " + std::to_string(entry.number);
    if (entry.kind == EntryKind::lane) out += " of lane " + std::to_string(entry.lane);
    return out + " in epoch " + std::to_string(entry.epoch);
}

std::unexpected<Error> contradicts(const Entry& entry, const std::string& with) {
    return fail(error::SignatureContradicts, name_of(entry) + ": " + with);
}

std::unexpected<Error> too_old(const Entry& entry, std::uint64_t than) {
    return fail(error::SignatureTooOld, name_of(entry) + " is not above " + std::to_string(than));
}

Entry floor_of(EntryKind kind, std::uint16_t lane, std::uint64_t epoch, std::uint64_t number) {
    Entry out{EntryKind::floor, lane, epoch, number, {}};
    out.detail[0] = static_cast<std::uint8_t>(kind);
    return out;
}

Entry signed_entry(EntryKind kind, std::uint16_t lane, std::uint64_t epoch, std::uint64_t number,
                   const Hash256& digest) {
    Entry out{kind, lane, epoch, number, {}};
    std::ranges::copy(digest, out.detail.bytes.begin());
    return out;
}

} // namespace

Result<Verdict> Rules::Sequence::check(const Entry& entry, bool only_upwards) const {
    if (entry.number <= floor) return too_old(entry, floor);
    if (const auto known = signed_.find(entry.number); known != signed_.end()) {
        if (known->second == entry.digest()) return Verdict::repeat;
        return contradicts(entry, "another digest was signed");
    }
    if (only_upwards && !signed_.empty() && entry.number < signed_.rbegin()->first)
        return too_old(entry, signed_.rbegin()->first);
    return Verdict::fresh;
}

void Rules::Sequence::apply(const Entry& entry, std::size_t remembered) {
    if (entry.number <= floor) return;
    signed_.insert_or_assign(entry.number, entry.digest());
    while (signed_.size() > remembered) raise(signed_.begin()->first);
}

void Rules::Sequence::raise(std::uint64_t to) {
    floor = std::max(floor, to);
    signed_.erase(signed_.begin(), signed_.upper_bound(floor));
}

Result<Verdict> Rules::check_view(const EpochState& state, const Entry& entry) {
    if (entry.number <= state.floor) return too_old(entry, state.floor);
    static const ViewVotes kNone;
    const auto found = state.views.find(entry.number);
    const auto& votes = found == state.views.end() ? kNone : found->second;
    const auto digest = entry.digest();
    const bool behind = entry.number < state.highest;
    switch (entry.kind) {
    case EntryKind::notarize:
        if (votes.notarize == digest) return Verdict::repeat;
        if (votes.notarize) return contradicts(entry, "another digest was notarized");
        if (votes.nullify) return contradicts(entry, "the view was nullified");
        if (votes.finalize && votes.finalize != digest) return contradicts(entry, "another digest was finalized");
        break;
    case EntryKind::nullify:
        if (votes.nullify) return Verdict::repeat;
        if (votes.finalize) return contradicts(entry, "the view was finalized");
        break;
    case EntryKind::finalize:
        if (votes.finalize == digest) return Verdict::repeat;
        if (votes.finalize) return contradicts(entry, "another digest was finalized");
        if (votes.nullify) return contradicts(entry, "the view was nullified");
        if (votes.notarize && votes.notarize != digest) return contradicts(entry, "another digest was notarized");
        // Finalize may come late: a notarization is often complete only after the view was left.
        return Verdict::fresh;
    default:
        if (votes.proposal == digest) return Verdict::repeat;
        if (votes.proposal) return contradicts(entry, "another block was proposed");
    }
    if (behind) return too_old(entry, state.highest - 1);
    return Verdict::fresh;
}

std::pair<std::uint64_t, Hash256> Rules::last_execution() const {
    if (executions_.signed_.empty()) return {};
    return *executions_.signed_.rbegin();
}

Result<Verdict> Rules::check(const Entry& entry) const {
    if (entry.kind == EntryKind::execution) return executions_.check(entry, false);
    if (entry.epoch < epoch_floor_)
        return fail(error::SignatureTooOld, name_of(entry) + " is of an epoch before " + std::to_string(epoch_floor_));
    static const EpochState kFresh;
    const auto found = epochs_.find(entry.epoch);
    const auto& state = found == epochs_.end() ? kFresh : found->second;
    switch (entry.kind) {
    case EntryKind::lane: {
        if (entry.lane >= ledger::kValidatorsMax) return fail(error::SignerRequestInvalid, "no such lane");
        static const Sequence kEmpty;
        const auto lane = state.lanes.find(entry.lane);
        return (lane == state.lanes.end() ? kEmpty : lane->second).check(entry, true);
    }
    case EntryKind::batch: return state.batches.check(entry, true);
    case EntryKind::notarize:
    case EntryKind::nullify:
    case EntryKind::finalize:
    case EntryKind::proposal: return check_view(state, entry);
    default: return fail(error::SignerRequestInvalid, "not a statement");
    }
}

void Rules::apply(const Entry& entry) {
    const auto kind = entry.kind == EntryKind::floor ? static_cast<EntryKind>(entry.detail[0]) : entry.kind;
    const bool floor = entry.kind == EntryKind::floor;
    if (kind == EntryKind::execution)
        return floor ? executions_.raise(entry.number) : executions_.apply(entry, kHeightsRemembered);
    if (kind == EntryKind::chain) { // floor of epochs
        if (floor) epoch_floor_ = std::max(epoch_floor_, entry.epoch);
        return;
    }
    if (entry.epoch < epoch_floor_) return;
    auto& state = epochs_[entry.epoch];
    switch (kind) {
    case EntryKind::lane: {
        auto& lane = state.lanes[entry.lane];
        if (floor)
            lane.raise(entry.number);
        else
            lane.apply(entry, kPositionsRemembered);
        break;
    }
    case EntryKind::batch:
        if (floor)
            state.batches.raise(entry.number);
        else
            state.batches.apply(entry, kPositionsRemembered);
        break;
    case EntryKind::notarize:
    case EntryKind::nullify:
    case EntryKind::finalize:
    case EntryKind::proposal: {
        if (floor) {
            state.floor = std::max(state.floor, entry.number);
            state.views.erase(state.views.begin(), state.views.upper_bound(state.floor));
            break;
        }
        if (entry.number <= state.floor) break;
        auto& votes = state.views[entry.number];
        if (kind == EntryKind::notarize) votes.notarize = entry.digest();
        if (kind == EntryKind::nullify) votes.nullify = true;
        if (kind == EntryKind::finalize) votes.finalize = entry.digest();
        if (kind == EntryKind::proposal) votes.proposal = entry.digest();
        if (kind != EntryKind::finalize) state.highest = std::max(state.highest, entry.number);
        while (state.views.size() > kViewsRemembered) {
            state.floor = state.views.begin()->first;
            state.views.erase(state.views.begin());
        }
        break;
    }
    default: break;
    }
    while (epochs_.size() > kEpochsRemembered) {
        epochs_.erase(epochs_.begin());
        epoch_floor_ = epochs_.begin()->first;
    }
}

std::vector<Entry> Rules::snapshot() const {
    std::vector<Entry> out;
    const auto sequence = [&](const Sequence& from, EntryKind kind, std::uint16_t lane, std::uint64_t epoch) {
        if (from.floor > 0) out.push_back(floor_of(kind, lane, epoch, from.floor));
        for (const auto& [number, digest] : from.signed_)
            out.push_back(signed_entry(kind, lane, epoch, number, digest));
    };
    sequence(executions_, EntryKind::execution, 0, 0);
    if (epoch_floor_ > 0) out.push_back(floor_of(EntryKind::chain, 0, epoch_floor_, 0));
    for (const auto& [epoch, state] : epochs_) {
        if (state.floor > 0) out.push_back(floor_of(EntryKind::notarize, 0, epoch, state.floor));
        for (const auto& [view, votes] : state.views) {
            if (votes.proposal) out.push_back(signed_entry(EntryKind::proposal, 0, epoch, view, *votes.proposal));
            if (votes.notarize) out.push_back(signed_entry(EntryKind::notarize, 0, epoch, view, *votes.notarize));
            if (votes.nullify) out.push_back(signed_entry(EntryKind::nullify, 0, epoch, view, {}));
            if (votes.finalize) out.push_back(signed_entry(EntryKind::finalize, 0, epoch, view, *votes.finalize));
        }
        sequence(state.batches, EntryKind::batch, 0, epoch);
        for (const auto& [lane, positions] : state.lanes) sequence(positions, EntryKind::lane, lane, epoch);
    }
    return out;
}

} // namespace cairn::signer
