#include "storage/root_file.hpp"

#include "base/errors/storage.hpp"
#include "crypto/certificate.hpp"
#include "crypto/passphrase.hpp"

namespace cairn::storage {
namespace {

constexpr std::string_view kTitle = "cairn storage root 1\n";
constexpr std::string_view kContext = "cairn storage root";

/// The hex value of "NAME: ..." if that line stands at the start of `text`; takes it off.
std::optional<Bytes> take_line(std::string_view& text, std::string_view name) {
    if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": ")) return std::nullopt;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    auto value = from_hex("0x" + std::string{text.substr(name.size() + 2, end - name.size() - 2)});
    text.remove_prefix(end + 1);
    return value;
}

} // namespace

Result<RootKey> parse_root_file(std::string_view text, const AskPassphrase& passphrase) {
    const auto refuse = [](const char* why) { return fail(error::RootFileRefused, why); };
    if (text.size() > kRootFileBytesMax || !text.starts_with(kTitle)) return refuse("it is not a root key file");
    text.remove_prefix(kTitle.size());
    const auto check = take_line(text, "check");
    if (!check) return refuse("its check value is missing");
    auto key = take_line(text, "key");
    if (!key) {
        const auto sealed = take_line(text, "sealed");
        if (!sealed) return refuse("it holds no key");
        CRN_TRY(words, passphrase());
        key = crypto::open_with_passphrase(*sealed, words, as_bytes(kContext));
        crypto::wipe({reinterpret_cast<std::uint8_t*>(words.data()), words.size()});
        if (!key) return refuse("the passphrase is wrong, or the file was altered");
    }
    auto root = RootKey::from(*key);
    crypto::wipe(*key);
    if (!root || !text.empty()) return refuse("it is not of its form");
    if (!std::ranges::equal(root->check_value(), *check)) return refuse("the key does not have its check value");
    return std::move(*root);
}

Result<RootKey> read_root_file(const std::string& path, const AskPassphrase& passphrase) {
    const auto text = crypto::read_secret_file(path);
    if (!text) return fail(error::RootFileRefused, text.error().detail);
    auto root = parse_root_file(text->view(), passphrase);
    if (!root && root.error().code == error::RootFileRefused)
        return fail(error::RootFileRefused, path + ": " + root.error().detail);
    return root;
}

Status write_root_file(const std::string& path, const RootKey& root, std::string_view passphrase) {
    std::string text{kTitle};
    text += "check: " + to_hex_digits(root.check_value()) + "\n";
    if (passphrase.empty())
        text += "key: " + to_hex_digits(root.view()) + "\n";
    else
        text +=
            "sealed: " + to_hex_digits(crypto::seal_with_passphrase(root.view(), passphrase, as_bytes(kContext), {})) +
            "\n";
    auto written = crypto::write_secret_file(path, text);
    crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    if (!written) return fail(error::RootFileRefused, written.error().detail);
    return {};
}

} // namespace cairn::storage
