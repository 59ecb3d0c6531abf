#include "signer/trial.hpp"

#include "base/errors/signer.hpp"
#include "crypto/certificate.hpp"
#include "crypto/hash.hpp"
#include "signer/checker.hpp"
#include "signer/sealed_keys.hpp"
#include "signer/service.hpp"

#include <csignal>
#include <random>
#include <thread>

namespace cairn::signer {
namespace {

constexpr std::uint64_t kChain = 20'264;
constexpr std::size_t kValidators = 4;

/// Requests that collide: few digests, few places, mostly near where the last ones were.
class Hostile {
public:
    explicit Hostile(std::uint64_t seed) : random_(seed) {}

    std::uint64_t pick(std::uint64_t below) { return random_() % below; }

    Request next() {
        if (pick(50) == 0) base_ += pick(8);
        switch (pick(10)) {
        case 0: return batch();
        case 1: return proposal();
        case 2: return vote(ledger::VoteKind::lane);
        case 3: return vote(ledger::VoteKind::execution);
        case 4:
        case 5: return vote(ledger::VoteKind::nullify);
        case 6:
        case 7: return vote(ledger::VoteKind::finalize);
        default: return vote(ledger::VoteKind::notarize);
        }
    }
    /// Not a request at all, or nearly one.
    Bytes malformed() {
        auto bytes = encode(next());
        switch (pick(4)) {
        case 0: bytes.resize(pick(bytes.size() + 1)); break;
        case 1: {
            // Not into another good request: a far epoch would close all others, and with them the trial.
            auto flipped = bytes;
            flipped[pick(bytes.size())] ^= static_cast<std::uint8_t>(1 + pick(255));
            if (decode_request(flipped))
                bytes.push_back(0);
            else
                bytes = std::move(flipped);
            break;
        }
        case 2: bytes.resize(bytes.size() + 1 + pick(2'000)); break;
        default:
            bytes.resize(1 + pick(300));
            for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
        }
        if (bytes.empty()) bytes.push_back(0);
        return bytes;
    }

private:
    std::uint64_t number() {
        switch (pick(40)) {
        case 0: return pick(base_ + 1);      // long ago
        case 1: return base_ += pick(1'000); // ahead, where the others follow
        case 2: return pick(2) == 0 ? 0 : base_;
        default: return base_ + pick(6);
        }
    }
    Epoch epoch() { return Epoch{pick(200) == 0 ? pick(3) : 0}; }
    Hash256 digest() { return crypto::sha256(Bytes{static_cast<std::uint8_t>(pick(3))}); }

    Request vote(ledger::VoteKind kind) {
        const bool lane = kind == ledger::VoteKind::lane;
        return VoteRequest{{kind, epoch(), number(), static_cast<std::uint16_t>(lane ? pick(kValidators) : 0),
                            kind == ledger::VoteKind::nullify ? Hash256{} : digest()}};
    }
    Request batch() {
        BatchRequest out;
        out.header.epoch = epoch();
        out.header.lane = {static_cast<std::uint16_t>(pick(2))};
        out.header.position = Position{number()};
        out.header.body_hash = digest();
        out.header.transaction_count = 1;
        out.header.body_bytes = 100;
        return out;
    }
    Request proposal() {
        ProposalRequest out;
        out.block.epoch = epoch();
        out.block.view = View{number()};
        out.block.height = Height{1 + pick(3)};
        out.block.parent = digest();
        out.block.cut.resize(kValidators);
        return out;
    }

    std::mt19937_64 random_;
    std::uint64_t base_ = 1;
};

double percentile(std::vector<double>& values, double part) {
    if (values.empty()) return 0;
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
    return values[at];
}

class Trial {
public:
    Trial(const TrialPlan& plan, const Clock& clock) : plan_(plan), clock_(clock), hostile_(plan.seed) {}

    Result<TrialReport> run() {
        const auto begin = clock_.monotonic();
        CRN_CHECK(make_keys());
        CRN_CHECK(ask_much());
        CRN_CHECK(kill_often());
        CRN_CHECK(measure());
        report_.statements = checker_->statements();
        report_.seconds = static_cast<double>((clock_.monotonic() - begin).count()) / 1e6;
        return report_;
    }

private:
    Status make_keys() {
        config_ = {.keys_file = plan_.directory + "/keys.sealed",
                   .passphrase_file = plan_.directory + "/passphrase",
                   .chain_id = kChain,
                   .witness_file = plan_.directory + "/witness",
                   .program = plan_.program};
        CRN_TRY(secrets, Secrets::generate(crypto::system_random(), plan_.voting));
        CRN_TRY(local, crypto::VotingSecret::from(secrets.voting_algorithm(), secrets.voting_secret()));
        local_ = std::move(local);
        CRN_TRY(keys, create_sealed_keys(config_.keys_file, secrets, as_bytes("of the trial"), kCostForRandomPassphrase,
                                         crypto::system_random()));
        checker_.emplace(keys.consensus, kChain);
        return crypto::write_secret_file(config_.passphrase_file, "of the trial\n");
    }

    void judge(const Request& request, const Result<Bytes>& answer) {
        if (!answer) {
            ++report_.refused;
            return;
        }
        ++report_.signatures;
        const auto wrong = checker_->take(request, *answer);
        if (wrong.empty()) return;
        if (report_.contradictions++ == 0) report_.first_contradiction = wrong;
    }

    std::vector<Request> group() {
        std::vector<Request> out(1 + hostile_.pick(kGroupMax));
        for (auto& request : out) request = hostile_.next();
        return out;
    }

    Status ask_much() {
        CRN_TRY(client, Client::start(config_));
        while (report_.requests < plan_.requests) {
            if (hostile_.pick(10) == 0) {
                const auto bytes = hostile_.malformed();
                const auto answer = client->ask_encoded(bytes);
                ++report_.requests;
                ++report_.malformed;
                // A flipped byte may have made another good request.
                const auto request = decode_request(bytes);
                if (answer && request) judge(*request, *answer);
                if (answer && !request && ++report_.contradictions == 1)
                    report_.first_contradiction = "an answer to a malformed request";
                if (!answer && answer.error().code == error::SignerUnavailable) return std::unexpected(answer.error());
                continue;
            }
            const auto requests = group();
            const auto answers = client->ask_together(requests);
            report_.requests += requests.size();
            for (std::size_t i = 0; i < requests.size(); ++i) {
                if (!answers[i] && answers[i].error().code == error::SignerUnavailable)
                    return std::unexpected(answers[i].error());
                judge(requests[i], answers[i]);
            }
        }
        return {};
    }

    Status kill_often() {
        for (; report_.kills < plan_.kills; ++report_.kills) {
            CRN_TRY(client, Client::start(config_));
            const auto patience = Microseconds{hostile_.pick(4'000)};
            const auto victim = client->process();
            std::thread killer([&] {
                std::this_thread::sleep_for(patience);
                ::kill(victim, SIGKILL);
            });
            bool lives = true;
            while (lives) {
                const auto requests = group();
                const auto answers = client->ask_together(requests);
                for (std::size_t i = 0; i < requests.size(); ++i) {
                    ++report_.kill_requests;
                    lives = lives && (answers[i] || answers[i].error().code != error::SignerUnavailable);
                    if (answers[i]) ++report_.kill_signatures;
                    judge(requests[i], answers[i]);
                }
            }
            killer.join();
        }
        return {};
    }

    Status measure() {
        CRN_TRY(client, Client::start(config_));
        std::vector<double> votes, local, handshakes;
        const auto time = [&](std::vector<double>& into, const auto& act) {
            const auto begin = std::chrono::steady_clock::now();
            act();
            into.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
        };
        for (std::uint64_t i = 0; i < plan_.latency_samples; ++i) {
            // An epoch that the trial has not asked about.
            const ledger::VoteStatement statement{ledger::VoteKind::notarize, Epoch{7}, 1 + i, 0, crypto::sha256({})};
            std::optional<crypto::Signature> signature;
            time(votes, [&] { signature = client->sign_vote(statement); });
            if (!signature) return fail(error::SignerUnavailable, "a fresh vote was refused");
            time(local, [&] { signature = local_->sign(ledger::signed_bytes(kChain, statement)).value(); });
            time(handshakes, [&] {
                static_cast<void>(client->sign_handshake(crypto::certificate_verify(crypto::TlsSide::server, Hash256{})));
            });
        }
        report_.vote_p50 = percentile(votes, 0.5);
        report_.vote_p99 = percentile(votes, 0.99);
        report_.local_p50 = percentile(local, 0.5);
        report_.handshake_p50 = percentile(handshakes, 0.5);
        return {};
    }

    const TrialPlan& plan_;
    const Clock& clock_;
    Hostile hostile_;
    ClientConfig config_;
    std::optional<crypto::VotingSecret> local_;
    std::optional<Checker> checker_;
    TrialReport report_;
};

} // namespace

Result<TrialReport> run_trial(const TrialPlan& plan, const Clock& clock) { return Trial(plan, clock).run(); }

} // namespace cairn::signer
