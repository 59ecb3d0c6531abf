// An encrypted file system with everything under it, for tests: root, vault, registry, files.
#pragma once

#include "storage/cipher_file_system.hpp"
#include "storage/test_vault.hpp"

#include <filesystem>
#include <memory>

namespace cairn::storage {

inline crypto::SecretKey test_root(std::uint8_t number = 7) { return *crypto::SecretKey::from(Bytes(32, number)); }

class TestEncryption {
public:
    /// Keys lie in `keys`; `paths`: all files that should be encrypted.
    static Result<std::unique_ptr<TestEncryption>> open(FileSystem& below, const std::string& keys,
                                                        const std::vector<std::string>& paths,
                                                        crypto::SecretKey root = test_root(),
                                                        CipherSuite suite = CipherSuite::aes_256_gcm) {
        auto out = std::unique_ptr<TestEncryption>(new TestEncryption);
        CRN_CHECK(below.make_directory(keys));
        CRN_TRY(vault, TestVault::open(below, keys, std::move(root)));
        out->vault = std::move(vault);
        CRN_TRY(registry, KeyRegistry::open(below, keys, *out->vault, KeyRegistry::IfAbsent::create));
        out->registry = std::move(registry);
        out->files = std::make_unique<CipherFileSystem>(below, *out->registry, suite);
        CRN_CHECK(out->files->take_inventory(paths));
        return out;
    }

    std::unique_ptr<TestVault> vault;
    std::unique_ptr<KeyRegistry> registry;
    std::unique_ptr<CipherFileSystem> files;

private:
    TestEncryption() = default;
};

/// All regular files below a directory, but those of one subdirectory.
inline std::vector<std::string> files_below(const std::string& directory, const std::string& but = {}) {
    std::vector<std::string> out;
    if (std::filesystem::exists(directory))
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
            if (entry.is_regular_file() && (but.empty() || !entry.path().string().starts_with(but + "/")))
                out.push_back(entry.path().string());
    std::ranges::sort(out);
    return out;
}

inline bool always(std::size_t) { return true; }

} // namespace cairn::storage
