// Private keys in PEM files.
#include "base/errors/crypto.hpp"
#include "crypto/certificate.hpp"
#include "crypto/openssl_handle.hpp"

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cairn::crypto {
namespace {

class File {
public:
    explicit File(int descriptor) : descriptor_(descriptor) {}
    ~File() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int get() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }

private:
    int descriptor_;
};

std::unexpected<Error> refused(const std::string& path, const std::string& why) {
    return fail(error::KeyFileRefused, path + ": " + why);
}

std::string system_error(int number) { return std::strerror(number); } // NOLINT(concurrency-mt-unsafe): glibc's is safe

bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const auto written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

void sync_directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const File opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.is_open()) ::fsync(opened.get());
}

} // namespace

SecretText::SecretText(SecretText&& other) noexcept { *this = std::move(other); }

SecretText& SecretText::operator=(SecretText&& other) noexcept {
    if (this == &other) return *this;
    OPENSSL_cleanse(text_.data(), text_.size());
    // Swapping leaves short texts, which std::string keeps inside the object, wiped in `other`.
    text_.clear();
    text_.swap(other.text_);
    return *this;
}

SecretText::~SecretText() { OPENSSL_cleanse(text_.data(), text_.size()); }

Key parse_private_key(std::string_view pem) {
    if (pem.size() > kPemBytesMax) return {};
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (!bio) return {};
    return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
}

std::string private_key_pem(EVP_PKEY* key) {
    const Bio bio(BIO_new(BIO_s_secmem()));
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
    const char* data = nullptr;
    const auto length = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(length)};
}

Status write_secret_file(const std::string& path, std::string_view text) {
    const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.is_open()) return refused(path, system_error(errno));
    if (::fchmod(file.get(), 0600) == 0 && write_all(file.get(), text) && ::fsync(file.get()) == 0) {
        sync_directory_of(path);
        return {};
    }
    const int number = errno;
    ::unlink(path.c_str());
    return refused(path, system_error(number));
}

Result<SecretText> read_secret_file(const std::string& path) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file.is_open()) return refused(path, system_error(errno));
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return refused(path, system_error(errno));
    if (!S_ISREG(status.st_mode)) return refused(path, "is not a regular file");
    if ((status.st_mode & 077) != 0) return refused(path, "may be read by others than its owner");
    if (status.st_size > static_cast<off_t>(kPemBytesMax)) return refused(path, "is longer than 64 KiB");

    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t length = 0;
    while (length < text.size()) {
        const auto got = ::read(file.get(), text.data() + length, text.size() - length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return refused(path, system_error(errno));
        if (got == 0) break;
        length += static_cast<std::size_t>(got);
    }
    text.resize(length);
    return SecretText(std::move(text));
}

Status write_ed25519_key(const std::string& path, const ValidatorSeed& seed) {
    const ErrorScope errors;
    const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    if (!key) return fail(error::KeyInvalid, "not an Ed25519 seed");
    const SecretText pem(private_key_pem(key.get()));
    if (pem.view().empty()) return fail(error::KeyInvalid, "cannot encode the key");
    return write_secret_file(path, pem.view());
}

Result<ValidatorSeed> read_ed25519_key(const std::string& path) {
    const ErrorScope errors;
    CRN_TRY(pem, read_secret_file(path));
    const auto key = parse_private_key(pem.view());
    if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519)
        return fail(error::KeyInvalid, path + ": not an Ed25519 private key in PEM form");
    ValidatorSeed seed;
    std::size_t length = seed.size();
    if (EVP_PKEY_get_raw_private_key(key.get(), seed.data(), &length) != 1 || length != seed.size())
        return fail(error::KeyInvalid, path + ": not an Ed25519 private key in PEM form");
    return seed;
}

} // namespace cairn::crypto
