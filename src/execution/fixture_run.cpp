#include "base/errors/execution.hpp"
#include "execution/fixture.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace cairn::execution {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) return fail(error::FixtureInvalid, path.string() + " cannot be read");
    const auto size = static_cast<std::size_t>(std::max<std::streamoff>(in.tellg(), 0));
    if (size > kFixtureBytesMax) return fail(error::FixtureInvalid, path.string() + " is over 256 MiB");
    std::string out(size, '\0');
    in.seekg(0);
    if (!in.read(out.data(), static_cast<std::streamsize>(size)))
        return fail(error::FixtureInvalid, path.string() + " cannot be read");
    return out;
}

std::vector<fs::path> files_under(const std::string& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) return {path};
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(path, error))
        if (entry.path().extension() == ".json" && entry.is_regular_file(error)) out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
}

class Run {
public:
    Run(const StateTestOptions& options, const std::function<void(const StateTestResult&)>& sink)
        : options_(options), sink_(sink) {}

    void file(const fs::path& path) {
        const auto name = path.generic_string();
        if (std::ranges::any_of(options_.without, [&](std::string_view end) { return name.ends_with(end); })) return;
        auto text = read_file(path);
        auto tests = text ? parse_state_tests(*text) : std::unexpected(text.error());
        if (!tests) {
            take(
                {name, "", options_.revision.value_or(evm::Revision::osaka), 0, Verdict::failed, tests.error().text()});
            return;
        }
        for (const auto& test : *tests)
            for (const auto& test_case : test.cases)
                if (!options_.revision || test_case.revision == *options_.revision) run(name, test, test_case);
    }

    StateTestReport take_report() { return std::move(report_); }

private:
    void run(const std::string& file, const StateTest& test, const StateTestCase& test_case) {
        auto result = run_state_test_case(test, test_case);
        take({file, test.name, test_case.revision, test_case.index, result.verdict, std::move(result.reason)});
    }

    void take(StateTestResult result) {
        if (sink_) sink_(result);
        switch (result.verdict) {
        case Verdict::passed: ++report_.passed; break;
        case Verdict::skipped: ++report_.skipped; break;
        case Verdict::failed:
            ++report_.failed;
            report_.failures.push_back(std::move(result));
            break;
        }
    }

    const StateTestOptions& options_;
    const std::function<void(const StateTestResult&)>& sink_;
    StateTestReport report_;
};

} // namespace

StateTestReport run_state_tests(const std::vector<std::string>& paths, const StateTestOptions& options,
                                const std::function<void(const StateTestResult&)>& sink) {
    Run run(options, sink);
    for (const auto& path : paths)
        for (const auto& file : files_under(path)) run.file(file);
    return run.take_report();
}

} // namespace cairn::execution
