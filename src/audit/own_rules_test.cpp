#include "audit/own_rules.hpp"

#include "base/errors/audit.hpp"

#include <gtest/gtest.h>

namespace cairn::audit {
namespace {

Event refused(std::int64_t second, std::string object = "client listener") {
    return {.time = Milliseconds{1'800'000'000'000 + second * 1'000},
            .subject = "unknown",
            .origin = "client 127.0.0.1",
            .object = std::move(object),
            .action = "rpc.refused",
            .outcome = Outcome::refused};
}
OwnRule many(std::uint32_t count = 3, std::uint32_t seconds = 60) {
    return {.name = "many-refusals",
            .action = "rpc.refused",
            .object = {},
            .outcome = {},
            .count = count,
            .seconds = seconds};
}
/// The seconds at which the rule raises an alarm.
std::vector<std::int64_t> alarms(const OwnRule& rule, const std::vector<std::int64_t>& seconds) {
    Counts counts;
    std::vector<std::int64_t> out;
    for (const auto second : seconds)
        if (!counts.take(refused(second), {rule}).empty()) out.push_back(second);
    return out;
}

TEST(OwnRules, match_all_of_a_field_or_what_stands_before_the_star) {
    auto event = refused(0, "Roles.grant");
    event.action = "contract.call";
    event.outcome = Outcome::accepted;
    const auto meets_with = [&](std::string action, std::string object, std::optional<Outcome> outcome) {
        return meets(event,
                     {.name = "r", .action = std::move(action), .object = std::move(object), .outcome = outcome});
    };
    EXPECT_TRUE(meets_with("contract.call", "", {}));
    EXPECT_TRUE(meets_with("contract.*", "Roles.*", Outcome::accepted));
    EXPECT_TRUE(meets_with("*", "Roles.grant", {}));
    EXPECT_FALSE(meets_with("contract.", "", {}));
    EXPECT_FALSE(meets_with("contract.call", "Roles.", {}));
    EXPECT_FALSE(meets_with("contract.call", "Roles.grants", {}));
    EXPECT_FALSE(meets_with("contract.call", "", Outcome::failed));
}

TEST(OwnRules, raise_an_alarm_for_so_many_within_the_time_and_begin_anew) {
    EXPECT_EQ(alarms(many(), {0, 10, 20, 30, 40, 50}), (std::vector<std::int64_t>{20, 50}));
    EXPECT_EQ(alarms(many(), {0, 30, 60, 70, 119}), (std::vector<std::int64_t>{70}))
        << "60 is no longer within 60 s of 0";
    EXPECT_EQ(alarms(many(), {0, 40, 80, 120, 160}), std::vector<std::int64_t>{});
    EXPECT_EQ(alarms(many(1), {0, 40}), (std::vector<std::int64_t>{0, 40})) << "one is enough";
    // A clock that was set back by a day: what lies in the future is not within the time.
    EXPECT_EQ(alarms(many(), {86'400, 86'410, 0, 10}), std::vector<std::int64_t>{});
}

TEST(OwnRules, count_on_from_what_was_stored_as_if_nothing_had_ended) {
    const std::vector<OwnRule> rules = {
        many(), {.name = "listener", .action = {}, .object = "client*", .outcome = {}, .count = 5}};
    Counts whole, stored;
    for (std::int64_t second = 0; second < 300; second += 7) {
        stored = Counts::from(stored.text(rules), rules);
        EXPECT_EQ(stored, whole) << second;
        const auto names = [&](Counts& counts) {
            std::vector<std::string> out;
            for (const auto* rule : counts.take(refused(second), rules)) out.push_back(rule->name);
            return out;
        };
        EXPECT_EQ(names(stored), names(whole)) << second;
    }
}

TEST(OwnRules, forget_what_was_counted_under_another_rule_or_is_malformed) {
    Counts counts;
    EXPECT_TRUE(counts.take(refused(0), {many()}).empty());
    EXPECT_TRUE(counts.take(refused(1), {many()}).empty());
    const auto text = counts.text({many()});
    EXPECT_EQ(Counts::from(text, {many()}), counts);
    EXPECT_EQ(Counts::from(text, {many(4)}), Counts{});
    EXPECT_EQ(Counts::from(text, {}), Counts{});
    const auto head = text.substr(0, text.find('=') + 1);
    for (const auto* times : {"", "x", "1,,2", "1,x", "-5", "99999999999999999999", "1,2,3", "1 2"})
        EXPECT_EQ(Counts::from(head + times, {many()}).text({many()}), times == std::string{"1 2"} ? head + "1" : "")
            << times;
}

TEST(OwnRules, that_are_malformed_or_over_a_limit_are_refused) {
    const auto code = [](const std::vector<OwnRule>& rules) {
        const auto checked = check_own_rules(rules);
        return checked ? ErrorCode{} : checked.error().code;
    };
    EXPECT_EQ(code({many()}), ErrorCode{});
    EXPECT_EQ(code({}), ErrorCode{});
    const auto with = [](auto change) {
        auto rule = many();
        change(rule);
        return std::vector{rule};
    };
    for (const auto& rules :
         {with([](OwnRule& r) { r.name = ""; }), with([](OwnRule& r) { r.name = "Many"; }),
          with([](OwnRule& r) { r.name = "two words"; }), with([](OwnRule& r) { r.name = std::string(33, 'a'); }),
          with([](OwnRule& r) { r.name = "node-halted"; }), with([](OwnRule& r) { r.action = ""; }),
          with([](OwnRule& r) { r.action = "rpc.*refused"; }), with([](OwnRule& r) { r.action = "**"; }),
          with([](OwnRule& r) { r.object = std::string(257, 'a'); }), with([](OwnRule& r) { r.object = "a\nb"; }),
          with([](OwnRule& r) { r.count = 0; }), with([](OwnRule& r) { r.count = 1'001; }),
          with([](OwnRule& r) { r.seconds = 0; }), with([](OwnRule& r) { r.seconds = 86'401; }),
          std::vector{many(), many(4)}})
        EXPECT_EQ(code(rules), error::AlarmRuleInvalid) << rules.front().name;
    std::vector<OwnRule> too_many(kOwnRulesMax + 1, many());
    for (std::size_t i = 0; i < too_many.size(); ++i) too_many[i].name = "rule-" + std::to_string(i);
    EXPECT_EQ(code(too_many), error::AlarmRuleInvalid);
    too_many.pop_back();
    EXPECT_EQ(code(too_many), ErrorCode{});
}

} // namespace
} // namespace cairn::audit
