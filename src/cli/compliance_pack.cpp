#include "cli/compliance_pack.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "crypto/hash.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <map>

namespace cairn::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::string_view kFormat = "cairn-evidence-v1";
constexpr std::size_t kPackFilesMax = 100'000;

std::unexpected<Error> invalid(const std::string& what) { return fail(error::CliPackInvalid, what); }

/// Path to digest; everything but the manifest and its signature. Links are refused: they could show other content tomorrow.
Result<std::map<std::string, std::string>> digests_of(const std::string& directory) {
    std::map<std::string, std::string> out;
    std::error_code code;
    for (fs::recursive_directory_iterator item{directory, code}, end; !code && item != end; item.increment(code)) {
        if (item->is_directory(code) && !item->is_symlink(code)) continue;
        const auto path = item->path().lexically_relative(directory).generic_string();
        if (path == "manifest.json" || path == "manifest.sig") continue;
        if (!item->is_regular_file(code) || item->is_symlink(code)) return invalid(path + " is not a plain file");
        if (out.size() == kPackFilesMax) return invalid("more than " + std::to_string(kPackFilesMax) + " files");
        CRN_TRY(content, read_file(item->path().string()));
        out[path] = to_hex(crypto::sha256(as_bytes(content)));
    }
    if (code) return fail(error::CliFileUnreadable, directory + ": " + code.message());
    return out;
}

Bytes signed_bytes(std::string_view manifest) {
    auto out = to_bytes(as_bytes(kFormat));
    append(out, as_bytes(manifest));
    return out;
}

template <class T>
const T* member(const json& object, const char* name) {
    const auto found = object.find(name);
    return found == object.end() ? nullptr : found->get_ptr<const T*>();
}

} // namespace

Result<PackSeal> seal_pack(const std::string& directory, const ledger::Genesis& genesis,
                           const std::string& organisation, const crypto::ValidatorKey& key, std::int64_t now) {
    CRN_TRY(files, digests_of(directory));
    const auto manifest = json{{"format", kFormat},
                               {"organisation", organisation},
                               {"genesis", to_hex(ledger::hash_of(genesis))},
                               {"created", now},
                               {"files", files}}
                              .dump(2) +
                          "\n";
    CRN_CHECK(write_file(directory + "/manifest.json", manifest, Access::shared, Existing::replace));
    const auto signature = to_hex(key.sign(signed_bytes(manifest))) + "\n";
    CRN_CHECK(write_file(directory + "/manifest.sig", signature, Access::shared, Existing::replace));
    return PackSeal{organisation, now, files.size(), std::nullopt};
}

Result<PackSeal> verify_pack(const std::string& directory, const ledger::Genesis& genesis) {
    CRN_TRY(manifest, read_file(directory + "/manifest.json"));
    CRN_TRY(signature_text, read_file(directory + "/manifest.sig", 1024));
    const auto document = json::parse(manifest, nullptr, false);
    if (!document.is_object()) return invalid("manifest.json is not a JSON object");
    const auto* format = member<std::string>(document, "format");
    const auto* name = member<std::string>(document, "organisation");
    const auto* chain = member<std::string>(document, "genesis");
    const auto* created = member<json::number_integer_t>(document, "created");
    const auto* files = member<json::object_t>(document, "files");
    if (!format || *format != kFormat || !name || !chain || !created || !files)
        return invalid("manifest.json is not of the format " + std::string{kFormat});
    if (*chain != to_hex(ledger::hash_of(genesis))) return invalid("the pack is of another network");

    const auto organisation = std::ranges::find(genesis.organisations, *name, &ledger::Organisation::name);
    if (organisation == genesis.organisations.end()) return invalid(*name + " is no member of this network");
    const auto signature = fixed_from_hex<crypto::Signature>(signature_text.substr(0, signature_text.find('\n')));
    if (!signature || !crypto::verify(organisation->signing_key, signed_bytes(manifest), *signature))
        return invalid("manifest.sig is not " + *name + "'s signature of manifest.json");

    CRN_TRY(found, digests_of(directory));
    for (const auto& [path, digest] : *files) {
        const auto there = found.find(path);
        if (there == found.end()) return invalid(path + " is missing");
        if (!digest.is_string() || digest != there->second) return invalid(path + " was changed");
    }
    for (const auto& [path, digest] : found)
        if (!files->contains(path)) return invalid(path + " was added");
    PackSeal out{*name, *created, files->size(), std::nullopt};
    if (found.contains(std::string{kPackHandovers})) {
        CRN_TRY(text, read_file(directory + "/" + std::string{kPackHandovers}, ledger::kHandoversBytesMax));
        CRN_TRY(handovers, ledger::handovers_from_json(text));
        CRN_TRY(epochs, ledger::follow_handovers(genesis, handovers));
        out.epoch = epochs.back().validators.epoch;
    }
    return out;
}

} // namespace cairn::cli
