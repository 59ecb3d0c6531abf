#include "base/descriptor.hpp"
#include "base/errors/storage.hpp"
#include "storage/file.hpp"

#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

namespace cairn::storage {
namespace {

std::unexpected<Error> failed(const std::string& doing, const std::string& path, int error,
                              ErrorCode otherwise = error::StorageIo) {
    const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG; // device, quota, limit of the process
    return fail(full ? error::StorageFull : otherwise,
                doing + " " + path + " (" + std::generic_category().message(error) + ")");
}

class PosixFile final : public File {
public:
    PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

    Result<std::uint64_t> size() const override {
        struct stat info{};
        if (::fstat(fd_.get(), &info) != 0) return failed("look at", path_, errno);
        return static_cast<std::uint64_t>(info.st_size);
    }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        std::size_t done = 0;
        while (done < out.size()) {
            const auto count =
                ::pread(fd_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return failed("read", path_, errno);
            if (count == 0) break;
            done += static_cast<std::size_t>(count);
        }
        return done;
    }
    Status write_at(std::uint64_t offset, BytesView data) override {
        while (!data.empty()) {
            const auto count = ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return failed("write", path_, errno);
            offset += static_cast<std::uint64_t>(count);
            data = data.subspan(static_cast<std::size_t>(count));
        }
        return {};
    }
    Status truncate(std::uint64_t size) override {
        if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failed("cut", path_, errno);
        return {};
    }
    Status sync() override {
        if (::fdatasync(fd_.get()) != 0) return failed("sync", path_, errno);
        return {};
    }

private:
    Descriptor fd_;
    std::string path_;
};

class HeldLock final : public DirectoryLock {
public:
    explicit HeldLock(int fd) : fd_(fd) {}

private:
    Descriptor fd_;
};

class PosixFileSystem final : public FileSystem {
public:
    Status make_directory(const std::string& path) override {
        if (::mkdir(path.c_str(), 0700) == 0) {
            // A new entry of the parent must survive as well.
            const auto slash = path.find_last_of('/', path.find_last_not_of('/'));
            return sync_directory(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
        }
        if (errno != EEXIST) return failed("create", path, errno, error::StorageOpen);
        struct stat info{};
        if (::stat(path.c_str(), &info) != 0) return failed("look at", path, errno, error::StorageOpen);
        if (!S_ISDIR(info.st_mode)) return fail(error::StorageOpen, path + " is not a directory");
        return {};
    }
    Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& path) override {
        const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return failed("open", path, errno, error::StorageOpen);
        auto lock = std::make_unique<HeldLock>(fd);
        if (::flock(fd, LOCK_EX | LOCK_NB) != 0) return failed("lock", path, errno, error::StorageLocked);
        return lock;
    }
    Result<std::vector<std::string>> list(const std::string& path) override {
        DIR* directory = ::opendir(path.c_str());
        if (directory == nullptr) return failed("list", path, errno, error::StorageOpen);
        std::vector<std::string> names;
        errno = 0;
        while (const dirent* entry = ::readdir(directory)) {
            const std::string name = entry->d_name;
            if (entry->d_type == DT_DIR || name == "." || name == "..") continue;
            names.push_back(name);
        }
        const int error = errno;
        ::closedir(directory);
        if (error != 0) return failed("list", path, error);
        std::ranges::sort(names);
        return names;
    }
    Result<std::unique_ptr<File>> create(const std::string& path) override {
        return opened(path, O_RDWR | O_CREAT | O_EXCL);
    }
    Result<std::unique_ptr<File>> open(const std::string& path) override { return opened(path, O_RDWR); }
    Status remove(const std::string& path) override {
        if (::unlink(path.c_str()) != 0) return failed("remove", path, errno);
        return {};
    }
    Status rename(const std::string& from, const std::string& to) override {
        if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
        return {};
    }
    Status sync_directory(const std::string& path) override {
        const Descriptor fd{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
        if (fd.get() < 0) return failed("open", path, errno, error::StorageOpen);
        if (::fsync(fd.get()) != 0) return failed("sync", path, errno);
        return {};
    }

private:
    static Result<std::unique_ptr<File>> opened(const std::string& path, int flags) {
        const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
        if (fd < 0) return failed("open", path, errno, error::StorageOpen);
        return std::make_unique<PosixFile>(fd, path);
    }
};

} // namespace

FileSystem& posix_file_system() {
    static PosixFileSystem instance;
    return instance;
}

} // namespace cairn::storage
