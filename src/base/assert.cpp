#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace cairn {

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "cairn: assertion failed: %s (%s:%d); the node stops before it can lie\n", expression, file,
                 line);
    std::fflush(stderr);
    std::abort();
}

} // namespace cairn
