// Recovery shares of a validator's secrets: any K of N open them, fewer know nothing (Shamir 1979, over GF(256) with
// x^8+x^4+x^3+x+1).
//
// A ceremony shares Secrets::stored(), so that a lost keys.sealed can be made again: with the root of storage the node
// reads its data and the signer its memory, with the others it is the same validator. Of keys on a token the first 64 bytes are
// shared as zeros. The ceremony draws a random number that all its shares bear. Share i is, for every byte, the value at x = i
// of a polynomial of degree K-1 whose constant is that byte. Arithmetic has neither branches nor table look-ups on secret
// bytes; secrets and shares lie in locked memory.
//
// What is refused, each with its own code: fewer than K different shares (ShareTooFew), a share file that was altered or
// whose passphrase is wrong (ShareDamaged), shares of two ceremonies (ShareMixed). After joining, the
// secrets must have the check value that every share bears: a forged share cannot make wrong secrets pass.
//
// Share file, one per officer, sealed to a passphrase of the officer's own:
//
//     cairn recovery share 2
//     ceremony: 32 hex digits
//     share: 3 of 5, threshold 3
//     officer: printable text of at most 64 bytes
//     check: 16 hex digits, of the secrets
//     sealed: hex of crypto/passphrase.hpp; the context is all lines above
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/passphrase.hpp"
#include "signer/secrets.hpp"

#include <string>
#include <vector>

namespace cairn::signer {

inline constexpr std::uint8_t kSharesMax = 32;
inline constexpr std::size_t kShareFileBytesMax = 4096;
inline constexpr std::size_t kOfficerBytesMax = 64;

using CeremonyId = FixedBytes<16, struct CeremonyIdTag>;

/// What a share file says in clear.
struct ShareLabel {
    CeremonyId ceremony;
    std::uint8_t index = 0; // 1..count
    std::uint8_t count = 0;
    std::uint8_t threshold = 0;
    std::string officer;
    crypto::KeyCheck check;
    bool operator==(const ShareLabel&) const = default;
};

struct Share {
    ShareLabel label;
    LockedBytes value; // as many as Secrets::stored()
};

/// Which secrets they are; tells nothing about them.
crypto::KeyCheck check_value(const Secrets& secrets);

/// One share per officer. Threshold from 2 to the number of officers, which is at most kSharesMax: otherwise ShareTooFew.
/// KeyInvalid if there is no memory that can be locked.
Result<std::vector<Share>> split_secrets(const Secrets& secrets, std::uint8_t threshold,
                                         const std::vector<std::string>& officers, Random& random);
/// ShareTooFew, ShareMixed, ShareDamaged; KeyInvalid.
Result<Secrets> join_shares(const std::vector<Share>& shares);

std::string write_share(const Share& share, std::string_view passphrase, const crypto::PassphraseCost& cost);
/// The clear lines; ShareDamaged if it is not of this form.
Result<ShareLabel> read_share_label(std::string_view text);
Result<Share> open_share(std::string_view text, std::string_view passphrase);

} // namespace cairn::signer
