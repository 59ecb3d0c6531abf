// What OpenSSL asks for the passphrase of an encrypted PEM text. Without it OpenSSL asks at the terminal, and waits.
#pragma once

namespace cairn::crypto {

/// A pem_password_cb that knows none: encrypted texts are refused.
inline int no_password(char*, int, int, void*) { return -1; }

} // namespace cairn::crypto
