// The regulator zone: what a regulator may read of a node, over a listener of its own, each question an event of the audit
// log. Nothing can be changed from here.
#pragma once

#include "audit/trail.hpp"
#include "storage/file.hpp"
#include "zone/tls_server.hpp"

#include <functional>
#include <map>
#include <string>

namespace cairn::zone {

/// Arguments are texts; the answer is JSON text.
using Question = std::function<Result<std::string>(const std::map<std::string, std::string>& arguments)>;

struct RegulatorConfig {
    TlsServerConfig tls;
    std::string node;
    std::string audit_directory;
    std::vector<std::string> origins = {"127.0.0.0/8", "::1"};
};

class RegulatorServer {
public:
    virtual ~RegulatorServer() = default;
    virtual std::uint16_t port() const = 0;
    virtual Status reload() = 0;
    virtual void judge_again() = 0;
};

/// Body of a request: JSON {"question": text, "arguments": {name: text}}. The questions "audit-records" and "audit-events" are
/// its own: signed records page by page (cursor, limit), and events by filter (from, to, subject, action, object, result,
/// limit). `files`, `trail` and `clock` must outlive the server. PortInUse, ZoneFileInvalid.
Result<std::unique_ptr<RegulatorServer>> start_regulator(const RegulatorConfig& config,
                                                         std::map<std::string, Question> questions,
                                                         storage::FileSystem& files, audit::Trail& trail);

} // namespace cairn::zone
