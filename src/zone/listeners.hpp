// Which doors a node has: one listener for each zone, none for two, and rules for the host's firewall that say the same.
#pragma once

#include "base/result.hpp"

#include <string>
#include <vector>

namespace cairn::zone {

struct Listener {
    std::string zone; // "peer", "client", "management", "regulator"
    std::string address;
    std::uint16_t port = 0;
    std::string protocol;             // what is spoken
    std::string authentication;       // who gets in
    std::vector<std::string> origins; // who may connect; empty: the firewall does not say
};

bool is_loopback(const std::string& address);
/// ZoneConflict if two of them could take the same connection.
Status check_listeners(const std::vector<Listener>& listeners);

/// A table for `nft -f` that lets new connections from outside only to these listeners, and to the ports `always` (remote
/// log-in); the rest of what comes in anew is dropped. It replaces its own earlier version and leaves other tables alone.
std::string nftables_rules(const std::vector<Listener>& listeners, const std::vector<std::uint16_t>& always);

} // namespace cairn::zone
