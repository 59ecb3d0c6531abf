#include "cli/files.hpp"

#include "base/errors/cli.hpp"
#include "cli/invocation.hpp"
#include "storage/file.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <openssl/crypto.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cairn::cli {
namespace fs = std::filesystem;
namespace {

struct Descriptor {
    int fd;
    bool owned = true;
    ~Descriptor() {
        if (owned && fd >= 0) ::close(fd);
    }
};

std::string observed(const std::string& path) { return path + " (" + std::strerror(errno) + ")"; }

/// A name lasts over a loss of power only with its folder.
Status sync_folder_of(const std::string& path) {
    const auto folder = fs::path{path}.parent_path().string();
    return storage::posix_file_system().sync_directory(folder.empty() ? "." : folder);
}

Result<std::string> read_all(int fd, const std::string& path, std::size_t limit) {
    std::string out;
    char buffer[65536];
    while (true) {
        const auto got = ::read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(error::CliFileUnreadable, observed(path));
        if (got == 0) return out;
        out.append(buffer, static_cast<std::size_t>(got));
        if (out.size() > limit)
            return fail(error::CliFileUnreadable, path + " is longer than " + std::to_string(limit) + " bytes");
    }
}

std::string home() {
    if (const auto value = environment("HOME")) return *value;
    const auto* entry = ::getpwuid(::getuid());
    return entry ? entry->pw_dir : "/";
}

std::string xdg(const char* variable, const char* otherwise) {
    // A relative value is invalid by the XDG specification and ignored.
    if (const auto value = environment(variable); value && value->starts_with('/')) return *value + "/cairn";
    return home() + otherwise;
}

} // namespace

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    if (path == "-") return read_all(STDIN_FILENO, "standard input", limit);
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) return fail(error::CliFileUnreadable, observed(path));
    return read_all(file.fd, path, limit);
}

Result<std::string> read_secret_file(const std::string& path) {
    if (path == "-") return read_file(path, 1 << 20);
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (file.fd < 0) return fail(error::CliFileUnreadable, observed(path));
    struct stat info{};
    if (::fstat(file.fd, &info) != 0) return fail(error::CliFileUnreadable, observed(path));
    if (S_ISREG(info.st_mode) && (info.st_mode & 077) != 0) {
        char mode[8];
        std::snprintf(mode, sizeof mode, "%03o", static_cast<unsigned>(info.st_mode & 0777));
        return fail(error::CliSecretExposed, path + " has mode " + mode);
    }
    return read_all(file.fd, path, 1 << 20);
}

Status write_file(const std::string& path, std::string_view content, Access access, Existing existing) {
    if (existing == Existing::refuse && exists(path)) return fail(error::CliFileExists, path);
    const std::string beside = path + ".new-" + std::to_string(::getpid());
    const ::mode_t mode = access == Access::secret ? 0600 : 0644;
    {
        const Descriptor file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
        if (file.fd < 0) return fail(error::CliFileUnwritable, observed(path));
        std::size_t written = 0;
        while (written < content.size()) {
            const auto count = ::write(file.fd, content.data() + written, content.size() - written);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) {
                const auto error = observed(path);
                ::unlink(beside.c_str());
                return fail(error::CliFileUnwritable, error);
            }
            written += static_cast<std::size_t>(count);
        }
        if (::fsync(file.fd) != 0) {
            const auto error = observed(path);
            ::unlink(beside.c_str());
            return fail(error::CliFileUnwritable, error);
        }
    }
    // link() instead of rename() keeps the promise not to replace even against a concurrent writer.
    if (existing == Existing::refuse) {
        const int linked = ::link(beside.c_str(), path.c_str());
        const int reason = errno;
        if (linked == 0) {
            ::unlink(beside.c_str());
            return sync_folder_of(path);
        }
        if (reason == EEXIST) {
            ::unlink(beside.c_str());
            return fail(error::CliFileExists, path);
        }
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) {
        const auto error = observed(path);
        ::unlink(beside.c_str());
        return fail(error::CliFileUnwritable, error);
    }
    return sync_folder_of(path);
}

Status make_directory(const std::string& path, Access access) {
    std::error_code error;
    fs::create_directories(path, error);
    if (error) return fail(error::CliFileUnwritable, path + " (" + error.message() + ")");
    if (access == Access::secret) {
        fs::permissions(path, fs::perms::owner_all, error);
        if (error) return fail(error::CliFileUnwritable, path + " (" + error.message() + ")");
    }
    return {};
}

bool exists(const std::string& path) {
    std::error_code error;
    return fs::exists(fs::symlink_status(path, error));
}

void wipe(std::string& secret) {
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

std::string data_home() { return xdg("XDG_DATA_HOME", "/.local/share/cairn"); }
std::string state_home() { return xdg("XDG_STATE_HOME", "/.local/state/cairn"); }

std::string absolute(const std::string& path) {
    std::error_code error;
    auto full = fs::absolute(path, error);
    return error ? path : full.lexically_normal().string();
}

} // namespace cairn::cli
