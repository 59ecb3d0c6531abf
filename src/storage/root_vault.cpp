#include "storage/root_vault.hpp"

#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "codec/wire.hpp"
#include "crypto/ed25519.hpp"
#include "storage/sealed_pair.hpp"

#include <map>
#include <mutex>
#include <sodium.h>
#include <utility>

namespace cairn::storage {
namespace {

constexpr std::string_view kMagic{"CRNVLT1\0", 8};
constexpr std::string_view kName = "vault";
constexpr std::size_t kKeysMax = 5u * kKeyVersionsMax;
constexpr std::size_t kEncodedKeyBytes = 1 + 4 + 1 + 8 + 32;

struct PurposeKey {
    KeyState state = KeyState::current;
    crypto::KeyCheck check;
    std::optional<crypto::SecretKey> key; // nothing when destroyed
};
using Keys = std::map<std::pair<KeyPurpose, KeyVersion>, PurposeKey>;

std::string describe(KeyPurpose purpose, KeyVersion version) {
    return std::string{name_of(purpose)} + " key version " + std::to_string(version.value);
}

Bytes encode(const Keys& keys) {
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

std::optional<Keys> decode(BytesView content) {
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

Bytes wrap_context(KeyPurpose purpose, KeyVersion version, BytesView context) {
    codec::WireWriter out;
    out.text("cairn wrapped key");
    out.u8(static_cast<std::uint8_t>(purpose));
    out.u32(version.value);
    out.string(context);
    return out.take();
}

class FileVault final : public RootVault {
public:
    FileVault(FileSystem& files, std::string directory, RootKey root)
        : files_(files), directory_(std::move(directory)), root_(std::move(root)) {}

    Status open(IfAbsent absent) {
        CRN_TRY(loaded, load_pair(
                            files_, directory_ + "/" + std::string{kName}, kMagic,
                            [this](const SealedHeader&) -> Result<crypto::SecretKey> { return sealing_key(); },
                            error::VaultDamaged));
        if (!loaded.newest) {
            if (absent == IfAbsent::refuse) return fail(error::VaultDamaged, directory_ + "/vault.a is missing");
            return save();
        }
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

    Status replace_root(RootKey root) override {
        const std::lock_guard guard(mutex_);
        auto old = std::exchange(root_, std::move(root));
        auto saved = save();
        if (!saved) root_ = std::move(old);
        return saved;
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
    RootKey root_;               // all guarded by mutex_
    std::uint64_t sequence_ = 0; // of the last save
    Keys keys_;
};

} // namespace

std::string_view name_of(KeyPurpose purpose) {
    switch (purpose) {
    case KeyPurpose::storage: return "storage";
    case KeyPurpose::backup: return "backup";
    case KeyPurpose::snapshot: return "snapshot";
    case KeyPurpose::audit: return "audit";
    case KeyPurpose::vault: return "vault";
    }
    return "unknown";
}

std::string_view name_of(KeyState state) {
    switch (state) {
    case KeyState::current: return "current";
    case KeyState::superseded: return "superseded";
    case KeyState::retired: return "retired";
    case KeyState::destroyed: return "destroyed";
    }
    return "unknown";
}

void RootKey::Unlock::operator()(std::uint8_t* memory) const { sodium_free(memory); }

RootKey::RootKey() {
    CRN_ASSERT(sodium_init() >= 0);
    memory_.reset(static_cast<std::uint8_t*>(sodium_malloc(crypto::SecretKey::kBytes)));
    CRN_ASSERT(memory_ != nullptr);
}

RootKey RootKey::generate() {
    RootKey out;
    crypto::system_random().fill({out.memory_.get(), crypto::SecretKey::kBytes});
    return out;
}

std::optional<RootKey> RootKey::from(BytesView bytes) {
    if (bytes.size() != crypto::SecretKey::kBytes) return std::nullopt;
    RootKey out;
    std::ranges::copy(bytes, out.memory_.get());
    return out;
}

crypto::SecretKey RootKey::derive(std::string_view use) const { return crypto::SecretKey::from(view())->derive(use); }

crypto::KeyCheck RootKey::check_value() const { return crypto::SecretKey::from(view())->check_value(); }

Result<std::unique_ptr<RootVault>> open_root_vault(FileSystem& files, const std::string& directory, RootKey root,
                                                   IfAbsent absent) {
    auto vault = std::make_unique<FileVault>(files, directory, std::move(root));
    CRN_CHECK(vault->open(absent));
    return vault;
}

} // namespace cairn::storage
