#include "base/errors/cli.hpp"
#include "cli/invocation.hpp"
#include "execution/fixture.hpp"

#include <nlohmann/json.hpp>

#include <ostream>

namespace cairn::cli {
namespace {

using nlohmann::json;

std::string label(const execution::StateTestResult& result) {
    if (result.test.empty()) return result.file;
    return result.file + " " + result.test + " " + std::string{execution::name_of(result.revision)} + "/" +
           std::to_string(result.index);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Status state_test(Invocation& invocation) {
    const auto& terminal = invocation.terminal();
    execution::StateTestOptions options;
    if (const auto fork = invocation.flag("fork")) {
        options.revision = execution::revision_from_name(*fork);
        if (!options.revision)
            return fail(error::CliUsage, "--fork must be Cancun, Prague or Osaka, not \"" + *fork + "\"");
    }
    Progress progress(terminal, system_clock());
    progress.stage("Running fixtures");
    std::uint64_t seen = 0;
    const auto report =
        execution::run_state_tests(invocation.arguments(), options, [&](const execution::StateTestResult& result) {
            if (++seen % 256 == 0) progress.update(std::to_string(seen) + " cases");
            if (result.verdict == execution::Verdict::failed && !terminal.json)
                terminal.out << "FAILED " << printable(label(result)) << ": " << printable(result.reason) << '\n';
            if (result.verdict == execution::Verdict::skipped && invocation.has("skipped") && !terminal.json)
                terminal.out << "skipped " << printable(label(result)) << ": " << printable(first_line(result.reason))
                             << '\n';
        });
    progress.done();
    if (report.passed + report.failed + report.skipped == 0)
        return fail(error::CliNotFound, "no fixtures in the paths given");
    json failures = json::array();
    for (const auto& failure : report.failures)
        failures.push_back({{"file", failure.file},
                            {"test", failure.test},
                            {"fork", failure.test.empty() ? "" : execution::name_of(failure.revision)},
                            {"index", failure.index},
                            {"reason", first_line(failure.reason)}});
    // The last line is always this document, for people too.
    terminal.out << json{{"passed", report.passed},
                         {"failed", report.failed},
                         {"skipped", report.skipped},
                         {"failures", failures}}
                        .dump(-1, ' ', false, json::error_handler_t::replace)
                 << '\n';
    if (report.failed > 0)
        return fail(error::CliFixturesFailed,
                    std::to_string(report.failed) + " of " + std::to_string(report.passed + report.failed));
    return {};
}

} // namespace

void declare_state_test(CommandList& out) {
    out.push_back({.noun = "state-test",
                   .summary = "run Ethereum state-test fixtures against this EVM",
                   .details =
                       "Runs every case of the fixture files and folders and compares state root and log hash. The "
                       "last line is one JSON object: passed, failed, skipped, failures.",
                   .arguments = {{"PATH", "fixture file or folder", Need::one_or_more, {}, Completes::file}},
                   .flags = {{.name = "fork", .value = "F", .help = "only this fork: Cancun, Prague or Osaka"},
                             {.name = "skipped", .help = "name every skipped case"}},
                   .examples = {{"cairn state-test build/vectors/state-cancun --fork Cancun", ""}},
                   .run = state_test});
}

} // namespace cairn::cli
