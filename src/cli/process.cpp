#include "cli/process.hpp"

#include "base/descriptor.hpp"
#include "base/errors/cli.hpp"

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace cairn::cli {
namespace {

std::atomic<bool> interrupt_seen = false;

void on_interrupt(int signal) {
    if (interrupt_seen.exchange(true)) {
        ::signal(signal, SIG_DFL);
        ::raise(signal);
    }
}

struct Addresses {
    addrinfo* list = nullptr;
    Addresses(const std::string& host, std::uint16_t port, int flags) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = flags;
        if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) list = nullptr;
    }
    ~Addresses() {
        if (list) ::freeaddrinfo(list);
    }
    Addresses(const Addresses&) = delete;
    Addresses& operator=(const Addresses&) = delete;
};

} // namespace

Result<Started> start_self(const std::vector<std::string>& words, const std::string& log,
                           const std::function<Status(const Started&)>& note) {
    char program[PATH_MAX];
    const auto length = ::readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return fail(error::CliUnexpected, "/proc/self/exe cannot be read");
    program[length] = 0;

    std::vector<std::string> copy = words;
    std::vector<char*> arguments = {program};
    for (auto& word : copy) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const auto cannot = std::string{program} + " cannot be executed\n";

    const Descriptor input{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    const Descriptor output{::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)};
    int gate[2];
    if (input.get() < 0 || output.get() < 0 || ::pipe2(gate, O_CLOEXEC) != 0)
        return fail(error::CliDevStart, log + " (" + std::strerror(errno) + ")");
    const pid_t pid = ::fork();
    if (pid == 0) {
        // Nothing here but what is safe in the child of a process with threads.
        ::close(gate[1]);
        ::setsid();
        char noted = 0;
        ssize_t got = 0;
        do got = ::read(gate[0], &noted, 1);
        while (got < 0 && errno == EINTR);
        if (got != 1) ::_exit(0); // nobody has noted this process: as if it had never been
        ::dup2(input.get(), STDIN_FILENO);
        ::dup2(output.get(), STDOUT_FILENO);
        ::dup2(output.get(), STDERR_FILENO);
        // Descriptors that our own caller left open (pipes of a script, say) must not be kept open by a node.
        ::closefrom(STDERR_FILENO + 1);
        for (const int signal : {SIGINT, SIGTERM, SIGPIPE}) ::signal(signal, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        ::execv(program, arguments.data());
        static_cast<void>(!::write(STDERR_FILENO, cannot.data(), cannot.size()));
        ::_exit(127);
    }
    const int failure = errno;
    ::close(gate[0]);
    const Descriptor opener{gate[1]};
    if (pid < 0) return fail(error::CliDevStart, std::string{program} + " (" + std::strerror(failure) + ")");
    const Started started{pid, start_ticks(pid)};
    auto status = note(started);
    if (status && ::write(opener.get(), "+", 1) != 1) status = fail(error::CliDevStart, "it ended before it began");
    if (status) return started;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(status.error());
}

void signal_node(const DevNode& node, int signal) {
    if (is_running(node)) ::kill(static_cast<pid_t>(node.pid), signal);
}

std::optional<std::string> reap(std::int64_t pid) {
    int status = 0;
    if (pid <= 0 || ::waitpid(static_cast<pid_t>(pid), &status, WNOHANG) != pid) return std::nullopt;
    if (WIFSIGNALED(status)) return "by signal " + std::to_string(WTERMSIG(status));
    return "with exit code " + std::to_string(WEXITSTATUS(status));
}

bool wait_for_end(const DevNode& node, Milliseconds limit) {
    const auto& clock = system_clock();
    const auto end = clock.monotonic() + limit;
    while (true) {
        reap(node.pid);
        if (!is_running(node)) return true;
        if (clock.monotonic() >= end) return false;
        std::this_thread::sleep_for(Milliseconds{20});
    }
}

void watch_interrupts() {
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return interrupt_seen; }

bool port_is_free(const std::string& host, std::uint16_t port) {
    const Addresses addresses(host, port, AI_PASSIVE | AI_NUMERICHOST);
    if (!addresses.list) return true;
    const int fd = ::socket(addresses.list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return true;
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const bool bound = ::bind(fd, addresses.list->ai_addr, addresses.list->ai_addrlen) == 0 && ::listen(fd, 1) == 0;
    const bool taken = !bound && errno == EADDRINUSE;
    ::close(fd);
    return !taken;
}

bool accepts_connections(const std::string& host, std::uint16_t port, Milliseconds limit) {
    const Addresses addresses(host, port, 0);
    for (const auto* address = addresses.list; address; address = address->ai_next) {
        const int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) continue;
        bool connected = ::connect(fd, address->ai_addr, address->ai_addrlen) == 0;
        if (!connected && errno == EINPROGRESS) {
            pollfd waiting{fd, POLLOUT, 0};
            int error = 1;
            socklen_t size = sizeof error;
            if (::poll(&waiting, 1, static_cast<int>(limit.count())) == 1)
                ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
            connected = error == 0;
        }
        ::close(fd);
        if (connected) return true;
    }
    return false;
}

} // namespace cairn::cli
