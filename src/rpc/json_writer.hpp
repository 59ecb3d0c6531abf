// Writes JSON text straight into a string: Ethereum's quantities and data, objects and arrays. The one writer of answers.
#pragma once

#include "base/bytes.hpp"
#include "base/u256.hpp"

#include <concepts>
#include <string>
#include <string_view>

namespace cairn::rpc {

/// Calls come in the order of the text: `out.begin_object(); out.key("a").quantity(1); out.end_object();`.
/// Commas are put where they belong; nesting is the caller's business.
class JsonWriter {
public:
    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }
    JsonWriter& key(std::string_view name);

    /// Escaped; bytes that are not UTF-8 become U+FFFD.
    void text(std::string_view value);
    /// "0x" and two digits per byte.
    void hex(BytesView bytes);
    /// "0x" and no leading zeros.
    void quantity(const U256& value);
    void quantity(std::unsigned_integral auto value) { quantity_u64(value); }
    /// 32 bytes in full.
    void word(const U256& value) { hex(to_big_endian(value)); }
    void number(std::unsigned_integral auto value) { plain(std::to_string(value)); }
    void number(double value);
    void boolean(bool value) { plain(value ? "true" : "false"); }
    void null() { plain("null"); }
    /// JSON that is written already.
    void raw(std::string_view json) { plain(json); }

    std::size_t size() const { return text_.size(); }
    std::string take() { return std::move(text_); }

private:
    void separate() {
        if (comma_) text_.push_back(',');
        comma_ = true;
    }
    void open(char bracket) {
        separate();
        text_.push_back(bracket);
        comma_ = false;
    }
    void close(char bracket) {
        text_.push_back(bracket);
        comma_ = true;
    }
    void plain(std::string_view json) {
        separate();
        text_.append(json);
    }
    void quantity_u64(std::uint64_t value);
    void append_escaped(std::string_view value);

    std::string text_;
    bool comma_ = false;
};

/// One value as JSON text.
std::string json_text(std::string_view value);
std::string json_hex(BytesView bytes);
std::string json_quantity(const U256& value);

} // namespace cairn::rpc
