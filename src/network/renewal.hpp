// The own certificate: a file whose change is taken into use for new handshakes. For this folder's .cpp files only.
#pragma once

#include "network/events.hpp"

namespace cairn::network {

/// On the network's thread, but for what says otherwise.
class Renewal {
public:
    /// All must outlive it.
    Renewal(const NetworkConfig& config, const Seating& seating, std::shared_ptr<const PeerTrust> trust, Events& events)
        : config_(config), seating_(seating), trust_(std::move(trust)), events_(events) {}

    /// Before there is a thread. As TlsContext::open and check_seat.
    Status open();
    /// Looks at the file, unless it did so a moment ago. What was refused is tried again after a while: trust may have changed. A node
    /// that is cut off takes a certificate by a CA of its organisation that it does not know: others may know it already.
    void check(Microseconds time, bool is_cut_off);
    /// Trust has changed: what was refused is tried at the next check.
    void try_again() { retry_ = {}; }
    /// For new handshakes; older connections hold theirs.
    const std::shared_ptr<TlsContext>& tls() const { return tls_; }
    /// Any thread.
    OwnCertificate certificate() const;

private:
    std::string mark_of_file() const;
    void take_into_use(std::shared_ptr<TlsContext> tls);

    const NetworkConfig& config_;
    const Seating& seating_;
    const std::shared_ptr<const PeerTrust> trust_;
    Events& events_;
    std::shared_ptr<TlsContext> tls_;
    std::string mark_;
    std::string refusal_; // of the file as it is now; empty if it was not refused
    Microseconds retry_{};
    Microseconds checked_{};
    bool was_cut_off_ = false;
    mutable std::mutex mutex_;
    OwnCertificate own_; // guarded by mutex_
};

} // namespace cairn::network
