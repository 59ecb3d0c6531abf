// Any text as a share file: refused or read, and what is read was written in one way only.
#include "base/assert.hpp"
#include "signer/recovery_shares.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::signer;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    if (const auto label = read_share_label(text)) {
        CRN_ASSERT(label->index >= 1 && label->index <= label->count && label->count <= kSharesMax);
        CRN_ASSERT(label->threshold >= 2 && label->threshold <= label->count);
        const Share share{*label, LockedBytes(Secrets::kBytes)};
        const auto again = write_share(share, "x", {.passes = 1, .memory_kib = 8});
        CRN_ASSERT(again.substr(0, again.find("sealed: ")) == text.substr(0, text.find("sealed: ")));
        CRN_ASSERT(open_share(again, "x"));
    }
    return 0;
}
