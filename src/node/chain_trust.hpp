// Whose certificates count, by the newest state of the chain.
#pragma once

#include "network/peer_trust.hpp"
#include "node/executed_chain.hpp"

#include <map>

namespace cairn::node {

/// Revoked is a certificate or key that Identities has revoked, and a key that Keys has stopped. CAs are those that an organisation has on chain
/// (system contract Identities), the founding one among them until it is removed, unless Keys has stopped them, and those of the
/// operator's own file. That file is for the day on which the chain cannot be asked or changed any more because no
/// certificate is valid: docs/how-to/everything-expired.md. Thread-safe.
class ChainTrust final : public network::PeerTrust {
public:
    /// `extra_file`: PEM certificates, each for the organisation in its subject; empty for none. CertificateInvalid.
    static Result<std::shared_ptr<ChainTrust>> open(const ExecutedChain& chain, const std::string& extra_file);

    std::vector<Bytes> cas_of(std::string_view organisation) const override;
    /// The CA that it once joined with, if it has left. Counts for former nodes alone, which are told that they are former ones.
    std::vector<Bytes> former_cas_of(std::string_view organisation) const override;
    bool is_revoked(std::string_view organisation, const Hash256& id) const override;
    /// Whether the chain has this organisation, whatever CAs it has.
    bool knows(std::string_view organisation) const;
    /// Rises with every change of what the chain says.
    std::uint64_t version() const;

private:
    static void drop_stopped(std::vector<Bytes>& cas, const ledger::StateView& state, std::string_view organisation);
    static std::vector<Bytes> joined_ca_of(const ledger::StateView& state, std::string_view organisation);
    explicit ChainTrust(const ExecutedChain& chain)
        : chain_(chain), founding_(network::trust_of_genesis(chain.genesis())) {}

    const ExecutedChain& chain_;
    const std::shared_ptr<const network::PeerTrust> founding_;
    std::map<std::string, std::vector<Bytes>, std::less<>> extra_;
};

} // namespace cairn::node
