// A file system in memory that forgets, tears and refuses like a real one in bad hours. For tests.
#pragma once

#include "base/errors/storage.hpp"
#include "storage/file.hpp"

#include <map>
#include <optional>
#include <random>
#include <set>

namespace cairn::storage {

/// One thread.
class FaultyFileSystem final : public FileSystem {
public:
    explicit FaultyFileSystem(std::uint64_t seed) : random_(seed) {}

    // Faults to come.
    std::optional<std::uint64_t> bytes_until_full; // then writes are cut short with StorageFull
    std::optional<std::uint64_t> syncs_until_error;

    /// The machine loses power: of what was not synced, each file keeps a prefix that may end inside a write, and
    /// directory entries that were not synced may be lost. Everything that is open becomes stale.
    void lose_power() {
        ++boot_;
        locked_.clear();
        for (auto& [path, disk] : disks_) {
            const auto& volatile_part = disk->unsynced;
            const auto kept = volatile_part.empty() ? 0 : random_() % (volatile_part.size() + 1);
            for (std::size_t i = 0; i < kept; ++i) apply(disk->durable, volatile_part[i]);
            if (kept < volatile_part.size() && random_() % 2 == 0) {
                auto torn = volatile_part[kept];
                torn.data.resize(random_() % (torn.data.size() + 1));
                if (!torn.cut) apply(disk->durable, torn);
            }
            disk->unsynced.clear();
            disk->content = disk->durable;
        }
        std::map<std::string, std::shared_ptr<Disk>> after = durable_names_;
        for (const auto& [path, disk] : disks_)
            if (!durable_names_.contains(path) && random_() % 2 == 0) after[path] = disk;
        disks_ = durable_names_ = std::move(after);
    }
    /// Direct access to what a file holds.
    Bytes& content(const std::string& path) { return disks_.at(path)->content; }
    std::vector<std::string> paths() const {
        std::vector<std::string> out;
        for (const auto& [path, disk] : disks_) out.push_back(path);
        return out;
    }

    Status make_directory(const std::string&) override { return {}; }
    Result<std::unique_ptr<DirectoryLock>> lock_directory(const std::string& path) override {
        if (!locked_.insert(path).second) return fail(error::StorageLocked, path);
        return std::make_unique<Lock>(*this, path);
    }
    Result<std::vector<std::string>> list(const std::string& directory) override {
        std::vector<std::string> out;
        for (const auto& [path, disk] : disks_)
            if (path.starts_with(directory + "/")) out.push_back(path.substr(directory.size() + 1));
        return out;
    }
    Result<std::unique_ptr<File>> create(const std::string& path) override {
        if (disks_.contains(path)) return fail(error::StorageIo, path + " exists");
        disks_[path] = std::make_shared<Disk>();
        return open(path);
    }
    Result<std::unique_ptr<File>> open(const std::string& path) override {
        const auto found = disks_.find(path);
        if (found == disks_.end()) return fail(error::StorageIo, path + " does not exist");
        return std::make_unique<OpenFile>(*this, found->second);
    }
    Status remove(const std::string& path) override {
        disks_.erase(path);
        return {};
    }
    Status rename(const std::string& from, const std::string& to) override {
        const auto found = disks_.find(from);
        if (found == disks_.end()) return fail(error::StorageIo, from + " does not exist");
        disks_[to] = found->second;
        disks_.erase(from);
        return {};
    }
    Status sync_directory(const std::string&) override {
        durable_names_ = disks_;
        return {};
    }

private:
    struct Write {
        std::uint64_t offset = 0;
        Bytes data;
        bool cut = false; // the file is cut to `offset` instead
    };
    struct Disk {
        Bytes content; // as running programs see it
        Bytes durable;
        std::vector<Write> unsynced;
    };
    static void apply(Bytes& content, const Write& write) {
        if (write.cut) {
            content.resize(write.offset);
            return;
        }
        if (content.size() < write.offset + write.data.size()) content.resize(write.offset + write.data.size());
        std::ranges::copy(write.data, content.begin() + static_cast<std::ptrdiff_t>(write.offset));
    }

    class Lock final : public DirectoryLock {
    public:
        Lock(FaultyFileSystem& files, std::string path) : files_(files), path_(std::move(path)), boot_(files.boot_) {}
        ~Lock() override {
            if (boot_ == files_.boot_) files_.locked_.erase(path_);
        }

    private:
        FaultyFileSystem& files_;
        std::string path_;
        std::uint64_t boot_;
    };
    class OpenFile final : public File {
    public:
        OpenFile(FaultyFileSystem& files, std::shared_ptr<Disk> disk) : files_(files), disk_(std::move(disk)) {}
        Result<std::uint64_t> size() const override { return disk_->content.size(); }
        Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> out) const override {
            if (offset >= disk_->content.size()) return 0u;
            const auto count = std::min<std::size_t>(out.size(), disk_->content.size() - offset);
            std::copy_n(disk_->content.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
            return count;
        }
        Status write_at(std::uint64_t offset, BytesView data) override {
            auto& room = files_.bytes_until_full;
            const bool too_much = room && data.size() > *room;
            if (too_much) data = data.first(*room);
            if (room) *room -= data.size();
            disk_->unsynced.push_back({offset, to_bytes(data), false});
            apply(disk_->content, disk_->unsynced.back());
            if (too_much) return fail(error::StorageFull, "no space left");
            return {};
        }
        Status truncate(std::uint64_t size) override {
            disk_->unsynced.push_back({size, {}, true});
            apply(disk_->content, disk_->unsynced.back());
            return {};
        }
        Status sync() override {
            if (files_.syncs_until_error && (*files_.syncs_until_error)-- == 0) {
                files_.syncs_until_error = std::nullopt;
                disk_->unsynced.clear(); // as Linux does: the pages are clean now, but not on the disk
                return fail(error::StorageIo, "sync failed");
            }
            disk_->unsynced.clear();
            disk_->durable = disk_->content;
            return {};
        }

    private:
        FaultyFileSystem& files_;
        std::shared_ptr<Disk> disk_;
    };

    std::mt19937_64 random_;
    std::uint64_t boot_ = 0;
    std::map<std::string, std::shared_ptr<Disk>> disks_;
    std::map<std::string, std::shared_ptr<Disk>> durable_names_;
    std::set<std::string> locked_;
};

} // namespace cairn::storage
