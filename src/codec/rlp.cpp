#include "codec/rlp.hpp"

#include "base/errors/codec.hpp"

namespace cairn::codec {
namespace {

void put_prefix(Bytes& out, std::size_t length, std::uint8_t short_base) {
    if (length <= 55) {
        out.push_back(static_cast<std::uint8_t>(short_base + length));
        return;
    }
    const auto bits = static_cast<unsigned>(std::bit_width(length));
    const unsigned digits = (bits + 7) / 8;
    out.push_back(static_cast<std::uint8_t>(short_base + 55 + digits));
    for (unsigned i = digits; i-- > 0;) out.push_back(static_cast<std::uint8_t>(length >> (8 * i)));
}

std::size_t prefix_size(std::size_t length) {
    return length <= 55 ? 1 : 1 + (static_cast<unsigned>(std::bit_width(length)) + 7) / 8;
}

} // namespace

std::size_t rlp_string_size(BytesView string) {
    return string.size() == 1 && string[0] < 0x80 ? 1 : prefix_size(string.size()) + string.size();
}

std::size_t rlp_list_size(std::size_t payload) { return prefix_size(payload) + payload; }

void RlpWriter::begin_list(std::size_t payload) { put_prefix(bytes_, payload, 0xc0); }

void RlpWriter::put(BytesView string) {
    if (string.size() == 1 && string[0] < 0x80) {
        bytes_.push_back(string[0]);
        return;
    }
    put_prefix(bytes_, string.size(), 0x80);
    append(bytes_, string);
}

void RlpWriter::put(const U256& value) {
    if (value.fits_u64()) {
        put_integer(value.low());
        return;
    }
    const auto digits = to_big_endian(value);
    put(BytesView{digits}.last(value.byte_length()));
}

void RlpWriter::put_integer(std::uint64_t value) {
    std::uint8_t digits[8];
    std::size_t count = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(value >> shift);
        if (count != 0 || byte != 0) digits[count++] = byte;
    }
    put(BytesView{digits, count});
}

void RlpWriter::put_list(const RlpWriter& content) {
    put_prefix(bytes_, content.bytes_.size(), 0xc0);
    append(bytes_, content.bytes_);
}

Bytes RlpWriter::as_list() const {
    RlpWriter out;
    out.put_list(*this);
    return out.take();
}

Result<RlpItem> RlpReader::next() {
    const auto bad = [](const char* why) { return fail(error::RlpInvalid, why); };
    if (rest_.empty()) return bad("input ends where an item is expected");
    const std::uint8_t first = rest_[0];
    const bool is_list = first >= 0xc0;
    std::size_t prefix = 0;
    std::size_t length = 1;
    if (first >= 0x80) {
        const std::size_t code = first - (is_list ? 0xc0u : 0x80u);
        if (code <= 55) {
            prefix = 1;
            length = code;
        } else {
            const std::size_t digits = code - 55;
            if (rest_.size() < 1 + digits) return bad("input ends inside a length");
            if (rest_[1] == 0) return bad("length with a leading zero");
            length = 0;
            for (std::size_t i = 0; i < digits; ++i) length = length << 8 | rest_[1 + i];
            if (length <= 55) return bad("length is not in its shortest form");
            prefix = 1 + digits;
        }
    }
    if (length > rest_.size() - prefix) return bad("input ends inside an item");
    if (!is_list && prefix == 1 && length == 1 && rest_[1] < 0x80)
        return bad("single byte is not in its shortest form");
    RlpItem item{is_list, rest_.subspan(prefix, length), rest_.first(prefix + length)};
    rest_ = rest_.subspan(prefix + length);
    return item;
}

Result<BytesView> RlpReader::string() {
    auto item = next();
    if (!item) return std::unexpected(item.error());
    if (item->is_list) return fail(error::RlpInvalid, "list where a string is expected");
    return item->payload;
}

Result<U256> RlpReader::u256() {
    auto view = string();
    if (!view) return std::unexpected(view.error());
    if (view->size() > 32) return fail(error::RlpInvalid, "integer is longer than 32 bytes");
    if (!view->empty() && (*view)[0] == 0) return fail(error::RlpInvalid, "integer with a leading zero");
    return from_big_endian(*view);
}

Result<std::uint64_t> RlpReader::u64() {
    auto value = u256();
    if (!value) return std::unexpected(value.error());
    if (!value->fits_u64()) return fail(error::RlpInvalid, "integer is longer than 8 bytes");
    return value->low();
}

Result<RlpReader> RlpReader::list() {
    auto item = next();
    if (!item) return std::unexpected(item.error());
    if (!item->is_list) return fail(error::RlpInvalid, "string where a list is expected");
    return RlpReader{item->payload};
}

Status RlpReader::finish() const {
    if (!rest_.empty()) return fail(error::RlpInvalid, "bytes are left over");
    return {};
}

} // namespace cairn::codec
