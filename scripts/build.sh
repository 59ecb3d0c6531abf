#!/usr/bin/env bash
# Builds one preset: scripts/build.sh [release|debug|asan|tsan|fuzz] [target...]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
shift || true
scripts/packages.sh "$([[ $preset == fuzz || $preset == tsan ]] && echo --test || true)"
[[ build/$preset/build.ninja -nt CMakePresets.json ]] || cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset" ${1:+--target "$@"}
