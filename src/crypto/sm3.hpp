// SM3 (GB/T 32905-2016) and HMAC over it (OpenSSL). Thread-safe.
#pragma once

#include "base/bytes.hpp"

#include <initializer_list>

namespace cairn::crypto {

Hash256 sm3(BytesView data);
/// SM3 of the parts one after another, without copying them together.
Hash256 sm3(std::initializer_list<BytesView> parts);
/// RFC 2104 with SM3; keys of any length.
Hash256 hmac_sm3(BytesView key, BytesView data);

} // namespace cairn::crypto
