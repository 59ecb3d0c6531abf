#include "zone/request.hpp"

#include "base/bytes.hpp"
#include "base/errors/zone.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

namespace cairn::zone {
namespace {

using nlohmann::json;

constexpr std::size_t kNameMax = 64;
constexpr std::size_t kValueMax = 1024;
constexpr std::size_t kNonceDigits = 32;

std::unexpected<Error> invalid(const char* what) { return fail(error::ZoneRequestInvalid, what); }

/// IPv4 as IPv6 (RFC 4291 §2.5.5.2), so that one comparison serves both.
std::optional<std::array<std::uint8_t, 16>> parse_address(const std::string& text) {
    std::array<std::uint8_t, 16> out{};
    if (::inet_pton(AF_INET6, text.c_str(), out.data()) == 1) return out;
    out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (::inet_pton(AF_INET, text.c_str(), out.data() + 12) == 1) return out;
    return std::nullopt;
}

} // namespace

std::string to_json(const CommandRequest& request) {
    json out{{"command", request.command},
             {"arguments", request.arguments},
             {"nonce", request.nonce},
             {"time", request.time.count()}};
    if (!request.code.empty()) out["code"] = request.code;
    return out.dump();
}

Result<CommandRequest> request_from_json(std::string_view body) {
    if (body.size() > kRequestBytesMax) return invalid("it is too long");
    // Three levels are all it can have; a callback that refuses deeper ones keeps hostile nesting cheap.
    bool deep = false;
    const auto document = json::parse(
        body,
        [&](int depth, json::parse_event_t, json&) {
            deep |= depth > 3;
            return !deep;
        },
        false);
    if (deep || !document.is_object()) return invalid("it is no JSON object");
    CommandRequest out;
    for (const auto& [name, value] : document.items()) {
        if (name == "command" && value.is_string())
            out.command = value.get<std::string>();
        else if (name == "nonce" && value.is_string())
            out.nonce = value.get<std::string>();
        else if (name == "code" && value.is_string())
            out.code = value.get<std::string>();
        else if (name == "time" && value.is_number_unsigned() && value.get<std::uint64_t>() < std::uint64_t{1} << 53)
            out.time = Milliseconds{value.get<std::int64_t>()};
        else if (name == "arguments" && value.is_object() && value.size() <= kArgumentsMax) {
            for (const auto& [key, argument] : value.items()) {
                if (!argument.is_string() || key.size() > kNameMax ||
                    argument.get_ref<const std::string&>().size() > kValueMax)
                    return invalid("an argument is no text, or too long");
                out.arguments.emplace(key, argument.get<std::string>());
            }
        } else
            return invalid("a member is unknown, or of the wrong type");
    }
    const bool hex =
        std::ranges::all_of(out.nonce, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (out.command.empty() || out.command.size() > kNameMax || out.code.size() > kNameMax ||
        out.nonce.size() != kNonceDigits || !hex || out.time.count() == 0)
        return invalid("command, nonce or time is missing");
    return out;
}

Bytes signed_bytes(std::string_view node, std::string_view body) {
    Bytes out = to_bytes(as_bytes("cairn-command-v1\n"));
    append(out, as_bytes(node));
    out.push_back('\n');
    append(out, as_bytes(body));
    return out;
}

Status ReplayGuard::take(const std::string& who, const CommandRequest& request, Milliseconds now) {
    if (request.time > now + kTimeWindow || request.time + kTimeWindow < now)
        return fail(error::ZoneRequestStale,
                    "the clocks differ by " + std::to_string(std::abs((request.time - now).count()) / 1000) + " s");
    const std::lock_guard lock(mutex_);
    // A request lives for two windows at most: one before its time, one after.
    while (!by_time_.empty() && by_time_.begin()->first + 2 * kTimeWindow.count() < now.count()) {
        known_.erase(by_time_.begin()->second);
        by_time_.erase(by_time_.begin());
    }
    const auto key = who + "\n" + request.nonce;
    if (known_.contains(key)) return fail(error::ZoneReplay, "nonce " + request.nonce);
    if (known_.size() >= kNoncesMax) return fail(error::ZoneBusy);
    known_.insert(key);
    by_time_.emplace(now.count(), key);
    return {};
}

Status Lockout::check(const std::string& who, Milliseconds now) const {
    const std::lock_guard lock(mutex_);
    const auto found = states_.find(who);
    if (found == states_.end() || found->second.until <= now) return {};
    return fail(error::ZoneLocked,
                who + ", for " + std::to_string((found->second.until - now).count() / 1000 + 1) + " s");
}

bool Lockout::failed(const std::string& who, Milliseconds now) {
    const std::lock_guard lock(mutex_);
    auto& state = states_[who];
    if (now - state.last > duration_) state.failures = 0;
    state.last = now;
    if (++state.failures < attempts_) return false;
    state.failures = 0;
    state.until = now + duration_;
    return true;
}

void Lockout::succeeded(const std::string& who) {
    const std::lock_guard lock(mutex_);
    states_.erase(who);
}

bool Lockout::unlock(const std::string& who) {
    const std::lock_guard lock(mutex_);
    return states_.erase(who) != 0;
}

bool origin_listed(const std::string& address, const std::vector<std::string>& origins) {
    const auto given = parse_address(address);
    if (!given) return false;
    return std::ranges::any_of(origins, [&](const std::string& origin) {
        const auto slash = origin.find('/');
        const auto listed = parse_address(origin.substr(0, slash));
        if (!listed) return false;
        unsigned bits = 128;
        if (slash != std::string::npos) {
            const auto* const end = origin.data() + origin.size();
            const auto [stop, error] = std::from_chars(origin.data() + slash + 1, end, bits);
            const unsigned most = origin.find(':') == std::string::npos ? 32 : 128;
            if (error != std::errc{} || stop != end || bits > most) return false;
            bits += 128 - most;
        }
        for (unsigned i = 0; i < bits; ++i)
            if (((*given)[i / 8] ^ (*listed)[i / 8]) >> (7 - i % 8) & 1) return false;
        return true;
    });
}

} // namespace cairn::zone
