#include "cli/load.hpp"

#include "base/errors/cli.hpp"
#include "cli/identity_chain.hpp"
#include "cli/keystore.hpp"
#include "cli/load_token.hpp"
#include "cli/rpc_client.hpp"
#include "cli/transact.hpp"
#include "codec/abi.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "ledger/record.hpp"
#include "ledger/transaction.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <map>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <unordered_map>

namespace cairn::cli {
namespace {

using codec::AbiValue;
using nlohmann::json;

constexpr std::size_t kFundingChunk = 200;
const Address kParameters = *fixed_from_hex<Address>("0x000000000000000000000000000000000000ca03");
constexpr Milliseconds kWatchPause{10};

struct Account {
    AccountSecret key;
    Address address;
};

/// One signed transaction: `hash` finds it in blocks.
struct Prepared {
    std::string raw; // hex
    Hash256 hash;
    std::uint64_t due_us = 0; // since the start, with a rate
};

struct Fees {
    std::uint64_t chain_id = 0;
    U256 tip;
    U256 limit;
};

Bytes call_data(std::string_view signature, std::string_view types, const AbiValue::List& values) {
    const auto hash = crypto::keccak256(as_bytes(signature));
    Bytes out(hash.begin(), hash.begin() + 4);
    append(out, codec::abi_encode(types, values).value());
    return out;
}

Result<Fees> fees_of(RpcClient& rpc) {
    CRN_TRY(answers,
            rpc.batch({{"eth_chainId"}, {"eth_getBlockByNumber", {"latest", false}}, {"eth_maxPriorityFeePerGas"}}));
    for (std::size_t i = 0; i < 2; ++i)
        if (!answers[i]) return std::unexpected(answers[i].error());
    Fees fees;
    CRN_TRY(chain_id, quantity_u64(*answers[0], "the chain id"));
    fees.chain_id = chain_id;
    if (answers[2]) {
        CRN_TRY(tip, quantity(*answers[2], "the priority fee"));
        fees.tip = tip;
    }
    U256 base;
    if (answers[1]->is_object() && answers[1]->contains("baseFeePerGas")) {
        CRN_TRY(fee, quantity((*answers[1])["baseFeePerGas"], "the base fee"));
        base = fee;
    }
    // Full blocks raise the base fee of an ordinary Ethereum node during the run.
    fees.limit = base * U256{8} + fees.tip;
    return fees;
}

Result<Prepared> prepare(const Fees& fees, const AccountSecret& key, std::uint64_t nonce, std::optional<Address> to,
                         const U256& value, Bytes data, std::uint64_t gas) {
    ledger::Transaction transaction;
    transaction.type = ledger::TransactionType::dynamic_fee;
    transaction.chain_id = U256{fees.chain_id};
    transaction.nonce = nonce;
    transaction.max_priority_fee_per_gas = fees.tip;
    transaction.max_fee_per_gas = fees.limit;
    transaction.gas_limit = gas;
    transaction.to = to;
    transaction.value = value;
    transaction.data = std::move(data);
    CRN_CHECK(sign_transaction(transaction, key));
    const auto raw = ledger::encode_transaction(transaction);
    return Prepared{to_hex(raw), crypto::keccak256(raw), 0};
}

std::string body_of(const Prepared* const* first, std::size_t count) {
    std::string body = "[";
    for (std::size_t i = 0; i < count; ++i) {
        body += i ? ",{\"jsonrpc\":\"2.0\",\"id\":" : "{\"jsonrpc\":\"2.0\",\"id\":";
        body += std::to_string(i);
        body += ",\"method\":\"eth_sendRawTransaction\",\"params\":[\"";
        body += first[i]->raw;
        body += "\"]}";
    }
    return body + "]";
}

struct Outcome {
    std::vector<std::size_t> again;   // the node is full: send these later
    std::vector<std::size_t> refused; // for good
    std::string refusal;
};

bool is_full(const std::string& message) {
    return message.find("full") != std::string::npos || message.find("too far ahead") != std::string::npos ||
           message.find("limit exceeded") != std::string::npos;
}

Outcome judge(const std::string& answer, std::size_t count) {
    Outcome out;
    // The common case: every transaction was taken.
    if (answer.find("\"error\"") == std::string::npos) return out;
    const auto document = json::parse(answer, nullptr, false);
    const auto one = [&](const json& item) {
        if (!item.is_object() || !item.contains("error")) return;
        const auto message = text_of(item["error"], "message");
        const auto id = item.value("id", json{});
        if (!id.is_number_unsigned() || id.get<std::size_t>() >= count) return;
        if (message == "already known") return;
        if (is_full(message)) {
            out.again.push_back(id.get<std::size_t>());
            return;
        }
        out.refused.push_back(id.get<std::size_t>());
        out.refusal = message;
    };
    if (document.is_array()) {
        for (const auto& item : document) one(item);
    } else {
        // The batch as a whole was refused.
        const auto message = text_of(document.value("error", json{}), "message");
        for (std::size_t i = 0; i < count; ++i) (is_full(message) ? out.again : out.refused).push_back(i);
        out.refusal = message;
    }
    std::ranges::sort(out.again);
    return out;
}

/// Sends the funder's transactions chunk by chunk, each chunk final before the next.
class Funding {
public:
    Funding(RpcClient& rpc, const Sender& funder, const Fees& fees) : rpc_(rpc), funder_(funder), fees_(fees) {}

    Status begin() {
        CRN_TRY(answer, rpc_.call("eth_getTransactionCount", {to_hex(funder_.address), "pending"}));
        CRN_TRY(nonce, quantity_u64(answer, "the nonce"));
        nonce_ = nonce;
        return {};
    }
    Status add(std::optional<Address> to, const U256& value, Bytes data, std::uint64_t gas) {
        CRN_TRY(prepared, prepare(fees_, funder_.key, nonce_++, to, value, std::move(data), gas));
        waiting_.push_back(std::move(prepared));
        return waiting_.size() >= kFundingChunk ? flush() : Status{};
    }
    Status flush() {
        if (waiting_.empty()) return {};
        std::vector<const Prepared*> list;
        for (const auto& prepared : waiting_) list.push_back(&prepared);
        CRN_TRY(answer, rpc_.post(body_of(list.data(), list.size())));
        const auto outcome = judge(answer, list.size());
        if (!outcome.refused.empty() || !outcome.again.empty())
            return fail(error::CliLoadFailed, "funding was refused: " + outcome.refusal);
        CRN_TRY(receipt, wait_for_receipt(rpc_, waiting_.back().hash, 60));
        if (text_of(receipt, "status") == "0x0")
            return fail(error::CliLoadFailed, "a funding transaction was reverted");
        waiting_.clear();
        return {};
    }
    Hash256 last_hash() const { return waiting_.back().hash; }
    std::uint64_t next_nonce() const { return nonce_; }

private:
    RpcClient& rpc_;
    const Sender& funder_;
    const Fees& fees_;
    std::uint64_t nonce_ = 0;
    std::vector<Prepared> waiting_;
};

struct Work {
    std::optional<Address> to;
    U256 value;
    Bytes data;
};

Work work_of(const LoadPlan& plan, const std::vector<Account>& accounts, const Address& token, std::uint64_t number) {
    const auto& next = accounts[(number + 1) % accounts.size()].address;
    switch (plan.kind) {
    case LoadKind::transfer: return {next, U256{1}, {}};
    case LoadKind::erc20:
        return {token, U256{}, call_data("transfer(address,uint256)", "(address,uint256)", {next, U256{1}})};
    case LoadKind::record: break;
    }
    // Digests that no other run has used: the first account of a run is fresh.
    const auto text = to_hex(accounts.front().address) + " " + std::to_string(number);
    return {ledger::kRecordsContract, U256{},
            call_data("record(bytes32,string)", "(bytes32,string)", {crypto::sha256(as_bytes(text)), std::string{}})};
}

Result<std::uint64_t> gas_of(const LoadPlan& plan, RpcClient& rpc, const Sender& funder, const Address& token,
                             const std::vector<Account>& accounts) {
    if (plan.kind == LoadKind::transfer) return 21'000;
    // The accounts have no tokens yet, so that an estimate would revert. Two slots written for the first time
    // cost less.
    if (plan.kind == LoadKind::erc20) return 80'000;
    const auto work = work_of(plan, accounts, token, 0);
    CRN_TRY(answer, rpc.call("eth_estimateGas", {{{"from", to_hex(funder.address)},
                                                  {"to", to_hex(*work.to)},
                                                  {"data", to_hex(work.data)},
                                                  {"input", to_hex(work.data)}}}));
    CRN_TRY(gas, quantity_u64(answer, "the gas estimate"));
    return gas + gas / 4; // first touch of a slot costs more than later ones
}

/// Splits [0, count) among all cores.
void in_parallel(std::size_t count, const std::function<void(std::size_t begin, std::size_t end)>& body) {
    const std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> pool;
    for (std::size_t i = 0; i < threads; ++i)
        pool.emplace_back([&, i] { body(count * i / threads, count * (i + 1) / threads); });
}

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// The clocked part: senders, one per connection, and one watcher.
class Run {
public:
    Run(const LoadPlan& plan, std::vector<Prepared> transactions)
        : plan_(plan),
          transactions_(std::move(transactions)),
          sent_us_(transactions_.size()),
          seen_us_(transactions_.size()) {
        for (std::size_t i = 0; i < transactions_.size(); ++i) by_hash_.emplace(transactions_[i].hash, i);
        for (auto& time : sent_us_) time = 0;
        for (auto& time : seen_us_) time = 0;
    }

    Result<LoadReport> go(std::uint64_t first_block, Progress& progress) {
        const auto cpu_before = cpu_seconds();
        start_ = system_clock().monotonic();
        {
            std::vector<std::jthread> threads;
            for (std::size_t i = 0; i < plan_.connections; ++i) threads.emplace_back([this, i] { send_all(i); });
            watch(first_block, progress);
            stop_ = true;
        }
        LoadReport report;
        report.client_cpu_s = cpu_seconds() - cpu_before;
        if (failure_) return std::unexpected(*failure_);
        CRN_TRY(reverted, count_reverted(first_block));
        report.committed = committed_ - reverted;
        report.failed = transactions_.size() - report.committed;
        report.wall_s = static_cast<double>(last_seen_us_) / 1e6;
        report.tps = report.wall_s > 0 ? static_cast<double>(report.committed) / report.wall_s : 0;
        std::vector<double> latencies;
        std::map<std::uint64_t, std::vector<double>> by_second;
        for (std::size_t i = 0; i < transactions_.size(); ++i) {
            if (seen_us_[i] == 0) continue;
            latencies.push_back((static_cast<double>(seen_us_[i]) - static_cast<double>(sent_us_[i])) / 1e3);
            by_second[sent_us_[i] / 1'000'000].push_back(latencies.back());
        }
        std::ranges::sort(latencies);
        for (auto& [second, times] : by_second) {
            std::ranges::sort(times);
            report.p99_ms_by_second.push_back(percentile(times, 0.99));
        }
        report.p50_ms = percentile(latencies, 0.50);
        report.p99_ms = percentile(latencies, 0.99);
        report.first_refusal = refusal_;
        return report;
    }

private:
    std::uint64_t now_us() const {
        return static_cast<std::uint64_t>((system_clock().monotonic() - start_).count()) + 1;
    }

    void give_up(Error error) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(error);
        stop_ = true;
    }

    void send_all(std::size_t connection) {
        auto rpc = RpcClient::open(plan_.urls[connection % plan_.urls.size()], plan_.token);
        if (!rpc) return give_up(rpc.error());
        // An account's transactions all go through one connection, so that their nonces arrive in order.
        std::deque<std::size_t> waiting;
        for (std::size_t i = 0; i < transactions_.size(); ++i)
            if (i % plan_.accounts % plan_.connections == connection) waiting.push_back(i);
        std::vector<std::size_t> batch;
        std::vector<const Prepared*> view;
        while (!waiting.empty() && !stop_) {
            batch.clear();
            const auto now = now_us();
            while (!waiting.empty() && batch.size() < plan_.batch && transactions_[waiting.front()].due_us <= now) {
                batch.push_back(waiting.front());
                waiting.pop_front();
            }
            if (batch.empty()) {
                const auto pause = std::min<std::uint64_t>(transactions_[waiting.front()].due_us - now, 20'000);
                std::this_thread::sleep_for(Microseconds{pause});
                continue;
            }
            view.clear();
            for (const auto index : batch) {
                view.push_back(&transactions_[index]);
                // A transaction that was due is late from then on, whoever made it wait; one that is sent
                // again keeps its first time.
                if (sent_us_[index] == 0) sent_us_[index] = plan_.rate > 0 ? transactions_[index].due_us : now;
            }
            const auto answer = rpc->post(body_of(view.data(), view.size()));
            if (!answer) return give_up(answer.error());
            const auto outcome = judge(*answer, batch.size());
            for (auto i = outcome.again.rbegin(); i != outcome.again.rend(); ++i) waiting.push_front(batch[*i]);
            if (!outcome.again.empty()) std::this_thread::sleep_for(Milliseconds{20});
            if (!outcome.refused.empty()) {
                refused_ += outcome.refused.size();
                const std::lock_guard lock(mutex_);
                if (refusal_.empty()) refusal_ = outcome.refusal;
            }
        }
    }

    void watch(std::uint64_t block, Progress& progress) {
        auto rpc = RpcClient::open(plan_.urls.front(), plan_.token);
        if (!rpc) return give_up(rpc.error());
        auto last_change = now_us();
        while (!stop_ && committed_ + refused_ < transactions_.size()) {
            const auto head = rpc->call("eth_blockNumber");
            if (!head) return give_up(head.error());
            const auto height = quantity_u64(*head, "the height");
            if (!height) return give_up(height.error());
            while (block < *height) {
                const auto answer = rpc->call("eth_getBlockByNumber", {to_quantity(block + 1), false});
                if (!answer) return give_up(answer.error());
                if (!answer->is_object()) break;
                ++block;
                const auto now = now_us();
                for (const auto& item : answer->value("transactions", json::array())) {
                    const auto hash =
                        item.is_string() ? fixed_from_hex<Hash256>(item.get_ref<const std::string&>()) : std::nullopt;
                    const auto found = hash ? by_hash_.find(*hash) : by_hash_.end();
                    if (found == by_hash_.end() || seen_us_[found->second] != 0) continue;
                    seen_us_[found->second] = now;
                    ++committed_;
                    last_seen_us_ = now;
                    last_change = now;
                }
                progress.update(std::to_string(committed_) + " of " + std::to_string(transactions_.size()) +
                                " in blocks");
            }
            last_block_ = block;
            if (plan_.stop_after_seconds > 0 && static_cast<double>(now_us()) > plan_.stop_after_seconds * 1e6) return;
            if (now_us() - last_change > plan_.quiet_seconds * 1'000'000) return;
            std::this_thread::sleep_for(kWatchPause);
        }
    }

    /// Of the committed ones, those whose receipt has status 0.
    Result<std::uint64_t> count_reverted(std::uint64_t first_block) {
        CRN_TRY(rpc, RpcClient::open(plan_.urls.front(), plan_.token));
        std::uint64_t reverted = 0;
        for (auto block = first_block + 1; block <= last_block_; ++block) {
            CRN_TRY(receipts, rpc.call("eth_getBlockReceipts", {to_quantity(block)}));
            if (!receipts.is_array()) continue;
            for (const auto& receipt : receipts) {
                if (text_of(receipt, "status") != "0x0") continue;
                const auto hash = fixed_from_hex<Hash256>(text_of(receipt, "transactionHash"));
                if (hash && by_hash_.contains(*hash)) ++reverted;
            }
        }
        return reverted;
    }

    const LoadPlan& plan_;
    const std::vector<Prepared> transactions_;
    std::unordered_map<Hash256, std::size_t> by_hash_;
    std::vector<std::atomic<std::uint64_t>> sent_us_; // each written by its connection's thread, read by the watcher's
    std::vector<std::atomic<std::uint64_t>> seen_us_;
    Microseconds start_{0};
    std::atomic<bool> stop_ = false;
    std::atomic<std::uint64_t> committed_ = 0;
    std::atomic<std::uint64_t> refused_ = 0;
    std::uint64_t last_seen_us_ = 0;
    std::uint64_t last_block_ = 0;
    std::mutex mutex_; // guards the two below
    std::optional<Error> failure_;
    std::string refusal_;
};

Result<Address> deploy_token(RpcClient& rpc, const Sender& funder) {
    CRN_TRY(hash, submit(rpc, funder, {.to = {}, .data = load_token_bytecode(), .value = {}, .gas = {}, .nonce = {}}));
    CRN_TRY(receipt, wait_for_receipt(rpc, hash, 60));
    const auto address = fixed_from_hex<Address>(text_of(receipt, "contractAddress"));
    if (!address || text_of(receipt, "status") == "0x0")
        return fail(error::CliLoadFailed, "the token could not be deployed");
    return *address;
}

} // namespace

double percentile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

double calibrate_recovers_per_second(Milliseconds span) {
    const auto key = *crypto::AccountKey::from(crypto::sha256(as_bytes("calibration")));
    const auto digest = crypto::keccak256(as_bytes("calibration"));
    const auto signature = crypto::sign(digest, key).value();
    const auto& clock = system_clock();
    std::atomic<std::uint64_t> total = 0;
    const auto start = clock.monotonic();
    in_parallel(std::max(1u, std::thread::hardware_concurrency()), [&](std::size_t, std::size_t) {
        std::uint64_t count = 0;
        while (clock.monotonic() - start < span)
            for (int i = 0; i < 64; ++i) count += crypto::recover_address(digest, signature).has_value() ? 1 : 0;
        total += count;
    });
    const auto seconds = static_cast<double>((clock.monotonic() - start).count()) / 1e6;
    return static_cast<double>(total) / seconds;
}

/// On a chain that asks for bound accounts the funder, who must be a registrar, binds those of the load.
Status bind_accounts(RpcClient& rpc, const Sender& funder, const Fees& fees, const std::vector<Account>& accounts,
                     Progress& progress) {
    CRN_TRY(required, ask(rpc, kParameters, "get(string)", {std::string{"accountBinding"}}, "(uint256)"));
    if (!required[0].number()) return {};
    progress.stage("Binding " + std::to_string(accounts.size()) + " accounts");
    Funding binding(rpc, funder, fees);
    CRN_CHECK(binding.begin());
    constexpr std::size_t kGroup = 100; // of at most 200, so that its gas stays well below the cap of a transaction
    for (std::size_t i = 0; i < accounts.size(); i += kGroup) {
        AbiValue::List group, commitments;
        for (std::size_t j = i; j < std::min(i + kGroup, accounts.size()); ++j) {
            group.emplace_back(accounts[j].address);
            commitments.emplace_back(crypto::sha256(as_bytes("load of the bench " + to_hex(accounts[j].address))));
        }
        const auto size = group.size();
        CRN_CHECK(binding.add(
            ledger::kIdentitiesContract, {},
            identity_call("bindMany(address[],uint8,bytes32[],uint64)",
                          {AbiValue{std::move(group)}, static_cast<std::uint64_t>(ledger::IdentityKind::application),
                           AbiValue{std::move(commitments)}, 0}),
            200'000 + 60'000 * size));
    }
    CRN_CHECK(binding.flush());
    CRN_TRY(first, identity_on_chain(rpc, accounts.front().address));
    if (first.standing != ledger::Standing::good)
        return fail(error::CliPrecondition, "this chain asks for bound accounts, and " + to_hex(funder.address) +
                                                " may bind none: name a registrar with --from or --key-file");
    return {};
}

Result<LoadReport> run_load(const LoadPlan& plan, const Sender& funder, Progress& progress) {
    double calibration = 0;
    if (plan.ready == nullptr) {
        progress.stage("Calibrating: recovers per second with all cores");
        calibration = calibrate_recovers_per_second(Milliseconds{1'000});
    }

    CRN_TRY(rpc, RpcClient::open(plan.urls.front(), plan.token));
    CRN_TRY(fees, fees_of(rpc));
    std::vector<Account> accounts(plan.accounts);
    // Of the funder's algorithm, which the chain takes.
    const auto suite =
        std::holds_alternative<crypto::Sm2Key>(funder.key) ? ledger::Suite::national : ledger::Suite::international;
    for (auto& account : accounts) {
        account.key = new_account_secret(suite, crypto::system_random());
        CRN_TRY(address, address_of(account.key));
        account.address = address;
    }

    Address token;
    const auto per_account = plan.transactions / plan.accounts + 1;
    if (plan.kind == LoadKind::erc20) {
        progress.stage("Deploying the token");
        CRN_TRY(deployed, deploy_token(rpc, funder));
        token = deployed;
    }
    CRN_CHECK(bind_accounts(rpc, funder, fees, accounts, progress));
    CRN_TRY(gas, gas_of(plan, rpc, funder, token, accounts));

    progress.stage("Funding " + std::to_string(plan.accounts) + " accounts");
    Funding funding(rpc, funder, fees);
    CRN_CHECK(funding.begin());
    const auto need = U256{per_account} * (U256{gas} * fees.limit + U256{1});
    for (const auto& account : accounts) CRN_CHECK(funding.add(account.address, need, {}, 21'000));
    if (plan.kind == LoadKind::erc20) {
        constexpr std::size_t kGroup = 100;
        for (std::size_t i = 0; i < accounts.size(); i += kGroup) {
            AbiValue::List group;
            for (std::size_t j = i; j < std::min(i + kGroup, accounts.size()); ++j)
                group.push_back(accounts[j].address);
            const auto size = group.size();
            CRN_CHECK(funding.add(
                token, {},
                call_data("mint(address[],uint256)", "(address[],uint256)", {std::move(group), U256{1'000'000'000}}),
                100'000 + 30'000 * size));
        }
    }
    CRN_CHECK(funding.flush());

    progress.stage("Signing " + std::to_string(plan.transactions) + " transactions");
    std::vector<Prepared> transactions(plan.transactions);
    std::mutex mutex;
    std::optional<Error> failure;
    in_parallel(transactions.size(), [&](std::size_t begin, std::size_t end) {
        for (auto i = begin; i < end; ++i) {
            auto work = work_of(plan, accounts, token, i);
            auto prepared = prepare(fees, accounts[i % plan.accounts].key, i / plan.accounts, work.to, work.value,
                                    std::move(work.data), gas);
            if (!prepared) {
                const std::lock_guard lock(mutex);
                failure = prepared.error();
                return;
            }
            transactions[i] = *std::move(prepared);
            if (plan.rate > 0)
                transactions[i].due_us = static_cast<std::uint64_t>(static_cast<double>(i) * 1e6 / plan.rate) + 1;
        }
    });
    if (failure) return std::unexpected(*failure);

    CRN_TRY(head, rpc.call("eth_blockNumber"));
    CRN_TRY(height, quantity_u64(head, "the height"));
    progress.stage("Sending " + std::to_string(plan.transactions) + " transactions");
    if (plan.ready) plan.ready();
    Run run(plan, std::move(transactions));
    CRN_TRY(report, run.go(height, progress));
    progress.done();
    report.calibration_recovers_per_s = calibration;
    return std::move(report);
}

} // namespace cairn::cli
