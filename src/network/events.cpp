#include "network/events.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/network.hpp"
#include "base/log.hpp"

namespace cairn::network {

void Events::count(std::uint64_t NetworkCounters::* counter) {
    const std::lock_guard lock(mutex_);
    ++(counters_.*counter);
}

NetworkCounters Events::counters() const {
    const std::lock_guard lock(mutex_);
    return counters_;
}

bool Events::may_log(Microseconds time) {
    constexpr int kPerSecond = 10;
    if (time - window_ >= std::chrono::seconds(1)) {
        window_ = time;
        lines_ = 0;
    }
    if (++lines_ <= kPerSecond) return true;
    ++suppressed_;
    return false;
}

void Events::closed(const Connection& connection, const std::string& peer, const Error& error) {
    switch (error.code) {
    case error::CertificateForeign:
    case error::CertificateInvalid:
    case error::CertificateExpired:
    case error::CertificateNotYetValid:
    case error::CertificateTooLarge:
    case error::CertificateUsageWrong:
    case error::CertificateNameWrong:
    case error::CertificateRevoked: count(&NetworkCounters::certificates_refused); break;
    case error::HandshakeFailed:
        if (connection.was_dialled()) return; // the peer's last error
        count(&NetworkCounters::handshakes_failed);
        break;
    case error::VisitRefused: break;
    case error::PeerMismatch: count(&NetworkCounters::mismatches_refused); break;
    case error::FrameInvalid: count(&NetworkCounters::frames_invalid); break;
    case error::PeerSilent: count(&NetworkCounters::silent_cut); break;
    default: return;
    }
    if (handler_.on_refused) handler_.on_refused(connection.remote(), peer, error);
    if (!may_log(system_clock().monotonic())) return;
    log(LogLevel::warning, "network", "connection refused",
        {{"error", error.text()},
         {"remote", connection.remote()},
         {"peer", peer.empty() ? "unknown" : peer},
         {"suppressed", std::to_string(std::exchange(suppressed_, 0))}});
}

} // namespace cairn::network
