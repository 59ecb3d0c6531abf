// A man in the middle: what he can read, and what happens when he changes a bit.
#include "network/test_network.hpp"

#include <algorithm>
#include <set>

namespace cairn::network {
namespace {

using namespace testing;

/// Passes bytes between a dialler and a node, keeps a copy, and flips one bit on demand. One thread.
class Proxy {
public:
    explicit Proxy(std::uint16_t target)
        : target_(target), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), 0);
        EXPECT_EQ(::listen(listener_, 64), 0);
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~Proxy() {
        stopping_ = true;
        thread_.join();
        for (const auto& pipe : pipes_) {
            ::close(pipe.from);
        }
        ::close(listener_);
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
    /// Of the next piece that goes `towards_target` (or back), the bit at this share of its length is flipped.
    void flip_next(bool towards_target, unsigned percent) {
        percent_ = percent;
        direction_ = towards_target ? 1 : 2;
    }
    bool flipped() const { return direction_ == 0; }
    Bytes seen() const {
        const std::lock_guard lock(mutex_);
        return seen_;
    }

private:
    struct Pipe {
        int from;
        int to;
        bool towards_target;
    };

    void run() {
        while (!stopping_) {
            std::vector<pollfd> waits{{listener_, POLLIN, 0}};
            for (const auto& pipe : pipes_) waits.push_back({pipe.from, POLLIN, 0});
            if (::poll(waits.data(), waits.size(), 10) <= 0) continue;
            std::set<int> closed;
            for (std::size_t i = 1; i < waits.size(); ++i)
                if (waits[i].revents != 0 && !pass(pipes_[i - 1]))
                    closed.insert({pipes_[i - 1].from, pipes_[i - 1].to});
            std::erase_if(pipes_, [&](const Pipe& pipe) { return closed.contains(pipe.from); });
            for (const int socket : closed) ::close(socket);
            if (waits[0].revents != 0) join();
        }
    }
    void join() {
        const int near = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const int far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(target_);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(far, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            ::close(near);
            ::close(far);
            return;
        }
        pipes_.push_back({near, far, true});
        pipes_.push_back({far, near, false});
    }
    bool pass(const Pipe& pipe) {
        std::array<std::uint8_t, 16'384> bytes;
        const auto count = ::recv(pipe.from, bytes.data(), bytes.size(), 0);
        if (count <= 0) return false;
        const auto length = static_cast<std::size_t>(count);
        {
            const std::lock_guard lock(mutex_);
            seen_.insert(seen_.end(), bytes.begin(), bytes.begin() + count);
        }
        if (direction_ == (pipe.towards_target ? 1 : 2)) {
            bytes[std::min(length - 1, length * percent_ / 100)] ^= 0x10;
            direction_ = 0;
        }
        return ::send(pipe.to, bytes.data(), length, MSG_NOSIGNAL) == count;
    }

    const std::uint16_t target_;
    std::uint16_t port_ = 0;
    int listener_;
    std::vector<Pipe> pipes_; // proxy's thread
    std::atomic<bool> stopping_ = false;
    std::atomic<int> direction_ = 0;
    std::atomic<unsigned> percent_ = 0;
    mutable std::mutex mutex_;
    Bytes seen_; // guarded by mutex_
    std::thread thread_;
};

class WireTest : public ::testing::Test {
protected:
    WireTest() {
        tuning_.redial_min = Milliseconds(5);
        tuning_.redial_max = Milliseconds(50);
        tuning_.ping_interval = Milliseconds(50);
        server_ =
            std::make_unique<Node>(consortium_, std::uint16_t{3}, std::map<ValidatorIndex, std::string>{}, tuning_);
        proxy_ = std::make_unique<Proxy>(server_->port());
        dialler_ = std::make_unique<Node>(consortium_, std::uint16_t{0},
                                          std::map<ValidatorIndex, std::string>{{{3}, proxy_->address()}}, tuning_);
    }
    bool connected() {
        return eventually([&] { return dialler_->connected_to(3) && server_->connected_to(0); });
    }

    Consortium consortium_;
    NetworkTuning tuning_;
    std::unique_ptr<Node> server_;
    std::unique_ptr<Proxy> proxy_;
    std::unique_ptr<Node> dialler_;
};

TEST_F(WireTest, payload_cannot_be_read_on_the_wire) {
    ASSERT_TRUE(connected());
    const std::string secret = "the purchase price is four million";
    for (std::uint8_t stream = 0; stream < kStreams; ++stream) {
        Bytes payload(20'000);
        for (std::size_t i = 0; i + secret.size() < payload.size(); i += 100)
            std::ranges::copy(secret, payload.begin() + static_cast<std::ptrdiff_t>(i));
        dialler_->network().send({3}, static_cast<Stream>(stream), frame_of(1, payload));
        server_->network().send({0}, static_cast<Stream>(stream), frame_of(1, payload));
    }
    ASSERT_TRUE(eventually([&] { return server_->received_count() == 3 && dialler_->received_count() == 3; }));
    const auto seen = proxy_->seen();
    EXPECT_GT(seen.size(), 6u * 20'000);
    const auto contains = [&](BytesView part) { return !std::ranges::search(seen, part).empty(); };
    EXPECT_FALSE(contains(as_bytes(secret)));
    EXPECT_FALSE(contains(ledger::hash_of(consortium_.genesis()))) << "the hello is encrypted too";
    EXPECT_FALSE(contains(as_bytes("cairn:node:"))) << "and so are the certificates";
}

TEST_F(WireTest, flipped_bit_cuts_the_connection_and_the_nodes_recover) {
    ASSERT_TRUE(connected());
    struct Row {
        const char* what;
        std::function<void(Network&, ValidatorIndex)> send;
    };
    const auto message = [](Stream stream, std::size_t size) {
        return
            [stream, size](Network& network, ValidatorIndex to) { network.send(to, stream, frame_of(7, Bytes(size))); };
    };
    const std::vector<Row> table{
        {"ping", [](Network&, ValidatorIndex) {}},
        {"consensus message", message(Stream::consensus, 200)},
        {"data message", message(Stream::data, 100'000)},
        {"sync message", message(Stream::sync, 1'000'000)},
    };
    for (const auto& [what, send] : table)
        for (const bool towards_target : {true, false})
            for (const unsigned percent : {0u, 30u, 99u}) {
                ASSERT_TRUE(connected()) << what;
                auto& receiver = towards_target ? *server_ : *dialler_;
                auto& sender = towards_target ? *dialler_ : *server_;
                const auto before = receiver.disconnects();
                proxy_->flip_next(towards_target, percent);
                send(sender.network(), towards_target ? ValidatorIndex{3} : ValidatorIndex{0});
                ASSERT_TRUE(eventually([&] { return proxy_->flipped(); })) << what;
                ASSERT_TRUE(eventually([&] { return receiver.disconnects() > before; })) << what << " at " << percent;
                for (const auto& [from, stream, frame] : receiver.received())
                    EXPECT_TRUE(std::ranges::all_of(*frame.payload, [](std::uint8_t b) { return b == 0; })) << what;
            }
    ASSERT_TRUE(connected());
    EXPECT_GE(server_->network().counters().frames_invalid + dialler_->network().counters().frames_invalid, 16u)
        << "most are recognised as damage; one in the length of a record may end it otherwise";
    dialler_->network().send({3}, Stream::consensus, frame_of(99, {}));
    EXPECT_TRUE(eventually([&] {
        const auto received = server_->received();
        return !received.empty() && received.back().frame.type == 99;
    }));
}

} // namespace
} // namespace cairn::network
