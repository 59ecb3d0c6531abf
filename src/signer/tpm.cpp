#include "signer/tpm.hpp"

#include "base/errors/signer.hpp"
#include "codec/wire.hpp"

#include <cstdio>
#include <cstring>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

namespace cairn::signer {
namespace {

constexpr std::uint32_t kFirstIndex = 0x01801820, kIndexes = 64; // owner range
constexpr std::size_t kBlobMax = 2048;

template <class T>
struct EsysFree {
    void operator()(T* object) const { Esys_Free(object); }
};
template <class T>
using Owned = std::unique_ptr<T, EsysFree<T>>;

std::unexpected<Error> failed(TSS2_RC code, const char* what) {
    char text[80];
    std::snprintf(text, sizeof text, "%s gives 0x%08x", what, code);
    // Format-one codes carry the number of the parameter or session too.
    const auto base = (code & 0x80) != 0 ? code & 0xbf : code & 0x17f;
    const bool policy = (code & 0xff0000) == 0 && (base == TPM2_RC_POLICY_FAIL || base == TPM2_RC_PCR_CHANGED);
    return fail(policy ? error::TpmPolicy : error::TpmRefused, text);
}

/// Parent of the sealed share: made anew from the owner's seed each time, so nothing of it is stored.
TPM2B_PUBLIC parent_template() {
    TPM2B_PUBLIC out{};
    auto& area = out.publicArea;
    area.type = TPM2_ALG_ECC;
    area.nameAlg = TPM2_ALG_SHA256;
    area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |
                            TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    auto& ecc = area.parameters.eccDetail;
    ecc.symmetric.algorithm = TPM2_ALG_AES;
    ecc.symmetric.keyBits.aes = 128;
    ecc.symmetric.mode.aes = TPM2_ALG_CFB;
    ecc.scheme.scheme = TPM2_ALG_NULL;
    ecc.curveID = TPM2_ECC_NIST_P256;
    ecc.kdf.scheme = TPM2_ALG_NULL;
    return out;
}

TPML_PCR_SELECTION registers() {
    TPML_PCR_SELECTION out{};
    out.count = 1;
    out.pcrSelections[0].hash = TPM2_ALG_SHA256;
    out.pcrSelections[0].sizeofSelect = 3;
    for (std::size_t i = 0; i < 3; ++i) out.pcrSelections[0].pcrSelect[i] = static_cast<BYTE>(kTpmRegisters >> (8 * i));
    return out;
}

TPM2B_AUTH auth_of(BytesView bytes) {
    TPM2B_AUTH out{};
    out.size = static_cast<UINT16>(std::min<std::size_t>(bytes.size(), 32));
    std::memcpy(out.buffer, bytes.data(), out.size);
    return out;
}

class EsysTpm final : public Tpm {
public:
    ~EsysTpm() override {
        if (context_ != nullptr) Esys_Finalize(&context_);
        if (interface_ != nullptr) Tss2_TctiLdr_Finalize(&interface_);
    }

    Status start(const std::string& tcti) {
        if (const auto code = Tss2_TctiLdr_Initialize(tcti.c_str(), &interface_); code != TSS2_RC_SUCCESS)
            return fail(error::TpmMissing, tcti);
        if (const auto code = Esys_Initialize(&context_, interface_, nullptr); code != TSS2_RC_SUCCESS)
            return fail(error::TpmMissing, tcti);
        const auto code = Esys_Startup(context_, TPM2_SU_CLEAR);
        // Firmware has started a real one already.
        if (code != TSS2_RC_SUCCESS && code != TPM2_RC_INITIALIZE) return fail(error::TpmMissing, tcti);
        return {};
    }

    Result<Bytes> seal(BytesView share) override {
        const Object parent(context_, make_parent());
        CRN_CHECK(parent.check());
        CRN_TRY(policy, policy_digest());
        TPM2B_SENSITIVE_CREATE sensitive{};
        sensitive.sensitive.data.size = static_cast<UINT16>(share.size());
        if (share.size() < 16 || share.size() > 64) return fail(error::TpmRefused, "a share has 16 to 64 bytes");
        std::memcpy(sensitive.sensitive.data.buffer, share.data(), share.size());
        TPM2B_PUBLIC wanted{};
        auto& area = wanted.publicArea;
        area.type = TPM2_ALG_KEYEDHASH;
        area.nameAlg = TPM2_ALG_SHA256;
        area.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT; // by policy alone
        area.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
        area.authPolicy = policy;
        const TPM2B_DATA outside{};
        const TPML_PCR_SELECTION none{};
        TPM2B_PRIVATE* private_part = nullptr;
        TPM2B_PUBLIC* public_part = nullptr;
        const auto code =
            Esys_Create(context_, parent.handle(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &wanted,
                        &outside, &none, &private_part, &public_part, nullptr, nullptr, nullptr);
        const Owned<TPM2B_PRIVATE> one(private_part);
        const Owned<TPM2B_PUBLIC> two(public_part);
        crypto::wipe({sensitive.sensitive.data.buffer, sizeof sensitive.sensitive.data.buffer});
        if (code != TSS2_RC_SUCCESS) return failed(code, "TPM2_Create");
        Bytes blob(kBlobMax);
        std::size_t offset = 0;
        if (Tss2_MU_TPM2B_PRIVATE_Marshal(one.get(), blob.data(), blob.size(), &offset) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_PUBLIC_Marshal(two.get(), blob.data(), blob.size(), &offset) != TSS2_RC_SUCCESS)
            return fail(error::TpmRefused, "the sealed object cannot be written down");
        blob.resize(offset);
        return blob;
    }

    Result<LockedBytes> unseal(BytesView blob) override {
        TPM2B_PRIVATE private_part{};
        TPM2B_PUBLIC public_part{};
        std::size_t offset = 0;
        if (Tss2_MU_TPM2B_PRIVATE_Unmarshal(blob.data(), blob.size(), &offset, &private_part) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPM2B_PUBLIC_Unmarshal(blob.data(), blob.size(), &offset, &public_part) != TSS2_RC_SUCCESS)
            return fail(error::TpmRefused, "the sealed object is malformed");
        const Object parent(context_, make_parent());
        CRN_CHECK(parent.check());
        ESYS_TR loaded = ESYS_TR_NONE;
        const auto code = Esys_Load(context_, parent.handle(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                    &private_part, &public_part, &loaded);
        const Object object(context_, {code, loaded, "TPM2_Load"});
        CRN_CHECK(object.check());
        const Object session(context_, start_session(TPM2_SE_POLICY));
        CRN_CHECK(session.check());
        CRN_CHECK(apply_policy(session.handle()));
        TPM2B_SENSITIVE_DATA* data = nullptr;
        const auto opened = Esys_Unseal(context_, object.handle(), session.handle(), ESYS_TR_NONE, ESYS_TR_NONE, &data);
        const Owned<TPM2B_SENSITIVE_DATA> holder(data);
        if (opened != TSS2_RC_SUCCESS) return failed(opened, "TPM2_Unseal");
        LockedBytes out(data->size);
        if (!out.empty()) std::memcpy(out.bytes().data(), data->buffer, data->size);
        crypto::wipe({data->buffer, sizeof data->buffer});
        return out;
    }

    Result<std::uint32_t> create_counter(BytesView authorization) override {
        const auto auth = auth_of(authorization);
        for (std::uint32_t i = 0; i < kIndexes; ++i) {
            TPM2B_NV_PUBLIC wanted{};
            wanted.nvPublic.nvIndex = kFirstIndex + i;
            wanted.nvPublic.nameAlg = TPM2_ALG_SHA256;
            wanted.nvPublic.attributes =
                TPMA_NV_AUTHWRITE | TPMA_NV_AUTHREAD | TPMA_NV_NO_DA | (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT);
            wanted.nvPublic.dataSize = 8;
            ESYS_TR handle = ESYS_TR_NONE;
            const auto code = Esys_NV_DefineSpace(context_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, &auth, &wanted, &handle);
            if (code == TPM2_RC_NV_DEFINED) continue;
            if (code != TSS2_RC_SUCCESS) return failed(code, "TPM2_NV_DefineSpace");
            Esys_TR_Close(context_, &handle);
            CRN_CHECK(count(wanted.nvPublic.nvIndex, authorization));
            return wanted.nvPublic.nvIndex;
        }
        return fail(error::TpmRefused, "no free index for a counter");
    }

    Result<std::uint64_t> read_counter(std::uint32_t index, BytesView authorization) override {
        CRN_TRY(handle, counter(index, authorization));
        TPM2B_MAX_NV_BUFFER* data = nullptr;
        const auto code =
            Esys_NV_Read(context_, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, 8, 0, &data);
        Esys_TR_Close(context_, &handle);
        const Owned<TPM2B_MAX_NV_BUFFER> holder(data);
        if (code != TSS2_RC_SUCCESS) return failed(code, "TPM2_NV_Read");
        if (data->size != 8) return fail(error::TpmRefused, "the counter has a wrong length");
        std::uint64_t out = 0;
        for (std::size_t i = 0; i < 8; ++i) out = out << 8 | data->buffer[i];
        return out;
    }

    Status count(std::uint32_t index, BytesView authorization) override {
        CRN_TRY(handle, counter(index, authorization));
        const auto code = Esys_NV_Increment(context_, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
        Esys_TR_Close(context_, &handle);
        if (code != TSS2_RC_SUCCESS) return failed(code, "TPM2_NV_Increment");
        return {};
    }

    Status remove_counter(std::uint32_t index) override {
        CRN_TRY(handle, counter(index, {}));
        const auto code =
            Esys_NV_UndefineSpace(context_, ESYS_TR_RH_OWNER, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
        if (code != TSS2_RC_SUCCESS) return failed(code, "TPM2_NV_UndefineSpace");
        return {};
    }

private:
    struct Made {
        TSS2_RC code;
        ESYS_TR handle;
        const char* what;
    };
    /// TPMs have few slots for objects and sessions: each is flushed.
    class Object {
    public:
        Object(ESYS_CONTEXT* context, Made made) : context_(context), made_(made) {}
        ~Object() {
            if (made_.code == TSS2_RC_SUCCESS) Esys_FlushContext(context_, made_.handle);
        }
        Object(const Object&) = delete;
        Object& operator=(const Object&) = delete;
        Status check() const { return made_.code == TSS2_RC_SUCCESS ? Status{} : failed(made_.code, made_.what); }
        ESYS_TR handle() const { return made_.handle; }

    private:
        ESYS_CONTEXT* context_;
        Made made_;
    };

    Made make_parent() {
        const auto wanted = parent_template();
        const TPM2B_SENSITIVE_CREATE sensitive{};
        const TPM2B_DATA outside{};
        const TPML_PCR_SELECTION none{};
        ESYS_TR handle = ESYS_TR_NONE;
        const auto code =
            Esys_CreatePrimary(context_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                               &wanted, &outside, &none, &handle, nullptr, nullptr, nullptr, nullptr);
        return {code, handle, "TPM2_CreatePrimary"};
    }

    Made start_session(TPM2_SE kind) {
        TPMT_SYM_DEF none{};
        none.algorithm = TPM2_ALG_NULL;
        ESYS_TR handle = ESYS_TR_NONE;
        const auto code = Esys_StartAuthSession(context_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                                ESYS_TR_NONE, nullptr, kind, &none, TPM2_ALG_SHA256, &handle);
        return {code, handle, "TPM2_StartAuthSession"};
    }

    Status apply_policy(ESYS_TR session) {
        const auto selection = registers();
        const TPM2B_DIGEST as_they_are{};
        const auto code =
            Esys_PolicyPCR(context_, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &as_they_are, &selection);
        return code == TSS2_RC_SUCCESS ? Status{} : failed(code, "TPM2_PolicyPCR");
    }

    Result<TPM2B_DIGEST> policy_digest() {
        const Object session(context_, start_session(TPM2_SE_TRIAL));
        CRN_CHECK(session.check());
        CRN_CHECK(apply_policy(session.handle()));
        TPM2B_DIGEST* digest = nullptr;
        const auto code =
            Esys_PolicyGetDigest(context_, session.handle(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest);
        const Owned<TPM2B_DIGEST> holder(digest);
        if (code != TSS2_RC_SUCCESS) return failed(code, "TPM2_PolicyGetDigest");
        return *digest;
    }

    Result<ESYS_TR> counter(std::uint32_t index, BytesView authorization) {
        ESYS_TR handle = ESYS_TR_NONE;
        if (const auto code = Esys_TR_FromTPMPublic(context_, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle);
            code != TSS2_RC_SUCCESS)
            return failed(code, "reading the counter's index");
        const auto auth = auth_of(authorization);
        Esys_TR_SetAuth(context_, handle, &auth);
        return handle;
    }

    TSS2_TCTI_CONTEXT* interface_ = nullptr;
    ESYS_CONTEXT* context_ = nullptr;
};

} // namespace

Result<std::unique_ptr<Tpm>> Tpm::open(const std::string& tcti) {
    // Its library writes to standard error what the error code says as well.
    ::setenv("TSS2_LOG", "all+none", 0); // NOLINT(concurrency-mt-unsafe): one thread
    auto out = std::make_unique<EsysTpm>();
    CRN_CHECK(out->start(tcti));
    return out;
}

} // namespace cairn::signer
