#include "base/errors/storage.hpp"
#include "crypto/aead.hpp"
#include "storage/faulty_files.hpp"
#include "storage/segment_log.hpp"
#include "storage/test_encryption.hpp"

#include <gtest/gtest.h>
#include <thread>

namespace cairn::storage {
namespace {

std::vector<std::string> data_files(const FaultyFileSystem& files) {
    auto paths = files.paths();
    std::erase_if(paths, [](const std::string& path) { return path.starts_with("k/"); });
    return paths;
}

/// A machine: its disk, and what is open on it until it loses power.
struct Machine {
    explicit Machine(std::uint64_t seed = 1, CipherSuite of_new_files = CipherSuite::aes_256_gcm)
        : disk(seed), suite(of_new_files) {
        start();
    }
    void start() {
        auto opened = TestEncryption::open(disk, "k", data_files(disk), test_root(), suite);
        ASSERT_TRUE(opened) << opened.error().text();
        running = std::move(*opened);
    }
    void restart() {
        running.reset();
        start();
    }
    void lose_power() {
        disk.lose_power();
        restart();
    }
    CipherFileSystem& files() { return *running->files; }

    FaultyFileSystem disk;
    CipherSuite suite;
    std::unique_ptr<TestEncryption> running;
};

constexpr CipherSuite kSuites[] = {CipherSuite::aes_256_gcm, CipherSuite::sm4_gcm};

Bytes random_bytes(std::mt19937_64& random, std::size_t size) {
    Bytes out(size);
    for (auto& byte : out) byte = static_cast<std::uint8_t>(random());
    return out;
}

Bytes content_of(File& file) {
    Bytes out(*file.size() + 10);
    const auto read = file.read_at(0, out);
    EXPECT_TRUE(read) << read.error().text();
    out.resize(read ? *read : 0);
    return out;
}

bool contains(BytesView file, std::string_view text) {
    return std::search(file.begin(), file.end(), text.begin(), text.end()) != file.end();
}

constexpr LogOptions kSmall{.segment_bytes_max = 400, .record_bytes_max = 200};

Result<std::vector<Bytes>> all_records(const RecordLog& log) {
    std::vector<Bytes> out;
    CRN_CHECK(log.replay({}, [&](RecordPosition, BytesView record) {
        out.push_back(to_bytes(record));
        return true;
    }));
    return out;
}

} // namespace

TEST(Aead, gives_the_value_of_the_published_test_case) {
    // Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation".
    const auto key =
        *crypto::SecretKey::from(*from_hex("0xfeffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"));
    const auto nonce = *fixed_from_hex<crypto::AeadNonce>("0xcafebabefacedbaddecaf888");
    const auto associated = *from_hex("0xfeedfacedeadbeeffeedfacedeadbeefabaddad2");
    const auto plain =
        *from_hex("0xd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
                  "b16aedf5aa0de657ba637b39");
    Bytes sealed(plain.size() + crypto::kAeadTagBytes);
    crypto::aead_seal(key, nonce, associated, plain, sealed);
    EXPECT_EQ(to_hex(sealed),
              "0x522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
              "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
    Bytes opened(plain.size());
    EXPECT_TRUE(crypto::aead_open(key, nonce, associated, sealed, opened));
    EXPECT_EQ(opened, plain);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        sealed[i] ^= 1;
        EXPECT_FALSE(crypto::aead_open(key, nonce, associated, sealed, opened));
        EXPECT_EQ(opened, Bytes(plain.size()));
        sealed[i] ^= 1;
    }
}

TEST(CipherFile, agrees_with_a_byte_string_over_random_appends_cuts_reads_and_reopenings) {
    constexpr std::pair<CipherLayout, CipherSuite> kForms[] = {
        {kLogLayout, CipherSuite::aes_256_gcm},      {kTableLayout, CipherSuite::aes_256_gcm},
        {{.page_bytes = 256}, CipherSuite::sm4_gcm}, {{256, true}, CipherSuite::aes_256_gcm},
        {kLogLayout, CipherSuite::sm4_gcm},          {kTableLayout, CipherSuite::sm4_gcm}};
    for (const auto& [layout, suite] : kForms) {
        Machine machine{layout.page_bytes, suite};
        std::mt19937_64 random{layout.page_bytes};
        Bytes expected;
        auto file = *machine.files().create_as("d/f", layout);
        for (int round = 0; round < 400; ++round) {
            const auto next = random_bytes(random, random() % (random() % 10 == 0 ? 200'000 : 700));
            if (expected.size() < 3'000'000) {
                ASSERT_TRUE(file->write_at(expected.size(), next));
                append(expected, next);
            }
            if (random() % 20 == 0) {
                expected.resize(random() % (expected.size() + 1));
                ASSERT_TRUE(file->truncate(expected.size()));
            }
            if (random() % 10 == 0) {
                ASSERT_TRUE(file->sync());
            }
            if (random() % 40 == 0) {
                ASSERT_TRUE(file->sync());
                file.reset();
                machine.restart();
                file = *machine.files().open("d/f");
            }
            ASSERT_EQ(*file->size(), expected.size());
            const auto offset = random() % (expected.size() + 1);
            Bytes out(random() % 70'000);
            const auto read = *file->read_at(offset, out);
            ASSERT_EQ(read, std::min(out.size(), expected.size() - offset));
            ASSERT_TRUE(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(read),
                                   expected.begin() + static_cast<std::ptrdiff_t>(offset)));
        }
        EXPECT_EQ(content_of(*file), expected);
    }
}

TEST(CipherFile, shows_nothing_of_its_content_and_grows_at_its_end_only) {
    for (const auto suite : kSuites) {
        Machine machine{1, suite};
        auto file = *machine.files().create("d/f");
        ASSERT_TRUE(file->write_at(0, as_bytes("the planted sentence")));
        EXPECT_EQ(file->write_at(3, as_bytes("x")).error().code, error::StorageIo);
        EXPECT_EQ(file->write_at(21, as_bytes("x")).error().code, error::StorageIo);
        for (const auto& path : machine.disk.paths())
            EXPECT_FALSE(contains(machine.disk.content(path), "planted")) << path;
    }
}

TEST(CipherFile, never_writes_two_frames_with_one_nonce_also_after_cuts_and_reopenings) {
    Machine machine;
    std::set<std::pair<std::uint64_t, Bytes>> seen; // place and nonce
    std::set<Bytes> nonces;
    (void)machine.files().create("d/f");
    for (int round = 0; round < 50; ++round) {
        machine.restart();
        auto file = *machine.files().open("d/f");
        for (int i = 0; i < 5; ++i) {
            ASSERT_TRUE(file->truncate(0));
            ASSERT_TRUE(file->write_at(0, Bytes(10, static_cast<std::uint8_t>(i))));
            const auto& disk = machine.disk.content("d/f");
            const Bytes nonce{disk.begin() + 64 + 12, disk.begin() + 64 + 24};
            EXPECT_TRUE(nonces.insert(nonce).second);
        }
    }
    EXPECT_EQ(nonces.size(), 250u);
}

TEST(CipherFile, refuses_every_flipped_byte_naming_file_and_offset_and_never_gives_wrong_data) {
    for (const auto& [gathers, suite] :
         {std::pair{false, kSuites[0]}, {true, kSuites[0]}, {false, kSuites[1]}, {true, kSuites[1]}}) {
        Machine machine{1, suite};
        std::mt19937_64 random{3};
        Bytes expected;
        {
            auto file = *machine.files().create_as("d/f", {.page_bytes = 300, .gathers_pages = gathers});
            for (int i = 0; i < 20; ++i) {
                const auto next = random_bytes(random, 1 + random() % 120);
                ASSERT_TRUE(file->write_at(expected.size(), next));
                append(expected, next);
            }
            ASSERT_TRUE(file->sync());
        }
        const Bytes good = machine.disk.content("d/f");
        for (std::size_t at = 0; at < good.size(); ++at) {
            for (const unsigned mask : {0x01u, 0x80u, 0xffu}) {
                auto& disk = machine.disk.content("d/f");
                disk = good;
                disk[at] ^= static_cast<std::uint8_t>(mask);
                for (const bool last : {false, true}) {
                    auto file = last ? machine.files().open_last("d/f") : machine.files().open("d/f");
                    std::optional<Error> refusal;
                    if (file) {
                        Bytes out(expected.size());
                        const auto read = (*file)->read_at(0, out);
                        if (!read) refusal = read.error();
                    } else {
                        refusal = file.error();
                    }
                    ASSERT_TRUE(refusal) << "byte " << at;
                    EXPECT_TRUE(refusal->code == error::CipherDamaged || refusal->code == error::CipherPlain ||
                                refusal->code == error::RegistryMissing)
                        << refusal->text();
                    EXPECT_NE(refusal->detail.find("d/f"), std::string::npos);
                    if (at >= 64) {
                        EXPECT_NE(refusal->detail.find("d/f at offset "), std::string::npos) << refusal->detail;
                    }
                }
            }
        }
    }
}

TEST(CipherFile, refuses_a_suite_that_is_not_known_or_not_its_own) {
    Machine machine;
    {
        auto file = *machine.files().create("d/f");
        ASSERT_TRUE(file->write_at(0, Bytes(100, 1)));
        ASSERT_TRUE(file->sync());
    }
    auto& disk = machine.disk.content("d/f");
    const Bytes good = disk;
    const auto code = [&] { return machine.files().open("d/f").error().code; };
    for (const unsigned suite : {0u, 2u, 3u, 0xffu}) {
        disk[8] = static_cast<std::uint8_t>(suite);
        EXPECT_EQ(code(), error::CipherDamaged) << "the header's tag is for suite 1, not for " << suite;
    }
    disk = good;
    // Who has the key can make an authentic header. A number that nobody knows is then told as such.
    auto header = *decode_cipher_header(disk);
    const auto key = machine.running->registry->find(header.id)->key;
    const auto relabel = [&](CipherSuite suite) {
        header.suite = suite;
        std::ranges::copy(encode_cipher_header(header, *key), disk.begin());
    };
    relabel(static_cast<CipherSuite>(3));
    EXPECT_EQ(code(), error::CipherSuiteUnknown);
    relabel(CipherSuite::sm4_gcm);
    EXPECT_EQ(code(), error::CipherDamaged) << "its frames are of the other suite";
    relabel(CipherSuite::aes_256_gcm);
    EXPECT_EQ(disk, good);
    EXPECT_TRUE(machine.files().open("d/f"));
}

TEST(CipherFile, is_read_and_continued_under_the_suite_it_names_whatever_new_files_get) {
    Machine machine;
    std::map<std::string, Bytes> expected;
    const auto write = [&](const std::string& path, std::size_t bytes, std::uint8_t fill) {
        auto file = expected.contains(path) ? machine.files().open_last(path) : machine.files().create(path);
        ASSERT_TRUE(file) << file.error().text();
        auto& content = expected[path];
        ASSERT_TRUE((*file)->write_at(content.size(), Bytes(bytes, fill)));
        content.resize(content.size() + bytes, fill);
        ASSERT_TRUE((*file)->sync());
    };
    const auto suite_of = [&](const std::string& path) {
        return decode_cipher_header(machine.disk.content(path))->suite;
    };
    write("d/aes", 100'000, 1);
    machine.suite = CipherSuite::sm4_gcm;
    machine.restart();
    write("d/sm4", 100'000, 2);
    write("d/aes", 5000, 3);
    machine.suite = CipherSuite::aes_256_gcm;
    machine.restart();
    write("d/sm4", 5000, 4);
    write("d/aes", 5000, 5);
    machine.restart();
    EXPECT_EQ(suite_of("d/aes"), CipherSuite::aes_256_gcm);
    EXPECT_EQ(suite_of("d/sm4"), CipherSuite::sm4_gcm);
    for (const auto& [path, content] : expected) EXPECT_EQ(content_of(**machine.files().open(path)), content) << path;
    // A frame of one file in the other opens under neither.
    auto& disk = machine.disk.content("d/sm4");
    const auto& other = machine.disk.content("d/aes");
    std::copy(other.begin() + 64, other.end(), disk.begin() + 64);
    EXPECT_EQ(machine.files().open("d/sm4").error().code, error::CipherDamaged);
}

TEST(FileCipher, takes_sm4_gcm_under_a_key_that_is_derived_from_the_files) {
    const auto key = std::make_shared<const DataKey>(*DataKey::from(Bytes(32, 9)));
    const FileCipher cipher{CipherSuite::sm4_gcm, key};
    const crypto::AeadNonce nonce{{1, 2, 3}};
    const auto associated = as_bytes("place");
    const Bytes plain(70, 0x5a);
    Bytes sealed(plain.size() + crypto::kAeadTagBytes);
    cipher.seal(nonce, associated, plain, sealed);
    Bytes expected = plain;
    const auto tag = crypto::sm4_gcm_seal(*crypto::Sm4Key::from(key->derive("cairn file sm4-gcm").view().first(16)),
                                          crypto::Sm4Nonce{nonce.bytes}, associated, expected);
    append(expected, tag);
    EXPECT_EQ(sealed, expected);
    Bytes out(plain.size());
    EXPECT_TRUE(cipher.open(nonce, associated, sealed, out));
    EXPECT_EQ(out, plain);
    EXPECT_FALSE(FileCipher(CipherSuite::aes_256_gcm, key).open(nonce, associated, sealed, out));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        sealed[i] ^= 1;
        EXPECT_FALSE(cipher.open(nonce, associated, sealed, out)) << i;
        EXPECT_EQ(out, Bytes(plain.size())) << "what was refused must not be readable";
        sealed[i] ^= 1;
    }
    EXPECT_FALSE(cipher.open(nonce, associated, BytesView{sealed}.first(15), {}));
}

TEST(CipherFile, refuses_frames_that_were_moved_within_a_file_or_between_files) {
    Machine machine;
    for (const char* path : {"d/f", "d/g"}) {
        auto file = *machine.files().create(path);
        for (std::uint64_t i = 0; i < 3; ++i)
            ASSERT_TRUE(file->write_at(i * 100, Bytes(100, static_cast<std::uint8_t>(i))));
        ASSERT_TRUE(file->sync());
    }
    constexpr std::ptrdiff_t kFrame = 144;
    auto& f = machine.disk.content("d/f");
    const Bytes good = f;
    const auto& g = machine.disk.content("d/g");
    const auto is_refused = [&] {
        auto file = machine.files().open("d/f");
        Bytes out(300);
        return !file || !(*file)->read_at(0, out);
    };
    std::swap_ranges(f.begin() + 64, f.begin() + 64 + kFrame, f.begin() + 64 + kFrame);
    EXPECT_TRUE(is_refused());
    f = good;
    std::copy_n(g.begin() + 64, kFrame, f.begin() + 64);
    EXPECT_TRUE(is_refused());
    f = g; // as a whole it opens as what it is: the layers above know their files by content
    EXPECT_FALSE(is_refused());
    f = good;
    EXPECT_FALSE(is_refused());
}

TEST(CipherFile, cuts_an_end_that_a_crash_left_incomplete_and_only_where_that_is_asked_for) {
    Machine machine;
    {
        auto file = *machine.files().create("d/f");
        ASSERT_TRUE(file->write_at(0, Bytes(100, 1)));
        ASSERT_TRUE(file->write_at(100, Bytes(1000, 2)));
        ASSERT_TRUE(file->sync());
    }
    const Bytes good = machine.disk.content("d/f");
    const std::size_t last = 64 + 144;
    for (std::size_t size = last + 1; size < good.size(); ++size) {
        machine.disk.content("d/f") = {good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_EQ(machine.files().open("d/f").error().code, error::CipherDamaged);
        auto file = machine.files().open_last("d/f");
        ASSERT_TRUE(file) << size << file.error().text();
        EXPECT_EQ(content_of(**file), Bytes(100, 1));
    }
    // Longer before its content came: zeros from a sector's start.
    auto& disk = machine.disk.content("d/f");
    disk = good;
    std::fill(disk.begin() + 512, disk.end(), std::uint8_t{0});
    auto file = *machine.files().open_last("d/f");
    EXPECT_EQ(content_of(*file), Bytes(100, 1));
    ASSERT_TRUE(file->write_at(100, Bytes(5, 3)));
    EXPECT_EQ(*file->size(), 105u);
}

TEST(EncryptedLog, keeps_every_synced_record_over_losses_of_power) {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Machine machine{seed};
        std::mt19937_64 random{seed};
        std::vector<Bytes> written;
        std::size_t synced = 0;
        for (int round = 0; round < 5; ++round) {
            {
                auto opened = open_segment_log_on(machine.files(), "d", kSmall);
                ASSERT_TRUE(opened) << opened.error().text();
                const auto log = std::move(*opened);
                const auto found = all_records(*log);
                ASSERT_TRUE(found) << found.error().text();
                ASSERT_GE(found->size(), synced);
                ASSERT_LE(found->size(), written.size());
                written.resize(found->size());
                ASSERT_EQ(*found, written);
                synced = written.size();
                if (random() % 4 == 0) machine.disk.syncs_until_error = random() % 8;
                for (auto n = random() % 20; n > 0; --n) {
                    const auto next = random_bytes(random, random() % 150);
                    if (!log->append(next)) break;
                    written.push_back(next);
                    if (random() % 3 != 0) continue;
                    if (!log->sync()) break;
                    synced = written.size();
                }
                machine.disk.syncs_until_error = std::nullopt;
            }
            machine.lose_power();
            if (HasFatalFailure()) return;
        }
    }
}

TEST(EncryptedLog, goes_on_after_the_disk_was_full_and_loses_nothing) {
    for (std::uint64_t room = 0; room < 9000; room += 61) {
        SCOPED_TRACE("room " + std::to_string(room));
        Machine machine{room};
        std::vector<Bytes> expected;
        {
            auto log = *open_segment_log_on(machine.files(), "d", kSmall);
            machine.disk.bytes_until_full = room;
            for (std::size_t i = 0; i < 40; ++i) {
                const Bytes record(40, static_cast<std::uint8_t>(i));
                if (const auto appended = log->append(record)) {
                    expected.push_back(record);
                    continue;
                } else {
                    ASSERT_EQ(appended.error().code, error::StorageFull) << appended.error().text();
                }
                machine.disk.bytes_until_full = std::nullopt;
            }
            ASSERT_EQ(*all_records(*log), expected);
        }
        machine.disk.bytes_until_full = std::nullopt;
        machine.restart();
        ASSERT_EQ(*all_records(**open_segment_log_on(machine.files(), "d", kSmall)), expected);
    }
}

TEST(EncryptedLog, refuses_any_flipped_byte_in_any_of_its_files) {
    Machine machine;
    std::vector<Bytes> expected;
    {
        auto log = *open_segment_log_on(machine.files(), "d", kSmall);
        for (std::uint8_t i = 0; i < 20; ++i) {
            expected.emplace_back(50, i);
            ASSERT_TRUE(log->append(expected.back()));
        }
        ASSERT_TRUE(log->sync());
    }
    for (const auto& path : data_files(machine.disk)) {
        for (std::size_t at = 0; at < machine.disk.content(path).size(); ++at) {
            machine.disk.content(path)[at] ^= 0x10;
            auto log = open_segment_log_on(machine.files(), "d", kSmall);
            const auto records = log ? all_records(**log) : std::unexpected(log.error());
            ASSERT_FALSE(records) << path << " byte " << at;
            EXPECT_NE(records.error().detail.find(path), std::string::npos) << records.error().detail;
            machine.disk.content(path)[at] ^= 0x10;
        }
    }
    EXPECT_EQ(*all_records(**open_segment_log_on(machine.files(), "d", kSmall)), expected);
}

TEST(KeyRegistry, that_is_lost_foreign_older_or_damaged_is_detected) {
    Machine machine;
    std::map<std::string, Bytes> older;
    for (const auto& path : machine.disk.paths()) older[path] = machine.disk.content(path);
    ASSERT_TRUE((*machine.files().create("d/f"))->write_at(0, as_bytes("x")));
    const auto reopen = [&] { return TestEncryption::open(machine.disk, "k", data_files(machine.disk)); };
    machine.running.reset();
    std::map<std::string, Bytes> good;
    for (const auto& path : machine.disk.paths()) good[path] = machine.disk.content(path);
    const auto restore = [&] {
        for (const auto& [path, content] : good) {
            (void)machine.disk.create(path); // unless it is there
            machine.disk.content(path) = content;
        }
    };
    // One damaged copy is mended from the other; two are refused, byte by byte.
    for (std::size_t at = 0; at < good["k/registry.a"].size(); ++at) {
        machine.disk.content("k/registry.a")[at] ^= 1;
        if (at % 37 == 0) {
            ASSERT_TRUE(reopen());
            restore();
            machine.disk.content("k/registry.a")[at] ^= 1;
        }
        machine.disk.content("k/registry.b")[at] ^= 1;
        const auto opened = reopen();
        ASSERT_FALSE(opened) << at;
        EXPECT_TRUE(opened.error().code == error::RegistryDamaged || opened.error().code == error::VaultKeyUnknown ||
                    opened.error().code == error::VaultKeyWrong)
            << opened.error().text();
        restore();
    }
    for (std::size_t at = 0; at < good["k/vault.a"].size(); at += 3) {
        machine.disk.content("k/vault.a")[at] ^= 1;
        machine.disk.content("k/vault.b")[at] ^= 1;
        EXPECT_EQ(reopen().error().code, error::VaultDamaged);
        restore();
    }
    for (const char* copy : {"k/registry.a", "k/registry.b"}) ASSERT_TRUE(machine.disk.remove(copy));
    EXPECT_EQ(reopen().error().code, error::RegistryMissing);
    restore();
    for (const auto& [path, content] : older) machine.disk.content(path) = content;
    EXPECT_EQ(reopen().error().code, error::RegistryMissing) << "an older registry does not know the file";
    restore();
    EXPECT_EQ(TestEncryption::open(machine.disk, "k", {}, test_root(8)).error().code, error::VaultDamaged);
    restore();
    (void)machine.disk.create("d/plain");
    machine.disk.content("d/plain") = to_bytes(as_bytes("some plain text"));
    EXPECT_EQ(reopen().error().code, error::CipherPlain);
    ASSERT_TRUE(machine.disk.remove("d/plain"));
    EXPECT_TRUE(reopen());
}

TEST(KeyRotation, gives_every_file_a_new_key_while_one_is_written_and_read_and_the_old_key_is_destroyed) {
    Machine machine;
    std::mt19937_64 random{9};
    std::map<std::string, Bytes> expected;
    for (const char* path : {"d/a", "d/b", "d/hot"}) {
        expected[path] = random_bytes(random, 700'000);
        auto file = *machine.files().create(path);
        ASSERT_TRUE(file->write_at(0, expected[path]));
        ASSERT_TRUE(file->sync());
    }
    auto hot = *machine.files().open("d/hot");
    auto table = *machine.files().create_as("d/new.sst", kTableLayout);
    ASSERT_TRUE(table->write_at(0, as_bytes("gathered, not written yet")));
    expected["d/new.sst"] = to_bytes(as_bytes("gathered, not written yet"));
    const Bytes before = machine.disk.content("d/a");

    auto& vault = *machine.running->vault;
    auto& registry = *machine.running->registry;
    EXPECT_EQ(vault.retire(KeyPurpose::storage, {1}).error().code, error::VaultState);
    EXPECT_EQ(vault.make_version(KeyPurpose::storage)->value, 2u);
    ASSERT_TRUE(registry.follow_rotation());
    EXPECT_EQ(registry.counts().wrapped_by[{1}], 4u);
    ASSERT_TRUE(registry.rewrap());
    EXPECT_EQ(registry.counts().wrapped_by[{1}], 0u);
    EXPECT_EQ(registry.counts().made_under[{1}], 4u);
    EXPECT_EQ(machine.disk.content("d/a"), before) << "wrapping anew rewrites no data";

    int steps = 0;
    for (const auto& path : data_files(machine.disk)) {
        const auto moved = machine.files().reencrypt(path, [&](std::size_t) {
            // Between two steps the writer goes on.
            const auto more = random_bytes(random, 100);
            auto& all = expected["d/hot"];
            EXPECT_TRUE(hot->write_at(all.size(), more));
            append(all, more);
            ++steps;
            return true;
        });
        ASSERT_TRUE(moved) << moved.error().text();
        EXPECT_TRUE(*moved) << path;
    }
    EXPECT_GE(steps, 6);
    EXPECT_EQ(registry.counts().made_under[{1}], 0u);
    EXPECT_FALSE(*machine.files().reencrypt("d/a", always));
    EXPECT_FALSE(*machine.files().reencrypt("d/absent", always));
    EXPECT_NE(machine.disk.content("d/a"), before);
    ASSERT_TRUE(vault.retire(KeyPurpose::storage, {1}));
    ASSERT_TRUE(vault.destroy(KeyPurpose::storage, {1}));
    ASSERT_TRUE(table->sync());
    ASSERT_TRUE(hot->sync());
    for (const auto& [path, content] : expected) EXPECT_EQ(content_of(**machine.files().open(path)), content) << path;
    hot.reset();
    table.reset();
    machine.restart();
    for (const auto& [path, content] : expected) EXPECT_EQ(content_of(**machine.files().open(path)), content) << path;
    // A copy from before the rotation is lost with its key.
    machine.disk.content("d/a") = before;
    EXPECT_EQ(machine.files().open("d/a").error().code, error::RegistryMissing);
}

TEST(KeyRotation, brings_old_files_to_the_suite_of_new_ones_also_without_a_new_version) {
    Machine machine;
    std::mt19937_64 random{10};
    std::map<std::string, Bytes> expected;
    for (const char* path : {"d/a", "d/b", "d/gone"}) {
        expected[path] = random_bytes(random, 500'000);
        auto file = *machine.files().create(path);
        ASSERT_TRUE(file->write_at(0, expected[path]));
        ASSERT_TRUE(file->sync());
    }
    EXPECT_EQ(machine.files().files_of_other_suites({1}), 0u);
    machine.suite = CipherSuite::sm4_gcm;
    machine.restart();
    EXPECT_EQ(machine.files().files_of_other_suites({1}), 3u);
    EXPECT_EQ(machine.files().files_of_other_suites({2}), 0u) << "those count as files under an old version";
    ASSERT_TRUE(machine.files().remove("d/gone"));
    expected.erase("d/gone");
    EXPECT_EQ(machine.files().files_of_other_suites({1}), 2u);
    auto hot = *machine.files().open("d/b");
    for (const char* path : {"d/a", "d/b"}) {
        const auto old = decode_cipher_header(machine.disk.content(path))->id;
        const auto moved = machine.files().reencrypt(path, [&](std::size_t) {
            const auto more = random_bytes(random, 100);
            auto& all = expected["d/b"];
            EXPECT_TRUE(hot->write_at(all.size(), more));
            append(all, more);
            return true;
        });
        ASSERT_TRUE(moved) << moved.error().text();
        EXPECT_TRUE(*moved);
        const auto header = *decode_cipher_header(machine.disk.content(path));
        EXPECT_EQ(header.suite, CipherSuite::sm4_gcm);
        EXPECT_NE(header.id, old) << "one key never serves two suites";
        EXPECT_FALSE(*machine.files().reencrypt(path, always));
    }
    EXPECT_EQ(machine.files().files_of_other_suites({1}), 0u);
    ASSERT_TRUE(hot->write_at(expected["d/b"].size(), Bytes(10, 1)));
    expected["d/b"].resize(expected["d/b"].size() + 10, 1);
    ASSERT_TRUE(hot->sync());
    hot.reset();
    machine.restart();
    EXPECT_EQ(machine.files().files_of_other_suites({1}), 0u);
    for (const auto& [path, content] : expected) EXPECT_EQ(content_of(**machine.files().open(path)), content) << path;
}

TEST(KeyRotation, survives_a_loss_of_power_at_every_point) {
    for (std::uint64_t seed = 1; seed <= 120; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Machine machine{seed};
        std::mt19937_64 random{seed};
        const auto expected = random_bytes(random, 600'000);
        {
            auto file = *machine.files().create("d/f");
            ASSERT_TRUE(file->write_at(0, expected));
            ASSERT_TRUE(file->sync());
            ASSERT_TRUE(machine.files().sync_directory("d"));
        }
        if (random() % 2 == 0) machine.disk.syncs_until_error = random() % 9;
        bool going = machine.running->vault->make_version(KeyPurpose::storage).has_value();
        going = going && machine.running->registry->follow_rotation();
        going = going && (random() % 2 == 0 || machine.running->registry->rewrap());
        auto steps = random() % 5;
        if (going) (void)machine.files().reencrypt("d/f", [&](std::size_t) { return steps-- > 0; });
        machine.disk.syncs_until_error = std::nullopt;
        machine.lose_power();
        if (HasFatalFailure()) return;
        auto file = machine.files().open("d/f");
        ASSERT_TRUE(file) << file.error().text();
        ASSERT_EQ(content_of(**file), expected);
    }
}

} // namespace cairn::storage
