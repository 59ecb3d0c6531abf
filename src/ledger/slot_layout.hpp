// Where Solidity's compiler would put a contract's variables, so that the system contracts' storage can be read, and proved
// with eth_getProof, by anyone who knows a contract's declaration. Source: "Layout of State Variables in Storage" of the
// Solidity documentation.
#pragma once

#include "base/bytes.hpp"
#include "base/u256.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace cairn::ledger {

/// mapping(bytes32 => T) or any other key of one word: Keccak-256(key . slot).
U256 mapping_slot(const Hash256& key, const U256& slot);
/// mapping(string => T): Keccak-256(text . slot).
U256 mapping_slot(std::string_view key, const U256& slot);
/// First slot of the elements of a dynamic array, or of the content of a long string: Keccak-256(slot).
U256 content_slot(const U256& slot);

/// `bytes` and `string`: up to 31 bytes stand in the slot itself with twice the length in the lowest byte; from 32 bytes
/// the slot holds twice the length plus one and the content begins at content_slot(slot).
inline constexpr std::size_t kShortStringBytesMax = 31;
/// Length of the string whose slot holds `word`; nothing for a word that no compiler writes.
std::optional<std::uint64_t> string_length(const U256& word);
/// The slot's value for a string, and the words of its content if it is long.
U256 string_word(BytesView text);
std::vector<U256> string_content(BytesView text);

} // namespace cairn::ledger
