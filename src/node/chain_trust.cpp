#include "node/chain_trust.hpp"

#include "base/errors/crypto.hpp"
#include "crypto/certificate.hpp"
#include "system/identities.hpp"
#include "system/keys.hpp"
#include "system/members.hpp"

#include <fstream>

namespace cairn::node {
namespace {

constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

Result<std::string> read_bundle(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(crypto::kPemBytesMax + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.empty()) return fail(error::CertificateInvalid, path + ": cannot be read, or is empty");
    if (text.size() > crypto::kPemBytesMax) return fail(error::CertificateTooLarge, path + ": longer than 64 KiB");
    return text;
}

} // namespace

Result<std::shared_ptr<ChainTrust>> ChainTrust::open(const ExecutedChain& chain, const std::string& extra_file) {
    auto out = std::shared_ptr<ChainTrust>(new ChainTrust(chain));
    if (extra_file.empty()) return out;
    CRN_TRY(text, read_bundle(extra_file));
    std::string_view rest = text;
    for (auto end = rest.find(kEnd); end != std::string_view::npos; end = rest.find(kEnd)) {
        const auto one = rest.substr(0, end + kEnd.size());
        rest.remove_prefix(one.size());
        CRN_TRY(info, crypto::inspect_certificate(one));
        if (!info.is_ca) return fail(error::CertificateUsageWrong, extra_file + ": " + info.subject + " is no CA");
        CRN_TRY(der, crypto::certificate_der(one));
        out->extra_[info.organisation].push_back(std::move(der));
    }
    if (out->extra_.empty()) return fail(error::CertificateInvalid, extra_file + ": holds no certificate");
    return out;
}

void ChainTrust::drop_stopped(std::vector<Bytes>& cas, const ledger::StateView& state, std::string_view organisation) {
    std::erase_if(cas, [&](const Bytes& der) {
        return system::is_stopped(state, organisation, system::authority_id(crypto::certificate_pem_of(der)));
    });
}

std::vector<Bytes> ChainTrust::joined_ca_of(const ledger::StateView& state, std::string_view organisation) {
    for (const auto& one : system::organisations_of(state))
        if (one.name == organisation)
            if (auto der = crypto::certificate_der(one.ca_certificate_pem)) return {*std::move(der)};
    return {};
}

std::vector<Bytes> ChainTrust::cas_of(std::string_view organisation) const {
    const auto state = chain_.state().latest();
    std::vector<Bytes> out;
    if (system::trusts_founding_ca(*state, organisation)) {
        out = founding_->cas_of(organisation);
        // Who joined later came with a CA too.
        if (out.empty()) out = joined_ca_of(*state, organisation);
    }
    for (auto& ca : system::added_cas_of(*state, organisation)) out.push_back(std::move(ca.der));
    drop_stopped(out, *state, organisation);
    if (const auto found = extra_.find(organisation); found != extra_.end())
        out.insert(out.end(), found->second.begin(), found->second.end());
    return out;
}

std::vector<Bytes> ChainTrust::former_cas_of(std::string_view organisation) const {
    auto out = cas_of(organisation);
    if (!out.empty()) return out;
    const auto state = chain_.state().latest();
    if (!system::trusts_founding_ca(*state, organisation)) return out;
    for (const auto& pem : system::former_cas_of(*state, organisation))
        if (auto der = crypto::certificate_der(pem)) out.push_back(*std::move(der));
    drop_stopped(out, *state, organisation);
    return out;
}

bool ChainTrust::knows(std::string_view organisation) const {
    if (!founding_->cas_of(organisation).empty()) return true;
    const auto state = chain_.state().latest();
    return system::trusts_founding_ca(*state, organisation) || !system::added_cas_of(*state, organisation).empty();
}

bool ChainTrust::is_revoked(std::string_view organisation, const Hash256& id) const {
    const auto state = chain_.state().latest();
    return system::revocation_of(*state, organisation, id).has_value() || system::is_stopped(*state, organisation, id);
}

std::uint64_t ChainTrust::version() const {
    const auto state = chain_.state().latest();
    return system::trust_version_of(*state) + system::key_changes_of(*state);
}

} // namespace cairn::node
