#include "signer/purpose_keys.hpp"

#include "base/errors/signer.hpp"
#include "base/errors/storage.hpp"
#include "codec/wire.hpp"

#include <sodium.h>

namespace cairn::signer {
namespace {

using storage::KeyState;

constexpr std::size_t kNonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t kKeyBytes = crypto::SecretKey::kBytes;
/// In an entry the integrity is the slot's: nonce and key without a tag.
constexpr std::size_t kEntryNonceBytes = crypto_stream_xchacha20_NONCEBYTES;

Bytes associated(std::uint8_t purpose, std::uint32_t version, BytesView context) {
    codec::WireWriter out;
    out.text("cairn-wrapped-key-v1");
    out.u8(purpose);
    out.u32(version);
    out.string(context);
    return out.take();
}

std::string name(std::uint8_t purpose, std::uint32_t version) {
    return std::string{storage::name_of(static_cast<storage::KeyPurpose>(purpose))} + " " + std::to_string(version);
}

} // namespace

crypto::SecretKey PurposeKeys::new_key(std::uint8_t purpose, std::uint32_t version) const {
    if (purpose != static_cast<std::uint8_t>(storage::KeyPurpose::backup)) return crypto::SecretKey::generate();
    return root_.derive("cairn-signer-backup-key-v1 " + std::to_string(version));
}

Entry PurposeKeys::make_entry(std::uint8_t purpose, std::uint32_t version, const crypto::SecretKey& key) const {
    Entry out{EntryKind::key_made, purpose, 0, version, {}};
    const auto wrapping = root_.derive("cairn-signer-purpose-keys-v1");
    ::randombytes_buf(out.detail.data(), kEntryNonceBytes);
    ::crypto_stream_xchacha20_xor(out.detail.data() + kEntryNonceBytes, key.view().data(), kKeyBytes, out.detail.data(),
                                  wrapping.view().data());
    return out;
}

Result<crypto::SecretKey> PurposeKeys::open_entry(const Entry& entry) const {
    const auto wrapping = root_.derive("cairn-signer-purpose-keys-v1");
    std::array<std::uint8_t, kKeyBytes> bytes{};
    ::crypto_stream_xchacha20_xor(bytes.data(), entry.detail.data() + kEntryNonceBytes, kKeyBytes, entry.detail.data(),
                                  wrapping.view().data());
    auto key = crypto::SecretKey::from(bytes);
    crypto::wipe(bytes);
    if (!key) return fail(error::SignerStateDamaged, "a purpose key");
    return std::move(*key);
}

Status PurposeKeys::apply(const Entry& entry) {
    auto& versions = purposes_[static_cast<std::uint8_t>(entry.lane)];
    const auto number = static_cast<std::uint32_t>(entry.number);
    if (entry.kind == EntryKind::key_made) {
        CRN_TRY(key, open_entry(entry));
        for (auto& [other, version] : versions)
            if (version.state == KeyState::current) version.state = KeyState::superseded;
        const auto check = key.check_value();
        versions.insert_or_assign(number, Version{KeyState::current, std::move(key), check});
        return {};
    }
    auto& version = versions[number];
    if (entry.kind == EntryKind::key_retired) {
        version.state = KeyState::retired;
        return {};
    }
    version.state = KeyState::destroyed;
    version.key.reset();
    // A snapshot has the check value only here.
    if (version.check.is_zero()) version.check = *crypto::KeyCheck::from(BytesView{entry.detail}.first(8));
    return {};
}

std::vector<Entry> PurposeKeys::snapshot() const {
    std::vector<Entry> out;
    for (const auto& [purpose, versions] : purposes_)
        for (const auto& [number, version] : versions) {
            if (version.key) out.push_back(make_entry(purpose, number, *version.key));
            Entry state{EntryKind::key_destroyed, purpose, 0, number, {}};
            std::ranges::copy(version.check, state.detail.bytes.begin());
            if (version.state == KeyState::retired) state.kind = EntryKind::key_retired;
            if (version.state == KeyState::retired || version.state == KeyState::destroyed) out.push_back(state);
        }
    return out;
}

Result<PurposeKeys::Outcome> PurposeKeys::perform(const VaultRequest& request) const {
    using Operation = VaultRequest::Operation;
    static const Versions kNone;
    const auto found = purposes_.find(request.purpose);
    const auto& versions = found == purposes_.end() ? kNone : found->second;
    const auto make = [&]() -> Result<Outcome> {
        const auto next = versions.empty() ? 1 : versions.rbegin()->first + 1;
        if (next > storage::kKeyVersionsMax) return fail(error::VaultState, "too many versions");
        codec::WireWriter out;
        out.u32(next);
        return Outcome{out.take(), make_entry(request.purpose, next, new_key(request.purpose, next))};
    };
    const auto known = versions.find(request.version);
    const auto unknown = [&] { return fail(error::VaultKeyUnknown, name(request.purpose, request.version)); };
    switch (request.operation) {
    case Operation::make: return make();
    case Operation::wrap: {
        if (request.key.size() != kKeyBytes) return fail(error::SignerRequestInvalid, "a key to wrap has 32 bytes");
        const auto current = versions.rbegin();
        if (current == versions.rend()) {
            auto first = make();
            if (first) first->content.clear();
            return first;
        }
        if (!current->second.key) return fail(error::VaultKeyRetired, name(request.purpose, current->first));
        const auto data = associated(request.purpose, current->first, request.context);
        Bytes wrapped(kNonceBytes + kKeyBytes + kTagBytes);
        ::randombytes_buf(wrapped.data(), kNonceBytes);
        ::crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped.data() + kNonceBytes, nullptr, request.key.data(),
                                                     request.key.size(), data.data(), data.size(), nullptr,
                                                     wrapped.data(), current->second.key->view().data());
        codec::WireWriter out;
        out.u32(current->first);
        out.string(wrapped);
        return Outcome{out.take(), {}};
    }
    case Operation::unwrap: {
        const bool is_backup = request.purpose == static_cast<std::uint8_t>(storage::KeyPurpose::backup);
        if (known == versions.end() && (!is_backup || request.version == 0)) return unknown();
        if (known != versions.end() && (known->second.state == KeyState::retired || !known->second.key))
            return fail(error::VaultKeyRetired, name(request.purpose, request.version));
        const auto derived =
            known == versions.end() ? std::optional{new_key(request.purpose, request.version)} : std::nullopt;
        const auto& opening = derived ? *derived : *known->second.key;
        const auto data = associated(request.purpose, request.version, request.context);
        Bytes key(kKeyBytes);
        if (request.key.size() != kNonceBytes + kKeyBytes + kTagBytes ||
            ::crypto_aead_xchacha20poly1305_ietf_decrypt(key.data(), nullptr, nullptr, request.key.data() + kNonceBytes,
                                                         request.key.size() - kNonceBytes, data.data(), data.size(),
                                                         request.key.data(), opening.view().data()) != 0)
            return fail(error::VaultKeyWrong, name(request.purpose, request.version));
        return Outcome{std::move(key), {}};
    }
    case Operation::retire:
        if (known == versions.end()) return unknown();
        if (known->second.state != KeyState::superseded)
            return fail(error::VaultState, name(request.purpose, request.version) + " is not superseded");
        return Outcome{{}, Entry{EntryKind::key_retired, request.purpose, 0, request.version, {}}};
    case Operation::destroy: {
        if (known == versions.end()) return unknown();
        if (known->second.state != KeyState::retired)
            return fail(error::VaultState, name(request.purpose, request.version) + " is not retired");
        return Outcome{{}, Entry{EntryKind::key_destroyed, request.purpose, 0, request.version, {}}};
    }
    case Operation::list: {
        codec::WireWriter out;
        out.u32(static_cast<std::uint32_t>(versions.size()));
        for (const auto& [number, version] : versions) {
            out.u32(number);
            out.u8(static_cast<std::uint8_t>(version.state));
            out.fixed(version.check);
        }
        return Outcome{out.take(), {}};
    }
    }
    return fail(error::SignerRequestInvalid, "unknown operation");
}

Result<std::vector<storage::KeyVersionInfo>> decode_versions(BytesView bytes) {
    codec::WireReader in{bytes};
    std::vector<storage::KeyVersionInfo> out;
    const auto count = in.count(storage::kKeyVersionsMax, 4 + 1 + 8);
    for (std::uint32_t i = 0; i < count; ++i) {
        storage::KeyVersionInfo info;
        info.version.value = in.u32();
        const auto state = in.u8();
        if (state < 1 || state > static_cast<std::uint8_t>(KeyState::destroyed)) in.set_failed();
        info.state = static_cast<KeyState>(state);
        info.check = in.fixed<crypto::KeyCheck>();
        out.push_back(info);
    }
    if (!in.finish()) return fail(error::SignerUnavailable, "its list of keys is malformed");
    return out;
}

} // namespace cairn::signer
