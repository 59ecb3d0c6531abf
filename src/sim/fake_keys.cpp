#include "sim/fake_keys.hpp"

#include "sim/toy_ledger.hpp"

namespace cairn::sim {
namespace {

crypto::Signature mac(const crypto::VotingKey& key, BytesView message) {
    std::uint64_t state = 0xcbf29ce484222325u;
    const auto mix = [&](std::uint8_t byte) {
        state = (state ^ byte) * 0x100000001b3u;
        state ^= state >> 29;
    };
    mix(static_cast<std::uint8_t>(key.algorithm));
    for (const auto byte : key.bytes) mix(byte);
    for (const auto byte : message) mix(byte);
    crypto::Signature out;
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(state >> (8 * i));
    return out;
}

class FakeVerifier final : public consensus::Verifier {
public:
    bool verify(const crypto::VotingKey& key, BytesView message, const crypto::Signature& signature) const override {
        return mac(key, message) == signature;
    }
    bool valid_transaction(BytesView raw) const override {
        return decode_transfer(raw).has_value() || is_marker(raw) || set_asked_for(raw).has_value();
    }
};

} // namespace

std::optional<crypto::Signature> FakeSigner::sign_vote(const ledger::VoteStatement& statement) const {
    return mac(key_, ledger::signed_bytes(chain_id_, statement));
}
std::optional<crypto::Signature> FakeSigner::sign_batch(const ledger::BatchHeader& header) const {
    return mac(key_, ledger::batch_signed_bytes(chain_id_, digest_of(header)));
}
std::optional<crypto::Signature> FakeSigner::sign_proposal(const ledger::ConsensusBlock& block) const {
    return mac(key_, consensus::proposal_signed_bytes(chain_id_, block));
}

const consensus::Verifier& fake_verifier() {
    static const FakeVerifier instance;
    return instance;
}

} // namespace cairn::sim
