// Where a command writes: data to `out`, talk to `err`. Tables are aligned for people and tab-separated for
// programs.
#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::cli {

enum class Style { plain, bold, dim, red, green, yellow };

struct Terminal {
    std::ostream& out;
    std::ostream& err;
    bool out_is_tty = false;
    bool err_is_tty = false;
    bool in_is_tty = false;
    bool colour = false; // already decided from --color, NO_COLOR, TERM and the kind of stdout
    bool quiet = false;  // no progress, no hints
    bool json = false;

    /// `text` in a style if colours are on.
    std::string styled(Style style, std::string_view text) const;
};

/// Columns that `text` takes on a terminal: East-Asian wide characters count two, combining marks none. Bytes
/// that are not UTF-8 count one each.
std::size_t display_width(std::string_view text);
/// `text` without control characters, so that data from outside cannot drive the terminal.
std::string printable(std::string_view text);

class Table {
public:
    /// A heading that starts with '>' is of a column of numbers, set flush right.
    explicit Table(std::vector<std::string> headings);
    void row(std::vector<std::string> cells);
    /// Aligned with headings on a terminal; tab-separated without headings elsewhere.
    void print(const Terminal& terminal) const;

private:
    std::vector<std::string> headings_;
    std::vector<bool> right_;
    std::vector<std::vector<std::string>> rows_;
};

/// "name:  value" lines for people, "name<TAB>value" for programs.
void print_fields(const Terminal& terminal, const std::vector<std::pair<std::string, std::string>>& fields);

/// Tells on stderr what long work is doing: one line that changes on a terminal, one line per stage
/// elsewhere.
class Progress {
public:
    Progress(const Terminal& terminal, const Clock& clock);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// Ends the stage before, if any, and starts this one.
    void stage(std::string_view name);
    /// How far the stage is, e.g. "120 of 500". Shown on a terminal only.
    void update(std::string_view state);
    /// Ends the stage with its elapsed time.
    void done();

private:
    const Terminal& terminal_;
    const Clock& clock_;
    std::string stage_;
    Microseconds started_{0};
};

/// Exit codes of the program; see docs/reference/cli.md.
enum class Exit : int {
    ok = 0,
    failed = 1,
    usage = 2,
    not_found = 3,
    not_permitted = 4,
    conflict = 5,
    time_out = 6,
    unreachable = 7,
    verification = 8,
    interrupted = 130,
};
struct ExitMeaning {
    Exit code;
    std::string_view meaning;
};
const std::vector<ExitMeaning>& exit_meanings();
Exit exit_of(ErrorCode code);

/// What, where, why, next, code; as one JSON object with --json. On stderr.
void print_error(const Terminal& terminal, const Error& error);

} // namespace cairn::cli
