#include "codec/abi.hpp"

#include "base/assert.hpp"
#include "base/errors/codec.hpp"

namespace cairn::codec {

namespace {

constexpr std::size_t kWord = 32;

std::size_t padded(std::size_t bytes) { return (bytes + kWord - 1) / kWord * kWord; }

/// Recursive descent over a type's text.
class TypeParser {
public:
    explicit TypeParser(std::string_view text) : rest_(text) {}

    Result<AbiType> parse() {
        if (rest_.size() > kAbiTypeTextMax) return fail(error::AbiInvalid, "type text is too long");
        CRN_TRY(type, element(0));
        if (!rest_.empty()) return fail(error::AbiInvalid, "type ends with '" + std::string{rest_} + "'");
        return std::move(type);
    }

private:
    bool skip(std::string_view prefix) {
        if (!rest_.starts_with(prefix)) return false;
        rest_.remove_prefix(prefix.size());
        return true;
    }

    /// Digits without leading zeros; nothing if there are none or the number is above 2^20.
    std::optional<std::size_t> number() {
        std::size_t value = 0;
        std::size_t digits = 0;
        while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
            if (digits > 0 && value == 0) return std::nullopt;
            value = value * 10 + static_cast<std::size_t>(rest_[digits] - '0');
            if (value > kAbiHeadBytesMax) return std::nullopt;
            ++digits;
        }
        if (digits == 0) return std::nullopt;
        rest_.remove_prefix(digits);
        return value;
    }

    bool at_digit() const { return !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }

    Result<AbiType> integer(AbiKind kind) {
        AbiType type{.kind = kind};
        if (!at_digit()) return type;
        const auto bits = number();
        if (!bits || *bits == 0 || *bits > 256 || *bits % 8 != 0)
            return fail(error::AbiInvalid, "integer size is not a multiple of 8 up to 256");
        type.size = static_cast<unsigned>(*bits);
        return type;
    }

    Result<AbiType> tuple(std::size_t depth) {
        AbiType type{.kind = AbiKind::tuple, .size = 0};
        if (skip(")")) return type; // only the outermost may be empty: see element()
        while (true) {
            CRN_TRY(member, element(depth + 1));
            type.parts.push_back(std::move(member));
            if (skip(")")) return type;
            if (!skip(",")) return fail(error::AbiInvalid, "tuple is not closed");
        }
    }

    Result<AbiType> base(std::size_t depth) {
        if (skip("tuple(") || skip("(")) return tuple(depth);
        if (skip("uint")) return integer(AbiKind::uint);
        if (skip("int")) return integer(AbiKind::sint);
        if (skip("address")) return AbiType{.kind = AbiKind::address, .size = 160};
        if (skip("bool")) return AbiType{.kind = AbiKind::boolean, .size = 8};
        if (skip("string")) return AbiType{.kind = AbiKind::string, .size = 0};
        if (skip("bytes")) {
            if (!at_digit()) return AbiType{.kind = AbiKind::bytes, .size = 0};
            const auto bytes = number();
            if (!bytes || *bytes == 0 || *bytes > kWord) return fail(error::AbiInvalid, "bytesN has 1 to 32 bytes");
            return AbiType{.kind = AbiKind::fixed_bytes, .size = static_cast<unsigned>(*bytes)};
        }
        return fail(error::AbiInvalid, "unknown type '" + std::string{rest_.substr(0, 40)} + "'");
    }

    Result<AbiType> element(std::size_t depth) {
        if (depth > kAbiTypeDepthMax) return fail(error::AbiInvalid, "types are nested too deeply");
        CRN_TRY(type, base(depth));
        std::size_t dimensions = 0;
        while (skip("[")) {
            if (depth + ++dimensions > kAbiTypeDepthMax) return fail(error::AbiInvalid, "types are nested too deeply");
            AbiType array{.kind = AbiKind::array, .size = 0};
            if (!skip("]")) {
                array.length = number();
                if (!array.length || *array.length == 0 || !skip("]"))
                    return fail(error::AbiInvalid, "array length is not a number from 1 to 2^20");
            }
            array.parts.push_back(std::move(type));
            type = std::move(array);
            if (type.head_bytes() > kAbiHeadBytesMax) return fail(error::AbiInvalid, "type is too large");
        }
        if (type.head_bytes() > kAbiHeadBytesMax) return fail(error::AbiInvalid, "type is too large");
        const bool outermost = depth == 0 && dimensions == 0;
        const AbiType* inner = &type;
        while (inner->kind == AbiKind::array) inner = &inner->parts[0];
        if (!outermost && inner->kind == AbiKind::tuple && inner->parts.empty())
            return fail(error::AbiInvalid, "empty tuple inside a type");
        return std::move(type);
    }

    std::string_view rest_;
};

Status mismatch(const AbiType& type) { return fail(error::AbiInvalid, "value does not fit " + type.text()); }

bool fits(const AbiType& type, const U256& value) {
    switch (type.kind) {
    case AbiKind::uint:
    case AbiKind::address: return value.bit_length() <= type.size;
    case AbiKind::boolean: return value <= U256{1};
    case AbiKind::sint: {
        // The bits above the sign bit repeat it.
        if (type.size == 256) return true;
        const U256 top = value >> (type.size - 1);
        return !top || top == ~U256{} >> (type.size - 1);
    }
    default: return false;
    }
}

void put_word(Bytes& out, const U256& value) { append(out, to_big_endian(value)); }

void put_padded(Bytes& out, BytesView bytes) {
    append(out, bytes);
    out.resize(out.size() + padded(bytes.size()) - bytes.size());
}

Status encode_sequence(Bytes& out, std::span<const AbiType* const> types, const AbiValue::List& values);

/// The value itself; the caller has placed the offset of what is dynamic.
Status encode_value(Bytes& out, const AbiType& type, const AbiValue& value) {
    switch (type.kind) {
    case AbiKind::uint:
    case AbiKind::sint:
    case AbiKind::address:
    case AbiKind::boolean: {
        const auto* number = std::get_if<U256>(&value.content);
        if (number == nullptr || !fits(type, *number)) return mismatch(type);
        put_word(out, *number);
        return {};
    }
    case AbiKind::fixed_bytes: {
        const auto* bytes = std::get_if<Bytes>(&value.content);
        if (bytes == nullptr || bytes->size() != type.size) return mismatch(type);
        put_padded(out, *bytes);
        return {};
    }
    case AbiKind::bytes:
    case AbiKind::string: {
        const auto* bytes = std::get_if<Bytes>(&value.content);
        if (bytes == nullptr) return mismatch(type);
        put_word(out, bytes->size());
        put_padded(out, *bytes);
        return {};
    }
    case AbiKind::array:
    case AbiKind::tuple: {
        const auto* list = std::get_if<AbiValue::List>(&value.content);
        if (list == nullptr) return mismatch(type);
        std::vector<const AbiType*> types;
        if (type.kind == AbiKind::tuple) {
            for (const auto& part : type.parts) types.push_back(&part);
        } else {
            if (type.length && *type.length != list->size()) return mismatch(type);
            if (!type.length) put_word(out, list->size());
            types.assign(list->size(), &type.parts[0]);
        }
        if (types.size() != list->size()) return mismatch(type);
        return encode_sequence(out, types, *list);
    }
    }
    return mismatch(type);
}

Status encode_sequence(Bytes& out, std::span<const AbiType* const> types, const AbiValue::List& values) {
    std::size_t head = 0;
    for (const auto* type : types) head += type->head_bytes();
    Bytes tails;
    for (std::size_t i = 0; i < types.size(); ++i) {
        if (types[i]->is_dynamic()) {
            put_word(out, head + tails.size());
            CRN_CHECK(encode_value(tails, *types[i], values[i]));
        } else {
            CRN_CHECK(encode_value(out, *types[i], values[i]));
        }
    }
    append(out, tails);
    return {};
}

/// Decodes one message; counts what it has read against the size of the input.
class Decoder {
public:
    explicit Decoder(BytesView data) : budget_(data.size()) {}

    Result<AbiValue> value(const AbiType& type, BytesView frame, std::size_t at) {
        switch (type.kind) {
        case AbiKind::uint:
        case AbiKind::sint:
        case AbiKind::address:
        case AbiKind::boolean: {
            CRN_TRY(word, take(frame, at, kWord));
            const U256 number = from_big_endian(word);
            if (!fits(type, number)) return fail(error::AbiInvalid, "number out of range of " + type.text());
            return AbiValue{number};
        }
        case AbiKind::fixed_bytes: {
            CRN_TRY(word, take(frame, at, kWord));
            for (const auto byte : word.subspan(type.size))
                if (byte != 0) return fail(error::AbiInvalid, "bytes behind the value of " + type.text());
            return AbiValue{to_bytes(word.first(type.size))};
        }
        case AbiKind::bytes:
        case AbiKind::string: {
            CRN_TRY(length, size_at(frame, at));
            CRN_TRY(view, take(frame, at + kWord, length));
            return AbiValue{to_bytes(view)};
        }
        case AbiKind::array:
        case AbiKind::tuple: return list(type, frame, at);
        }
        return fail(error::AbiInvalid, "unknown type");
    }

private:
    Result<AbiValue> list(const AbiType& type, BytesView frame, std::size_t at) {
        std::size_t count = type.kind == AbiKind::tuple ? type.parts.size() : type.length.value_or(0);
        if (type.kind == AbiKind::array && !type.length) {
            CRN_TRY(length, size_at(frame, at));
            at += kWord;
            // Checked before anything is allocated: every element has at least one word in the head.
            if (length > (frame.size() - at) / kWord) return fail(error::AbiInvalid, "array longer than the data");
            count = length;
        }
        if (at > frame.size()) return fail(error::AbiInvalid, "offset outside of the data");
        const BytesView inner = frame.subspan(at); // offsets inside count from here
        AbiValue::List values;
        std::size_t head = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const AbiType& part = type.kind == AbiKind::tuple ? type.parts[i] : type.parts[0];
            std::size_t position = head;
            if (part.is_dynamic()) {
                CRN_TRY(offset, size_at(inner, head));
                position = offset;
            }
            CRN_TRY(element, value(part, inner, position));
            values.push_back(std::move(element));
            head += part.head_bytes();
        }
        return AbiValue{std::move(values)};
    }

    Result<BytesView> take(BytesView frame, std::size_t at, std::size_t length) {
        if (at > frame.size() || length > frame.size() - at) return fail(error::AbiInvalid, "data ends early");
        if (length > budget_) return fail(error::AbiInvalid, "values overlap");
        budget_ -= length;
        return frame.subspan(at, length);
    }

    /// An offset or length; at most the size of the frame.
    Result<std::size_t> size_at(BytesView frame, std::size_t at) {
        CRN_TRY(word, take(frame, at, kWord));
        const U256 number = from_big_endian(word);
        if (number > U256{frame.size()}) return fail(error::AbiInvalid, "offset or length outside of the data");
        return static_cast<std::size_t>(number.low());
    }

    std::size_t budget_;
};

} // namespace

bool AbiType::is_dynamic() const {
    switch (kind) {
    case AbiKind::bytes:
    case AbiKind::string: return true;
    case AbiKind::array: return !length || parts[0].is_dynamic();
    case AbiKind::tuple:
        return std::any_of(parts.begin(), parts.end(), [](const AbiType& part) { return part.is_dynamic(); });
    default: return false;
    }
}

std::size_t AbiType::head_bytes() const {
    if (is_dynamic()) return kWord;
    if (kind == AbiKind::array) return *length * parts[0].head_bytes();
    if (kind != AbiKind::tuple) return kWord;
    std::size_t sum = 0;
    for (const auto& part : parts) sum += part.head_bytes();
    return sum;
}

std::string AbiType::text() const {
    switch (kind) {
    case AbiKind::uint: return "uint" + std::to_string(size);
    case AbiKind::sint: return "int" + std::to_string(size);
    case AbiKind::address: return "address";
    case AbiKind::boolean: return "bool";
    case AbiKind::fixed_bytes: return "bytes" + std::to_string(size);
    case AbiKind::bytes: return "bytes";
    case AbiKind::string: return "string";
    case AbiKind::array: return parts[0].text() + "[" + (length ? std::to_string(*length) : "") + "]";
    case AbiKind::tuple: break;
    }
    std::string out = "(";
    for (const auto& part : parts) out += (out.size() > 1 ? "," : "") + part.text();
    return out + ")";
}

Result<AbiType> parse_abi_type(std::string_view text) { return TypeParser{text}.parse(); }

const U256& AbiValue::number() const {
    CRN_ASSERT(std::holds_alternative<U256>(content));
    return std::get<U256>(content);
}

const Bytes& AbiValue::bytes() const {
    CRN_ASSERT(std::holds_alternative<Bytes>(content));
    return std::get<Bytes>(content);
}

const AbiValue::List& AbiValue::list() const {
    CRN_ASSERT(std::holds_alternative<List>(content));
    return std::get<List>(content);
}

Address AbiValue::as_address() const {
    const Hash256 word = to_big_endian(number());
    return *Address::from(BytesView{word}.subspan(12));
}

Hash256 AbiValue::as_hash() const {
    const auto hash = Hash256::from(bytes());
    CRN_ASSERT(hash.has_value());
    return *hash;
}

Result<Bytes> abi_encode(const AbiType& tuple, const AbiValue::List& values) {
    if (tuple.kind != AbiKind::tuple) return fail(error::AbiInvalid, tuple.text() + " is not a tuple");
    if (tuple.parts.size() != values.size())
        return fail(error::AbiInvalid, std::to_string(values.size()) + " values for " + tuple.text());
    std::vector<const AbiType*> types;
    for (const auto& part : tuple.parts) types.push_back(&part);
    Bytes out;
    CRN_CHECK(encode_sequence(out, types, values));
    return out;
}

Result<Bytes> abi_encode(std::string_view tuple, const AbiValue::List& values) {
    CRN_TRY(type, parse_abi_type(tuple));
    return abi_encode(type, values);
}

Result<AbiValue::List> abi_decode(const AbiType& tuple, BytesView data) {
    if (tuple.kind != AbiKind::tuple) return fail(error::AbiInvalid, tuple.text() + " is not a tuple");
    CRN_TRY(value, Decoder{data}.value(tuple, data, 0));
    return std::get<AbiValue::List>(std::move(value.content));
}

Result<AbiValue::List> abi_decode(std::string_view tuple, BytesView data) {
    CRN_TRY(type, parse_abi_type(tuple));
    return abi_decode(type, data);
}

} // namespace cairn::codec
