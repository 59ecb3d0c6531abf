#include "ledger/proof_bundle.hpp"

#include "base/errors/ledger.hpp"
#include "codec/abi.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"
#include "ledger/handovers.hpp"
#include "ledger/selector.hpp"
#include "ledger/trie_proof.hpp"

namespace cairn::ledger {

namespace {

std::unexpected<Error> refuse(const std::string& step, std::string_view why) {
    return fail(error::ProofInvalid, step + ": " + std::string{why});
}

/// The same failure as a step of this verification.
std::unexpected<Error> refuse(const std::string& step, const Error& error) { return refuse(step, error.detail); }

struct CertifiedHeader {
    BlockHeader header;
    Hash256 hash;
};

Result<CertifiedHeader> check_header(std::uint64_t chain_id, const ValidatorSet& set, const ProofBundle& bundle) {
    const auto header = decode_header(bundle.header);
    if (!header) return refuse("header", header.error());
    const Hash256 hash = crypto::keccak256(bundle.header);
    const VoteStatement statement{
        .kind = VoteKind::execution, .epoch = set.epoch, .number = header->number, .lane = 0, .digest = hash};
    if (const auto status = verify_certificate(chain_id, set, {statement, bundle.votes}); !status)
        return refuse("certificate", status.error());
    return CertifiedHeader{*header, hash};
}

/// Root of Records' storage.
Result<Hash256> storage_root(const Hash256& state_root, const std::vector<Bytes>& nodes) {
    const std::string step = "account proof";
    const auto leaf = verify_trie_proof(state_root, crypto::keccak256(kRecordsContract), nodes);
    if (!leaf) return refuse(step, leaf.error());
    if (!*leaf) return refuse(step, "the state has no account of the system contract Records");
    codec::RlpReader outer{**leaf};
    auto fields = outer.list();
    if (!fields || !outer.finish()) return refuse(step, "the account is malformed");
    const auto nonce = fields->u64();
    const auto balance = fields->u256();
    const auto root = fields->fixed<Hash256>();
    const auto code_hash = fields->fixed<Hash256>();
    if (!nonce || !balance || !root || !code_hash || !fields->finish()) return refuse(step, "the account is malformed");
    return *root;
}

Result<U256> slot_value(const Hash256& root, const U256& slot, const std::vector<Bytes>& nodes,
                        const std::string& step) {
    const auto leaf = verify_trie_proof(root, crypto::keccak256(to_big_endian(slot)), nodes);
    if (!leaf) return refuse(step, leaf.error());
    if (!*leaf) return U256{};
    codec::RlpReader in{**leaf};
    const auto value = in.u256();
    if (!value || !in.finish()) return refuse(step, "the value is not a word");
    return *value;
}

Result<Record> check_storage(const BlockHeader& header, const Hash256& digest, const RecordStorageProof& proof) {
    CRN_TRY(root, storage_root(header.state_root, proof.account_proof));
    std::size_t used = 0;
    Status words;
    const auto load = [&](const U256& slot) -> Result<U256> {
        const std::string step = "storage proof " + std::to_string(used);
        if (used == proof.storage_proofs.size()) words = refuse(step, "is missing");
        if (!words) return std::unexpected(words.error());
        auto value = slot_value(root, slot, proof.storage_proofs[used++], step);
        if (!value) words = std::unexpected(value.error());
        return value;
    };
    auto record = load_record(digest, proof.index, load);
    CRN_CHECK(words);
    if (!record) return refuse("record", record.error());
    if (used != proof.storage_proofs.size()) return refuse("storage proof", "there are more than the record needs");
    return std::move(*record);
}

struct LoggedRecord {
    std::uint64_t index = 0;
    Record record;
};

Result<LoggedRecord> check_receipt(const BlockHeader& header, const Hash256& digest, const RecordReceiptProof& proof) {
    const std::string step = "receipt proof";
    codec::RlpWriter key;
    key.put(proof.transaction_index);
    const auto raw = verify_trie_proof(header.receipts_root, key.bytes(), proof.proof);
    if (!raw) return refuse(step, raw.error());
    if (!*raw) return refuse(step, "the block has no such transaction");
    const auto receipt = decode_receipt(**raw);
    if (!receipt) return refuse(step, receipt.error());

    if (proof.log_index >= receipt->logs.size()) return refuse("log", "the receipt has no such log");
    const Log& log = receipt->logs[proof.log_index];
    if (log.address != kRecordsContract) return refuse("log", "another contract emitted it");
    if (log.topics.size() != 3 || log.topics[0] != event_topic(kRecordedEvent))
        return refuse("log", "is another event");
    if (log.topics[1] != digest) return refuse("log", "records another digest");
    const auto data = codec::abi_decode("(uint256,string)", log.data);
    if (!data || !data->front().number().fits_u64()) return refuse("log", "is malformed");
    const auto sender = Address::from(BytesView{log.topics[2]}.last(Address::kSize));
    return LoggedRecord{data->front().number().low(), Record{.sender = *sender,
                                                             .block_number = header.number,
                                                             .timestamp = header.timestamp,
                                                             .metadata = data->back().as_text()}};
}

} // namespace

Result<ProvenRecord> verify_bundle(const Genesis& genesis, const ProofBundle& bundle, const Hash256& digest) {
    if (bundle.digest != digest)
        return refuse("digest", "the bundle is about " + to_hex(bundle.digest) + ", not " + to_hex(digest));
    const Hash256 genesis_hash = hash_of(genesis);
    if (bundle.genesis != genesis_hash)
        return refuse("genesis", "the bundle belongs to genesis " + to_hex(bundle.genesis) + ", the file given is " +
                                     to_hex(genesis_hash));
    if (auto status = verify_signatures(genesis); !status)
        return refuse("genesis", "not signed by " + status.error().detail);
    const std::uint64_t chain_id = genesis.parameters.chain_id;
    if (bundle.chain_id != chain_id) return refuse("genesis", "the bundle names another chain id");

    const auto epochs = follow_handovers(genesis, std::span{bundle.handovers});
    if (!epochs) return fail(error::ProofInvalid, epochs.error().detail);
    const ValidatorSet& set = epochs->back().validators;
    CRN_TRY(certified, check_header(chain_id, set, bundle));

    ProvenRecord proven{.digest = digest,
                        .index = 0,
                        .record = {},
                        .proven_at = Height{certified.header.number},
                        .header_hash = certified.hash,
                        .votes = bundle.votes.size(),
                        .validators = set.size()};
    if (const auto* storage = std::get_if<RecordStorageProof>(&bundle.proof)) {
        CRN_TRY(record, check_storage(certified.header, digest, *storage));
        proven.index = storage->index;
        proven.record = std::move(record);
    } else {
        CRN_TRY(logged, check_receipt(certified.header, digest, std::get<RecordReceiptProof>(bundle.proof)));
        proven.index = logged.index;
        proven.record = std::move(logged.record);
    }
    return proven;
}

Result<ProvenRecord> verify_bundle(const Genesis& genesis, std::string_view json, const Hash256& digest) {
    CRN_TRY(bundle, bundle_from_json(json));
    return verify_bundle(genesis, bundle, digest);
}

} // namespace cairn::ledger
