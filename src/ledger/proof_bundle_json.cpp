// The JSON forms of a proof bundle and of a chain of handovers. Reading is lenient in detail and strict in sum: what was read must be written as exactly the
// same text again.
#include "base/errors/ledger.hpp"
#include "ledger/handovers.hpp"

#include <nlohmann/json.hpp>

namespace cairn::ledger {

namespace {

using Json = nlohmann::json; // objects are std::map: keys come out sorted

constexpr std::string_view kFormat = "cairn-proof-bundle";
constexpr std::string_view kHandoversFormat = "cairn-handovers";
constexpr std::uint64_t kHandoversVersion = 1;
constexpr std::size_t kProofNodesMax = 65; // one for each nibble of a key, and the root
constexpr std::size_t kJsonDepthMax = 8;

std::unexpected<Error> refuse(std::string_view why) { return fail(error::ProofInvalid, "file: " + std::string{why}); }

Json json_of(const std::vector<Bytes>& nodes) {
    Json out = Json::array();
    for (const auto& node : nodes) out.push_back(to_hex(node));
    return out;
}

Json json_of(const std::vector<Certificate::Entry>& votes) {
    Json out = Json::array();
    for (const auto& vote : votes)
        out.push_back({{"validator", vote.voter.value}, {"signature", to_hex(vote.signature)}});
    return out;
}

Json json_of(const std::vector<EpochHandover>& handovers) {
    Json out = Json::array();
    for (const auto& handover : handovers)
        out.push_back({{"block", to_hex(handover.block)},
                       {"validators", to_hex(handover.validators)},
                       {"view", handover.view},
                       {"votes", json_of(handover.votes)}});
    return out;
}

Json json_of(const RecordStorageProof& proof) {
    Json slots = Json::array();
    for (const auto& nodes : proof.storage_proofs) slots.push_back(json_of(nodes));
    return {{"index", proof.index}, {"account_proof", json_of(proof.account_proof)}, {"storage_proofs", slots}};
}

Json json_of(const RecordReceiptProof& proof) {
    return {{"transaction_index", proof.transaction_index},
            {"log_index", proof.log_index},
            {"receipt_proof", json_of(proof.proof)}};
}

/// Looks up members; the first failure sticks and later getters return empty values, so that a decoder checks once.
class Reader {
public:
    const Json& member(const Json& object, const char* key) {
        static const Json kNull;
        if (object.is_object())
            if (const auto found = object.find(key); found != object.end()) return *found;
        return failed_at(key), kNull;
    }
    const Json& array(const Json& object, const char* key, std::size_t limit) {
        static const Json kEmpty = Json::array();
        const Json& value = member(object, key);
        if (value.is_array() && value.size() <= limit) return value;
        return failed_at(key), kEmpty;
    }
    std::uint64_t number(const Json& object, const char* key,
                         std::uint64_t limit = std::numeric_limits<std::uint64_t>::max()) {
        const Json& value = member(object, key);
        if (value.is_number_unsigned() && value.get<std::uint64_t>() <= limit) return value.get<std::uint64_t>();
        return failed_at(key), 0;
    }
    Bytes bytes(const Json& value, const char* what) {
        if (value.is_string())
            if (auto bytes = from_hex(value.get_ref<const std::string&>())) return std::move(*bytes);
        return failed_at(what), Bytes{};
    }
    template <class T>
    T fixed(const Json& object, const char* key) {
        const auto value = T::from(bytes(member(object, key), key));
        if (value) return *value;
        return failed_at(key), T{};
    }
    std::vector<Bytes> nodes(const Json& array_of_nodes, const char* what) {
        std::vector<Bytes> out;
        if (!array_of_nodes.is_array() || array_of_nodes.size() > kProofNodesMax) return failed_at(what), out;
        for (const auto& node : array_of_nodes) out.push_back(bytes(node, what));
        return out;
    }
    std::vector<Certificate::Entry> votes(const Json& object) {
        std::vector<Certificate::Entry> out;
        for (const auto& vote : array(object, "votes", kValidatorsMax)) {
            const auto voter = static_cast<std::uint16_t>(number(vote, "validator", kValidatorsMax));
            out.push_back({ValidatorIndex{voter}, fixed<crypto::Signature>(vote, "signature")});
        }
        return out;
    }
    std::vector<EpochHandover> handovers(const Json& object, std::size_t limit) {
        std::vector<EpochHandover> out;
        for (const auto& handover : array(object, "handovers", limit))
            out.push_back({bytes(member(handover, "block"), "block"), number(handover, "view"), votes(handover),
                           bytes(member(handover, "validators"), "validators")});
        return out;
    }
    const std::string& failure() const { return failure_; }

private:
    void failed_at(const char* key) {
        if (failure_.empty()) failure_ = std::string{"\""} + key + "\" is missing or malformed";
    }
    std::string failure_;
};

Json parse(std::string_view text) {
    const auto shallow = [](int depth, Json::parse_event_t, Json&) {
        return static_cast<std::size_t>(depth) <= kJsonDepthMax;
    };
    return Json::parse(text.begin(), text.end(), shallow, false);
}

} // namespace

std::string to_json(const ProofBundle& bundle) {
    const Json out{{"chain_id", bundle.chain_id},
                   {"digest", to_hex(bundle.digest)},
                   {"format", kFormat},
                   {"genesis", to_hex(bundle.genesis)},
                   {"handovers", json_of(bundle.handovers)},
                   {"header", to_hex(bundle.header)},
                   {"record", std::visit([](const auto& proof) { return json_of(proof); }, bundle.proof)},
                   {"version", kBundleVersion},
                   {"votes", json_of(bundle.votes)}};
    return out.dump(2) + "\n";
}

Result<ProofBundle> bundle_from_json(std::string_view json) {
    if (json.size() > kBundleBytesMax) return refuse("longer than 4 MiB");
    const Json root = parse(json);
    if (!root.is_object()) return refuse("not a JSON object");
    if (root.value("format", Json{}) != kFormat) return refuse("not a proof bundle");
    if (root.value("version", Json{}) != kBundleVersion) return refuse("of a version that this program does not know");

    Reader in;
    ProofBundle bundle;
    bundle.chain_id = in.number(root, "chain_id");
    bundle.genesis = in.fixed<Hash256>(root, "genesis");
    bundle.digest = in.fixed<Hash256>(root, "digest");
    bundle.header = in.bytes(in.member(root, "header"), "header");
    bundle.votes = in.votes(root);
    bundle.handovers = in.handovers(root, kBundleHandoversMax);
    const Json& record = in.member(root, "record");
    if (record.is_object() && record.contains("receipt_proof")) {
        RecordReceiptProof proof;
        proof.transaction_index = in.number(record, "transaction_index");
        proof.log_index = in.number(record, "log_index");
        proof.proof = in.nodes(in.member(record, "receipt_proof"), "receipt_proof");
        bundle.proof = std::move(proof);
    } else {
        RecordStorageProof proof;
        proof.index = in.number(record, "index");
        proof.account_proof = in.nodes(in.member(record, "account_proof"), "account_proof");
        constexpr std::size_t kSlotsMax = 2 + kRecordMetadataBytesMax / 32;
        for (const auto& nodes : in.array(record, "storage_proofs", kSlotsMax))
            proof.storage_proofs.push_back(in.nodes(nodes, "storage_proofs"));
        bundle.proof = std::move(proof);
    }
    if (!in.failure().empty()) return refuse(in.failure());
    if (to_json(bundle) != json) return refuse("not in the one form that a bundle has");
    return bundle;
}

std::string to_json(const HandoverChain& chain) {
    const Json out{{"chain_id", chain.chain_id},
                   {"format", kHandoversFormat},
                   {"genesis", to_hex(chain.genesis)},
                   {"handovers", json_of(chain.handovers)},
                   {"version", kHandoversVersion}};
    return out.dump(2) + "\n";
}

Result<HandoverChain> handovers_from_json(std::string_view json) {
    const auto refuse_file = [](std::string_view why) {
        return fail(error::HandoverInvalid, "file: " + std::string{why});
    };
    if (json.size() > kHandoversBytesMax) return refuse_file("longer than 64 MiB");
    const Json root = parse(json);
    if (!root.is_object()) return refuse_file("not a JSON object");
    if (root.value("format", Json{}) != kHandoversFormat) return refuse_file("not a chain of handovers");
    if (root.value("version", Json{}) != kHandoversVersion)
        return refuse_file("of a version that this program does not know");
    Reader in;
    HandoverChain chain;
    chain.chain_id = in.number(root, "chain_id");
    chain.genesis = in.fixed<Hash256>(root, "genesis");
    chain.handovers = in.handovers(root, kHandoversMax);
    if (!in.failure().empty()) return refuse_file(in.failure());
    if (to_json(chain) != json) return refuse_file("not in the one form that a chain of handovers has");
    return chain;
}

} // namespace cairn::ledger
