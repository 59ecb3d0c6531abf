// An audit log to write, read and spoil. For tests.
#pragma once

#include "audit/trail.hpp"
#include "audit/verifier.hpp"
#include "storage/test_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <iterator>

namespace cairn::audit {

class TestClock final : public Clock {
public:
    Microseconds monotonic() const override { return Microseconds{now.load() * 1000}; }
    Milliseconds wall() const override { return Milliseconds{now.load()}; }
    std::atomic<std::int64_t> now{1'800'000'000'000};
};

/// Seals with a key made of one byte.
class TestSealer final : public Sealer {
public:
    explicit TestSealer(std::uint8_t fill = 7) : key_(make(fill)) {}
    crypto::ValidatorPublicKey key() const override { return key_.public_key(); }
    std::vector<ledger::SealSuccession> successions() const override { return successions_; }
    /// The key of `other` introduces this one, after those that introduced `other`.
    void follow(const TestSealer& other) {
        successions_ = other.successions_;
        ledger::SealSuccession made{other.key(), key(), {}};
        made.signature = other.key_.sign(signed_bytes(made));
        successions_.push_back(made);
    }
    void claim(const ledger::SealSuccession& succession) { successions_ = {succession}; }
    Result<Sealed> seal(const SealStatement& statement) override {
        return Sealed{key_.sign(signed_bytes(statement)), {}};
    }
    Result<crypto::Signature> anchor(const ledger::AnchorStatement& statement) override {
        return key_.sign(signed_bytes(statement));
    }

private:
    static crypto::ValidatorKey make(std::uint8_t fill) {
        crypto::ValidatorSeed seed;
        seed.bytes.fill(fill);
        return crypto::ValidatorKey::from_seed(seed);
    }
    crypto::ValidatorKey key_;
    std::vector<ledger::SealSuccession> successions_;
};

inline Event test_event(std::uint64_t i) {
    return {.subject = "account " + std::to_string(i % 17),
            .identity = "Alpha",
            .origin = i % 3 == 0 ? "client 127.0.0.1" : "management 10.0.0.9",
            .object = "thing " + std::to_string(i),
            .action = i % 5 == 0 ? "admin.stop" : "contract.call",
            .outcome = i % 7 == 0 ? Outcome::refused : Outcome::accepted,
            .reason = i % 7 == 0 ? "CRN-TST-0001 not now" : ""};
}

inline TrailConfig test_config(const std::string& directory) {
    TrailConfig config{.directory = directory, .node = "alpha-1", .organisation = "Alpha", .chain_id = 8020};
    config.genesis.bytes.fill(9);
    return config;
}

/// The records of a log, in order.
inline std::vector<Bytes> records_of(const std::string& path) {
    std::vector<Bytes> out;
    const auto status = read_log(storage::posix_file_system(), path,
                                 {.on_record =
                                      [&](const Place&, BytesView record) {
                                          out.push_back(to_bytes(record));
                                          return true;
                                      },
                                  .on_damage = [](const Place&, std::uint64_t, bool) { FAIL() << "damage"; },
                                  .on_missing = [](const std::string&) { FAIL() << "missing"; }});
    EXPECT_TRUE(status.has_value());
    return out;
}

inline void write_evidence(const std::string& path, const std::vector<Bytes>& records) {
    std::ofstream out{path, std::ios::binary};
    out << kEvidenceMagic;
    for (const auto& record : records) {
        for (int i = 0; i < 4; ++i) out.put(static_cast<char>(record.size() >> (8 * i)));
        out.write(reinterpret_cast<const char*>(record.data()), static_cast<std::streamsize>(record.size()));
    }
}

} // namespace cairn::audit
