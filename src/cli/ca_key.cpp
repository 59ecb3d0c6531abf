#include "cli/ca_key.hpp"

#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/files.hpp"
#include "cli/sender.hpp"
#include "crypto/secret_key.hpp"

namespace cairn::cli {
namespace {

constexpr std::string_view kTitle = "cairn sealed CA key 1\n";
constexpr std::string_view kSealed = "sealed: ";
constexpr std::string_view kFlag = "ca-passphrase-file";
constexpr std::size_t kPassphraseFileBytesMax = 1 << 16;

std::unexpected<Error> malformed(const char* why) { return fail(error::CaKeyInvalid, why); }

} // namespace

bool is_sealed_ca_key(std::string_view text) { return text.starts_with(kTitle); }

std::string seal_ca_key(std::string_view pem, std::string_view passphrase, const crypto::PassphraseCost& cost) {
    return std::string{kTitle} + std::string{kSealed} +
           to_hex_digits(crypto::seal_with_passphrase(as_bytes(pem), passphrase, as_bytes(kTitle), cost)) + "\n";
}

Result<crypto::SecretText> open_ca_key(std::string_view text, std::string_view passphrase) {
    if (text.size() > crypto::kPemBytesMax) return malformed("it is longer than 64 KiB");
    if (!is_sealed_ca_key(text)) return malformed("it does not begin like one");
    text.remove_prefix(kTitle.size());
    if (!text.starts_with(kSealed) || !text.ends_with('\n')) return malformed("its second line is not the sealed key");
    text.remove_prefix(kSealed.size());
    text.remove_suffix(1);
    const auto sealed = from_hex("0x" + std::string{text});
    if (!sealed || sealed->size() <= crypto::kSealedSecretOverhead) return malformed("the sealed key is not hex");
    if (!crypto::has_allowed_cost(*sealed)) return malformed("its cost is beyond the limits");
    auto opened = crypto::open_with_passphrase(*sealed, passphrase, as_bytes(kTitle));
    if (!opened) return fail(error::CaPassphraseWrong);
    crypto::SecretText pem{std::string{as_text(*opened)}};
    crypto::wipe(*opened);
    return pem;
}

Result<crypto::SecretText> read_ca_key(const std::string& path, const CaPassphrase& passphrase) {
    CRN_TRY(text, crypto::read_secret_file(path));
    if (!is_sealed_ca_key(text.view())) return std::move(text);
    if (!passphrase) return fail(error::CliPassphraseMissing, "of " + path);
    CRN_TRY(given, passphrase());
    auto pem = open_ca_key(text.view(), given);
    wipe(given);
    if (!pem) return fail(pem.error().code, path + (pem.error().detail.empty() ? "" : ": " + pem.error().detail));
    return pem;
}

FlagSpec ca_passphrase_flag() {
    return {.name = kFlag,
            .value = "FILE",
            .help =
                "file of mode 0600 whose first line is the passphrase of the CA key, if that is sealed (default: the "
                "credential cairn-ca of systemd, otherwise ask)",
            .completes = Completes::file};
}

CaPassphrase ca_passphrase(const Invocation& invocation) {
    return [&invocation]() -> Result<std::string> {
        // Only the folder's name is in the environment; systemd sets it and keeps the files in memory.
        const auto folder = environment("CREDENTIALS_DIRECTORY");
        const auto credential = folder ? *folder + "/" + kCaCredential : std::string{};
        if (!invocation.has(kFlag) && folder && exists(credential)) {
            CRN_TRY(text, read_file(credential, kPassphraseFileBytesMax));
            auto line = text.substr(0, text.find_first_of("\r\n"));
            wipe(text);
            return line;
        }
        auto given = read_passphrase(invocation, "Passphrase of the CA key: ", Ask::once, kFlag);
        if (!given && given.error().code == error::CliPassphraseMissing && given.error().detail.empty())
            return fail(error::CliPassphraseMissing, "of the CA key; give --" + std::string{kFlag} + " FILE");
        return given;
    };
}

} // namespace cairn::cli
