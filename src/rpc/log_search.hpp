// Which logs a filter matches, and where to look for them.
#pragma once

#include "rpc/answers.hpp"
#include "rpc/method.hpp"

namespace cairn::rpc {

bool matches(const ledger::Log& log, const LogFilter& filter);
/// False only if no log of a block with this bloom can match.
bool may_match(const ledger::Bloom& bloom, const LogFilter& filter);

/// JSON array of the matching logs of blocks first..last. kLimit when the range or the result is too large.
Answer search_logs(const Context& context, const LogFilter& filter, Height first, Height last);
/// As eth_getLogs: the range is what the filter says.
Answer search_logs(const Context& context, const LogFilter& filter);

} // namespace cairn::rpc
