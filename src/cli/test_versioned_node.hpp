// A node as far as its control socket tells of its storage and backup keys.
#pragma once

#include "base/errors/storage.hpp"
#include "node/control.hpp"

#include <nlohmann/json.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cairn::cli {

/// Version i+1 of each key has the i-th state. It opens with all that are not destroyed.
class VersionedNode {
public:
    VersionedNode(const std::string& data_dir, std::vector<std::string> states) : states_(std::move(states)) {
        socket_ =
            node::ControlSocket::listen(data_dir, [this](const std::string& line) { return answer(line); }).value();
    }
    void become(std::vector<std::string> states) {
        const std::lock_guard lock(mutex_);
        states_ = std::move(states);
    }

private:
    std::string answer(const std::string& line) {
        using nlohmann::json;
        const std::lock_guard lock(mutex_);
        if (line.ends_with(" status")) {
            json versions = json::array();
            for (std::size_t i = 0; i < states_.size(); ++i)
                versions.push_back({{"version", i + 1}, {"state", states_[i]}});
            return json{{"result", {{"versions", versions}}}}.dump();
        }
        const auto number = std::stoul(line.substr(line.rfind(' ')));
        const bool opens = states_.at(number - 1) != "destroyed";
        const auto code = opens ? std::string_view{} : error_id(error::VaultKeyRetired);
        return json{{"result", {{"refused", !opens}, {"code", code}, {"detail", ""}}}}.dump();
    }

    std::mutex mutex_;
    std::vector<std::string> states_;
    std::unique_ptr<node::ControlSocket> socket_;
};

} // namespace cairn::cli
