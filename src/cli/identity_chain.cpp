#include "cli/identity_chain.hpp"

#include "base/errors/cli.hpp"
#include "cli/dev_state.hpp"
#include "cli/files.hpp"
#include "cli/keystore.hpp"
#include "cli/transact.hpp"
#include "crypto/hash.hpp"
#include "ledger/selector.hpp"

#include <algorithm>

namespace cairn::cli {

using codec::AbiValue;
using nlohmann::json;

Bytes identity_call(std::string_view signature, const AbiValue::List& values) {
    const auto selector = ledger::selector_of(signature);
    Bytes out{selector.begin(), selector.end()};
    append(out, codec::abi_encode(signature.substr(signature.find('(')), values).value());
    return out;
}

Result<AbiValue::List> ask(RpcClient& rpc, const Address& contract, std::string_view signature,
                           const AbiValue::List& values, std::string_view outputs) {
    const auto data = to_hex(identity_call(signature, values));
    CRN_TRY(answer, rpc.call("eth_call", {{{"to", to_hex(contract)}, {"data", data}}, "latest"}));
    const auto bytes = answer.is_string() ? from_hex(answer.get<std::string>()) : std::nullopt;
    if (!bytes || bytes->empty())
        return fail(error::CliRpcInvalid, rpc.url() + " has no Identities contract: it is not a Cairn node");
    auto decoded = codec::abi_decode(outputs, *bytes);
    if (!decoded) return fail(error::CliRpcInvalid, "the answer of Identities is malformed");
    return *std::move(decoded);
}

Result<json> tell_identities(const Invocation& invocation, RpcClient& rpc, const Sender& sender, Bytes data) {
    auto done =
        transact(invocation, rpc, sender,
                 {.to = ledger::kIdentitiesContract, .data = std::move(data), .value = {}, .gas = {}, .nonce = {}});
    if (done || done.error().code != error::CliReverted) return done;
    constexpr std::string_view kErrors[] = {"NotRegistrar(address)",
                                            "NotAdministrator(address)",
                                            "FieldInvalid(string)",
                                            "AlreadyBound(address,uint256)",
                                            "NotBoundHere(address)",
                                            "CaKnown(bytes32)",
                                            "CaUnknown(bytes32)",
                                            "TooManyCas(uint256)",
                                            "LastCa()",
                                            "AlreadyRevoked(bytes32,uint64)"};
    for (const auto& signature : kErrors) {
        const auto selector = ledger::selector_of(signature);
        if (rpc.revert_data().starts_with(to_hex(BytesView{selector})))
            return fail(error::CliReverted, "Identities: " + std::string(signature.substr(0, signature.find('('))));
    }
    return done;
}

Result<std::uint64_t> organisation_index(RpcClient& rpc, const std::string& name) {
    CRN_TRY(found, ask(rpc, ledger::kMembersContract, "organisationByName(string)", {name},
                       "(uint256,(string,address,bool,bytes32,string))"));
    return found[0].number().low();
}

Result<ChainIdentity> identity_on_chain(RpcClient& rpc, const Address& account) {
    CRN_TRY(binding, ask(rpc, ledger::kIdentitiesContract, "bindingOf(address)", {account},
                         "((uint32,uint8,bool,bool,uint64,uint64,bytes32))"));
    CRN_TRY(standing, ask(rpc, ledger::kIdentitiesContract, "standing(address)", {account}, "(uint8)"));
    ChainIdentity out;
    const auto& fields = binding[0].list();
    out.standing = static_cast<ledger::Standing>(std::min<std::uint64_t>(standing[0].number().low(), 4));
    const auto kind = fields[1].number().low();
    if (kind == 0) {
        CRN_TRY(administered, ask(rpc, ledger::kMembersContract, "organisationOf(address)", {account}, "(string)"));
        out.organisation = administered[0].as_text();
        return out;
    }
    out.identity = ledger::AccountIdentity{.organisation = static_cast<std::uint32_t>(fields[0].number().low()),
                                           .kind = static_cast<ledger::IdentityKind>(kind),
                                           .is_suspended = fields[2].as_bool(),
                                           .is_registrar = fields[3].as_bool(),
                                           .bound_at = fields[4].number().low(),
                                           .expires = fields[5].number().low()};
    out.commitment = fields[6].as_hash();
    CRN_TRY(organisation, ask(rpc, ledger::kMembersContract, "organisation(uint256)", {fields[0]},
                              "((string,address,bool,bytes32,string))"));
    out.organisation = organisation[0].list()[0].as_text();
    return out;
}

FlagSpec org_flag() {
    return {.name = "org",
            .value = "DIR",
            .help = "the organisation's directory (default: that of the development network's first node)",
            .completes = Completes::directory};
}

Result<std::string> org_directory(const Invocation& invocation) {
    if (const auto given = invocation.flag("org")) return absolute(*given);
    const auto state = read_dev_state(dev_dir(invocation));
    if (!state || state->nodes.empty())
        return fail(error::CliUsage, "missing --org DIR\n" + usage_of(invocation.command()));
    return state->directory + "/organisations/" + dev_folder_name(state->nodes.front().organisation);
}

Result<Sender> registrar_of(const Invocation& invocation, const std::string& directory) {
    if (invocation.has("key-file") || invocation.has("from")) return choose_sender(invocation);
    CRN_TRY(text, read_secret_file(directory + "/administrator.key"));
    auto key = parse_account_secret(text);
    wipe(text);
    if (!key) return fail(key.error().code, directory + "/administrator.key");
    CRN_TRY(address, address_of(*key));
    return Sender{address, *key};
}

} // namespace cairn::cli
