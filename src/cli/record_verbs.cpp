#include "base/errors/cli.hpp"
#include "base/errors/ledger.hpp"
#include "cli/files.hpp"
#include "cli/invocation.hpp"
#include "cli/keystore.hpp"
#include "cli/rpc_client.hpp"
#include "cli/sender.hpp"
#include "cli/transact.hpp"
#include "codec/abi.hpp"
#include "crypto/hash.hpp"
#include "ledger/genesis.hpp"
#include "ledger/proof_bundle.hpp"
#include "ledger/record.hpp"

#include <algorithm>
#include <ctime>
#include <ostream>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

constexpr std::size_t kDocumentBytesMax = 2u << 30;

Result<Hash256> digest_of_file(const std::string& path) {
    CRN_TRY(content, read_file(path, kDocumentBytesMax));
    return crypto::sha256(as_bytes(content));
}

/// A file, or its digest in hex.
Result<Hash256> digest_of_argument(const std::string& text) {
    if (const auto digest = fixed_from_hex<Hash256>(text); digest && !exists(text)) return *digest;
    return digest_of_file(text);
}

Bytes call_data(std::string_view signature, std::string_view types, const AbiValue::List& values) {
    const auto hash = crypto::keccak256(as_bytes(signature));
    Bytes out(hash.begin(), hash.begin() + 4);
    append(out, codec::abi_encode(types, values).value());
    return out;
}

Result<Bytes> call_records(RpcClient& rpc, const Bytes& data) {
    CRN_TRY(answer,
            rpc.call("eth_call",
                     {{{"to", to_hex(ledger::kRecordsContract)}, {"data", to_hex(data)}, {"input", to_hex(data)}},
                      "latest"}));
    auto bytes = answer.is_string() ? from_hex(answer.get<std::string>()) : std::nullopt;
    if (!bytes || bytes->empty())
        return fail(error::CliRpcInvalid, rpc.url() + " has no Records contract: it is not a Cairn node");
    return *std::move(bytes);
}

std::string time_text(std::uint64_t seconds) {
    const auto time = static_cast<std::time_t>(std::min<std::uint64_t>(seconds, 253'402'300'799u));
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
    return text;
}

Status record_add(Invocation& invocation) {
    const auto metadata = invocation.flag_or("metadata", "");
    if (metadata.size() > ledger::kRecordMetadataBytesMax)
        return fail(error::CliUsage,
                    "--metadata is longer than " + std::to_string(ledger::kRecordMetadataBytesMax) + " bytes");
    std::vector<std::pair<std::string, Hash256>> documents;
    for (const auto& path : invocation.arguments()) {
        CRN_TRY(digest, digest_of_file(path));
        documents.emplace_back(path, digest);
    }
    CRN_TRY(sender, choose_sender(invocation));
    CRN_TRY(rpc, open_rpc(invocation));
    json list = json::array();
    Table table({"FILE", "DIGEST", ">BLOCK", "TRANSACTION"});
    for (const auto& [path, digest] : documents) {
        TransactionRequest request;
        request.to = ledger::kRecordsContract;
        request.data = call_data("record(bytes32,string)", "(bytes32,string)", {digest, metadata});
        CRN_TRY(receipt, transact(invocation, rpc, sender, std::move(request)));
        const auto block = quantity(receipt.value("blockNumber", json{}), "block");
        const auto height = block ? to_decimal(*block) : std::string{"-"};
        table.row({path, to_hex(digest), height, text_of(receipt, "transactionHash")});
        list.push_back({{"file", path},
                        {"digest", to_hex(digest)},
                        {"block", block && block->fits_u64() ? json(block->low()) : json(nullptr)},
                        {"transaction", text_of(receipt, "transactionHash")}});
    }
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << list.dump(2) << '\n';
        return {};
    }
    table.print(terminal);
    if (!terminal.quiet) terminal.err << "Next: cairn record prove " << documents.front().first << " --out BUNDLE\n";
    return {};
}

Status record_show(Invocation& invocation) {
    CRN_TRY(digest, digest_of_argument(invocation.argument(0)));
    CRN_TRY(rpc, open_rpc(invocation));
    json list = json::array();
    Table table({">INDEX", ">BLOCK", "TIME", "SENDER", "METADATA"});
    // Pages of the contract's own limit.
    constexpr std::uint64_t kPage = 100;
    for (std::uint64_t offset = 0;; offset += kPage) {
        CRN_TRY(bytes, call_records(rpc, call_data("history(bytes32,uint256,uint256)", "(bytes32,uint256,uint256)",
                                                   {digest, offset, kPage})));
        CRN_TRY(values, codec::abi_decode("((address,uint48,uint48,string)[])", bytes));
        const auto& page = values[0].list();
        for (const auto& item : page) {
            const auto& fields = item.list();
            const auto index = list.size();
            const auto seconds = fields[2].number().low();
            table.row({std::to_string(index), to_decimal(fields[1].number()), time_text(seconds),
                       checksummed(fields[0].as_address()), fields[3].as_text()});
            list.push_back({{"index", index},
                            {"sender", checksummed(fields[0].as_address())},
                            {"block", fields[1].number().low()},
                            {"timestamp", seconds},
                            {"metadata", fields[3].as_text()}});
        }
        if (page.size() < kPage) break;
    }
    if (list.empty()) return fail(error::CliNotFound, "digest " + to_hex(digest) + " was never recorded");
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"digest", to_hex(digest)}, {"entries", list}}.dump(2, ' ', false,
                                                                                 json::error_handler_t::replace)
                     << '\n';
    else
        table.print(terminal);
    return {};
}

Status record_prove(Invocation& invocation) {
    const auto out = invocation.flag("out");
    if (!out) return fail(error::CliUsage, "missing --out BUNDLE\n" + usage_of(invocation.command()));
    CRN_TRY(digest, digest_of_argument(invocation.argument(0)));
    CRN_TRY(rpc, open_rpc(invocation));
    Progress progress(invocation.terminal(), system_clock());
    progress.stage("Asking for the proof of " + to_hex(digest));
    CRN_TRY(answer, rpc.call("cairn_getProofBundle", {to_hex(digest)}));
    if (answer.is_null()) return fail(error::CliNotFound, "digest " + to_hex(digest) + " was never recorded");
    // The one text of a bundle: sorted keys, two blanks, one line end.
    const auto text = answer.is_string() ? answer.get<std::string>() : answer.dump(2) + "\n";
    CRN_TRY(bundle, ledger::bundle_from_json(text));
    if (bundle.digest != digest) return fail(error::ProofInvalid, "the node's bundle is of another digest");
    // What the node says is believed by nobody later; better to find a bad bundle now.
    if (const auto genesis_file = invocation.flag("genesis")) {
        CRN_TRY(genesis_text, read_file(*genesis_file));
        CRN_TRY(genesis, ledger::genesis_from_json(genesis_text));
        CRN_TRY(proven, ledger::verify_bundle(genesis, text, digest));
        static_cast<void>(proven);
    }
    progress.done();
    if (*out == "-") {
        invocation.terminal().out << text;
        return {};
    }
    CRN_CHECK(write_file(*out, text, Access::shared, Existing::replace));
    const auto& terminal = invocation.terminal();
    if (terminal.json)
        terminal.out << json{{"digest", to_hex(digest)}, {"bundle", *out}, {"bytes", text.size()}}.dump(2) << '\n';
    else
        print_fields(terminal,
                     {{"digest", to_hex(digest)}, {"bundle", *out}, {"size", std::to_string(text.size()) + " bytes"}});
    if (!terminal.quiet)
        terminal.err << "Anyone who has the genesis file can check it without a node: cairn record verify FILE " << *out
                     << " --genesis GENESIS\n";
    return {};
}

Status record_verify(Invocation& invocation) {
    const auto genesis_file = invocation.flag("genesis");
    if (!genesis_file) return fail(error::CliUsage, "missing --genesis GENESIS\n" + usage_of(invocation.command()));
    CRN_TRY(digest, digest_of_argument(invocation.argument(0)));
    CRN_TRY(bundle, read_file(invocation.argument(1), ledger::kBundleBytesMax));
    CRN_TRY(genesis_text, read_file(*genesis_file));
    CRN_TRY(genesis, ledger::genesis_from_json(genesis_text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    CRN_TRY(proven, ledger::verify_bundle(genesis, bundle, digest));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"verified", true},
                             {"digest", to_hex(proven.digest)},
                             {"index", proven.index},
                             {"sender", checksummed(proven.record.sender)},
                             {"block", proven.record.block_number},
                             {"timestamp", proven.record.timestamp},
                             {"metadata", proven.record.metadata},
                             {"proven_at", proven.proven_at.value},
                             {"header_hash", to_hex(proven.header_hash)},
                             {"chain_id", genesis.parameters.chain_id},
                             {"genesis", to_hex(ledger::hash_of(genesis))},
                             {"votes", proven.votes},
                             {"validators", proven.validators}}
                            .dump(2, ' ', false, json::error_handler_t::replace)
                     << '\n';
        return {};
    }
    terminal.out << terminal.styled(Style::green, "Verified:") << " this document was on record at "
                 << time_text(proven.record.timestamp) << ".\n";
    print_fields(terminal, {{"digest", to_hex(proven.digest)},
                            {"recorded by", checksummed(proven.record.sender)},
                            {"in block", std::to_string(proven.record.block_number) + " of chain " +
                                             std::to_string(genesis.parameters.chain_id)},
                            {"metadata", proven.record.metadata.empty() ? "(none)" : proven.record.metadata},
                            {"certified by", std::to_string(proven.votes) + " of " + std::to_string(proven.validators) +
                                                 " validators, in block " + std::to_string(proven.proven_at.value)},
                            {"genesis", to_hex(ledger::hash_of(genesis))}});
    return {};
}

} // namespace

void declare_record(CommandList& out) {
    const ArgumentSpec subject{
        "DIGEST|FILE", "SHA-256 digest in hex, or the document itself", Need::one, {}, Completes::file};
    std::vector<FlagSpec> flags = {
        {.name = "metadata", .value = "TEXT", .help = "kept with the record, public for ever (at most 1024 bytes)"}};
    for (const auto& list : {sender_flags(), transaction_flags(), rpc_flags()})
        flags.insert(flags.end(), list.begin(), list.end());
    out.push_back({.noun = "record",
                   .verb = "add",
                   .summary = "put documents on record",
                   .details = "Only the SHA-256 digest of each file goes on the chain, never its content.",
                   .arguments = {{"FILE", "document; \"-\" is standard input", Need::one_or_more, {}, Completes::file}},
                   .flags = std::move(flags),
                   .examples = {{"cairn record add contract.pdf", ""},
                                {"cairn record add *.pdf --metadata \"case 4711\"", "several at once"}},
                   .run = record_add});
    auto prove = rpc_flags();
    prove.insert(prove.begin(), {.name = "out",
                                 .letter = 'o',
                                 .value = "BUNDLE",
                                 .help = "where to write the bundle; \"-\" is standard output (required)",
                                 .completes = Completes::file});
    prove.insert(prove.begin() + 1, {.name = "genesis",
                                     .value = "GENESIS",
                                     .help = "verify the bundle at once with this genesis file",
                                     .completes = Completes::file});
    out.push_back({.noun = "record",
                   .verb = "prove",
                   .summary = "fetch the proof that a document is on record",
                   .arguments = {subject},
                   .flags = std::move(prove),
                   .examples = {{"cairn record prove contract.pdf --out contract.bundle.json", ""}},
                   .run = record_prove});
    out.push_back({.noun = "record",
                   .verb = "verify",
                   .summary = "check a document against its proof, without any node",
                   .details =
                       "Needs no network: the bundle carries the Merkle proof, the block's header, the votes that "
                       "certified it and the chain of validator sets from genesis. Exit code 8 if anything does not "
                       "hold.",
                   .arguments = {subject, {"BUNDLE", "file written by `record prove`", Need::one, {}, Completes::file}},
                   .flags = {{.name = "genesis",
                              .value = "GENESIS",
                              .help = "the network's genesis file (required)",
                              .completes = Completes::file}},
                   .examples = {{"cairn record verify contract.pdf contract.bundle.json --genesis genesis.json", ""}},
                   .run = record_verify});
    out.push_back({.noun = "record",
                   .verb = "show",
                   .summary = "show who recorded a document, and when",
                   .arguments = {subject},
                   .flags = rpc_flags(),
                   .examples = {{"cairn record show contract.pdf", ""}},
                   .run = record_show});
}

} // namespace cairn::cli
