#include "signer/protocol.hpp"

#include "base/errors/signer.hpp"
#include "storage/key_vault.hpp"

namespace cairn::signer {
namespace {

using codec::WireReader;
using codec::WireWriter;
using ledger::VoteKind;

enum class Type : std::uint8_t {
    start = 1,
    vote = 2,
    batch = 3,
    proposal = 4,
    handshake = 5,
    seal = 6,
    anchor = 7,
    seal_key = 8,
    vault = 9,
    last_execution = 10,
    claim = 11,
};

void write(WireWriter& out, const StartRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::start));
    out.text(request.keys_file);
    out.text(request.sealer_file);
    out.u64(request.chain_id);
    out.u64(request.witness);
    out.boolean(request.has_passphrase_descriptor);
}
void write(WireWriter& out, const VoteRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::vote));
    out.u8(static_cast<std::uint8_t>(request.statement.kind));
    out.number(request.statement.epoch);
    out.u64(request.statement.number);
    out.u16(request.statement.lane);
    out.fixed(request.statement.digest);
}
void write(WireWriter& out, const BatchRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::batch));
    encode(out, request.header);
}
void write(WireWriter& out, const ProposalRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::proposal));
    encode(out, request.block);
}
void write(WireWriter& out, const HandshakeRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::handshake));
    out.string(request.message);
}
void write(WireWriter& out, const SealRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::seal));
    out.text(request.node);
    out.u64(request.sequence);
    out.fixed(request.head);
    out.u64(request.time_ms);
    out.u64(request.height);
}
void write(WireWriter& out, const AnchorRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::anchor));
    out.text(request.node);
    out.u64(request.sequence);
    out.fixed(request.head);
}
void write(WireWriter& out, const SealKeyRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::seal_key));
    out.text(request.node);
    out.fixed(request.seal_key);
}
void write(WireWriter& out, const ClaimRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::claim));
    out.text(request.validator);
}
void write(WireWriter& out, const VaultRequest& request) {
    out.u8(static_cast<std::uint8_t>(Type::vault));
    out.u8(static_cast<std::uint8_t>(request.operation));
    out.u8(request.purpose);
    out.u32(request.version);
    out.string(request.context);
    out.string(request.key);
}

void write(WireWriter& out, const LastExecutionRequest&) { out.u8(static_cast<std::uint8_t>(Type::last_execution)); }

StartRequest read_start(WireReader& in) {
    StartRequest out;
    out.keys_file = in.text(kPathMax);
    out.sealer_file = in.text(kPathMax);
    out.chain_id = in.u64();
    out.witness = in.u64();
    out.has_passphrase_descriptor = in.boolean();
    return out;
}

VoteRequest read_vote(WireReader& in) {
    VoteRequest out;
    auto& statement = out.statement;
    const auto kind = in.u8();
    if (kind < static_cast<std::uint8_t>(VoteKind::lane) || kind > static_cast<std::uint8_t>(VoteKind::execution))
        in.set_failed();
    statement.kind = static_cast<VoteKind>(kind);
    statement.epoch = in.number<Epoch>();
    statement.number = in.u64();
    statement.lane = in.u16();
    statement.digest = in.fixed<Hash256>();
    if (statement.kind == VoteKind::nullify && !statement.digest.is_zero()) in.set_failed();
    if (statement.kind == VoteKind::lane ? statement.lane >= ledger::kValidatorsMax : statement.lane != 0)
        in.set_failed();
    return out;
}

/// Whole, so that the signer sees that it is nothing but a handshake.
HandshakeRequest read_handshake(WireReader& in) {
    HandshakeRequest out{to_bytes(in.string(crypto::kCertificateVerifyBytesMax))};
    if (!crypto::is_certificate_verify(out.message)) in.set_failed();
    return out;
}

VaultRequest read_vault(WireReader& in) {
    VaultRequest out;
    const auto operation = in.u8();
    if (operation < 1 || operation > static_cast<std::uint8_t>(VaultRequest::Operation::list)) in.set_failed();
    out.operation = static_cast<VaultRequest::Operation>(operation);
    out.purpose = in.u8();
    if (out.purpose < 1 || out.purpose > static_cast<std::uint8_t>(storage::KeyPurpose::vault)) in.set_failed();
    out.version = in.u32();
    out.context = to_bytes(in.string(storage::kWrapContextBytesMax));
    out.key = to_bytes(in.string(storage::kWrappedKeyBytesMax));
    return out;
}

SealRequest read_seal(WireReader& in) {
    SealRequest out;
    out.node = in.text(kNodeNameMax);
    out.sequence = in.u64();
    out.head = in.fixed<Hash256>();
    out.time_ms = in.u64();
    out.height = in.u64();
    return out;
}

AnchorRequest read_anchor(WireReader& in) {
    AnchorRequest out;
    out.node = in.text(kNodeNameMax);
    out.sequence = in.u64();
    out.head = in.fixed<Hash256>();
    return out;
}

SealKeyRequest read_seal_key(WireReader& in) {
    SealKeyRequest out;
    out.node = in.text(kNodeNameMax);
    out.seal_key = in.fixed<crypto::ValidatorPublicKey>();
    return out;
}

} // namespace

Bytes encode(const Request& request) {
    WireWriter out;
    std::visit([&](const auto& value) { write(out, value); }, request);
    return out.take();
}

Result<Request> decode_request(BytesView bytes) {
    if (bytes.size() > kRequestBytesMax) return fail(error::SignerRequestInvalid, "too long");
    WireReader in{bytes};
    Request out;
    switch (static_cast<Type>(in.u8())) {
    case Type::start: out = read_start(in); break;
    case Type::vote: out = read_vote(in); break;
    case Type::batch: out = BatchRequest{ledger::decode_batch_header(in)}; break;
    case Type::proposal: out = ProposalRequest{ledger::decode_consensus_block(in)}; break;
    case Type::handshake: out = read_handshake(in); break;
    case Type::seal: out = read_seal(in); break;
    case Type::anchor: out = read_anchor(in); break;
    case Type::seal_key: out = read_seal_key(in); break;
    case Type::vault: out = read_vault(in); break;
    case Type::claim: out = ClaimRequest{in.text(kNodeNameMax)}; break;
    case Type::last_execution: out = LastExecutionRequest{}; break;
    default: return fail(error::SignerRequestInvalid, "of an unknown type");
    }
    if (const auto good = in.finish(); !good) return fail(error::SignerRequestInvalid, good.error().detail);
    return out;
}

Bytes encode(const Reply& reply) {
    WireWriter out;
    out.u64(reply.counter);
    out.u8(reply.use ? static_cast<std::uint8_t>(1 + static_cast<std::uint8_t>(*reply.use)) : 0);
    out.u32(reply.error ? static_cast<std::uint32_t>(reply.error->code) : 0);
    out.text(reply.error ? reply.error->detail : std::string{});
    out.string(reply.content);
    return out.take();
}

Result<Reply> decode_reply(BytesView bytes) {
    WireReader in{bytes};
    Reply out;
    out.counter = in.u64();
    const auto use = in.u8();
    if (use > ledger::kKeyUses) in.set_failed();
    if (use != 0) out.use = static_cast<ledger::KeyUse>(use - 1);
    const auto code = in.u32();
    auto detail = in.text(kReplyBytesMax);
    out.content = to_bytes(in.string(kReplyBytesMax));
    bool known = code == 0;
    std::size_t count = 0;
    const auto* table = error_table(count);
    for (std::size_t i = 0; i < count; ++i) known = known || static_cast<std::uint32_t>(table[i].code) == code;
    if (!in.finish() || !known) return fail(error::SignerUnavailable, "its answer is malformed");
    if (code != 0) out.error = Error{static_cast<ErrorCode>(code), std::move(detail)};
    return out;
}

Bytes encode(const Started& started) {
    WireWriter out;
    out.u8(static_cast<std::uint8_t>(started.keys.consensus.algorithm));
    out.fixed(started.keys.consensus.bytes);
    out.string(started.keys.tls);
    out.fixed(started.keys.audit);
    out.text(started.sandbox);
    encode(out, started.uses);
    return out.take();
}

Result<Started> decode_started(BytesView bytes) {
    WireReader in{bytes};
    Started out;
    const auto algorithm = in.u8();
    if (!crypto::is_voting_algorithm(algorithm)) in.set_failed();
    out.keys.consensus.algorithm = static_cast<crypto::VotingAlgorithm>(algorithm);
    out.keys.consensus.bytes = in.fixed<decltype(crypto::VotingKey::bytes)>();
    out.keys.tls = to_bytes(in.string(crypto::kTlsPublicKeyBytesMax));
    if (!crypto::algorithm_of(out.keys.tls)) in.set_failed();
    out.keys.audit = in.fixed<crypto::ValidatorPublicKey>();
    out.sandbox = in.text(kPathMax);
    out.uses = ledger::decode_key_uses(in);
    if (!in.finish()) return fail(error::SignerUnavailable, "its answer is malformed");
    return out;
}

} // namespace cairn::signer
