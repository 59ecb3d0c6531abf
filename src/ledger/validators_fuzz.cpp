// Decoders of validator sets, votes and certificates: no input may crash them, and what they accept encodes to the same bytes.
#include "base/assert.hpp"
#include "codec/wire.hpp"
#include "ledger/consensus_block.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (const auto set = ledger::decode_validator_set(input))
        CRN_ASSERT(ledger::encode_validator_set(*set) == to_bytes(input));
    {
        codec::WireReader in{input};
        const auto vote = ledger::decode_vote(in);
        if (in.finish()) {
            codec::WireWriter out;
            encode(out, vote);
            CRN_ASSERT(out.bytes() == to_bytes(input));
        }
    }
    codec::WireReader in{input};
    const auto certificate = ledger::decode_certificate(in);
    if (in.finish()) {
        codec::WireWriter out;
        encode(out, certificate);
        CRN_ASSERT(out.bytes() == to_bytes(input));
    }
    return 0;
}
