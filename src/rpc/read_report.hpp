// Who read what has a label, for whoever keeps the log of it.
#pragma once

#include "base/result.hpp"
#include "ledger/account.hpp"

#include <functional>
#include <optional>
#include <string>

namespace cairn::rpc {

/// One request that read an object with a label, or was refused it.
struct LabelledRead {
    std::string client; // numeric address of the connection
    std::string method;
    std::string object;            // "contract 0x..." or "record 0x..."
    std::optional<Address> sender; // as the call names it: nobody proves it; nothing for reads without a call
    bool refused = false;
};

/// On the thread of the request, before it is answered; quick. An error refuses what was allowed.
using ReadReport = std::function<Status(const LabelledRead&)>;

} // namespace cairn::rpc
