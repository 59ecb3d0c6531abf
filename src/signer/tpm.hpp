// What the signer uses a TPM 2.0 for (tpm2-tss): a share of the file key that only this machine releases while its boot
// measurements are as they were, and a counter that cannot be turned back.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "signer/secrets.hpp"

#include <memory>
#include <string>

namespace cairn::signer {

/// The measurements that the share is bound to, SHA-256 bank: firmware, its options, boot loader, secure boot state.
inline constexpr std::uint32_t kTpmRegisters = 1u << 0 | 1u << 2 | 1u << 4 | 1u << 7;

/// One thread; use it before the sandbox. Errors: TpmMissing, TpmPolicy, TpmRefused.
class Tpm {
public:
    virtual ~Tpm() = default;
    /// `tcti` as tpm2-tss names interfaces: "device:/dev/tpmrm0", "swtpm:host=127.0.0.1,port=2321".
    static Result<std::unique_ptr<Tpm>> open(const std::string& tcti);

    /// 16 to 64 bytes, bound to the registers as they are now. The result is no secret.
    virtual Result<Bytes> seal(BytesView share) = 0;
    /// TpmPolicy if a register has another value now.
    virtual Result<LockedBytes> unseal(BytesView blob) = 0;

    /// A new counter at a free index, already counted once. Only who has `authorization` can count with it.
    virtual Result<std::uint32_t> create_counter(BytesView authorization) = 0;
    virtual Result<std::uint64_t> read_counter(std::uint32_t index, BytesView authorization) = 0;
    virtual Status count(std::uint32_t index, BytesView authorization) = 0;
    virtual Status remove_counter(std::uint32_t index) = 0;
};

/// What only the owner of the keys knows: lets it count.
LockedBytes counter_authorization(const Secrets& secrets);

/// Binds keys that are sealed in a file to this machine: a share in the TPM, and a counter of starts. The file is replaced;
/// the old one, which opens with the passphrase alone, stays beside it as PATH.recovery, to be taken off this machine.
/// The signer must not run.
Status bind_to_tpm(const std::string& path, BytesView passphrase, const std::string& interface, Random& random);

} // namespace cairn::signer
