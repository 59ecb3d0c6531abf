// How a failure travels: a stable code from the one table of errors, and what was observed.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace cairn {

/// A kind of failure. The codes themselves are constants of cairn::error, in base/errors/AREA.hpp, so that a new code
/// rebuilds only the users of its area. The value is a hash of the stable id and is never stored or sent.
enum class ErrorCode : std::uint32_t {};

/// FNV-1a of the stable id; result.cpp proves at compile time that no two ids of the table meet.
consteval ErrorCode stable_code(std::string_view id) {
    std::uint32_t hash = 2166136261U;
    for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return ErrorCode{hash};
}

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
#define CRN_TRY(name, expression) \
    auto name##_or_error = (expression); \
    if (!name##_or_error) return std::unexpected(std::move(name##_or_error).error()); \
    auto& name = *name##_or_error
/// Returns the error of `expression`, a Status, from the calling function.
#define CRN_CHECK(expression) \
    do { \
        if (auto crn_status = (expression); !crn_status) return std::unexpected(std::move(crn_status).error()); \
    } while (false)
