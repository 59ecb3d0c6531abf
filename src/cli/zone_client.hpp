// How a person enters a zone of a node: HTTPS with the person's certificate, and, for commands, a signature.
#pragma once

#include "base/result.hpp"
#include "cli/invocation.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <string>

namespace cairn::cli {

/// Who enters where.
struct ZoneAccess {
    std::string node; // its name, which commands are signed for
    std::string host;
    std::uint16_t port = 0;
    std::string identity_directory; // ca.pem, identity.pem, identity.key
};

/// --at HOST:PORT, --node NAME, --identity DIR; what is left out is taken from the development network.
/// `person` is a folder of its organisations: "administrators/NAME" or "regulators/NAME". `node`, if given, goes before --node.
Result<ZoneAccess> zone_access(const Invocation& invocation, const std::string& person, const std::string& node = {});
std::vector<FlagSpec> zone_flags();

/// Errors: ZoneUnreachable; the node's own code if it refuses.
Result<nlohmann::json> send_command(const ZoneAccess& access, const std::string& command,
                                    const std::map<std::string, std::string>& arguments, const std::string& code);
Result<nlohmann::json> ask(const ZoneAccess& access, const std::string& question,
                           const std::map<std::string, std::string>& arguments);

} // namespace cairn::cli
