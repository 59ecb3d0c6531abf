#include "node/own_batch.hpp"
#include "storage/file.hpp"
#include "storage/test_directory.hpp"
#include "storage/test_encryption.hpp"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace cairn::node {
namespace {

class OwnBatchTest : public ::testing::Test {
protected:
    OwnBatchTest()
        : vault(
              storage::TestVault::open(storage::posix_file_system(), directory.path(), storage::test_root()).value()) {}
    OwnBatchFile open() { return OwnBatchFile::open(path, vault.get(), rotations).value(); }
    static consensus::LocalBatch batch(std::string_view text) {
        consensus::LocalBatch out;
        out.gas_limit_sum = 21'000;
        out.transactions.push_back(to_bytes(as_bytes(text)));
        return out;
    }

    storage::TestDirectory directory;
    std::unique_ptr<storage::TestVault> vault;
    std::atomic<std::uint64_t> rotations = 0;
    const std::string path = directory.path() + "/consensus-own-batch";
};

} // namespace

TEST_F(OwnBatchTest, is_there_after_a_restart_and_not_in_the_clear) {
    ASSERT_TRUE(open().write(Position{7}, batch("a transaction of a customer")));
    std::ifstream in{path, std::ios::binary};
    const std::string content{std::istreambuf_iterator<char>{in}, {}};
    EXPECT_EQ(content.find("customer"), std::string::npos);
    const auto kept = open().read();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->position, Position{7});
    EXPECT_EQ(kept->batch.transactions, batch("a transaction of a customer").transactions);
}

TEST_F(OwnBatchTest, follows_a_rotation_so_that_the_old_version_may_go) {
    auto file = open();
    ASSERT_TRUE(file.write(Position{1}, batch("before")));
    ASSERT_TRUE(vault->make_version(storage::KeyPurpose::storage));
    ++rotations;
    ASSERT_TRUE(file.write(Position{2}, batch("after")));
    ASSERT_TRUE(vault->retire(storage::KeyPurpose::storage, storage::KeyVersion{1}));
    ASSERT_TRUE(vault->destroy(storage::KeyPurpose::storage, storage::KeyVersion{1}));
    ASSERT_TRUE(file.write(Position{3}, batch("and later")));
    const auto kept = open().read();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->position, Position{3});
}

TEST_F(OwnBatchTest, a_torn_write_is_no_batch) {
    {
        auto file = open();
        ASSERT_TRUE(file.write(Position{1}, batch("whole")));
    }
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
    EXPECT_FALSE(open().read());
}

} // namespace cairn::node
