// Between a node and its signer: one datagram per request and per reply over a pair of SOCK_SEQPACKET sockets.
//
// Requests say what is to be signed, never which bytes: the signer puts in the domain tag and the chain id. A request may
// follow before the reply to the one before; replies come in the order of requests.
#pragma once

#include "base/result.hpp"
#include "ledger/consensus_block.hpp"
#include "ledger/key_uses.hpp"
#include "signer/secrets.hpp"

#include <string>
#include <variant>

namespace cairn::signer {

inline constexpr std::size_t kRequestBytesMax = 64 * 1024;
inline constexpr std::size_t kReplyBytesMax = 512 * 1024;
inline constexpr std::size_t kNodeNameMax = 64;
inline constexpr std::size_t kPathMax = 4096;

/// The first request, exactly once.
struct StartRequest {
    std::string keys_file; // keys.sealed
    /// Of the signer that seals this node's audit log, if it is another one: opened with the same passphrase, for its audit key, which
    /// this one vouches for then. Empty: these keys alone.
    std::string sealer_file;
    std::uint64_t chain_id = 0;
    /// The highest counter that the node has seen; 0 if it has seen none.
    std::uint64_t witness = 0;
    bool has_passphrase_descriptor = false;
    bool operator==(const StartRequest&) const = default;
};
struct VoteRequest {
    ledger::VoteStatement statement;
    bool operator==(const VoteRequest&) const = default;
};
struct BatchRequest {
    ledger::BatchHeader header; // its signature is ignored
    bool operator==(const BatchRequest&) const = default;
};
struct ProposalRequest {
    ledger::ConsensusBlock block;
    bool operator==(const ProposalRequest&) const = default;
};
/// crypto::is_certificate_verify; signed with the TLS key, which signs nothing else.
struct HandshakeRequest {
    Bytes message;
    bool operator==(const HandshakeRequest&) const = default;
};
/// audit::SealStatement without the chain id and the uses of keys, which the signer puts in. The answer is the signature and
/// these uses, this one among them.
struct SealRequest {
    std::string node;
    std::uint64_t sequence = 0;
    Hash256 head;
    std::uint64_t time_ms = 0, height = 0;
    bool operator==(const SealRequest&) const = default;
};
struct AnchorRequest {
    std::string node;
    std::uint64_t sequence = 0;
    Hash256 head;
    bool operator==(const AnchorRequest&) const = default;
};
/// The consensus key vouches for an audit key: this signer's own, or that of the sealer it was started with.
struct SealKeyRequest {
    std::string node;
    crypto::ValidatorPublicKey seal_key;
    bool operator==(const SealKeyRequest&) const = default;
};
/// The consensus key asks for a validator's seat: ledger::KeyClaim without the chain id.
struct ClaimRequest {
    std::string validator;
    bool operator==(const ClaimRequest&) const = default;
};
/// storage::KeyVault's operations.
struct VaultRequest {
    enum class Operation : std::uint8_t { wrap = 1, unwrap = 2, make = 3, retire = 4, destroy = 5, list = 6 };
    Operation operation = Operation::wrap;
    std::uint8_t purpose = 0;
    std::uint32_t version = 0; // unwrap, retire, destroy
    Bytes context;             // wrap, unwrap
    Bytes key;                 // wrap: the key; unwrap: the wrapped key
    bool operator==(const VaultRequest&) const = default;
};
/// The last execution that was signed; the answer is a LastExecution.
struct LastExecutionRequest {
    bool operator==(const LastExecutionRequest&) const = default;
};
struct LastExecution {
    std::uint64_t height = 0; // 0: none yet
    Hash256 header;
    bool operator==(const LastExecution&) const = default;
};

using Request = std::variant<StartRequest, VoteRequest, BatchRequest, ProposalRequest, HandshakeRequest, SealRequest,
                             AnchorRequest, SealKeyRequest, VaultRequest, LastExecutionRequest, ClaimRequest>;
Bytes encode(const Request& request);
/// SignerRequestInvalid: unknown, over a limit, not the one encoding of its value, or fields that cannot be.
Result<Request> decode_request(BytesView bytes);

struct Reply {
    std::uint64_t counter = 0; // of the signer's memory, after this request
    std::optional<Error> error;
    Bytes content;                          // a signature, or what the request asks for
    std::optional<ledger::KeyUse> use = {}; // what the request was counted as
};
Bytes encode(const Reply& reply);
/// SignerUnavailable if the signer's bytes are malformed.
Result<Reply> decode_reply(BytesView bytes);

/// Content of the reply to StartRequest.
struct Started {
    PublicKeys keys;
    std::string sandbox;  // what was put up, for the log
    ledger::KeyUses uses; // until now
};
Bytes encode(const Started& started);
Result<Started> decode_started(BytesView bytes);

} // namespace cairn::signer
