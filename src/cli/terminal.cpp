#include "cli/terminal.hpp"

#include "base/bytes.hpp"
#include "base/errors/audit.hpp"
#include "base/errors/cli.hpp"
#include "base/errors/consensus.hpp"
#include "base/errors/crypto.hpp"
#include "base/errors/keys.hpp"
#include "base/errors/ledger.hpp"
#include "base/errors/network.hpp"
#include "base/errors/node.hpp"
#include "base/errors/signer.hpp"
#include "base/errors/state.hpp"
#include "base/errors/storage.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <iostream>

namespace cairn::cli {
namespace {

std::string padded(std::string_view text, std::size_t width, bool right) {
    const auto used = display_width(text);
    const std::string space(width > used ? width - used : 0, ' ');
    return right ? space + std::string{text} : std::string{text} + space;
}

/// A cell of tab-separated output must not contain a tab or a line end.
std::string one_cell(std::string_view text) {
    std::string out{text};
    std::replace_if(out.begin(), out.end(), [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
    return out;
}

std::string seconds_text(Microseconds span) {
    const auto tenths = span.count() / 100'000;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

} // namespace

std::string Terminal::styled(Style style, std::string_view text) const {
    const char* code = nullptr;
    switch (style) {
    case Style::plain: break;
    case Style::bold: code = "1"; break;
    case Style::dim: code = "2"; break;
    case Style::red: code = "31"; break;
    case Style::green: code = "32"; break;
    case Style::yellow: code = "33"; break;
    }
    if (!colour || !code) return std::string{text};
    return "\x1b[" + std::string{code} + "m" + std::string{text} + "\x1b[0m";
}

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
    for (auto& heading : headings_) {
        right_.push_back(heading.starts_with('>'));
        if (right_.back()) heading.erase(0, 1);
    }
}

void Table::row(std::vector<std::string> cells) {
    cells.resize(headings_.size());
    for (auto& cell : cells) cell = printable(cell);
    rows_.push_back(std::move(cells));
}

void Table::print(const Terminal& terminal) const {
    if (!terminal.out_is_tty) {
        for (const auto& cells : rows_)
            for (std::size_t i = 0; i < cells.size(); ++i)
                terminal.out << one_cell(cells[i]) << (i + 1 == cells.size() ? '\n' : '\t');
        return;
    }
    std::vector<std::size_t> widths;
    for (const auto& heading : headings_) widths.push_back(display_width(heading));
    for (const auto& cells : rows_)
        for (std::size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], display_width(cells[i]));

    const auto line = [&](const std::vector<std::string>& cells, Style style) {
        std::string text;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const bool last = i + 1 == cells.size();
            text += last && !right_[i] ? cells[i] : padded(cells[i], widths[i], right_[i]);
            if (!last) text += "  ";
        }
        terminal.out << terminal.styled(style, text) << '\n';
    };
    line(headings_, Style::dim);
    for (const auto& cells : rows_) line(cells, Style::plain);
}

void print_fields(const Terminal& terminal, const std::vector<std::pair<std::string, std::string>>& fields) {
    std::size_t width = 0;
    for (const auto& [name, value] : fields) width = std::max(width, display_width(name) + 1);
    for (const auto& [name, value] : fields) {
        if (terminal.out_is_tty)
            terminal.out << terminal.styled(Style::dim, padded(name + ":", width, false)) << "  " << printable(value)
                         << '\n';
        else
            terminal.out << one_cell(name) << '\t' << one_cell(printable(value)) << '\n';
    }
}

Progress::Progress(const Terminal& terminal, const Clock& clock) : terminal_(terminal), clock_(clock) {}

Progress::~Progress() {
    // A failure leaves the line as it is, so that the stage that failed stays visible above the error.
    if (!stage_.empty() && terminal_.err_is_tty && !terminal_.quiet) terminal_.err << '\n' << std::flush;
}

void Progress::stage(std::string_view name) {
    done();
    stage_ = name;
    started_ = clock_.monotonic();
    if (terminal_.quiet) return;
    if (terminal_.err_is_tty) terminal_.err << stage_ << " ..." << std::flush;
}

void Progress::update(std::string_view state) {
    if (terminal_.quiet || !terminal_.err_is_tty || stage_.empty()) return;
    terminal_.err << "\r\x1b[K" << stage_ << " ... " << state << std::flush;
}

void Progress::done() {
    if (stage_.empty()) return;
    if (!terminal_.quiet) {
        if (terminal_.err_is_tty) terminal_.err << "\r\x1b[K";
        terminal_.err << stage_ << " (" << seconds_text(clock_.monotonic() - started_) << ")\n" << std::flush;
    }
    stage_.clear();
}

const std::vector<ExitMeaning>& exit_meanings() {
    static const std::vector<ExitMeaning> meanings = {
        {Exit::ok, "done"},
        {Exit::failed, "failed: the request was understood but did not work"},
        {Exit::usage, "wrong usage: flags, arguments or a configuration file"},
        {Exit::not_found, "not found: no such block, transaction, account, record or network"},
        {Exit::not_permitted, "not permitted: wrong passphrase or file permissions"},
        {Exit::conflict, "conflict: the file exists, the port is taken, the network already runs"},
        {Exit::time_out, "time-out: the result was not there in time"},
        {Exit::unreachable, "unreachable: no node answers"},
        {Exit::verification, "verification failed: proof, signature, certificate or stored data is not what it claims"},
        {Exit::interrupted, "interrupted by the user"},
    };
    return meanings;
}

Exit exit_of(ErrorCode code) {
    switch (code) {
    case error::CliUsage:
    case error::CliConfigInvalid:
    case error::CliNoAccount:
    case error::CliPassphraseMissing:
    case error::SignerPassphraseMissing:
    case error::CliAbiArgument:
    case error::AuditQueryInvalid:
    case error::CliFileInvalid: return Exit::usage;
    case error::CliNotFound:
    case error::AuditNoSuchLog:
    case error::CliDevAbsent: return Exit::not_found;
    case error::CliPassphraseWrong:
    case error::CaPassphraseWrong:
    case error::SealedKeysWrong:
    case error::TokenPinWrong:
    case error::TokenPinLocked:
    case error::CliSecretExposed: return Exit::not_permitted;
    case error::CliFileExists:
    case error::CliDevRunning:
    case error::CliPrecondition:
    case error::PortInUse:
    case error::SignerBusy:
    case error::KeyStillUsed:
    case error::StorageLocked: return Exit::conflict;
    case error::CliTimedOut: return Exit::time_out;
    case error::CliRpcUnreachable:
    case error::NodeUnreachable:
    case error::PeerUnreachable: return Exit::unreachable;
    case error::SignatureInvalid:
    case error::CliPackInvalid:
    case error::CertificateInvalid:
    case error::CertificateForeign:
    case error::CertificateNoQuorum:
    case error::GenesisUnsigned:
    case error::EvidenceInvalid:
    case error::EvidencePackInvalid:
    case error::ProofInvalid:
    case error::HandoverInvalid:
    case error::SignatureContradicts:
    case error::SignerRolledBack:
    case error::SignerStateDamaged:
    case error::StorageCorrupt:
    case error::SegmentCorrupt:
    case error::AuditTampered:
    case error::AuditForeign:
    case error::AuditStreamBroken:
    case error::CipherDamaged:
    case error::CipherPlain:
    case error::RegistryDamaged:
    case error::ShareDamaged:
    case error::ShareMixed:
    case error::StateDiverged: return Exit::verification;
    case error::CliInterrupted: return Exit::interrupted;
    default: return Exit::failed;
    }
}

void print_error(const Terminal& terminal, const Error& error) {
    const auto& info = error_info(error.code);
    const auto detail = printable(error.detail);
    if (terminal.json) {
        const nlohmann::json document = {{"error",
                                          {{"what", info.title},
                                           {"where", detail},
                                           {"why", info.cause},
                                           {"next", info.next},
                                           {"code", info.id},
                                           {"exit", static_cast<int>(exit_of(error.code))}}}};
        terminal.err << document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
        return;
    }
    terminal.err << terminal.styled(Style::red, "Error:") << ' ' << terminal.styled(Style::bold, info.title) << '\n';
    const auto line = [&](std::string_view name, std::string_view text) {
        if (text.empty()) return;
        std::string indented;
        for (const char c : text) {
            indented += c;
            if (c == '\n') indented += "         ";
        }
        terminal.err << "  " << padded(std::string{name} + ":", 7, false) << indented << '\n';
    };
    line("Where", detail);
    line("Why", info.cause);
    line("Next", info.next);
    line("Code", std::string{info.id} + "  (cairn docs errors " + std::string{info.id} + ")");
}

} // namespace cairn::cli
