// A vault that works from a root key in this process's memory, to test what is above a vault. A node never does: its vault is the
// signer, in another process (signer/purpose_keys.hpp).
//
// The root lies in memory that is locked and excluded from core dumps. Purpose keys are random, never derived: a destroyed
// one cannot be computed again from the root. They are kept in DIRECTORY/vault.a and vault.b (sealed_pair.hpp, magic
// "CRNVLT1", sealed with a key derived from the root). Content: u32 count, then per key u8 purpose, u32 version, u8 state,
// 8 bytes check value, 32 bytes key (zeros when destroyed).
//
// What destroying does not reach: copies of the vault files that someone made before. Whoever has such a copy and the root
// has the key, which is why a leaked root is answered by a new root as well (`replace_root`).
#pragma once

#include "storage/file.hpp"
#include "storage/key_vault.hpp"

#include <memory>

namespace cairn::storage {

/// 32 bytes in locked memory, wiped when freed.
class RootKey {
public:
    static RootKey generate();
    static std::optional<RootKey> from(BytesView bytes);
    RootKey(RootKey&&) noexcept = default;
    RootKey& operator=(RootKey&&) noexcept = default;

    BytesView view() const { return {memory_.get(), crypto::SecretKey::kBytes}; }
    crypto::SecretKey derive(std::string_view use) const;
    /// Which root it is; tells nothing about it.
    crypto::KeyCheck check_value() const;

private:
    struct Unlock {
        void operator()(std::uint8_t* memory) const;
    };
    RootKey();
    std::unique_ptr<std::uint8_t, Unlock> memory_;
};

class RootVault : public KeyVault {
public:
    /// Seals the purpose keys with another root from now on; durable on return.
    virtual Status replace_root(RootKey root) = 0;
};

enum class IfAbsent : std::uint8_t { create, refuse };

/// Opens or creates the vault in `directory`, which must exist; `files` must outlive it. VaultDamaged for a wrong root.
Result<std::unique_ptr<RootVault>> open_root_vault(FileSystem& files, const std::string& directory, RootKey root,
                                                   IfAbsent absent);

} // namespace cairn::storage
