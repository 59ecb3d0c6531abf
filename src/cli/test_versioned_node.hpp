// A node as far as its control socket tells of its storage and backup keys.
#pragma once

#include "base/errors/storage.hpp"
#include "node/control.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cairn::cli {

/// Version i+1 of each key has the i-th state. It opens with all that are not destroyed, and makes a further one when it is told to.
class VersionedNode {
public:
    VersionedNode(const std::string& data_dir, const std::vector<std::string>& states) {
        become(states);
        socket_ =
            node::ControlSocket::listen(data_dir, [this](const std::string& line) { return answer(line); }).value();
    }
    void become(const std::vector<std::string>& states) {
        const std::lock_guard lock(mutex_);
        states_["storage-key"] = states_["backup-key"] = states;
    }
    std::vector<std::string> states(const std::string& noun) {
        const std::lock_guard lock(mutex_);
        return states_[noun];
    }

private:
    std::string answer(const std::string& line) {
        using nlohmann::json;
        const std::lock_guard lock(mutex_);
        auto& states = states_[line.substr(0, line.find(' '))];
        if (line.ends_with(" rotate")) {
            for (auto& state : states)
                if (state == "current") state = "superseded";
            states.emplace_back("current");
        }
        if (line.ends_with(" status") || line.ends_with(" rotate") || line.ends_with(" rewrap")) {
            json versions = json::array();
            for (std::size_t i = 0; i < states.size(); ++i)
                versions.push_back({{"version", i + 1}, {"state", states[i]}});
            return json{{"result", {{"versions", versions}}}}.dump();
        }
        const auto number = std::stoul(line.substr(line.rfind(' ')));
        const bool opens = states.at(number - 1) != "destroyed";
        const auto code = opens ? std::string_view{} : error_id(error::VaultKeyRetired);
        return json{{"result", {{"refused", !opens}, {"code", code}, {"detail", ""}}}}.dump();
    }

    std::mutex mutex_;
    std::map<std::string, std::vector<std::string>> states_; // guarded by mutex_
    std::unique_ptr<node::ControlSocket> socket_;
};

} // namespace cairn::cli
