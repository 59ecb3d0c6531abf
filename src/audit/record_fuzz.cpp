// Any bytes: a record that decodes encodes to the same bytes, and a checker fed with them neither crashes nor grows.
#include "audit/verifier.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    const BytesView input{data, size};
    if (const auto record = audit::decode_record(input); record && audit::encode(*record) != to_bytes(input))
        __builtin_trap();
    audit::ChainChecker checker{audit::Expectation{}};
    for (BytesView rest = input; !rest.empty();) {
        const auto length = std::min<std::size_t>(rest[0], rest.size() - 1);
        if (!checker.take({"input", input.size() - rest.size()}, rest.subspan(1, length))) return 0;
        rest = rest.subspan(1 + length);
    }
    if (checker.finish().findings.size() > audit::kFindingsMax) __builtin_trap();
    return 0;
}
