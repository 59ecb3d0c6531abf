// Certificates for keys that are made where they are used: identity request, there, and identity sign, where the CA is.
#include "base/errors/cli.hpp"
#include "base/errors/crypto.hpp"
#include "cli/certificate_verbs.hpp"
#include "cli/files.hpp"
#include "cli/identity_chain.hpp"
#include "cli/keystore.hpp"
#include "cli/zone_files.hpp"
#include "crypto/certificate_request.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::string_view name_of(crypto::ClientKind kind) { return kind == crypto::ClientKind::person ? "person" : "app"; }

/// What `--role` has to be for this request to be signed.
std::string_view role_of(const crypto::CertificateRequest& asked) {
    if (asked.person) return crypto::name_of(asked.person->role);
    return asked.client ? name_of(asked.client->kind) : "node";
}

struct NewRequest {
    crypto::RequestedKey made;
    const char* stem; // of the key's file
};

Result<NewRequest> make_request(const Invocation& invocation, const std::string& organisation) {
    const auto& kind = invocation.argument(0);
    const auto& subject = invocation.argument(1);
    if (const auto role = person_role(kind)) {
        if (invocation.has("label") || invocation.flag_or("algorithm", "p256") != "p256")
            return fail(error::CliUsage, "of a " + kind + ", NAME stands in the certificate and the key is P-256");
        CRN_TRY(made, crypto::request_person_certificate(
                          {.role = *role, .organisation = organisation, .name = subject, .hosts = {}}));
        return NewRequest{std::move(made), "identity"};
    }
    CRN_TRY(account, parse_address(subject));
    CRN_TRY(algorithm, algorithm_of(invocation));
    const auto label = invocation.flag_or("label", to_hex(account));
    if (!is_folder_name(label)) return fail(error::CliUsage, "--label wants a name without slashes");
    const auto client = kind == "person" ? crypto::ClientKind::person : crypto::ClientKind::application;
    CRN_TRY(made, crypto::request_client_certificate(organisation, label, {client, account}, algorithm));
    return NewRequest{std::move(made), "tls"};
}

/// Where the key will be used: key and request are made there.
Status request(Invocation& invocation) {
    const auto organisation = invocation.flag("name");
    const auto out = invocation.flag("out");
    if (!organisation || !out)
        return fail(error::CliUsage, "missing --name or --out\n" + usage_of(invocation.command()));
    CRN_TRY(fresh, make_request(invocation, *organisation));
    CRN_TRY(asked, crypto::inspect_request(fresh.made.request_pem));
    const auto folder = absolute(*out);
    const auto key_file = folder + "/" + fresh.stem + ".key";
    if (exists(key_file)) return fail(error::CliFileExists, key_file);
    CRN_CHECK(make_directory(folder, Access::secret));
    CRN_CHECK(write_file(key_file, fresh.made.key_pem.view(), Access::secret, Existing::refuse));
    CRN_CHECK(write_file(folder + "/request.pem", fresh.made.request_pem, Access::shared, Existing::replace));
    const auto& terminal = invocation.terminal();
    if (terminal.json) {
        terminal.out << json{{"request", folder + "/request.pem"}, {"key_id", to_hex(asked.key_id)}}.dump(2) << '\n';
        return {};
    }
    print_fields(
        terminal,
        {{"key, which stays here", key_file}, {"request", folder + "/request.pem"}, {"key id", to_hex(asked.key_id)}});
    if (!terminal.quiet)
        terminal.err << "Next: give request.pem to the organisation's CA, and tell it the key id by another way: cairn "
                        "identity sign request.pem --role "
                     << role_of(asked) << " --key-id ID\n";
    return {};
}

/// A name stays with whom it was given to.
Status check_holder(const Invocation& invocation, const CertificateFolder& holder,
                    const crypto::CertificateRequest& asked) {
    const auto& old = holder.info;
    const bool same_role = holder.zone.has_value() == asked.person.has_value() &&
                           (!asked.person || holder.zone->role == asked.person->role);
    if (old.consensus_key != asked.consensus_key || old.client != asked.client || !same_role)
        return fail(error::CertificateRequestForeign, asked.common_name + " is the name of somebody else");
    if (old.key_id == asked.key_id) return {};
    if (exists(holder.key_file()))
        return fail(error::CliFileExists, holder.key_file() + ", of another key than the request's");
    // Nothing but the name says that it is the same person.
    if (asked.person && !invocation.flag("key-id"))
        return fail(error::CertificateRequestForeign,
                    holder.name + " has another key: say with --key-id that the new one is theirs too");
    return {};
}

/// Where the CA is: a request that came from elsewhere.
Status sign(Invocation& invocation) {
    CRN_TRY(directory, org_directory(invocation));
    CRN_TRY(days, invocation.number("days", kCertificateDays, 1, 825));
    CRN_TRY(pem, read_file(absolute(invocation.argument(0)), crypto::kRequestPemBytesMax));
    CRN_TRY(asked, crypto::inspect_request(pem));
    const auto role = invocation.flag("role");
    if (role && *role != role_of(asked))
        return fail(error::CertificateRequestForeign, "it is for the role " + std::string{role_of(asked)});
    if (!role && asked.person)
        return fail(error::CliUsage, "it asks for the power of a " + std::string{role_of(asked)} +
                                         ": say so with --role, if that is what it shall get");
    if (const auto text = invocation.flag("key-id"); text && *text != to_hex(asked.key_id))
        return fail(error::CertificateRequestForeign, "its key has the id " + to_hex(asked.key_id));
    if (!is_folder_name(asked.common_name))
        return fail(error::CertificateRequestInvalid, "the common name has a slash, or begins with a dot");
    CertificateFolder folder{.name = asked.common_name, .path = {}, .info = {}};
    if (asked.person) {
        const auto kind = persons_folder(asked.person->role);
        folder.name = kind + "/" + asked.common_name;
        folder.path = directory + "/" + folder.name;
        folder.stem = "identity";
    } else {
        folder.path = directory + (asked.consensus_key ? "/validators/" : "/identities/") + asked.common_name;
    }
    if (exists(folder.certificate_file())) {
        CRN_TRY(holder, folder_at(directory, folder.certificate_file()));
        CRN_CHECK(check_holder(invocation, holder, asked));
    }
    CRN_TRY(ca, read_ca(directory, ca_passphrase(invocation)));
    CRN_TRY(validity, validity_of(ca, days));
    CRN_TRY(issued, crypto::issue_from_request(ca, pem, validity, crypto::system_random()));
    CRN_CHECK(make_directory(folder.path, Access::secret));
    if (exists(folder.certificate_file()))
        CRN_CHECK(keep_replaced_certificate(folder.certificate_file(), asked.key_id));
    if (asked.person)
        CRN_CHECK(write_file(folder.path + "/ca.pem", ca.certificate_pem, Access::shared, Existing::replace));
    else
        issued += ca.certificate_pem;
    CRN_CHECK(write_file(folder.certificate_file(), issued, Access::shared, Existing::replace));
    CRN_TRY(made, folder_at(directory, folder.certificate_file()));
    print_certificates(invocation, {made});
    if (!invocation.terminal().quiet && !invocation.json())
        invocation.terminal().err << "Next: put " << (asked.person ? "ca.pem and identity.pem" : "tls.pem")
                                  << " beside the key that it is for.\n";
    return {};
}

} // namespace

void declare_requests(CommandList& out) {
    out.push_back(
        {.noun = "identity",
         .verb = "request",
         .summary = "make a TLS key where it is used, and the request for its certificate",
         .details =
             "The key never leaves DIR; request.pem (PKCS#10) goes to the organisation's CA. What travels can be "
             "replaced on its way: tell the CA the key id by another way. Persons and applications are clients of the "
             "chain, with an account; administrators and regulators enter the zones of nodes, with a name, and DIR "
             "becomes what `--identity` of their commands wants once ca.pem and identity.pem are in it.",
         .arguments = {{"KIND",
                        "person, app, or the power that is asked for",
                        Need::one,
                        {"person", "app", "system-administrator", "security-administrator", "audit-administrator",
                         "regulator"}},
                       {"SUBJECT", "the account of a person or an application, otherwise the name"}},
         .flags = {{.name = "name", .value = "ORGANISATION", .help = "whose CA is to sign (required)"},
                   {.name = "out",
                    .value = "DIR",
                    .help = "where the key and request.pem go (required)",
                    .completes = Completes::directory},
                   algorithm_flag(),
                   {.name = "label",
                    .value = "NAME",
                    .help = "pseudonym of a person or an application in the certificate (default: the address)"}},
         .examples = {{"cairn identity request app 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --name Alpha --out ./me",
                       ""},
                      {"cairn identity request system-administrator alice --name Alpha --out ./alice", ""}},
         .run = request});
    out.push_back(
        {.noun = "identity",
         .verb = "sign",
         .summary = "issue the certificate that a request asks for",
         .details =
             "Runs where the organisation's ca.key is. A request is refused if it is not signed by its own key, is "
             "of another organisation, another role or another kind of key, asks for more than a name, or is over a "
             "limit. A name stays with the account, the validator or the role that it was first given to. The "
             "certificate comes to DIR/identities/LABEL or, of a validator (`cairn signer request`), "
             "DIR/validators/NAME, or DIR/administrators/NAME or DIR/regulators/NAME; `cairn org renew` renews it "
             "there "
             "for the same key.",
         .arguments = {{"REQUEST", "PEM file", Need::one, {}, Completes::file}},
         .flags = {org_flag(),
                   days_flag(),
                   ca_passphrase_flag(),
                   {.name = "role",
                    .value = "ROLE",
                    .help = "what the certificate shall be for; a request for something else is refused (required for "
                            "administrators and regulators)",
                    .choices = {"person", "app", "node", "system-administrator", "security-administrator",
                                "audit-administrator", "regulator"}},
                   {.name = "key-id",
                    .value = "ID",
                    .help = "SHA-256 of the key, as who made the request tells it; another is refused"}},
         .examples = {{"cairn identity sign request.pem --org ./Alpha", ""},
                      {"cairn identity sign alice.pem --role system-administrator --org ./Alpha", ""}},
         .run = sign});
}

} // namespace cairn::cli
