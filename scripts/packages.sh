#!/usr/bin/env bash
# Installs what the build, the tests and the tour need from Debian; does nothing if all of it is there.
set -euo pipefail

packages=(
    build-essential cmake ninja-build ccache pkg-config
    libssl-dev libsecp256k1-dev libsodium-dev libseccomp-dev libp11-kit-dev libtss2-dev libgcrypt20-dev libgmp-dev librocksdb-dev libboost1.81-dev
    liboath-dev libsimdjson-dev nlohmann-json3-dev libcpp-httplib-dev libtomlplusplus-dev libfmt-dev libspdlog-dev
    libgtest-dev libgmock-dev libbenchmark-dev
    python3 zstd curl ca-certificates openssl
)
[[ "${1:-}" == "--test" ]] && packages+=(clang-19 libclang-rt-19-dev spin iproute2 oathtool nftables softhsm2 swtpm libtss2-tcti-swtpm0 tpm2-tools testssl.sh)
[[ "${1:-}" == "--lint" ]] && packages+=(clang-format-19 clang-tidy-19)
# A newer Node.js that is on the machine already serves as well as Debian's.
command -v npm >/dev/null || packages+=(nodejs npm)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

sudo=()
if [[ $(id -u) -ne 0 ]]; then
    command -v sudo >/dev/null || { echo "cairn: run as root, or install sudo; missing: ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
fi
echo "Installing from Debian: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
