// Messages from peers: no input may crash a decoder or the core that handles it, and what is accepted has one encoding.
#include "base/assert.hpp"
#include "consensus/core.hpp"
#include "consensus/log.hpp"
#include "consensus/messages.hpp"
#include "crypto/hash.hpp"

using namespace cairn;
using namespace cairn::consensus;

namespace {

class NoHistory final : public History {
public:
    Height tip() const override { return {}; }
    FinalizedBlockPtr block(Height) const override { return nullptr; }
    std::optional<ledger::Certificate> execution_certificate(Height) const override { return std::nullopt; }
};

/// Accepts every signature: the code behind the check must be as robust as the one before it.
class Gullible final : public Verifier {
public:
    bool verify(const crypto::VotingKey&, BytesView, const crypto::Signature&) const override { return true; }
};

class Scribbler final : public Signer {
public:
    std::optional<crypto::Signature> sign_vote(const ledger::VoteStatement&) const override {
        return crypto::Signature{};
    }
    std::optional<crypto::Signature> sign_batch(const ledger::BatchHeader&) const override {
        return crypto::Signature{};
    }
    std::optional<crypto::Signature> sign_proposal(const ledger::ConsensusBlock&) const override {
        return crypto::Signature{};
    }
};

struct Template {
    std::uint16_t from;
    MessageType type;
    Bytes payload;
};

/// Well-formed messages of a plausible run, so that bent ones reach what lies behind the decoders.
std::vector<Template> make_templates() {
    std::vector<Template> out;
    const auto certificate = [](ledger::VoteKind kind, std::uint64_t number, const Hash256& digest,
                                std::uint16_t lane) {
        ledger::Certificate c{{kind, Epoch{0}, number, lane, digest}, {}};
        for (std::uint16_t i = 0; i < 3; ++i) c.entries.push_back({{i}, {}});
        return c;
    };
    ledger::ConsensusBlock parent;
    parent.cut.resize(4);
    parent.parent[0] = 1; // genesis, see below
    parent.executed.header_hash[0] = 1;
    for (std::uint16_t lane = 1; lane < 4; ++lane) {
        Hash256 before{};
        for (std::uint64_t position = 1; position <= 2; ++position) {
            const Bytes transaction{static_cast<std::uint8_t>(lane), static_cast<std::uint8_t>(position)};
            ledger::Batch batch;
            batch.body = std::make_shared<const Bytes>(ledger::encode_batch_body({transaction}));
            batch.header.lane = {lane};
            batch.header.position = Position{position};
            batch.header.parent = before;
            batch.header.body_hash = crypto::keccak256(*batch.body);
            batch.header.transaction_count = 1;
            batch.header.body_bytes = static_cast<std::uint32_t>(batch.body->size());
            before = digest_of(batch.header);
            out.push_back({lane, MessageType::batch, encode_batch_message(batch, std::nullopt)});
            out.push_back({lane, MessageType::batch_answer, encode_batch_message(batch, std::nullopt)});
            out.push_back({lane, MessageType::certificate,
                           encode_certificate_message(certificate(ledger::VoteKind::lane, position, before, lane))});
            parent.cut[lane] = {Position{position}, before};
        }
    }
    BlocksAnswer answer;
    std::optional<ledger::Certificate> parent_certificate;
    for (std::uint64_t view = 1; view <= 3; ++view) {
        auto block = parent;
        block.view = View{view};
        block.height = Height{view};
        block.leader = {static_cast<std::uint16_t>(view % 4)};
        block.timestamp_ms = 1'000 + view;
        const auto proposal = make_proposal({block, {}}, parent_certificate, {}, std::nullopt);
        const auto digest = proposal->digest;
        out.push_back({block.leader.value, MessageType::proposal, *proposal->encoded});
        out.push_back({2, MessageType::proposal_answer, *proposal->encoded});
        for (const auto kind : {ledger::VoteKind::notarize, ledger::VoteKind::nullify, ledger::VoteKind::finalize,
                                ledger::VoteKind::execution}) {
            const auto named = kind == ledger::VoteKind::nullify ? Hash256{} : digest;
            for (std::uint16_t voter = 1; voter < 4; ++voter)
                out.push_back({voter, MessageType::vote, encode_vote({{kind, Epoch{0}, view, 0, named}, {voter}, {}})});
            out.push_back({1, MessageType::certificate, encode_certificate_message(certificate(kind, view, named, 0))});
        }
        answer.items.push_back({proposal, certificate(ledger::VoteKind::finalize, view, digest, 0), std::nullopt});
        out.push_back({1, MessageType::blocks, encode_blocks_answer(answer)});
        PeerStatus status{
            Epoch{0},     View{view + 1},           Height{view},
            Height{view}, std::vector<Position>(4), certificate(ledger::VoteKind::notarize, view, digest, 0)};
        out.push_back({1, MessageType::status, encode_status(status)});
        out.push_back({2, MessageType::fetch_blocks, encode_fetch_range({1, view})});
        out.push_back(
            {2, MessageType::fetch_batches, encode_fetch_batches({{{parent.cut[1].digest, Height{view}, 2}}})});
        out.push_back({2, MessageType::fetch_certificates,
                       encode_fetch_certificates({FetchCertificates::Kind::views, {1, view}})});
        out.push_back({2, MessageType::fetch_proposal, to_bytes(digest)});
        parent.parent = digest;
        parent.parent_view = View{view};
        parent_certificate = certificate(ledger::VoteKind::notarize, view, digest, 0);
    }
    return out;
}

void decoders(BytesView input) {
    if (const auto m = decode_status(input)) CRN_ASSERT(encode_status(*m) == to_bytes(input));
    if (const auto m = decode_fetch_range(input)) CRN_ASSERT(encode_fetch_range(*m) == to_bytes(input));
    if (const auto m = decode_fetch_batches(input)) CRN_ASSERT(encode_fetch_batches(*m) == to_bytes(input));
    if (const auto m = decode_fetch_certificates(input)) CRN_ASSERT(encode_fetch_certificates(*m) == to_bytes(input));
    if (const auto m = decode_blocks_answer(input)) CRN_ASSERT(encode_blocks_answer(*m) == to_bytes(input));
    if (const auto m = decode_evidence(input)) CRN_ASSERT(encode_evidence(*m) == to_bytes(input));
    if (const auto m = decode_batch_message(input))
        CRN_ASSERT(encode_batch_message(m->batch, m->proof) == to_bytes(input));
    if (const auto m = decode_proposal(std::make_shared<const Bytes>(to_bytes(input)))) {
        const auto again = make_proposal((*m)->signed_block, (*m)->parent_certificate, (*m)->skipped, (*m)->execution);
        CRN_ASSERT(*again->encoded == to_bytes(input));
    }
    if (const auto m = decode_finalized_block(input)) CRN_ASSERT(encode_finalized_block(*m) == to_bytes(input));
    (void)decode_record(input);
}

} // namespace

/// First byte: 0 tries all decoders on the rest. Otherwise the input is a series of messages to one core: with the high bit of
/// the first byte set a template, a place (u16) and a byte to bend it with; else a type, a sender, a length (u16) and a payload.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const BytesView input{data, size};
    if (input.empty()) return 0;
    if (input[0] == 0) {
        decoders(input.subspan(1));
        return 0;
    }
    CoreConfig config;
    config.chain_id = 1;
    config.start.digest[0] = config.start.header_hash[0] = 1;
    for (std::uint8_t i = 0; i < 4; ++i) {
        ledger::Validator validator;
        validator.key.bytes[0] = i;
        config.validators.members.push_back(validator);
    }
    const NoHistory history;
    const Gullible verifier;
    const Scribbler signer;
    Core core{config, signer, history, verifier};
    CRN_ASSERT(core.recover({}, Memory::fresh).has_value());
    Microseconds now{1};
    auto rest = input.subspan(1);
    static const auto templates = make_templates();
    for (int i = 0; i < 128 && rest.size() >= 4; ++i) {
        MessageReceived message;
        if (rest[0] & 0x80) {
            const auto& base = templates[(rest[0] & 0x7fu) % templates.size()];
            auto payload = base.payload;
            payload[(rest[1] + 256u * rest[2]) % payload.size()] ^= rest[3];
            message.type = static_cast<std::uint8_t>(base.type);
            message.from = {base.from};
            message.payload = std::make_shared<const Bytes>(std::move(payload));
            rest = rest.subspan(4);
        } else {
            message.type = rest[0];
            message.from = {static_cast<std::uint16_t>(rest[1] % 4)};
            const auto length = std::min<std::size_t>(rest[2] + 256u * rest[3], rest.size() - 4);
            message.payload = std::make_shared<const Bytes>(to_bytes(rest.subspan(4, length)));
            rest = rest.subspan(4 + length);
        }
        now += Microseconds{10'000};
        const auto actions = core.step({now, Milliseconds{1'700'000'000'000}, message});
        for (const auto& record : actions.records) CRN_ASSERT(decode_record(*record).has_value());
        for (const auto& block : actions.finalized)
            (void)core.step(
                {now, Milliseconds{1'700'000'000'000}, ExecutionFinished{block->block.height, block->digest}});
    }
    for (const auto& record : core.checkpoint()) CRN_ASSERT(decode_record(*record).has_value());
    return 0;
}
