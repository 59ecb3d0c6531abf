#include "network/renewal.hpp"

#include "base/log.hpp"

#include <utility>

#include <sys/stat.h>

namespace cairn::network {

Status Renewal::open() {
    mark_ = mark_of_file();
    checked_ = system_clock().monotonic();
    CRN_TRY(tls, TlsContext::open(config_, seating_, trust_));
    CRN_CHECK(tls->check_seat(seating_));
    take_into_use(std::move(tls));
    return {};
}

void Renewal::take_into_use(std::shared_ptr<TlsContext> tls) {
    tls_ = std::move(tls);
    const std::lock_guard lock(mutex_);
    own_ = {tls_->validity().not_before, tls_->validity().not_after, tls_->fingerprint()};
}

OwnCertificate Renewal::certificate() const {
    const std::lock_guard lock(mutex_);
    return own_;
}

/// Changes whenever the file is written or replaced; its key stays with the signer.
std::string Renewal::mark_of_file() const {
    struct stat info{};
    if (::stat(config_.certificate_file.c_str(), &info) != 0) return {};
    std::string out;
    for (const auto number :
         {static_cast<std::int64_t>(info.st_ino), static_cast<std::int64_t>(info.st_size),
          static_cast<std::int64_t>(info.st_mtim.tv_sec), static_cast<std::int64_t>(info.st_mtim.tv_nsec)})
        out += std::to_string(number) + " ";
    return out;
}

void Renewal::check(Microseconds time, bool is_cut_off) {
    if (time - checked_ < config_.tuning.renewal_check) return;
    checked_ = time;
    if (is_cut_off && !was_cut_off_) try_again();
    was_cut_off_ = is_cut_off;
    auto mark = mark_of_file();
    if (mark.empty()) return;
    const bool changed = mark != mark_;
    if (!changed && (refusal_.empty() || time < retry_)) return;
    mark_ = std::move(mark);
    retry_ = time + config_.tuning.renewal_retry;
    const auto before = std::exchange(refusal_, {});
    auto renewed = TlsContext::open(config_, seating_, trust_);
    if (renewed)
        if (auto judged = (*renewed)->check_own(seating_);
            !judged && !(is_cut_off && (*renewed)->check_by_own_ca(seating_)))
            renewed = std::unexpected(std::move(judged).error());
    if (!renewed) {
        refusal_ = renewed.error().text();
        if (!changed && refusal_ == before) return;
        events_.count(&NetworkCounters::renewals_refused);
        log(LogLevel::warning, "network", "changed certificate refused, the old one stays in use",
            {{"error", refusal_}});
        return;
    }
    if ((*renewed)->fingerprint() == tls_->fingerprint()) return;
    take_into_use(*std::move(renewed));
    events_.count(&NetworkCounters::renewals);
    log(LogLevel::info, "network", "certificate renewed",
        {{"fingerprint", to_hex(tls_->fingerprint())}, {"not_after", std::to_string(tls_->validity().not_after)}});
}

} // namespace cairn::network
