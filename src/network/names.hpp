// Addresses of peers that are known by a name. Each name is asked for on a thread of its own, so a name server that gives no answer holds up
// the peers that it names and nobody else; and until it answers, what it said last is used. For this folder's .cpp files only.
#pragma once

#include "base/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>

#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace cairn::network {

using Addresses = std::vector<boost::asio::ip::address>;

/// By the system's resolver; waits for it. PeerUnreachable.
Result<Addresses> ask_system(const std::string& host);

/// On the thread that runs `io`.
class Names {
public:
    using Ask = std::function<Result<Addresses>(const std::string& host)>;
    using Found = std::function<void(const Result<Addresses>&)>;
    /// `ask` is called by one thread at a time for each name. `io` must outlive it.
    explicit Names(boost::asio::io_context& io, Ask ask = ask_system) : io_(io), ask_(std::move(ask)) {}
    /// Waits for the answers that are asked for.
    ~Names();
    Names(const Names&) = delete;
    Names& operator=(const Names&) = delete;

    /// Calls `found` later. If the name has been answered before, soon, and asks anew besides.
    void look_up(const std::string& host, Found found);

private:
    struct Name {
        Addresses last; // answer that was one
        std::vector<Found> waiting;
        bool is_asked = false;
        std::thread thread;
    };
    void answered(const std::string& host, const Result<Addresses>& answer);

    boost::asio::io_context& io_;
    const Ask ask_;
    std::map<std::string, Name> names_; // as many as peers have had
};

} // namespace cairn::network
