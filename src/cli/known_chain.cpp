#include "cli/known_chain.hpp"

#include "base/errors/cli.hpp"
#include "cli/files.hpp"

namespace cairn::cli {

using nlohmann::json;

Result<ledger::ValidatorSet> KnownChain::of(Epoch epoch) const {
    for (const auto& known : epochs)
        if (known.validators.epoch == epoch) return known.validators;
    return fail(error::CliPrecondition,
                "it is of epoch " + std::to_string(epoch.value) + ", and what was given leads to epoch " +
                    std::to_string(present().epoch.value) +
                    ": get the file of handovers (cairn validator handovers --out FILE) and give it with --handovers");
}

Result<KnownChain> known_chain(ledger::Genesis genesis, const std::optional<std::string>& handovers_file) {
    ledger::HandoverChain chain{
        .chain_id = genesis.parameters.chain_id, .genesis = ledger::hash_of(genesis), .handovers = {}};
    if (handovers_file) {
        CRN_TRY(text, read_file(*handovers_file, ledger::kHandoversBytesMax));
        CRN_TRY(read, ledger::handovers_from_json(text));
        chain = std::move(read);
    }
    CRN_TRY(epochs, ledger::follow_handovers(genesis, chain));
    return KnownChain{std::move(genesis), std::move(epochs)};
}

Result<KnownChain> known_chain(const Invocation& invocation) {
    const auto file = invocation.flag("genesis");
    if (!file) return fail(error::CliUsage, "missing --genesis GENESIS\n" + usage_of(invocation.command()));
    CRN_TRY(text, read_file(*file, ledger::kGenesisBytesMax));
    CRN_TRY(genesis, ledger::genesis_from_json(text));
    CRN_CHECK(ledger::verify_signatures(genesis));
    return known_chain(std::move(genesis), invocation.flag("handovers"));
}

FlagSpec handovers_flag() {
    return {.name = "handovers",
            .value = "FILE",
            .help = "the validators since genesis, from `cairn validator handovers`; without it only genesis' count",
            .completes = Completes::file};
}

Result<ledger::HandoverChain> fetch_handovers(RpcClient& rpc) {
    std::optional<ledger::HandoverChain> out;
    for (;;) {
        const auto from = out ? out->handovers.size() : 0;
        CRN_TRY(answer, rpc.call("cairn_getHandovers", {to_quantity(U256{from})}));
        CRN_TRY(page, ledger::handovers_from_json(answer.dump(2) + "\n"));
        if (out && (page.chain_id != out->chain_id || page.genesis != out->genesis))
            return fail(error::CliRpcInvalid, rpc.url() + " tells of two chains");
        if (!out)
            out = std::move(page);
        else if (page.handovers.empty())
            return std::move(*out);
        else
            out->handovers.insert(out->handovers.end(), page.handovers.begin(), page.handovers.end());
        if (out->handovers.empty()) return std::move(*out);
        if (out->handovers.size() > ledger::kHandoversMax)
            return fail(error::CliRpcInvalid, rpc.url() + " tells of more epochs than a file can hold");
    }
}

} // namespace cairn::cli
