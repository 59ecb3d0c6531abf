#include "keys/impact.hpp"

#include "base/errors/keys.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace cairn::keys {
namespace {

bool is_concerned(const TouchEvent& event, std::uint64_t since) {
    switch (event.kind) {
    case Touch::generated:
    case Touch::imported:
    case Touch::encrypted:
    case Touch::backed_up:
    case Touch::granted:
    case Touch::issued:
    case Touch::stored:
    case Touch::wrapped:
    case Touch::deployed: return true;
    case Touch::session: return !event.forward_secret || event.last_height >= since;
    case Touch::signed_with:
    case Touch::exported:
    case Touch::recorded: return event.last_height >= since;
    case Touch::controls:
    case Touch::released: return false; // make accounts, not findings
    }
    return false;
}

/// The key, and all that lie encrypted under it, directly or not.
Result<std::set<KeyId>> closure(const TouchIndex& index, const KeyId& key) {
    std::set<KeyId> out{key};
    std::vector<KeyId> open{key};
    while (!open.empty()) {
        const KeyId next = open.back();
        open.pop_back();
        CRN_TRY(wrapped, index.wrapped_by(next));
        for (const auto& one : wrapped)
            if (out.insert(one).second) open.push_back(one);
    }
    return out;
}

/// From when to when (the largest number: still) a key signed for each account.
using Spans = std::map<KeyId, std::pair<std::uint64_t, std::uint64_t>>;
constexpr std::uint64_t kStill = ~std::uint64_t{0};

void note_control(Spans& spans, const TouchEvent& event) {
    const auto [entry, is_new] = spans.try_emplace(event.other, 0, kStill);
    if (event.kind == Touch::controls)
        entry->second.first = event.height;
    else
        entry->second.second = event.height;
}

} // namespace

Result<Impact> impact_of(const TouchIndex& index, const KeyId& key, std::uint64_t since, bool is_registered) {
    if (!is_address(key) && !is_registered) {
        CRN_TRY(known, index.knows(key));
        CRN_TRY(wrapped, index.wrapped_by(key));
        if (!known && wrapped.empty()) return fail(error::KeyUnknown, to_hex(key));
    }
    CRN_TRY(keys, closure(index, key));
    Impact out{.key = key, .since = since, .keys = {keys.begin(), keys.end()}, .accounts = {}, .findings = {}};
    const auto take = [&](const KeyId& via, const TouchEvent& event) {
        if (is_concerned(event, since)) out.findings.push_back({via, event});
        return out.findings.size() <= kFindingsMax;
    };

    std::set<KeyId> accounts;
    for (const auto& one : keys) {
        Spans spans;
        CRN_CHECK(index.of_key(one, [&](const TouchEvent& event) {
            if (event.kind == Touch::controls || event.kind == Touch::released) note_control(spans, event);
            const bool is_accounts = event.kind == Touch::deployed || event.kind == Touch::recorded;
            return is_accounts || take(one, event);
        }));
        // A key that no account was given to is the key of the account of the same address.
        const bool moved_in = std::ranges::any_of(spans, [&](const auto& entry) { return entry.first != one; });
        if (is_address(one) && !moved_in) spans.try_emplace(one, 0, kStill);
        for (const auto& [account, span] : spans)
            if (span.second == kStill || span.second >= since) accounts.insert(account);
    }
    for (const auto& account : accounts)
        for (const auto kind : {Touch::deployed, Touch::recorded})
            CRN_CHECK(index.of_key(account, kind, [&](const TouchEvent& event) { return take(account, event); }));
    if (out.findings.size() > kFindingsMax)
        return fail(error::KeyUnknown,
                    "more than " + std::to_string(kFindingsMax) + " findings: ask for a later height");
    out.accounts.assign(accounts.begin(), accounts.end());
    std::ranges::sort(out.findings, {}, &Finding::event);
    return out;
}

} // namespace cairn::keys
