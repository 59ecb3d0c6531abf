// Recovery shares of the root key: any K of N open it, fewer know nothing (Shamir 1979, over GF(256) with x^8+x^4+x^3+x+1).
//
// A ceremony shares the 32 bytes of the root and draws a random number that all its shares bear. Share i is, for every byte,
// the value at x = i of a polynomial of degree K-1 whose constant is that byte. Arithmetic has neither branches nor table
// look-ups on secret bytes.
//
// What is refused, each with its own code: fewer than K different shares (ShareTooFew), a share file that was altered or
// whose passphrase is wrong (ShareDamaged), shares of two ceremonies (ShareMixed). After joining, the key must have the
// check value that every share bears: a forged share cannot make a wrong root pass.
//
// Share file, one per officer, sealed to a passphrase of the officer's own:
//
//     cairn recovery share 1
//     ceremony: 32 hex digits
//     share: 3 of 5, threshold 3
//     officer: printable text of at most 64 bytes
//     check: 16 hex digits, of the root
//     sealed: hex of crypto/passphrase.hpp; the context is all lines above
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "crypto/passphrase.hpp"
#include "storage/root_vault.hpp"

#include <string>
#include <vector>

namespace cairn::storage {

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
    crypto::SecretKey value;
};

/// One share per officer. Threshold from 2 to the number of officers, which is at most kSharesMax: otherwise ShareTooFew.
Result<std::vector<Share>> split_root(const RootKey& root, std::uint8_t threshold,
                                      const std::vector<std::string>& officers, Random& random);
/// ShareTooFew, ShareMixed, ShareDamaged.
Result<RootKey> join_shares(const std::vector<Share>& shares);

std::string write_share(const Share& share, std::string_view passphrase, const crypto::PassphraseCost& cost);
/// The clear lines; ShareDamaged if it is not of this form.
Result<ShareLabel> read_share_label(std::string_view text);
Result<Share> open_share(std::string_view text, std::string_view passphrase);

} // namespace cairn::storage
