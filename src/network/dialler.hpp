// Which peers this node dials, where they are, and when it tries again. For this folder's .cpp files only.
#pragma once

#include "network/names.hpp"
#include "network/renewal.hpp"
#include "network/seats.hpp"

namespace cairn::network {

/// On the network's thread.
class Dialler {
public:
    /// Begins a connection to any of the endpoints.
    using Connect = std::function<void(ValidatorIndex, Stream, const std::vector<boost::asio::ip::tcp::endpoint>&)>;
    /// All must outlive it.
    Dialler(boost::asio::io_context& io, const NetworkConfig& config, Seats& seats, const Renewal& renewal,
            Connect connect)
        : config_(config), seats_(seats), renewal_(renewal), connect_(std::move(connect)), names_(io) {}

    /// Between two nodes the one of lower name dials.
    bool we_dial(ValidatorIndex peer) const;
    /// Whoever is not connected: at once, or after a while if it should dial.
    void dial_all();
    /// A connection to the peer came to nothing, or has ended: tries again, if it should.
    void failed(ValidatorIndex peer, Stream stream, const Error& error);
    /// A connection from the peer has ended: dials after a while, if it should have come back by then.
    void lost(ValidatorIndex peer, Stream stream);
    void stop() { stopped_ = true; }

private:
    bool we_wait_for(ValidatorIndex peer) const;
    const std::string& own_name() const;
    void dial(ValidatorIndex peer, Stream stream);
    void dial_after(ValidatorIndex peer, Stream stream, Milliseconds pause);

    const NetworkConfig& config_;
    Seats& seats_;
    const Renewal& renewal_;
    const Connect connect_;
    bool stopped_ = false;
    Names names_;
};

} // namespace cairn::network
