// What `cairn audit collect` reads of other nodes: an evidence file of any bytes, and logs whose chain and seals are right and whose content
// is anything. Logs are compared in whatever order they come, and one that tells the same is no difference.
#include "audit/correlation.hpp"
#include "base/assert.hpp"
#include "storage/test_directory.hpp"

#include <fstream>

namespace {

using namespace cairn;
using namespace cairn::audit;

const crypto::ValidatorKey& seal_key() {
    static const auto key = crypto::ValidatorKey::from_seed({});
    return key;
}

/// Takes numbers and texts from the input; nothing when it is at its end.
class Source {
public:
    explicit Source(BytesView rest) : rest_(rest) {}
    bool empty() const { return rest_.empty(); }
    std::uint8_t byte() {
        if (rest_.empty()) return 0;
        const auto out = rest_.front();
        rest_ = rest_.subspan(1);
        return out;
    }
    std::string text() {
        const auto size = std::min<std::size_t>(byte() % 32, rest_.size());
        std::string out{as_text(rest_.first(size))};
        rest_ = rest_.subspan(size);
        return out;
    }

private:
    BytesView rest_;
};

/// A log of one node as it may tell it: sound as a chain, its events from the input.
Bytes log_of(const std::string& node, Source source) {
    Opening opening{.node = node,
                    .organisation = "Alpha",
                    .chain_id = 5,
                    .genesis = {},
                    .seal_key = seal_key().public_key(),
                    .first_sequence = 1,
                    .time_ms = 1'000,
                    .successions = {}};
    Bytes out = to_bytes(as_bytes(kEvidenceMagic));
    Hash256 head;
    const auto add = [&](auto body) {
        const auto record = encode(Record{head, std::move(body)});
        for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(record.size() >> (8 * i)));
        append(out, record);
        head = hash_of_record(record);
    };
    add(opening);
    auto sequence = opening.first_sequence;
    std::uint64_t height = 0;
    for (int i = 0; i == 0 || (i < 64 && !source.empty()); ++i) {
        const auto kind = source.byte();
        height += kind % 4;
        const auto block = kind % 8 == 7 ? source.text() : std::to_string(height);
        add(made_safe({.time = Milliseconds{1'000 + i},
                       .sequence = sequence++,
                       .node = {},
                       .subject = source.text(),
                       .identity = {},
                       .origin = (kind % 16 == 15 ? "local" : "block ") + block,
                       .object = source.text(),
                       .action = kind % 32 == 31 ? "admin.stop" : "contract.call",
                       .outcome = kind % 2 == 0 ? Outcome::accepted : Outcome::failed,
                       .reason = {}}));
    }
    Seal seal{.sequence = sequence - 1, .head = head, .time_ms = 2'000, .height = height, .uses = {}, .signature = {}};
    seal.signature = seal_key().sign(signed_bytes(statement_of(seal, opening)));
    add(seal);
    return out;
}

struct Compared {
    std::uint64_t logs = 0, acts = 0;
    std::vector<std::pair<std::uint64_t, std::string>> differences;
    bool operator==(const Compared&) const = default;
};

Compared compare(const std::vector<std::string>& paths) {
    Correlation correlation;
    for (const auto& path : paths) static_cast<void>(correlation.add(storage::posix_file_system(), path));
    Compared out{correlation.logs(), correlation.compared(), {}};
    for (const auto& one : correlation.differences()) {
        CRN_ASSERT(one.told.size() >= 2);
        out.differences.emplace_back(one.height, one.act);
    }
    CRN_ASSERT(out.differences.size() <= out.acts);
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const storage::TestDirectory directory;
    const BytesView input{data, size};
    const auto write = [&](const char* name, BytesView content) {
        std::ofstream{directory / name, std::ios::binary | std::ios::trunc}.write(
            reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
        return directory / name;
    };
    auto bytes = to_bytes(as_bytes(kEvidenceMagic));
    append(bytes, input);
    const auto any = write("any", bytes);
    CRN_ASSERT(compare({any}).differences.empty()); // with what?

    const auto half = input.size() / 2;
    const auto alpha = write("alpha", log_of("alpha-1", Source{input.first(half)}));
    const auto beta = write("beta", log_of("beta-1", Source{input.subspan(half)}));
    const auto same = write("same", log_of("gamma-1", Source{input.first(half)}));
    CRN_ASSERT(compare({alpha, same}).differences.empty());
    CRN_ASSERT(compare({alpha}).logs == 1);
    const auto compared = compare({alpha, beta, any});
    CRN_ASSERT(compared == compare({any, beta, alpha}));
    return 0;
}
