// A backup that somebody else made: a file of any bytes, and one whose header and seals are right, as who has the backup key can make it,
// and whose records are anything. It is refused with an error, and nothing passes that no validator signed.
#include "base/assert.hpp"
#include "base/errors/storage.hpp"
#include "crypto/ed25519.hpp"
#include "node/backup.hpp"
#include "storage/test_directory.hpp"
#include "system/system_contracts.hpp"

#include <fstream>

namespace {

using namespace cairn;
using namespace cairn::node;

constexpr const char* kAccounts[] = {"0x00000000000000000000000000000000000000a1",
                                     "0x00000000000000000000000000000000000000a2"};

/// Hands the data key out as it is: what is fuzzed stands behind the seal.
class OpenVault final : public storage::KeyVault {
public:
    Result<storage::WrappedKey> wrap(storage::KeyPurpose, BytesView, const storage::DataKey& key) override {
        return storage::WrappedKey{{1}, to_bytes(key.view())};
    }
    Result<storage::DataKey> unwrap(storage::KeyPurpose, BytesView, const storage::WrappedKey& key) override {
        auto out = storage::DataKey::from(key.bytes);
        if (!out) return fail(error::VaultKeyWrong);
        return *std::move(out);
    }
    Result<storage::KeyVersion> make_version(storage::KeyPurpose) override { return fail(error::VaultState); }
    Status retire(storage::KeyPurpose, storage::KeyVersion) override { return fail(error::VaultState); }
    Status destroy(storage::KeyPurpose, storage::KeyVersion) override { return fail(error::VaultState); }
    Result<std::vector<storage::KeyVersionInfo>> versions(storage::KeyPurpose) const override {
        return std::vector<storage::KeyVersionInfo>{};
    }
};

const ledger::Genesis& genesis() {
    static const ledger::Genesis made = [] {
        ledger::Genesis out;
        out.parameters.chain_id = 5;
        for (std::uint8_t i = 0; i < 2; ++i) {
            crypto::ValidatorSeed seed;
            seed.bytes.fill(static_cast<std::uint8_t>(i + 1));
            const auto key = crypto::ValidatorKey::from_seed(seed).public_key();
            const auto name = std::string{i == 0 ? "Alpha" : "Beta"};
            out.organisations.push_back({name, "a certificate", key, *fixed_from_hex<Address>(kAccounts[i])});
            out.validators.members.push_back({name + "-1", name, key, "127.0.0.1:1"});
        }
        for (std::uint8_t role = 0; role < 3; ++role) {
            Address administrator;
            administrator.bytes.fill(static_cast<std::uint8_t>(role + 7));
            out.roles[administrator] = mask_of(static_cast<ledger::Role>(role));
        }
        CRN_ASSERT(system::genesis_accounts(out).has_value()); // or nothing behind the header would ever be read
        return out;
    }();
    return made;
}

void check(const std::string& path) {
    OpenVault vault;
    const auto verified = verify_backup(path, genesis(), vault, [](std::uint64_t, std::uint64_t) { return true; });
    CRN_ASSERT(!verified); // nobody signed a block of this chain
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const storage::TestDirectory directory;
    const BytesView input{data, size};
    std::size_t header_bytes = 0;
    if (const auto header = decode_backup_header(input, header_bytes)) {
        CRN_ASSERT(header_bytes <= size);
        const auto again = encode_backup_header(*header);
        CRN_ASSERT(to_bytes(input.first(header_bytes)) == again); // one encoding only
    }
    const auto any = directory / "any";
    std::ofstream{any, std::ios::binary | std::ios::trunc}.write(reinterpret_cast<const char*>(data),
                                                                 static_cast<std::streamsize>(size));
    check(any);

    const auto sealed = directory / "sealed";
    static_cast<void>(storage::posix_file_system().remove(sealed));
    OpenVault vault;
    auto writer = BackupWriter::create(sealed,
                                       {.suite = storage::CipherSuite::aes_256_gcm,
                                        .key = {},
                                        .chain_id = 5,
                                        .genesis = ledger::hash_of(genesis()),
                                        .node = "Alpha-1",
                                        .height = Height{1},
                                        .block = {},
                                        .time_ms = 1},
                                       vault);
    CRN_ASSERT(writer.has_value());
    // Records are apart by a length of two bytes.
    auto rest = input;
    while (rest.size() >= 2) {
        const auto wanted = static_cast<std::size_t>(rest[0]) << 8 | rest[1];
        rest = rest.subspan(2);
        if (wanted >= rest.size()) break;
        CRN_ASSERT(writer->add(rest.first(wanted)).has_value());
        rest = rest.subspan(wanted);
    }
    CRN_ASSERT(writer->finish(rest).has_value());
    check(sealed);
    return 0;
}
