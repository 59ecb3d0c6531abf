// A vault that keeps its keys in files under a root in this process: stands for the signer in tests of what lies above it.
#pragma once

#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "crypto/aead.hpp"
#include "crypto/ed25519.hpp"
#include "storage/key_vault.hpp"
#include "storage/sealed_pair.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace cairn::storage {
namespace test_vault {

inline constexpr std::string_view kMagic{"CRNVLT1\0", 8};
inline constexpr std::string_view kName = "vault";
inline constexpr std::size_t kKeysMax = 5u * kKeyVersionsMax;
inline constexpr std::size_t kEncodedKeyBytes = 1 + 4 + 1 + 8 + 32;

struct PurposeKey {
    KeyState state = KeyState::current;
    crypto::KeyCheck check;
    std::optional<crypto::SecretKey> key; // nothing when destroyed
};
using Keys = std::map<std::pair<KeyPurpose, KeyVersion>, PurposeKey>;

inline std::string describe(KeyPurpose purpose, KeyVersion version) {
    return std::string{name_of(purpose)} + " key version " + std::to_string(version.value);
}

inline Bytes encode(const Keys& keys) {
    codec::WireWriter out;
    out.u32(static_cast<std::uint32_t>(keys.size()));
    for (const auto& [name, key] : keys) {
        out.u8(static_cast<std::uint8_t>(name.first));
        out.u32(name.second.value);
        out.u8(static_cast<std::uint8_t>(key.state));
        out.fixed(key.check);
        out.raw(key.key ? key.key->view() : BytesView{Hash256{}.bytes});
    }
    return out.take();
}

inline std::optional<Keys> decode(BytesView content) {
    codec::WireReader in{content};
    Keys out;
    for (auto count = in.count(kKeysMax, kEncodedKeyBytes); count > 0; --count) {
        const auto purpose = in.u8();
        const KeyVersion version{in.u32()};
        const auto state = in.u8();
        PurposeKey key{static_cast<KeyState>(state), in.fixed<crypto::KeyCheck>(), crypto::SecretKey::from(in.raw(32))};
        if (purpose < 1 || purpose > 5 || state < 1 || state > 4 || version.value == 0) return std::nullopt;
        if (key.state == KeyState::destroyed) key.key.reset();
        out[{static_cast<KeyPurpose>(purpose), version}] = std::move(key);
    }
    if (!in.finish()) return std::nullopt;
    return out;
}

inline Bytes wrap_context(KeyPurpose purpose, KeyVersion version, BytesView context) {
    codec::WireWriter out;
    out.text("cairn wrapped key");
    out.u8(static_cast<std::uint8_t>(purpose));
    out.u32(version.value);
    out.string(context);
    return out.take();
}

/// Keeps its keys in DIRECTORY/vault.a and vault.b (sealed_pair.hpp), sealed with a key from the root.
class TestVault final : public KeyVault {
public:
    TestVault(FileSystem& files, std::string directory, crypto::SecretKey root)
        : files_(files), directory_(std::move(directory)), root_(std::move(root)) {}

    /// VaultDamaged, also for a wrong root. `files` must outlive it.
    static Result<std::unique_ptr<TestVault>> open(FileSystem& files, const std::string& directory,
                                                   crypto::SecretKey root) {
        auto out = std::make_unique<TestVault>(files, directory, std::move(root));
        CRN_CHECK(out->load());
        return out;
    }
    Status load() {
        CRN_TRY(loaded, load_pair(
                            files_, directory_ + "/" + std::string{kName}, kMagic,
                            [this](const SealedHeader&) -> Result<crypto::SecretKey> { return sealing_key(); },
                            error::VaultDamaged));
        if (!loaded.newest) return save();
        auto keys = decode(loaded.newest->content);
        if (!keys) return fail(error::VaultDamaged, directory_ + "/vault.a");
        keys_ = std::move(*keys);
        sequence_ = loaded.newest->header.sequence;
        return loaded.whole ? Status{} : save();
    }

    Result<WrappedKey> wrap(KeyPurpose purpose, BytesView context, const DataKey& key) override {
        if (context.size() > kWrapContextBytesMax) return fail(error::VaultKeyWrong, "the context is too long");
        const std::lock_guard guard(mutex_);
        auto current = current_of(purpose);
        if (!current) {
            CRN_TRY(made, add_version(purpose));
            (void)made;
            current = current_of(purpose);
        }
        crypto::AeadNonce nonce;
        crypto::system_random().fill(nonce.bytes);
        WrappedKey out{*current, Bytes(nonce.size() + DataKey::kBytes + crypto::kAeadTagBytes)};
        std::ranges::copy(nonce, out.bytes.begin());
        crypto::aead_seal(*keys_.at({purpose, *current}).key, nonce, wrap_context(purpose, *current, context),
                          key.view(), std::span{out.bytes}.subspan(nonce.size()));
        return out;
    }

    Result<DataKey> unwrap(KeyPurpose purpose, BytesView context, const WrappedKey& wrapped) override {
        const std::lock_guard guard(mutex_);
        const auto found = keys_.find({purpose, wrapped.version});
        if (found == keys_.end()) return fail(error::VaultKeyUnknown, describe(purpose, wrapped.version));
        if (found->second.state == KeyState::retired || found->second.state == KeyState::destroyed)
            return fail(error::VaultKeyRetired, describe(purpose, wrapped.version));
        const BytesView bytes{wrapped.bytes};
        constexpr auto kNonce = crypto::AeadNonce::kSize;
        if (bytes.size() != kNonce + DataKey::kBytes + crypto::kAeadTagBytes || context.size() > kWrapContextBytesMax)
            return fail(error::VaultKeyWrong, describe(purpose, wrapped.version));
        std::array<std::uint8_t, DataKey::kBytes> key{};
        const bool good =
            crypto::aead_open(*found->second.key, *crypto::AeadNonce::from(bytes.first(kNonce)),
                              wrap_context(purpose, wrapped.version, context), bytes.subspan(kNonce), key);
        auto out = DataKey::from(key);
        crypto::wipe(key);
        if (!good) return fail(error::VaultKeyWrong, describe(purpose, wrapped.version));
        return std::move(*out);
    }

    Result<KeyVersion> make_version(KeyPurpose purpose) override {
        const std::lock_guard guard(mutex_);
        return add_version(purpose);
    }

    Status retire(KeyPurpose purpose, KeyVersion version) override {
        return change(purpose, version, KeyState::superseded, KeyState::retired);
    }

    Status destroy(KeyPurpose purpose, KeyVersion version) override {
        return change(purpose, version, KeyState::retired, KeyState::destroyed);
    }

    Result<std::vector<KeyVersionInfo>> versions(KeyPurpose purpose) const override {
        const std::lock_guard guard(mutex_);
        std::vector<KeyVersionInfo> out;
        for (const auto& [name, key] : keys_)
            if (name.first == purpose) out.push_back({name.second, key.state, key.check});
        return out;
    }

private:
    crypto::SecretKey sealing_key() const { return root_.derive("cairn vault file"); }

    std::optional<KeyVersion> current_of(KeyPurpose purpose) const {
        for (const auto& [name, key] : keys_)
            if (name.first == purpose && key.state == KeyState::current) return name.second;
        return std::nullopt;
    }

    /// Only what is durable counts: after an error the keys are as before.
    Result<KeyVersion> add_version(KeyPurpose purpose) {
        KeyVersion next{1};
        const auto current = current_of(purpose);
        for (const auto& [name, key] : keys_)
            if (name.first == purpose) next = {name.second.value + 1};
        if (next.value > kKeyVersionsMax) return fail(error::VaultState, "no more versions");
        auto fresh = crypto::SecretKey::generate();
        const auto check = fresh.check_value();
        if (current) keys_.at({purpose, *current}).state = KeyState::superseded;
        keys_[{purpose, next}] = {KeyState::current, check, std::move(fresh)};
        if (auto saved = save(); !saved) {
            keys_.erase({purpose, next});
            if (current) keys_.at({purpose, *current}).state = KeyState::current;
            return std::unexpected(std::move(saved).error());
        }
        return next;
    }

    Status change(KeyPurpose purpose, KeyVersion version, KeyState from, KeyState to) {
        const std::lock_guard guard(mutex_);
        const auto found = keys_.find({purpose, version});
        if (found == keys_.end()) return fail(error::VaultKeyUnknown, describe(purpose, version));
        auto& key = found->second;
        if (key.state != from)
            return fail(error::VaultState, describe(purpose, version) + " is " + std::string{name_of(key.state)});
        key.state = to;
        auto gone = to == KeyState::destroyed ? std::exchange(key.key, std::nullopt) : std::nullopt;
        auto saved = save();
        if (saved) return {};
        key.state = from;
        if (gone) key.key = std::move(gone);
        return saved;
    }

    Status save() {
        auto content = encode(keys_);
        const auto file = seal_document(kMagic, {.sequence = sequence_ + 1, .key = {}}, sealing_key(), content);
        crypto::wipe(content);
        CRN_CHECK(save_pair(files_, directory_, std::string{kName}, file));
        ++sequence_;
        return {};
    }

    FileSystem& files_;
    const std::string directory_;
    mutable std::mutex mutex_;
    crypto::SecretKey root_;     // all guarded by mutex_
    std::uint64_t sequence_ = 0; // of the last save
    Keys keys_;
};

} // namespace test_vault

using test_vault::TestVault;

} // namespace cairn::storage
