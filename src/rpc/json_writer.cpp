#include "rpc/json_writer.hpp"

#include <charconv>

namespace cairn::rpc {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

/// Length of the valid UTF-8 sequence at the start of `text` (RFC 3629); 0 if there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const auto second = byte(1);
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

} // namespace

JsonWriter& JsonWriter::key(std::string_view name) {
    if (comma_) text_.push_back(',');
    append_escaped(name);
    text_.push_back(':');
    comma_ = false;
    return *this;
}

void JsonWriter::text(std::string_view value) {
    separate();
    append_escaped(value);
}

void JsonWriter::append_escaped(std::string_view value) {
    text_.push_back('"');
    while (!value.empty()) {
        const auto length = utf8_length(value);
        const char c = value.front();
        if (length == 0) {
            text_.append("\xef\xbf\xbd");
            value.remove_prefix(1);
            continue;
        }
        if (c == '"' || c == '\\') {
            text_.push_back('\\');
            text_.push_back(c);
        } else if (static_cast<unsigned char>(c) < 0x20) {
            text_.append("\\u00");
            text_.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
            text_.push_back(kDigits[c & 15]);
        } else {
            text_.append(value.substr(0, length));
        }
        value.remove_prefix(length);
    }
    text_.push_back('"');
}

void JsonWriter::hex(BytesView bytes) {
    separate();
    const auto start = text_.size();
    text_.resize(start + 4 + 2 * bytes.size());
    char* out = text_.data() + start;
    *out++ = '"';
    *out++ = '0';
    *out++ = 'x';
    for (const auto byte : bytes) {
        *out++ = kDigits[byte >> 4];
        *out++ = kDigits[byte & 15];
    }
    *out = '"';
}

void JsonWriter::quantity(const U256& value) {
    if (value.fits_u64()) return quantity_u64(value.low());
    separate();
    text_.push_back('"');
    text_.append(to_quantity(value));
    text_.push_back('"');
}

void JsonWriter::quantity_u64(std::uint64_t value) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
    separate();
    text_.append("\"0x").append(digits, end).push_back('"');
}

void JsonWriter::number(double value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    plain({digits, static_cast<std::size_t>(end - digits)});
}

std::string json_text(std::string_view value) {
    JsonWriter out;
    out.text(value);
    return out.take();
}
std::string json_hex(BytesView bytes) {
    JsonWriter out;
    out.hex(bytes);
    return out.take();
}
std::string json_quantity(const U256& value) {
    JsonWriter out;
    out.quantity(value);
    return out.take();
}

} // namespace cairn::rpc
