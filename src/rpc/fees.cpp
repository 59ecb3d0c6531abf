#include "rpc/fees.hpp"

namespace cairn::rpc {

Fees fees_of(const ledger::ChainParameters& parameters) {
    return {parameters.fee_mode == ledger::FeeMode::fixed ? parameters.fixed_gas_price : U256{}, U256{}};
}

} // namespace cairn::rpc
