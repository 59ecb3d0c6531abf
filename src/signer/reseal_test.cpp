#include "base/errors/signer.hpp"
#include "signer/journal.hpp"
#include "signer/reseal.hpp"
#include "storage/test_directory.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

namespace cairn::signer {
namespace {

class Reseal : public testing::Test {
protected:
    void SetUp() override {
        const auto made =
            create_sealed_keys(path_, secrets_, as_bytes("first"), kCostForRandomPassphrase, crypto::system_random());
        ASSERT_TRUE(made) << made.error().text();
        public_keys_ = *made;
    }
    Status change(std::string_view from, std::string_view to, const SealCost& cost = kCostForRandomPassphrase) {
        return change_passphrase(path_, as_bytes(from), as_bytes(to), cost, crypto::system_random());
    }
    bool opens_with(const std::string& path, std::string_view passphrase) const {
        const auto keys = read_sealed_keys(path);
        if (!keys) return false;
        const auto opened = unseal(*keys, as_bytes(passphrase), {});
        return opened && std::ranges::equal(opened->view(), secrets_.view());
    }
    static std::string text(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>{in}, {}};
    }

    storage::TestDirectory folder_;
    const std::string path_ = folder_ / "keys.sealed";
    const Secrets secrets_ = Secrets::generate(crypto::system_random()).value();
    PublicKeys public_keys_;
};

TEST_F(Reseal, changes_passphrase_salt_and_cost_and_nothing_else) {
    const auto memory = text(state_path(path_) + ".0");
    const auto before = *read_sealed_keys(path_);
    ASSERT_TRUE(change("first", "second", {2, 128}));
    EXPECT_FALSE(opens_with(path_, "first"));
    EXPECT_TRUE(opens_with(path_, "second"));
    const auto after = *read_sealed_keys(path_);
    EXPECT_EQ(after.public_keys, public_keys_);
    EXPECT_NE(after.protection.salt, before.protection.salt);
    EXPECT_EQ(after.protection.cost.memory_kib, 128u);
    EXPECT_EQ(text(state_path(path_) + ".0"), memory);
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) names.insert(entry.path().filename());
    EXPECT_EQ(names, (std::set<std::string>{"keys.sealed", "keys.sealed.state.0", "keys.sealed.state.1"}))
        << "the old copy is gone";
    EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms{0600});
}

TEST_F(Reseal, refuses_a_wrong_passphrase_and_changes_nothing) {
    const auto before = text(path_);
    EXPECT_EQ(change("wrong", "second").error().code, error::SealedKeysWrong);
    EXPECT_EQ(text(path_), before);
}

TEST_F(Reseal, overwrites_the_old_copy) {
    const auto before = text(path_);
    std::ifstream kept(path_, std::ios::binary); // of the file that will have no name
    ASSERT_TRUE(change("first", "second"));
    const std::string old{std::istreambuf_iterator<char>{kept}, {}};
    EXPECT_EQ(old, std::string(before.size(), '\0'));
}

TEST_F(Reseal, leaves_alone_what_has_another_name) {
    std::filesystem::create_hard_link(path_, path_ + ".recovery"); // as a binding to a TPM that was interrupted
    ASSERT_TRUE(change("first", "second"));
    EXPECT_TRUE(opens_with(path_, "second"));
    EXPECT_TRUE(opens_with(path_ + ".recovery", "second"));
    EXPECT_FALSE(opens_with(path_ + ".recovery", "first"));
}

TEST_F(Reseal, can_be_repeated_after_it_was_interrupted_between_the_two_files) {
    std::filesystem::copy_file(path_, path_ + ".recovery");
    const auto half = path_ + ".half";
    std::filesystem::copy_file(path_, half);
    ASSERT_TRUE(change("first", "second"));
    std::filesystem::rename(half, path_); // the recovery copy was changed, the file was not
    EXPECT_TRUE(change("first", "second"));
    EXPECT_TRUE(opens_with(path_, "second"));
    EXPECT_TRUE(opens_with(path_ + ".recovery", "second"));
}

TEST_F(Reseal, killed_at_any_moment_leaves_a_file_that_opens) {
    std::mt19937 random{20261121};
    int to_first = 0, to_second = 0;
    for (int i = 0; i < 200; ++i) {
        std::string from = opens_with(path_, "first") ? "first" : "second", to = from == "first" ? "second" : "first";
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const auto child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            for (;; std::swap(from, to)) {
                if (!change(from, to)) ::_exit(1);
                if (::write(ends[1], "x", 1) != 1) ::_exit(2);
            }
        }
        ::close(ends[1]);
        // Some changes are done when it is killed, and one is anywhere between its first step and its last.
        char byte = 0;
        for (auto wait = random() % 3; wait > 0; --wait) EXPECT_EQ(::read(ends[0], &byte, 1), 1);
        ::usleep(static_cast<useconds_t>(random() % 1500));
        ::kill(child, SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ::close(ends[0]);
        ASSERT_TRUE(WIFSIGNALED(status)) << "a change failed";
        const bool first = opens_with(path_, "first"), second = opens_with(path_, "second");
        ASSERT_NE(first, second) << "after " << i + 1 << " kills";
        ++(first ? to_first : to_second);
    }
    EXPECT_GT(to_first, 10);
    EXPECT_GT(to_second, 10);
    ASSERT_TRUE(change(opens_with(path_, "first") ? "first" : "second", "last"));
    EXPECT_TRUE(opens_with(path_, "last"));
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
}

} // namespace
} // namespace cairn::signer
