#include "network/admission.hpp"

#include <algorithm>

namespace cairn::network {
namespace {

constexpr Microseconds kSweepInterval{1'000'000};
constexpr double kPointsForgottenPerSecond = static_cast<double>(Bans::kPointsMax) / 600;
constexpr unsigned kBanDoublingsMax = 6;

} // namespace

Sources::Source& Sources::find(const SourceKey& key, const std::string& address, Microseconds now) {
    if (const auto found = sources_.find(key); found != sources_.end()) return found->second;
    if (sources_.size() >= tuning_.sources_max && now - swept_ >= kSweepInterval) {
        swept_ = now;
        for (auto entry = sources_.begin(); entry != sources_.end();) {
            auto& source = entry->second;
            entry = source.half_open == 0 && source.bucket.is_full(now) ? sources_.erase(entry) : std::next(entry);
        }
    }
    if (sources_.size() >= tuning_.sources_max) {
        if (!overflow_) overflow_.emplace(Source{"others", TokenBucket(tuning_.handshakes_per_source, now), 0, 0});
        return *overflow_;
    }
    return sources_.emplace(key, Source{address, TokenBucket(tuning_.handshakes_per_source, now), 0, 0}).first->second;
}

std::optional<Sources::Counted> Sources::begin(const SourceKey& key, const std::string& address, Microseconds now) {
    auto& source = find(key, address, now);
    if (source.half_open >= tuning_.half_open_per_source_max || !source.bucket.take(1, now)) {
        ++source.refused;
        return std::nullopt;
    }
    ++source.half_open;
    const bool shared = overflow_ && &source == &*overflow_;
    return Counted{shared ? std::nullopt : std::optional(key)};
}

void Sources::done(const Counted& counted) {
    auto& source = counted.source ? sources_.at(*counted.source) : *overflow_; // neither goes while it counts one
    --source.half_open;
}

std::vector<ThrottledSource> Sources::throttled() const {
    std::vector<ThrottledSource> out;
    for (const auto& [key, source] : sources_)
        if (source.refused != 0) out.push_back({source.address, source.refused});
    std::ranges::sort(out, [](const auto& a, const auto& b) {
        return a.refused != b.refused ? a.refused > b.refused : a.address < b.address;
    });
    return out;
}

double Bans::points_now(const Peer& peer, Microseconds now) const {
    const auto seconds = static_cast<double>((now - peer.counted_at).count()) / 1e6;
    return std::max(0.0, peer.points - seconds * kPointsForgottenPerSecond);
}

void Bans::seat(const std::vector<std::optional<std::size_t>>& before) {
    std::vector<Peer> next(before.size());
    for (std::size_t i = 0; i < before.size(); ++i)
        if (before[i]) next[i] = peers_[*before[i]];
    peers_ = std::move(next);
}

bool Bans::note(ValidatorIndex index, const std::string& address, const std::string& reason, Microseconds now) {
    if (index.value >= peers_.size() || tuning_.ban == Milliseconds{0}) return false;
    auto& peer = peers_[index.value];
    if (is_banned(index, now)) return false;
    peer.points = points_now(peer, now) + static_cast<double>(kPointsPerViolation);
    peer.counted_at = now;
    if (!address.empty()) peer.address = address;
    peer.reason = reason;
    // Half a violation of tolerance: what was forgotten since the first of them must not save the tenth.
    if (peer.points < static_cast<double>(kPointsMax) - static_cast<double>(kPointsPerViolation) / 2) return false;
    peer.points = 0;
    peer.until = now + tuning_.ban * (1u << std::min(peer.bans, kBanDoublingsMax));
    ++peer.bans;
    return true;
}

bool Bans::is_banned(ValidatorIndex peer, Microseconds now) const {
    return peer.value < peers_.size() && now < peers_[peer.value].until;
}

std::uint64_t Bans::score(ValidatorIndex peer, Microseconds now) const {
    return peer.value < peers_.size() ? static_cast<std::uint64_t>(points_now(peers_[peer.value], now)) : 0;
}

std::vector<BanState> Bans::list(Microseconds now) const {
    std::vector<BanState> out;
    for (std::uint16_t i = 0; i < peers_.size(); ++i) {
        const auto& peer = peers_[i];
        if (now >= peer.until) continue;
        const auto left = std::chrono::duration_cast<std::chrono::seconds>(peer.until - now);
        out.push_back({.peer = ValidatorIndex{i},
                       .name = {},
                       .address = peer.address,
                       .reason = peer.reason,
                       .seconds_left = static_cast<std::uint64_t>(left.count())});
    }
    return out;
}

} // namespace cairn::network
