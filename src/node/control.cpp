#include "node/control.hpp"

#include "base/descriptor.hpp"
#include "base/errors/node.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

namespace cairn::node {
namespace {

constexpr const char* kName = "control";
constexpr time_t kPatienceSeconds = 5;
constexpr time_t kAnswerSeconds = 600; // rewrapping through a slow token

std::string system_error() { return std::strerror(errno); } // NOLINT(concurrency-mt-unsafe): glibc's is safe

/// The address of the socket in a directory however long its path: through the open directory.
sockaddr_un address_in(const Descriptor& directory) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    const auto path = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + kName;
    std::memcpy(out.sun_path, path.c_str(), path.size() + 1);
    return out;
}

void set_patience(int socket, time_t seconds) {
    const timeval patience{seconds, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

bool send_all(int socket, std::string_view text) {
    while (!text.empty()) {
        const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// Up to a newline or the end; nothing if it is longer than `limit` or does not come.
std::optional<std::string> receive(int socket, std::size_t limit, bool one_line) {
    std::string out;
    char buffer[4096];
    for (;;) {
        const auto count = ::recv(socket, buffer, sizeof buffer, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return std::nullopt;
        out.append(buffer, static_cast<std::size_t>(count));
        if (out.size() > limit) return std::nullopt;
        const auto newline = out.find('\n');
        if (one_line && newline != std::string::npos) return out.substr(0, newline);
        if (count == 0) return one_line ? std::nullopt : std::optional{out};
    }
}

class Listening final : public ControlSocket {
public:
    Listening(Descriptor directory, Descriptor socket, std::function<std::string(const std::string&)> answer)
        : directory_(std::move(directory)), socket_(std::move(socket)), answer_(std::move(answer)) {
        thread_ = std::jthread([this](std::stop_token stop) {
            name_thread("control");
            serve(stop);
        });
    }
    ~Listening() override {
        thread_.request_stop();
        ::shutdown(socket_.get(), SHUT_RDWR);
        thread_.join();
        ::unlinkat(directory_.get(), kName, 0);
    }

private:
    void serve(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            pollfd waiting{socket_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, 500) <= 0) continue;
            const Descriptor client{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            if (client.get() < 0) continue;
            set_patience(client.get(), kPatienceSeconds);
            ucred peer{};
            socklen_t length = sizeof peer;
            if (::getsockopt(client.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
                (peer.uid != ::geteuid() && peer.uid != 0)) {
                log(LogLevel::warning, "node", "refused a command of another user",
                    {{"uid", std::to_string(peer.uid)}});
                continue;
            }
            const auto line = receive(client.get(), kControlLineMax, true);
            if (line) (void)send_all(client.get(), answer_(*line));
        }
    }

    Descriptor directory_;
    Descriptor socket_;
    std::function<std::string(const std::string&)> answer_;
    std::jthread thread_;
};

std::unexpected<Error> unreachable(const std::string& directory, const std::string& why) {
    return fail(error::NodeUnreachable, directory + "/" + kName + " (" + why + ")");
}

} // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::listen(const std::string& directory,
                                                             std::function<std::string(const std::string&)> answer) {
    const auto failed = [&] { return fail(error::StorageOpen, directory + "/" + kName + " (" + system_error() + ")"); };
    Descriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened.get() < 0) return failed();
    Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.get() < 0) return failed();
    // The data directory is locked, so a socket that is there is a dead one's.
    ::unlinkat(opened.get(), kName, 0);
    const auto address = address_in(opened);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed();
    if (::fchmodat(opened.get(), kName, 0600, 0) != 0 || ::listen(socket.get(), 8) != 0) return failed();
    return std::make_unique<Listening>(std::move(opened), std::move(socket), std::move(answer));
}

Result<std::string> ask_node(const std::string& directory, const std::string& line) {
    const Descriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (opened.get() < 0) return unreachable(directory, system_error());
    const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (socket.get() < 0) return unreachable(directory, system_error());
    set_patience(socket.get(), kAnswerSeconds);
    const auto address = address_in(opened);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return unreachable(directory, system_error());
    if (!send_all(socket.get(), line + "\n")) return unreachable(directory, system_error());
    auto answer = receive(socket.get(), kControlAnswerMax, false);
    if (!answer || answer->empty()) return unreachable(directory, "no answer");
    return std::move(*answer);
}

} // namespace cairn::node
