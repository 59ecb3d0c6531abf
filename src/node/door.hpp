// What a former validator is still told: the blocks up to the one that took its seat away, and nothing else.
//
// Who was removed while it was away knows nothing of it, and believes nobody who only says so. With these blocks it proves it to itself.
#pragma once

#include "base/clock.hpp"
#include "base/token_bucket.hpp"
#include "consensus/messages.hpp"
#include "node/epochs.hpp"

#include <functional>
#include <map>
#include <vector>

namespace cairn::node {

/// Had a seat until the end of epoch `last`, whose last block is at `end`, and has none in the current one.
struct FormerValidator {
    ledger::Validator validator;
    Epoch last;
    Height end;
};
/// All of them, whoever left last first. A validator is the same over epochs if name and organisation are.
std::vector<FormerValidator> former_validators(const Epochs& epochs);

/// One thread at a time: the network's. Reads blocks from the store on it, so its limits are tight: what is over them is not answered, and
/// the former validator asks another one after a while.
class Door {
public:
    /// To whom, stream as consensus::Channel, type, payload.
    using Send = std::function<void(const consensus::Outgoing&)>;
    /// Of each former validator: questions a second; bytes read and sent a second. A block larger than what is left passes once the
    /// budget is full, and leaves a debt.
    static constexpr Rate kQuestions{20, 40};
    static constexpr Rate kBytes{1u << 20, 8u << 20};

    /// `history` must outlive the object and may be read from this thread.
    Door(const consensus::History& history, Send send) : history_(history), send_(std::move(send)) {}

    /// Indices from `first` on are these from now on; all budgets are full again.
    void seat(std::size_t first, std::vector<FormerValidator> former);
    /// Null: no former validator has this index.
    const FormerValidator* find(ValidatorIndex index) const;
    /// It came: tells it that its epoch is over.
    void greet(ValidatorIndex to, Microseconds now);
    /// Answers questions for blocks and their bodies, and a status with a status; passes over everything else.
    void receive(ValidatorIndex from, std::uint8_t type, BytesView payload, Microseconds now);

private:
    struct Budget {
        TokenBucket questions, bytes;
    };
    Budget& budget_of(ValidatorIndex index, Microseconds now);
    void send_blocks(ValidatorIndex to, const FormerValidator& former, const consensus::FetchRange& range,
                     const std::function<bool(std::size_t)>& pay);
    void send_status(ValidatorIndex to, const FormerValidator& former);
    void send(ValidatorIndex to, consensus::Channel channel, consensus::MessageType type, Bytes payload);

    const consensus::History& history_;
    const Send send_;
    std::size_t first_ = 0;
    std::vector<FormerValidator> former_;
    std::map<ValidatorIndex, Budget> budgets_; // as many as there are former validators
};

} // namespace cairn::node
