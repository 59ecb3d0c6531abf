#include "storage/rocksdb_files.hpp"

#include "base/errors/storage.hpp"

namespace cairn::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus status_of(const Error& error) {
    if (error.code == error::StorageFull) return IOStatus::NoSpace(error.text());
    if (error.code == error::StorageIo) return IOStatus::IOError(error.text());
    if (error.code == error::StorageOpen) return IOStatus::PathNotFound(error.text());
    return IOStatus::Corruption(error.text());
}
IOStatus status_of(const Status& status) { return status ? IOStatus::OK() : status_of(status.error()); }

std::span<std::uint8_t> space(char* scratch, std::size_t bytes) {
    return {reinterpret_cast<std::uint8_t*>(scratch), bytes};
}

class SequentialFile final : public rocksdb::FSSequentialFile {
public:
    explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
        const auto read = file_->read_at(at_, space(scratch, n));
        *result = {scratch, read ? *read : 0};
        if (!read) return status_of(read.error());
        at_ += *read;
        return IOStatus::OK();
    }
    IOStatus Skip(uint64_t n) override {
        at_ += n;
        return IOStatus::OK();
    }

private:
    std::unique_ptr<File> file_;
    std::uint64_t at_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
public:
    explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                  IODebugContext*) const override {
        const auto read = file_->read_at(offset, space(scratch, n));
        *result = {scratch, read ? *read : 0};
        return read ? IOStatus::OK() : status_of(read.error());
    }

private:
    std::unique_ptr<File> file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
public:
    explicit WritableFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
    using FSWritableFile::Append;
    IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
        const auto written = file_->write_at(size_, {reinterpret_cast<const std::uint8_t*>(data.data()), data.size()});
        if (!written) return status_of(written);
        size_ += data.size();
        return IOStatus::OK();
    }
    IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
        // RocksDB cuts what it allocated ahead; nothing is allocated ahead here.
        return size == size_ ? IOStatus::OK() : IOStatus::NotSupported("cutting an encrypted file");
    }
    IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
    IOStatus Sync(const IOOptions&, IODebugContext*) override { return status_of(file_->sync()); }
    IOStatus Close(const IOOptions&, IODebugContext*) override {
        if (!file_) return IOStatus::OK();
        const auto flushed = file_->flush();
        file_.reset();
        return status_of(flushed);
    }
    uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

private:
    std::unique_ptr<File> file_;
    std::uint64_t size_ = 0;
};

class EncryptedFiles final : public EncryptedRocksFiles {
public:
    explicit EncryptedFiles(CipherFileSystem& files)
        : EncryptedRocksFiles(rocksdb::FileSystem::Default()), files_(files) {}
    const char* Name() const override { return "CairnEncryptedFiles"; }
    std::optional<Error> first_refusal() const override {
        const std::lock_guard guard(mutex_);
        return first_refusal_;
    }

    IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext* debug) override {
        if (auto there = FileExists(path, options.io_options, debug); !there.ok()) return there;
        // Logs and manifests are read this way after a crash, which may have left the end of one incomplete.
        auto file = files_.open_last(path);
        if (!file) return refused(path, file.error());
        *result = std::make_unique<SequentialFile>(std::move(*file));
        return IOStatus::OK();
    }
    IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                 std::unique_ptr<rocksdb::FSRandomAccessFile>* result, IODebugContext* debug) override {
        if (auto there = FileExists(path, options.io_options, debug); !there.ok()) return there;
        auto file = files_.open(path);
        if (!file) return status_of(file.error());
        *result = std::make_unique<RandomAccessFile>(std::move(*file));
        return IOStatus::OK();
    }
    IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext* debug) override {
        if (FileExists(path, options.io_options, debug).ok())
            if (const auto removed = files_.remove(path); !removed) return status_of(removed);
        auto file = files_.create_as(path, path.ends_with(".sst") ? kTableLayout : kLogLayout);
        if (!file) return status_of(file.error());
        *result = std::make_unique<WritableFile>(std::move(*file));
        return IOStatus::OK();
    }
    IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) override {
        if (auto there = FileExists(path, options, debug); !there.ok()) return there;
        return status_of(files_.remove(path));
    }
    IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&, IODebugContext*) override {
        return status_of(files_.rename(from, to));
    }
    IOStatus GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size,
                         IODebugContext* debug) override {
        if (auto there = FileExists(path, options, debug); !there.ok()) return there;
        auto file = files_.open_last(path);
        if (!file) return status_of(file.error());
        const auto bytes = (*file)->size();
        *size = bytes ? *bytes : 0;
        return bytes ? IOStatus::OK() : status_of(bytes.error());
    }
    IOStatus GetChildren(const std::string& directory, const IOOptions& options, std::vector<std::string>* names,
                         IODebugContext* debug) override {
        auto status = FileSystemWrapper::GetChildren(directory, options, names, debug);
        std::erase_if(*names, [](const std::string& name) { return name.ends_with(".rekey"); });
        return status;
    }
    IOStatus GetChildrenFileAttributes(const std::string& directory, const IOOptions& options,
                                       std::vector<rocksdb::FileAttributes>* result, IODebugContext* debug) override {
        std::vector<std::string> names;
        if (auto listed = GetChildren(directory, options, &names, debug); !listed.ok()) return listed;
        for (const auto& name : names) {
            rocksdb::FileAttributes attributes{name, 0};
            if (auto sized = GetFileSize(directory + "/" + name, options, &attributes.size_bytes, debug); !sized.ok())
                return sized;
            result->push_back(attributes);
        }
        return IOStatus::OK();
    }

    // What would go round the encryption.
    IOStatus ReopenWritableFile(const std::string&, const FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>*,
                                IODebugContext*) override {
        return unsupported();
    }
    IOStatus ReuseWritableFile(const std::string&, const std::string&, const FileOptions&,
                               std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
        return unsupported();
    }
    IOStatus NewRandomRWFile(const std::string&, const FileOptions&, std::unique_ptr<rocksdb::FSRandomRWFile>*,
                             IODebugContext*) override {
        return unsupported();
    }
    IOStatus NewMemoryMappedFileBuffer(const std::string&, std::unique_ptr<rocksdb::MemoryMappedFileBuffer>*) override {
        return unsupported();
    }
    IOStatus LinkFile(const std::string&, const std::string&, const IOOptions&, IODebugContext*) override {
        return unsupported();
    }
    IOStatus Truncate(const std::string&, size_t, const IOOptions&, IODebugContext*) override { return unsupported(); }
    IOStatus NewLogger(const std::string&, const IOOptions&, std::shared_ptr<rocksdb::Logger>*,
                       IODebugContext*) override {
        return unsupported();
    }

private:
    static IOStatus unsupported() { return IOStatus::NotSupported("not on encrypted files"); }

    IOStatus refused(const std::string& path, const Error& error) {
        auto status = status_of(error);
        if (!status.IsCorruption()) return status;
        const std::lock_guard guard(mutex_);
        if (!first_refusal_) first_refusal_ = error;
        // An IDENTITY that cannot be read is expected to be an input/output error, and anything else asserted against.
        return path.ends_with("/IDENTITY") ? IOStatus::IOError(error.text()) : status;
    }

    CipherFileSystem& files_;
    mutable std::mutex mutex_;
    std::optional<Error> first_refusal_; // guarded by mutex_
};

} // namespace

std::shared_ptr<EncryptedRocksFiles> make_encrypted_rocksdb_files(CipherFileSystem& files) {
    return std::make_shared<EncryptedFiles>(files);
}

} // namespace cairn::storage
