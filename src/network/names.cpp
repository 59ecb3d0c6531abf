#include "network/names.hpp"

#include "base/errors/network.hpp"
#include "base/thread_name.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace cairn::network {

Result<Addresses> ask_system(const std::string& host) {
    boost::asio::io_context io;
    boost::system::error_code code;
    const auto found = boost::asio::ip::tcp::resolver(io).resolve(host, "", code);
    if (code) return fail(error::PeerUnreachable, host + ": " + code.message());
    Addresses out;
    for (const auto& entry : found) out.push_back(entry.endpoint().address());
    return out;
}

Names::~Names() {
    for (auto& [host, name] : names_)
        if (name.thread.joinable()) name.thread.join();
}

void Names::look_up(const std::string& host, Found found) {
    auto& name = names_[host];
    if (name.last.empty())
        name.waiting.push_back(std::move(found));
    else
        boost::asio::post(io_, [found = std::move(found), last = name.last] { found(last); });
    if (std::exchange(name.is_asked, true)) return;
    if (name.thread.joinable()) name.thread.join(); // to have answered was the last that it did
    name.thread = std::thread([this, host] {
        name_thread("names");
        boost::asio::post(io_, [this, host, answer = ask_(host)] { answered(host, answer); });
    });
}

void Names::answered(const std::string& host, const Result<Addresses>& answer) {
    auto& name = names_[host];
    name.is_asked = false;
    if (answer) name.last = *answer;
    for (const auto& found : std::exchange(name.waiting, {})) found(answer);
}

} // namespace cairn::network
