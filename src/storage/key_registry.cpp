#include "storage/key_registry.hpp"

#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "codec/wire.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "storage/sealed_pair.hpp"

namespace cairn::storage {
namespace {

constexpr std::string_view kMagic{"CRNREG1\0", 8};
constexpr std::string_view kName = "registry";
constexpr std::string_view kSealContext = "cairn registry";
constexpr std::size_t kLot = 32;
constexpr std::size_t kEntryBytesMin = FileId::kSize + 4 + 4 + 2;

Bytes context_of(const FileId& id) {
    Bytes out = to_bytes(as_bytes("cairn file key "));
    append(out, id);
    return out;
}

} // namespace

Bytes encode_registry(const std::map<FileId, RegistryEntry>& entries) {
    codec::WireWriter out;
    out.u32(static_cast<std::uint32_t>(entries.size()));
    for (const auto& [id, entry] : entries) {
        out.fixed(id);
        out.u32(entry.made_under.value);
        out.u32(entry.wrapped.version.value);
        out.u16(static_cast<std::uint16_t>(entry.wrapped.bytes.size()));
        out.raw(entry.wrapped.bytes);
    }
    return out.take();
}

std::optional<std::map<FileId, RegistryEntry>> decode_registry(BytesView content) {
    codec::WireReader in{content};
    std::map<FileId, RegistryEntry> out;
    for (auto count = in.count(kRegistryFilesMax, kEntryBytesMin); count > 0; --count) {
        const auto id = in.fixed<FileId>();
        RegistryEntry entry;
        entry.made_under = {in.u32()};
        entry.wrapped.version = {in.u32()};
        const auto length = in.u16();
        if (length > kWrappedKeyBytesMax) return std::nullopt;
        entry.wrapped.bytes = to_bytes(in.raw(length));
        if (in.failed() || (!out.empty() && id <= out.rbegin()->first)) return std::nullopt;
        out.emplace_hint(out.end(), id, std::move(entry));
    }
    if (!in.finish()) return std::nullopt;
    return out;
}

Result<std::unique_ptr<KeyRegistry>> KeyRegistry::open(FileSystem& files, const std::string& directory, KeyVault& vault,
                                                       IfAbsent absent) {
    std::unique_ptr<KeyRegistry> registry{new KeyRegistry(files, directory, vault)};
    CRN_CHECK(registry->load(absent));
    return registry;
}

Status KeyRegistry::load(IfAbsent absent) {
    const std::lock_guard guard(mutex_);
    CRN_TRY(loaded, load_pair(
                        files_, directory_ + "/" + std::string{kName}, kMagic,
                        [this](const SealedHeader& header) {
                            return vault_.unwrap(KeyPurpose::storage, as_bytes(kSealContext), header.key);
                        },
                        error::RegistryDamaged));
    if (!loaded.newest) {
        if (absent == IfAbsent::refuse)
            return fail(error::RegistryMissing, directory_ + "/registry.a is missing, but there are encrypted files");
        return save_locked();
    }
    auto entries = decode_registry(loaded.newest->content);
    if (!entries) return fail(error::RegistryDamaged, directory_ + "/registry.a");
    entries_ = std::move(*entries);
    sequence_ = loaded.newest->header.sequence;
    hash_ = crypto::sha256(loaded.newest->content);
    return loaded.whole ? Status{} : save_locked();
}

Result<FileKey> KeyRegistry::take() {
    const std::lock_guard guard(mutex_);
    if (lot_.empty()) CRN_CHECK(make_lot());
    const auto id = lot_.back();
    lot_.pop_back();
    return FileKey{id, entries_.at(id).made_under, open_.at(id)};
}

Result<FileKey> KeyRegistry::find(const FileId& id) {
    const std::lock_guard guard(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return fail(error::RegistryMissing, "file id " + to_hex_digits(id));
    auto& key = open_[id];
    if (!key) {
        auto unwrapped = vault_.unwrap(KeyPurpose::storage, context_of(id), found->second.wrapped);
        if (!unwrapped) {
            open_.erase(id);
            return std::unexpected(std::move(unwrapped).error());
        }
        key = std::make_shared<const DataKey>(std::move(*unwrapped));
    }
    return FileKey{id, found->second.made_under, key};
}

void KeyRegistry::release(const FileId& id) {
    const std::lock_guard guard(mutex_);
    entries_.erase(id);
    open_.erase(id);
}

Status KeyRegistry::keep_only(const std::set<FileId>& present) {
    const std::lock_guard guard(mutex_);
    const auto before = entries_.size();
    std::erase_if(entries_, [&](const auto& entry) { return !present.contains(entry.first); });
    std::erase_if(open_, [&](const auto& entry) { return !present.contains(entry.first); });
    lot_.clear();
    return entries_.size() == before ? Status{} : save_locked();
}

Status KeyRegistry::follow_rotation() {
    const std::lock_guard guard(mutex_);
    for (const auto& id : lot_) {
        entries_.erase(id);
        open_.erase(id);
    }
    lot_.clear();
    return make_lot();
}

Status KeyRegistry::rewrap() {
    const std::lock_guard guard(mutex_);
    std::map<FileId, RegistryEntry> fresh = entries_;
    for (auto& [id, entry] : fresh) {
        const auto context = context_of(id);
        CRN_TRY(key, vault_.unwrap(KeyPurpose::storage, context, entry.wrapped));
        CRN_TRY(wrapped, vault_.wrap(KeyPurpose::storage, context, key));
        entry.wrapped = std::move(wrapped);
    }
    entries_.swap(fresh);
    auto saved = save_locked();
    if (!saved) entries_.swap(fresh);
    return saved;
}

Status KeyRegistry::save() {
    const std::lock_guard guard(mutex_);
    return save_locked();
}

RegistryCounts KeyRegistry::counts() const {
    const std::lock_guard guard(mutex_);
    RegistryCounts out;
    const std::set<FileId> unused{lot_.begin(), lot_.end()};
    for (const auto& [id, entry] : entries_) {
        ++out.wrapped_by[entry.wrapped.version];
        ++out.made_under[entry.made_under];
        if (!unused.contains(id)) ++out.files;
    }
    return out;
}

Result<KeyVersion> KeyRegistry::current_version() const {
    CRN_TRY(versions, vault_.versions(KeyPurpose::storage));
    for (const auto& info : versions)
        if (info.state == KeyState::current) return info.version;
    return fail(error::VaultKeyUnknown, "the vault has no current storage key");
}

Hash256 KeyRegistry::hash() const {
    const std::lock_guard guard(mutex_);
    return hash_;
}

Status KeyRegistry::make_lot() {
    if (entries_.size() + kLot > kRegistryFilesMax) return fail(error::StorageFull, "too many encrypted files");
    for (std::size_t i = 0; i < kLot; ++i) {
        FileId id;
        crypto::system_random().fill(id.bytes);
        auto key = std::make_shared<const DataKey>(DataKey::generate());
        auto wrapped = vault_.wrap(KeyPurpose::storage, context_of(id), *key);
        if (!wrapped) break;
        entries_[id] = {wrapped->version, *wrapped};
        open_[id] = std::move(key);
        lot_.push_back(id);
    }
    auto saved = lot_.size() == kLot ? save_locked() : fail(error::VaultUnavailable, "no key could be wrapped");
    if (saved) return {};
    for (const auto& id : lot_) {
        entries_.erase(id);
        open_.erase(id);
    }
    lot_.clear();
    return saved;
}

Status KeyRegistry::save_locked() {
    const auto content = encode_registry(entries_);
    const auto seal = DataKey::generate();
    CRN_TRY(wrapped, vault_.wrap(KeyPurpose::storage, as_bytes(kSealContext), seal));
    const auto file = seal_document(kMagic, {.sequence = sequence_ + 1, .key = wrapped}, seal, content);
    CRN_CHECK(save_pair(files_, directory_, std::string{kName}, file));
    ++sequence_;
    hash_ = crypto::sha256(content);
    return {};
}

} // namespace cairn::storage
