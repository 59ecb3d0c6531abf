#include "cli/keystore.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <ctime>
#include <filesystem>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace cairn::cli {
namespace {

using nlohmann::json;
using Derived = std::array<std::uint8_t, 32>; // 16 bytes of AES key, 16 bytes of MAC key

constexpr std::uint64_t kScryptBytesMax = 1u << 30;
constexpr std::uint64_t kPbkdf2RoundsMax = 10'000'000;

std::unexpected<Error> malformed(std::string_view what) { return fail(error::CliKeyFileInvalid, std::string{what}); }

Result<Bytes> hex_field(const json& object, const char* name, std::size_t least, std::size_t most) {
    if (!object.is_object() || !object.contains(name) || !object[name].is_string())
        return malformed(std::string{"no text field "} + name);
    auto text = object[name].get<std::string>();
    if (!text.starts_with("0x")) text = "0x" + text;
    auto bytes = from_hex(text);
    if (!bytes || bytes->size() < least || bytes->size() > most)
        return malformed(std::string{"field "} + name + " is not hex of the right length");
    return *std::move(bytes);
}

Result<std::uint64_t> number_field(const json& object, const char* name) {
    if (!object.is_object() || !object.contains(name) || !object[name].is_number_unsigned())
        return malformed(std::string{"no number field "} + name);
    return object[name].get<std::uint64_t>();
}

Result<Derived> scrypt(std::string_view passphrase, BytesView salt, ScryptCost cost) {
    if (cost.n < 2 || !std::has_single_bit(cost.n) || cost.r == 0 || cost.p == 0 || cost.p > 16 || cost.r > 64 ||
        cost.n > kScryptBytesMax / 128 / cost.r)
        return malformed("scrypt parameters are outside of the limits");
    if (16ull * cost.r < 64 && cost.n >= (1ull << (16 * cost.r)))
        return malformed("scrypt's n is too large for its r (RFC 7914)");
    Derived out{};
    if (EVP_PBE_scrypt(passphrase.data(), passphrase.size(), salt.data(), salt.size(), cost.n, cost.r, cost.p,
                       kScryptBytesMax + (1u << 26), out.data(), out.size()) != 1)
        return malformed("scrypt failed");
    return out;
}

Result<Derived> derive(const json& crypto_part, std::string_view passphrase) {
    if (!crypto_part.contains("kdf") || !crypto_part["kdf"].is_string() || !crypto_part.contains("kdfparams"))
        return malformed("no kdf");
    const auto kdf = crypto_part["kdf"].get<std::string>();
    const auto& parameters = crypto_part["kdfparams"];
    CRN_TRY(salt, hex_field(parameters, "salt", 8, 128));
    CRN_TRY(length, number_field(parameters, "dklen"));
    if (length != 32) return malformed("dklen is not 32");
    if (kdf == "scrypt") {
        CRN_TRY(n, number_field(parameters, "n"));
        CRN_TRY(r, number_field(parameters, "r"));
        CRN_TRY(p, number_field(parameters, "p"));
        if (r > 64 || p > 16) return malformed("scrypt parameters are outside of the limits");
        return scrypt(passphrase, salt, {n, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(p)});
    }
    if (kdf == "pbkdf2") {
        CRN_TRY(rounds, number_field(parameters, "c"));
        if (!parameters.contains("prf") || parameters["prf"] != "hmac-sha256" || rounds == 0 ||
            rounds > kPbkdf2RoundsMax)
            return malformed("pbkdf2 parameters are outside of the limits");
        Derived out{};
        if (PKCS5_PBKDF2_HMAC(passphrase.data(), static_cast<int>(passphrase.size()), salt.data(),
                              static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha256(), 32,
                              out.data()) != 1)
            return malformed("pbkdf2 failed");
        return out;
    }
    return malformed("unknown kdf " + kdf);
}

/// AES-128-CTR is its own inverse.
Result<Bytes> aes_ctr(BytesView key, BytesView iv, BytesView input) {
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                  EVP_CIPHER_CTX_free);
    Bytes out(input.size());
    int length = 0;
    if (!context || EVP_EncryptInit_ex(context.get(), EVP_aes_128_ctr(), nullptr, key.data(), iv.data()) != 1 ||
        EVP_EncryptUpdate(context.get(), out.data(), &length, input.data(), static_cast<int>(input.size())) != 1)
        return malformed("AES failed");
    return out;
}

Hash256 check_value(const Derived& derived, BytesView ciphertext) {
    Bytes input(derived.begin() + 16, derived.end());
    append(input, ciphertext);
    return crypto::keccak256(input);
}

std::string uuid(Random& random) {
    std::array<std::uint8_t, 16> bytes{};
    random.fill(bytes);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    auto text = to_hex_digits(bytes);
    for (const std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, "-");
    return text;
}

} // namespace

Result<std::string> encrypt_key(const crypto::AccountKey& key, std::string_view passphrase, Random& random,
                                ScryptCost cost) {
    CRN_TRY(address, address_of(key));
    std::array<std::uint8_t, 32> salt{};
    std::array<std::uint8_t, 16> iv{};
    random.fill(salt);
    random.fill(iv);
    CRN_TRY(derived, scrypt(passphrase, salt, cost));
    CRN_TRY(ciphertext, aes_ctr(BytesView{derived}.first(16), iv, key));
    const auto mac = check_value(derived, ciphertext);
    OPENSSL_cleanse(derived.data(), derived.size());
    const json document = {
        {"address", to_hex_digits(address)},
        {"crypto",
         {{"cipher", "aes-128-ctr"},
          {"cipherparams", {{"iv", to_hex_digits(iv)}}},
          {"ciphertext", to_hex_digits(ciphertext)},
          {"kdf", "scrypt"},
          {"kdfparams", {{"dklen", 32}, {"n", cost.n}, {"p", cost.p}, {"r", cost.r}, {"salt", to_hex_digits(salt)}}},
          {"mac", to_hex_digits(mac)}}},
        {"id", uuid(random)},
        {"version", 3}};
    return document.dump() + "\n";
}

Result<crypto::AccountKey> decrypt_key(std::string_view text, std::string_view passphrase) {
    const auto document = json::parse(text, nullptr, false);
    if (!document.is_object()) return malformed("not a JSON object");
    if (!document.contains("version") || document["version"] != 3) return malformed("version is not 3");
    // Early wallets wrote "Crypto".
    const auto part = document.contains("crypto") ? document["crypto"] : document.value("Crypto", json{});
    if (!part.is_object() || !part.contains("cipher") || part["cipher"] != "aes-128-ctr")
        return malformed("the cipher is not aes-128-ctr");
    CRN_TRY(ciphertext, hex_field(part, "ciphertext", 32, 32));
    CRN_TRY(mac, hex_field(part, "mac", 32, 32));
    CRN_TRY(iv, hex_field(part.value("cipherparams", json{}), "iv", 16, 16));
    CRN_TRY(derived, derive(part, passphrase));
    const auto expected = check_value(derived, ciphertext);
    if (CRYPTO_memcmp(expected.data(), mac.data(), 32) != 0) return fail(error::CliPassphraseWrong);
    CRN_TRY(plain, aes_ctr(BytesView{derived}.first(16), iv, ciphertext));
    const auto key = crypto::AccountKey::from(plain);
    OPENSSL_cleanse(plain.data(), plain.size());
    OPENSSL_cleanse(derived.data(), derived.size());
    CRN_TRY(address, address_of(*key));
    if (document.contains("address")) {
        CRN_TRY(claimed, hex_field(document, "address", 20, 20));
        if (!std::ranges::equal(claimed, address)) return malformed("the address is not that of the key");
    }
    return *key;
}

std::string default_keystore() { return data_home() + "/keystore"; }

Result<std::vector<StoredKey>> list_keys(const std::string& directory) {
    std::vector<StoredKey> out;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        const auto text = entry.is_regular_file(error) ? read_file(entry.path().string(), 1 << 16)
                                                       : Result<std::string>{fail(error::CliFileInvalid)};
        if (!text) continue;
        const auto document = json::parse(*text, nullptr, false);
        if (!document.is_object() || document.value("version", json{}) != 3) continue;
        const auto bytes = hex_field(document, "address", 20, 20);
        if (bytes) out.push_back({*Address::from(*bytes), entry.path().string()});
    }
    if (error && error != std::errc::no_such_file_or_directory)
        return fail(error::CliFileUnreadable, directory + " (" + error.message() + ")");
    std::ranges::sort(out, {}, [](const StoredKey& key) { return std::pair{key.address, key.path}; });
    return out;
}

Result<StoredKey> store_key(const std::string& directory, const crypto::AccountKey& key, std::string_view passphrase,
                            Random& random, const Clock& clock, ScryptCost cost) {
    CRN_TRY(address, address_of(key));
    CRN_TRY(present, list_keys(directory));
    for (const auto& other : present)
        if (other.address == address) return fail(error::CliFileExists, other.path);
    CRN_TRY(text, encrypt_key(key, passphrase, random, cost));
    CRN_CHECK(make_directory(directory, Access::secret));
    const std::time_t seconds = clock.wall().count() / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char stamp[40];
    std::strftime(stamp, sizeof stamp, "UTC--%Y-%m-%dT%H-%M-%SZ--", &parts);
    const auto path = directory + "/" + stamp + to_hex_digits(address);
    CRN_CHECK(write_file(path, text, Access::secret, Existing::refuse));
    return StoredKey{address, path};
}

Result<crypto::AccountKey> parse_private_key(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
    const auto key =
        fixed_from_hex<crypto::AccountKey>(text.starts_with("0x") ? std::string{text} : "0x" + std::string{text});
    if (!key) return malformed("a private key is 64 hex digits");
    CRN_TRY(address, address_of(*key));
    static_cast<void>(address); // the key is in range
    return *key;
}

Result<Address> address_of(const crypto::AccountKey& key) {
    CRN_TRY(point, crypto::public_key(key));
    return crypto::address_of(point);
}

crypto::AccountKey new_account_key(Random& random) {
    crypto::AccountKey key;
    do random.fill(key.bytes);
    while (!crypto::public_key(key));
    return key;
}

std::string checksummed(const Address& address) {
    auto digits = to_hex_digits(address);
    const auto hash = crypto::keccak256(as_bytes(digits));
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const auto nibble = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 0x0f;
        if (nibble >= 8) digits[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(digits[i])));
    }
    return "0x" + digits;
}

Result<Address> parse_address(std::string_view text) {
    const auto address = fixed_from_hex<Address>(text);
    if (!address)
        return fail(error::CliUsage, "\"" + std::string{text} + "\" is not an address (0x and 40 hex digits)");
    const auto digits = text.substr(2);
    const bool lower = std::ranges::any_of(digits, [](char c) { return c >= 'a' && c <= 'f'; });
    const bool upper = std::ranges::any_of(digits, [](char c) { return c >= 'A' && c <= 'F'; });
    if (lower && upper && checksummed(*address).substr(2) != digits)
        return fail(error::CliUsage, "the check in address " + std::string{text} +
                                         " fails (EIP-55): a digit is mistyped; it would be " + checksummed(*address));
    return *address;
}

} // namespace cairn::cli
