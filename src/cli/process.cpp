#include "cli/process.hpp"

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
#include <spawn.h>
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

Result<Started> start_self(const std::vector<std::string>& words, const std::string& log) {
    char program[PATH_MAX];
    const auto length = ::readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return fail(error::CliUnexpected, "/proc/self/exe cannot be read");
    program[length] = 0;

    std::vector<std::string> copy = words;
    std::vector<char*> arguments = {program};
    for (auto& word : copy) arguments.push_back(word.data());
    arguments.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    // Descriptors that our own caller left open (pipes of a script, say) must not be kept open by a node.
    ::posix_spawn_file_actions_addclosefrom_np(&files, 3);
    sigset_t none;
    ::sigemptyset(&none);
    sigset_t usual;
    ::sigemptyset(&usual);
    ::sigaddset(&usual, SIGINT);
    ::sigaddset(&usual, SIGTERM);
    ::sigaddset(&usual, SIGPIPE);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &usual);
    ::posix_spawnattr_setflags(&attributes,
                               static_cast<short>(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, program, &files, &attributes, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) return fail(error::CliDevStart, std::string{program} + " (" + std::strerror(error) + ")");
    return Started{pid, start_ticks(pid)};
}

void signal_node(const DevNode& node, int signal) {
    if (is_running(node)) ::kill(static_cast<pid_t>(node.pid), signal);
}

void reap(std::int64_t pid) {
    if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, WNOHANG);
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
