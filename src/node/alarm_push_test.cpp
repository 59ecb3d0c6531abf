#include "node/alarm_push.hpp"

#include "audit/alarms.hpp"
#include "audit/test_log.hpp"
#include "base/descriptor.hpp"
#include "base/errors/audit.hpp"
#include "crypto/zone_certificate.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <csignal>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <set>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>

namespace cairn::node {
namespace {

using audit::Durability;
using audit::Outcome;

audit::Event refused_peer(std::uint64_t i) {
    return {.subject = "unknown",
            .origin = "peer 127.0.0.1",
            .object = "peer listener",
            .action = "peer.refused",
            .outcome = Outcome::refused,
            .reason = "number " + std::to_string(i)};
}
audit::Event plain(std::uint64_t i) {
    return {.subject = "node", .origin = "local", .object = "thing " + std::to_string(i), .action = "key.used"};
}

/// Collects syslog messages; nothing is read while it is paused.
class Collector {
public:
    explicit Collector(std::uint16_t port = 0, SSL_CTX* tls = nullptr) : tls_(tls) {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int yes = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(listener_, 8), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
    ~Collector() {
        thread_.request_stop();
        thread_.join();
        ::close(listener_);
    }
    std::uint16_t port() const { return port_; }
    std::vector<std::string> messages() const {
        const std::lock_guard lock(mutex_);
        return messages_;
    }
    /// The numbers of the refused peers that were told of.
    std::set<std::uint64_t> numbers() const {
        std::set<std::uint64_t> out;
        for (const auto& one : messages()) {
            constexpr std::string_view kReason = "reason=\"number ";
            if (const auto at = one.find(kReason); at != std::string::npos)
                out.insert(std::stoull(one.substr(at + kReason.size())));
        }
        return out;
    }

private:
    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            const timeval soon{.tv_sec = 0, .tv_usec = 50'000};
            ::setsockopt(listener_, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
            const Descriptor one{::accept(listener_, nullptr, nullptr)};
            if (one.get() < 0) continue;
            ::setsockopt(one.get(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
            std::unique_ptr<SSL, decltype(&SSL_free)> session{tls_ == nullptr ? nullptr : SSL_new(tls_), SSL_free};
            if (session) {
                SSL_set_fd(session.get(), one.get());
                int result = SSL_accept(session.get());
                for (int i = 0; i < 20 && result != 1; ++i) result = SSL_accept(session.get());
                if (result != 1) continue;
            }
            std::string pending;
            while (!stop.stop_requested()) {
                char bytes[4096];
                const auto got = session ? SSL_read(session.get(), bytes, sizeof bytes)
                                         : static_cast<int>(::recv(one.get(), bytes, sizeof bytes, 0));
                if (got == 0) break;
                if (got < 0) {
                    if (session && SSL_get_error(session.get(), got) != SSL_ERROR_WANT_READ) break;
                    if (!session && errno != EAGAIN) break;
                    continue;
                }
                pending.append(bytes, static_cast<std::size_t>(got));
                take(pending);
            }
        }
    }
    void take(std::string& pending) {
        for (;;) {
            const auto space = pending.find(' ');
            if (space == std::string::npos) return;
            const auto size = std::stoull(pending);
            if (pending.size() < space + 1 + size) return;
            const std::lock_guard lock(mutex_);
            messages_.push_back(pending.substr(space + 1, size));
            pending.erase(0, space + 1 + size);
        }
    }

    SSL_CTX* tls_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::vector<std::string> messages_; // guarded by mutex_
    std::jthread thread_;
};

bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 2'000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
    return condition();
}

class AlarmPushTest : public testing::Test {
protected:
    AlarmPushTest() {
        std::signal(SIGPIPE, SIG_IGN);
        auto opened =
            audit::open_trail(storage::posix_file_system(), audit::test_config(log()), sealer_, system_clock());
        EXPECT_TRUE(opened) << opened.error().text();
        trail_ = std::move(opened->trail);
    }
    std::string log() const { return directory_.path() + "/audit"; }
    std::unique_ptr<AlarmPush> start(const std::string& target, const std::string& ca = {},
                                     std::vector<audit::OwnRule> rules = {}) {
        auto out = start_alarm_push(storage::posix_file_system(), log(), directory_.path() + "/cursor", *trail_,
                                    {.target = target, .ca_file = ca, .rules = std::move(rules)});
        EXPECT_TRUE(out) << out.error().text();
        return out ? std::move(*out) : nullptr;
    }
    std::unique_ptr<AlarmPush> start(const Collector& collector) {
        return start("tcp://127.0.0.1:" + std::to_string(collector.port()));
    }
    /// Appends and seals; what is an alarm is noted.
    void append(std::uint64_t alarms) {
        for (std::uint64_t i = 0; i < alarms; ++i) {
            EXPECT_TRUE(trail_->append(plain(i), Durability::grouped));
            EXPECT_TRUE(trail_->append(refused_peer(++next_), Durability::grouped));
            expected_.insert(next_);
        }
        EXPECT_TRUE(trail_->flush());
    }

    storage::TestDirectory directory_;
    audit::TestSealer sealer_;
    audit::TestClock clock_;
    std::unique_ptr<audit::Trail> trail_;
    std::uint64_t next_ = 0;
    std::set<std::uint64_t> expected_;
};

TEST(Alarms, rules_pick_what_somebody_must_hear_of_and_nothing_else) {
    const auto name = [](const audit::Event& event) {
        const auto* rule = audit::alarm_of(event);
        return rule == nullptr ? std::string{} : std::string{rule->name};
    };
    audit::Event event = plain(1);
    EXPECT_EQ(name(event), "");
    event.action = "contract.call";
    event.object = "Keys.openIncident";
    EXPECT_EQ(name(event), "key-incident");
    event.object = "Keys.rotate";
    EXPECT_EQ(name(event), "key-changed");
    event.object = "Records.record";
    EXPECT_EQ(name(event), "");
    event.object = "Proposals.approve";
    EXPECT_EQ(name(event), "decision");
    event.outcome = Outcome::failed;
    EXPECT_EQ(name(event), "");
    event.action = "admin.drain";
    EXPECT_EQ(name(event), "command-failed");
    event.outcome = Outcome::refused;
    EXPECT_EQ(name(event), "command-refused");
    event.outcome = Outcome::accepted;
    EXPECT_EQ(name(event), "");
    event.action = "node.halt";
    EXPECT_EQ(name(event), "node-halted");
    const auto line = audit::to_syslog_line(event, "node-halted", audit::alarm_of(event)->severity);
    EXPECT_TRUE(line.starts_with("<105>1 ")) << line; // facility 13, severity 1
    EXPECT_NE(line.find("[cairn@32473 alarm=\"node-halted\" sequence=\""), std::string::npos) << line;
}

TEST_F(AlarmPushTest, alarms_arrive_with_their_number_and_ordinary_events_do_not) {
    const Collector collector;
    const auto push = start(collector);
    append(20);
    ASSERT_TRUE(eventually([&] { return collector.numbers() == expected_; }));
    EXPECT_EQ(collector.messages().size(), expected_.size());
    ASSERT_TRUE(eventually([&] { return push->progress().sequence > 0; }));
    EXPECT_NE(collector.messages().front().find("alarm=\"peer-refused\""), std::string::npos);
}

TEST_F(AlarmPushTest, what_happens_while_the_collector_is_away_comes_later_also_after_a_restart) {
    auto collector = std::make_unique<Collector>();
    const auto port = collector->port();
    auto push = start(*collector);
    append(3);
    ASSERT_TRUE(eventually([&] { return collector->numbers() == expected_ && push->progress().sequence > 0; }));
    auto arrived = collector->numbers();
    collector.reset();
    append(5);
    ASSERT_TRUE(eventually([&] { return push->progress().failures > 0; }));
    push.reset();
    append(5);
    push = start("tcp://127.0.0.1:" + std::to_string(port));
    append(5);
    ASSERT_TRUE(eventually([&] { return push->progress().failures > 0; }));
    collector = std::make_unique<Collector>(port);
    ASSERT_TRUE(eventually([&] {
        auto all = collector->numbers();
        all.insert(arrived.begin(), arrived.end());
        return all == expected_;
    })) << "an alarm was lost";
    // That they waited, and that they go out again, is in the log.
    const auto told = [&](std::string_view action) {
        std::uint64_t count = 0;
        EXPECT_TRUE(trail_->flush());
        EXPECT_TRUE(audit::verify_log(storage::posix_file_system(), log(), {.live = true},
                                      [&](const audit::Event& event) { count += event.action == action ? 1 : 0; }));
        return count;
    };
    EXPECT_EQ(told("alarm.waiting"), 2u) << "once before and once after the restart";
    EXPECT_TRUE(eventually([&] { return told("alarm.delivered") == 1; }));
    EXPECT_EQ(told("alarm.lost"), 0u);
}

TEST_F(AlarmPushTest,
       own_rules_are_pushed_like_the_built_in_ones_and_count_over_restarts_and_a_collector_that_is_away) {
    const std::vector<audit::OwnRule> rules = {{.name = "many-peers",
                                                .action = "peer.refused",
                                                .object = "peer*",
                                                .outcome = Outcome::refused,
                                                .count = 4,
                                                .seconds = 3'600,
                                                .severity = audit::Severity::alert}};
    const auto raised = [](const Collector& collector) {
        std::set<std::string> out; // the sequence of each: what comes twice is the same alarm
        for (const auto& one : collector.messages()) {
            if (one.find("alarm=\"many-peers\"") == std::string::npos) continue;
            EXPECT_TRUE(one.starts_with("<105>1 ")) << one;
            const auto at = one.find("sequence=");
            out.insert(one.substr(at, one.find(' ', at) - at));
        }
        return out;
    };
    auto collector = std::make_unique<Collector>();
    const auto port = collector->port();
    const auto target = "tcp://127.0.0.1:" + std::to_string(port);
    auto push = start(target, {}, rules);
    append(3);
    ASSERT_TRUE(eventually([&] { return collector->numbers() == expected_ && push->progress().sequence > 0; }));
    EXPECT_TRUE(raised(*collector).empty());
    push.reset(); // three were counted
    collector.reset();
    push = start(target, {}, rules);
    append(1); // the fourth, while nobody takes it
    ASSERT_TRUE(eventually([&] { return push->progress().failures > 1; }));
    collector = std::make_unique<Collector>(port);
    ASSERT_TRUE(eventually([&] { return raised(*collector).size() == 1; }));
    append(3);
    ASSERT_TRUE(eventually([&] { return collector->numbers().contains(next_); }));
    EXPECT_EQ(raised(*collector).size(), 1u) << "what has raised an alarm does not count again";
    append(1);
    ASSERT_TRUE(eventually([&] { return raised(*collector).size() == 2; }));
}

TEST_F(AlarmPushTest, what_the_log_dropped_before_it_was_taken_is_recorded_as_lost) {
    const Collector collector;
    // The position is from long ago: of a segment that is not there any more, nor are the ones behind it.
    append(2);
    trail_.reset();
    std::ofstream{directory_.path() + "/cursor"} << "1:64 1\n";
    // What a log looks like whose first segments were dropped by age.
    auto config = audit::test_config(log());
    config.segment_bytes_max = 16'384;
    const auto begin = [&](const audit::TestClock& clock) {
        auto opened = audit::open_trail(storage::posix_file_system(), config, sealer_, clock);
        EXPECT_TRUE(opened) << opened.error().text();
        trail_ = std::move(opened->trail);
    };
    begin(clock_);
    for (int i = 0; i < 600; ++i) ASSERT_TRUE(trail_->append(plain(1), Durability::grouped));
    ASSERT_TRUE(trail_->flush());
    trail_.reset();
    clock_.now += std::int64_t{800} * 86'400'000;
    begin(clock_);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(trail_->append(plain(1), Durability::grouped));
    ASSERT_TRUE(trail_->flush());
    ASSERT_TRUE(trail_->prune(366));
    const auto push = start(collector);
    append(1);
    ASSERT_TRUE(eventually([&] {
        return std::ranges::any_of(collector.messages(), [](const auto& one) {
            return one.find("alarm=\"alarms-lost\"") != std::string::npos;
        });
    }));
}

TEST_F(AlarmPushTest, a_collector_that_reads_nothing_holds_nobody_up) {
    const Descriptor deaf{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const int small = 4096;
    ::setsockopt(deaf.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    ASSERT_EQ(::bind(deaf.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(deaf.get(), 1), 0);
    ::getsockname(deaf.get(), reinterpret_cast<sockaddr*>(&address), &size);
    auto push = start("tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
    const auto begin = std::chrono::steady_clock::now();
    append(3'000);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(trail_->append(plain(1), Durability::durable));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{20});
    ASSERT_TRUE(eventually([&] { return push->progress().failures > 0; }));
    EXPECT_EQ(push->progress().sequence, 0u) << "nothing was taken";
}

TEST_F(AlarmPushTest, a_local_socket_gets_one_datagram_for_each_alarm) {
    const auto path = directory_.path() + "/log.socket";
    const Descriptor socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const auto push = start("unix:" + path);
    append(4);
    for (int i = 0; i < 4; ++i) {
        char bytes[4096];
        const auto got = ::recv(socket.get(), bytes, sizeof bytes, 0);
        ASSERT_GT(got, 0);
        EXPECT_TRUE((std::string_view{bytes, static_cast<std::size_t>(got)}.starts_with("<108>1 ")));
    }
}

TEST_F(AlarmPushTest, tls_goes_to_the_collector_whose_certificate_the_ca_vouches_for_and_to_no_other) {
    const auto now = system_clock().wall().count() / 1000;
    const auto file = [&](const std::string& name, std::string_view text) {
        const auto path = directory_.path() + "/" + name;
        std::ofstream{path} << text;
        return path;
    };
    const auto ca = *crypto::create_ca("Site", {now - 60, now + 3600}, crypto::system_random());
    const auto other = *crypto::create_ca("Other", {now - 60, now + 3600}, crypto::system_random());
    const auto leaf = *crypto::issue_zone_certificate(
        ca, {.role = crypto::ZoneRole::management, .organisation = "Site", .name = "logs", .hosts = {"127.0.0.1"}},
        {now - 60, now + 1800}, crypto::system_random());
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    const auto certificate = file("collector.pem", leaf.certificate_pem);
    const auto key = file("collector.key", leaf.key_pem.view());
    ASSERT_EQ(SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM), 1);
    const Collector collector{0, context.get()};
    const auto target = "tls://127.0.0.1:" + std::to_string(collector.port());
    append(5);
    {
        const auto push = start(target, file("other.pem", other.certificate_pem));
        ASSERT_TRUE(eventually([&] { return push->progress().failures > 0; }));
        EXPECT_TRUE(collector.messages().empty());
    }
    const auto push = start(target, file("ca.pem", ca.certificate_pem));
    ASSERT_TRUE(eventually([&] { return collector.numbers() == expected_; }));
}

TEST(AlarmSink, refuses_what_it_does_not_understand_and_what_would_leave_the_machine_in_the_clear) {
    for (const auto* target : {"http://logs.example", "tcp://10.0.0.9:514", "tls://logs.example",
                               "unix:", "tcp://127.0.0.1:x", "tls://logs.example:6514"}) {
        const auto checked = check_alarm_sink({.target = target, .ca_file = "/nowhere/ca.pem"});
        ASSERT_FALSE(checked) << target;
        EXPECT_EQ(checked.error().code, error::AlarmSinkInvalid);
    }
    EXPECT_TRUE(check_alarm_sink({.target = "unix:/dev/log", .ca_file = {}}));
    EXPECT_TRUE(check_alarm_sink({}));
    const audit::OwnRule rule{.name = "one", .action = "peer.refused", .object = {}, .outcome = {}};
    EXPECT_EQ(check_alarm_sink({.target = {}, .ca_file = {}, .rules = {rule}}).error().code, error::AlarmRuleInvalid);
    EXPECT_TRUE(check_alarm_sink({.target = "unix:/dev/log", .ca_file = {}, .rules = {rule}}));
}

} // namespace
} // namespace cairn::node
