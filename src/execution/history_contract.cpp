#include "execution/history_contract.hpp"

namespace cairn::execution {

void record_parent_hash(evm::State& state, std::uint64_t number, const Hash256& parent_hash) {
    if (number == 0 || state.code(kHistoryContract)->empty()) return;
    state.set_storage(kHistoryContract, U256{(number - 1) % kHistoryWindow}, from_big_endian(parent_hash));
    state.finish_transaction();
}

} // namespace cairn::execution
