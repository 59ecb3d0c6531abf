// The bytes between two nodes inside TLS: frames of a 12-byte header and a payload, and the hello that opens a connection.
//
// Header: magic "CN", u8 version 1, u8 kind, u8 type, three zero bytes, u32 length of the payload (little endian).
// No socket in here: the same code reads production's bytes and the fuzzer's.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "network/network.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace cairn::network {

inline constexpr std::size_t kFrameHeaderBytes = 12;

enum class FrameKind : std::uint8_t { hello = 1, ping = 2, message = 3 };
/// Of one direction of a connection.
enum class Phase : std::uint8_t { awaiting_hello, ready };

struct FrameHeader {
    FrameKind kind = FrameKind::message;
    std::uint8_t type = 0; // of a message; 0 otherwise
    std::uint32_t length = 0;
    bool operator==(const FrameHeader&) const = default;
};

std::array<std::uint8_t, kFrameHeaderBytes> encode_frame_header(const FrameHeader& header);
/// FrameInvalid: another magic, version or kind, a kind that the phase does not allow, or a length over its limit:
/// `payload_max` for messages, the size of a hello, nothing for a ping.
Result<FrameHeader> decode_frame_header(BytesView bytes, Phase phase, std::size_t payload_max);
/// Hello first and only once; then pings and messages.
bool is_legal(Phase phase, FrameKind kind);

/// First payload in each direction: who speaks which protocol about which chain. The dialling side names the stream and
/// the other repeats it.
struct Hello {
    static constexpr std::uint16_t kProtocol = 1;
    static constexpr std::size_t kBytes = 2 + 8 + 32 + 1;

    std::uint16_t protocol = kProtocol;
    std::uint64_t chain_id = 0;
    Hash256 genesis;
    Stream stream = Stream::consensus;
    bool operator==(const Hello&) const = default;
};
Bytes encode_hello(const Hello& hello);
/// FrameInvalid.
Result<Hello> decode_hello(BytesView payload);

/// Cuts a stream of bytes into frames. The memory it holds grows with what has arrived, not with what is announced.
class FrameReader {
public:
    /// An error ends the reading: `received` returns it.
    using OnFrame = std::function<Status(const FrameHeader& header, std::shared_ptr<const Bytes> payload)>;

    FrameReader();
    /// Where the next bytes go; never empty. Payloads of large frames are read in place.
    std::span<std::uint8_t> space();
    /// `count` bytes were written to the front of `space()`. FrameInvalid, or what `on_frame` returned.
    Status received(std::size_t count, const OnFrame& on_frame);
    /// After the hello: messages of at most `payload_max` bytes from here on.
    void enter_ready(std::size_t payload_max);
    Phase phase() const { return phase_; }
    std::size_t memory() const;

private:
    Status deliver(const OnFrame& on_frame);

    Phase phase_ = Phase::awaiting_hello;
    std::size_t payload_max_ = 0;
    Bytes buffer_;
    std::size_t begin_ = 0; // unread bytes of buffer_
    std::size_t end_ = 0;
    std::optional<FrameHeader> header_; // of the frame whose payload is incomplete
    std::shared_ptr<Bytes> payload_;
    std::size_t filled_ = 0;
    bool in_place_ = false; // space() is in payload_
};

} // namespace cairn::network
