#include "base/result.hpp"

#include <array>

namespace cairn {
namespace {

constexpr ErrorInfo kTable[] = {
#define CAIRN_ERROR(name, code, title, cause, next) {ErrorCode::name, #name, code, title, cause, next},
#include "base/errors/table.inc"
#undef CAIRN_ERROR
};

} // namespace

const ErrorInfo& error_info(ErrorCode code) { return kTable[static_cast<unsigned>(code)]; }

std::string_view error_id(ErrorCode code) { return error_info(code).id; }

const ErrorInfo* error_table(std::size_t& count) {
    count = std::size(kTable);
    return kTable;
}

std::string Error::text() const {
    const auto& info = error_info(code);
    std::string out{info.id};
    out.append(" ").append(info.title);
    if (!detail.empty()) out.append(": ").append(detail);
    return out;
}

} // namespace cairn
