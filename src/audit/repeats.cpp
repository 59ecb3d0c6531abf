#include "audit/repeats.hpp"

namespace cairn::audit {
namespace {

std::string key_of(const Event& event) {
    std::string key = event.action;
    for (const auto* field : {&event.subject, &event.origin, &event.object}) {
        key += '\n';
        key += *field;
    }
    return key + '\n' + std::string{name_of(event.outcome)};
}

} // namespace

void Repeats::note(Event event) {
    event = made_safe(std::move(event));
    {
        const std::lock_guard lock(mutex_);
        auto key = key_of(event);
        auto found = kinds_.find(key);
        if (found == kinds_.end() && kinds_.size() >= kRepeatKeysMax) {
            // Too many kinds: those that are left stand together.
            event.subject = "various";
            event.origin = std::string{origin_class(event)} + " various";
            event.object = "various";
            key = key_of(event);
            found = kinds_.find(key);
        }
        if (found != kinds_.end()) {
            ++found->second.more;
            return;
        }
        kinds_.emplace(std::move(key), Kind{event});
    }
    (void)trail_.append(std::move(event), Durability::grouped); // a failed sink says so to whoever must know
}

void Repeats::tick() {
    std::map<std::string, Kind> kinds;
    {
        const std::lock_guard lock(mutex_);
        kinds.swap(kinds_);
    }
    for (auto& [key, kind] : kinds) {
        if (kind.more == 0) continue;
        kind.event.reason += " (and " + std::to_string(kind.more) + " more times)";
        (void)trail_.append(std::move(kind.event), Durability::grouped);
    }
}

} // namespace cairn::audit
