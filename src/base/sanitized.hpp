// Whether this program was built with the address or the thread sanitizer. It is several times slower then, and looks for other mistakes:
// a test that goes through very many cases takes a part of them.
#pragma once

namespace cairn {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#elif !defined(__has_feature)
inline constexpr bool kIsSanitized = false;
#elif __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

} // namespace cairn
