#include "cli/registry.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "crypto/hash.hpp"
#include "system/slots.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace cairn::cli {
namespace {

using nlohmann::json;

constexpr std::string_view kFormat = "cairn-registry-v1";
constexpr std::string_view kProofFormat = "cairn-identity-proof-v1";
constexpr std::string_view kDomain = "cairn-identity-v1";
constexpr std::size_t kEntriesMax = 1'000'000;
constexpr int kDepthMax = 4;

std::unexpected<Error> malformed(const std::string& what) { return fail(error::CliFileInvalid, "registry: " + what); }

/// Nothing that is nested deeper than the format, so that no input can exhaust the stack.
json parse_flat(std::string_view text) {
    bool deep = false;
    const auto observe = [&deep](int depth, json::parse_event_t, json&) {
        deep = deep || depth > kDepthMax;
        return !deep;
    };
    auto out = json::parse(text.begin(), text.end(), observe, false);
    return deep ? json(json::value_t::discarded) : out;
}

bool has_exactly(const json& value, const std::set<std::string>& members) {
    if (!value.is_object() || value.size() != members.size()) return false;
    return std::ranges::all_of(members, [&](const std::string& name) { return value.contains(name); });
}

std::optional<std::string> text_at(const json& value, const char* name) {
    return value[name].is_string() ? std::optional(value[name].get<std::string>()) : std::nullopt;
}

Result<RegistryEntry> entry_from(const json& value, const std::string& where) {
    RegistryEntry out;
    const auto account = text_at(value, "account"), kind = text_at(value, "kind"), name = text_at(value, "name"),
               salt = text_at(value, "salt");
    if (!account || !kind || !name || !salt) return malformed(where + ": a member is not a text");
    const auto address = fixed_from_hex<Address>(*account);
    if (!address) return malformed(where + ".account is no address");
    const auto known = ledger::identity_kind_of(*kind);
    if (!known) return malformed(where + ".kind is none of person, app, node");
    if (!system::is_name(*name, kRealNameBytesMax)) return malformed(where + ".name is not 1 to 256 bytes of text");
    const auto random = fixed_from_hex<Hash256>(*salt);
    if (!random) return malformed(where + ".salt is not 32 bytes in hex");
    return RegistryEntry{*address, *known, *name, *random};
}

json json_of(const RegistryEntry& entry) {
    return {{"account", to_hex(entry.account)},
            {"kind", ledger::name_of(entry.kind)},
            {"name", entry.name},
            {"salt", to_hex(entry.salt)}};
}

} // namespace

Hash256 commitment_of(const RegistryEntry& entry) {
    auto message = to_bytes(as_bytes(kDomain));
    append(message, entry.salt);
    message.push_back(static_cast<std::uint8_t>(entry.kind));
    append(message, entry.account);
    append(message, as_bytes(entry.name));
    return crypto::sha256(message);
}

std::string proof_json(const RegistryEntry& entry) {
    auto out = json_of(entry);
    out["format"] = kProofFormat;
    return out.dump(2) + "\n";
}

Result<RegistryEntry> proof_from_json(std::string_view text) {
    if (text.size() > 4096) return malformed("a proof is at most 4096 bytes");
    const auto document = parse_flat(text);
    if (!has_exactly(document, {"account", "format", "kind", "name", "salt"}) || document["format"] != kProofFormat)
        return malformed("not a proof of the form " + std::string(kProofFormat));
    return entry_from(document, "proof");
}

Result<Registry> Registry::parse(std::string_view text) {
    if (text.size() > kRegistryBytesMax) return malformed("longer than 64 MiB");
    const auto document = parse_flat(text);
    if (!has_exactly(document, {"format", "entries"}) || document["format"] != kFormat ||
        !document["entries"].is_array())
        return malformed("not of the form " + std::string(kFormat));
    if (document["entries"].size() > kEntriesMax) return malformed("more than 1,000,000 entries");
    Registry out;
    for (std::size_t i = 0; i < document["entries"].size(); ++i) {
        const auto& value = document["entries"][i];
        const auto where = "entries[" + std::to_string(i) + "]";
        if (!has_exactly(value, {"account", "kind", "name", "salt"})) return malformed(where + " has other members");
        CRN_TRY(entry, entry_from(value, where));
        out.entries_.push_back(std::move(entry));
    }
    return out;
}

Result<Registry> Registry::open(const std::string& organisation_directory) {
    const auto path = organisation_directory + "/registry.json";
    Registry out;
    if (exists(path)) {
        CRN_TRY(text, read_secret_file(path));
        CRN_TRY(parsed, parse(text));
        out = std::move(parsed);
    }
    out.path_ = path;
    return out;
}

std::string Registry::text() const {
    json entries = json::array();
    for (const auto& entry : entries_) entries.push_back(json_of(entry));
    return json{{"format", kFormat}, {"entries", std::move(entries)}}.dump(1) + "\n";
}

std::optional<RegistryEntry> Registry::find(const Address& account) const {
    const auto found = std::find_if(entries_.rbegin(), entries_.rend(),
                                    [&](const RegistryEntry& entry) { return entry.account == account; });
    return found == entries_.rend() ? std::nullopt : std::optional(*found);
}

Result<RegistryEntry> Registry::add(const Address& account, ledger::IdentityKind kind, const std::string& name,
                                    Random& random) {
    if (!system::is_name(name, kRealNameBytesMax))
        return fail(error::CliUsage, "a name is 1 to 256 bytes of text without control characters");
    if (entries_.size() >= kEntriesMax) return malformed("has 1,000,000 entries already");
    RegistryEntry entry{account, kind, name, {}};
    random.fill(entry.salt.bytes);
    entries_.push_back(entry);
    CRN_CHECK(write_file(path_, text(), Access::secret, Existing::replace));
    return entry;
}

} // namespace cairn::cli
