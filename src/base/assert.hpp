// Assertions that stay on in production: a node that would lie stops instead.
#pragma once

namespace cairn {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}

#define CRN_ASSERT(expression) \
    (static_cast<bool>(expression) ? void(0) : ::cairn::assertion_failed(#expression, __FILE__, __LINE__))
