#include "keys/impact.hpp"

#include "base/errors/keys.hpp"
#include "crypto/hash.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>

namespace cairn::keys {
namespace {

KeyId key_of(std::uint64_t number) { return crypto::keccak256(as_bytes("key " + std::to_string(number))); }
/// An account's address as a word.
KeyId account_of(std::uint64_t number) {
    auto out = crypto::keccak256(as_bytes("account " + std::to_string(number)));
    std::fill_n(out.bytes.begin(), 12, std::uint8_t{0});
    return out;
}

TouchEvent event(Touch kind, const KeyId& key, std::uint64_t height, std::string subject = {},
                 const KeyId& other = {}) {
    return {.kind = kind,
            .key = key,
            .other = other,
            .height = height,
            .last_height = height,
            .subject = std::move(subject)};
}

class ImpactTest : public testing::Test {
protected:
    Impact impact(const KeyId& key, std::uint64_t since = 0) {
        auto out = impact_of(index, key, since);
        EXPECT_TRUE(out) << out.error().text();
        return out.value_or(Impact{});
    }
    std::vector<std::string> subjects(const Impact& of) {
        std::vector<std::string> out;
        for (const auto& finding : of.findings) out.push_back(finding.event.subject);
        return out;
    }
    std::unique_ptr<storage::KeyValueStore> store = storage::make_memory_store();
    TouchIndex index{*store};
};

TEST_F(ImpactTest, follows_wrapping_downwards_only) {
    index.record(event(Touch::wrapped, key_of(2), 1, "dek", key_of(1)));
    index.record(event(Touch::wrapped, key_of(3), 1, "dek", key_of(2)));
    index.record(event(Touch::encrypted, key_of(3), 1, "file"));
    index.record(event(Touch::encrypted, key_of(9), 1, "other"));
    EXPECT_EQ(impact(key_of(1)).keys.size(), 3u);
    EXPECT_EQ(impact(key_of(2)).keys.size(), 2u);
    EXPECT_EQ(impact(key_of(3)).keys, std::vector{key_of(3)});
    EXPECT_EQ(subjects(impact(key_of(3))), (std::vector<std::string>{"dek", "file"}));
}

TEST_F(ImpactTest, ends_on_keys_that_wrap_each_other) {
    index.record(event(Touch::wrapped, key_of(1), 1, "a", key_of(2)));
    index.record(event(Touch::wrapped, key_of(2), 1, "b", key_of(1)));
    EXPECT_EQ(impact(key_of(1)).keys.size(), 2u);
}

TEST_F(ImpactTest, sessions_with_forward_secrecy_count_only_after_the_leak) {
    auto early = event(Touch::session, key_of(1), 5, "early");
    early.forward_secret = true;
    auto late = event(Touch::session, key_of(1), 50, "late");
    late.forward_secret = true;
    index.record(early);
    index.record(late);
    index.record(event(Touch::session, key_of(1), 5, "plain"));
    EXPECT_EQ(subjects(impact(key_of(1), 20)), (std::vector<std::string>{"plain", "late"}));
}

TEST_F(ImpactTest, an_account_that_moved_on_before_the_leak_is_not_concerned) {
    const auto account = account_of(1);
    index.record(event(Touch::released, account, 10, {}, account));
    index.record(event(Touch::controls, account_of(2), 10, {}, account));
    index.record(event(Touch::deployed, account, 3, "contract", account_of(7)));
    EXPECT_EQ(impact(account, 11).accounts, std::vector<KeyId>{});
    EXPECT_EQ(impact(account, 10).accounts, std::vector{account});
    EXPECT_EQ(impact(account_of(2), 11).accounts, std::vector{account});
    EXPECT_EQ(subjects(impact(account_of(2), 11)), std::vector<std::string>{"contract"});
}

TEST_F(ImpactTest, an_unknown_key_is_said_to_be_unknown) {
    EXPECT_EQ(impact_of(index, key_of(5), 0).error().code, error::KeyUnknown);
    EXPECT_EQ(impact(account_of(5)).accounts, std::vector{account_of(5)});
    const auto of_idle_validator = impact_of(index, key_of(5), 0, true);
    ASSERT_TRUE(of_idle_validator);
    EXPECT_TRUE(of_idle_validator->findings.empty());
}

TEST_F(ImpactTest, the_same_event_twice_is_one) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(index.record_block(4, {event(Touch::encrypted, key_of(1), 4, "file")}));
    EXPECT_EQ(impact(key_of(1)).findings.size(), 1u);
    EXPECT_EQ(*index.fed(), std::optional<std::uint64_t>{4});
}

TEST_F(ImpactTest, a_damaged_event_is_reported_and_not_left_out) {
    index.record(event(Touch::encrypted, key_of(1), 4, "file"));
    storage::WriteBatch batch;
    Bytes name = to_bytes(as_bytes("ke"));
    append(name, key_of(1));
    name.push_back(static_cast<std::uint8_t>(Touch::stored));
    batch.put(storage::Column::index, name, as_bytes("junk"));
    ASSERT_TRUE(store->write(batch, false));
    EXPECT_EQ(impact_of(index, key_of(1), 0).error().code, error::TouchEventInvalid);
}

TEST_F(ImpactTest, oversized_subjects_are_dropped) {
    index.record(event(Touch::encrypted, key_of(1), 4, std::string(kTouchSubjectBytesMax + 1, 'x')));
    EXPECT_FALSE(*index.knows(key_of(1)));
}

TEST(TouchEvents, come_back_as_they_were_written_and_refuse_any_cut) {
    auto one = event(Touch::signed_with, key_of(1), 7, "vote", key_of(2));
    one.count = 3;
    one.last_height = 9;
    const Bytes encoded = encode(one);
    EXPECT_EQ(*decode_touch_event(encoded), one);
    for (std::size_t size = 0; size < encoded.size(); ++size)
        EXPECT_FALSE(decode_touch_event(BytesView{encoded}.first(size)));
}

/// The answer by the words of security.md 1.5 over a plain list of events: no index, no closure algorithm worth the name.
struct Reference {
    std::set<KeyId> keys, accounts;
    std::set<TouchEvent> events;
};
Reference reference(const std::vector<TouchEvent>& history, const KeyId& leaked, std::uint64_t since) {
    Reference out;
    out.keys.insert(leaked);
    for (bool grew = true; grew;) {
        grew = false;
        for (const auto& e : history)
            if (e.kind == Touch::wrapped && out.keys.contains(e.other)) grew = out.keys.insert(e.key).second || grew;
    }
    for (const auto& key : out.keys) {
        std::set<KeyId> given;
        for (const auto& e : history)
            if (e.key == key && e.kind == Touch::controls) given.insert(e.other);
        if (given.empty() && is_address(key)) given.insert(key);
        for (const auto& account : given) {
            bool gone_before = false;
            for (const auto& e : history)
                if (e.key == key && e.kind == Touch::released && e.other == account && e.height < since)
                    gone_before = true;
            if (!gone_before) out.accounts.insert(account);
        }
    }
    for (const auto& e : history) {
        const bool by_key = out.keys.contains(e.key);
        const bool by_account = out.accounts.contains(e.key);
        switch (e.kind) {
        case Touch::deployed:
            if (by_account) out.events.insert(e);
            break;
        case Touch::recorded:
            if (by_account && e.height >= since) out.events.insert(e);
            break;
        case Touch::signed_with:
        case Touch::exported:
            if (by_key && e.last_height >= since) out.events.insert(e);
            break;
        case Touch::session:
            if (by_key && (!e.forward_secret || e.height >= since)) out.events.insert(e);
            break;
        case Touch::controls:
        case Touch::released: break;
        default:
            if (by_key) out.events.insert(e);
        }
    }
    return out;
}

std::vector<TouchEvent> random_history(std::uint64_t seed, std::size_t length, std::uint64_t key_count) {
    std::mt19937_64 random{seed};
    std::vector<TouchEvent> out;
    std::map<KeyId, KeyId> current; // account -> key
    std::set<KeyId> used;
    std::uint64_t height = 1;
    while (out.size() < length) {
        height += random() % 2;
        const auto account = account_of(random() % key_count);
        const auto signer = current.try_emplace(account, account).first->second;
        const auto kind = static_cast<Touch>(1 + random() % kTouchMax);
        if (kind == Touch::controls || kind == Touch::released) {
            const auto next = account_of(key_count + out.size());
            out.push_back(event(Touch::released, signer, height, {}, account));
            out.push_back(event(Touch::controls, next, height, {}, account));
            current[account] = next;
            continue;
        }
        const bool of_account = kind == Touch::deployed || kind == Touch::recorded;
        KeyId key = of_account ? account : random() % 3 == 0 ? signer : key_of(random() % key_count);
        auto one = event(kind, key, height, "subject " + std::to_string(out.size()));
        if (kind == Touch::wrapped) {
            one.key = key_of(random() % key_count);
            one.other = key_of(random() % key_count);
        }
        if (kind == Touch::signed_with) one.last_height += random() % 5;
        one.forward_secret = kind == Touch::session && random() % 2 == 0;
        out.push_back(std::move(one));
    }
    return out;
}

TEST_F(ImpactTest, finds_exactly_what_the_reference_finds_on_random_histories) {
    std::size_t compared = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        const auto history = random_history(seed, 300, 12);
        auto memory = storage::make_memory_store();
        TouchIndex filled{*memory};
        for (const auto& one : history) filled.record(one);
        std::mt19937_64 random{seed * 77};
        std::vector<KeyId> asked;
        for (std::uint64_t i = 0; i < 12; ++i) asked.insert(asked.end(), {key_of(i), account_of(i)});
        for (const auto& one : history)
            if (one.kind == Touch::controls) asked.push_back(one.key);
        for (const auto& key : asked) {
            const std::uint64_t since = random() % 4 == 0 ? 0 : random() % 170;
            const auto expected = reference(history, key, since);
            const auto answer = impact_of(filled, key, since);
            if (!answer) {
                EXPECT_EQ(answer.error().code, error::KeyUnknown);
                EXPECT_TRUE(expected.events.empty() && expected.keys.size() == 1);
                continue;
            }
            EXPECT_EQ(std::set(answer->keys.begin(), answer->keys.end()), expected.keys);
            EXPECT_EQ(std::set(answer->accounts.begin(), answer->accounts.end()), expected.accounts);
            std::set<TouchEvent> found;
            for (const auto& finding : answer->findings) found.insert(finding.event);
            EXPECT_EQ(found.size(), answer->findings.size());
            EXPECT_EQ(found, expected.events);
            compared += found.size();
            if (HasFailure()) return;
        }
    }
    EXPECT_GT(compared, 10'000u);
}

} // namespace
} // namespace cairn::keys
