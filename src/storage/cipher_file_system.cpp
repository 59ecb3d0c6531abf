#include "storage/cipher_file_system.hpp"

#include "base/errors/storage.hpp"
#include "base/log.hpp"

#include <filesystem>

namespace cairn::storage {
namespace {

constexpr std::string_view kUnfinished = ".rekey";

class Handle final : public File {
public:
    explicit Handle(std::shared_ptr<CipherFile> file) : file_(std::move(file)) {}
    ~Handle() override {
        if (auto flushed = file_->flush(); !flushed) log(LogLevel::error, "storage", flushed.error().text());
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        return file_->read_at(offset, out);
    }
    Status write_at(std::uint64_t offset, BytesView data) override { return file_->write_at(offset, data); }
    Status truncate(std::uint64_t size) override { return file_->truncate(size); }
    Status flush() override { return file_->flush(); }
    Status sync() override { return file_->sync(); }

private:
    std::shared_ptr<CipherFile> file_;
};

Result<std::unique_ptr<File>> handle_of(Result<std::shared_ptr<CipherFile>> file) {
    if (!file) return std::unexpected(std::move(file).error());
    return std::make_unique<Handle>(std::move(*file));
}

/// One spelling per file, or two handles would not know of each other.
std::string normal(const std::string& path) { return std::filesystem::path(path).lexically_normal().string(); }

std::string directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

} // namespace

Result<std::vector<std::string>> CipherFileSystem::list(const std::string& path) {
    auto names = below_.list(path);
    if (names) std::erase_if(*names, [](const std::string& name) { return name.ends_with(kUnfinished); });
    return names;
}

std::shared_ptr<CipherFile> CipherFileSystem::opened(const std::string& path) {
    const auto found = open_.find(path);
    return found == open_.end() ? nullptr : found->second.lock();
}

Result<std::shared_ptr<CipherFile>> CipherFileSystem::shared(const std::string& given, TornEnd torn) {
    const auto path = normal(given);
    const std::lock_guard guard(mutex_);
    if (auto file = opened(path)) return file;
    CRN_TRY(below, below_.open(path));
    CRN_TRY(file, CipherFile::open(path, std::move(below), registry_, torn, suite_));
    std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
    open_[path] = file;
    return file;
}

Result<std::unique_ptr<File>> CipherFileSystem::create(const std::string& path) { return create_as(path, kLogLayout); }

Result<std::unique_ptr<File>> CipherFileSystem::create_as(const std::string& given, const CipherLayout& layout) {
    const auto path = normal(given);
    CRN_TRY(key, registry_.take());
    const std::lock_guard guard(mutex_);
    auto below = below_.create(path);
    if (!below) {
        forget(key.id);
        return std::unexpected(std::move(below).error());
    }
    const auto id = key.id;
    auto file = CipherFile::create(path, std::move(*below), std::move(key), layout, suite_);
    if (!file) {
        // Without room for a header the file must not stay.
        forget(id);
        (void)below_.remove(path);
        return std::unexpected(std::move(file).error());
    }
    open_[path] = *file;
    return handle_of(std::move(file));
}

Result<std::unique_ptr<File>> CipherFileSystem::open(const std::string& path) {
    return handle_of(shared(path, TornEnd::refuse));
}

Result<std::unique_ptr<File>> CipherFileSystem::open_last(const std::string& path) {
    return handle_of(shared(path, TornEnd::cut));
}

Result<std::optional<FileId>> CipherFileSystem::id_of(const std::string& path) {
    CRN_TRY(below, below_.open(path));
    Bytes head(kCipherHeaderBytes);
    CRN_TRY(read, below->read_at(0, head));
    head.resize(read);
    const auto header = decode_cipher_header(head);
    return header ? std::optional{header->id} : std::nullopt;
}

void CipherFileSystem::forget(const FileId& id) {
    registry_.release(id);
    const std::lock_guard guard(others_mutex_);
    others_.erase(id);
}

std::size_t CipherFileSystem::files_of_other_suites(KeyVersion version) const {
    const std::lock_guard guard(others_mutex_);
    return static_cast<std::size_t>(
        std::ranges::count_if(others_, [&](const auto& entry) { return entry.second >= version; }));
}

Status CipherFileSystem::remove(const std::string& given) {
    const auto path = normal(given);
    const std::lock_guard guard(mutex_);
    CRN_TRY(id, id_of(path));
    CRN_CHECK(below_.remove(path));
    if (id) forget(*id);
    open_.erase(path);
    return {};
}

Status CipherFileSystem::rename(const std::string& given_from, const std::string& given_to) {
    const auto from = normal(given_from);
    const auto to = normal(given_to);
    const std::lock_guard guard(mutex_);
    CRN_TRY(names, below_.list(directory_of(to)));
    const auto name = to.substr(to.rfind('/') + 1);
    std::optional<FileId> replaced;
    if (std::ranges::find(names, name) != names.end()) {
        CRN_TRY(id, id_of(to));
        replaced = id;
    }
    CRN_CHECK(below_.rename(from, to));
    if (replaced) forget(*replaced);
    open_.erase(to);
    if (auto moved = open_.extract(from); !moved.empty()) {
        moved.key() = to;
        open_.insert(std::move(moved));
    }
    return {};
}

Status CipherFileSystem::take_inventory(const std::vector<std::string>& paths) {
    std::set<FileId> present;
    for (const auto& path : paths) {
        if (path.ends_with(kUnfinished)) {
            CRN_CHECK(below_.remove(path));
            continue;
        }
        CRN_TRY(below, below_.open(path));
        Bytes head(kCipherHeaderBytes);
        CRN_TRY(read, below->read_at(0, head));
        head.resize(read);
        // A crash right after a file was made leaves less than a header; whoever opens it decides.
        if (read < kCipherHeaderBytes && std::ranges::equal(head, Bytes(read))) continue;
        if (!has_cipher_magic(head) && read >= 8) return fail(error::CipherPlain, path);
        const auto header = decode_cipher_header(head);
        if (!header && read < kCipherHeaderBytes) continue;
        if (!header) return fail(error::CipherDamaged, path + " at offset 0: the header is not valid");
        auto key = registry_.find(header->id);
        if (!key) return fail(key.error().code, path + ": " + key.error().detail);
        present.insert(header->id);
        if (header->suite != suite_) {
            const std::lock_guard guard(others_mutex_);
            others_[header->id] = {header->key_version};
        }
    }
    return registry_.keep_only(present);
}

Result<bool> CipherFileSystem::reencrypt(const std::string& given,
                                         const std::function<bool(std::size_t bytes)>& pause) {
    const auto path = normal(given);
    auto opening = shared(path, TornEnd::refuse);
    if (!opening) {
        CRN_TRY(names, below_.list(directory_of(path)));
        if (std::ranges::find(names, path.substr(path.rfind('/') + 1)) == names.end()) return false;
        return std::unexpected(std::move(opening).error());
    }
    const auto file = std::move(*opening);
    CRN_TRY(current, registry_.current_version());
    if (file->key_version() >= current && file->suite() == suite_) return false;
    const auto old_id = file->id();
    CRN_TRY(key, registry_.take());
    const auto new_id = key.id;
    const auto unfinished = path + std::string{kUnfinished};
    CRN_TRY(below, below_.create(unfinished));
    bool vanished = false;
    const auto move = [&]() -> Status {
        CRN_TRY(fresh, CipherFile::create(unfinished, std::move(below), std::move(key),
                                          {.page_bytes = file->page_bytes(), .gathers_pages = true}, suite_));
        return file->move_to(
            *fresh, pause,
            [&]() -> Status {
                const std::lock_guard guard(mutex_);
                vanished = opened(path) != file;
                if (vanished) return fail(error::StorageIo, path + " is gone");
                return below_.rename(unfinished, path);
            },
            [&] { return below_.sync_directory(directory_of(path)); });
    };
    auto moved = move();
    if (file->id() == new_id) {
        forget(old_id);
        if (!moved) return std::unexpected(std::move(moved).error());
        return true;
    }
    forget(new_id);
    (void)below_.remove(unfinished);
    if (vanished) return false;
    return std::unexpected(std::move(moved).error());
}

} // namespace cairn::storage
