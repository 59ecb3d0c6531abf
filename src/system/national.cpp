#include "system/national.hpp"

#include "crypto/sm2.hpp"
#include "crypto/sm3.hpp"

namespace cairn::system {
namespace {

/// Input is plain bytes, the price depends on its length alone.
class PlainContract final : public evm::NativeContract {
public:
    using Price = std::int64_t (*)(BytesView input);
    using Answer = Bytes (*)(BytesView input);
    PlainContract(Price price, Answer answer) : price_(price), answer_(answer) {}

    evm::CallResult call(evm::Machine&, const evm::Message& message) const override {
        // Value would lie there for ever. (A delegating caller's own value stays with the caller.)
        if (message.value && message.recipient == message.code_address)
            return {.outcome = evm::Outcome::revert, .gas_left = message.gas};
        const auto price = price_(message.input);
        if (message.gas < price) return {.outcome = evm::Outcome::out_of_gas};
        return {.outcome = evm::Outcome::success, .gas_left = message.gas - price, .output = answer_(message.input)};
    }

private:
    Price price_;
    Answer answer_;
};

Bytes sm3_answer(BytesView input) { return to_bytes(crypto::sm3(input)); }

Bytes sm2_answer(BytesView input) {
    if (input.size() != 160) return {};
    const auto digest = *Hash256::from(input.first(32));
    const crypto::Sm2Signature signature{from_big_endian(input.subspan(32, 32)),
                                         from_big_endian(input.subspan(64, 32))};
    if (!crypto::sm2_verify_digest(*crypto::Sm2PublicKey::from(input.subspan(96)), digest, signature)) return {};
    Bytes out(32);
    out[31] = 1;
    return out;
}

} // namespace

const evm::NativeContract& sm3_contract() {
    static const PlainContract contract{[](BytesView input) { return sm3_gas(input.size()); }, sm3_answer};
    return contract;
}

const evm::NativeContract& sm2_contract() {
    static const PlainContract contract{[](BytesView) { return kSm2Gas; }, sm2_answer};
    return contract;
}

} // namespace cairn::system
