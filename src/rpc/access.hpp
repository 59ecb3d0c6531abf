// Who may talk to the server: checks on the headers of a request, before its body is looked at.
#pragma once

#include "rpc/http_server.hpp"

#include <string_view>

namespace cairn::rpc {

/// The host of a Host header: "[::1]:8545" gives "::1", "localhost:8545" gives "localhost".
std::string_view host_of(std::string_view header);
/// Numeric addresses, localhost and the names in `allowed` ("*": all). A page that was loaded from an attacker's name
/// and then rebound to this machine's address carries that name here.
bool host_allowed(std::string_view header, const std::vector<std::string>& allowed);
/// Exact match with one of `allowed`, or "*" among them.
bool origin_allowed(std::string_view origin, const std::vector<std::string>& allowed);
/// True if `header` is "Bearer TOKEN" with the token of that digest. The time taken tells nothing about the token.
bool token_accepted(std::string_view header, const Hash256& token_digest);
/// Digest of the first line of the file: RpcTokenInvalid if it cannot be read or has not 16 to 256 characters.
Result<Hash256> read_token_digest(const std::string& path);

} // namespace cairn::rpc
