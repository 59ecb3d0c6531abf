// Messages from peers: no input may crash a decoder or the core that handles it, and what is accepted has one encoding.
#include "base/assert.hpp"
#include "consensus/core.hpp"
#include "consensus/log.hpp"
#include "consensus/messages.hpp"

using namespace cairn;
using namespace cairn::consensus;

namespace {

class NoHistory final : public History {
public:
    Height tip() const override { return {}; }
    FinalizedBlockPtr block(Height) const override { return nullptr; }
    std::optional<ledger::Certificate> execution_certificate(Height) const override { return std::nullopt; }
};

/// Accepts every signature: the code behind the check must be as robust as the one before it.
class Gullible final : public Verifier {
public:
    bool verify(const crypto::ValidatorPublicKey&, BytesView, const crypto::Signature&) const override { return true; }
};

class Scribbler final : public Signer {
public:
    crypto::Signature sign_vote(const ledger::VoteStatement&) const override { return {}; }
    crypto::Signature sign_batch(const ledger::BatchHeader&) const override { return {}; }
    crypto::Signature sign_proposal(const ledger::ConsensusBlock&) const override { return {}; }
};

void decoders(BytesView input) {
    if (const auto m = decode_status(input)) CRN_ASSERT(encode_status(*m) == to_bytes(input));
    if (const auto m = decode_fetch_range(input)) CRN_ASSERT(encode_fetch_range(*m) == to_bytes(input));
    if (const auto m = decode_fetch_batches(input)) CRN_ASSERT(encode_fetch_batches(*m) == to_bytes(input));
    if (const auto m = decode_fetch_certificates(input)) CRN_ASSERT(encode_fetch_certificates(*m) == to_bytes(input));
    if (const auto m = decode_blocks_answer(input)) CRN_ASSERT(encode_blocks_answer(*m) == to_bytes(input));
    if (const auto m = decode_evidence(input)) CRN_ASSERT(encode_evidence(*m) == to_bytes(input));
    if (const auto m = decode_batch_message(input))
        CRN_ASSERT(encode_batch_message(m->batch, m->proof) == to_bytes(input));
    if (const auto m = decode_proposal(std::make_shared<const Bytes>(to_bytes(input)))) {
        const auto again = make_proposal((*m)->signed_block, (*m)->parent_certificate, (*m)->skipped, (*m)->execution);
        CRN_ASSERT(*again->encoded == to_bytes(input));
    }
    if (const auto m = decode_finalized_block(input)) CRN_ASSERT(encode_finalized_block(*m) == to_bytes(input));
    (void)decode_record(input);
}

} // namespace

/// First byte: 0 tries all decoders on the rest; otherwise the input is a series of messages to one core, each a type, a sender,
/// a length (u16) and a payload.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (input.empty()) return 0;
    if (input[0] == 0) {
        decoders(input.subspan(1));
        return 0;
    }
    CoreConfig config;
    config.chain_id = 1;
    for (std::uint8_t i = 0; i < 4; ++i) {
        ledger::Validator validator;
        validator.key[0] = i;
        config.validators.members.push_back(validator);
    }
    const NoHistory history;
    const Gullible verifier;
    const Scribbler signer;
    Core core{config, signer, history, verifier};
    CRN_ASSERT(core.recover({}, Memory::fresh).has_value());
    Microseconds now{1};
    auto rest = input.subspan(1);
    for (int i = 0; i < 64 && rest.size() >= 4; ++i) {
        MessageReceived message;
        message.type = rest[0];
        message.from = {static_cast<std::uint16_t>(rest[1] % 4)};
        const auto length = std::min<std::size_t>(rest[2] + 256u * rest[3], rest.size() - 4);
        message.payload = std::make_shared<const Bytes>(to_bytes(rest.subspan(4, length)));
        rest = rest.subspan(4 + length);
        now += Microseconds{10'000};
        const auto actions = core.step({now, Milliseconds{1'700'000'000'000}, message});
        for (const auto& record : actions.records) CRN_ASSERT(decode_record(*record).has_value());
    }
    for (const auto& record : core.checkpoint()) CRN_ASSERT(decode_record(*record).has_value());
    return 0;
}
