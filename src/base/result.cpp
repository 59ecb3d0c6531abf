#include "base/result.hpp"

#include <algorithm>
#include <iterator>

#include "base/assert.hpp"

namespace cairn {
namespace {

constexpr ErrorInfo kTable[] = {
#define CAIRN_ERROR(name, id, title, cause, next) {stable_code(id), #name, id, title, cause, next},
#include "base/errors/table.inc"
#undef CAIRN_ERROR
};

consteval bool codes_are_unique() {
    for (std::size_t i = 0; i < std::size(kTable); ++i)
        for (std::size_t j = 0; j < i; ++j)
            if (kTable[i].code == kTable[j].code || kTable[i].name == kTable[j].name) return false;
    return true;
}
static_assert(codes_are_unique());

} // namespace

const ErrorInfo& error_info(ErrorCode code) {
    const auto* found = std::ranges::find(kTable, code, &ErrorInfo::code);
    CRN_ASSERT(found != std::end(kTable));
    return *found;
}

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
