#include "audit/correlation.hpp"

#include "audit/test_log.hpp"
#include "base/errors/audit.hpp"

#include <random>
#include <set>

namespace cairn::audit {
namespace {

Event act(std::uint64_t height, std::uint64_t i) {
    return {.subject = "account 0x01",
            .origin = "block " + std::to_string(height),
            .object = "Roles.grant",
            .action = "contract.call",
            .reason = "transaction " + std::to_string(i)};
}

class CorrelationTest : public testing::Test {
protected:
    /// Three nodes that saw the same blocks; `keep` says which acts a node's log has.
    void write(const std::function<bool(std::size_t node, std::uint64_t act)>& keep, std::uint64_t acts = 50) {
        for (std::size_t node = 0; node < 3; ++node) {
            TestSealer sealer{static_cast<std::uint8_t>(node + 1)};
            auto config = test_config(path(node));
            config.node = "node-" + std::to_string(node);
            auto opened = open_trail(storage::posix_file_system(), config, sealer, clock_);
            ASSERT_TRUE(opened) << opened.error().text();
            for (std::uint64_t i = 0; i < acts; ++i) {
                EXPECT_TRUE(opened->trail->append(test_event(i + node), Durability::grouped)); // each node's own
                if (keep(node, i)) {
                    EXPECT_TRUE(opened->trail->append(act(i / 2 + 1, i), Durability::grouped));
                }
            }
            opened->trail->covered(acts);
            EXPECT_TRUE(opened->trail->flush());
        }
    }
    std::string path(std::size_t node) const { return directory_ / ("node-" + std::to_string(node)); }
    void add_all(Correlation& correlation) const {
        for (std::size_t node = 0; node < 3; ++node) {
            const auto added = correlation.add(storage::posix_file_system(), path(node));
            ASSERT_TRUE(added) << added.error().text();
        }
    }
    storage::TestDirectory directory_;
    TestClock clock_;
};

TEST_F(CorrelationTest, logs_that_tell_the_same_differ_in_nothing) {
    write([](std::size_t, std::uint64_t) { return true; });
    Correlation correlation;
    add_all(correlation);
    EXPECT_EQ(correlation.compared(), 50u);
    EXPECT_TRUE(correlation.differences().empty());
}

TEST_F(CorrelationTest, names_exactly_the_acts_that_one_log_lacks_and_the_log) {
    std::mt19937_64 random{7};
    std::set<std::pair<std::size_t, std::uint64_t>> left_out;
    for (int i = 0; i < 9; ++i) left_out.emplace(random() % 2, random() % 50);
    write([&](std::size_t node, std::uint64_t i) { return !left_out.contains({node, i}); });
    Correlation correlation;
    add_all(correlation);
    std::set<std::pair<std::size_t, std::uint64_t>> found;
    for (const auto& one : correlation.differences())
        for (const auto& [node, count] : one.told)
            if (count == 0) found.emplace(node.back() - '0', std::stoull(one.act.substr(one.act.rfind(' ') + 1)));
    EXPECT_EQ(found, left_out);
}

TEST_F(CorrelationTest, a_log_that_does_not_hold_together_is_no_witness) {
    write([](std::size_t, std::uint64_t) { return true; });
    const auto segment = std::filesystem::directory_iterator { path(0) } -> path();
    std::fstream file{segment, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(3'000);
    file.put('\x7f');
    file.close();
    Correlation correlation;
    const auto added = correlation.add(storage::posix_file_system(), path(0));
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, error::AuditTampered);
}

} // namespace
} // namespace cairn::audit
