#include "zone/listeners.hpp"

#include "base/errors/zone.hpp"

#include <arpa/inet.h>

namespace cairn::zone {
namespace {

bool is_any(const std::string& address) { return address == "0.0.0.0" || address == "::"; }
bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }

/// `ip daddr 10.0.0.1 ` or nothing for all addresses.
std::string match(const char* what, const std::string& address) {
    if (is_any(address)) return {};
    return std::string{is_v6(address) ? "ip6 " : "ip "} + what + " " + address + " ";
}

/// Only what nft takes as an address or network; names of hosts would be looked up when the rules load.
bool is_numeric(const std::string& text) {
    const auto address = text.substr(0, text.find('/'));
    in6_addr buffer{};
    return ::inet_pton(AF_INET, address.c_str(), &buffer) == 1 || ::inet_pton(AF_INET6, address.c_str(), &buffer) == 1;
}

} // namespace

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

Status check_listeners(const std::vector<Listener>& listeners) {
    for (std::size_t i = 0; i < listeners.size(); ++i)
        for (std::size_t j = 0; j < i; ++j) {
            const auto& a = listeners[i];
            const auto& b = listeners[j];
            if (a.zone == b.zone || a.port == 0 || a.port != b.port) continue;
            if (a.address == b.address || is_any(a.address) || is_any(b.address))
                return fail(error::ZoneConflict, b.zone + " and " + a.zone + " at port " + std::to_string(a.port));
        }
    return {};
}

std::string nftables_rules(const std::vector<Listener>& listeners, const std::vector<std::uint16_t>& always) {
    std::string out = "# Zones of a Cairn node; load with: nft -f FILE\n"
                      "table inet cairn\n"
                      "delete table inet cairn\n"
                      "table inet cairn {\n"
                      "    chain input {\n"
                      "        type filter hook input priority filter; policy drop;\n"
                      "        iif \"lo\" accept\n"
                      "        ct state established,related accept\n"
                      "        ct state invalid drop\n"
                      "        meta l4proto { icmp, ipv6-icmp } accept\n";
    for (const auto port : always) out += "        tcp dport " + std::to_string(port) + " accept\n";
    for (const auto& listener : listeners) {
        const auto place = listener.zone + " " + listener.address + ":" + std::to_string(listener.port);
        if (is_loopback(listener.address)) {
            out += "        # " + place + ": this machine only\n";
            continue;
        }
        if (!is_numeric(listener.address)) {
            out += "        # " + place + ": not a numeric address, so no rule\n";
            continue;
        }
        const auto to = match("daddr", listener.address) + "tcp dport " + std::to_string(listener.port) +
                        " ct state new counter accept comment \"" + listener.zone + "\"\n";
        if (listener.origins.empty()) out += "        " + to;
        for (const auto& origin : listener.origins)
            if (is_numeric(origin) && !is_loopback(origin.substr(0, origin.find('/'))))
                out += "        " + match("saddr", origin) + to;
    }
    return out + "        counter comment \"refused\"\n    }\n}\n";
}

} // namespace cairn::zone
