#include "audit/sealer.hpp"

#include "codec/wire.hpp"
#include "crypto/certificate.hpp"

#include <filesystem>

namespace cairn::audit {
namespace {

class FileSealer final : public Sealer {
public:
    explicit FileSealer(crypto::ValidatorKey key) : key_(std::move(key)) {}
    crypto::ValidatorPublicKey key() const override { return key_.public_key(); }
    Result<Sealed> seal(const SealStatement& statement) override {
        return Sealed{key_.sign(signed_bytes(statement)), {}};
    }
    Result<crypto::Signature> anchor(const ledger::AnchorStatement& statement) override {
        return key_.sign(signed_bytes(statement));
    }

private:
    crypto::ValidatorKey key_;
};

} // namespace

Bytes signed_bytes(const SealStatement& statement) {
    codec::WireWriter out;
    out.raw(as_bytes(statement.uses ? "cairn-audit-seal-v2" : "cairn-audit-seal-v1"));
    out.u64(statement.chain_id);
    out.text(statement.node);
    out.u64(statement.sequence);
    out.fixed(statement.head);
    out.u64(statement.time_ms);
    out.u64(statement.height);
    if (statement.uses) encode(out, *statement.uses);
    return out.take();
}

Result<std::unique_ptr<Sealer>> open_file_sealer(const std::string& path) {
    if (!std::filesystem::exists(path)) {
        crypto::ValidatorSeed seed;
        crypto::system_random().fill(seed.bytes);
        CRN_CHECK(crypto::write_ed25519_key(path, seed));
    }
    CRN_TRY(seed, crypto::read_ed25519_key(path));
    return std::make_unique<FileSealer>(crypto::ValidatorKey::from_seed(seed));
}

} // namespace cairn::audit
