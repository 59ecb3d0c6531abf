#include "base/clock.hpp"

namespace cairn {
namespace {

class SystemClock final : public Clock {
public:
    Microseconds monotonic() const override {
        return std::chrono::duration_cast<Microseconds>(std::chrono::steady_clock::now().time_since_epoch());
    }
    Milliseconds wall() const override {
        return std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
    }
};

} // namespace

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

} // namespace cairn
