#include "base/errors/storage.hpp"
#include "base/sanitized.hpp"
#include "storage/key_value.hpp"
#include "storage/log.hpp"
#include "storage/segment_log.hpp"
#include "storage/test_directory.hpp"
#include "storage/test_encryption.hpp"

#include <atomic>
#include <fstream>
#include <gtest/gtest.h>
#include <thread>

namespace cairn::storage {
namespace {

constexpr std::string_view kPlanted = "PLANTED-account-metadata-input";

Bytes read_file(const std::string& path) {
    std::error_code gone; // tables come and go while a store is open
    const auto size = std::filesystem::file_size(path, gone);
    Bytes out(gone ? 0 : size);
    std::ifstream in{path, std::ios::binary};
    in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
    out.resize(static_cast<std::size_t>(in.gcount()));
    return out;
}

void write_file(const std::string& path, BytesView content) {
    std::ofstream out{path, std::ios::binary | std::ios::trunc};
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
}

std::size_t files_with(const std::string& directory, std::string_view text) {
    std::size_t out = 0;
    for (const auto& path : files_below(directory)) {
        const auto content = read_file(path);
        const std::string_view view{reinterpret_cast<const char*>(content.data()), content.size()};
        if (view.find(text) != view.npos) ++out;
    }
    return out;
}

/// A directory as a node has it: keys, a store, a log.
struct Place {
    std::unique_ptr<TestEncryption> encryption;
    std::unique_ptr<KeyValueStore> store;
    std::unique_ptr<RecordLog> log;

    Status open(const std::string& directory, bool encrypted, CipherSuite suite = CipherSuite::aes_256_gcm) {
        std::filesystem::create_directories(directory);
        if (encrypted) {
            CRN_TRY(opened, TestEncryption::open(posix_file_system(), directory + "/keys",
                                                 files_below(directory, directory + "/keys"), test_root(), suite));
            encryption = std::move(opened);
        }
        CRN_TRY(opened_store, open_rocksdb(directory + "/state", encrypted ? encryption->files.get() : nullptr));
        store = std::move(opened_store);
        auto& files = encrypted ? static_cast<FileSystem&>(*encryption->files) : posix_file_system();
        CRN_TRY(opened_log, open_segment_log_on(files, directory + "/log", {.segment_bytes_max = 1u << 20}));
        log = std::move(opened_log);
        return {};
    }
    ~Place() {
        log.reset();
        store.reset();
    }
};

std::string key(std::uint64_t number) { return std::string{kPlanted} + std::to_string(number); }
Bytes value(std::uint64_t number) {
    Bytes out = to_bytes(as_bytes(kPlanted));
    for (std::uint64_t i = 0; i < 200 + number % 50; ++i) out.push_back(static_cast<std::uint8_t>(number * 31 + i));
    return out;
}

Status fill(Place& place, std::uint64_t from, std::uint64_t to) {
    for (auto i = from; i < to; ++i) {
        WriteBatch batch;
        for (const auto column : {Column::accounts, Column::index, Column::meta})
            batch.put(column, as_bytes(key(i)), value(i));
        CRN_CHECK(place.store->write(batch, i % 500 == 0));
        CRN_TRY(position, place.log->append(value(i)));
        (void)position;
    }
    CRN_CHECK(place.log->sync());
    WriteBatch last;
    last.put(Column::meta, as_bytes("end"), as_bytes("x"));
    return place.store->write(last, true);
}

/// All there, and right.
Status check(const Place& place, std::uint64_t count, std::uint64_t stride = 1) {
    for (std::uint64_t i = 0; i < count; i += stride)
        for (const auto column : {Column::accounts, Column::index, Column::meta}) {
            CRN_TRY(found, place.store->get(column, as_bytes(key(i))));
            if (found != value(i)) return fail(error::StorageIo, "WRONG DATA for " + key(i));
        }
    std::uint64_t records = 0;
    bool right = true;
    CRN_CHECK(place.log->replay({}, [&](RecordPosition, BytesView record) {
        right = right && to_bytes(record) == value(records++);
        return right;
    }));
    if (!right || records != count) return fail(error::StorageIo, "WRONG DATA in the log");
    return {};
}

} // namespace

TEST(EncryptedStore, holds_planted_text_in_no_file_and_without_encryption_in_many) {
    for (const auto suite :
         {std::optional{CipherSuite::aes_256_gcm}, std::optional{CipherSuite::sm4_gcm}, std::optional<CipherSuite>{}}) {
        const bool encrypted = suite.has_value();
        const auto cipher = suite.value_or(CipherSuite::aes_256_gcm);
        const TestDirectory directory;
        {
            Place place;
            ASSERT_TRUE(place.open(directory / "data", encrypted, cipher));
            ASSERT_TRUE(fill(place, 0, 20'000));
            ASSERT_TRUE(check(place, 20'000, 7));
            const auto found = files_with(directory / "data", "PLANTED");
            EXPECT_EQ(found > 3, !encrypted) << found;
            EXPECT_EQ(found == 0, encrypted) << found;
        }
        Place again;
        ASSERT_TRUE(again.open(directory / "data", encrypted, cipher));
        ASSERT_TRUE(check(again, 20'000, 3));
        if (encrypted) {
            EXPECT_EQ(files_with(directory / "data", "PLANTED"), 0u);
        }
    }
}

TEST(EncryptedStore, refuses_a_flipped_byte_in_every_class_of_its_files_and_never_gives_wrong_data) {
    const TestDirectory directory;
    const auto original = directory / "original";
    {
        Place place;
        ASSERT_TRUE(place.open(original, true));
        ASSERT_TRUE(fill(place, 0, 3000));
    }
    { // Opening makes tables of what was in the log; then some more goes to the log.
        Place place;
        ASSERT_TRUE(place.open(original, true));
        ASSERT_TRUE(fill(place, 3000, 3000));
    }
    std::map<std::string, std::pair<int, int>> classes; // tried, refused
    for (const auto& path : files_below(original)) {
        const auto name = path.substr(original.size() + 1);
        const auto size = std::filesystem::file_size(path);
        if (size == 0) continue;
        auto kind = std::filesystem::path(name).extension().string();
        if (kind.empty()) kind = std::filesystem::path(name).filename().string().substr(0, 7);
        // All of the header, the first and last frames' edges, and a sample of the rest.
        std::set<std::size_t> places;
        for (const std::size_t at : {0u, 8u, 16u, 24u, 40u, 63u, 64u, 67u, 80u, 91u, 92u}) places.insert(at);
        for (const std::size_t back : {1u, 9u, 17u, 40u}) places.insert(size > back ? size - back : 0);
        for (int i = 1; i < 8; ++i) places.insert(size * static_cast<std::size_t>(i) / 8);
        int sample = 0;
        if (classes[kind].first > (name.starts_with("keys/") ? 10 : 25)) continue;
        for (const auto at : places) {
            if (at >= size) continue;
            if (++sample % 3 != 0 && (kIsSanitized || size > 100'000)) continue;
            const auto copy = directory / "copy";
            std::filesystem::remove_all(copy);
            std::filesystem::copy(original, copy, std::filesystem::copy_options::recursive);
            auto content = read_file(copy + "/" + name);
            content[at] ^= 0x41;
            write_file(copy + "/" + name, content);
            Status result;
            {
                Place place;
                result = place.open(copy, true);
                if (result) result = check(place, 3000);
            }
            ++classes[kind].first;
            // The keys' files are kept twice: the other copy serves.
            if (name.starts_with("keys/")) {
                EXPECT_TRUE(result) << name << " byte " << at << ": " << result.error().text();
                continue;
            }
            // The files that are read only when something else is wrong.
            const bool unread = name.find("OPTIONS") != std::string::npos || name.find("IDENTITY") != std::string::npos;
            if (result) {
                EXPECT_TRUE(unread) << name << " byte " << at << " of " << size << " was not noticed";
                continue;
            }
            ++classes[kind].second;
            EXPECT_EQ(result.error().text().find("WRONG DATA"), std::string::npos) << name << " byte " << at;
            EXPECT_TRUE(result.error().code == error::CipherDamaged || result.error().code == error::CipherPlain ||
                        result.error().code == error::RegistryMissing)
                << name << " byte " << at << ": " << result.error().text();
        }
    }
    for (const auto& [kind, counts] : classes)
        std::cout << "  " << kind << ": " << counts.first << " flipped, " << counts.second << " refused\n";
    for (const char* kind : {".sst", ".log", ".seg", "CURRENT", "MANIFES"}) EXPECT_GT(classes[kind].second, 5) << kind;
}

TEST(EncryptedStore, rotates_its_keys_under_load_and_reads_back_when_the_old_key_is_destroyed) {
    const TestDirectory directory;
    const auto data = directory / "data";
    constexpr std::uint64_t kCount = 12'000;
    {
        Place place;
        ASSERT_TRUE(place.open(data, true));
        ASSERT_TRUE(fill(place, 0, kCount / 2));
        std::atomic<bool> done = false;
        std::optional<Error> failed;
        std::jthread load([&] {
            if (const auto filled = fill(place, kCount / 2, kCount); !filled) failed = filled.error();
            done = true;
        });
        auto& encryption = *place.encryption;
        ASSERT_TRUE(encryption.vault->make_version(KeyPurpose::storage));
        ASSERT_TRUE(encryption.registry->follow_rotation());
        ASSERT_TRUE(encryption.registry->rewrap());
        for (int round = 0; round < 50 && encryption.registry->counts().made_under[{1}] != 0; ++round)
            for (const auto& path : files_below(data, data + "/keys")) {
                if (path.ends_with("LOCK") || path.ends_with(".rekey")) continue;
                const auto moved = encryption.files->reencrypt(path, always);
                ASSERT_TRUE(moved) << moved.error().text();
            }
        EXPECT_EQ(encryption.registry->counts().made_under[{1}], 0u);
        ASSERT_TRUE(encryption.vault->retire(KeyPurpose::storage, {1}));
        ASSERT_TRUE(encryption.vault->destroy(KeyPurpose::storage, {1}));
        load.join();
        EXPECT_FALSE(failed) << failed->text();
        ASSERT_TRUE(check(place, kCount, 5));
    }
    Place again;
    const auto opened = again.open(data, true);
    ASSERT_TRUE(opened) << opened.error().text();
    const auto checked = check(again, kCount);
    EXPECT_TRUE(checked) << checked.error().text();
    EXPECT_EQ(files_with(data, "PLANTED"), 0u);
}

TEST(EncryptedStore, of_two_suites_is_read_whole_and_brought_to_one_while_it_is_written) {
    const TestDirectory directory;
    const auto data = directory / "data";
    constexpr std::uint64_t kPart = 4000;
    const auto suites = [&] {
        std::map<CipherSuite, int> out;
        for (const auto& path : files_below(data, data + "/keys"))
            if (const auto header = decode_cipher_header(read_file(path))) ++out[header->suite];
        return out;
    };
    {
        Place place;
        ASSERT_TRUE(place.open(data, true));
        ASSERT_TRUE(fill(place, 0, kPart));
    }
    EXPECT_EQ(suites().size(), 1u);
    {
        Place place;
        const auto opened = place.open(data, true, CipherSuite::sm4_gcm);
        ASSERT_TRUE(opened) << opened.error().text();
        ASSERT_TRUE(fill(place, kPart, 2 * kPart));
        EXPECT_EQ(suites().size(), 2u);
        ASSERT_TRUE(check(place, 2 * kPart, 3));
        std::optional<Error> failed;
        std::jthread load([&] {
            if (const auto filled = fill(place, 2 * kPart, 3 * kPart); !filled) failed = filled.error();
        });
        auto& files = *place.encryption->files;
        for (int round = 0; round < 50 && files.files_of_other_suites({1}) != 0; ++round)
            for (const auto& path : files_below(data, data + "/keys")) {
                if (path.ends_with("LOCK") || path.ends_with(".rekey")) continue;
                const auto moved = files.reencrypt(path, always);
                ASSERT_TRUE(moved) << moved.error().text();
            }
        EXPECT_EQ(files.files_of_other_suites({1}), 0u);
        load.join();
        EXPECT_FALSE(failed) << failed->text();
    }
    Place again;
    ASSERT_TRUE(again.open(data, true, CipherSuite::sm4_gcm));
    const auto checked = check(again, 3 * kPart);
    EXPECT_TRUE(checked) << checked.error().text();
    const auto found = suites();
    EXPECT_FALSE(found.contains(CipherSuite::aes_256_gcm));
    EXPECT_GT(found.at(CipherSuite::sm4_gcm), 5);
    EXPECT_EQ(files_with(data, "PLANTED"), 0u);
}

TEST(EncryptedStore, refuses_data_of_another_root_and_data_without_its_keys) {
    const TestDirectory directory;
    const auto data = directory / "data";
    {
        Place place;
        ASSERT_TRUE(place.open(data, true));
        ASSERT_TRUE(fill(place, 0, 10));
    }
    std::filesystem::remove(data + "/keys/registry.a");
    std::filesystem::remove(data + "/keys/registry.b");
    Place place;
    EXPECT_EQ(place.open(data, true).error().code, error::RegistryMissing);
    EXPECT_EQ(open_rocksdb(data + "/state").has_value(), false);
}

} // namespace cairn::storage
