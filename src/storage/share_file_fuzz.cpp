// Any text as a share file or a root key file: refused or read, and what is read was written in one way only.
#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "storage/recovery_shares.hpp"
#include "storage/root_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::storage;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    if (const auto label = read_share_label(text)) {
        CRN_ASSERT(label->index >= 1 && label->index <= label->count && label->count <= kSharesMax);
        CRN_ASSERT(label->threshold >= 2 && label->threshold <= label->count);
        const Share share{*label, *crypto::SecretKey::from(Bytes(32, 1))};
        const auto again = write_share(share, "x", {.passes = 1, .memory_kib = 8});
        CRN_ASSERT(again.substr(0, again.find("sealed: ")) == text.substr(0, text.find("sealed: ")));
        CRN_ASSERT(open_share(again, "x"));
    }
    // Sealed root files are left alone: their cost is the input's to choose.
    (void)parse_root_file(text, []() -> Result<std::string> { return fail(error::RootFileRefused, "none"); });
    return 0;
}
