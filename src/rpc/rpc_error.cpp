#include "rpc/rpc_error.hpp"

#include "base/errors/pool.hpp"
#include "base/u256.hpp"
#include "rpc/json_writer.hpp"

namespace cairn::rpc {
namespace {

constexpr std::uint64_t kFullPoolRetryMs = 1'000;                             // a few blocks
constexpr std::array<std::uint8_t, 4> kErrorSelector{0x08, 0xc3, 0x79, 0xa0}; // Error(string)
constexpr std::array<std::uint8_t, 4> kPanicSelector{0x4e, 0x48, 0x7b, 0x71}; // Panic(uint256)

bool has_selector(BytesView output, const std::array<std::uint8_t, 4>& selector) {
    return output.size() >= 4 && std::equal(selector.begin(), selector.end(), output.begin());
}

std::string panic_reason(const U256& code) {
    if (code.fits_u64()) {
        switch (code.low()) {
        case 0x00: return "generic panic";
        case 0x01: return "assert(false)";
        case 0x11: return "arithmetic underflow or overflow";
        case 0x12: return "division or modulo by zero";
        case 0x21: return "enum overflow";
        case 0x22: return "invalid encoded storage byte array accessed";
        case 0x31: return "out-of-bounds array access; popping on an empty array";
        case 0x32: return "out-of-bounds access of an array or bytesN";
        case 0x41: return "out of memory";
        case 0x51: return "uninitialized function";
        default: break;
        }
    }
    return "unknown panic code: " + to_quantity(code);
}

} // namespace

RpcError rejected(const Error& error) {
    const auto& info = error_info(error.code);
    JsonWriter data;
    data.begin_object();
    data.key("code").text(info.id);
    data.key("next").text(info.next);
    if (error.code == error::PoolFull || error.code == error::OrganisationShareFull)
        data.key("retryAfterMs").number(kFullPoolRetryMs);
    data.end_object();
    std::string message{info.title};
    if (!error.detail.empty()) message.append(": ").append(error.detail);
    return {code::kRejected, std::move(message), data.take()};
}

std::string revert_reason(BytesView output) {
    if (has_selector(output, kPanicSelector) && output.size() >= 36)
        return panic_reason(from_big_endian(output.subspan(4, 32)));
    if (!has_selector(output, kErrorSelector)) return {};
    const auto body = output.subspan(4);
    if (body.size() < 64) return {};
    const auto offset = from_big_endian(body.first(32));
    if (!offset.fits_u64() || offset.low() > body.size() - 32) return {};
    const auto length = from_big_endian(body.subspan(offset.low(), 32));
    const auto rest = body.subspan(offset.low() + 32);
    if (!length.fits_u64() || length.low() > rest.size()) return {};
    return std::string{as_text(rest.first(length.low()))};
}

RpcError reverted(BytesView output) {
    std::string message = "execution reverted";
    if (const auto reason = revert_reason(output); !reason.empty()) message.append(": ").append(reason);
    return {code::kReverted, std::move(message), json_hex(output)};
}

} // namespace cairn::rpc
