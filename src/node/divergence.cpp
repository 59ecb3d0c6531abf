#include "node/divergence.hpp"

#include "storage/file.hpp"

#include <sstream>

namespace cairn::node {
namespace {

std::string text(std::uint64_t value) { return std::to_string(value); }
std::string text(BytesView value) { return to_hex(value); }
std::string text(const std::string& value) { return value; }

/// Finds the first pair of values that differ.
class Comparison {
public:
    template <class T>
    void field(std::string_view name, const T& here, const T& there) {
        if (result_.empty() && here != there)
            result_ = where_ + std::string{name} + ": " + text(here) + " here, " + text(there) + " there";
    }
    void enter(std::string where) { where_ = std::move(where); }
    bool found() const { return !result_.empty(); }
    std::string take() { return std::move(result_); }

private:
    std::string where_;
    std::string result_;
};

std::string json_string(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
    return out + "\"";
}

} // namespace

std::string first_difference(const StoredBlock& here, const StoredBlock& there) {
    const auto& a = here.block.header;
    const auto& b = there.block.header;
    Comparison compare;
    compare.enter("header ");
    compare.field("number", a.number, b.number);
    compare.field("parent hash", a.parent_hash, b.parent_hash);
    compare.field("beneficiary", a.beneficiary, b.beneficiary);
    compare.field("timestamp", a.timestamp, b.timestamp);
    compare.field("mix hash", a.mix_hash, b.mix_hash);
    if (compare.found()) return compare.take();

    // What ran, then what came of it, then the sums over all: the earliest cause first.
    const auto& ours = here.block.transactions;
    const auto& theirs = there.block.transactions;
    for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()) && !compare.found(); ++i) {
        compare.enter("transaction " + text(i) + " ");
        compare.field("hash", ours[i].hash, theirs[i].hash);
        if (compare.found() || i >= here.receipts.size() || i >= there.receipts.size()) break;
        const auto& receipt = here.receipts[i];
        const auto& other = there.receipts[i];
        compare.enter("receipt " + text(i) + " (" + to_hex(ours[i].hash) + ") ");
        compare.field("status", std::string{receipt.success ? "success" : "failure"},
                      std::string{other.success ? "success" : "failure"});
        compare.field("gas used", receipt.gas_used, other.gas_used);
        compare.field("number of logs", text(receipt.logs.size()), text(other.logs.size()));
        for (std::size_t k = 0; k < std::min(receipt.logs.size(), other.logs.size()); ++k)
            compare.field("log " + text(k), to_hex(ledger::logs_hash({receipt.logs[k]})),
                          to_hex(ledger::logs_hash({other.logs[k]})));
    }
    compare.enter("");
    compare.field("number of transactions", text(ours.size()), text(theirs.size()));
    compare.enter("header ");
    compare.field("gas used", a.gas_used, b.gas_used);
    compare.field("receipts root", a.receipts_root, b.receipts_root);
    compare.field("transactions root", a.transactions_root, b.transactions_root);
    compare.field("logs bloom", a.logs_bloom, b.logs_bloom);
    compare.field("state root", a.state_root, b.state_root);
    compare.enter("");
    compare.field("hash", here.hash, there.hash);
    return compare.take();
}

void Inquiry::answer(ValidatorIndex peer, BytesView payload) {
    if (payload.empty() || payload.size() > kResultAnswerBytesMax) return;
    auto block = decode_stored_block(payload);
    if (!block) return;
    {
        const std::lock_guard lock(mutex_);
        answers_.insert_or_assign(peer, std::move(*block));
    }
    changed_.notify_all();
}

std::optional<StoredBlock> Inquiry::wait(Height height, std::size_t enough, std::chrono::milliseconds patience) {
    std::unique_lock lock(mutex_);
    std::optional<StoredBlock> found;
    changed_.wait_for(lock, patience, [&] {
        std::map<Hash256, std::size_t> counts;
        for (const auto& [peer, block] : answers_)
            if (block.block.header.number == height.value && ++counts[block.hash] >= enough) found = block;
        return found.has_value();
    });
    return found;
}

std::string write_divergence_dump(storage::FileSystem& files, const std::string& directory, const StoredBlock& here,
                                  const std::optional<StoredBlock>& there, const Error& error) {
    const auto& header = here.block.header;
    const auto path = directory + "/divergence-" + std::to_string(header.number) + ".json";
    std::ostringstream out;
    out << "{\n  \"error\": " << json_string(error.text())
        << ",\n  \"firstDifference\": " << (there ? json_string(first_difference(here, *there)) : "null")
        << ",\n  \"height\": " << header.number << ",\n  \"hash\": \"" << to_hex(here.hash) << "\",\n  \"header\": \""
        << to_hex(ledger::encode_header(header)) << "\",\n  \"certifiedHeader\": "
        << (there ? json_string(to_hex(ledger::encode_header(there->block.header))) : "null") << ",\n  \"receipts\": [";
    for (std::size_t i = 0; i < here.receipts.size(); ++i)
        out << (i == 0 ? "\n" : ",\n") << "    {\"transaction\": \"" << to_hex(here.block.transactions[i].hash)
            << "\", \"receipt\": \"" << to_hex(ledger::encode_receipt(here.receipts[i])) << "\"}";
    out << "\n  ]\n}\n";
    // It holds business data, so it is written as all other data is; `cairn storage read` shows it.
    (void)files.remove(path);
    auto file = files.create(path);
    if (!file || !(*file)->write_at(0, as_bytes(out.str())) || !(*file)->sync())
        return path + " (could not be written)";
    return path;
}

} // namespace cairn::node
