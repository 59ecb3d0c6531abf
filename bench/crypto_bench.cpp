// Processor time of one signature check and of hashes, for the algorithms of both suites. Prints one line each.
#include "crypto/aead.hpp"
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "crypto/sm2.hpp"
#include "crypto/sm3.hpp"
#include "crypto/sm4.hpp"
#include "crypto/voting_key.hpp"

#include <cstdio>
#include <ctime>
#include <string>

namespace {

using namespace cairn;
using namespace cairn::crypto;

double cpu_us() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// Shortest of five runs, per call.
template <class Call>
double measure(int calls, const Call& call) {
    double best = 1e18;
    for (int run = 0; run < 5; ++run) {
        const double start = cpu_us();
        for (int i = 0; i < calls; ++i) call();
        best = std::min(best, (cpu_us() - start) / calls);
    }
    return best;
}

void print(const char* what, double us) { std::printf("%-34s %9.2f us\n", what, us); }

} // namespace

int main() {
    bool ok = true;
    const Bytes message(200, 0x42);
    const Bytes kilobyte(1024, 0x17);
    const Hash256 hash = keccak256(message);

    AccountKey account;
    account[31] = 7;
    const auto ecdsa = sign(hash, account).value();
    print("secp256k1 recover", measure(200, [&] { ok &= recover(hash, ecdsa).has_value(); }));

    const auto validator = ValidatorKey::from_seed(*ValidatorSeed::from(hash));
    const auto vote = validator.sign(message);
    print("Ed25519 sign", measure(200, [&] { ok &= validator.sign(message) == vote; }));
    print("Ed25519 verify", measure(200, [&] { ok &= verify(validator.public_key(), message, vote); }));

    Sm2Key key;
    key[31] = 7;
    const auto point = sm2_public_key(key).value();
    const auto sm2 = sm2_sign(key, message).value();
    print("SM2 sign (with its check)", measure(50, [&] { ok &= sm2_sign(key, message).has_value(); }));
    print("SM2 verify", measure(50, [&] { ok &= sm2_verify(point, message, sm2); }));
    const auto voter = VotingSecret::from(VotingAlgorithm::sm2, key).value();
    const auto sm2_vote = voter.sign(message).value();
    print("SM2 vote sign (with its check)", measure(50, [&] { ok &= voter.sign(message).has_value(); }));
    print("SM2 vote verify", measure(50, [&] { ok &= verify(voter.public_key(), message, sm2_vote); }));

    print("Keccak-256 of 1 KiB", measure(2'000, [&] { ok &= !keccak256(kilobyte).is_zero(); }));
    print("SHA-256 of 1 KiB", measure(2'000, [&] { ok &= !sha256(kilobyte).is_zero(); }));
    print("SM3 of 1 KiB", measure(2'000, [&] { ok &= !sm3(kilobyte).is_zero(); }));

    // What data at rest costs, per frame of a table and of a log, setting the key included.
    const auto aes_key = *SecretKey::from(hash);
    const Sm4Key sm4_key{{7}};
    for (const std::size_t size : {4096uz, 65536uz}) {
        const Bytes plain(size, 1);
        Bytes text(size);
        Bytes sealed(size + kAeadTagBytes);
        const auto kib = std::to_string(size / 1024) + " KiB";
        const auto calls = static_cast<int>((16u << 20) / size);
        const double aes_seal = measure(calls, [&] { aead_seal(aes_key, {}, {}, plain, sealed); });
        const double aes_open = measure(calls, [&] { ok &= aead_open(aes_key, {}, {}, sealed, text); });
        ok &= text == plain;
        Sm4Tag tag;
        const double sm4_seal = measure(calls, [&] {
            text = plain;
            tag = sm4_gcm_seal(sm4_key, {}, {}, text);
        });
        const Bytes sm4_sealed = text;
        const double sm4_open = measure(calls, [&] {
            text = sm4_sealed;
            ok &= sm4_gcm_open(sm4_key, {}, {}, text, tag);
        });
        ok &= text == plain;
        print(("AES-256-GCM seal " + kib).c_str(), aes_seal);
        print(("AES-256-GCM open " + kib).c_str(), aes_open);
        print(("SM4-GCM seal " + kib).c_str(), sm4_seal);
        print(("SM4-GCM open " + kib).c_str(), sm4_open);
        const auto mib_per_second = [&](double us) { return static_cast<double>(size) / us * 1e6 / (1u << 20); };
        std::printf("%-34s %9.3f seal %9.3f open (%.0f to %.0f MiB/s sealed)\n",
                    ("throughput SM4 : AES, " + kib).c_str(), aes_seal / sm4_seal, aes_open / sm4_open,
                    mib_per_second(sm4_seal), mib_per_second(aes_seal));
    }
    if (!ok) std::fprintf(stderr, "crypto_bench: a result was wrong\n");
    return ok ? 0 : 1;
}
