#include "rpc/fees.hpp"

#include "system/parameters.hpp"

namespace cairn::rpc {

Fees fees_of(const ledger::ChainParameters& parameters) {
    return {parameters.fee_mode == ledger::FeeMode::fixed ? parameters.fixed_gas_price : U256{}, U256{}};
}

RpcResult<Fees> next_fees(const node::Chain& chain) {
    const auto head = chain.head();
    CRN_TRY(view, lift(chain.state(head)));
    return fees_of(system::parameters_of(*view, head.next()));
}

} // namespace cairn::rpc
