// The commands about storage keys that a running node takes on its control socket, and their answers in JSON:
//     storage-key status | rotate | rewrap | reencrypt MIB_PER_SECOND | retire VERSION
// Answer: {"result": {...}} or {"error": {"code": "CRN-STO-0022", "detail": "..."}}.
#pragma once

#include "node/chain.hpp"
#include "node/data_at_rest.hpp"

#include <string>

namespace cairn::node {

std::string answer_storage_command(DataAtRest& at_rest, const Chain& chain, const std::string& line);

} // namespace cairn::node
