// Files that people and other organisations hand to the command line: node configuration, organisation.json,
// key files.
#include "cli/config.hpp"
#include "cli/keystore.hpp"
#include "cli/organisation.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace cairn;
    using namespace cairn::cli;
    if (size == 0) return 0;
    const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
    switch (data[0] % 3) {
    case 0:
        if (const auto settings = parse_node_config(text, "/srv/node.toml")) {
            const auto again = parse_node_config(to_toml(*settings), "/srv/node.toml");
            if (!again || again->node.data_dir != settings->node.data_dir) std::abort();
        }
        break;
    case 1:
        if (const auto invitation = invitation_from_json(text, 1'800'000'000))
            if (!invitation_from_json(to_json(*invitation), 1'800'000'000)) std::abort();
        break;
    case 2: static_cast<void>(decrypt_key(text, "passphrase")); break;
    }
    return 0;
}
