// Whose certificates this process takes over https, when it calls nodes. Thread-safe.
#pragma once

#include <string>

namespace cairn::cli {

/// The CAs in this PEM file vouch for the server at `origin` ("https://127.0.0.1:8545").
void trust_at(const std::string& origin, const std::string& ca_file);
/// The CAs in this PEM file, and no others, vouch for all servers: --rpc-ca.
void trust_alone(const std::string& ca_file);
/// The file for a server; CAIRN_RPC_CA if none was named, and empty without it: then the system's CAs count.
std::string ca_file_for(const std::string& origin);

} // namespace cairn::cli
