// All of the operating system that the segment log needs, so that tests can lose, tear and refuse writes.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <memory>
#include <string>
#include <vector>

namespace cairn::storage {

/// An open file. Reads may come from any thread; the other calls from one. Errors: StorageIo, StorageFull.
class File {
public:
    virtual ~File() = default;
    virtual Result<std::uint64_t> size() const = 0;
    /// Number of bytes read: less than asked for only at the end of the file.
    virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
    /// After an error any part of `data` may have been written.
    virtual Status write_at(std::uint64_t offset, BytesView data) = 0;
    virtual Status truncate(std::uint64_t size) = 0;
    /// Hands what this object still holds back to the operating system.
    virtual Status flush() { return {}; }
    /// fdatasync: content and size are durable on success.
    virtual Status sync() = 0;
};

/// Released when destroyed.
class DirectoryLock {
public:
    virtual ~DirectoryLock() = default;
};

class FileSystem {
public:
    virtual ~FileSystem() = default;
    /// Creates the directory unless it is there; its parent must exist. StorageOpen.
    virtual Status make_directory(const std::string& path) = 0;
    /// StorageLocked if another process, or another lock of this one, holds it.
    virtual Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& path) = 0;
    /// Names of the files in a directory, ascending.
    virtual Result<std::vector<std::string>> list(const std::string& path) = 0;
    virtual Result<std::unique_ptr<File>> create(const std::string& path) = 0;
    virtual Result<std::unique_ptr<File>> open(const std::string& path) = 0;
    /// Opens a file that a crash may have left with an incomplete end. A file system that can tell such an end from damage
    /// cuts it off here, where `open` refuses it.
    virtual Result<std::unique_ptr<File>> open_last(const std::string& path) { return open(path); }
    virtual Status remove(const std::string& path) = 0;
    /// Atomic; replaces `to`. Files that are open under `from` stay so.
    virtual Status rename(const std::string& from, const std::string& to) = 0;
    /// Makes creations, removals and renames in a directory durable.
    virtual Status sync_directory(const std::string& path) = 0;
};

/// The operating system's. Thread-safe.
FileSystem& posix_file_system();

} // namespace cairn::storage
