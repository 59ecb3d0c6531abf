#include "network/names.hpp"

#include "base/errors/network.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

namespace cairn::network {
namespace {

namespace asio = boost::asio;

class NamesTest : public ::testing::Test {
protected:
    static Addresses address(const char* text) { return {asio::ip::make_address(text)}; }
    /// What the server says of `host`, now or when it is told; its first question stays open until then.
    void answer(const std::string& host, Result<Addresses> what) {
        const std::lock_guard lock(mutex_);
        answers_[host].emplace_back();
        answers_[host].back().set_value(std::move(what));
    }
    Result<Addresses> ask(const std::string& host) {
        std::future<Result<Addresses>> coming;
        {
            const std::lock_guard lock(mutex_);
            ++asked_[host];
            if (host == "silent.example") {
                coming = silent_.get_future();
            } else {
                coming = answers_[host].front().get_future();
                answers_[host].erase(answers_[host].begin());
            }
        }
        return coming.get();
    }
    int asked(const std::string& host) {
        const std::lock_guard lock(mutex_);
        return asked_[host];
    }
    /// Looks up `host`; what it is told and in which order goes to told_.
    void look_up(Names& names, const std::string& host) {
        names.look_up(host, [this, host](const Result<Addresses>& found) {
            told_.push_back(host + " " + (found ? found->front().to_string() : found.error().text()));
        });
    }
    /// Runs until `count` lookups have been told.
    void run_until(std::size_t count) {
        while (told_.size() < count) io_.run_one();
    }

    std::mutex mutex_;
    std::map<std::string, std::vector<std::promise<Result<Addresses>>>> answers_; // guarded by mutex_
    std::map<std::string, int> asked_;                                            // guarded by mutex_
    std::promise<Result<Addresses>> silent_;
    std::vector<std::string> told_;
    asio::io_context io_;
    const asio::executor_work_guard<asio::io_context::executor_type> busy_ = asio::make_work_guard(io_);
};

TEST_F(NamesTest, a_silent_server_holds_up_no_other_name) {
    answer("good.example", address("192.0.2.1"));
    Names names(io_, [this](const std::string& host) { return ask(host); });
    look_up(names, "silent.example");
    look_up(names, "silent.example");
    look_up(names, "good.example");
    run_until(1);
    EXPECT_EQ(told_, std::vector<std::string>{"good.example 192.0.2.1"});
    silent_.set_value(address("192.0.2.2"));
    run_until(3);
    EXPECT_EQ(told_[2], "silent.example 192.0.2.2");
    EXPECT_EQ(asked("silent.example"), 1) << "once for all who wait";
}

TEST_F(NamesTest, what_a_name_meant_last_is_used_until_its_server_answers) {
    answer("node.example", address("192.0.2.1"));
    answer("node.example", address("192.0.2.7"));
    answer("node.example", fail(error::PeerUnreachable, "no server"));
    answer("node.example", address("192.0.2.8"));
    Names names(io_, [this](const std::string& host) { return ask(host); });
    for (std::size_t i = 1; i <= 4; ++i) {
        look_up(names, "node.example");
        run_until(i);
        if (i > 1) io_.run_one(); // the answer that the lookup asked for besides
    }
    EXPECT_EQ(told_, (std::vector<std::string>{"node.example 192.0.2.1", "node.example 192.0.2.1",
                                               "node.example 192.0.2.7", "node.example 192.0.2.7"}));
    EXPECT_EQ(asked("node.example"), 4);
}

TEST_F(NamesTest, a_name_that_never_was_one_is_told_as_an_error) {
    answer("nowhere.example", fail(error::PeerUnreachable, "nowhere.example: not found"));
    Names names(io_, [this](const std::string& host) { return ask(host); });
    look_up(names, "nowhere.example");
    run_until(1);
    EXPECT_NE(told_.front().find("not found"), std::string::npos) << told_.front();
}

TEST(AskSystem, knows_this_machine) {
    const auto found = ask_system("localhost");
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_TRUE(found->front().is_loopback());
}

} // namespace
} // namespace cairn::network
