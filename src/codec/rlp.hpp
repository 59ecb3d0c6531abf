// Recursive Length Prefix, Ethereum's canonical encoding (yellow paper, appendix B).
#pragma once

#include "base/bytes.hpp"
#include "base/errors/codec.hpp"
#include "base/result.hpp"
#include "base/u256.hpp"

#include <concepts>

namespace cairn::codec {

/// Bytes that `string` takes when it is put; that a list of `payload` bytes takes.
std::size_t rlp_string_size(BytesView string);
std::size_t rlp_list_size(std::size_t payload);

/// Appends items to a byte string. Lists: `RlpWriter list; list.put(...); out.put_list(list);`
class RlpWriter {
public:
    void put(BytesView string);
    /// Integers are written as their minimal big-endian string.
    void put(const U256& value);
    void put(std::unsigned_integral auto value) { put_integer(value); }
    void put_list(const RlpWriter& content);
    /// The prefix of a list whose items, `payload` bytes encoded, are put next: saves a copy where the size is known.
    void begin_list(std::size_t payload);
    /// An item that is encoded already.
    void put_raw(BytesView item) { append(bytes_, item); }
    void reserve(std::size_t bytes) { bytes_.reserve(bytes); }
    std::size_t size() const { return bytes_.size(); }

    const Bytes& bytes() const { return bytes_; }
    Bytes take() { return std::move(bytes_); }
    /// The content wrapped as one list.
    Bytes as_list() const;

private:
    void put_integer(std::uint64_t value);
    Bytes bytes_;
};

/// One decoded item: a view into the input.
struct RlpItem {
    bool is_list = false;
    BytesView payload; // content without the prefix
    BytesView whole;   // with the prefix
};

/// Reads items one after another; every getter fails with RlpInvalid and never reads outside the input.
/// Only the shortest form of each length and integer is accepted.
class RlpReader {
public:
    explicit RlpReader(BytesView input) : rest_(input) {}

    bool at_end() const { return rest_.empty(); }
    Result<RlpItem> next();
    Result<BytesView> string();
    Result<std::uint64_t> u64();
    Result<U256> u256();
    /// Reader over the content of a list.
    Result<RlpReader> list();
    template <class T>
    Result<T> fixed() {
        auto view = string();
        if (!view) return std::unexpected(view.error());
        auto value = T::from(*view);
        if (!value) return fail(error::RlpInvalid, "string of the wrong length");
        return *value;
    }
    /// Fails unless everything was read.
    Status finish() const;

private:
    BytesView rest_;
};

} // namespace cairn::codec
