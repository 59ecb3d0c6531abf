// Solidity's contract ABI: what stands in call data, return data, revert data and logs.
// Source: "Contract ABI Specification" of the Solidity documentation, version 2 of the coder.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cairn::codec {

enum class AbiKind : std::uint8_t { uint, sint, address, boolean, fixed_bytes, bytes, string, array, tuple };

/// Limits of a type that comes from outside, so that neither parsing nor encoding can be made to explode.
inline constexpr std::size_t kAbiTypeTextMax = 4096;
inline constexpr std::size_t kAbiTypeDepthMax = 16;
inline constexpr std::size_t kAbiHeadBytesMax = 1u << 20;

struct AbiType {
    AbiKind kind = AbiKind::uint;
    /// uint, sint: 8 to 256 bits. fixed_bytes: 1 to 32 bytes.
    unsigned size = 256;
    /// array: the number of elements, or nothing if it is part of the value.
    std::optional<std::size_t> length{};
    /// tuple: the members. array: one, the element.
    std::vector<AbiType> parts{};

    bool operator==(const AbiType&) const = default;
    /// True if the value lies behind an offset.
    bool is_dynamic() const;
    /// Bytes in the head of the tuple that holds it: 32 for what is dynamic.
    std::size_t head_bytes() const;
    /// As in signatures: "uint256", "(address,bytes32[2])[]".
    std::string text() const;
};

/// "uint256", "bytes32[]", "(address,(string,bool)[3])". `uint` and `int` mean 256 bits; blanks are not allowed.
/// A leading "tuple" before a parenthesis is accepted. AbiInvalid otherwise, and for types without any bytes.
Result<AbiType> parse_abi_type(std::string_view text);

/// A value without its type. Numbers, addresses and booleans are a U256 (negative numbers in two's complement); bytesN, bytes
/// and string are Bytes; arrays and tuples are lists.
struct AbiValue {
    /// A list of lists is written with its elements as values: List{AbiValue{inner}}. List{inner} would be a list of one list for some
    /// compilers and a copy of it for others (CWG 2137), so whoever writes braces around nothing but lists is stopped.
    struct List : std::vector<AbiValue> {
        using std::vector<AbiValue>::vector;
        template <std::same_as<List> T>
        List(std::initializer_list<T>) = delete;
    };
    std::variant<U256, Bytes, List> content;

    AbiValue() = default;
    AbiValue(const U256& number) : content(number) {}
    AbiValue(std::integral auto number) : content(extended(number)) {}
    AbiValue(const Address& address) : content(from_big_endian(address)) {}
    AbiValue(const Hash256& bytes) : content(to_bytes(bytes)) {}
    AbiValue(Bytes bytes) : content(std::move(bytes)) {}
    AbiValue(std::string_view text) : content(to_bytes(as_bytes(text))) {}
    AbiValue(const std::string& text) : AbiValue(std::string_view{text}) {}
    AbiValue(const char* text) : AbiValue(std::string_view{text}) {}
    AbiValue(List list) : content(std::move(list)) {}

    bool operator==(const AbiValue&) const = default;

    // For values that were decoded with a type the caller knows; asking for another kind is a caller's bug (CRN_ASSERT).
    const U256& number() const;
    const Bytes& bytes() const;
    const List& list() const;
    bool as_bool() const { return static_cast<bool>(number()); }
    Address as_address() const;
    Hash256 as_hash() const; // bytes32
    std::string as_text() const { return std::string{cairn::as_text(bytes())}; }

private:
    static constexpr U256 extended(std::integral auto number) {
        const U256 low{static_cast<std::uint64_t>(number)};
        if constexpr (std::signed_integral<decltype(number)>)
            if (number < 0) return low | U256{0, ~0ull, ~0ull, ~0ull};
        return low;
    }
};

/// Encodes the members of `tuple`, one value each. AbiInvalid if a value does not fit its type.
Result<Bytes> abi_encode(const AbiType& tuple, const AbiValue::List& values);
/// With the type as text, for types that are constants of the program.
Result<Bytes> abi_encode(std::string_view tuple, const AbiValue::List& values);

/// Decodes the members of `tuple`. Like Solidity's own decoder it refuses (AbiInvalid) numbers out of their type's range and
/// anything that lies outside of `data`, and does not mind bytes that no value uses. No stretch of `data` may be used by many
/// values: in sum at most data.size() bytes are read, so the result is never much larger than the input.
Result<AbiValue::List> abi_decode(const AbiType& tuple, BytesView data);
Result<AbiValue::List> abi_decode(std::string_view tuple, BytesView data);

} // namespace cairn::codec
