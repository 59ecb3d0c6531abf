#include "node/key_watch.hpp"

#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "crypto/hash.hpp"
#include "ledger/account_key.hpp"
#include "ledger/record.hpp"
#include "ledger/selector.hpp"
#include "system/keys.hpp"

#include <map>

namespace cairn::node {
namespace {

using keys::Touch;
using keys::TouchEvent;

TouchEvent at(std::uint64_t height, Touch kind, const Hash256& key, const Hash256& other = {}) {
    return {.kind = kind, .key = key, .other = other, .height = height, .last_height = height, .subject = {}};
}

void add_recorded(std::vector<TouchEvent>& out, std::uint64_t height, const ledger::Log& log) {
    static const Hash256 recorded = ledger::event_topic(ledger::kRecordedEvent);
    if (log.address != ledger::kRecordsContract || log.topics.size() != 3 || log.topics[0] != recorded) return;
    out.push_back(at(height, Touch::recorded, log.topics[2], log.topics[1]));
}

/// A key that takes over an account, and the one that it takes over from.
void add_key_event(std::vector<TouchEvent>& out, std::uint64_t height, const ledger::Log& log) {
    static const Hash256 replaced = ledger::event_topic("KeyReplaced(address,bytes32,bytes32,uint32)");
    static const Hash256 registered = ledger::event_topic("KeyRegistered(bytes32,address,uint8,uint64,uint64,uint32)");
    if (log.address != ledger::kKeysContract || log.topics.empty()) return;
    if (log.topics[0] == registered && log.topics.size() == 3) {
        auto event = at(height, Touch::generated, log.topics[1], log.topics[2]);
        event.subject = "registered on chain";
        out.push_back(std::move(event));
    }
    if (log.topics[0] != replaced || log.topics.size() != 4) return;
    if (!keys::is_address(log.topics[2]) || !keys::is_address(log.topics[3])) return;
    out.push_back(at(height, Touch::released, log.topics[2], log.topics[1]));
    out.push_back(at(height, Touch::controls, log.topics[3], log.topics[1]));
}

} // namespace

std::vector<TouchEvent> touches_of(const StoredBlock& stored) {
    const auto height = stored.block.header.number;
    std::vector<TouchEvent> out;
    std::map<Address, std::uint64_t> signatures;
    for (std::size_t i = 0; i < stored.block.transactions.size(); ++i) {
        const auto& transaction = stored.block.transactions[i];
        const auto& receipt = stored.receipts[i];
        ++signatures[ledger::signing_key_of(transaction)];
        // Whoever carries it: the authority's key signed it (EIP-7702).
        for (const auto& item : transaction.body.authorization_list)
            if (const auto signer = ledger::recover_authority(item)) ++signatures[*signer];
        if (receipt.contract_address && receipt.success)
            out.push_back(at(height, Touch::deployed, ledger::account_key_id(transaction.sender),
                             ledger::account_key_id(*receipt.contract_address)));
        for (const auto& log : receipt.logs) {
            add_recorded(out, height, log);
            add_key_event(out, height, log);
        }
    }
    for (const auto& [transaction, contract] : stored.made)
        out.push_back(at(height, Touch::deployed, ledger::account_key_id(stored.block.transactions[transaction].sender),
                         ledger::account_key_id(contract)));
    for (const auto& [key, count] : signatures) {
        auto event = at(height, Touch::signed_with, ledger::account_key_id(key));
        event.count = count;
        event.subject = "transactions";
        out.push_back(std::move(event));
    }
    return out;
}

std::vector<TouchEvent> touches_of(const ledger::Certificate& certificate, const ledger::ValidatorSet& validators) {
    std::vector<TouchEvent> out;
    for (const auto& entry : certificate.entries) {
        if (entry.voter.value >= validators.members.size()) continue;
        auto event = at(certificate.statement.number, Touch::signed_with,
                        system::key_id(validators.members[entry.voter.value].key.bytes));
        event.subject = "execution vote";
        out.push_back(std::move(event));
    }
    return out;
}

KeyWatch::KeyWatch(const BlockStore& blocks, const Epochs& epochs, storage::KeyValueStore& store)
    : blocks_(blocks), epochs_(epochs), index_(store) {
    if (const auto fed = index_.fed()) fed_ = *fed;
    thread_ = std::jthread([this] { run(); });
}

KeyWatch::~KeyWatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
}

void KeyWatch::advance(Height head) {
    {
        const std::lock_guard lock(mutex_);
        head_ = std::max(head_, head);
    }
    changed_.notify_all();
}

bool KeyWatch::wait_for(Height head, std::chrono::milliseconds patience) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return stopping_ || (fed_ && *fed_ >= head.value); }) && !stopping_;
}

Status KeyWatch::feed(Height height) {
    const auto block = blocks_.block(height);
    if (!block) return fail(error::StorageCorrupt, "block " + std::to_string(height.value) + " cannot be read");
    auto events = touches_of(*block);
    if (const auto certificate = blocks_.certificate(height))
        if (const auto epoch = epochs_.of(certificate->statement.epoch))
            for (auto& event : touches_of(*certificate, epoch->validators)) events.push_back(std::move(event));
    return index_.record_block(height.value, events);
}

void KeyWatch::run() {
    name_thread("key index");
    for (;;) {
        Height next;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stopping_ || !fed_ || head_.value > *fed_; });
            if (stopping_) return;
            next = fed_ ? Height{*fed_ + 1} : Height{0};
        }
        if (const auto fed = feed(next); !fed) {
            // The chain itself does not depend on the index: it says what is wrong and stands still.
            log(LogLevel::error, "node", "the index of keys stands still: " + fed.error().text());
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            fed_ = next.value;
        }
        changed_.notify_all();
    }
}

} // namespace cairn::node
