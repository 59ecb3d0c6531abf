#include "ledger/history_contract.hpp"

namespace cairn::ledger {

GenesisAccount history_contract_account() {
    GenesisAccount account;
    account.nonce = 1;
    account.code =
        *from_hex("0x3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257"
                  "611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500");
    return account;
}

} // namespace cairn::ledger
