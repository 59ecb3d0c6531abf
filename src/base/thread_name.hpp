// Names of threads as `top -H`, debuggers and profilers show them.
#pragma once

#include <pthread.h>

namespace cairn {

/// Of the calling thread; at most 15 characters, or nothing happens.
inline void name_thread(const char* name) { ::pthread_setname_np(::pthread_self(), name); }

} // namespace cairn
