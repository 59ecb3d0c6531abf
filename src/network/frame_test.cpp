#include "base/errors/network.hpp"
#include "network/frame.hpp"

#include <gtest/gtest.h>

namespace cairn::network {
namespace {

constexpr std::size_t kLimit = 256 * 1024;

struct Received {
    std::vector<std::pair<FrameHeader, Bytes>> frames;
    Status status;
};

Received read(FrameReader& reader, BytesView input, std::size_t piece) {
    Received out;
    const auto on_frame = [&](const FrameHeader& header, std::shared_ptr<const Bytes> payload) -> Status {
        out.frames.emplace_back(header, *payload);
        if (header.kind == FrameKind::hello) reader.enter_ready(kLimit);
        return {};
    };
    while (!input.empty() && out.status) {
        const auto space = reader.space();
        const auto count = std::min({input.size(), space.size(), piece});
        std::copy_n(input.begin(), count, space.begin());
        input = input.subspan(count);
        out.status = reader.received(count, on_frame);
    }
    return out;
}

Bytes frame(FrameKind kind, std::uint8_t type, const Bytes& payload) {
    const auto header = encode_frame_header({kind, type, static_cast<std::uint32_t>(payload.size())});
    Bytes out(header.begin(), header.end());
    append(out, payload);
    return out;
}
Bytes hello_frame() { return frame(FrameKind::hello, 0, encode_hello({})); }

TEST(Frame, header_has_the_bytes_that_the_format_says) {
    const auto header = encode_frame_header({FrameKind::message, 7, 0x01020304});
    EXPECT_EQ(to_hex(BytesView(header)), "0x434e0103070000000403"
                                         "0201");
}

TEST(Frame, frames_do_not_depend_on_how_the_bytes_arrive) {
    Bytes large(100'000);
    for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::uint8_t>(i * 31);
    auto input = hello_frame();
    append(input, frame(FrameKind::message, 1, {}));
    append(input, frame(FrameKind::ping, 0, {}));
    append(input, frame(FrameKind::message, 2, Bytes(5, 0xee)));
    append(input, frame(FrameKind::message, 3, large));
    append(input, frame(FrameKind::message, 4, Bytes(kLimit, 1)));
    append(input, frame(FrameKind::message, 5, {9}));
    for (const std::size_t piece : {std::size_t{1}, std::size_t{11}, std::size_t{12}, std::size_t{13},
                                    std::size_t{4096}, std::size_t{16'384}, input.size()}) {
        FrameReader reader;
        const auto got = read(reader, input, piece);
        ASSERT_TRUE(got.status) << got.status.error().text();
        ASSERT_EQ(got.frames.size(), 7u) << piece;
        EXPECT_EQ(got.frames[0].second, encode_hello({}));
        EXPECT_EQ(got.frames[2].first.kind, FrameKind::ping);
        EXPECT_EQ(got.frames[4].second, large);
        EXPECT_EQ(got.frames[5].second.size(), kLimit);
        EXPECT_EQ(got.frames[6].second, Bytes{9});
        EXPECT_EQ(got.frames[6].first.type, 5);
    }
}

TEST(Frame, only_legal_pairs_of_phase_and_kind_pass) {
    struct Row {
        Phase phase;
        unsigned kind;
        bool legal;
    };
    std::vector<Row> table{
        {Phase::awaiting_hello, 1, true}, {Phase::awaiting_hello, 2, false}, {Phase::awaiting_hello, 3, false},
        {Phase::ready, 1, false},         {Phase::ready, 2, true},           {Phase::ready, 3, true},
    };
    for (const auto phase : {Phase::awaiting_hello, Phase::ready})
        for (unsigned kind = 0; kind < 256; ++kind)
            if (kind < 1 || kind > 3) table.push_back({phase, kind, false});
    for (const auto& [phase, kind, legal] : table) {
        auto bytes = encode_frame_header({FrameKind::ping, 0, 0});
        bytes[3] = static_cast<std::uint8_t>(kind);
        EXPECT_EQ(decode_frame_header(bytes, phase, kLimit).has_value(), legal) << kind;
    }
}

TEST(Frame, length_is_accepted_at_the_limit_and_refused_above) {
    for (const std::uint32_t length : {0u, 262'143u, 262'144u}) {
        const auto bytes = encode_frame_header({FrameKind::message, 1, length});
        EXPECT_TRUE(decode_frame_header(bytes, Phase::ready, kLimit)) << length;
    }
    for (const std::uint32_t length : {262'145u, 0x7fffffffu, 0xffffffffu}) {
        const auto refused =
            decode_frame_header(encode_frame_header({FrameKind::message, 1, length}), Phase::ready, kLimit);
        ASSERT_FALSE(refused) << length;
        EXPECT_EQ(refused.error().code, error::FrameInvalid);
    }
    EXPECT_FALSE(decode_frame_header(encode_frame_header({FrameKind::ping, 0, 1}), Phase::ready, kLimit));
    EXPECT_FALSE(
        decode_frame_header(encode_frame_header({FrameKind::hello, 0, Hello::kBytes + 1}), Phase::awaiting_hello, 0));
}

TEST(Frame, any_other_header_byte_is_refused) {
    const auto good = encode_frame_header({FrameKind::message, 1, 10});
    ASSERT_TRUE(decode_frame_header(good, Phase::ready, kLimit));
    for (const std::size_t at : {0u, 1u, 2u, 5u, 6u, 7u})
        for (unsigned bit = 0; bit < 8; ++bit) {
            auto bytes = good;
            bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1u << bit));
            EXPECT_FALSE(decode_frame_header(bytes, Phase::ready, kLimit)) << at << "." << bit;
        }
    auto control = encode_frame_header({FrameKind::ping, 0, 0});
    control[4] = 1;
    EXPECT_FALSE(decode_frame_header(control, Phase::ready, kLimit));
}

TEST(Frame, announced_length_does_not_make_the_reader_allocate) {
    FrameReader reader;
    ASSERT_TRUE(read(reader, hello_frame(), 1000).status);
    reader.enter_ready(16u << 20);
    auto start = frame(FrameKind::message, 1, Bytes(100));
    start[10] = 0xff; // announces 0xff0064 bytes
    ASSERT_TRUE(read(reader, start, 1000).status);
    (void)reader.space();
    EXPECT_LE(reader.memory(), 64u * 1024);
}

TEST(Frame, second_hello_and_early_message_end_the_connection) {
    auto twice = hello_frame();
    append(twice, hello_frame());
    FrameReader one;
    EXPECT_EQ(read(one, twice, 7).status.error().code, error::FrameInvalid);
    FrameReader two;
    EXPECT_EQ(read(two, frame(FrameKind::message, 1, {}), 7).status.error().code, error::FrameInvalid);
}

TEST(Hello, round_trips_and_refuses_other_sizes_and_streams) {
    Hello hello;
    hello.chain_id = 20260;
    hello.genesis.bytes.fill(7);
    hello.stream = Stream::sync;
    auto bytes = encode_hello(hello);
    EXPECT_EQ(bytes.size(), Hello::kBytes);
    EXPECT_EQ(decode_hello(bytes), hello);
    bytes.back() = 3;
    EXPECT_FALSE(decode_hello(bytes));
    bytes.back() = 0;
    bytes.push_back(0);
    EXPECT_FALSE(decode_hello(bytes));
    bytes.resize(Hello::kBytes - 1);
    EXPECT_FALSE(decode_hello(bytes));
}

} // namespace
} // namespace cairn::network
