#include "audit/verifier.hpp"

#include "audit/trail.hpp"
#include "base/errors/audit.hpp"

#include <algorithm>

namespace cairn::audit {
namespace {

constexpr std::size_t kGoneMax = 65'536;

std::string events(std::uint64_t first, std::uint64_t last) {
    return first == last ? "event " + std::to_string(first)
                         : "events " + std::to_string(first) + " to " + std::to_string(last);
}

/// "handshakes 12, not 13" for each kind of which there are fewer than there should be.
std::string lacking(const ledger::KeyUses& uses, const ledger::KeyUses& wanted) {
    std::string out;
    for (std::size_t i = 0; i < ledger::kKeyUses; ++i) {
        const auto use = static_cast<ledger::KeyUse>(i);
        if (uses.of(use) >= wanted.of(use)) continue;
        if (!out.empty()) out += ", ";
        out +=
            std::string{name_of(use)} + ' ' + std::to_string(uses.of(use)) + ", not " + std::to_string(wanted.of(use));
    }
    return out;
}

} // namespace

std::string_view name_of(Fault fault) {
    switch (fault) {
    case Fault::edited: return "edited";
    case Fault::deleted: return "deleted";
    case Fault::moved: return "moved";
    case Fault::doubled: return "doubled";
    case Fault::truncated: return "truncated";
    case Fault::forged: return "forged";
    case Fault::damaged: return "damaged";
    case Fault::unsealed: return "unsealed";
    case Fault::hidden: return "hidden";
    }
    return "unknown";
}

void ChainChecker::find(Fault fault, std::uint64_t first, std::uint64_t last, const Place& place, std::string text) {
    if (report_.findings.size() < kFindingsMax)
        report_.findings.push_back({fault, first, last, place, std::move(text)});
    ++report_.findings_total;
}

ChainChecker::ChainChecker(const Expectation& expected) : expected_(expected) {
    if (expected_.anchors)
        for (const auto& anchor : expected_.anchors->anchors) anchored_.insert(anchor.sequence);
}

Result<std::optional<Event>> ChainChecker::take(const Place& place, BytesView bytes) {
    ++report_.records;
    auto record = decode_record(bytes);
    if (!record) {
        find(Fault::edited, last_ + 1, last_ + 1, place,
             "a record behind event " + std::to_string(last_) + " is malformed: " + record.error().detail);
        // An event, most likely: the next one must not look as if it were missing.
        if (!bytes.empty() && bytes[0] == 2) {
            previous_event_ = ++last_;
            ++report_.events;
            last_was_event_ = true;
        }
        explained_ = true;
        started_ = true;
        head_ = hash_of_record(bytes);
        last_place_ = place;
        return std::nullopt;
    }
    std::optional<Event> out;
    if (auto* opening = std::get_if<Opening>(&record->body)) {
        CRN_CHECK(take_opening(place, *opening));
        if (!linked(*record) && !explained_)
            find(Fault::edited, last_, last_, last_place_,
                 "the record before the segment's beginning was changed or is missing, after event " +
                     std::to_string(last_));
        last_was_event_ = false;
    } else if (!opening_) {
        find(Fault::deleted, 1, 1, place, "the opening record is missing");
        started_ = true;
        explained_ = true;
        opening_.emplace(); // seals cannot be checked until the next one
        return take(place, bytes);
    } else if (auto* event = std::get_if<Event>(&record->body)) {
        take_event(place, *record, *event);
        out = std::move(*event);
        out->node = opening_->node;
    } else
        take_seal(place, *record, std::get<Seal>(record->body));
    started_ = true;
    head_ = hash_of_record(bytes);
    last_place_ = place;
    return out;
}

Status ChainChecker::take_opening(const Place& place, const Opening& opening) {
    const auto foreign = [&](const std::string& what) { return fail(error::AuditForeign, place.text() + ": " + what); };
    if (expected_.node && opening.node != *expected_.node)
        return foreign("the log of " + opening.node + ", not of " + *expected_.node);
    if (expected_.chain_id && opening.chain_id != *expected_.chain_id)
        return foreign("a log of chain " + std::to_string(opening.chain_id));
    if (expected_.genesis && opening.genesis != *expected_.genesis)
        return foreign("a log of the chain with genesis " + to_hex(opening.genesis));
    if (expected_.anchors) {
        const auto& list = *expected_.anchors;
        if (list.node != opening.node || list.chain_id != opening.chain_id)
            return foreign("the log of " + opening.node + ", the anchors are those of " + list.node);
    }
    if (opening_ && !opening_->node.empty() && !opening.same_log(*opening_))
        return foreign("a segment of the log of " + opening.node + " stands in that of " + opening_->node);
    CRN_CHECK(take_validator(place, opening));
    CRN_CHECK(take_seal_key(place, opening));
    if (!opening_ || opening_->node.empty()) {
        report_.opening = opening;
        report_.first_event = opening.first_sequence;
        if (!opening_) last_ = opening.first_sequence - 1;
    }
    if (opening.first_sequence > last_ + 1 && gap_explained_) {
        if (!report_.findings.empty()) report_.findings.back().last_event = opening.first_sequence - 1;
        last_ = opening.first_sequence - 1;
    } else if (opening.first_sequence > last_ + 1) {
        find(Fault::deleted, last_ + 1, opening.first_sequence - 1, place,
             events(last_ + 1, opening.first_sequence - 1) + " are missing before this segment");
        last_ = opening.first_sequence - 1;
        explained_ = true;
    } else if (opening.first_sequence < last_ + 1) {
        find(Fault::moved, opening.first_sequence, last_, place, "the segment does not belong here");
        explained_ = true;
    }
    gap_explained_ = false;
    if (std::ranges::find(report_.seal_keys, opening.seal_key) == report_.seal_keys.end())
        report_.seal_keys.push_back(opening.seal_key);
    opening_ = opening;
    return {};
}

Status ChainChecker::take_validator(const Place& place, const Opening& opening) {
    const auto& epochs = expected_.epochs;
    if (epochs.empty()) return {};
    const auto is_member = [&](const ledger::KnownEpoch& epoch) {
        return std::ranges::any_of(epoch.validators.members, [&](const ledger::Validator& one) {
            return one.name == opening.node && one.organisation == opening.organisation;
        });
    };
    const auto last = std::find_if(epochs.rbegin(), epochs.rend(), is_member);
    if (last == epochs.rend())
        return fail(error::AuditForeign, place.text() + ": " + opening.node + " of " + opening.organisation +
                                             " is no validator of epochs 0 to " +
                                             std::to_string(epochs.back().validators.epoch.value));
    member_until_ = last == epochs.rbegin() ? std::nullopt : std::optional{std::prev(last)->start};
    return {};
}

/// The first key is taken as it is, unless something is expected of it; every other one must have been introduced.
Status ChainChecker::take_seal_key(const Place& place, const Opening& opening) {
    const auto& key = opening.seal_key;
    const bool is_first = !opening_ || opening_->node.empty();
    const bool is_led_to = ledger::leads_to(opening.successions, key);
    const auto& origin = is_led_to ? opening.successions.front().before : key;
    const bool is_introduced = !is_first && (key == opening_->seal_key || (is_led_to && origin == opening_->seal_key));
    bool is_on_chain = false;
    if (expected_.anchors && !expected_.anchors->seal_keys.empty()) {
        const auto& keys = expected_.anchors->seal_keys;
        // Of a log whose beginning was dropped by age, the key that introduced the first one will do.
        const auto has = [&](const auto& wanted) { return std::ranges::find(keys, wanted) != keys.end(); };
        is_on_chain = has(key) || (is_first && has(origin));
        if (is_first && !is_on_chain)
            return fail(error::AuditForeign,
                        place.text() + ": sealed by " + to_hex(key) + ", a key that the chain does not know");
    }
    if (!is_first && !is_introduced && !is_on_chain && !expected_.own)
        return fail(error::AuditKeyUnannounced,
                    place.text() + ": sealed by " + to_hex(key) + ", before by " + to_hex(opening_->seal_key));
    // Another signer counts anew.
    if (!is_introduced) accounted_ = counted_ = std::nullopt;
    const auto introduces = [&](const auto& one) { return one.before == expected_.seal_key; };
    met_key_ =
        met_key_ || key == expected_.seal_key || (is_led_to && std::ranges::any_of(opening.successions, introduces));
    return {};
}

void ChainChecker::take_event(const Place& place, const Record& record, const Event& event) {
    ++report_.events;
    const auto sequence = event.sequence;
    bool explained = false;
    if (sequence > last_ + 1 && gap_explained_) {
        if (!report_.findings.empty()) report_.findings.back().last_event = sequence - 1;
        explained = true;
    } else if (sequence > last_ + 1) {
        for (auto gone = last_ + 1; gone < sequence && gone_.size() < kGoneMax; ++gone) gone_.insert(gone);
        find(Fault::deleted, last_ + 1, sequence - 1, place,
             events(last_ + 1, sequence - 1) + " missing before event " + std::to_string(sequence));
        explained = true;
    } else if (sequence <= last_) {
        // It was passed over before: so it was not deleted but moved.
        const bool passed_over = gone_.erase(sequence) != 0;
        const auto found = std::ranges::find_if(report_.findings, [&](const Finding& finding) {
            return finding.fault == Fault::deleted && finding.first_event == sequence && finding.last_event == sequence;
        });
        if (passed_over && found != report_.findings.end()) {
            report_.findings.erase(found);
            --report_.findings_total;
        }
        find(passed_over ? Fault::moved : Fault::doubled, sequence, sequence, place,
             "event " + std::to_string(sequence) + " stands behind event " + std::to_string(previous_event_) +
                 (passed_over ? "" : ", and was there before"));
        explained = true;
    } else if (!linked(record) && !explained_) {
        if (last_was_event_)
            find(Fault::edited, previous_event_, previous_event_, last_place_,
                 "event " + std::to_string(previous_event_) + " was changed after it was written");
        else
            find(Fault::edited, sequence, sequence, place,
                 "the record before event " + std::to_string(sequence) + " was changed, or a seal is missing there");
    }
    explained_ = explained;
    gap_explained_ = false;
    last_ = std::max(last_, sequence);
    previous_event_ = sequence;
    last_was_event_ = true;
    if (event.action == "audit.pruned") pruned_ = true;
    if (event.action == "key.used" || event.action == "key.counted") take_account(place, event);
}

void ChainChecker::take_account(const Place& place, const Event& event) {
    const auto uses = ledger::key_uses_from(event.reason);
    if (!uses) return; // of a version that did not count
    const auto number = std::to_string(event.sequence);
    unaccounted_seals_ = 0;
    if (event.action == "key.counted") {
        bool is_lost = false;
        for (std::size_t i = 0; i < ledger::kKeyUses; ++i) {
            const auto& before = static_cast<ledger::KeyUse>(i) == ledger::KeyUse::seal ? counted_ : accounted_;
            if (!before) continue;
            if (uses->counts[i] >= before->counts[i])
                report_.unaccounted.counts[i] += uses->counts[i] - before->counts[i];
            else
                is_lost = true;
        }
        if (is_lost) ++report_.counts_lost;
        accounted_ = counted_ = uses;
        return;
    }
    if (counted_) {
        if (const auto text = lacking(*uses, *counted_); !text.empty())
            find(Fault::hidden, event.sequence, event.sequence, place,
                 "event " + number +
                     " accounts for fewer uses of keys than the signer counted up to the seal before: " + text);
        else if (uses->counts != counted_->counts)
            find(Fault::forged, event.sequence, event.sequence, place,
                 "event " + number + " accounts for more uses of keys than the signer counted up to the seal before");
    }
    accounted_ = uses;
}

/// `seal` has been found to be the signer's.
void ChainChecker::take_uses(const Place& place, const Seal& seal) {
    if (!seal.uses) {
        if (counted_)
            find(Fault::hidden, last_, last_, place,
                 "the seal behind event " + std::to_string(last_) + " does not say how often keys were used");
        return;
    }
    const auto& uses = *seal.uses;
    const auto where = "the seal behind event " + std::to_string(last_);
    if (counted_) {
        const auto seals = counted_->of(ledger::KeyUse::seal) + 1;
        if (uses.of(ledger::KeyUse::seal) != seals)
            find(Fault::hidden, last_, last_, place,
                 where + " is number " + std::to_string(uses.of(ledger::KeyUse::seal)) + " of its key, not " +
                     std::to_string(seals));
        if (const auto text = lacking(uses, *counted_); !text.empty())
            find(Fault::forged, last_, last_, place, where + " counts fewer uses of keys than the one before: " + text);
    }
    if (++unaccounted_seals_ > kSealsPerAccount && accounted_) {
        find(Fault::hidden, last_, last_, place,
             where + " is the " + std::to_string(unaccounted_seals_) +
                 "th without an event that accounts for uses of keys");
        unaccounted_seals_ = 0;
    }
    counted_ = report_.uses = uses;
}

void ChainChecker::take_seal(const Place& place, const Record& record, const Seal& seal) {
    ++report_.seals;
    const bool is_linked = linked(record);
    if (!is_linked && !explained_) {
        if (last_was_event_)
            find(Fault::edited, previous_event_, previous_event_, last_place_,
                 "event " + std::to_string(previous_event_) + " was changed after it was written");
        else
            find(Fault::edited, last_, last_, last_place_, "the record before this seal was changed or is missing");
    }
    explained_ = false;
    last_was_event_ = false;
    if (seal.sequence > last_ && gap_explained_) {
        if (!report_.findings.empty()) report_.findings.back().last_event = seal.sequence;
        last_ = seal.sequence;
    } else if (seal.sequence > last_) {
        find(Fault::deleted, last_ + 1, seal.sequence, place,
             events(last_ + 1, seal.sequence) + " missing before the seal that covers them");
        last_ = seal.sequence;
    }
    gap_explained_ = false;
    const bool is_signed =
        opening_->node.empty() ||
        crypto::verify(opening_->seal_key, signed_bytes(statement_of(seal, *opening_)), seal.signature);
    const bool fits = seal.head == head_ && seal.sequence == last_;
    if (!is_signed)
        find(Fault::forged, sealed_ + 1, std::max(last_, sealed_ + 1), place,
             "the seal behind event " + std::to_string(last_) + " is not signed by the seal key");
    else if (!fits && findings_at_seal_ == report_.findings_total)
        // The links were made to fit again, but the seal could not be.
        find(Fault::edited, sealed_ + 1, std::max(last_, sealed_ + 1), place,
             events(sealed_ + 1, std::max(last_, sealed_ + 1)) + ": not what was sealed");
    if (is_signed && findings_at_seal_ == report_.findings_total)
        take_uses(place, seal);
    else if (is_signed && seal.uses)
        counted_ = seal.uses; // what is missing has been reported
    if (is_signed && fits) {
        report_.last_seal = seal;
        if (anchored_.contains(seal.sequence)) seal_heads_.emplace(seal.sequence, seal.head);
    }
    if (is_signed && member_until_ && Height{seal.height} > *member_until_) {
        find(Fault::forged, sealed_ + 1, std::max(last_, sealed_ + 1), place,
             "the seal behind event " + std::to_string(last_) + " tells of block " + std::to_string(seal.height) +
                 ", but " + opening_->node + " was a validator up to block " + std::to_string(member_until_->value) +
                 " alone");
        member_until_ = std::nullopt; // once is enough
    }
    sealed_ = std::max(sealed_, seal.sequence);
    findings_at_seal_ = report_.findings_total;
}

void ChainChecker::damaged(const Place& place, std::uint64_t bytes, bool at_end) {
    if (at_end)
        find(Fault::truncated, last_ + 1, last_ + 1, place,
             "the log ends in the middle of a record behind event " + std::to_string(last_));
    else
        find(Fault::damaged, last_ + 1, last_ + 1, place,
             std::to_string(bytes) + " bytes behind event " + std::to_string(last_) + " are no record");
    explained_ = gap_explained_ = !at_end;
}

void ChainChecker::missing_file(const std::string& file) {
    find(Fault::deleted, last_ + 1, last_ + 1, {file, 0}, "the file is missing, behind event " + std::to_string(last_));
    explained_ = gap_explained_ = true;
}

Report ChainChecker::finish() {
    report_.last_event = last_;
    report_.unsealed_events = last_ > sealed_ ? last_ - sealed_ : 0;
    if (report_.unsealed_events != 0 && !expected_.live)
        find(Fault::unsealed, sealed_ + 1, last_, last_place_,
             events(sealed_ + 1, last_) +
                 " have no seal behind them: the end was cut off, or the node is running or was "
                 "killed");
    if (report_.first_event > 1 && !pruned_)
        find(Fault::deleted, 1, report_.first_event - 1, last_place_,
             events(1, report_.first_event - 1) + " are missing, and no event says that they were dropped by age");
    if (expected_.anchors) {
        for (const auto& anchor : expected_.anchors->anchors) {
            if (anchor.sequence < report_.first_event) continue;
            report_.last_anchored = std::max(report_.last_anchored, anchor.sequence);
            if (anchor.sequence > last_) {
                find(Fault::truncated, last_ + 1, anchor.sequence, last_place_,
                     events(last_ + 1, anchor.sequence) + " are missing at the end: block " +
                         std::to_string(anchor.height) + " has their anchor");
                continue;
            }
            if (seal_heads_.contains({anchor.sequence, anchor.head}))
                ++report_.anchors_met;
            else
                find(Fault::forged, 1, anchor.sequence, last_place_,
                     "the log up to event " + std::to_string(anchor.sequence) + " is not the one that block " +
                         std::to_string(anchor.height) + " anchors");
        }
    }
    return report_;
}

Result<Report> verify_log(storage::FileSystem& files, const std::string& path, const Expectation& expected,
                          const std::function<void(const Event&)>& visit) {
    return verify_log([&](const SourceVisitor& visitor) { return read_log(files, path, visitor); }, expected, visit);
}

Result<Report> verify_log(const Reader& reader, const Expectation& expected,
                          const std::function<void(const Event&)>& visit) {
    ChainChecker checker{expected};
    Status status;
    CRN_CHECK(reader({.on_record =
                          [&](const Place& place, BytesView record) {
                              auto taken = checker.take(place, record);
                              if (!taken) {
                                  status = std::unexpected(taken.error());
                                  return false;
                              }
                              if (*taken && visit) visit(**taken);
                              return true;
                          },
                      .on_damage = [&](const Place& place, std::uint64_t bytes,
                                       bool at_end) { checker.damaged(place, bytes, at_end); },
                      .on_missing = [&](const std::string& file) { checker.missing_file(file); }}));
    CRN_CHECK(status);
    if (expected.seal_key && !checker.met_expected_key())
        return fail(error::AuditForeign, "not sealed by " + to_hex(*expected.seal_key));
    return checker.finish();
}

} // namespace cairn::audit
