// Processor time of one signature check and of hashes, for the algorithms of both suites. Prints one line each.
#include "crypto/ed25519.hpp"
#include "crypto/hash.hpp"
#include "crypto/secp256k1.hpp"
#include "crypto/sm2.hpp"
#include "crypto/sm3.hpp"
#include "crypto/sm4.hpp"

#include <cstdio>
#include <ctime>

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

    print("Keccak-256 of 1 KiB", measure(2'000, [&] { ok &= !keccak256(kilobyte).is_zero(); }));
    print("SHA-256 of 1 KiB", measure(2'000, [&] { ok &= !sha256(kilobyte).is_zero(); }));
    print("SM3 of 1 KiB", measure(2'000, [&] { ok &= !sm3(kilobyte).is_zero(); }));
    Bytes block(4096, 1);
    print("SM4-GCM of 4 KiB", measure(1'000, [&] { ok &= !sm4_gcm_seal({}, {}, {}, block).is_zero(); }));
    if (!ok) std::fprintf(stderr, "crypto_bench: a result was wrong\n");
    return ok ? 0 : 1;
}
