#include "node/alarm_push.hpp"

#include "audit/alarms.hpp"
#include "audit/page.hpp"
#include "audit/record.hpp"
#include "base/descriptor.hpp"
#include "base/errors/audit.hpp"
#include "base/log.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/sockios.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

namespace cairn::node {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPollInterval{500};
constexpr std::chrono::milliseconds kPatience{3'000}; // for one step of a connection
constexpr std::chrono::milliseconds kRetryLast{30'000};
constexpr std::size_t kPageRecords = 1'000;

struct Target {
    enum class Kind { tls, tcp, local } kind = Kind::local;
    std::string host; // or path
    std::string port;
};

std::optional<Target> parse(const std::string& text) {
    const auto after = [&](std::string_view prefix) -> std::optional<std::string> {
        if (!text.starts_with(prefix)) return std::nullopt;
        return text.substr(prefix.size());
    };
    if (const auto path = after("unix:")) {
        if (path->empty() || path->size() >= sizeof(sockaddr_un::sun_path)) return std::nullopt;
        return Target{Target::Kind::local, *path, {}};
    }
    const auto tls = after("tls://");
    const auto where = tls ? tls : after("tcp://");
    if (!where) return std::nullopt;
    const auto colon = where->rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == where->size()) return std::nullopt;
    Target out{tls ? Target::Kind::tls : Target::Kind::tcp, where->substr(0, colon), where->substr(colon + 1)};
    if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
    if (out.port.find_first_not_of("0123456789") != std::string::npos || out.port.size() > 5) return std::nullopt;
    return out;
}

struct Wait {
    int descriptor;
    std::stop_token stop;
    /// False after `kPatience`, or when the thread is to end.
    bool until(short events) const {
        for (const auto end = SteadyClock::now() + kPatience; SteadyClock::now() < end && !stop.stop_requested();) {
            pollfd one{.fd = descriptor, .events = events, .revents = 0};
            const int ready = ::poll(&one, 1, 100);
            if (ready > 0) return (one.revents & (events | POLLERR | POLLHUP)) != 0;
            if (ready < 0 && errno != EINTR) return false;
        }
        return false;
    }
};

/// One connection; false ends it.
class Channel {
public:
    static std::unique_ptr<Channel> open(const Target& target, SSL_CTX* context, const std::stop_token& stop,
                                         std::string& why) {
        auto out = std::unique_ptr<Channel>(new Channel(target, stop));
        if (target.kind == Target::Kind::local ? !out->connect_local() : !out->connect_tcp()) {
            why = target.host + ": cannot be reached";
            return nullptr;
        }
        if (target.kind == Target::Kind::tls && !out->begin_tls(context, why)) return nullptr;
        return out;
    }

    bool send(const std::string& line) {
        if (is_datagram_) return send_datagram(line);
        const auto framed = std::to_string(line.size()) + " " + line;
        std::size_t done = 0;
        while (done < framed.size() && !stop_.stop_requested()) {
            const auto wrote = write(framed.data() + done, framed.size() - done);
            if (!wrote) return false;
            done += *wrote;
        }
        return done == framed.size();
    }

    /// Whether the other side's system has taken everything.
    bool taken() const {
        if (target_.kind == Target::Kind::local) return true;
        for (const auto end = SteadyClock::now() + kPatience; SteadyClock::now() < end && !stop_.stop_requested();) {
            int waiting = 0;
            if (::ioctl(descriptor_->get(), SIOCOUTQ, &waiting) != 0) return false;
            pollfd one{.fd = descriptor_->get(), .events = POLLRDHUP, .revents = 0};
            if (::poll(&one, 1, 0) > 0) return false; // it has gone: what is in its buffers may never be read
            if (waiting == 0) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds{5});
        }
        return false;
    }

private:
    Channel(const Target& target, std::stop_token stop) : target_(target), stop_(std::move(stop)) {}

    bool connect_local() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, target_.host.c_str(), target_.host.size() + 1);
        for (const int kind : {SOCK_DGRAM, SOCK_STREAM}) {
            descriptor_.emplace(::socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            if (::connect(descriptor_->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
                is_datagram_ = kind == SOCK_DGRAM;
                return true;
            }
            if (errno != EPROTOTYPE) return false;
        }
        return false;
    }

    bool connect_tcp() {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        if (::getaddrinfo(target_.host.c_str(), target_.port.c_str(), &hints, &found) != 0) return false;
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list{found, ::freeaddrinfo};
        for (const auto* one = found; one != nullptr; one = one->ai_next) {
            descriptor_.emplace(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            if (descriptor_->get() < 0) continue;
            const int begun = ::connect(descriptor_->get(), one->ai_addr, one->ai_addrlen);
            if (begun != 0 && errno != EINPROGRESS) continue;
            if (begun != 0 && !Wait{descriptor_->get(), stop_}.until(POLLOUT)) continue;
            int error = 0;
            socklen_t size = sizeof error;
            if (::getsockopt(descriptor_->get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) return true;
        }
        return false;
    }

    bool begin_tls(SSL_CTX* context, std::string& why) {
        ssl_.reset(SSL_new(context));
        if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), descriptor_->get()) != 1) return false;
        SSL_set_tlsext_host_name(ssl_.get(), target_.host.c_str());
        auto* parameters = SSL_get0_param(ssl_.get());
        if (X509_VERIFY_PARAM_set1_ip_asc(parameters, target_.host.c_str()) != 1)
            X509_VERIFY_PARAM_set1_host(parameters, target_.host.c_str(), target_.host.size());
        ERR_clear_error();
        for (;;) {
            const int result = SSL_connect(ssl_.get());
            if (result == 1) return true;
            const int reason = SSL_get_error(ssl_.get(), result);
            if (!wait_for(reason)) {
                const auto verified = SSL_get_verify_result(ssl_.get());
                why = target_.host + ": no TLS 1.3 session" +
                      (verified == X509_V_OK ? "" : std::string{": "} + X509_verify_cert_error_string(verified));
                ERR_clear_error();
                return false;
            }
        }
    }

    bool wait_for(int reason) const {
        if (reason == SSL_ERROR_WANT_READ) return Wait{descriptor_->get(), stop_}.until(POLLIN);
        if (reason == SSL_ERROR_WANT_WRITE) return Wait{descriptor_->get(), stop_}.until(POLLOUT);
        return false;
    }

    /// Nothing if the connection is lost or the other side stands still.
    std::optional<std::size_t> write(const char* data, std::size_t size) {
        for (;;) {
            if (ssl_) {
                std::size_t done = 0;
                ERR_clear_error();
                const int result = SSL_write_ex(ssl_.get(), data, size, &done);
                if (result == 1) return done;
                if (!wait_for(SSL_get_error(ssl_.get(), result))) return std::nullopt;
                continue;
            }
            const auto done = ::send(descriptor_->get(), data, size, MSG_NOSIGNAL);
            if (done >= 0) return static_cast<std::size_t>(done);
            if (errno == EINTR) continue;
            if (errno != EAGAIN || !Wait{descriptor_->get(), stop_}.until(POLLOUT)) return std::nullopt;
        }
    }

    bool send_datagram(const std::string& line) {
        for (;;) {
            if (::send(descriptor_->get(), line.data(), line.size(), MSG_NOSIGNAL) >= 0) return true;
            if (errno == EINTR) continue;
            if (errno != EAGAIN || !Wait{descriptor_->get(), stop_}.until(POLLOUT)) return false;
        }
    }

    const Target target_;
    const std::stop_token stop_;
    std::optional<Descriptor> descriptor_;
    bool is_datagram_ = false;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

Context tls_context(const std::string& ca_file) {
    Context out{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
    if (out == nullptr) return out;
    SSL_CTX_set_min_proto_version(out.get(), TLS1_3_VERSION);
    SSL_CTX_set_mode(out.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_locations(out.get(), ca_file.c_str(), nullptr) != 1) out.reset();
    ERR_clear_error();
    return out;
}

class Push final : public AlarmPush {
public:
    Push(storage::FileSystem& files, std::string directory, std::string cursor_file, audit::Trail& trail, Target target,
         Context context, std::vector<audit::OwnRule> rules)
        : files_(files),
          directory_(std::move(directory)),
          cursor_file_(std::move(cursor_file)),
          trail_(trail),
          target_(std::move(target)),
          context_(std::move(context)),
          rules_(std::move(rules)) {
        std::ifstream in{cursor_file_};
        std::string text, counted;
        std::uint64_t sequence = 0;
        if (in >> text >> sequence)
            if (const auto stored = audit::cursor_from(text)) {
                cursor_ = *stored;
                sequence_ = sequence;
                if (std::getline(in >> std::ws, counted)) counts_ = audit::Counts::from(counted, rules_);
            }
        thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
    }
    ~Push() override {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        wake_.notify_all();
        std::unique_lock lock(mutex_);
        ended_.wait_for(lock, kPatience, [this] { return done_; });
        thread_.request_stop();
    }
    Progress progress() const override { return {sequence_, sent_, failures_}; }

private:
    void run(const std::stop_token& stop) {
        auto pause = kPollInterval;
        bool waits = false; // for a collector that is away
        std::uint64_t seen = 0;
        for (bool last = false; !last && !stop.stop_requested();) {
            {
                std::unique_lock lock(mutex_);
                wake_.wait_for(lock, stop, pause, [this] { return ending_; });
                last = ending_;
            }
            const auto sealed = trail_.sealed().sequence;
            if (sealed == seen && !waits) continue;
            waits = !push_all(stop);
            if (!waits) seen = sealed;
            pause = waits ? std::min(2 * pause, kRetryLast) : kPollInterval;
        }
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        ended_.notify_all();
    }

    /// False if something is left to be sent.
    bool push_all(const std::stop_token& stop) {
        for (;;) {
            const auto page = audit::read_page(files_, directory_, cursor_, kPageRecords);
            if (!page) {
                complain(page.error().text());
                return false;
            }
            if (!push(*page, stop)) {
                ++failures_;
                channel_.reset();
                return false;
            }
            if (!page->more) return true;
        }
    }

    bool push(const audit::Page& page, const std::stop_token& stop) {
        if (!page.places.empty()) note_lost(page);
        std::uint64_t last = 0;
        auto counts = counts_; // of this page only once it has been taken
        for (const auto& bytes : page.records) {
            const auto record = audit::decode_record(bytes);
            const auto* event = record ? std::get_if<audit::Event>(&record->body) : nullptr;
            if (event == nullptr) continue;
            std::vector<std::string> lines;
            if (const auto* rule = audit::alarm_of(*event))
                lines.push_back(audit::to_syslog_line(*event, rule->name, rule->severity));
            for (const auto* rule : counts.take(*event, rules_))
                lines.push_back(audit::to_syslog_line(*event, rule->name, rule->severity));
            if (lines.empty()) continue;
            if (!channel_) {
                std::string why;
                channel_ = Channel::open(target_, context_.get(), stop, why);
                if (!channel_) {
                    complain(why);
                    return false;
                }
            }
            for (const auto& line : lines) {
                if (!channel_->send(line)) {
                    complain(target_.host + ": takes nothing");
                    return false;
                }
                ++sent_;
            }
            last = event->sequence;
        }
        if (last != 0 && !channel_->taken()) {
            complain(target_.host + ": did not acknowledge");
            return false;
        }
        cursor_ = page.next;
        counts_ = std::move(counts);
        if (last == 0) return true;
        if (!std::exchange(complained_, {}).empty()) tell("alarm.delivered", audit::Outcome::accepted, {});
        sequence_ = last;
        return store();
    }

    /// The log begins behind where this one stopped: segments were dropped by age before what they hold was taken.
    void note_lost(const audit::Page& page) {
        // At the end of a segment the next record is the first of the next one: nothing lies in between.
        if (cursor_ == audit::Cursor{} || page.places.front().segment <= cursor_.segment + 1) return;
        const auto opening = audit::decode_record(page.records.front());
        const auto* first = opening ? std::get_if<audit::Opening>(&opening->body) : nullptr;
        tell("alarm.lost", audit::Outcome::failed,
             "events behind " + std::to_string(sequence_) +
                 (first == nullptr ? "" : " and before " + std::to_string(first->first_sequence)) +
                 " were dropped by age before their alarms had been taken");
    }
    void tell(const char* action, audit::Outcome outcome, const std::string& reason) {
        (void)trail_.append({.subject = "node",
                             .origin = "local",
                             .object = "collector " + target_.host,
                             .action = action,
                             .outcome = outcome,
                             .reason = reason},
                            audit::Durability::grouped);
    }

    /// The old position until the new one is on disk: what is lost is sent again.
    bool store() {
        const auto fresh = cursor_file_ + ".new";
        {
            std::ofstream out{fresh, std::ios::trunc};
            out << cursor_.text() << ' ' << sequence_ << '\n' << counts_.text(rules_) << '\n';
            if (!out.flush()) return false;
        }
        std::error_code error;
        std::filesystem::rename(fresh, cursor_file_, error);
        return !error;
    }

    void complain(const std::string& why) {
        if (complained_.empty()) tell("alarm.waiting", audit::Outcome::failed, why);
        if (why == complained_) return;
        complained_ = why;
        log(LogLevel::warning, "audit", "alarms wait: " + why);
    }

    storage::FileSystem& files_;
    const std::string directory_, cursor_file_;
    audit::Trail& trail_;
    const Target target_;
    const Context context_;
    const std::vector<audit::OwnRule> rules_;
    audit::Counts counts_; // up to cursor_
    std::unique_ptr<Channel> channel_;
    audit::Cursor cursor_;
    std::string complained_;
    std::atomic<std::uint64_t> sequence_ = 0, sent_ = 0, failures_ = 0;
    std::mutex mutex_;
    std::condition_variable_any wake_, ended_;
    bool ending_ = false, done_ = false; // guarded by mutex_
    std::jthread thread_;
};

} // namespace

Status check_alarm_sink(const AlarmSink& sink) {
    CRN_CHECK(audit::check_own_rules(sink.rules));
    if (sink.target.empty() && !sink.rules.empty())
        return fail(error::AlarmRuleInvalid, "there is no audit.alarms that their alarms could go to");
    if (sink.target.empty()) return {};
    const auto target = parse(sink.target);
    if (!target) return fail(error::AlarmSinkInvalid, "\"" + sink.target + "\"");
    if (target->kind == Target::Kind::tcp && target->host != "127.0.0.1" && target->host != "::1" &&
        target->host != "localhost")
        return fail(error::AlarmSinkInvalid, sink.target + ": leaves this machine in the clear");
    if (target->kind == Target::Kind::tls && tls_context(sink.ca_file) == nullptr)
        return fail(error::AlarmSinkInvalid, "\"" + sink.ca_file + "\": no CA certificate for " + sink.target);
    return {};
}

Result<std::unique_ptr<AlarmPush>> start_alarm_push(storage::FileSystem& files, const std::string& directory,
                                                    const std::string& cursor_file, audit::Trail& trail,
                                                    const AlarmSink& sink) {
    CRN_CHECK(check_alarm_sink(sink));
    if (sink.target.empty()) return std::unique_ptr<AlarmPush>{};
    auto target = *parse(sink.target);
    Context context{nullptr, SSL_CTX_free};
    if (target.kind == Target::Kind::tls) context = tls_context(sink.ca_file);
    return std::make_unique<Push>(files, directory, cursor_file, trail, std::move(target), std::move(context),
                                  sink.rules);
}

} // namespace cairn::node
