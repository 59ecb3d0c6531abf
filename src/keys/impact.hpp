// "This key leaked at block H: what is concerned?"
//
// Exposed keys: the key, and every key that lies encrypted under an exposed one, whenever it was wrapped. Of each of them:
//   files, backups, grants    all: whoever has the key opens them now
//   sessions                  those without forward secrecy all, the others from H on
//   signatures, exports       from H on; an earlier signature stands in a block before the leak and stays good
//   certificates issued       all: those from H on may be the thief's, the others need a new issuer
//   hosts, origin             all: where else the key may be
//   accounts                  those that the key signed for at H or later; with them everything they ever deployed, and what they
//                             recorded from H on
#pragma once

#include "keys/touch_index.hpp"

#include <vector>

namespace cairn::keys {

struct Finding {
    KeyId via; // the exposed key, or the account, whose event it is
    TouchEvent event;
    auto operator<=>(const Finding&) const = default;
};

struct Impact {
    KeyId key;
    std::uint64_t since = 0;
    std::vector<KeyId> keys;       // exposed, ascending, `key` included
    std::vector<KeyId> accounts;   // addresses as words, ascending
    std::vector<Finding> findings; // by event
};

/// More findings than this are refused: ask for a later height.
inline constexpr std::size_t kFindingsMax = 4'000'000;

/// `since` 0: from the beginning. KeyUnknown if the index has no event of the key, it is no account's and the chain's register lacks it.
Result<Impact> impact_of(const TouchIndex& index, const KeyId& key, std::uint64_t since, bool is_registered = false);

} // namespace cairn::keys
