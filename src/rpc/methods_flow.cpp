// What flow control does: budgets of organisations, peers and clients, and who is banned.
#include "rpc/json_writer.hpp"
#include "rpc/method.hpp"

namespace cairn::rpc {
namespace {

Answer flow(Context& context, const Parameters&) {
    const auto status = context.chain.flow();
    JsonWriter out;
    out.begin_object();
    out.key("organisations").begin_array();
    for (const auto& organisation : status.organisations) {
        out.begin_object();
        out.key("name").text(organisation.name);
        out.key("share").number(organisation.share);
        out.key("transactions").number(organisation.transactions);
        out.key("transactionsGuaranteed").number(organisation.transactions_guaranteed);
        out.key("bytes").number(organisation.bytes);
        out.key("bytesGuaranteed").number(organisation.bytes_guaranteed);
        out.key("gas").number(organisation.gas);
        out.key("gasGuaranteed").number(organisation.gas_guaranteed);
        out.key("queued").number(organisation.queued);
        out.key("refused").number(organisation.refused);
        out.key("evicted").number(organisation.evicted);
        out.end_object();
    }
    out.end_array();
    out.key("lane").begin_object();
    out.key("window").number(status.lane_window);
    out.key("inFlight").number(status.lane_in_flight);
    out.end_object();
    out.key("peers").begin_array();
    for (const auto& peer : status.peers) {
        out.begin_object();
        out.key("name").text(peer.name);
        out.key("readPauses").number(peer.paused);
        out.key("messagesRefused").number(peer.inbox_refused);
        out.key("requestsRefused").number(peer.requests_refused);
        out.key("banScore").number(peer.score);
        out.end_object();
    }
    out.end_array();
    out.key("handshakes").begin_object();
    out.key("accepted").number(status.handshakes_accepted);
    out.key("throttled").number(status.handshakes_throttled);
    out.key("halfOpenEvicted").number(status.half_open_evicted);
    out.end_object();
    out.key("hotSpots").begin_array();
    for (const auto& spot : status.hot_spots) {
        out.begin_object();
        out.key("contract").hex(spot.contract);
        out.key("transactions").number(spot.transactions);
        out.key("gas").number(spot.gas);
        out.end_object();
    }
    out.end_array();
    out.key("rpc");
    if (context.flow_report != nullptr && *context.flow_report)
        (*context.flow_report)(out);
    else
        out.null();
    out.end_object();
    return out.take();
}

Answer bans(Context& context, const Parameters&) {
    JsonWriter out;
    out.begin_array();
    for (const auto& ban : context.chain.flow().bans) {
        out.begin_object();
        out.key("kind").text(ban.kind == node::Ban::Kind::peer ? "peer" : "source");
        out.key("name").text(ban.name);
        out.key("address").text(ban.address);
        out.key("reason").text(ban.reason);
        out.key("secondsLeft").number(ban.seconds_left);
        out.end_object();
    }
    out.end_array();
    return out.take();
}

} // namespace

void add_flow_methods(MethodTable& table) {
    table["cairn_flow"] = {Cost::quick, 0, 0, flow};
    table["cairn_bans"] = {Cost::quick, 0, 0, bans};
}

} // namespace cairn::rpc
