// How a failure travels: a stable code from the one table of errors, and what was observed.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace cairn {

/// Every kind of failure, one entry per line of errors/table.inc.
enum class ErrorCode : unsigned {
#define CAIRN_ERROR(name, code, title, cause, next) name,
#include "base/errors/table.inc"
#undef CAIRN_ERROR
};

struct ErrorInfo {
    ErrorCode code;
    std::string_view name;  // identifier in code
    std::string_view id;    // "CRN-NET-0012": stable for ever
    std::string_view title; // what failed, a short sentence
    std::string_view cause; // why this usually happens
    std::string_view next;  // what to do, a command where there is one
};

const ErrorInfo& error_info(ErrorCode code);
/// All entries, in table order; `count` of them.
std::string_view error_id(ErrorCode code);
const ErrorInfo* error_table(std::size_t& count);

struct [[nodiscard]] Error {
    ErrorCode code;
    std::string detail; // what was observed here: names, numbers, paths; never a secret

    /// "CRN-NET-0012 cannot listen: 127.0.0.1:30302 (address in use)"
    std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string detail = {}) {
    return std::unexpected(Error{code, std::move(detail)});
}

} // namespace cairn

/// Declares `name` as the value of `expression`, or returns its error from the calling function.
#define CRN_TRY(name, expression)                                                                             \
    auto name##_or_error = (expression);                                                                      \
    if (!name##_or_error) return std::unexpected(std::move(name##_or_error).error());                         \
    auto& name = *name##_or_error
/// Returns the error of `expression`, a Status, from the calling function.
#define CRN_CHECK(expression)                                                                                 \
    do {                                                                                                      \
        if (auto crn_status = (expression); !crn_status)                                                      \
            return std::unexpected(std::move(crn_status).error());                                            \
    } while (false)
