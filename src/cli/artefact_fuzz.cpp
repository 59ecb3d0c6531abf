// Compiled contracts come from anywhere: whatever the file says, reading it, calling it and decoding answers
// must not fail badly.
#include "cli/interface.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::cli;
    // The first line is the artefact, the rest an answer of the contract.
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const auto end = std::min(input.find('\n'), size);
    const auto artefact = parse_artefact(input.substr(0, end));
    if (!artefact) return 0;
    const BytesView answer{data + end, size - end};
    static_cast<void>(explain_revert(*artefact, answer));
    for (const auto& function : artefact->functions) {
        static_cast<void>(find_function(*artefact, function.name, function.inputs.size()));
        const auto outputs = decode_outputs(function, answer);
        if (!outputs) continue;
        // What was decoded must be readable again as the same values.
        for (std::size_t i = 0; i < outputs->size(); ++i)
            if (function.outputs[i].type.kind != codec::AbiKind::string &&
                !value_of_json(function.outputs[i], (*outputs)[i]) && function.outputs[i].members.empty() &&
                function.outputs[i].type.kind != codec::AbiKind::array)
                std::abort();
    }
    return 0;
}
