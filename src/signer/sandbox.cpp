#include "signer/sandbox.hpp"

#include "base/errors/signer.hpp"

#include <cerrno>
#include <cstring>
#include <linux/landlock.h>
#include <memory>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

// The address and undefined behaviour sanitizers look at memory through pipes of their own; only their builds may.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
constexpr bool kIsSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif

std::unexpected<Error> refused(const char* what, int number) {
    return fail(error::SandboxFailed,
                std::string{what} + ": " + std::strerror(number)); // NOLINT(concurrency-mt-unsafe)
}

// Debian 12's header ends at ABI 2; these are the rights of the later ones.
constexpr std::uint64_t kTruncate = 1ULL << 14;                                   // ABI 3
constexpr std::uint64_t kIoctlDevice = 1ULL << 15;                                // ABI 5
constexpr std::uint64_t kNetBindTcp = 1ULL << 0, kNetConnectTcp = 1ULL << 1;      // ABI 4
constexpr std::uint64_t kScopeAbstractUnix = 1ULL << 0, kScopeSignal = 1ULL << 1; // ABI 6

struct RulesetAttributes {
    std::uint64_t handled_access_fs = 0;
    std::uint64_t handled_access_net = 0;
    std::uint64_t scoped = 0;
};

/// The ABI that was used; 0 without Landlock.
Result<int> restrict_paths() {
    const auto abi =
        static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
    if (abi <= 0) return 0;
    RulesetAttributes attributes;
    attributes.handled_access_fs = (1ULL << 13) - 1; // all of ABI 1
    if (abi >= 2) attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) attributes.handled_access_fs |= kTruncate;
    if (abi >= 5) attributes.handled_access_fs |= kIoctlDevice;
    if (abi >= 4) attributes.handled_access_net = kNetBindTcp | kNetConnectTcp;
    if (abi >= 6) attributes.scoped = kScopeAbstractUnix | kScopeSignal;
    const std::size_t size = abi >= 6 ? sizeof attributes : abi >= 4 ? 16 : 8;
    const auto ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
    if (ruleset < 0) return refused("landlock", errno);
    const auto done = ::syscall(SYS_landlock_restrict_self, ruleset, 0);
    const int number = errno;
    ::close(ruleset);
    if (done != 0) return refused("landlock", number);
    return abi;
}

/// No network device, no System V memory or message queue, no mount and no host name of the machine. With privilege by itself;
/// without, inside a user namespace of its own, where the site's kernel lets an ordinary user make one. A privileged process
/// does not take that way: it would lose the right to lock its memory.
bool leave_namespaces() {
    constexpr int kOwn = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS;
    return ::unshare(kOwn) == 0 || (::geteuid() != 0 && ::unshare(CLONE_NEWUSER | kOwn) == 0);
}

void limit(int resource, rlim_t value) {
    const rlimit both{value, value};
    ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

/// Whether all memory of the process is locked, present and future.
bool lock_memory() {
    rlimit now{};
    if (::getrlimit(RLIMIT_MEMLOCK, &now) == 0) {
        now.rlim_cur = now.rlim_max;
        ::setrlimit(RLIMIT_MEMLOCK, &now);
    }
    return ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

struct FilterDeleter {
    void operator()(scmp_filter_ctx filter) const { ::seccomp_release(filter); }
};
using Filter = std::unique_ptr<void, FilterDeleter>;

Status load_strict_filter() {
    const Filter filter(::seccomp_init(SCMP_ACT_ERRNO(EPERM)));
    if (!filter) return refused("seccomp", ENOMEM);
    // Talk over the inherited socket, write and sync the open state files, get and free memory, random bytes, time, end.
    for (const int call :
         {SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(pwrite64), SCMP_SYS(fdatasync), SCMP_SYS(write), SCMP_SYS(brk),
          SCMP_SYS(munmap), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getrandom), SCMP_SYS(getpid),
          SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigreturn), SCMP_SYS(close), SCMP_SYS(exit_group)})
        if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0)
            return refused("seccomp", -error);
    if constexpr (kIsSanitized)
        for (const int call : {SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(sigaltstack), SCMP_SYS(gettid)})
            if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0)
                return refused("seccomp", -error);
    // Memory without a file behind it, never executable.
    if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
        error != 0)
        return refused("seccomp", -error);
    if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
        error != 0)
        return refused("seccomp", -error);
    if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, SCMP_SYS(mremap), 0); error != 0)
        return refused("seccomp", -error);
    if (const int error = ::seccomp_load(filter.get()); error != 0) return refused("seccomp", -error);
    return {};
}

Status load_token_filter() {
    const Filter filter(::seccomp_init(SCMP_ACT_ALLOW));
    if (!filter) return refused("seccomp", ENOMEM);
    for (const int call : {SCMP_SYS(execve),
                           SCMP_SYS(execveat),
                           SCMP_SYS(fork),
                           SCMP_SYS(vfork),
                           SCMP_SYS(ptrace),
                           SCMP_SYS(process_vm_readv),
                           SCMP_SYS(process_vm_writev),
                           SCMP_SYS(mount),
                           SCMP_SYS(umount2),
                           SCMP_SYS(pivot_root),
                           SCMP_SYS(chroot),
                           SCMP_SYS(setns),
                           SCMP_SYS(unshare),
                           SCMP_SYS(bpf),
                           SCMP_SYS(init_module),
                           SCMP_SYS(finit_module),
                           SCMP_SYS(kexec_load),
                           SCMP_SYS(reboot),
                           SCMP_SYS(perf_event_open),
                           SCMP_SYS(userfaultfd),
                           SCMP_SYS(keyctl),
                           SCMP_SYS(io_uring_setup)})
        if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0); error != 0)
            return refused("seccomp", -error);
    // Threads, but no processes. Without clone3, whose flags a filter cannot see, the C library uses clone.
    if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
        error != 0)
        return refused("seccomp", -error);
    if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0); error != 0)
        return refused("seccomp", -error);
    // Devices are reached over local sockets (pcscd), never over a network.
    for (const int family : {AF_INET, AF_INET6, AF_PACKET})
        if (const int error = ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                                 SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
            error != 0)
            return refused("seccomp", -error);
    if (const int error = ::seccomp_load(filter.get()); error != 0) return refused("seccomp", -error);
    return {};
}

} // namespace

Result<std::string> enter_sandbox(Sandbox sandbox) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused("no new privileges", errno);
    if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused("not dumpable", errno);
    limit(RLIMIT_CORE, 0);
    std::string report = "no new privileges, not dumpable";
    report += lock_memory() ? ", all memory locked" : ", only the keys locked in memory (raise RLIMIT_MEMLOCK)";
    if (sandbox == Sandbox::strict) {
        report += leave_namespaces() ? ", namespaces of its own"
                                     : ", WARNING: in the machine's namespaces (the kernel gives it none of its own)";
        limit(RLIMIT_NPROC, 0);
        limit(RLIMIT_FSIZE, 64u << 20);
        CRN_TRY(abi, restrict_paths());
        report += abi > 0 ? ", Landlock " + std::to_string(abi) + " without any path" : ", no Landlock in this kernel";
        // After Landlock: nothing more will be opened.
        limit(RLIMIT_NOFILE, kIsSanitized ? 64 : 0);
        CRN_CHECK(load_strict_filter());
    } else {
        CRN_CHECK(load_token_filter());
    }
    return report + ", seccomp";
}

} // namespace cairn::signer
