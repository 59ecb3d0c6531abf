#include "execution/history_contract.hpp"

namespace cairn::execution {

constinit const Address kHistoryContract{{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5, 0x3a, 0x10, 0xcb,
                                          0x7a, 0x02, 0x33, 0x5b, 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};

ledger::GenesisAccount history_contract_account() {
    ledger::GenesisAccount account;
    account.nonce = 1;
    account.code = *from_hex("0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257"
                             "611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500");
    return account;
}

void add_history_contract(std::map<Address, ledger::GenesisAccount>& accounts) {
    accounts.try_emplace(kHistoryContract, history_contract_account());
}

void record_parent_hash(evm::State& state, std::uint64_t number, const Hash256& parent_hash) {
    if (number == 0 || state.code(kHistoryContract)->empty()) return;
    state.set_storage(kHistoryContract, U256{(number - 1) % kHistoryWindow}, from_big_endian(parent_hash));
    state.finish_transaction();
}

} // namespace cairn::execution
