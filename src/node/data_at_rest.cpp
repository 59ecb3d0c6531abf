#include "node/data_at_rest.hpp"

#include "base/clock.hpp"
#include "base/errors/storage.hpp"
#include "base/log.hpp"
#include "base/thread_name.hpp"

#include <array>
#include <filesystem>

namespace cairn::node {
namespace {

constexpr storage::KeyPurpose kPurpose = storage::KeyPurpose::storage;
constexpr const char* kKeys = "/keys";
/// What is not encrypted here: second factors, which are sealed by themselves; the signer's counter; the own batch, which encrypts
/// itself.
constexpr std::array<std::string_view, 4> kPlain{"management", "signer.witness", "consensus-own-batch",
                                                 "consensus-own-batch.new"};

/// A network whose validators are all on this machine.
bool is_development(const ledger::Genesis& genesis) {
    return std::ranges::all_of(genesis.validators.members, [](const auto& member) {
        return member.address.starts_with("127.") || member.address.starts_with("localhost:") ||
               member.address.starts_with("[::1]:");
    });
}

} // namespace

storage::CipherSuite cipher_of(const NodeConfig& config, const ledger::Genesis& genesis) {
    if (config.storage_cipher) return *config.storage_cipher;
    return genesis.parameters.suite == ledger::Suite::national ? storage::CipherSuite::sm4_gcm
                                                               : storage::CipherSuite::aes_256_gcm;
}

std::vector<std::string> DataAtRest::data_files() const {
    std::vector<std::string> out;
    const auto keys = std::filesystem::path(directory_ + kKeys).lexically_normal();
    std::error_code error;
    for (auto at = std::filesystem::recursive_directory_iterator(directory_, error);
         !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
        const auto name = at->path().filename().string();
        if (at.depth() == 0 &&
            (at->path().lexically_normal() == keys || std::ranges::find(kPlain, name) != kPlain.end())) {
            at.disable_recursion_pending();
            continue;
        }
        std::error_code gone;
        if (at->is_regular_file(gone) && !at->is_symlink(gone) && at->file_size(gone) != 0 && !gone)
            out.push_back(at->path().string());
    }
    return out;
}

Result<std::unique_ptr<DataAtRest>> DataAtRest::open(const NodeConfig& config, const ledger::Genesis& genesis,
                                                     std::shared_ptr<storage::KeyVault> vault) {
    std::error_code ignored;
    std::filesystem::create_directories(config.data_dir, ignored);
    std::unique_ptr<DataAtRest> out{new DataAtRest(config.data_dir)};
    if (!config.encryption_off_for_measuring) {
        out->vault_ = std::move(vault);
        CRN_CHECK(out->open_keys(cipher_of(config, genesis)));
        return out;
    }
    if (!is_development(genesis))
        return fail(error::EncryptionOffRefused, "this network has validators on other machines");
    if (std::filesystem::exists(config.data_dir + kKeys))
        return fail(error::EncryptionOffRefused, config.data_dir + " is encrypted");
    log(LogLevel::warning, "storage", "encryption at rest is off, for measuring only");
    return out;
}

Status DataAtRest::open_keys(storage::CipherSuite suite) {
    auto& disk = storage::posix_file_system();
    const auto keys = directory_ + kKeys;
    CRN_CHECK(disk.make_directory(keys));
    CRN_TRY(lock, disk.lock_directory(keys));
    lock_ = std::move(lock);
    const auto paths = data_files();
    const bool is_new = paths.empty();
    using IfAbsent = storage::KeyRegistry::IfAbsent;
    CRN_TRY(registry, storage::KeyRegistry::open(disk, keys, *vault_, is_new ? IfAbsent::create : IfAbsent::refuse));
    registry_ = std::move(registry);
    files_ = std::make_unique<storage::CipherFileSystem>(disk, *registry_, suite);
    return files_->take_inventory(paths);
}

DataAtRest::~DataAtRest() {
    worker_.request_stop();
    if (worker_.joinable()) worker_.join();
}

storage::FileSystem& DataAtRest::files() {
    return files_ ? static_cast<storage::FileSystem&>(*files_) : storage::posix_file_system();
}

Status DataAtRest::must_be_encrypted() const {
    if (files_) return {};
    return fail(error::EncryptionOffRefused, "this node runs without encryption; there are no keys to change");
}

std::uint64_t DataAtRest::files_left() const {
    const auto current = registry_->current_version();
    std::uint64_t out = 0;
    for (const auto& [version, files] : registry_->counts().made_under)
        if (current && version < *current) out += files;
    return out + (current ? files_->files_of_other_suites(*current) : 0);
}

KeyStatus DataAtRest::status() const {
    KeyStatus out;
    out.encrypted = files_ != nullptr;
    if (!out.encrypted) return out;
    out.suite = files_->suite();
    if (auto versions = vault_->versions(kPurpose)) out.versions = std::move(*versions);
    out.counts = registry_->counts();
    out.registry_hash = registry_->hash();
    const std::lock_guard guard(progress_mutex_);
    out.reencryption = progress_;
    out.reencryption.files_left = files_left();
    return out;
}

Result<storage::KeyVersion> DataAtRest::rotate() {
    CRN_CHECK(must_be_encrypted());
    const std::lock_guard guard(change_mutex_);
    CRN_TRY(version, vault_->make_version(kPurpose));
    ++rotations_;
    CRN_CHECK(registry_->follow_rotation());
    log(LogLevel::info, "storage", "rotated the storage key", {{"version", std::to_string(version.value)}});
    return version;
}

Status DataAtRest::rewrap() {
    CRN_CHECK(must_be_encrypted());
    const std::lock_guard guard(change_mutex_);
    return registry_->rewrap();
}

Status DataAtRest::reencrypt(std::uint64_t bytes_per_second_max) {
    CRN_CHECK(must_be_encrypted());
    const std::lock_guard guard(change_mutex_);
    {
        const std::lock_guard progress(progress_mutex_);
        if (progress_.running) return {};
        progress_ = {.running = true};
    }
    worker_ = std::jthread(
        [this, bytes_per_second_max](std::stop_token stop) { reencrypt_all(std::move(stop), bytes_per_second_max); });
    return {};
}

void DataAtRest::reencrypt_all(std::stop_token stop, std::uint64_t bytes_per_second_max) {
    name_thread("reencryption");
    const auto started = system_clock().monotonic();
    const auto pause = [&](std::size_t bytes) {
        std::uint64_t done = 0;
        {
            const std::lock_guard guard(progress_mutex_);
            done = progress_.bytes_done += bytes;
        }
        const auto due = started + Microseconds{done * 1'000'000 / std::max<std::uint64_t>(bytes_per_second_max, 1)};
        std::unique_lock lock(pause_mutex_);
        while (!stop.stop_requested() && system_clock().monotonic() < due)
            pause_.wait_for(lock, stop, due - system_clock().monotonic(), [] { return false; });
        return !stop.stop_requested();
    };
    std::optional<Error> failed;
    // Files come and go meanwhile; new ones are under the new version, so every round has fewer to do.
    for (int round = 0; round < 100 && !failed && !stop.stop_requested() && files_left() != 0; ++round)
        for (const auto& path : data_files()) {
            if (stop.stop_requested()) break;
            if (path.ends_with(".rekey")) continue;
            const auto moved = files_->reencrypt(path, pause);
            if (!moved) {
                failed = moved.error();
                break;
            }
            const std::lock_guard guard(progress_mutex_);
            if (*moved) ++progress_.files_done;
        }
    if (failed && !stop.stop_requested()) log(LogLevel::error, "storage", failed->text());
    const std::lock_guard guard(progress_mutex_);
    progress_.running = false;
    progress_.failed = std::move(failed);
}

Result<RetirementProof> DataAtRest::retire(storage::KeyVersion version) {
    CRN_CHECK(must_be_encrypted());
    const std::lock_guard guard(change_mutex_);
    // What was released since is gone from the disk as well when the key is.
    CRN_CHECK(registry_->save());
    const auto counts = registry_->counts();
    const auto of = [&](const auto& map) {
        const auto found = map.find(version);
        return found == map.end() ? std::size_t{0} : found->second;
    };
    if (of(counts.made_under) != 0 || of(counts.wrapped_by) != 0)
        return fail(error::KeyStillUsed, std::to_string(of(counts.made_under)) +
                                             " files have keys made under version " + std::to_string(version.value) +
                                             ", " + std::to_string(of(counts.wrapped_by)) + " are wrapped by it");
    CRN_TRY(before, vault_->versions(kPurpose));
    const auto state = std::ranges::find(before, version, &storage::KeyVersionInfo::version);
    // Interrupted between the two, it goes on with the second.
    if (state == before.end() || state->state != storage::KeyState::retired)
        CRN_CHECK(vault_->retire(kPurpose, version));
    CRN_CHECK(vault_->destroy(kPurpose, version));
    CRN_TRY(versions, vault_->versions(kPurpose));
    RetirementProof proof{.retired = version, .files = counts.files, .registry_hash = registry_->hash()};
    for (const auto& info : versions) {
        if (info.version == version) proof.retired_check = info.check;
        if (info.state != storage::KeyState::current) continue;
        proof.current = info.version;
        proof.current_check = info.check;
    }
    log(LogLevel::info, "storage", "destroyed a storage key", {{"version", std::to_string(version.value)}});
    return proof;
}

} // namespace cairn::node
