#include "network/frame.hpp"

#include "base/assert.hpp"
#include "base/errors/network.hpp"
#include "codec/wire.hpp"

#include <algorithm>
#include <cstring>

namespace cairn::network {
namespace {

constexpr std::array<std::uint8_t, 2> kMagic{'C', 'N'};
constexpr std::uint8_t kVersion = 1;
/// One TLS record; larger payloads are read in place.
constexpr std::size_t kBufferBytes = 16 * 1024;

std::unexpected<Error> invalid(std::string why) { return fail(error::FrameInvalid, std::move(why)); }

} // namespace

bool is_legal(Phase phase, FrameKind kind) {
    switch (kind) {
    case FrameKind::hello: return phase == Phase::awaiting_hello;
    case FrameKind::ping:
    case FrameKind::message: return phase == Phase::ready;
    }
    return false;
}

std::array<std::uint8_t, kFrameHeaderBytes> encode_frame_header(const FrameHeader& header) {
    std::array<std::uint8_t, kFrameHeaderBytes> out{kMagic[0], kMagic[1], kVersion,
                                                    static_cast<std::uint8_t>(header.kind), header.type};
    for (unsigned i = 0; i < 4; ++i) out[8 + i] = static_cast<std::uint8_t>(header.length >> (8 * i));
    return out;
}

Result<FrameHeader> decode_frame_header(BytesView bytes, Phase phase, std::size_t payload_max) {
    CRN_ASSERT(bytes.size() == kFrameHeaderBytes);
    if (bytes[0] != kMagic[0] || bytes[1] != kMagic[1]) return invalid("wrong magic");
    if (bytes[2] != kVersion) return invalid("version " + std::to_string(bytes[2]));
    if (bytes[5] != 0 || bytes[6] != 0 || bytes[7] != 0) return invalid("reserved bytes are not zero");
    FrameHeader out;
    out.kind = static_cast<FrameKind>(bytes[3]);
    out.type = bytes[4];
    for (unsigned i = 0; i < 4; ++i) out.length |= static_cast<std::uint32_t>(bytes[8 + i]) << (8 * i);
    if (!is_legal(phase, out.kind)) return invalid("kind " + std::to_string(bytes[3]) + " out of turn");
    if (out.kind != FrameKind::message && out.type != 0) return invalid("type on a control frame");
    const auto limit = out.kind == FrameKind::message ? payload_max : out.kind == FrameKind::hello ? Hello::kBytes : 0;
    if (out.length > limit) return invalid(std::to_string(out.length) + " bytes, limit " + std::to_string(limit));
    return out;
}

Bytes encode_hello(const Hello& hello) {
    codec::WireWriter out;
    out.u16(hello.protocol);
    out.u64(hello.chain_id);
    out.fixed(hello.genesis);
    out.u8(static_cast<std::uint8_t>(hello.stream));
    return out.take();
}

Result<Hello> decode_hello(BytesView payload) {
    codec::WireReader in(payload);
    Hello out;
    out.protocol = in.u16();
    out.chain_id = in.u64();
    out.genesis = in.fixed<Hash256>();
    const auto stream = in.u8();
    if (!in.finish() || stream >= kStreams) return invalid("malformed hello");
    out.stream = static_cast<Stream>(stream);
    return out;
}

FrameReader::FrameReader() : buffer_(kBufferBytes) {}

std::size_t FrameReader::memory() const { return buffer_.size() + (payload_ ? payload_->size() : 0); }

void FrameReader::enter_ready(std::size_t payload_max) {
    phase_ = Phase::ready;
    payload_max_ = payload_max;
}

std::span<std::uint8_t> FrameReader::space() {
    in_place_ = header_ && begin_ == end_;
    if (in_place_) {
        // Doubling: the peer must send half of what it makes us hold.
        if (filled_ == payload_->size())
            payload_->resize(std::min<std::size_t>(header_->length, std::max(2 * filled_, kBufferBytes)));
        return std::span(*payload_).subspan(filled_);
    }
    // What is left is less than a header.
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return std::span(buffer_).subspan(end_);
}

Status FrameReader::deliver(const OnFrame& on_frame) {
    const auto header = *header_;
    header_.reset();
    return on_frame(header, std::move(payload_));
}

Status FrameReader::received(std::size_t count, const OnFrame& on_frame) {
    if (in_place_) {
        in_place_ = false;
        filled_ += count;
        CRN_ASSERT(filled_ <= payload_->size());
        if (filled_ == header_->length) return deliver(on_frame);
        return {};
    }
    end_ += count;
    CRN_ASSERT(end_ <= buffer_.size());
    for (;;) {
        if (!header_) {
            if (end_ - begin_ < kFrameHeaderBytes) return {};
            CRN_TRY(header,
                    decode_frame_header(BytesView(buffer_).subspan(begin_, kFrameHeaderBytes), phase_, payload_max_));
            begin_ += kFrameHeaderBytes;
            header_ = header;
            payload_ = std::make_shared<Bytes>();
            filled_ = 0;
        }
        const auto copied = std::min<std::size_t>(end_ - begin_, header_->length - filled_);
        const auto from = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
        payload_->insert(payload_->end(), from, from + static_cast<std::ptrdiff_t>(copied));
        begin_ += copied;
        filled_ += copied;
        if (filled_ < header_->length) return {};
        CRN_CHECK(deliver(on_frame));
    }
}

} // namespace cairn::network
