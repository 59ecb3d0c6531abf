#include "rpc/access.hpp"

#include "base/errors/rpc.hpp"
#include "crypto/hash.hpp"

#include <cctype>
#include <fstream>

namespace cairn::rpc {
namespace {

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

bool is_ipv4(std::string_view text) {
    int dots = 0;
    int digits = 0;
    int value = 0;
    for (const char c : text) {
        if (c == '.') {
            if (digits == 0 || ++dots > 3) return false;
            digits = value = 0;
        } else if (c >= '0' && c <= '9') {
            value = value * 10 + (c - '0');
            if (++digits > 3 || value > 255) return false;
        } else {
            return false;
        }
    }
    return dots == 3 && digits > 0;
}

bool is_ipv6(std::string_view text) {
    return text.size() >= 2 && text.size() <= 45 && text.find(':') != text.npos &&
           text.find_first_not_of("0123456789abcdefABCDEF:.") == text.npos;
}

} // namespace

std::string_view host_of(std::string_view header) {
    if (header.starts_with('[')) {
        const auto end = header.find(']');
        return end == header.npos ? std::string_view{} : header.substr(1, end - 1);
    }
    return header.substr(0, header.find(':'));
}

bool host_allowed(std::string_view header, const std::vector<std::string>& allowed) {
    const auto host = host_of(header);
    if (host.empty()) return false;
    if (is_ipv4(host) || is_ipv6(host) || equal_ignoring_case(host, "localhost")) return true;
    return std::any_of(allowed.begin(), allowed.end(),
                       [&](const std::string& name) { return name == "*" || equal_ignoring_case(name, host); });
}

bool origin_allowed(std::string_view origin, const std::vector<std::string>& allowed) {
    return std::any_of(allowed.begin(), allowed.end(),
                       [&](const std::string& entry) { return entry == "*" || entry == origin; });
}

bool token_accepted(std::string_view header, const Hash256& token_digest) {
    constexpr std::string_view kScheme = "Bearer ";
    if (header.size() < kScheme.size() || !equal_ignoring_case(header.substr(0, kScheme.size()), kScheme)) return false;
    const auto digest = crypto::sha256(as_bytes(header.substr(kScheme.size())));
    unsigned difference = 0;
    for (std::size_t i = 0; i < digest.size(); ++i) difference |= digest[i] ^ token_digest[i];
    return difference == 0;
}

Result<Hash256> read_token_digest(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!file || !std::getline(file, line)) return fail(error::RpcTokenInvalid, path);
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) line.pop_back();
    if (line.size() < 16 || line.size() > 256) return fail(error::RpcTokenInvalid, path);
    const auto digest = crypto::sha256(as_bytes(line));
    std::fill(line.begin(), line.end(), '\0');
    return digest;
}

} // namespace cairn::rpc
