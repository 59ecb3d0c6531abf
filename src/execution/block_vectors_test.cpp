// ethereum/tests valid-block chains of Cancun: every block is executed and every field of its header that follows from
// the execution is compared.
#include "base/test_vectors.hpp"
#include "codec/rlp.hpp"
#include "execution/transaction.hpp"
#include "ledger/block.hpp"
#include "state/state_store.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cairn::execution {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kGasPerBlob = 131'072;
constexpr std::uint64_t kBlobGasTarget = 3 * kGasPerBlob;

struct Withdrawal {
    Address address;
    U256 amount_gwei;
};

struct ParsedBlock {
    ledger::BlockHeader header;
    std::vector<ledger::SignedTransaction> transactions;
    std::vector<Bytes> raw_transactions;
    std::vector<Withdrawal> withdrawals;
    std::vector<Bytes> raw_withdrawals;
};

/// Test blocks may have withdrawals, which blocks of our own never have.
ParsedBlock parse(BytesView rlp) {
    ParsedBlock out;
    auto block = codec::RlpReader{rlp}.list().value();
    out.header = ledger::decode_header(block.next().value().whole).value();
    auto transactions = block.list().value();
    while (!transactions.at_end()) {
        const auto item = transactions.next().value();
        const auto raw = item.is_list ? item.whole : item.payload;
        out.transactions.push_back(ledger::decode_signed_transaction(raw).value());
        out.raw_transactions.push_back(to_bytes(raw));
    }
    EXPECT_TRUE(block.list().value().at_end());
    auto withdrawals = block.list().value();
    while (!withdrawals.at_end()) {
        const auto item = withdrawals.next().value();
        out.raw_withdrawals.push_back(to_bytes(item.whole));
        codec::RlpReader fields{item.payload};
        (void)fields.u64().value(); // index
        (void)fields.u64().value(); // validator
        const auto address = fields.fixed<Address>().value();
        out.withdrawals.push_back({address, fields.u256().value()});
    }
    return out;
}

ledger::StateDiff accounts_of(const Json& json) {
    ledger::StateDiff out;
    for (const auto& [key, value] : json.items()) {
        auto& change = out[*fixed_from_hex<Address>(key)];
        auto code = *from_hex(value["code"].get<std::string>());
        change.account = ledger::Account{from_quantity(value["nonce"].get<std::string>())->low(),
                                         *from_quantity(value["balance"].get<std::string>()), crypto::keccak256(code)};
        for (const auto& [slot, content] : value["storage"].items())
            change.storage[*from_quantity(slot)] = *from_quantity(content.get<std::string>());
        if (!code.empty()) change.code = std::make_shared<const Bytes>(std::move(code));
    }
    return out;
}

/// EIP-4788: the beacon root contract is called by the system before the first transaction.
void call_beacon_roots(evm::State& state, const evm::BlockEnvironment& environment, const Hash256& root) {
    evm::Message message;
    message.gas = 30'000'000;
    message.sender = *fixed_from_hex<Address>("0xfffffffffffffffffffffffffffffffffffffffe");
    message.recipient = message.code_address = *fixed_from_hex<Address>("0x000f3df6d732807ef1319fb7b8bb8522d0beac02");
    message.input = root;
    const evm::TransactionEnvironment transaction{message.sender, {}, {}}; // the machine keeps a reference
    evm::Machine machine(state, environment, transaction, evm::Revision::cancun);
    EXPECT_TRUE(machine.run(message).ok());
    state.finish_transaction();
}

using Hashes = std::map<std::uint64_t, Hash256>;

void execute(const ParsedBlock& block, const ledger::BlockHeader& parent, const Hashes& hashes,
             state::MemoryState& world) {
    const auto& header = block.header;
    evm::BlockEnvironment environment;
    environment.number = header.number;
    environment.timestamp = header.timestamp;
    environment.gas_limit = header.gas_limit;
    environment.coinbase = header.beneficiary;
    environment.prev_randao = header.mix_hash;
    environment.base_fee = *header.base_fee_per_gas;
    environment.blob_base_fee = blob_base_fee(*header.excess_blob_gas, blob_fee_fraction(evm::Revision::cancun));
    environment.chain_id = U256{1};
    environment.block_hash = [&](std::uint64_t number) {
        const auto found = hashes.find(number);
        return found == hashes.end() || number + 256 < header.number ? Hash256{} : found->second;
    };
    Rules rules;
    rules.revision = evm::Revision::cancun;
    rules.chain_id = U256{1};
    rules.accept_blobs = true;

    evm::State state(world);
    call_beacon_roots(state, environment, *header.parent_beacon_block_root);
    std::uint64_t gas = 0, blobs = 0;
    std::vector<Bytes> receipts;
    ledger::Bloom bloom;
    for (const auto& transaction : block.transactions) {
        auto outcome = apply_transaction(state, transaction, environment, header.gas_limit - gas, rules);
        ASSERT_TRUE(outcome) << outcome.error().text();
        gas += outcome->receipt.gas_used;
        blobs += transaction.body.blob_versioned_hashes.size();
        outcome->receipt.cumulative_gas_used = gas;
        receipts.push_back(ledger::encode_receipt(outcome->receipt));
        const auto of_receipt = ledger::bloom_of(outcome->receipt.logs);
        for (std::size_t i = 0; i < bloom.size(); ++i) bloom[i] |= of_receipt[i];
    }
    for (const auto& withdrawal : block.withdrawals)
        state.add_balance(withdrawal.address, withdrawal.amount_gwei * U256{1'000'000'000});
    state.finish_transaction();
    world.apply(state.diff());

    EXPECT_EQ(header.parent_hash, ledger::hash_of(parent));
    EXPECT_EQ(header.gas_used, gas);
    EXPECT_EQ(*header.blob_gas_used, blobs * kGasPerBlob);
    const auto excess = *parent.excess_blob_gas + *parent.blob_gas_used;
    EXPECT_EQ(*header.excess_blob_gas, excess < kBlobGasTarget ? 0 : excess - kBlobGasTarget);
    EXPECT_EQ(to_hex(header.logs_bloom), to_hex(bloom));
    EXPECT_EQ(to_hex(header.transactions_root), to_hex(ledger::ordered_trie_root(block.raw_transactions)));
    EXPECT_EQ(to_hex(header.receipts_root), to_hex(ledger::ordered_trie_root(receipts)));
    EXPECT_EQ(to_hex(*header.withdrawals_root), to_hex(ledger::ordered_trie_root(block.raw_withdrawals)));
    EXPECT_EQ(to_hex(header.state_root), to_hex(world.root()));
}

void check_chain(const Json& test) {
    const auto genesis = parse(*from_hex(test["genesisRLP"].get<std::string>()));
    EXPECT_EQ(to_hex(ledger::hash_of(genesis.header)), test["genesisBlockHeader"]["hash"].get<std::string>());
    state::MemoryState world;
    world.apply(accounts_of(test["pre"]));
    ASSERT_EQ(to_hex(world.root()), to_hex(genesis.header.state_root));

    Hashes hashes{{0, ledger::hash_of(genesis.header)}};
    auto parent = genesis.header;
    for (const auto& json : test["blocks"]) {
        const auto raw = *from_hex(json["rlp"].get<std::string>());
        const auto block = parse(raw);
        SCOPED_TRACE("block " + std::to_string(block.header.number));
        execute(block, parent, hashes, world);
        if (testing::Test::HasFailure()) return;
        if (block.withdrawals.empty()) {
            // Without withdrawals this is a block of our own form, and must survive our own codec.
            const auto decoded = ledger::decode_block(raw);
            ASSERT_TRUE(decoded) << decoded.error().text();
            EXPECT_EQ(ledger::encode_block(*decoded), raw);
        }
        parent = block.header;
        hashes[parent.number] = ledger::hash_of(parent);
    }
    EXPECT_EQ(to_hex(ledger::hash_of(parent)), test["lastblockhash"].get<std::string>());
    if (test.contains("postStateHash")) {
        EXPECT_EQ(to_hex(world.root()), test["postStateHash"].get<std::string>());
        return;
    }
    state::MemoryState expected;
    expected.apply(accounts_of(test["postState"]));
    EXPECT_EQ(to_hex(world.root()), to_hex(expected.root()));
}

TEST(BlockVectors, chains_of_cancun_execute_to_their_headers) {
    const auto root = test::unpacked_vectors(CAIRN_SOURCE_DIR, "blocks-cancun");
    std::size_t chains = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
        if (entry.path().extension() != ".json") continue;
        const auto file = Json::parse(test::read_text(entry.path()));
        for (const auto& [name, test] : file.items()) {
            SCOPED_TRACE(entry.path().filename().string() + " " + name);
            ASSERT_EQ(test["network"], "Cancun");
            check_chain(test);
            if (HasFailure()) return;
            ++chains;
        }
    }
    EXPECT_EQ(chains, 218u);
}

} // namespace
} // namespace cairn::execution
