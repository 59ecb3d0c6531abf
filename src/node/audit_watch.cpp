#include "node/audit_watch.hpp"

#include "base/errors/audit.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "codec/abi.hpp"
#include "crypto/certificate.hpp"
#include "crypto/secp256k1.hpp"
#include "crypto/secret_key.hpp"
#include "crypto/sm2.hpp"
#include "ledger/selector.hpp"
#include "node/acts.hpp"
#include "system/anchors.hpp"
#include "system/members.hpp"
#include "system/parameters.hpp"
#include "system/system_contracts.hpp"

#include <algorithm>

namespace cairn::node {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBusyPause{20};
constexpr std::uint64_t kAnchorGas = 400'000;

Bytes call_data(std::string_view signature, const codec::AbiValue::List& arguments) {
    const auto selector = ledger::selector_of(signature);
    Bytes data{selector.begin(), selector.end()};
    append(data, *codec::abi_encode(signature.substr(signature.find('(')), arguments));
    return data;
}

} // namespace

Result<std::unique_ptr<AuditWatch>> AuditWatch::open(storage::FileSystem& files, const std::string& directory,
                                                     std::unique_ptr<audit::Sealer> sealer,
                                                     const ledger::Genesis& genesis, const Hash256& genesis_hash,
                                                     const ledger::Validator& self, const AuditSettings& settings) {
    std::unique_ptr<AuditWatch> out{new AuditWatch};
    out->node_ = self.name;
    out->organisation_ = self.organisation;
    out->settings_ = settings;
    out->chain_id_ = genesis.parameters.chain_id;
    CRN_CHECK(files.make_directory(directory));
    out->sealer_ = std::move(sealer);
    CRN_TRY(opened, audit::open_trail(files,
                                      {.directory = directory,
                                       .node = self.name,
                                       .organisation = self.organisation,
                                       .chain_id = genesis.parameters.chain_id,
                                       .genesis = genesis_hash,
                                       .retention_days = settings.retention_days},
                                      *out->sealer_, system_clock()));
    out->trail_ = std::move(opened.trail);
    out->cover_ = std::move(opened.cover);
    out->repeats_ = std::make_unique<audit::Repeats>(*out->trail_);
    out->reads_ = std::make_unique<audit::Repeats>(*out->trail_);
    CRN_TRY(alarms, start_alarm_push(files, directory, directory + "-alarms.cursor", *out->trail_, settings.alarms));
    out->alarms_ = std::move(alarms);
    return out;
}

AuditWatch::~AuditWatch() { stop(); }

void AuditWatch::follow(LiveChain& chain, const VotingKeys& keys) {
    chain_ = &chain;
    keys_ = &keys;
    listener_ = chain.listen({.on_block = [this](const std::shared_ptr<const StoredBlock>&) {
        {
            const std::lock_guard lock(mutex_);
            news_ = true;
        }
        wake_.notify_one();
    }});
    news_ = true; // what came while the node was down
    thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

void AuditWatch::stop() {
    if (!thread_.joinable()) return;
    chain_->unlisten(listener_);
    thread_.request_stop();
    thread_.join();
    tell_repeats();
}

void AuditWatch::tell_repeats() {
    repeats_->tick();
    reads_->tick();
}

Status AuditWatch::read(audit::Event event, const std::optional<Address>& account) {
    CRN_CHECK(trail_->usable());
    event.subject = account && !account->is_zero() ? "account " + to_hex(*account) : "unknown";
    if (account) event.identity = organisation_of(*account);
    reads_->note(std::move(event));
    return {};
}

void AuditWatch::run(std::stop_token stop) {
    name_thread("audit watch");
    auto height = cover_.height;
    auto already = std::exchange(cover_.events, {});
    auto next_tick = SteadyClock::now() + audit::kRepeatInterval;
    const auto anchor_interval = std::chrono::seconds{settings_.anchor_seconds};
    auto next_anchor = SteadyClock::now() + anchor_interval;
    while (!stop.stop_requested()) {
        {
            std::unique_lock lock(mutex_);
            const auto until = settings_.anchor_seconds == 0 ? next_tick : std::min(next_tick, next_anchor);
            wake_.wait_until(lock, stop, until, [&] { return news_; });
            news_ = false;
        }
        while (!stop.stop_requested() && height < chain_->head().value) {
            ++height;
            std::uint64_t known = 0;
            for (const auto& [block, count] : already)
                if (block == height) known = count;
            if (!take_block(Height{height}, known)) return; // the sink is dead; it has said so
        }
        if (SteadyClock::now() >= next_tick) {
            next_tick = SteadyClock::now() + audit::kRepeatInterval;
            tell_repeats();
        }
        if (settings_.anchor_seconds != 0 && SteadyClock::now() >= next_anchor) {
            next_anchor = SteadyClock::now() + anchor_interval;
            if (const auto sent = anchor_now(); !sent)
                note({.subject = "node",
                      .identity = organisation_,
                      .origin = "local",
                      .object = "audit log",
                      .action = "anchor.failed",
                      .outcome = audit::Outcome::failed,
                      .reason = sent.error().text()});
        }
    }
}

/// Every act once: `already` of them are in the log since before a crash.
Status AuditWatch::take_block(Height height, std::uint64_t already) {
    const auto block = chain_->block(height);
    if (block) {
        auto acts = acts_of(*block, node_, [this](const Address& account) { return organisation_of(account); });
        for (std::size_t i = already; i < acts.size(); ++i) {
            while (true) {
                const auto status = trail_->append(acts[i], audit::Durability::grouped);
                if (status) break;
                if (status.error().code != error::AuditBusy) return status;
                std::this_thread::sleep_for(kBusyPause);
            }
        }
    }
    trail_->covered(height.value);
    return {};
}

std::string AuditWatch::organisation_of(const Address& account) const {
    const auto state = chain_->state(chain_->head());
    if (!state) return {};
    return system::organisation_of(**state, account).value_or("");
}

Status AuditWatch::submitted(const ledger::SignedTransaction& transaction) {
    if (!is_privileged(transaction.body)) return {};
    return trail_->append({.subject = "account " + to_hex(transaction.sender),
                           .identity = organisation_of(transaction.sender),
                           .origin = "client",
                           .object = system::name_of_call(*transaction.body.to, transaction.body.data),
                           .action = "transaction.submit",
                           .reason = "transaction " + to_hex(transaction.hash)},
                          audit::Durability::durable);
}

/// Whoever brings an anchor needs no authority: what counts is signed inside.
struct AuditWatch::Carrier {
    crypto::SecretKey key; // of either algorithm: any 32 bytes are one, nearly
    bool is_sm2 = false;
    std::uint64_t nonce = 0;
    U256 gas_price;
};

Result<AuditWatch::Carrier> AuditWatch::carrier(const ledger::StateView& state,
                                                const ledger::ChainParameters& parameters) const {
    const bool is_free = parameters.fee_mode == ledger::FeeMode::free || !parameters.fixed_gas_price;
    const auto refuse = [&](const std::string& why) {
        return fail(error::AuditNoPayer, settings_.anchor_account_file + ": " + why);
    };
    if (settings_.anchor_account_file.empty()) {
        if (!is_free) return fail(error::AuditNoPayer, "gas costs " + to_decimal(parameters.fixed_gas_price));
        // Made for this one purpose, of an algorithm that the chain takes.
        return Carrier{.key = crypto::SecretKey::generate(),
                       .is_sm2 = !ledger::accepts_secp256k1(parameters.suite),
                       .nonce = 0,
                       .gas_price = {}};
    }
    CRN_TRY(text, crypto::read_secret_file(settings_.anchor_account_file));
    auto digits = text.view();
    while (!digits.empty() && (digits.back() == '\n' || digits.back() == ' ')) digits.remove_suffix(1);
    constexpr std::string_view kSm2Prefix = "sm2:";
    const bool is_sm2 = digits.starts_with(kSm2Prefix);
    if (is_sm2) digits.remove_prefix(kSm2Prefix.size());
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    auto bytes = digits.size() == 64 ? from_hex("0x" + std::string{digits}) : std::nullopt;
    if (!bytes) return refuse("not a private key of 64 hex digits");
    auto key = crypto::SecretKey::from(*bytes);
    std::optional<Address> account;
    if (is_sm2) {
        if (const auto point = crypto::sm2_public_key(*crypto::Sm2Key::from(*bytes)))
            account = crypto::sm2_address(*point);
    } else if (const auto point = crypto::public_key(*crypto::AccountKey::from(*bytes))) {
        account = crypto::address_of(*point);
    }
    crypto::wipe(*bytes);
    if (!key || !account) return refuse("not a private key");
    return Carrier{.key = std::move(*key),
                   .is_sm2 = is_sm2,
                   .nonce = state.account(*account).value_or(ledger::Account{}).nonce,
                   .gas_price = is_free ? U256{} : parameters.fixed_gas_price};
}

Result<std::uint64_t> AuditWatch::anchor_now() {
    const std::lock_guard lock(anchor_mutex_);
    CRN_CHECK(trail_->flush());
    const auto head = trail_->sealed();
    const auto height = chain_->head();
    CRN_TRY(state, chain_->state(height));
    const auto latest = system::latest_anchor(*state, node_);
    if (latest && latest->sequence > head.sequence) {
        // The chain remembers more than the disk: somebody has put an older copy of the log in its place.
        return fail(error::AuditTampered, "block " + std::to_string(latest->block_number) + " anchors event " +
                                              std::to_string(latest->sequence) + ", the log ends at " +
                                              std::to_string(head.sequence));
    }
    const auto on_chain = latest ? latest->sequence : 0;
    const auto anchored = std::max(anchored_, on_chain);
    // Only what matters asks for an anchor, or an idle network would anchor its own anchors for ever.
    const auto key = sealer_->key();
    const bool is_introduced = system::seal_key_of(*state, node_) == key;
    if (trail_->last_notable() <= anchored && (is_introduced || head.sequence <= on_chain)) return anchored;

    const auto parameters = system::parameters_of(*state, Height{height.value + 1});
    CRN_TRY(payer, carrier(*state, parameters));
    const auto send = [&](Bytes data) -> Status {
        ledger::Transaction transaction{.type = ledger::TransactionType::dynamic_fee,
                                        .chain_id = U256{chain_id_},
                                        .nonce = payer.nonce++,
                                        .max_fee_per_gas = payer.gas_price,
                                        .gas_limit = kAnchorGas,
                                        .to = system::kAnchorsAddress,
                                        .data = std::move(data)};
        if (payer.is_sm2) {
            transaction.type = ledger::TransactionType::sm2;
            CRN_CHECK(ledger::sign_transaction(transaction, *crypto::Sm2Key::from(payer.key.view())));
        } else {
            CRN_CHECK(ledger::sign_transaction(transaction, *crypto::AccountKey::from(payer.key.view())));
        }
        CRN_TRY(hash, chain_->submit(ledger::encode_transaction(transaction)));
        (void)hash;
        return {};
    };
    if (!is_introduced) {
        // The chain judges by the voting key that it has for this validator now.
        const auto members = system::validators_of(*state, Epoch{0}).members;
        const auto self = std::ranges::find(members, node_, &ledger::Validator::name);
        const auto vouched = self == members.end()
                                 ? std::nullopt
                                 : keys_->vouch(self->key, {.chain_id = chain_id_, .node = node_, .seal_key = key});
        if (!vouched)
            return fail(error::AuditNoSealKey,
                        (self == members.end() ? node_ + " is no validator now, so nobody vouches"
                                               : "the signer of " + text_of(self->key) + " does not vouch") +
                            " for " + to_hex(key));
        CRN_CHECK(
            send(call_data("introduceKey(string,bytes32,bytes)", {node_, *Hash256::from(key), to_bytes(*vouched)})));
    }
    CRN_TRY(signature,
            sealer_->anchor({.chain_id = chain_id_, .node = node_, .sequence = head.sequence, .head = head.hash}));
    CRN_CHECK(
        send(call_data("anchor(string,uint64,bytes32,bytes)", {node_, head.sequence, head.hash, to_bytes(signature)})));
    anchored_ = head.sequence;
    return head.sequence;
}

} // namespace cairn::node
