// Cairn's own binary encoding for messages, log records and files: fixed-width little-endian integers and
// length-prefixed strings, in the order the fields are written. Limits are checked before anything is copied.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/types.hpp"
#include "base/u256.hpp"

namespace cairn::codec {

class WireWriter {
public:
    void u8(std::uint8_t v) { bytes_.push_back(v); }
    void u16(std::uint16_t v) { integer(v, 2); }
    void u32(std::uint32_t v) { integer(v, 4); }
    void u64(std::uint64_t v) { integer(v, 8); }
    void boolean(bool v) { u8(v ? 1 : 0); }
    void index(ValidatorIndex v) { u16(v.value); }
    template <class Tag>
    void number(Number<Tag> v) {
        u64(v.value);
    }
    template <std::size_t N, class Tag>
    void fixed(const FixedBytes<N, Tag>& v) {
        append(bytes_, v);
    }
    /// u32 length, then the bytes.
    void string(BytesView v) {
        u32(static_cast<std::uint32_t>(v.size()));
        append(bytes_, v);
    }
    void text(std::string_view v) { string(as_bytes(v)); }
    void raw(BytesView v) { append(bytes_, v); }

    const Bytes& bytes() const { return bytes_; }
    Bytes take() { return std::move(bytes_); }

private:
    void integer(std::uint64_t v, int width) {
        for (int i = 0; i < width; ++i) bytes_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    }
    Bytes bytes_;
};

/// Reads what WireWriter wrote. The first failure sticks: later getters return zero values, and `finish` reports it.
/// So a decoder reads all fields and checks once.
class WireReader {
public:
    explicit WireReader(BytesView input) : rest_(input) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
    std::uint64_t u64() { return integer(8); }
    /// Only 0 and 1 are accepted.
    bool boolean();
    ValidatorIndex index() { return {u16()}; }
    template <class T>
    T number() {
        return T{u64()};
    }
    template <class T>
    T fixed() {
        T out;
        const auto view = take(T::kSize);
        if (view.size() == T::kSize) std::memcpy(out.data(), view.data(), T::kSize);
        return out;
    }
    /// A view of a length-prefixed string of at most `limit` bytes.
    BytesView string(std::size_t limit);
    std::string text(std::size_t limit) { return std::string{as_text(string(limit))}; }
    /// An element count of at most `limit`; each element must take at least `element_bytes_min` of the rest,
    /// so that a count cannot make the reader allocate more than the input could hold.
    std::uint32_t count(std::size_t limit, std::size_t element_bytes_min);
    BytesView raw(std::size_t length) { return take(length); }
    BytesView rest() const { return rest_; }

    bool failed() const { return failed_; }
    void set_failed() {
        failed_ = true;
        rest_ = {};
    }
    /// WireInvalid unless everything was read without failure.
    Status finish() const;

private:
    BytesView take(std::size_t length);
    std::uint64_t integer(std::size_t width);

    BytesView rest_;
    bool failed_ = false;
};

} // namespace cairn::codec
