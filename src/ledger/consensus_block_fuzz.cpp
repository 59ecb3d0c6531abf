// Decoders of batches and consensus blocks: no input may crash them, and what they accept encodes to the same bytes.
#include "base/assert.hpp"
#include "ledger/consensus_block.hpp"

using namespace cairn;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (const auto views = ledger::split_batch_body(input))
        CRN_ASSERT(ledger::encode_batch_body(*views) == to_bytes(input));
    {
        codec::WireReader in{input};
        const auto header = ledger::decode_batch_header(in);
        if (in.finish()) {
            codec::WireWriter out;
            encode(out, header);
            CRN_ASSERT(out.bytes() == to_bytes(input));
        }
    }
    codec::WireReader in{input};
    const auto block = ledger::decode_consensus_block(in);
    if (in.finish()) {
        codec::WireWriter out;
        encode(out, block);
        CRN_ASSERT(out.bytes() == to_bytes(input));
    }
    return 0;
}
