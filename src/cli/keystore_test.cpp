#include "base/errors/cli.hpp"
#include "cli/keystore.hpp"

#include "cli/files.hpp"
#include "cli/test_terminal.hpp"
#include "crypto/ed25519.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

namespace cairn::cli {
namespace {

constexpr ScryptCost kCheap{1 << 10, 8, 1};

// The PBKDF2 vector of the Web3 Secret Storage definition, and the same key as ethers 6.17 encrypts it with
// scrypt.
constexpr std::string_view kPbkdf2Vector =
    R"({"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,
"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})";
constexpr std::string_view kScryptVector =
    R"({"address":"008aeeda4d805471df9b2a5b0f38a0c3bcba786b","id":"3198bc9c-6672-4ab3-9995-4942343ae5b6","v)"
    R"(ersion":3,"Crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},)"
    R"("ciphertext":"3b4309355ad643f2b15cfb6a83a7f6f328e7a6459a56ab8c6e25a89c8f43eb80","kdf":"scrypt","kdfp)"
    R"(arams":{"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19","n":4096,"dklen":3)"
    R"(2,"p":1,"r":8},"mac":"994d83f6bfb7e6e3aa95980f72b6ad87db9d352789d0f2e433cf777425db3a42"}})";
constexpr std::string_view kVectorKey = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";

TEST(Keystore, reads_files_of_other_programs) {
    const auto expected = parse_private_key(kVectorKey).value();
    for (const auto vector : {kPbkdf2Vector, kScryptVector}) {
        const auto key = decrypt_key(vector, "testpassword");
        ASSERT_TRUE(key) << key.error().text();
        EXPECT_EQ(*key, expected);
    }
    const auto wrong = decrypt_key(kPbkdf2Vector, "testpasswore");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, error::CliPassphraseWrong);
}

TEST(Keystore, gives_back_what_it_stored_only_to_the_passphrase) {
    const TestDirectory directory;
    const auto key = new_account_key(crypto::system_random());
    const auto stored =
        store_key(directory.file("keys"), key, "correct horse", crypto::system_random(), system_clock(), kCheap);
    ASSERT_TRUE(stored) << stored.error().text();
    const auto text = read_secret_file(stored->path).value();
    EXPECT_EQ(decrypt_key(text, "correct horse").value(), key);
    EXPECT_EQ(decrypt_key(text, "correct hors").error().code, error::CliPassphraseWrong);
    EXPECT_EQ(text.find(to_hex_digits(key)), std::string::npos);
    struct stat info{};
    ASSERT_EQ(::stat(stored->path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    ASSERT_EQ(::stat(directory.file("keys").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(Keystore, refuses_the_same_account_twice) {
    const TestDirectory directory;
    const auto key = new_account_key(crypto::system_random());
    ASSERT_TRUE(store_key(directory.path(), key, "a", crypto::system_random(), system_clock(), kCheap));
    const auto again = store_key(directory.path(), key, "b", crypto::system_random(), system_clock(), kCheap);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, error::CliFileExists);
}

TEST(Keystore, lists_accounts_and_passes_over_other_files) {
    const TestDirectory directory;
    EXPECT_TRUE(list_keys(directory.file("absent")).value().empty());
    ASSERT_TRUE(write_file(directory.file("note.txt"), "not a key", Access::shared, Existing::refuse));
    ASSERT_TRUE(write_file(directory.file("list.json"), "[1,2]", Access::shared, Existing::refuse));
    const auto stored = store_key(directory.path(), new_account_key(crypto::system_random()), "a",
                                  crypto::system_random(), system_clock(), kCheap);
    const auto list = list_keys(directory.path()).value();
    ASSERT_EQ(list.size(), 1u);
    EXPECT_EQ(list[0].address, stored->address);
}

TEST(Keystore, refuses_hostile_files_without_doing_their_work) {
    auto document = nlohmann::json::parse(kScryptVector);
    const auto refused = [](const nlohmann::json& bad) {
        const auto key = decrypt_key(bad.dump(), "testpassword");
        return !key && key.error().code == error::CliKeyFileInvalid;
    };
    const auto with = [&](const char* pointer, nlohmann::json value) {
        auto copy = document;
        copy[nlohmann::json::json_pointer(pointer)] = std::move(value);
        return copy;
    };
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/n", 1ull << 40)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/n", 1000)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/r", 0)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/n", -2)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/n", "262144")));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/r", 1ull << 33)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/p", 1000)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/dklen", 1)));
    EXPECT_TRUE(refused(with("/Crypto/kdfparams/salt", "zz")));
    EXPECT_TRUE(refused(with("/Crypto/ciphertext", "00")));
    EXPECT_TRUE(refused(with("/Crypto/kdf", "none")));
    EXPECT_TRUE(refused(with("/Crypto/cipher", "aes-256-gcm")));
    EXPECT_TRUE(refused(with("/Crypto", nullptr)));
    EXPECT_TRUE(refused(with("/version", 1)));
    EXPECT_TRUE(refused(with("/version", "3")));
    for (const auto* text : {"", "{", "[]", "null", "7", "{\"version\":3}", "{\"version\":3,\"crypto\":7}"})
        EXPECT_EQ(decrypt_key(text, "a").error().code, error::CliKeyFileInvalid) << text;
}

TEST(Keystore, refuses_a_key_file_that_others_may_read) {
    const TestDirectory directory;
    ASSERT_TRUE(write_file(directory.file("key"), "secret", Access::shared, Existing::refuse));
    EXPECT_EQ(read_secret_file(directory.file("key")).error().code, error::CliSecretExposed);
    ::chmod(directory.file("key").c_str(), 0600);
    EXPECT_TRUE(read_secret_file(directory.file("key")));
}

TEST(Files, refuse_to_replace_and_leave_nothing_beside) {
    const TestDirectory directory;
    ASSERT_TRUE(write_file(directory.file("a"), "one", Access::secret, Existing::refuse));
    EXPECT_EQ(write_file(directory.file("a"), "two", Access::secret, Existing::refuse).error().code,
              error::CliFileExists);
    EXPECT_EQ(read_file(directory.file("a")).value(), "one");
    ASSERT_TRUE(write_file(directory.file("a"), "two", Access::secret, Existing::replace));
    EXPECT_EQ(read_file(directory.file("a")).value(), "two");
    EXPECT_EQ(write_file(directory.file("no/such/folder"), "x", Access::secret, Existing::refuse).error().code,
              error::CliFileUnwritable);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
        files += entry.is_regular_file() ? 1 : 0;
    EXPECT_EQ(files, 1u);
    EXPECT_EQ(read_file(directory.file("a"), 2).error().code, error::CliFileUnreadable);
}

TEST(PrivateKey, is_read_with_and_without_prefix_and_must_be_in_range) {
    EXPECT_TRUE(parse_private_key(std::string{kVectorKey}));
    EXPECT_TRUE(parse_private_key("  0x" + std::string{kVectorKey} + "\n"));
    for (const auto* text : {"", "0x", "12", "0000000000000000000000000000000000000000000000000000000000000000",
                             "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "zz"})
        EXPECT_FALSE(parse_private_key(text)) << text;
}

// Addresses of EIP-55.
TEST(Address, is_written_and_checked_in_mixed_case) {
    for (const std::string text :
         {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
          "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"}) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(checksummed(*address), text);
        EXPECT_TRUE(parse_address(to_hex(*address)));
        auto mistyped = text;
        mistyped[2] = mistyped[2] == '5' ? '6' : mistyped[2] == 'f' ? 'F' : mistyped[2] == 'D' ? 'd' : 'D';
        EXPECT_FALSE(parse_address(mistyped)) << mistyped;
    }
    for (const auto* text : {"", "0x", "0x12", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"})
        EXPECT_FALSE(parse_address(text));
}

} // namespace
} // namespace cairn::cli
