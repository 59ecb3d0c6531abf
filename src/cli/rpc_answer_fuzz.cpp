// Answers of a node that may be anyone's: reading them never throws or crashes, whatever they say.
#include "base/assert.hpp"
#include "cli/rpc_answer.hpp"
#include "cli/rpc_client.hpp"

using namespace cairn;
using namespace cairn::cli;

namespace {

/// As the verbs do with what they read.
void use(const nlohmann::json& value) {
    (void)quantity(value, "a value");
    (void)quantity_u64(value, "a value");
    for (const auto* member : {"hash", "status", "blockNumber", "result"}) {
        (void)text_of(value, member);
        if (value.is_object() && value.contains(member)) (void)quantity(value[member], member);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view body{reinterpret_cast<const char*>(data), size};
    std::string revert_data;
    if (const auto result = read_answer(body, "http://node", revert_data)) use(*result);
    constexpr std::size_t kCalls = 3;
    if (const auto results = read_answers(body, 1, kCalls, "http://node", revert_data)) {
        CRN_ASSERT(results->size() == kCalls);
        for (const auto& result : *results)
            if (result) use(*result);
    }
    return 0;
}
