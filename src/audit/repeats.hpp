// What happens over and over, told once at once and then as a number: so that a flood of refusals cannot fill the log.
#pragma once

#include "audit/trail.hpp"

#include <map>
#include <mutex>

namespace cairn::audit {

inline constexpr std::size_t kRepeatKeysMax = 1024;
inline constexpr Milliseconds kRepeatInterval{60'000};

/// Thread-safe. At most kRepeatKeysMax + 1 events an interval, whatever comes.
class Repeats {
public:
    explicit Repeats(Trail& trail) : trail_(trail) {}
    /// The first of its kind goes to the trail; its like within the interval are counted. Same kind: same subject, origin,
    /// object, action and outcome.
    void note(Event event);
    /// Once per interval: one event for each kind that came again, with how often in its reason.
    void tick();

private:
    struct Kind {
        Event event;
        std::uint64_t more = 0;
    };
    Trail& trail_;
    std::mutex mutex_;
    std::map<std::string, Kind> kinds_; // guarded by mutex_
};

} // namespace cairn::audit
