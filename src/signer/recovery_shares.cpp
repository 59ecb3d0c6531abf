#include "signer/recovery_shares.hpp"

#include "base/errors/crypto.hpp"
#include "base/errors/storage.hpp"

#include <charconv>
#include <set>
#include <sodium.h>

namespace cairn::signer {
namespace {

constexpr std::string_view kTitle = "cairn recovery share 2\n";

std::uint8_t multiply(std::uint8_t a, std::uint8_t b) {
    unsigned left = a;
    unsigned out = 0;
    for (int bit = 0; bit < 8; ++bit) {
        out ^= left & (0u - ((static_cast<unsigned>(b) >> bit) & 1u));
        left = (left << 1) ^ (0x11bu & (0u - (left >> 7)));
    }
    return static_cast<std::uint8_t>(out);
}

/// a^254: the inverse of everything but zero.
std::uint8_t inverse(std::uint8_t a) {
    std::uint8_t out = 1;
    for (int bit = 7; bit >= 0; --bit) {
        out = multiply(out, out);
        if (((254 >> bit) & 1) != 0) out = multiply(out, a);
    }
    return out;
}

std::unexpected<Error> damaged(const std::string& what) { return fail(error::ShareDamaged, what); }

std::optional<std::string_view> take_line(std::string_view& text, std::string_view name) {
    if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": ")) return std::nullopt;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto value = text.substr(name.size() + 2, end - name.size() - 2);
    text.remove_prefix(end + 1);
    return value;
}

std::optional<std::uint8_t> take_number(std::string_view& text) {
    std::uint8_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || text.starts_with('0')) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return out;
}

bool take(std::string_view& text, std::string_view word) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    return true;
}

bool is_officer_name(std::string_view name) {
    return !name.empty() && name.size() <= kOfficerBytesMax &&
           std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

std::string clear_lines(const ShareLabel& label) {
    return std::string{kTitle} + "ceremony: " + to_hex_digits(label.ceremony) +
           "\nshare: " + std::to_string(label.index) + " of " + std::to_string(label.count) + ", threshold " +
           std::to_string(label.threshold) + "\nofficer: " + label.officer + "\ncheck: " + to_hex_digits(label.check) +
           "\n";
}

struct ParsedShare {
    ShareLabel label;
    Bytes sealed;
};

Result<ParsedShare> parse_share(std::string_view text) {
    if (text.size() > kShareFileBytesMax || !text.starts_with(kTitle)) return damaged("it is not a share file");
    const auto whole = text;
    text.remove_prefix(kTitle.size());
    ParsedShare out;
    const auto ceremony = take_line(text, "ceremony");
    auto numbers = take_line(text, "share");
    const auto officer = take_line(text, "officer");
    const auto check = take_line(text, "check");
    const auto clear_bytes = whole.size() - text.size();
    const auto sealed = take_line(text, "sealed");
    if (!ceremony || !numbers || !officer || !check || !sealed || !text.empty())
        return damaged("a line is missing or one too many");
    const auto id = fixed_from_hex<CeremonyId>("0x" + std::string{*ceremony});
    const auto check_value = fixed_from_hex<crypto::KeyCheck>("0x" + std::string{*check});
    auto sealed_bytes = from_hex("0x" + std::string{*sealed});
    const auto index = take_number(*numbers);
    const bool of = take(*numbers, " of ");
    const auto count = take_number(*numbers);
    const bool threshold_word = take(*numbers, ", threshold ");
    const auto threshold = take_number(*numbers);
    if (!id || !check_value || !sealed_bytes || !index || !of || !count || !threshold_word || !threshold ||
        !numbers->empty() || !is_officer_name(*officer) || *count > kSharesMax || *index < 1 || *index > *count ||
        *threshold < 2 || *threshold > *count)
        return damaged("a line is not of its form");
    out.label = {*id, *index, *count, *threshold, std::string{*officer}, *check_value};
    out.sealed = std::move(*sealed_bytes);
    // One spelling only, so that what is authenticated is what was read.
    if (clear_lines(out.label) != whole.substr(0, clear_bytes)) return damaged("a line is not of its form");
    return out;
}

std::unexpected<Error> no_memory() { return fail(error::KeyInvalid, "no memory that can be locked"); }

} // namespace

crypto::KeyCheck check_value(const Secrets& secrets) {
    constexpr std::string_view kUse = "cairn-recovery-check-v1";
    std::array<std::uint8_t, crypto::SecretKey::kBytes> digest{};
    ::crypto_generichash(digest.data(), digest.size(), secrets.stored().data(), secrets.stored().size(),
                         as_bytes(kUse).data(), kUse.size());
    const auto out = crypto::SecretKey::from(digest)->check_value();
    crypto::wipe(digest);
    return out;
}

Result<std::vector<Share>> split_secrets(const Secrets& secrets, std::uint8_t threshold,
                                         const std::vector<std::string>& officers, Random& random) {
    if (officers.size() > kSharesMax || threshold < 2 || threshold > officers.size())
        return fail(error::ShareTooFew, "a ceremony needs 2 to " + std::to_string(kSharesMax) +
                                            " officers and a threshold from 2 to their number");
    for (const auto& officer : officers)
        if (!is_officer_name(officer)) return damaged("an officer's name is empty, too long, or not printable");
    CeremonyId ceremony;
    random.fill(ceremony.bytes);
    // Row j: the coefficients of x^j for all bytes, in one piece of memory; row 0 is the secret.
    const auto secret = secrets.stored();
    LockedBytes rows(threshold * secret.size());
    if (rows.empty()) return no_memory();
    std::ranges::copy(secret, rows.bytes().begin());
    random.fill(rows.bytes().subspan(secret.size()));
    const auto check = check_value(secrets);
    std::vector<Share> out;
    for (std::size_t i = 0; i < officers.size(); ++i) {
        const auto x = static_cast<std::uint8_t>(i + 1);
        LockedBytes value(secret.size());
        if (value.empty()) return no_memory();
        const auto bytes = value.bytes();
        for (std::size_t j = threshold; j-- > 0;)
            for (std::size_t k = 0; k < secret.size(); ++k)
                bytes[k] = static_cast<std::uint8_t>(multiply(bytes[k], x) ^ rows.view()[j * secret.size() + k]);
        out.push_back({{ceremony, x, static_cast<std::uint8_t>(officers.size()), threshold, officers[i], check},
                       std::move(value)});
    }
    return out;
}

Result<Secrets> join_shares(const std::vector<Share>& shares) {
    if (shares.empty()) return fail(error::ShareTooFew, "no share was given");
    const auto& first = shares.front().label;
    std::vector<const Share*> used;
    std::set<std::uint8_t> seen;
    for (const auto& share : shares) {
        const auto& label = share.label;
        if (label.ceremony != first.ceremony || label.threshold != first.threshold || label.count != first.count ||
            label.check != first.check || share.value.view().size() != shares.front().value.view().size())
            return fail(error::ShareMixed,
                        "ceremonies " + to_hex_digits(first.ceremony) + " and " + to_hex_digits(label.ceremony));
        if (seen.insert(label.index).second) used.push_back(&share);
    }
    if (used.size() < first.threshold)
        return fail(error::ShareTooFew, std::to_string(used.size()) + " different shares, the threshold is " +
                                            std::to_string(first.threshold));
    used.resize(first.threshold);
    Secrets out;
    if (out.view().empty()) return no_memory();
    const auto secret = out.bytes().first(shares.front().value.view().size());
    for (const auto* share : used) {
        // Lagrange's basis at 0; in this field subtraction is addition.
        std::uint8_t basis = 1;
        for (const auto* other : used) {
            if (other == share) continue;
            const auto difference = static_cast<std::uint8_t>(other->label.index ^ share->label.index);
            basis = multiply(basis, multiply(other->label.index, inverse(difference)));
        }
        for (std::size_t k = 0; k < secret.size(); ++k)
            secret[k] = static_cast<std::uint8_t>(secret[k] ^ multiply(share->value.view()[k], basis));
    }
    if (check_value(out) != first.check) return damaged("the joined secrets do not have the check value of the shares");
    return out;
}

std::string write_share(const Share& share, std::string_view passphrase, const crypto::PassphraseCost& cost) {
    const auto clear = clear_lines(share.label);
    return clear + "sealed: " +
           to_hex_digits(crypto::seal_with_passphrase(share.value.view(), passphrase, as_bytes(clear), cost)) + "\n";
}

Result<ShareLabel> read_share_label(std::string_view text) {
    CRN_TRY(parsed, parse_share(text));
    return std::move(parsed.label);
}

Result<Share> open_share(std::string_view text, std::string_view passphrase) {
    CRN_TRY(parsed, parse_share(text));
    auto secret = crypto::open_with_passphrase(parsed.sealed, passphrase, as_bytes(clear_lines(parsed.label)));
    if (!secret) return damaged("share " + std::to_string(parsed.label.index) + " of " + parsed.label.officer);
    const bool fits = secret->size() >= Secrets::kBytesMin && secret->size() <= Secrets::kBytes;
    LockedBytes value(secret->size());
    if (fits && !value.empty()) std::ranges::copy(*secret, value.bytes().begin());
    crypto::wipe(*secret);
    if (!fits) return damaged("share " + std::to_string(parsed.label.index) + " has a wrong length");
    if (value.empty()) return no_memory();
    return Share{std::move(parsed.label), std::move(value)};
}

} // namespace cairn::signer
