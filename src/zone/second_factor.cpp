#include "zone/second_factor.hpp"

#include "base/errors/zone.hpp"
#include "codec/wire.hpp"

#include <liboath/oath.h>
#include <sodium.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace cairn::zone {
namespace {

constexpr std::size_t kSecretBytes = 20; // of SHA-1, as RFC 4226 recommends
constexpr unsigned kStepSeconds = OATH_TOTP_DEFAULT_TIME_STEP_SIZE;
constexpr unsigned kDigits = 6;
constexpr std::size_t kWindow = 1; // steps before and after

std::unexpected<Error> unusable(const std::string& path) { return fail(error::ZoneFileInvalid, path); }

Result<std::string> base32(BytesView secret) {
    char* text = nullptr;
    std::size_t length = 0;
    if (oath_base32_encode(reinterpret_cast<const char*>(secret.data()), secret.size(), &text, &length) != OATH_OK)
        return fail(error::ZoneFileInvalid, "base32");
    std::string out{text, length};
    sodium_memzero(text, length);
    ::free(text);
    std::erase(out, '=');
    return out;
}

/// Durable, and whole or not at all.
Status replace_file(const std::string& path, BytesView content) {
    const auto fresh = path + ".new";
    std::error_code ignored;
    std::filesystem::remove(fresh, ignored);
    CRN_CHECK(crypto::write_secret_file(fresh, as_text(content)));
    if (::rename(fresh.c_str(), path.c_str()) != 0) return unusable(path);
    return {};
}

} // namespace

struct SecondFactors::Factor {
    std::string role;
    Bytes secret;
    std::uint64_t last_step = 0; // of the last code that was accepted
    Factor() = default;
    Factor(Factor&&) = default;
    Factor& operator=(Factor&&) = default;
    ~Factor() { sodium_memzero(secret.data(), secret.size()); }
};

SecondFactors::~SecondFactors() { sodium_memzero(key_.data(), key_.size()); }

Result<std::unique_ptr<SecondFactors>> SecondFactors::open(const std::string& directory) {
    std::unique_ptr<SecondFactors> out{new SecondFactors(directory)};
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return unusable(directory);
    const auto path = directory + "/seal.key";
    if (!std::filesystem::exists(path)) {
        Bytes key(crypto_secretbox_KEYBYTES);
        randombytes_buf(key.data(), key.size());
        CRN_CHECK(crypto::write_secret_file(path, to_hex(key)));
    }
    CRN_TRY(text, crypto::read_secret_file(path));
    auto key = from_hex(text.view());
    if (!key || key->size() != crypto_secretbox_KEYBYTES) return unusable(path);
    out->key_ = *std::move(key);
    return out;
}

bool SecondFactors::is_enrolled(const std::string& name) const {
    return std::filesystem::exists(directory_ + "/" + name + ".factor");
}

Result<SecondFactors::Factor> SecondFactors::read(const std::string& name) const {
    const auto path = directory_ + "/" + name + ".factor";
    CRN_TRY(text, crypto::read_secret_file(path));
    const auto sealed = as_bytes(text.view());
    constexpr std::size_t kOverhead = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    if (sealed.size() < kOverhead || sealed.size() > 1024) return unusable(path);
    Bytes plain(sealed.size() - kOverhead);
    const auto nonce = sealed.first(crypto_secretbox_NONCEBYTES), box = sealed.subspan(crypto_secretbox_NONCEBYTES);
    if (crypto_secretbox_open_easy(plain.data(), box.data(), box.size(), nonce.data(), key_.data()) != 0)
        return unusable(path + " was changed, or sealed elsewhere");
    codec::WireReader in{plain};
    // The name is inside, so that one person's factor cannot be put in another's place.
    const auto owner = in.text(64);
    Factor factor;
    factor.role = in.text(64);
    factor.last_step = in.u64();
    factor.secret = to_bytes(in.string(kSecretBytes));
    const bool sound = in.finish().has_value() && owner == name && factor.secret.size() == kSecretBytes;
    sodium_memzero(plain.data(), plain.size());
    if (!sound) return unusable(path);
    return factor;
}

Status SecondFactors::write(const std::string& name, const Factor& factor) const {
    codec::WireWriter out;
    out.text(name);
    out.text(factor.role);
    out.u64(factor.last_step);
    out.string(factor.secret);
    auto plain = out.take();
    Bytes sealed(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + plain.size());
    randombytes_buf(sealed.data(), crypto_secretbox_NONCEBYTES);
    crypto_secretbox_easy(sealed.data() + crypto_secretbox_NONCEBYTES, plain.data(), plain.size(), sealed.data(),
                          key_.data());
    sodium_memzero(plain.data(), plain.size());
    return replace_file(directory_ + "/" + name + ".factor", sealed);
}

Status SecondFactors::check_role(const std::string& name, crypto::ZoneRole role) const {
    const std::lock_guard lock(mutex_);
    if (!is_enrolled(name)) return {};
    CRN_TRY(factor, read(name));
    if (factor.role == crypto::name_of(role)) return {};
    return fail(error::ZoneRolesDisjoint, name + " is enrolled as " + factor.role);
}

Result<Authenticator> SecondFactors::enrol(const std::string& name, crypto::ZoneRole role, const std::string& node,
                                           Random& random) {
    const std::lock_guard lock(mutex_);
    Factor factor;
    factor.role = crypto::name_of(role);
    factor.secret.resize(kSecretBytes);
    random.fill(factor.secret);
    CRN_CHECK(write(name, factor));
    CRN_TRY(secret, base32(factor.secret));
    Authenticator out{crypto::SecretText{"otpauth://totp/Cairn%20" + node + ":" + name + "?secret=" + secret +
                                         "&issuer=Cairn%20" + node + "&algorithm=SHA1&digits=6&period=30"}};
    sodium_memzero(secret.data(), secret.size());
    return out;
}

Status SecondFactors::check(const std::string& name, std::string_view code, std::int64_t now) {
    const std::lock_guard lock(mutex_);
    if (!is_enrolled(name)) return fail(error::ZoneSecondFactor, name + " has enrolled none");
    if (code.size() != kDigits || !std::ranges::all_of(code, [](char c) { return c >= '0' && c <= '9'; }))
        return fail(error::ZoneSecondFactor, "a code has six digits");
    CRN_TRY(factor, read(name));
    int position = 0;
    std::uint64_t step = 0;
    const std::string text{code};
    const int result =
        oath_totp_validate4(reinterpret_cast<const char*>(factor.secret.data()), factor.secret.size(), now,
                            kStepSeconds, OATH_TOTP_DEFAULT_START_TIME, kWindow, &position, &step, 0, text.c_str());
    if (result < 0) return fail(error::ZoneSecondFactor, "the code is wrong");
    if (step <= factor.last_step) return fail(error::ZoneSecondFactor, "the code was used before");
    factor.last_step = step;
    return write(name, factor);
}

Result<std::string> code_of(std::string_view uri, std::int64_t now) {
    constexpr std::string_view kSecret = "secret=";
    const auto at = uri.find(kSecret);
    if (!uri.starts_with("otpauth://totp/") || at == std::string_view::npos)
        return fail(error::ZoneFileInvalid, "not an otpauth://totp/ address");
    auto text = uri.substr(at + kSecret.size());
    text = text.substr(0, text.find_first_of("& \r\n"));
    char* secret = nullptr;
    std::size_t length = 0;
    if (oath_base32_decode(text.data(), text.size(), &secret, &length) != OATH_OK)
        return fail(error::ZoneFileInvalid, "its secret is malformed");
    char code[kDigits + 2] = {};
    const int result =
        oath_totp_generate(secret, length, now, kStepSeconds, OATH_TOTP_DEFAULT_START_TIME, kDigits, code);
    sodium_memzero(secret, length);
    ::free(secret);
    if (result != OATH_OK) return fail(error::ZoneFileInvalid, "its secret is malformed");
    return std::string{code};
}

} // namespace cairn::zone
