// The management zone: a closed list of typed commands, each signed by an administrator, each with its audit event before
// it is done. No shell, no file names from outside, no command that is not in the table.
#pragma once

#include "audit/trail.hpp"
#include "zone/request.hpp"
#include "zone/second_factor.hpp"
#include "zone/tls_server.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace cairn::zone {

enum class Level : std::uint8_t {
    read,    // looks only
    act,     // changes this node
    highest, // needs a one-time code too
    two,     // and a second person of the same kind, who confirms with a code of their own
};
std::string_view name_of(Level level);

/// Who gives a command.
struct Person {
    crypto::ZoneRole role = crypto::ZoneRole::system_administrator;
    std::string name;
    std::string organisation;
    std::string remote;
};

/// Requests of the highest kind until a second person confirms them: by the digest of what the first person signed. Bounded,
/// and empty after a start. Thread-safe.
class Waiting {
public:
    struct Request {
        Person person;
        Hash256 certificate, key; // SHA-256 of the certificate and of its public key
        std::string command;
        std::map<std::string, std::string> arguments;
        Milliseconds until{0};
    };
    /// ZoneBusy.
    Status add(const Hash256& digest, Request request, Milliseconds now);
    /// Takes it out, once. ZoneNothingToConfirm, ZoneSecondPerson, ZoneRoleRefused: then it goes on waiting.
    Result<Request> confirm(const std::string& digest, const Person& second, const Hash256& key, Milliseconds now);
    std::map<std::string, Request> all(Milliseconds now);

private:
    void forget(Milliseconds now);
    std::mutex mutex_;
    std::map<std::string, Request> requests_; // by digest in hex; guarded by mutex_
};
inline constexpr Milliseconds kConfirmWithin{10 * 60'000};
inline constexpr std::size_t kWaitingMax = 64;

/// A command's result is JSON text.
struct Command {
    std::string name;
    std::string summary;
    Level level = Level::act;
    std::vector<crypto::ZoneRole> by;   // the administrators who may give it
    std::vector<std::string> arguments; // names; all others are refused
    std::function<Result<std::string>(const Person&, const std::map<std::string, std::string>& arguments)> run;
};

struct ManagementConfig {
    TlsServerConfig tls;
    std::string node;
    std::string organisation;
    std::string directory;                                     // for enrolled second factors
    std::vector<std::string> origins = {"127.0.0.0/8", "::1"}; // terminals that may give commands
    unsigned attempts = 5; // wrong signatures or codes, then the person is locked out
    unsigned lock_minutes = 15;
};

/// What a request comes to, apart from TLS. Thread-safe.
class CommandDesk {
public:
    /// `trail` and `clock` must outlive the desk. The commands "commands", "pending", "confirm", "enrol-second-factor" and
    /// "unlock" are its own.
    static Result<std::unique_ptr<CommandDesk>> open(const ManagementConfig& config, std::vector<Command> commands,
                                                     audit::Trail& trail, const Clock& clock);
    /// Every request is one event: accepted before it is done, or refused with the reason. What was accepted and then did not
    /// work is a second one, marked as failed.
    Result<std::string> take(const TlsRequest& request);

private:
    CommandDesk(const ManagementConfig& config, audit::Trail& trail, const Clock& clock);
    Result<std::string> judge_and_run(const TlsRequest& request, Person& person, std::string& command);
    Result<std::string> enrol(const Person& person);
    std::string list() const;
    std::string pending_list();
    Status record(const Person& person, const std::string& command, audit::Outcome outcome, std::string reason);

    const ManagementConfig config_;
    audit::Trail& trail_;
    const Clock& clock_;
    std::map<std::string, Command> commands_;
    std::unique_ptr<SecondFactors> factors_;
    ReplayGuard replays_;
    Lockout lockout_;
    Waiting waiting_;
};

class ManagementServer {
public:
    virtual ~ManagementServer() = default;
    virtual std::uint16_t port() const = 0;
    virtual Status reload() = 0;
    virtual void judge_again() = 0;
};
/// PortInUse, ZoneFileInvalid.
Result<std::unique_ptr<ManagementServer>> start_management(const ManagementConfig& config,
                                                           std::vector<Command> commands, audit::Trail& trail,
                                                           const Clock& clock);

/// {"error": {"code", "text"}} for an answer, and back.
std::string error_json(const Error& error);
/// The event of a refusal by TLS; `zone` is "management" or "regulator". Nobody has shown yet who they are, so the subject is
/// unknown; the object says whose certificate it was.
audit::Event refused_at_door(const std::string& zone, const TlsRefusal& refusal);

} // namespace cairn::zone
